/* SPDX-License-Identifier: BSD-2-Clause */
/* A sweep's results document as JSON: its cells, their rounds, their metrics.
 * It runs nothing and judges no figure. */
#include "sweep_document.h"

#include "../compare/compare.h"

#include "tickvm/clock.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const sentinel_names[SENTINEL_FIGURES] = {
	[SENTINEL_EXIT] = "bare_exit_ns",
	[SENTINEL_TSC_POLL] = "tsc_poll_p99_ns",
};
static const char *const sentinel_flags[SENTINEL_FIGURES] = {
	[SENTINEL_EXIT] = "bare-exit-moved",
	[SENTINEL_TSC_POLL] = "tsc-poll-moved",
};

/* ---- beginning ---- */

static json_t *known(const char *text)
{
	return *text != '\0' ? json_text(text) : json_null();
}

static json_t *fingerprint_json(const struct host_facts *facts)
{
	return json_pack("{s:o, s:o, s:s, s:i, s:I}", "cpu_model", known(facts->cpu_model),
		"kernel", known(facts->kernel), "kvm_backend", kvm_backend_name(facts->backend),
		"cpus", facts->cpus_online, "tsc_hz", (json_int_t)facts->tsc_hz);
}

static json_t *options_json(struct results *results, const struct cell *cell)
{
	json_t *options = json_array();

	for (size_t i = 0; i < cell->n_options; i++)
		results_add(results, options, NULL, json_text(cell->options[i]));
	return options;
}

static bool in_shard(size_t index, unsigned shard, unsigned shards)
{
	return shards == 0 || index % shards + 1 == shard;
}

static json_t *cells_json(
	struct results *results, const struct sweep_plan *plan, unsigned shard, unsigned shards)
{
	json_t *cells = json_array();

	for (size_t i = 0; i < plan->n; i++) {
		const struct cell *cell = &plan->cells[i];

		if (in_shard(i, shard, shards))
			results_add(results, cells, NULL,
				json_pack("{s:s, s:I, s:s, s:o, s:o, s:[]}", "name", cell->name,
					"index", (json_int_t)i, "bench", cell->bench->name,
					"options", options_json(results, cell), "machine",
					machine_json(&cell->machine), "rounds"));
	}
	return cells;
}

static json_t *about_json(const struct sweep_plan *plan)
{
	return json_pack("{s:o, s:I, s:I, s:I, s:I}", "name", json_text(plan->name), "cells",
		(json_int_t)plan->n, "rounds", (json_int_t)plan->rounds, "mark_percent",
		(json_int_t)plan->mark_percent, "repeat_percent", (json_int_t)plan->repeat_percent);
}

void sweep_document_begin(struct results *results, const struct bench_context *context,
	const struct sweep_plan *plan, unsigned shard, unsigned shards)
{
	results_begin(results, context, "sweep");
	results_add(results, results->root, "fingerprint", fingerprint_json(&results->facts));
	results_add(results, results->root, "sweep", about_json(plan));
	results_add(results, results->root, "cells", cells_json(results, plan, shard, shards));
	results_add(results, results->root, "skipped", json_array());
	results_add(results, results->root, "interrupted", json_true());
}

void sweep_document_set_rounds(struct results *results, unsigned rounds)
{
	results_add(results, json_object_get(results->root, "sweep"), "rounds",
		json_integer((json_int_t)rounds));
}

/* The same cells in the same order, whatever became of them. */
static int check_same_cells(
	const json_t *old, const json_t *new, const char *path, struct diag *diag)
{
	static const char *const keys[] = {"name", "bench", "options", "machine", "index"};
	size_t n = json_array_size(new);

	if (json_array_size(old) != n)
		return diag_set(diag, -EINVAL, "%s: it has %zu cells, this sweep has %zu", path,
			json_array_size(old), n);
	for (size_t i = 0; i < n; i++) {
		const json_t *a = json_array_get(old, i), *b = json_array_get(new, i);

		for (size_t k = 0; k < sizeof(keys) / sizeof(keys[0]); k++) {
			if (!json_equal(json_object_get(a, keys[k]), json_object_get(b, keys[k])))
				return diag_set(diag, -EINVAL,
					"%s: cells[%zu].%s is not that of this sweep's cell %s",
					path, i, keys[k],
					json_string_value(json_object_get(b, "name")));
		}
	}
	return 0;
}

