/* SPDX-License-Identifier: BSD-2-Clause */
/* Joins what the guest stamped with what the timer thread stamped, and says where each event's
 * lateness went. Pure arithmetic in TSC ticks: no clock, no VM. */
#ifndef BENCH_TIMER_JOIN_H
#define BENCH_TIMER_JOIN_H

#include "timer_sources.h"

#include "tickvm/guest_abi.h"

/* The parts of one event's lateness (enter - deadline), in the order of time. They sum to it
 * exactly. */
enum stage {
	STAGE_PROGRAM, /* the device's deadline - the guest's: arming latency, rounding */
	STAGE_ADVANCE, /* the thread's target - the device's deadline: at most 0 */
	STAGE_WAKE,    /* thread awake - target */
	STAGE_INJECT,  /* injecting call returned, or the handler entered before that - awake */
	STAGE_DELIVER, /* handler entered - injecting call returned; with residual=1, the guest's
			  own wait too */
	STAGE_KERNEL,  /* all of it, where the device is KVM's */
	STAGE_POLL,    /* all of it, where the guest polls */
	STAGE_UNATTRIBUTED, /* all of it, where the thread's stamps are missing */
	STAGES
};
extern const char *const stage_names[STAGES];

/* One event with its record's stamps on the guest's TSC. */
struct joined_event {
	struct guest_timer_event guest;
	bool has_record;
	uint64_t armed, device_deadline, target, wake, injected;
};

struct timer_join {
	const struct guest_timer_event *events;
	size_t n;
	const struct timer_record *records; /* in the order they were made; of any device */
	size_t n_records;
	const char *device; /* whose records count */
	unsigned vcpu;      /* and which one's, where each vCPU has one */
	int64_t tsc_offset; /* guest - host */
};

/* Fills out[n]. An event's record is the one of its device that woke between the handler before it
 * and its own handler; of several (a tick was merged) the one with the nearest deadline. Returns
 * how many events have one. */
size_t timer_join(const struct timer_join *join, struct joined_event *out);

/* Adds to sums the stages of one event; they sum to enter - deadline. */
void timer_stages(const struct joined_event *event, enum timer_path path, int64_t sums[STAGES]);

#endif
