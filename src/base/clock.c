/* SPDX-License-Identifier: BSD-2-Clause */
/* The only reader of clocks: the host's TSC, its frequency, CLOCK_MONOTONIC, and conversions.
 * It knows nothing of a guest's TSC (src/devices/guest_tsc.c) and corrects no clock. */
#include "tickvm/clock.h"

#include <errno.h>
#include <stdatomic.h>
#include <time.h>
#include <x86intrin.h>

#define NSEC_PER_SEC 1000000000ULL

static _Atomic uint64_t tsc_hz;

uint64_t clock_tsc(void)
{
	/* Intel SDM vol. 2, RDTSC: one fence for the instructions before, one for those after. */
	_mm_lfence();
	uint64_t tsc = __rdtsc();
	_mm_lfence();
	return tsc;
}

static uint64_t clock_ns(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
}

uint64_t clock_monotonic_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

void clock_sleep_until_ns(uint64_t ns)
{
	struct timespec ts = {
		.tv_sec = (time_t)(ns / NSEC_PER_SEC), .tv_nsec = (long)(ns % NSEC_PER_SEC)};

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL) == EINTR)
		;
}

struct clock_pair clock_pair_read(void)
{
	struct clock_pair best = {.width = UINT64_MAX};

	for (int i = 0; i < 8; i++) {
		uint64_t before = clock_tsc();
		uint64_t raw = clock_ns(CLOCK_MONOTONIC_RAW);
		uint64_t width = clock_tsc() - before;

		if (width < best.width)
			best = (struct clock_pair){before + width / 2, raw, width};
	}
	return best;
}

static uint64_t measure_tsc_hz(void)
{
	struct clock_pair begin = clock_pair_read();

	clock_sleep_until_ns(clock_monotonic_ns() + 20000000);
	struct clock_pair end = clock_pair_read();
	return mul_div_u64(end.tsc - begin.tsc, NSEC_PER_SEC, end.raw_ns - begin.raw_ns);
}

uint64_t clock_tsc_hz(void)
{
	uint64_t hz = atomic_load_explicit(&tsc_hz, memory_order_relaxed);

	if (hz == 0) {
		uint64_t measured = measure_tsc_hz();

		/* Whoever was first wins, so that every caller sees one frequency. */
		if (atomic_compare_exchange_strong(&tsc_hz, &hz, measured))
			hz = measured;
	}
	return hz;
}

void clock_set_tsc_hz(uint64_t hz)
{
	atomic_store_explicit(&tsc_hz, hz, memory_order_relaxed);
}

uint64_t clock_ticks_to_ns(uint64_t ticks)
{
	return mul_div_u64(ticks, NSEC_PER_SEC, clock_tsc_hz());
}

uint64_t clock_ns_to_ticks(uint64_t ns)
{
	return mul_div_u64(ns, clock_tsc_hz(), NSEC_PER_SEC);
}

double clock_ticks_to_ns_f(int64_t ticks)
{
	return (double)ticks * 1e9 / (double)clock_tsc_hz();
}

nsec_t vm_clock_now(const struct vm_clock *clock)
{
	return vm_clock_from_tsc(clock, clock_tsc());
}

nsec_t vm_clock_from_tsc(const struct vm_clock *clock, uint64_t tsc)
{
	return tsc < clock->origin_tsc
		       ? 0
		       : mul_div_u64(tsc - clock->origin_tsc, NSEC_PER_SEC, clock->hz);
}

/* The first TSC value at which vm_clock_now() has reached t: who waits for it is never early. */
uint64_t vm_clock_to_tsc(const struct vm_clock *clock, nsec_t t)
{
	uint64_t ticks = mul_div_u64(t, clock->hz, NSEC_PER_SEC);

	if (ticks >= UINT64_MAX - clock->origin_tsc - 1)
		return UINT64_MAX;
	/* Rounding up without a wider type: does the floor fall short? */
	if (mul_div_u64(ticks, NSEC_PER_SEC, clock->hz) < t)
		ticks++;
	return clock->origin_tsc + ticks;
}
