/* SPDX-License-Identifier: BSD-2-Clause */
/* perf's records of one thread or one CPU, as they lie in its ring, made into host events. Pure. */
#ifndef VMM_HOST_EVENTS_PARSE_H
#define VMM_HOST_EVENTS_PARSE_H

#include "tickvm/clock.h"
#include "tickvm/host_events.h"

#include <linux/perf_event.h>

/* Every record ends with TID, TIME and CPU (perf_event_open(2), sample_id_all), and a sample has
 * nothing else, so that one look finds them in all. */
#define HOST_SAMPLE_TYPE (PERF_SAMPLE_TID | PERF_SAMPLE_TIME | PERF_SAMPLE_CPU)

/* CLOCK_MONOTONIC_RAW and the TSC, before and after: a straight line between. */
struct host_time {
	struct clock_pair before, after;
};
uint64_t host_time_tsc(const struct host_time *time, uint64_t raw_ns);

/* A ring that nobody has read from: head bytes of records in size bytes. */
struct host_ring {
	const uint8_t *data;
	uint64_t size, head;
};

/* Fills events, n, full and until; owner's until comes in as the end of the run. 0 or -ENOMEM. */
int host_parse_thread(
	const struct host_ring *ring, const struct host_time *time, struct host_thread *thread);
/* Puts the moments in which the thread's CPU stood still, by begin, among its events: cut at its
 * page faults; those in which it was off its CPU are known as that already, and left out, as are
 * those behind until. 0 or -ENOMEM. */
int host_add_stalls(struct host_thread *thread, const struct host_event *stalls, size_t n);
/* What may stand in a sentence: printable ASCII. */
void host_task_name(struct host_task *task, const char *comm, size_t length);
/* The same for runs, of a ring of CPU-wide switch records; tasks are found or added. */
int host_parse_cpu(const struct host_ring *ring, const struct host_time *time, struct host_cpu *cpu,
	struct host_events *tasks);

#endif
