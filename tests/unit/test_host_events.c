/* SPDX-License-Identifier: BSD-2-Clause */
/* perf's records, as the kernel lays them into a ring, and what host events are made of them.
 * No event is opened here: tests/integration/test_host_events.c does. */
#include "../../src/vmm/host_events_parse.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#define OUT     PERF_RECORD_MISC_SWITCH_OUT
#define PREEMPT PERF_RECORD_MISC_SWITCH_OUT_PREEMPT

static uint8_t bytes[4096];
static struct host_ring ring;
/* The TSC runs at twice the nanosecond and began at 1,000. */
static const struct host_time host_clock = {
	.before = {.tsc = 1000, .raw_ns = 0}, .after = {.tsc = 201000, .raw_ns = 100000}};

static void setup(void)
{
	ring = (struct host_ring){.data = bytes, .size = sizeof(bytes)};
}

/* body: what stands between header and stamp. */
static void put(uint32_t type, unsigned misc, const void *body, size_t size, uint32_t tid,
	uint64_t raw_ns, uint32_t cpu)
{
	const struct {
		uint32_t pid, tid;
		uint64_t raw_ns;
		uint32_t cpu, reserved;
	} stamp = {tid, tid, raw_ns, cpu, 0};
	const struct perf_event_header header = {.type = type,
		.misc = (uint16_t)misc,
		.size = (uint16_t)(sizeof(header) + size + sizeof(stamp))};

	memcpy(bytes + ring.head, &header, sizeof(header));
	if (size > 0)
		memcpy(bytes + ring.head + sizeof(header), body, size);
	memcpy(bytes + ring.head + sizeof(header) + size, &stamp, sizeof(stamp));
	ring.head += header.size;
}

TestSuite(host_events_parse, .init = setup);

Test(host_events_parse, a_switch_out_and_the_next_in_are_one_event)
{
	struct host_thread thread = {.until = 201000};

	put(PERF_RECORD_SWITCH, 0, NULL, 0, 5, 10, 0); /* attached while it ran */
	put(PERF_RECORD_SWITCH, OUT | PREEMPT, NULL, 0, 5, 100, 0);
	put(PERF_RECORD_SWITCH, 0, NULL, 0, 5, 300, 1);
	put(PERF_RECORD_SAMPLE, 0, NULL, 0, 5, 350, 1);
	put(PERF_RECORD_SWITCH, OUT, NULL, 0, 5, 400, 1);
	put(PERF_RECORD_SWITCH, 0, NULL, 0, 5, 500, 1);
	put(PERF_RECORD_SWITCH, OUT, NULL, 0, 5, 600, 1); /* and never again */
	cr_assert_eq(host_parse_thread(&ring, &host_clock, &thread), 0);
	cr_assert_eq(thread.n, 3);
	cr_expect_eq(thread.events[0].kind, HOST_PREEMPTED);
	cr_expect_eq(thread.events[0].begin, 1200);
	cr_expect_eq(thread.events[0].end, 1600);
	cr_expect(thread.events[0].cpu == 0 && thread.events[0].cpu_after == 1);
	cr_expect_eq(thread.events[1].kind, HOST_FAULT);
	cr_expect_eq(thread.events[1].begin, 1700);
	cr_expect_eq(thread.events[2].kind, HOST_SLEPT);
	cr_expect_not(thread.full);
	cr_expect_eq(thread.until, 201000);
	free(thread.events);
}

Test(host_events_parse, a_full_ring_is_said_and_ends_what_is_known)
{
	struct host_thread thread = {.until = 201000};

	ring.size = 96;
	put(PERF_RECORD_SWITCH, OUT, NULL, 0, 5, 400, 1);
	put(PERF_RECORD_SWITCH, 0, NULL, 0, 5, 500, 1);
	cr_assert_eq(host_parse_thread(&ring, &host_clock, &thread), 0);
	cr_expect(thread.full);
	cr_expect_eq(thread.until, 2000);
	free(thread.events);
}

