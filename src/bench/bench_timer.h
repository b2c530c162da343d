/* SPDX-License-Identifier: BSD-2-Clause */
/* bench timer, for its own files: what is asked, what one run measured, what a row of the table
 * holds. */
#ifndef BENCH_BENCH_TIMER_H
#define BENCH_BENCH_TIMER_H

#include "detectors.h"
#include "launch.h"
#include "options.h"
#include "results.h"
#include "timer_join.h"

#define TIMER_RUNS_MAX 64

enum timer_mode { MODE_ONESHOT, MODE_DEADLINE, MODE_PERIODIC };
enum timer_wait { WAIT_HLT, WAIT_USER };
enum timer_arm { ARM_MMIO, ARM_IOEVENTFD, ARM_SHARED };
extern const char *const timer_mode_names[], *const timer_wait_names[], *const timer_arm_names[];

struct timer_plan {
	uint64_t sources; /* bit i: timer_sources[i] */
	struct durations intervals;
	uint64_t count, runs;
	unsigned mode, wait, arm;
	bool residual;
};

/* Raw material of one run: events, and the VM they came from while it lives. */
struct measurement {
	struct launch launch; /* vm NULL: measured on the host */
	struct joined_event *events;
	size_t n, joined;
	uint64_t missed, spurious;
	bool fifo, dma_latency; /* of the thread that kept time */
	int64_t steal_ticks;
};

int timer_measure(const struct bench_context *context, const struct timer_plan *plan,
	const struct timer_source *source, uint64_t interval_ns, struct measurement *m,
	struct diag *diag);
void measurement_end(struct measurement *m);

/* What the tables show of a run: doubles, so that medians between runs can be taken of any of them.
 * Nanoseconds unless named otherwise, NAN where there is none. */
struct timer_run {
	struct summary lateness;                              /* ticks */
	double mean, sd, ci99, min, p50, p90, p99, p999, max; /* of the lateness */
	double missed;                                        /* events */
	bool has_stages;
	int64_t stages[STAGES]; /* sums over the events, ticks; they sum to lateness.sum */
	double done;
	uint32_t flags;
	double wake_mean, wake_p99, wake_max;
	double exits, kvm_exits, halts, halt_wakeups, kicks; /* per event */
};

/* Also fills histogram, which the results file wants. 0 or -ENOMEM. */
int timer_analyse(const struct timer_plan *plan, const struct timer_source *source,
	uint64_t interval_ns, const struct host_facts *facts, const struct measurement *m,
	struct timer_run *run, struct signed_histogram *histogram);

/* Adds the run to the results file. */
void timer_run_json(struct results *results, const struct timer_plan *plan,
	const struct timer_source *source, uint64_t interval_ns, const struct measurement *m,
	const struct timer_run *run, const struct signed_histogram *histogram);

/* One source at one interval: every run of it, or why there is none. */
struct timer_row {
	const struct timer_source *source;
	uint64_t interval_ns;
	struct timer_run *runs;
	size_t n;
	int err;
	struct diag diag; /* why err */
};

void timer_report(const struct timer_plan *plan, const struct vm_config *machine,
	const struct timer_row *rows, size_t n, FILE *out);

/* The host's own absolute sleep: events in ticks of CLOCK_MONOTONIC. bench_native.c */
struct native_config {
	uint64_t interval_ns, count;
	bool relative;     /* each deadline from the wake-up before it */
	int cpu, priority; /* -1, 0: as this thread */
};
struct native_outcome {
	uint64_t missed;
	bool fifo, dma_latency;
};
int native_measure(const struct native_config *config, struct joined_event *events,
	struct native_outcome *outcome, struct diag *diag);

#endif
