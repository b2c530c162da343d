/* SPDX-License-Identifier: BSD-2-Clause */
/* Puts this thread where a vCPU's would be for as long as the bare loop runs on it.
 * The loop itself is the monitor's. */
#include "bare_exit.h"

#include "launch.h"

#include "tickvm/bare.h"

#include <errno.h>
#include <sched.h>

int bare_exit_measure(const struct bench_context *context, uint64_t iterations, uint64_t rounds,
	double *ticks, struct diag *diag)
{
	struct launch launch;
	cpu_set_t old, set;
	uint64_t per_exit = 0;
	bool moved = false;

	launch_begin(&launch, context, 1);
	if (launch.config.vcpu_cpu[0] >= 0 && sched_getaffinity(0, sizeof(old), &old) == 0) {
		CPU_ZERO(&set);
		CPU_SET((size_t)launch.config.vcpu_cpu[0], &set);
		moved = sched_setaffinity(0, sizeof(set), &set) == 0;
	}
	int err = vm_bare_exit_loop(iterations, rounds, &per_exit, diag);

	if (moved)
		sched_setaffinity(0, sizeof(old), &old);
	*ticks = (double)per_exit;
	/* As a launch: without /dev/kvm this host cannot run it. */
	return err < 0 && err != -EINTR && !launch_has_kvm() ? -ENOTSUP : err;
}
