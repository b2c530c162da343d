/* SPDX-License-Identifier: BSD-2-Clause */
/* One launch of the payload for one test, from command line to checked results. */
#ifndef BENCH_LAUNCH_H
#define BENCH_LAUNCH_H

#include "tickvm/bench.h"
#include "tickvm/guest_abi.h"

struct launch {
	struct vm_config config;
	char append[GUEST_CMDLINE_MAX];
	struct vm *vm;                     /* after launch_run(), until launch_end() */
	const struct guest_result *result; /* GUEST_DONE */
};

/* How long a guest may take beyond what its work takes on a slow host, unless the user gives it a
 * --timeout: for guests that hang. A busy host alone must not come that far. */
#define LAUNCH_PATIENCE_NS 60000000000ULL

/* A machine as the user configured it, for vcpus vCPUs; what he left open is chosen for measuring:
 * vCPUs on the first CPUs this process may use, the timer thread on the last. */
void launch_begin(struct launch *launch, const struct bench_context *context, unsigned vcpus);
/* The same for the memory alone: context says then what its launches will have. */
void launch_settle(struct bench_context *context);
/* Adds to the payload's command line; too long a line fails in launch_run(). */
__attribute__((format(printf, 2, 3))) void launch_append(
	struct launch *launch, const char *format, ...);
/* Runs it. 0: result is there and done. Else vm is NULL and diag says why: -ENOTSUP this host or
 * back end cannot, -EINTR the user stopped it, the rest a failure. */
int launch_run(struct launch *launch, struct diag *diag);
/* The same in two steps, for VMs that are to run at once. */
int launch_create(struct launch *launch, struct diag *diag);
int launch_go(struct launch *launch, struct diag *diag);
/* Records of the result; NULL with diag set when they are not size bytes each or not in RAM. */
const void *launch_records(const struct launch *launch, size_t size, size_t *n, struct diag *diag);
void launch_end(struct launch *launch);
/* TSC ticks that this process' guests have run for until now, from their first entry to their end;
 * of those that ran at once the sum. */
uint64_t launch_guest_ticks(void);

/* The same halt-poll window for every source, so that none sleeps deeper than another: twice the
 * interval, at least KVM's usual 200 us, at most 10 ms. */
int64_t launch_halt_poll(uint64_t interval_ns);

/* False: there is no /dev/kvm for this process, and asking again is of no use. */
bool launch_has_kvm(void);

/* The exit status a bench ends with after this error: 1, 2, 77 or 130. */
int launch_exit_status(int err);
/* What a bench returns for options that it does not take. Their fault is told to the user, or to
 * who only checks (context->check). */
int bench_refuse(const struct bench_context *context, const char *bench, const struct diag *diag);

#endif
