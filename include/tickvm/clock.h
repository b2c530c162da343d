/* SPDX-License-Identifier: BSD-2-Clause */
/* The only reader of clocks: the host's TSC (fenced), its frequency, and nanoseconds. */
#ifndef TICKVM_CLOCK_H
#define TICKVM_CLOCK_H

#include "tickvm/device.h"

/* Fenced reading of the host's TSC (LFENCE; RDTSC; LFENCE). */
uint64_t clock_tsc(void);
/* The host TSC's frequency, set once from KVM_GET_TSC_KHZ or, before that, measured against
 * CLOCK_MONOTONIC_RAW. */
uint64_t clock_tsc_hz(void);
void clock_set_tsc_hz(uint64_t hz);
/* Ticks to nanoseconds and back, for durations. */
uint64_t clock_ticks_to_ns(uint64_t ticks);
uint64_t clock_ns_to_ticks(uint64_t ns);
/* Signed, for lateness. */
double clock_ticks_to_ns_f(int64_t ticks);
/* CLOCK_MONOTONIC, nanoseconds. */
uint64_t clock_monotonic_ns(void);
/* Both at one moment: the tightest of a few readings of CLOCK_MONOTONIC_RAW between two of the TSC,
 * which lay width ticks apart. */
struct clock_pair {
	uint64_t tsc, raw_ns, width;
};
struct clock_pair clock_pair_read(void);
/* Sleeps until CLOCK_MONOTONIC reaches ns (absolute; interrupted sleeps go on). */
void clock_sleep_until_ns(uint64_t ns);

/* A VM's clock: nanoseconds since origin, exact to the TSC. */
struct vm_clock {
	uint64_t origin_tsc;
	uint64_t hz;
};
nsec_t vm_clock_now(const struct vm_clock *clock);
nsec_t vm_clock_from_tsc(const struct vm_clock *clock, uint64_t tsc);
uint64_t vm_clock_to_tsc(const struct vm_clock *clock, nsec_t t);

#endif
