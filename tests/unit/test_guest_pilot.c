/* SPDX-License-Identifier: BSD-2-Clause */
/* How many iterations the payload makes a round of, by a clock that the test drives. Builds the
 * payload's own source hosted; runs no guest. */
#include "../../src/guest/pilot.c"

#include <criterion/criterion.h>

#define MIN 10
#define MAX 1000000

static uint64_t each, calls, disturbed; /* cycles an iteration; every disturbed-th call is long */

static uint64_t cycles(uint64_t n)
{
	uint64_t spent = 40 + each * n;

	return disturbed && ++calls % disturbed == 0 ? 1000 * spent : spent;
}

static uint64_t iterations(uint64_t goal)
{
	return pilot_iterations(MIN, MAX, goal, cycles);
}

static void setup(void)
{
	each = 100;
	calls = disturbed = 0;
}

TestSuite(guest_pilot, .init = setup);

Test(guest_pilot, a_round_takes_about_as_long_as_it_should)
{
	for (uint64_t goal = 10000; goal <= 100000000; goal *= 10) {
		uint64_t n = iterations(goal);

		cr_expect(100 * n <= goal && 100 * n > goal - goal / 20, "%ju of %ju", (uintmax_t)n,
			(uintmax_t)goal / 100);
	}
}

Test(guest_pilot, a_longer_round_has_more_iterations)
{
	uint64_t few = iterations(200000), many = iterations(20000000);

	cr_expect(many > 99 * few && many < 102 * few, "%ju and %ju", (uintmax_t)few,
		(uintmax_t)many);
}

Test(guest_pilot, stays_within_its_range)
{
	cr_expect_eq(iterations(100), MIN);
	cr_expect_eq(iterations(1), MIN);
	cr_expect_eq(iterations(1000000000000), MAX);
	each = 0;
	cr_expect_eq(iterations(1000), MAX, "as many as there may be take no time");
	cr_expect_eq(pilot_iterations(7, 7, 1000000, cycles), 7);
}

/* The host takes the CPU away in one of two attempts. */
Test(guest_pilot, a_disturbed_attempt_does_not_count)
{
	uint64_t n = iterations(5000000);

	disturbed = 2;
	cr_expect_eq(iterations(5000000), n);
}
