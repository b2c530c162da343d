/* SPDX-License-Identifier: BSD-2-Clause */
/* The other back end: the bodies of tickvm/workload.h in threads of this process, where vCPU
 * threads would be, in the payload's loops. It starts no guest. */
#ifndef BENCH_NATIVE_H
#define BENCH_NATIVE_H

#include "tickvm/guest_abi.h"
#include "tickvm/hyperbench.h"
#include "tickvm/vm.h"

#include <pthread.h>

/* Runs function in threads threads at once, thread i pinned as machine pins vCPU i (-1: not), with
 * its scheduling class; returns when all have. 0 or a negative errno with diag. */
int native_run(const struct vm_config *machine, unsigned threads,
	void (*function)(void *arg, unsigned thread), void *arg, struct diag *diag);

/* pthread_create() of a thread that takes no signal but its own faults: the others are the main
 * thread's. 0 or a positive errno. */
int native_thread(pthread_t *thread, const pthread_attr_t *attr, void *(*body)(void *), void *arg);

/* For function, at a common start: waits, spinning, until all threads of the run are here. */
struct native_barrier {
	unsigned arrived, sense;
};
void native_barrier_wait(struct native_barrier *barrier, unsigned threads);

/* As the payload's test=bench. */
struct native_plan {
	uint64_t iterations; /* 0: chosen by a pilot */
	uint64_t rounds, round_ns;
	bool scale; /* x1, x4, x16 */
};
/* How a row was measured when it is not quite the guest's operation ("trapped: UMIP", "futex
 * wake-up of a thread"), else "". */
struct native_note {
	char text[96];
};
/* Measures a row at CPL 3. rounds: plan->rounds records (times 3 with scale). -ENOTSUP with the
 * reason in diag: this row needs ring 0, or a right that is not there. */
int native_row(const struct vm_config *machine, enum hyperbench_row row,
	const struct native_plan *plan, struct guest_bench_round *rounds, size_t *n,
	struct native_note *note, struct diag *diag);

#endif
