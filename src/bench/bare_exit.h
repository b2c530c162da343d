/* SPDX-License-Identifier: BSD-2-Clause */
/* What an exit costs without tickvm: the bare KVM_RUN loop, on the CPU where a vCPU would run. */
#ifndef BENCH_BARE_EXIT_H
#define BENCH_BARE_EXIT_H

#include "tickvm/bench.h"

/* TSC ticks of one, as vm_bare_exit_loop(); the machine is context's. 0 or a negative errno. */
int bare_exit_measure(const struct bench_context *context, uint64_t iterations, uint64_t rounds,
	double *ticks, struct diag *diag);

#endif
