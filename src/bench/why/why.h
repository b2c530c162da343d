/* SPDX-License-Identifier: BSD-2-Clause */
/* Why the latest events of a run were late: each one's lateness divided over time among what is
 * known to have happened to the thread it waited for. Pure: no clock, no VM. */
#ifndef BENCH_WHY_H
#define BENCH_WHY_H

#include "../timer/timer_join.h"

#include "tickvm/host_events.h"
#include "tickvm/trace.h"
#include "tickvm/vm.h"

#define WHY_WORST_MAX  100
#define WHY_CAUSES_MAX 24
#define WHY_TEXT_MAX   1024

/* Exits of one vCPU by time; none overlap. */
struct why_exits {
	const struct trace_event *exit;
	size_t n;
	uint64_t dropped; /* older ones that the ring no longer had */
};

/* Everything about a run that an explanation may rest on. */
struct why_run {
	const struct joined_event *events; /* of vCPU 0, then as many of 1, ... */
	size_t n;
	unsigned vcpus;
	enum timer_path path;
	bool offset_verified; /* false: guest and host stamps cannot be compared, nothing is known
			       */
	int64_t tsc_offset;   /* guest - host */
	const struct host_events *host; /* NULL: not recorded */
	struct why_exits exits[VM_MAX_VCPUS];
	uint64_t rt_rest_ticks; /* how long SCHED_FIFO threads are stopped by the throttle; 0: never
				 */
	uint64_t spin_capped;   /* of the timer thread, in the run */
	bool never_spins;       /* --timer-spin 0 */
};

/* What an event waits for, in the order of time. */
enum why_place {
	WHY_ARM,     /* the vCPU arms the timer: as much later than asked as the deadline moved */
	WHY_WAKE,    /* the timer thread wakes for it */
	WHY_INJECT,  /* the timer thread injects the interrupt */
	WHY_DELIVER, /* the vCPU enters its handler */
	WHY_WHOLE,   /* all of it, where the timer thread has no part or left no record */
	WHY_PLACES
};
extern const char *const why_place_names[WHY_PLACES];

enum why_kind {
	WHY_PREEMPTED,   /* the thread was taken off its CPU */
	WHY_SLEPT,       /* it slept, or had not yet been woken */
	WHY_STALLED,     /* it was on its CPU and spun, and the CPU did nothing of it */
	WHY_EXITS,       /* the vCPU was out of the guest, in tickvm */
	WHY_UNEXPLAINED, /* the thread was on its CPU, or nothing is known of it */
	WHY_USUAL,       /* what half of the run's events take there without any of the above */
	WHY_KINDS
};
extern const char *const why_kind_names[WHY_KINDS];

struct why_cause {
	enum why_kind kind;
	enum why_place place;
	int thread;      /* the vCPU's, or HOST_THREAD_TIMER */
	bool known;      /* that thread's events were recorded then */
	uint64_t ticks;  /* of the lateness */
	unsigned count;  /* absences or exits */
	unsigned faults; /* page faults of the thread in the place: moments, they explain no time */
	/* The longest absence: what of it fell into the place. */
	const struct host_event *event;
	uint64_t begin, end;
	const struct host_task *who; /* ran longest on the CPU meanwhile; NULL: not known */
	const struct trace_event
		*exit;        /* EXITS: one of them; they are all of its kind and device */
	uint64_t model_ticks; /* EXITS: inside the device model */
};

struct why_event {
	size_t number; /* of the run's events, from 1 */
	unsigned vcpu;
	uint64_t deadline, enter;                /* host TSC */
	uint64_t ticks;                          /* lateness; the causes' sum to it */
	struct why_cause causes[WHY_CAUSES_MAX]; /* largest first, USUAL last */
	unsigned n;
};

/* Fills out[] with the run's latest events, the latest first; *n: how many were asked for, then how
 * many there are (events on time are none). 0 or -ENOMEM. */
int why_explain(const struct why_run *run, struct why_event *out, size_t *n);

/* "event 3187, 1362 us late: vCPU 0's thread was preempted for 1311 us (CPU 0 ran ksoftirqd/0); 51
 * us unexplained, between injection and handler". why_text.c */
void why_sentence(
	const struct why_run *run, const struct why_event *event, char text[WHY_TEXT_MAX]);

/* The task that had most of [begin, end) on a CPU; NULL: not known. why_who.c */
const struct host_task *why_who_ran(
	const struct host_events *host, int cpu, uint64_t begin, uint64_t end);

/* The thread's record, or NULL when nothing of it is known. */
const struct host_thread *why_thread(const struct why_run *run, int vcpu);

#endif
