/* SPDX-License-Identifier: BSD-2-Clause */
/* Joining guest events with timer records, and the promise that stages sum to the lateness exactly.
 */
#include "../../src/bench/timer/timer_join.h"

#include <criterion/criterion.h>

#include <stdlib.h>

#define OFFSET 1000000 /* guest - host */

/* A record on the host's TSC, stamps given on the guest's. */
static struct timer_record record(const char *device, uint64_t armed, uint64_t deadline,
	uint64_t target, uint64_t wake, uint64_t injected)
{
	return (struct timer_record){.device = device,
		.armed = armed - OFFSET,
		.deadline = deadline - OFFSET,
		.target = target - OFFSET,
		.wake = wake - OFFSET,
		.injected = injected - OFFSET};
}

static struct timer_join make_join(const struct guest_timer_event *events, size_t n,
	const struct timer_record *records, size_t n_records)
{
	return (struct timer_join){.events = events,
		.n = n,
		.records = records,
		.n_records = n_records,
		.device = "pit",
		.tsc_offset = OFFSET};
}

static int64_t total(const int64_t sums[STAGES])
{
	int64_t sum = 0;

	for (unsigned s = 0; s < STAGES; s++)
		sum += sums[s];
	return sum;
}

Test(timer_join, one_event_in_stages)
{
	const struct guest_timer_event event = {2000000, 2010000, 2010100, 2010500};
	const struct timer_record r = record("pit", 2000050, 2010020, 2009990, 2009993, 2010013);
	struct timer_join join = make_join(&event, 1, &r, 1);
	struct joined_event joined;
	int64_t sums[STAGES] = {0};

	cr_assert_eq(timer_join(&join, &joined), 1);
	cr_assert(joined.has_record);
	cr_assert_eq(joined.armed, 2000050);
	timer_stages(&joined, TIMER_PATH_THREAD, sums);
	cr_assert_eq(sums[STAGE_PROGRAM], 20);
	cr_assert_eq(sums[STAGE_ADVANCE], -30);
	cr_assert_eq(sums[STAGE_WAKE], 3);
	cr_assert_eq(sums[STAGE_INJECT], 20);
	cr_assert_eq(sums[STAGE_DELIVER], 87);
	cr_assert_eq(total(sums), 100);
}

Test(timer_join, the_handler_may_begin_before_the_call_returns)
{
	const struct guest_timer_event event = {2000000, 2010000, 2010010, 2010500};
	const struct timer_record r = record("pit", 2000050, 2010000, 2010000, 2010002, 2010100);
	struct timer_join join = make_join(&event, 1, &r, 1);
	struct joined_event joined;
	int64_t sums[STAGES] = {0};

	timer_join(&join, &joined);
	timer_stages(&joined, TIMER_PATH_THREAD, sums);
	cr_assert_eq(sums[STAGE_INJECT], 8);
	cr_assert_eq(sums[STAGE_DELIVER], 0);
	cr_assert_eq(total(sums), 10);
}

Test(timer_join, warm_up_records_belong_to_no_event)
{
	const struct guest_timer_event event = {2000000, 2010000, 2010100, 2010500};
	const struct timer_record r[] = {
		record("pit", 1000000, 2009999, 1010000, 1010001,
			1010002), /* nearer, but before arm */
		record("pit", 2000050, 2010020, 2010020, 2010021, 2010022),
	};
	struct timer_join join = make_join(&event, 1, r, 2);
	struct joined_event joined;

	timer_join(&join, &joined);
	cr_assert_eq(joined.device_deadline, 2010020);
}

Test(timer_join, other_devices_do_not_count)
{
	const struct guest_timer_event event = {2000000, 2010000, 2010100, 2010500};
	const struct timer_record r = record("serial", 2000050, 2010000, 2010000, 2010001, 2010002);
	struct timer_join join = make_join(&event, 1, &r, 1);
	struct joined_event joined;
	int64_t sums[STAGES] = {0};

	cr_assert_eq(timer_join(&join, &joined), 0);
	timer_stages(&joined, TIMER_PATH_THREAD, sums);
	cr_assert_eq(sums[STAGE_UNATTRIBUTED], 100);
	cr_assert_eq(total(sums), 100);
}

Test(timer_join, of_merged_ticks_the_nearest_deadline_is_the_events)
{
	const struct guest_timer_event events[] = {
		{2000000, 2010000, 2010100, 2010500},
		{0, 2030000, 2031000, 2031500}, /* the tick of 2020000 was merged into it */
	};
	const struct timer_record r[] = {
		record("pit", 2000050, 2010000, 2010000, 2010001, 2010002),
		record("pit", 2000050, 2020000, 2020000, 2020001, 2020002),
		record("pit", 2000050, 2030000, 2030000, 2030001, 2030002),
	};
	struct timer_join join = make_join(events, 2, r, 3);
	struct joined_event joined[2];

	cr_assert_eq(timer_join(&join, joined), 2);
	cr_assert_eq(joined[0].device_deadline, 2010000);
	cr_assert_eq(joined[1].device_deadline, 2030000);
}

