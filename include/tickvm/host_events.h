/* SPDX-License-Identifier: BSD-2-Clause */
/* What the host did to threads of ours during a run: when each was off its CPU and why, its page
 * faults, and who ran instead. Stamps are the host's TSC, made from CLOCK_MONOTONIC_RAW. */
#ifndef TICKVM_HOST_EVENTS_H
#define TICKVM_HOST_EVENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum host_event_kind {
	HOST_PREEMPTED, /* taken off its CPU though it could have run, until it ran again */
	HOST_SLEPT,     /* went to sleep, until it ran again */
	HOST_FAULT,   /* page fault of the thread itself: a moment, how long it took is not known */
	HOST_STALLED, /* the thread spun on its CPU and read the TSC, and this lay between two
		       * readings: an interrupt of the host's, or what is below the host */
	HOST_EVENT_KINDS
};
const char *host_event_name(enum host_event_kind kind); /* "preempted", "slept", ... */

struct host_event {
	uint64_t begin, end;
	enum host_event_kind kind;
	int cpu, cpu_after; /* where it was and where it ran again: when they differ it was moved */
};

#define HOST_THREAD_TIMER (-1)

struct host_thread {
	int vcpu; /* HOST_THREAD_TIMER: the timer thread */
	int tid;
	int err;               /* 0, or the negative errno for which nothing is known */
	bool full;             /* the buffer was too small for all: nothing is known after until */
	uint64_t begin, until; /* what is here is all that happened between */
	struct host_event *events; /* by begin; those with a length do not overlap */
	size_t n;
	uint64_t faults_lost; /* page faults the kernel counted and did not stamp */
};

/* From begin on, until the next one of the same CPU, a task ran there. */
struct host_run {
	uint64_t begin;
	uint32_t task; /* index into tasks */
};

#define HOST_TASK_NAME 32

struct host_task {
	int tid; /* 0: the idle task, or one this process may not see; -1: one that was ending */
	char name[HOST_TASK_NAME];
};

struct host_cpu {
	int cpu;
	bool full; /* as of threads */
	uint64_t until;
	struct host_run *runs; /* by begin */
	size_t n;
};

struct host_events {
	struct host_thread *threads; /* the timer thread, then the vCPUs' */
	size_t n_threads;
	struct host_cpu *cpus; /* empty unless others_err is 0 */
	size_t n_cpus;
	int others_err; /* 0: it is known who ran; else the negative errno of asking */
	struct host_task *tasks;
	size_t n_tasks;
	uint64_t uncertainty; /* of every stamp here, TSC ticks to either side */
};

/* Frees everything in it; *events is then empty. */
void host_events_free(struct host_events *events);

#endif
