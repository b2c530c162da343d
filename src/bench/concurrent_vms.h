/* SPDX-License-Identifier: BSD-2-Clause */
/* Several VMs that run side by side: all exist before the first runs, and all start at once. */
#ifndef BENCH_CONCURRENT_VMS_H
#define BENCH_CONCURRENT_VMS_H

#include "launch.h"

#include <pthread.h>

struct concurrent_vm {
	struct launch launch; /* configured by the caller, who ends it with launch_end() */
	int err;              /* what launch_go() said */
	struct diag diag;
	pthread_t thread;
	struct concurrent_gate *gate;
};

/* Creates every VM. 0, or the first error, with its number in diag; those that exist are the
 * caller's to end. -EINTR when the user stopped it. */
int concurrent_vms_create(struct concurrent_vm *vms, size_t n, struct diag *diag);
/* Runs all of them and waits for the last. 0: each has its own err; else none has run. */
int concurrent_vms_run(struct concurrent_vm *vms, size_t n, struct diag *diag);

/* More threads than CPUs are the scheduler's to place: nothing that the user left open is pinned,
 * halted vCPUs do not poll, and timer threads do not spin where vms times spinning an interval
 * would take more than a quarter of the CPUs. Returns whether they would have. */
bool concurrent_vms_crowded(struct vm_config *config, uint64_t set_by_user, uint64_t vms,
	uint64_t interval_ns, int cpus);

#endif