Test(timer_join, an_event_without_a_record_does_not_take_its_neighbours)
{
	const struct guest_timer_event events[] = {
		{2000000, 2010000, 2010100, 2010500},
		{2011000, 2012000, 2012100, 2012500}, /* the device fired at once, no thread */
		{2013000, 2020000, 2020100, 2020500},
	};
	const struct timer_record r[] = {
		record("pit", 2000050, 2010000, 2010000, 2010001, 2010002),
		record("pit", 2013050, 2020000, 2020000, 2020001, 2020002),
	};
	struct timer_join join = make_join(events, 3, r, 2);
	struct joined_event joined[3];

	cr_assert_eq(timer_join(&join, joined), 2);
	cr_assert(joined[0].has_record);
	cr_assert_not(joined[1].has_record);
	cr_assert(joined[2].has_record);
	cr_assert_eq(joined[2].armed, 2013050);
}

Test(timer_join, each_vcpu_has_its_own_records)
{
	const struct guest_timer_event event = {2000000, 2010000, 2010100, 2010500};
	struct timer_record r[2] = {record("pit", 2000050, 2010000, 2010000, 2010001, 2010002),
		record("pit", 2000060, 2010000, 2010000, 2010003, 2010004)};
	struct timer_join join = make_join(&event, 1, r, 2);
	struct joined_event joined;

	r[1].vcpu = 1;
	cr_assert_eq(timer_join(&join, &joined), 1);
	cr_expect_eq(joined.armed, 2000050);
	join.vcpu = 1;
	cr_assert_eq(timer_join(&join, &joined), 1);
	cr_expect_eq(joined.armed, 2000060);
	join.vcpu = 2;
	cr_expect_eq(timer_join(&join, &joined), 0);
}

Test(timer_join, a_guest_ahead_of_the_host_by_a_wrap)
{
	/* Guest stamps just past 2^64, host stamps far below: only differences count. */
	const struct guest_timer_event event = {(uint64_t)-50, 10, 30, 40};
	const struct timer_record r = {"pit", 0, 5000, 5060, 5060, 5065, 5070};
	struct timer_join join = make_join(&event, 1, &r, 1);
	struct joined_event joined;
	int64_t sums[STAGES] = {0};

	join.tsc_offset = -5050;
	cr_assert_eq(timer_join(&join, &joined), 1);
	timer_stages(&joined, TIMER_PATH_THREAD, sums);
	cr_assert_eq(sums[STAGE_PROGRAM], 0);
	cr_assert_eq(sums[STAGE_WAKE], 5);
	cr_assert_eq(sums[STAGE_INJECT], 5);
	cr_assert_eq(sums[STAGE_DELIVER], 10);
}

Test(timer_join, an_early_handler_has_negative_lateness_and_still_sums)
{
	const struct guest_timer_event event = {2000000, 2010000, 2009900, 2009950};
	const struct timer_record r = record("pit", 2000050, 2010000, 2009800, 2009801, 2009850);
	struct timer_join join = make_join(&event, 1, &r, 1);
	struct joined_event joined;
	int64_t sums[STAGES] = {0};

	timer_join(&join, &joined);
	timer_stages(&joined, TIMER_PATH_THREAD, sums);
	cr_assert_eq(total(sums), -100);
}

Test(timer_join, every_other_path_is_one_stage)
{
	static const struct {
		enum timer_path path;
		enum stage stage;
	} paths[] = {{TIMER_PATH_KERNEL, STAGE_KERNEL}, {TIMER_PATH_POLL, STAGE_POLL},
		{TIMER_PATH_HOST, STAGE_WAKE}};
	const struct joined_event event = {.guest = {1, 100, 175, 200}};

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		int64_t sums[STAGES] = {0};

		timer_stages(&event, paths[i].path, sums);
		cr_assert_eq(sums[paths[i].stage], 75);
		cr_assert_eq(total(sums), 75);
	}
}

Test(timer_join, sums_are_exact_over_random_events)
{
	enum { N = 2000 };
	static struct guest_timer_event events[N];
	static struct timer_record records[N];
	static struct joined_event joined[N];
	int64_t sums[STAGES] = {0}, lateness = 0;
	uint64_t now = 5000000, seed = 1;
	size_t n_records = 0;

	for (size_t i = 0; i < N; i++) {
		uint64_t r[6];

		for (size_t k = 0; k < 6; k++) {
			seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
			r[k] = seed >> 33;
		}
		uint64_t arm = now, deadline = arm + 10000, wake = deadline + r[0] % 500;

		events[i] = (struct guest_timer_event){arm, deadline, wake + 1 + r[1] % 3000, 0};
		events[i].done = events[i].enter + r[2] % 100;
		if (r[3] % 10 != 0) /* every tenth has none */
			records[n_records++] = record("pit", arm + 5, deadline + r[4] % 2000 - 1000,
				deadline - r[5] % 300, wake, wake + r[4] % 4000);
		now = events[i].done + 1;
		lateness += (int64_t)(events[i].enter - deadline);
	}
	struct timer_join join = make_join(events, N, records, n_records);

	cr_assert_eq(timer_join(&join, joined), n_records);
	for (size_t i = 0; i < N; i++)
		timer_stages(&joined[i], TIMER_PATH_THREAD, sums);
	cr_assert_eq(total(sums), lateness);
}
