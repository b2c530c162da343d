/* SPDX-License-Identifier: BSD-2-Clause */
/* bench hyperbench, for its own files: the rows, what is asked, what a row measured.
 * Times are TSC ticks, which the tables call cycles. */
#ifndef BENCH_HYPERBENCH_H
#define BENCH_HYPERBENCH_H

#include "../agreement.h"
#include "cost_model.h"
#include "../launch.h"
#include "../native.h"
#include "../progress.h"
#include "../results.h"

#include "tickvm/page.h"

#define HYPER_ROUNDS_MAX 1000
#define HYPER_SCALES     3 /* x1, x4, x16 */

struct hyper_row {
	const char *name, *category;
	uint64_t min, max; /* iterations */
	unsigned levels;   /* LEVEL_* */
	unsigned cpl;      /* unless told otherwise */
};
extern const struct hyper_row hyper_rows[HYPERBENCH_COUNT];
extern const char *const hyper_row_names[]; /* the same order, ends with NULL */

/* ---- hyperbench_rounds.c: rounds to figures. Pure. ---- */

/* What happened between the two signals around one loop. */
struct hyper_side {
	uint64_t internal, external; /* ticks by the guest's stamps, by the monitor's */
	uint64_t exits, userspace, model;
	uint64_t kvm[VM_KVM_COUNTERS];
};
struct hyper_round {
	uint64_t iterations;
	struct hyper_side run, control;
	bool counted[VM_KVM_COUNTERS]; /* this KVM has the counter */
};

/* Joins each of the n rounds with its four signals: begin and end of the run, then of the control.
 * -EPROTO with diag when they are not that. */
int hyper_join(const struct guest_bench_round *rounds, size_t n, const struct vm_signal *signals,
	size_t n_signals, struct hyper_round *out, struct diag *diag);

/* Of every step-th round from first on. Per operation, median of the rounds, unless said. */
struct hyper_figures {
	uint64_t iterations; /* of a round */
	double cycles;       /* run - control, by the guest's stamps */
	double spread;       /* half the interquartile range over the rounds; NAN: one round */
	/* Of the least disturbed rounds: first quartile of the run less that of the control; and
	 * the distance from the least of each to its quartile, added. */
	double low, low_spread;
	double external;           /* the same as cycles, by the monitor's stamps */
	double gap;                /* a round's external total - its internal one, ticks */
	double total_spread;       /* of a round's external total, ticks */
	struct cost_counts counts; /* means but for userspace and model, medians */
	/* The control loop alone, for calibrations. */
	double control_cycles;
	struct cost_counts control_counts;
};
struct hyper_figures hyper_figures(
	const struct hyper_round *rounds, size_t n, size_t first, size_t step);
/* The cost is no larger than its spread. */
bool hyper_lost(const struct hyper_figures *figures);
/* Guest over native; NAN where either is no larger than its spread. */
double hyper_gnr(const struct hyper_figures *figures, double native, double native_spread);
/* The same two figures of rounds that have no signals: native ones. */
void hyper_native_figures(
	const struct guest_bench_round *rounds, size_t n, double *cycles, double *spread);

/* The paper's operator: is the cost of n operations n times the cost of one? Judged by the least
 * disturbed rounds, for the longest ones are disturbed most. */
enum hyper_linear { HYPER_LINEAR, HYPER_NOT_LINEAR, HYPER_UNDECIDED };
struct hyper_scaling {
	double ratio[HYPER_SCALES]; /* cost of an operation (low), over that at x1 */
	double tolerance;           /* of the ratios' distance from 1 */
	enum hyper_linear verdict;  /* undecided: the cost is lost in its spread */
};
#define HYPER_TOLERANCE_MIN     0.10
#define HYPER_TOLERANCE_SPREADS 3
struct hyper_scaling hyper_scaling(const struct hyper_figures figures[HYPER_SCALES]);

/* Whether both timings of a row are the same: their gap lies within the spread of the idle row's
 * rounds. -1: one round has no spread. */
int hyper_agrees(const struct hyper_figures *figures, const struct hyper_figures *idle);

/* ---- what is asked and what was measured ---- */

/* Rows of two vCPUs. What they do at once counts for both, so that the parts of their cost are no
 * shares of it. */
bool hyper_has_two_vcpus(enum hyperbench_row row);

enum hyper_cpl { HYPER_CPL_AUTO, HYPER_CPL_0, HYPER_CPL_3, HYPER_CPL_BOTH };

struct hyper_plan {
	uint64_t rows;       /* bit i: hyper_rows[i] */
	uint64_t iterations; /* 0: a pilot chooses */
	uint64_t rounds;
	unsigned cpl; /* enum hyper_cpl */
	bool scale, no_native, reference;
};

enum hyper_state { HYPER_MEASURED, HYPER_NOT_AVAILABLE, HYPER_FAILED };
extern const char *const hyper_state_names[];

