/* SPDX-License-Identifier: BSD-2-Clause */
/* bench timer, for its own files: what is asked, what one run measured, what a row of the table
 * holds. */
#ifndef BENCH_BENCH_TIMER_H
#define BENCH_BENCH_TIMER_H

#include "detectors.h"
#include "../bench_options.h"
#include "../results.h"
#include "timer_join.h"
#include "timer_load.h"
#include "../concurrent_vms.h"

#define TIMER_RUNS_MAX 64

/* A host that takes a CPU away does it for longer; no part of ours takes that long. */
#define TIMER_FAR_NS 50000

/* Between these --quiet-window on chooses. */
#define QUIET_MIN_NS 30000
#define QUIET_MAX_NS 100000

enum timer_mode { MODE_ONESHOT, MODE_DEADLINE, MODE_PERIODIC, MODE_DEFAULT };
enum timer_wait { WAIT_HLT, WAIT_USER };
enum timer_arm { ARM_MMIO, ARM_IOEVENTFD, ARM_SHARED };
extern const char *const timer_mode_names[], *const timer_wait_names[], *const timer_arm_names[];

struct timer_plan {
	uint64_t sources; /* bit i: timer_sources[i] */
	struct durations intervals;
	struct loads loads;
	uint64_t count, runs;
	unsigned mode, wait, arm;
	bool residual;
	bool paper, scale, plots;
	bool quiet_off, quiet_on;     /* rows of the dedicated timer without and with a window */
	uint64_t quiet_ns[LOADS_MAX]; /* the window under each load; 0: not known yet */
	uint64_t vms;
	unsigned vcpus;
	const char *disk; /* what io reads */
	uint64_t depth, record;
};

/* Of the experiment's options and the machine's. -EINVAL: usage. */
int timer_plan_parse(struct timer_plan *plan, const struct bench_context *context, int argc,
	char **argv, struct diag *diag);

/* What one row measures. */
struct timer_cell {
	const struct timer_source *source;
	uint64_t interval_ns;
	const struct load *load;
	uint64_t quiet_ns; /* 0: no quiet window */
	unsigned vcpus;
	uint64_t vms;
};

/* Raw material of one run: events, and the VMs they came from while they live. */
struct measurement {
	struct concurrent_vm *vms;
	size_t n_vms;                /* 0: measured on the host */
	struct joined_event *events; /* of VM 0: of its vCPU 0, then of 1, ...; then of VM 1 */
	size_t n, joined, groups;    /* groups: of as many events, one for each timer */
	uint64_t missed, spurious;
	bool fifo, dma_latency; /* of the threads that kept time: all of them */
	int cpus;
	bool crowded, spin_off; /* as concurrent_vms_crowded() */
	struct host_load_outcome host;
	int64_t steal_ticks;
};

/* cpus: how many this process may use. */
int timer_measure(const struct bench_context *context, const struct timer_plan *plan,
	const struct timer_cell *cell, int cpus, struct measurement *m, struct diag *diag);
void measurement_end(struct measurement *m);
/* Under io: the host CPU of the disk's thread, as told or as suits the others; -1: anywhere. */
int timer_disk_cpu(const struct vm_config *config, uint64_t interval_ns);

/* What the load was and what became of other interrupts, in one run; NAN where it is not known. */
struct timer_load_seen {
	double busy_percent; /* of each CPU, by the load's threads */
	double interrupts_hz, reads_hz;
	double read_errors;
	double direct; /* 1: reads come from the disk; 0: from the host's page cache */
	double held, longest_hold_ns, by_cap; /* interrupts of other devices, by the quiet window */
	/* Those sent to the timer's vCPU, those taken by the load's handler there; merged while
	 * they were held, and in the vCPU's own local APIC. Must be 0: lost. */
	double sent, taken, merged, apic_merged, lost;
};

/* What the tables show of a run: doubles, so that medians between runs can be taken of any of them.
 * Nanoseconds unless named otherwise, NAN where there is none. */
struct timer_run {
	struct summary lateness;                              /* ticks */
	double mean, sd, ci99, min, p50, p90, p99, p999, max; /* of the lateness */
	double worst_p99; /* of the timer (vCPU, VM) that has the largest */
	double missed;    /* events */
	bool has_stages;
	int64_t stages[STAGES]; /* sums over the events, ticks; they sum to lateness.sum */
	double stage_sd[STAGES];
	/* Events over TIMER_FAR_NS from the median; of the rest. */
	double far, near_mean, near_sd, near_p99;
	double done;
	uint32_t flags;
	double wake_mean, wake_p99, wake_max;
	double spin; /* of the timer thread at the end, the longest of the VMs' */
	double exits, kvm_exits, halts, halt_wakeups, kicks; /* per event */
	struct timer_load_seen load;
	bool spin_off, crowded;
};

