/* SPDX-License-Identifier: BSD-2-Clause */
/* Clock conversions at their edges. The measured frequency itself: tests/timing. */
#include "tickvm/clock.h"

#include <criterion/criterion.h>

Test(clock, durations_do_not_overflow)
{
	clock_set_tsc_hz(2596138000);
	cr_assert_eq(clock_ticks_to_ns(2596138000ULL * 86400 * 365), 1000000000ULL * 86400 * 365);
	cr_assert_eq(clock_ns_to_ticks(1000000000ULL * 86400 * 365), 2596138000ULL * 86400 * 365);
	cr_assert_float_eq(clock_ticks_to_ns_f(-2596138), -1e6, 1e-3);
}

Test(clock, target_is_the_first_tick_that_is_not_early)
{
	static const uint64_t hz[] = {1, 999999999, 1000000000, 1000000001, 2596138000, 5000000000};
	static const nsec_t times[] = {0, 1, 2, 999, 1000000007, 123456789012345};

	for (size_t i = 0; i < sizeof(hz) / sizeof(hz[0]); i++) {
		struct vm_clock clock = {.origin_tsc = 5000, .hz = hz[i]};

		for (size_t j = 0; j < sizeof(times) / sizeof(times[0]); j++) {
			uint64_t tsc = vm_clock_to_tsc(&clock, times[j]);

			cr_expect_geq(vm_clock_from_tsc(&clock, tsc), times[j]);
			cr_expect(times[j] == 0 || vm_clock_from_tsc(&clock, tsc - 1) < times[j]);
		}
	}
}

Test(clock, saturates)
{
	struct vm_clock clock = {.origin_tsc = 1000, .hz = 2596138000};

	cr_assert_eq(vm_clock_to_tsc(&clock, NSEC_NEVER), UINT64_MAX);
	cr_assert_eq(vm_clock_from_tsc(&clock, 999), 0);
}

Test(clock, frequency_is_measured_once)
{
	uint64_t hz = clock_tsc_hz();

	cr_assert_gt(hz, 0);
	cr_assert_eq(clock_tsc_hz(), hz);
}

Test(clock, sleep_is_not_early)
{
	uint64_t until = clock_monotonic_ns() + 1000000;

	clock_sleep_until_ns(until);
	cr_assert_geq(clock_monotonic_ns(), until);
}