static int check_same_sweep(json_t *old, json_t *new, const char *path, struct diag *diag)
{
	int err = check_same_cells(
		json_object_get(old, "cells"), json_object_get(new, "cells"), path, diag);
	char differ[256];

	compare_hosts((json_t *const[]){old, new}, differ, sizeof(differ));
	if (err == 0 && differ[0] != '\0')
		err = diag_set(diag, -EINVAL, "%s: it is of another host: %s", path, differ);
	return err;
}

int sweep_document_resume(struct results *results, const struct bench_context *context,
	const struct sweep_plan *plan, unsigned shard, unsigned shards, json_t *root,
	const char *path, struct diag *diag)
{
	sweep_document_begin(results, context, plan, shard, shards);
	int err = sweep_document_check(root, path, diag);

	if (err == 0)
		err = check_same_sweep(root, results->root, path, diag);
	if (err < 0) {
		json_decref(root);
		return err;
	}
	/* Of the new document only what may have been asked for anew. */
	results_add(results, root, "sweep", json_incref(json_object_get(results->root, "sweep")));
	results_add(results, root, "skipped", json_array());
	results_add(results, root, "interrupted", json_true());
	json_decref(results->root);
	results->root = root;
	results->runs = json_object_get(root, "runs");
	results->metrics = json_object_get(root, "metrics");
	return 0;
}

/* ---- looking into it ---- */

json_t *sweep_document_cell(const json_t *root, const char *name)
{
	size_t i;
	json_t *cell;

	json_array_foreach(json_object_get(root, "cells"), i, cell)
	{
		if (strcmp(json_string_value(json_object_get(cell, "name")), name) == 0)
			return cell;
	}
	return NULL;
}

bool sweep_cell_has_round(const json_t *cell, unsigned round)
{
	size_t i;
	json_t *done;

	json_array_foreach(json_object_get(cell, "rounds"), i, done)
	{
		if (json_integer_value(json_object_get(done, "round")) == (json_int_t)round)
			return true;
	}
	return false;
}

bool sweep_document_skips(const json_t *root, const char *cell)
{
	size_t i;
	json_t *skipped;

	json_array_foreach(json_object_get(root, "skipped"), i, skipped)
	{
		const char *name = json_string_value(json_object_get(skipped, "cell"));

		if (name != NULL && strcmp(name, cell) == 0)
			return true;
	}
	return false;
}

static struct sweep_sentinel sentinel_of(const json_t *json)
{
	struct sweep_sentinel sentinel;

	for (unsigned i = 0; i < SENTINEL_FIGURES; i++) {
		const json_t *value = json_object_get(json, sentinel_names[i]);

		sentinel.ns[i] = json_is_number(value) ? json_number_value(value) : (double)NAN;
	}
	return sentinel;
}

/* Every cell of a round has the same: the cell with most rounds has them all. */
size_t sweep_document_sentinels(const json_t *root, struct sweep_sentinel *values, size_t max)
{
	const json_t *most = NULL;
	size_t i, n = 0;
	json_t *cell, *round;

	json_array_foreach(json_object_get(root, "cells"), i, cell)
	{
		const json_t *rounds = json_object_get(cell, "rounds");

		if (json_array_size(rounds) > json_array_size(most))
			most = rounds;
	}
	json_array_foreach(most, i, round)
	{
		if (n < max)
			values[n++] = sentinel_of(json_object_get(round, "sentinel"));
	}
	return n;
}

static bool any_round(const json_t *root, bool failed)
{
	size_t i, j;
	json_t *cell, *round;

	json_array_foreach(json_object_get(root, "cells"), i, cell)
	{
		json_array_foreach(json_object_get(cell, "rounds"), j, round)
		{
			if ((json_integer_value(json_object_get(round, "status")) != 0) == failed)
				return true;
		}
	}
	return false;
}

bool sweep_document_failed(const json_t *root)
{
	return any_round(root, true);
}

bool sweep_document_measured(const json_t *root)
{
	return any_round(root, false);
}

