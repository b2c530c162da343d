/* SPDX-License-Identifier: BSD-2-Clause */
/* Results files: JSON, schema tickvm-results/1 (docs/results.md), with the host's facts in every
 * one. It measures nothing and prints no text. */
#ifndef BENCH_RESULTS_H
#define BENCH_RESULTS_H

#include "stats.h"

#include "tickvm/bench.h"
#include "tickvm/facts_json.h"

#define RESULTS_SCHEMA "tickvm-results/1"

struct results {
	json_t *root;
	json_t *runs; /* root's array of runs */
	struct host_facts facts;
	bool no_memory; /* something was lost: it will not be written */
};

/* Schema, version, time, command line, host and machine. */
void results_begin(struct results *results, const struct bench_context *context, const char *bench);
void results_end(struct results *results);

/* Adds a member to object (or, with key NULL, an element to an array), taking value over. */
void results_add(struct results *results, json_t *object, const char *key, json_t *value);

/* To path, as tickvm/output.h says. */
int results_write(const struct results *results, const char *path, struct diag *diag);

/* Writes to context->json where the user gave it; interrupted is recorded. 0, or 1 with the reason
 * printed. */
int results_finish(struct results *results, const struct bench_context *context, bool interrupted);

/* Samples in TSC ticks, as nanoseconds. */
json_t *results_summary(const struct summary *summary);
/* Bins [low, high, count] in ticks, low to high, empty ones left out. */
json_t *results_histogram(const struct signed_histogram *h);
/* n, mean, p50, p99, max in nanoseconds, and the sum in ticks, of a histogram of ticks. */
json_t *results_ticks(const struct histogram *h);
json_t *results_exits(struct results *results, struct vm *vm, unsigned vcpus);
json_t *results_kvm_stats(struct results *results, struct vm *vm);
json_t *results_timer_thread(struct vm *vm);
json_t *results_dedicated(struct vm *vm);
json_t *results_tsc_offset(struct vm *vm);

#endif