struct hyper_native {
	uint64_t iterations;
	double cycles, spread; /* NAN: none */
	char note[512];        /* how it differs from the guest's operation, or why there is none */
};

struct hyper_result {
	enum hyperbench_row row;
	unsigned cpl;
	enum hyper_state state;
	struct diag why;                           /* not measured */
	struct hyper_figures figures;              /* with --scale of x16, the most exact */
	struct hyper_figures scaled[HYPER_SCALES]; /* with --scale */
	struct hyper_native native;
	char device[32];  /* that most exits went to; "" */
	double pieces;    /* of struct cost_row */
	struct cost cost; /* of rows of two vCPUs unattributed and explained are NAN */
};

enum hyper_unit {
	HYPER_TRANSITION,
	HYPER_EMULATION,
	HYPER_KERNEL_EXIT,
	HYPER_FAULT,
	HYPER_INTERRUPT,
	HYPER_UNITS
};

/* Where a unit cost is from, or why there is none. */
struct hyper_source {
	char text[256];
};

/* All rows under one placement of the vCPUs. */
struct hyper_table {
	const char *pin; /* "none", "each", or the CPUs as given */
	struct hyper_result results[2 * HYPERBENCH_COUNT];
	size_t n;
	struct hyper_figures idle; /* at CPL 0: what agreement is judged by; cycles NAN: none */
	struct cost_units units;
	struct hyper_source sources[HYPER_UNITS];
	struct agreement hot; /* hot-memory at CPL 3; n 0: not asked for */
};

struct hyper_session {
	struct bench_context context; /* as the table in the making wants it */
	struct hyper_plan plan;
	struct results results;
	struct progress progress;
	int status;
	unsigned measured;
};

/* ---- hyperbench_run.c ---- */

/* What one VM measures. */
struct hyper_shot {
	const char *name; /* of the payload's benchmark */
	unsigned cpl, vcpus;
	uint64_t iterations, rounds, round_ns;
	uint64_t mem_bytes; /* 0: as launch.h says */
	bool scale;
	bool fresh;       /* guest RAM that the host has not touched yet */
	bool small_pages; /* guest RAM in 4 KiB pages */
};
/* Runs it. 0: launch is up, for launch_end(), and *rounds are free()d by the caller. */
int hyper_shoot(const struct hyper_session *session, const struct hyper_shot *shot,
	struct launch *launch, struct hyper_round **rounds, size_t *n, struct diag *diag);

/* Measures one row in a VM of its own, and adds the run to the results file. */
int hyper_measure(struct hyper_session *session, const char *pin, struct hyper_result *result);
/* On the host. iterations: 0: a pilot chooses. */
void hyper_measure_native(const struct bench_context *context, const struct hyper_plan *plan,
	unsigned row, uint64_t iterations, struct hyper_native *native);

/* ---- hyperbench_agree.c ---- */

/* Whether hot-memory costs a guest at CPL 3 what it costs the host: pairs of VMs and native runs in
 * turn. -EINTR, or 0: pairs that could not be measured are missing. */
int hyper_agree(struct hyper_session *session, struct hyper_table *table);

/* ---- hyperbench_units.c ---- */

#define HYPER_CALIBRATIONS 5 /* at most so many VMs */

/* Measures the unit costs that need a VM of their own; table->idle is there. -EINTR, or 0: what
 * could not be measured is NAN, with the reason in its source. */
int hyper_units(struct hyper_session *session, struct hyper_table *table);

/* ---- hyperbench_report.c, hyperbench_costs.c, hyperbench_json.c ---- */

void hyper_report(
	const struct hyper_session *session, const struct hyper_table *table, struct page *page);
void hyper_report_costs(
	const struct hyper_table *table, enum irqchip_kind irqchip, struct page *page);
void hyper_report_reference(struct page *page);
/* What native figures are, or why there are none, where there is anything to say. NULL: not asked
 * for. */
void hyper_native_notes(
	struct page *page, const struct hyper_native *const natives[HYPERBENCH_COUNT]);
/* As table_cell_figure(), but 0 for less than 0.005. */
void hyper_figure_cell(struct table *table, double value);
/* 18,050, 91.2, 9.12: at least three digits, none behind the point from 100 up. */
const char *hyper_cycles(char *text, size_t size, double cycles);

/* One VM, a row's or a calibration's (of a unit: "interrupt"; NULL: a row), into the results file,
 * if there is to be one. */
void hyper_run_json(struct hyper_session *session, const struct hyper_shot *shot, const char *pin,
	const char *unit, const struct launch *launch, const struct hyper_round *rounds, size_t n);
void hyper_table_json(
	struct results *results, const struct hyper_plan *plan, const struct hyper_table *table);

/* ---- options that bench native shares ---- */

/* -EINVAL with the range in diag: no number for one of the rows. */
int hyper_check_iterations(const struct hyper_plan *plan, struct diag *diag);

#endif
