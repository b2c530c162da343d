/* SPDX-License-Identifier: BSD-2-Clause */
/* The TSC's frequency as we measure it, against the kernel's clock. */
#include "tickvm/clock.h"

#include <criterion/criterion.h>

Test(tsc_frequency, a_second_is_one_by_both_clocks)
{
	uint64_t hz = clock_tsc_hz(); /* takes its time, so not within what is measured */
	uint64_t tsc = clock_tsc(), ns = clock_monotonic_ns();
	double ratio;

	clock_sleep_until_ns(ns + 1000000000);
	tsc = clock_tsc() - tsc;
	ns = clock_monotonic_ns() - ns;
	ratio = (double)tsc / (double)hz * 1e9 / (double)ns;
	cr_expect_float_eq(ratio, 1.0, 0.001, "ratio %f", ratio);
}
