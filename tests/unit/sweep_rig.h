/* SPDX-License-Identifier: BSD-2-Clause */
/* A sweep's plan and documents without a VM, for the tests of what is done with them. */
#ifndef TESTS_UNIT_SWEEP_RIG_H
#define TESTS_UNIT_SWEEP_RIG_H

#include "../../src/bench/sweep/sweep_document.h"

#include <criterion/criterion.h>

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Cells a, b, c, d. */
static inline struct sweep_plan rig_plan(void)
{
	static const char *const names[] = {"a", "b", "c", "d"};
	static struct cell cells[4];
	struct sweep_plan plan = {.name = "rig",
		.rounds = 3,
		.mark_percent = 10,
		.repeat_percent = 30,
		.cells = cells,
		.n = 4};

	for (size_t i = 0; i < plan.n; i++) {
		cells[i] = (struct cell){.name = names[i],
			.bench = cell_find_bench("timer"),
			.options = {"--count=1"},
			.n_options = 1};
		vm_config_default(&cells[i].machine);
	}
	return plan;
}

static inline struct bench_context rig_context(void)
{
	struct bench_context context = {.command_line = "tickvm sweep"};

	vm_config_default(&context.machine);
	return context;
}

/* What an experiment might have come to. */
static inline json_t *rig_document(double p99)
{
	return json_pack("{s:[{s:s, s:{s:i}, s:i}], s:[{s:s, s:s, s:s, s:[f, f, f]}]}", "runs",
		"source", "x", "events", "origin_tsc", 1, "missed", 0, "metrics", "name",
		"timer/x/p99", "unit", "ns", "better", "lower", "values", p99 + 1000, p99, 0.0);
}

static inline struct sweep_round rig_round(unsigned number)
{
	return (struct sweep_round){.number = number, .sentinel = {{7000, 300}}};
}

/* Every cell of results has one more round. */
static inline void rig_add_round(struct results *results, const struct sweep_plan *plan,
	unsigned number, double p99, int64_t begin_ns)
{
	struct sweep_round round = rig_round(number);

	for (size_t i = 0; i < plan->n; i++) {
		struct sweep_cell_run run = {
			.begin_ns = begin_ns + (int64_t)i, .document = rig_document(p99)};

		if (sweep_document_cell(results->root, plan->cells[i].name) != NULL)
			sweep_document_add(results, &plan->cells[i], &round, &run, false);
		json_decref(run.document);
	}
}

/* The values of a metric; NULL: there is none. */
static inline const json_t *rig_values(const json_t *root, const char *name)
{
	size_t i;
	json_t *metric;

	json_array_foreach(json_object_get(root, "metrics"), i, metric)
	{
		if (strcmp(json_string_value(json_object_get(metric, "name")), name) == 0)
			return json_object_get(metric, "values");
	}
	return NULL;
}

#endif