Test(host_events_parse, a_record_that_is_cut_off_ends_the_reading)
{
	struct host_thread thread = {.until = 201000};

	put(PERF_RECORD_SAMPLE, 0, NULL, 0, 5, 400, 1);
	put(PERF_RECORD_SAMPLE, 0, NULL, 0, 5, 500, 1);
	ring.head -= 8;
	cr_assert_eq(host_parse_thread(&ring, &host_clock, &thread), 0);
	cr_expect_eq(thread.n, 1);
	free(thread.events);
}

Test(host_events_parse, who_runs_on_a_cpu_is_known_by_its_switches_in_and_names)
{
	static const struct {
		uint32_t pid, tid;
		char name[8];
	} comm = {9, 9, "hog\033"};
	static const uint32_t other[2] = {0, 0};
	struct host_cpu cpu = {.until = 201000};
	struct host_events tasks = {.n_tasks = 0};

	put(PERF_RECORD_SWITCH_CPU_WIDE, OUT, other, sizeof(other), 0, 99, 0);
	put(PERF_RECORD_SWITCH_CPU_WIDE, 0, other, sizeof(other), 9, 100, 0);
	put(PERF_RECORD_COMM, 0, &comm, sizeof(comm), 9, 150, 0);
	put(PERF_RECORD_SWITCH_CPU_WIDE, 0, other, sizeof(other), 0, 200, 0);
	put(PERF_RECORD_SWITCH_CPU_WIDE, 0, other, sizeof(other), 9, 300, 0);
	cr_assert_eq(host_parse_cpu(&ring, &host_clock, &cpu, &tasks), 0);
	cr_assert_eq(cpu.n, 3);
	cr_assert_eq(tasks.n_tasks, 2);
	cr_expect_eq(tasks.tasks[cpu.runs[0].task].tid, 9);
	cr_expect_eq(tasks.tasks[cpu.runs[1].task].tid, 0);
	cr_expect_eq(cpu.runs[2].task, cpu.runs[0].task);
	cr_expect_str_eq(tasks.tasks[cpu.runs[0].task].name, "hog?");
	free(cpu.runs);
	free(tasks.tasks);
}

static struct host_event event_of(enum host_event_kind kind, uint64_t begin, uint64_t end)
{
	return (struct host_event){.begin = begin, .end = end, .kind = kind};
}

static void is_event(
	const struct host_thread *thread, size_t i, enum host_event_kind kind, uint64_t begin)
{
	cr_assert_lt(i, thread->n);
	cr_expect_eq(thread->events[i].kind, kind, "%zu", i);
	cr_expect_eq(thread->events[i].begin, begin, "%zu", i);
	cr_expect(i == 0 || thread->events[i].begin >= thread->events[i - 1].end, "%zu", i);
}

/* A fault cuts one; what is a switch already, or behind the record's end, is left out. */
Test(host_events, stalls_among_what_is_known)
{
	const struct host_event known[] = {event_of(HOST_SLEPT, 100, 200),
		event_of(HOST_FAULT, 350, 350), event_of(HOST_PREEMPTED, 500, 600)};
	const struct host_event stalls[] = {event_of(HOST_STALLED, 10, 20),
		event_of(HOST_STALLED, 300, 400), event_of(HOST_STALLED, 490, 610),
		event_of(HOST_STALLED, 700, 710), event_of(HOST_STALLED, 900, 1001)};
	struct host_thread thread = {.until = 1000, .events = malloc(sizeof(known)), .n = 3};

	memcpy(thread.events, known, sizeof(known));
	cr_assert_eq(host_add_stalls(&thread, stalls, 5), 0);
	cr_assert_eq(thread.n, 7);
	is_event(&thread, 0, HOST_STALLED, 10);
	is_event(&thread, 1, HOST_SLEPT, 100);
	is_event(&thread, 2, HOST_STALLED, 300);
	is_event(&thread, 3, HOST_FAULT, 350);
	is_event(&thread, 4, HOST_STALLED, 350);
	cr_expect_eq(thread.events[4].end, 400);
	is_event(&thread, 5, HOST_PREEMPTED, 500);
	is_event(&thread, 6, HOST_STALLED, 700);
	free(thread.events);
}

Test(host_events, no_stalls_change_nothing)
{
	struct host_thread thread = {.until = 1000};

	cr_assert_eq(host_add_stalls(&thread, NULL, 0), 0);
	cr_expect_eq(thread.n, 0);
	free(thread.events);
}