/* Also fills histogram, which the results file wants. 0 or -ENOMEM. */
int timer_analyse(const struct timer_plan *plan, const struct timer_cell *cell,
	const struct host_facts *facts, const struct measurement *m, struct timer_run *run,
	struct signed_histogram *histogram);

/* Adds the run to the results file; its events only where they are few enough for that. */
void timer_run_json(struct results *results, const struct timer_plan *plan,
	const struct timer_cell *cell, const struct measurement *m, const struct timer_run *run,
	const struct signed_histogram *histogram);

/* One source at one interval under one load: every run of it, or why there is none. */
struct timer_row {
	struct timer_cell cell;
	bool quiet;
	struct timer_run *runs;
	size_t n;
	float *plot; /* lateness of each event of the first run in us, where it is plotted */
	size_t plotted;
	int err;
	struct diag diag; /* why err */
};

/* Rows in the order of the tables: by load, by interval, by number of machines, by source. */
struct timer_table {
	const struct bench_context *context;
	const struct timer_plan *plan;
	struct timer_row *rows;
	size_t n, max;
};
/* What cannot be has its err from here on. 0 or -ENOMEM. */
int timer_make_rows(struct timer_table *table);

/* The run's figures for comparisons. timer_metrics.c */
void timer_metrics(struct results *results, const struct timer_plan *plan,
	const struct timer_row *row, const struct measurement *m, const struct timer_run *run);

/* The plotted rows: the paper's contrast, or all that were asked for. */
bool timer_row_is_plotted(const struct timer_plan *plan, const struct timer_row *row);

/* "dedicated+quiet+residual". */
struct timer_name {
	char text[40];
};
struct timer_name timer_row_name(const struct timer_plan *plan, const struct timer_row *row);

/* Which figure of a run a cell wants: the offset of a double. */
typedef size_t figure;
#define FIGURE(member) offsetof(struct timer_run, member)
struct spread timer_between_runs(const struct timer_row *row, figure which);
/* The run whose mean is nearest to the runs' median: medians of stages would not sum. */
const struct timer_run *timer_middle_run(const struct timer_row *row);
/* Nanoseconds an event; NAN: not there. */
double timer_stage_ns(const struct timer_run *run, unsigned stage);
/* In any of its runs. */
bool timer_flagged(const struct timer_row *row, unsigned detector);

/* Everything a page is made from. */
struct timer_outcome {
	const struct bench_context *context;
	const struct timer_plan *plan;
	struct timer_row *rows;
	size_t n;
	double seconds; /* it took, NAN: interrupted */
};

/* Lateness, stages and exits of each interval under each load. bench_timer_report.c */
void timer_sections(const struct timer_outcome *outcome, struct page *page);
/* All of the page. timer_page.c */
void timer_report(const struct timer_outcome *outcome, struct page *page);

/* The paper's table, one for each load, and after each the figures it published. timer_table.c */
void timer_paper_tables(const struct timer_outcome *outcome, struct page *page);
/* The latter alone, for the loads and intervals that were measured. */
void timer_published_tables(const struct timer_outcome *outcome, struct page *page);
/* Loads as they were; interrupts held, and whether any was lost. timer_table_load.c */
void timer_load_tables(const struct timer_outcome *outcome, struct page *page);
/* What is asked of the dedicated timer under io, and by stage what stands in the way.
 * timer_verdicts.c */
void timer_load_verdicts(const struct timer_outcome *outcome, struct page *page);
/* Each event, as the paper's Figures 1 to 19. timer_plots.c */
void timer_plots(const struct timer_outcome *outcome, struct page *page);
/* Lateness and losses against the number of vCPUs and of VMs. timer_scale.c */
void timer_scale_report(const struct timer_outcome *outcome, struct page *page);
/* What one more armed timer costs the timer thread. 0 or a negative errno, which it has said. */
int timer_cost(const struct bench_context *context, struct results *results, struct page *page);

/* False: what the stages cover is not the run's lateness, and its figures are wrong. */
bool timer_stages_add_up(const struct timer_run *run);

/* The host's own absolute sleep: events in ticks of CLOCK_MONOTONIC. timer_native.c */
struct native_config {
	uint64_t interval_ns, count;
	bool relative;     /* each deadline from the wake-up before it */
	int cpu, priority; /* -1, 0: as this thread */
};
struct native_outcome {
	uint64_t missed;
	bool fifo, dma_latency;
};
int timer_native_measure(const struct native_config *config, struct joined_event *events,
	struct native_outcome *outcome, struct diag *diag);

#endif
