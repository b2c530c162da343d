/* SPDX-License-Identifier: BSD-2-Clause */
/* What exporters share: results files as test cases, metrics and runs. Texts are clean, so that a
 * format escapes only its own marks. The formats are described in docs/exporters.md. */
#ifndef REPORT_EXPORT_H
#define REPORT_EXPORT_H

#include "report_pages.h"

#include <stdint.h>
#include <time.h>

/* ---- members ---- */

/* When measuring began, UTC; 1970-01-01T00:00:00 where the file does not say. */
struct tm export_time(const struct report_file *file);
/* How long it took; 0 where the file does not say. */
double export_duration_ns(const struct report_file *file);

/* With jansson's flags. Takes json over; NULL: -ENOMEM, and nothing was printed. */
int export_json(json_t *json, size_t flags, FILE *out, struct diag *diag);

/* ---- test cases ---- */

enum export_outcome {
	EXPORT_PASSED,
	EXPORT_FAILED,  /* a verdict or a gate not met */
	EXPORT_SKIPPED, /* not measured here, or undecided */
	EXPORT_ERROR,   /* what was measured is not whole */
	EXPORT_OUTCOMES
};

struct export_case {
	enum export_outcome outcome;
	char *name; /* the same from run to run: no figures */
	char *text; /* what is to be said of it, with figures; one sentence */
};

/* The cases of one file, never none: whether it is whole, its verdicts, the gates of a comparison,
 * the cells of a sweep, what was skipped. */
struct export_suite {
	const struct report_file *file;
	struct export_case *cases;
	size_t count, capacity;
	size_t outcomes[EXPORT_OUTCOMES]; /* cases of each */
};

/* One suite a file, in order. -EINVAL (no page, or a broken one) or -ENOMEM. */
int export_suites_read(
	struct export_suite **suites, const struct report_file *files, size_t n, struct diag *diag);
void export_suites_free(struct export_suite *suites, size_t n);

/* ---- metrics ---- */

/* A metric of at least one value (tickvm/bench.h: one a VM launch). Texts are the file's. */
struct export_metric {
	const struct report_file *file;
	const char *name, *unit;
	bool higher_is_better;
	const json_t *values;
	size_t n;
	double min, median, max;
};

/* Those of all files, in order, at least one; free() them. -EINVAL: there is none, a broken one, or
 * a name twice. */
int export_metrics_read(struct export_metric **metrics, size_t *count,
	const struct report_file *files, size_t n, struct diag *diag);

/* ---- runs ---- */

struct export_run {
	const struct report_file *file;
	const char *cell; /* of a sweep; NULL elsewhere */
	size_t number;    /* within the file, from 1 */
	const json_t *json;
	double ns_a_tick;
};

/* Calls visit for each run of the file, those in a sweep's cells too, until one returns an error,
 * and returns that. -EINVAL: the file does not say how long a tick is. */
int export_runs(const struct report_file *file,
	int (*visit)(void *context, const struct export_run *run, struct diag *diag), void *context,
	struct diag *diag);

/* ---- formats: as struct report_format's print ---- */

int export_junit(const struct report_file *files, size_t n, FILE *out, struct diag *diag);
int export_tap(const struct report_file *files, size_t n, FILE *out, struct diag *diag);
int export_github(const struct report_file *files, size_t n, FILE *out, struct diag *diag);
int export_github_bigger(const struct report_file *files, size_t n, FILE *out, struct diag *diag);
int export_bencher(const struct report_file *files, size_t n, FILE *out, struct diag *diag);
int export_metrics_csv(const struct report_file *files, size_t n, FILE *out, struct diag *diag);
int export_tidy(const struct report_file *files, size_t n, FILE *out, struct diag *diag);
int export_cyclictest(const struct report_file *files, size_t n, FILE *out, struct diag *diag);
int export_trace(const struct report_file *files, size_t n, FILE *out, struct diag *diag);

#endif
