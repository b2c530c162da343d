/* SPDX-License-Identifier: BSD-2-Clause */
/* The real-time budget on simulated time: it must never let a kernel period be overdrawn, by one
 * thread or by several that share a CPU. Not tested here: what threads do with it. */
#include "../../src/vmm/rt_duty.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#define MS 1000000ULL

/* One thread, from before: that time it slept, or ran. */
static void spend(struct rt_duty *duty, nsec_t before, nsec_t now, bool asleep)
{
	if (asleep) {
		rt_duty_sleep(duty, before);
		rt_duty_wake(duty, now);
	} else {
		rt_duty_account(duty, now);
	}
}

static void begin(struct rt_duty *duty, uint64_t runtime_ns, uint64_t period_ns)
{
	rt_duty_init(duty, runtime_ns, period_ns, 0);
	rt_duty_wake(duty, 0);
}

Test(rt_duty, no_limit_is_always_full)
{
	struct rt_duty duty;

	begin(&duty, 1000 * MS, 1000 * MS);
	rt_duty_account(&duty, 3600000 * MS);
	cr_assert_eq(rt_duty_room(&duty), RT_ROOM_FULL);
}

Test(rt_duty, constant_spinning_ends_before_the_kernel_ends_it)
{
	struct rt_duty duty;
	nsec_t now = 0, half = 0;

	begin(&duty, 950 * MS, 1000 * MS);
	while (rt_duty_room(&duty) != RT_ROOM_NONE) {
		now += MS;
		rt_duty_account(&duty, now);
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

	begin(&duty, 950 * MS, 1000 * MS);
	for (unsigned i = 0; i < 100000; i++) {
		spend(&duty, now, now + 50000, false);
		spend(&duty, now + 50000, now + 100000, true);
		now += 100000;
		cr_assert_eq(rt_duty_room(&duty), RT_ROOM_FULL);
	}
}

Test(rt_duty, short_sleeps_are_not_credited)
{
	struct rt_duty duty;
	nsec_t now = 0;

	begin(&duty, 950 * MS, 1000 * MS);
	for (unsigned i = 0; i < 1000000 && rt_duty_room(&duty) != RT_ROOM_NONE; i++) {
		spend(&duty, now, now + 5000, i % 2);
		now += 5000;
	}
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
	begin(&duty, 950 * MS, 1000 * MS);
	for (unsigned slot = 0; slot < SLOTS; slot++) {
		/* Quiet stretches fill the bucket, so that bursts begin anywhere. */
		bool wants = slot / 3000 % 2 || rand() % 8;

		busy[slot] = wants && rt_duty_room(&duty) != RT_ROOM_NONE;
		spend(&duty, now, now + 100000, !busy[slot]);
		now += 100000;
	}
	unsigned in_period = 0;
	for (unsigned slot = 0; slot < SLOTS; slot++) {
		in_period += busy[slot];
		if (slot >= PERIOD_SLOTS)
			in_period -= busy[slot - PERIOD_SLOTS];
		cr_assert_leq(in_period, 9500);
	}
}

/* Four threads on one CPU, each with a third of the time in a turn of its own: together they would
 * take all of it and have to rest, though no one would by itself. */
Test(rt_duty, threads_that_share_a_cpu_share_the_budget)
{
	enum { THREADS = 4, SLOTS = 100000 };
	struct rt_duty together, alone;
	nsec_t now = 0;
	unsigned busy = 0;

	rt_duty_init(&together, 950 * MS, 1000 * MS, 0);
	rt_duty_init(&alone, 950 * MS, 1000 * MS, 0);
	for (unsigned slot = 0; slot < SLOTS; slot++, now += 100000) {
		bool has_room = rt_duty_room(&together) != RT_ROOM_NONE;

		if (has_room) {
			rt_duty_wake(&together, now);
			busy++;
		} else {
			rt_duty_account(&together, now + 100000);
		}
		if (slot % THREADS == 0)
			rt_duty_wake(&alone, now);
		if (has_room)
			rt_duty_sleep(&together, now + 100000);
		if (slot % THREADS == 0)
			rt_duty_sleep(&alone, now + 100000);
		cr_assert_eq(rt_duty_room(&alone), RT_ROOM_FULL);
	}
	cr_expect_leq(busy, SLOTS * 83 / 100, "a competitor has the rest: %u", busy);
	cr_expect_geq(busy, SLOTS * 78 / 100, "and no more: %u", busy);
}

/* Time that two are awake in counts once: one of them waits for the CPU. */
Test(rt_duty, time_counts_once)
{
	struct rt_duty one, two;

	rt_duty_init(&one, 950 * MS, 1000 * MS, 0);
	rt_duty_init(&two, 950 * MS, 1000 * MS, 0);
	rt_duty_wake(&one, 0);
	rt_duty_wake(&two, 0);
	rt_duty_wake(&two, 10 * MS);
	rt_duty_account(&two, 15 * MS);
	rt_duty_account(&two, 12 * MS); /* has been charged */
	rt_duty_sleep(&two, 20 * MS);
	rt_duty_sleep(&two, 50 * MS);
	rt_duty_sleep(&one, 50 * MS);
	cr_expect_leq(llabs(one.level - two.level), 4, "but for rounding");
	rt_duty_account(&one, 100 * MS);
	rt_duty_account(&two, 100 * MS);
	cr_expect_leq(llabs(one.level - two.level), 4, "asleep as soon as the last one is");
}
