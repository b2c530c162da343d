/* SPDX-License-Identifier: BSD-2-Clause */
/* The walk over the runs of a results file, wherever they stand in it.
 * It looks into none of them. */
#include "export.h"

#include <errno.h>

struct walk {
	struct export_run run;
	int (*visit)(void *context, const struct export_run *run, struct diag *diag);
	void *context;
	struct diag *diag;
};

/* One run, or an array of them. */
static int walk_runs(struct walk *walk, const json_t *runs)
{
	json_t *json;
	size_t i;
	int err = 0;

	if (json_is_object(runs)) {
		walk->run.json = runs;
		walk->run.number++;
		return walk->visit(walk->context, &walk->run, walk->diag);
	}
	json_array_foreach(runs, i, json)
	{
		walk->run.json = json;
		walk->run.number++;
		err = walk->visit(walk->context, &walk->run, walk->diag);
		if (err < 0)
			break;
	}
	return err;
}

static int walk_cell(struct walk *walk, const json_t *cell)
{
	const json_t *rounds = json_object_get(cell, "rounds");
	json_t *round;
	size_t i;
	int err = 0;

	walk->run.cell = json_string_value(json_object_get(cell, "name"));
	json_array_foreach(rounds, i, round)
	{
		err = walk_runs(walk, json_object_get(round, "run"));
		if (err < 0)
			break;
	}
	return err;
}

int export_runs(const struct report_file *file,
	int (*visit)(void *context, const struct export_run *run, struct diag *diag), void *context,
	struct diag *diag)
{
	json_int_t tsc_hz = json_integer_value(json_object_get(file->root, "tsc_hz"));
	const json_t *cells = json_object_get(file->root, "cells");
	json_t *cell;
	size_t i;

	if (tsc_hz <= 0)
		return diag_set(
			diag, -EINVAL, "%s: expected tsc_hz, an integer above 0", file->path);
	struct walk walk = {.run = {.file = file, .ns_a_tick = 1e9 / (double)tsc_hz},
		.visit = visit,
		.context = context,
		.diag = diag};
	int err = walk_runs(&walk, json_object_get(file->root, "runs"));

	json_array_foreach(cells, i, cell)
	{
		if (err < 0)
			break;
		err = walk_cell(&walk, cell);
	}
	return err;
}
