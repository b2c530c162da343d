/* SPDX-License-Identifier: BSD-2-Clause */
/* Two sides of results, metric by metric: better, worse, no difference, or too little to tell. The
 * unit is the round (VM launch), never the sample; docs/compare.md says how it is decided. */
#ifndef TICKVM_COMPARE_H
#define TICKVM_COMPARE_H

#include "tickvm/cell.h"
#include "tickvm/report.h"

struct comparison;

/* What --help and docs/compare.md name; texts as typed, NULL: the default. */
struct compare_settings {
	const char *alpha;          /* family-wise level of false alarms: "5%" or "0.05" */
	const char *floor_relative; /* "5%" */
	const char *floor_absolute; /* "100ns,200cycles": those units', in place of the defaults */
	const char *gate; /* FILE of rules; without it docs/compare.md names what is gated */
	bool force;       /* compare different hosts */
	bool strict;      /* inconclusive fails */
	bool quiet;
};

/* -EINVAL with what is wrong with old, fresh, the settings or a rule (file, line, key, what was
 * expected) in diag; so it is with different hosts, and when nothing can be compared. */
int compare_files(struct comparison **comparison, const struct report_file *old,
	const struct report_file *fresh, const struct compare_settings *settings,
	struct diag *diag);

/* Rounds of each side before --live gives up, unless told: of these looks are taken at a quarter,
 * a half, three quarters and all. */
#define COMPARE_ROUNDS_DEFAULT 32
#define COMPARE_CELL_DEFAULT   8 /* how often compare_cell() runs it */
#define COMPARE_ROUNDS_MIN     8
#define COMPARE_ROUNDS_MAX     200

/* Runs the cells in turns, A B B A, until each gated metric is decided, or for rounds_max rounds of
 * each. run: cell_run(), or what stands for it in a test. *comparison is there after -EINTR and
 * other errors too, if a look had been taken. */
int compare_live(struct comparison **comparison, const struct cell cells[2],
	int (*run)(const struct cell *cell, json_t **document, struct diag *diag),
	unsigned rounds_max, const struct compare_settings *settings, struct diag *diag);

/* Runs the cell, and compares with old; again, with the runs of all times, until each gated metric
 * is decided or it was run rounds_max times. *comparison is there after errors too, if a look had
 * been taken. */
int compare_cell(struct comparison **comparison, const struct report_file *old,
	const struct cell *cell, unsigned rounds_max, const struct compare_settings *settings,
	struct diag *diag);

void comparison_destroy(struct comparison *comparison); /* NULL is fine */

/* Verdicts, what was not compared, and the table. */
void comparison_page(const struct comparison *comparison, struct page *page);
/* Member "comparison" of results files (docs/results.md). NULL: no memory. */
json_t *comparison_json(const struct comparison *comparison);
/* 0; 1: a gated metric is worse, or with strict inconclusive or missing, or there is none. */
int comparison_status(const struct comparison *comparison);

/* Shows the comparison as experiments show their pages, and returns an exit status: status, or 1
 * when something could not be written. context: --json, --csv, --markdown, and the command line. */
int comparison_publish(
	const struct comparison *comparison, const struct bench_context *context, int status);

#endif
