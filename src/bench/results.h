/* SPDX-License-Identifier: BSD-2-Clause */
/* Results files: JSON, schema tickvm-results/1 (docs/results.md), with the host's facts in every
 * one; and the end of an experiment, when its page is shown. It measures nothing. */
#ifndef BENCH_RESULTS_H
#define BENCH_RESULTS_H

#include "stats.h"

#include "tickvm/bench.h"
#include "tickvm/facts_json.h"
#include "tickvm/page.h"

#define RESULTS_SCHEMA "tickvm-results/1"

struct results {
	json_t *root;
	json_t *runs; /* root's array of runs */
	struct host_facts facts;
	json_t *metrics;   /* root's array of metrics */
	uint64_t begin_ns; /* clock_monotonic_ns() */
	bool no_memory;    /* something was lost: it will not be written */
};

/* Schema, version, time, command line, host and machine. */
void results_begin(struct results *results, const struct bench_context *context, const char *bench);
void results_end(struct results *results);

/* Adds a member to object (or, with key NULL, an element to an array), taking value over. */
void results_add(struct results *results, json_t *object, const char *key, json_t *value);

/* A figure that runs are compared by: member "metrics". name says what was measured with what, in a
 * path of words ("timer/dedicated/100us/p99"), the same in every run of the same configuration;
 * each call adds the figure of one run (VM launch) to that name's values. Figures that are not
 * finite are left out. */
enum better { LOWER_IS_BETTER, HIGHER_IS_BETTER };
__attribute__((format(printf, 5, 6))) void results_metric(struct results *results,
	enum better better, const char *unit, double value, const char *name_format, ...);

/* To path, as tickvm/output.h says. */
int results_write(const struct results *results, const char *path, struct diag *diag);

/* Ends an experiment: the page goes to stdout as text, unless --json, --csv or --markdown go there
 * ("-"); to the files the user named otherwise; into the results document as member "page". Returns
 * status, or 1 with the reason printed when something could not be written. With context->collect
 * the document goes there, and nowhere else. */
int results_publish(struct results *results, struct page *page, const struct bench_context *context,
	int status);

/* Samples in TSC ticks, as nanoseconds. */
json_t *results_summary(const struct summary *summary);
/* Bins [low, high, count] in ticks, low to high, empty ones left out. */
json_t *results_histogram(const struct signed_histogram *h);
/* n, mean, p50, p99, max in nanoseconds, and the sum in ticks, of a histogram of ticks. */
json_t *results_ticks(const struct histogram *h);
json_t *results_exits(struct results *results, struct vm *vm, unsigned vcpus);
json_t *results_kvm_stats(struct results *results, struct vm *vm);
/* What device models counted, those that moved. */
json_t *results_device_counters(struct results *results, struct vm *vm);
json_t *results_timer_thread(struct vm *vm);
json_t *results_dedicated(struct vm *vm);
json_t *results_tsc_offset(struct vm *vm);

#endif