/* ---- a cell's round ---- */

static json_t *sentinel_json(struct results *results, const struct sweep_sentinel *sentinel)
{
	json_t *json = json_object();

	for (unsigned i = 0; i < SENTINEL_FIGURES; i++) {
		if (!isnan(sentinel->ns[i]))
			results_add(results, json, sentinel_names[i],
				json_integer(llround(sentinel->ns[i])));
	}
	return json;
}

static bool is_marked(const struct sweep_round *round)
{
	bool marked = false;

	for (unsigned i = 0; i < SENTINEL_FIGURES; i++)
		marked |= round->moved[i];
	return marked;
}

static json_t *flags_json(struct results *results, const struct sweep_round *round)
{
	json_t *array = json_array();
	bool silent = true;

	for (unsigned i = 0; i < SENTINEL_FIGURES; i++) {
		silent &= isnan(round->sentinel.ns[i]);
		if (round->moved[i])
			results_add(results, array, NULL, json_string(sentinel_flags[i]));
	}
	if (silent)
		results_add(results, array, NULL, json_string("no-sentinel"));
	if (round->repeats > 0)
		results_add(results, array, NULL, json_string("repeated"));
	return array;
}

/* Events are most of a document, and a sweep has many. */
static json_t *runs_json(struct results *results, const json_t *document, bool events)
{
	json_t *runs = json_array(), *run;
	size_t i;

	json_array_foreach(json_object_get(document, "runs"), i, run)
	{
		json_t *kept = json_copy(run);

		if (!events)
			json_object_del(kept, "events");
		results_add(results, runs, NULL, kept);
	}
	return runs;
}

/* The figure of a round, where the experiment made several runs of its own. */
static double middle(const json_t *values)
{
	size_t n = json_array_size(values), used = 0;
	double *sorted = calloc(n + 1, sizeof(*sorted));

	for (size_t i = 0; sorted != NULL && i < n; i++) {
		const json_t *value = json_array_get(values, i);

		if (json_is_number(value))
			sorted[used++] = json_number_value(value);
	}
	double median = used > 0 ? stats_spread(sorted, used).median : (double)NAN;

	free(sorted);
	return median;
}

static void add_metrics(struct results *results, const char *cell, const json_t *document)
{
	size_t i;
	json_t *metric;

	json_array_foreach(json_object_get(document, "metrics"), i, metric)
	{
		const char *better = json_string_value(json_object_get(metric, "better"));

		results_metric(results,
			strcmp(better, "higher") == 0 ? HIGHER_IS_BETTER : LOWER_IS_BETTER,
			json_string_value(json_object_get(metric, "unit")),
			middle(json_object_get(metric, "values")), "%s: %s", cell,
			json_string_value(json_object_get(metric, "name")));
	}
}

static void add_skipped(struct results *results, const char *cell, const char *reason)
{
	json_t *skipped = json_object_get(results->root, "skipped");

	results_add(results, skipped, NULL,
		json_pack("{s:s, s:o}", "cell", cell, "reason", json_text(reason)));
}

void sweep_document_add(struct results *results, const struct cell *cell,
	const struct sweep_round *round, const struct sweep_cell_run *run, bool events)
{
	json_t *rounds = json_object_get(sweep_document_cell(results->root, cell->name), "rounds");

	if (run->err == -ENOTSUP) {
		add_skipped(results, cell->name, run->diag.text);
		return;
	}
	json_t *json = json_pack("{s:i, s:I, s:o, s:b, s:o, s:i, s:o}", "round", (int)round->number,
		"begin_ns", (json_int_t)run->begin_ns, "sentinel",
		sentinel_json(results, &round->sentinel), "marked", is_marked(round), "flags",
		flags_json(results, round), "status", run->err == 0 ? 0 : 1, "run",
		runs_json(results, run->document, events));

	results_add(results, rounds, NULL, json);
	if (round->repeats > 0)
		results_add(results, json, "repeats", json_integer((json_int_t)round->repeats));
	if (run->err < 0)
		results_add(results, json, "reason", json_text(run->diag.text));
	else
		add_metrics(results, cell->name, run->document);
}
