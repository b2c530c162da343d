/* SPDX-License-Identifier: BSD-2-Clause */
/* Conversions between nanoseconds of the VM's clock and guest TSC ticks.
 * Pure arithmetic: it never reads a TSC. */
#include "tickvm/device.h"

#define NSEC_PER_SEC 1000000000ULL

__extension__ typedef unsigned __int128 u128;

uint64_t mul_div_u64(uint64_t a, uint64_t b, uint64_t c)
{
	u128 quotient = (u128)a * b / c;

	return quotient > UINT64_MAX ? UINT64_MAX : (uint64_t)quotient;
}

uint64_t guest_tsc_at(const struct guest_tsc *tsc, nsec_t now)
{
	/* Modulo 2^64, as the counter itself. */
	return tsc->base + (uint64_t)((u128)now * tsc->hz / NSEC_PER_SEC);
}

nsec_t guest_tsc_to_nsec(const struct guest_tsc *tsc, uint64_t ticks)
{
	uint64_t ahead = ticks - tsc->base;

	/* base may be ahead of small tick values without a wrap: those are in the past. */
	if (ticks < tsc->base)
		return 0;
	u128 nsec = ((u128)ahead * NSEC_PER_SEC + tsc->hz - 1) / tsc->hz;
	return nsec > NSEC_NEVER ? NSEC_NEVER : (nsec_t)nsec;
}
