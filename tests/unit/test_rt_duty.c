/* SPDX-License-Identifier: BSD-2-Clause */
/* The real-time budget on simulated time: it must never let a kernel period be overdrawn.
 * Not tested here: what the thread does with it. */
#include "../../src/vmm/rt_duty.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#define MS 1000000ULL

Test(rt_duty, no_limit_is_always_full)
{
	struct rt_duty duty;

	rt_duty_init(&duty, 1000 * MS, 1000 * MS, 0);
	rt_duty_account(&duty, 3600000 * MS, false);
	cr_assert_eq(rt_duty_room(&duty), RT_ROOM_FULL);
}

Test(rt_duty, constant_spinning_ends_before_the_kernel_ends_it)
{
	struct rt_duty duty;
	nsec_t now = 0, half = 0;

	rt_duty_init(&duty, 950 * MS, 1000 * MS, 0);
	while (rt_duty_room(&duty) != RT_ROOM_NONE) {
		now += MS;
		rt_duty_account(&duty, now, false);
		if (half == 0 && rt_duty_room(&duty) == RT_ROOM_HALF)
			half = now;
		cr_assert_lt(now, 950 * MS);
	}
	cr_assert_geq(half, 300 * MS, "4,500 events 50 us after each other fit without a cut");
	cr_assert_gt(now, half);
}

Test(rt_duty, half_duty_is_never_cut)
{
	struct rt_duty duty;
	nsec_t now = 0;

	rt_duty_init(&duty, 950 * MS, 1000 * MS, 0);
	for (unsigned i = 0; i < 100000; i++) {
		rt_duty_account(&duty, now += 50000, false);
		rt_duty_account(&duty, now += 50000, true);
		cr_assert_eq(rt_duty_room(&duty), RT_ROOM_FULL);
	}
}

Test(rt_duty, short_sleeps_are_not_credited)
{
	struct rt_duty duty;
	nsec_t now = 0;

	rt_duty_init(&duty, 950 * MS, 1000 * MS, 0);
	for (unsigned i = 0; i < 1000000 && rt_duty_room(&duty) != RT_ROOM_NONE; i++)
		rt_duty_account(&duty, now += 5000, i % 2);
	cr_assert_eq(rt_duty_room(&duty), RT_ROOM_NONE);
}

/* Whoever spins whenever there is room, and rests 100 us when there is none, stays below the limit
 * in every stretch of one period. */
Test(rt_duty, any_period_stays_below_the_runtime)
{
	enum { SLOTS = 20000, PERIOD_SLOTS = 10000 }; /* of 100 us: two periods */
	static bool busy[SLOTS];
	struct rt_duty duty;
	nsec_t now = 0;

	srand(3);
	rt_duty_init(&duty, 950 * MS, 1000 * MS, 0);
	for (unsigned slot = 0; slot < SLOTS; slot++) {
		/* Quiet stretches fill the bucket, so that bursts begin anywhere. */
		bool wants = slot / 3000 % 2 || rand() % 8;

		busy[slot] = wants && rt_duty_room(&duty) != RT_ROOM_NONE;
		rt_duty_account(&duty, now += 100000, !busy[slot]);
	}
	unsigned in_period = 0;
	for (unsigned slot = 0; slot < SLOTS; slot++) {
		in_period += busy[slot];
		if (slot >= PERIOD_SLOTS)
			in_period -= busy[slot - PERIOD_SLOTS];
		cr_assert_leq(in_period, 9500);
	}
}
