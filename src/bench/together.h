/* SPDX-License-Identifier: BSD-2-Clause */
/* Several VMs that run side by side: all exist before the first runs, and all start at once. */
#ifndef BENCH_TOGETHER_H
#define BENCH_TOGETHER_H

#include "launch.h"

#include <pthread.h>

struct together {
	struct launch launch; /* configured by the caller, who ends it with launch_end() */
	int err;              /* what launch_go() said */
	struct diag diag;
	pthread_t thread;
	struct together_gate *gate;
};

/* Creates every VM. 0, or the first error, with its number in diag; those that exist are the
 * caller's to end. -EINTR when the user stopped it. */
int together_create(struct together *vms, size_t n, struct diag *diag);
/* Runs all of them and waits for the last. 0: each has its own err; else none has run. */
int together_run(struct together *vms, size_t n, struct diag *diag);

/* More threads than CPUs are the scheduler's to place: nothing that the user left open is pinned,
 * halted vCPUs do not poll, and timer threads do not spin where vms times spinning an interval
 * would take more than a quarter of the CPUs. Returns whether they would have. */
bool together_crowded(struct vm_config *config, uint64_t set_by_user, uint64_t vms,
	uint64_t interval_ns, int cpus);

#endif
