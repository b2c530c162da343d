/* SPDX-License-Identifier: BSD-2-Clause */
/* Two configurations against each other, now: rounds in turns until each gated metric is decided.
 * What a round is, the runner knows. */
#include "compare.h"

#include "progress.h"
#include "stats.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK 2 /* rounds of each side in an A B B A */
#define LOOKS 4

struct live {
	const struct cell *cells;
	int (*run)(const struct cell *cell, json_t **document, struct diag *diag);
	json_t *sides[2];   /* documents that grow: {"metrics": [...]} */
	json_t *by_name[2]; /* their metrics */
	size_t rounds;      /* whole, of each side */
};

/* ---- a round ---- */

/* One figure a round, however many runs the experiment made of it. */
static int append_figure(json_t *values, const json_t *of_round)
{
	size_t n = json_array_size(of_round);
	double *sorted = calloc(n + 1, sizeof(*sorted));

	if (sorted == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		sorted[i] = json_number_value(json_array_get(of_round, i));
	int err = n > 0 ? json_array_append_new(values, json_real(stats_spread(sorted, n).median))
			: 0;

	free(sorted);
	return err < 0 ? -ENOMEM : 0;
}

static json_t *new_metric(struct live *live, int side, const json_t *metric)
{
	json_t *mine = json_pack("{s:O, s:O, s:O, s:[]}", "name", json_object_get(metric, "name"),
		"unit", json_object_get(metric, "unit"), "better",
		json_object_get(metric, "better"), "values");
	const char *name = json_string_value(json_object_get(metric, "name"));

	json_array_append_new(json_object_get(live->sides[side], "metrics"), mine);
	json_object_set(live->by_name[side], name, mine);
	return json_object_get(live->by_name[side], name);
}

static int add_round(struct live *live, int side, const json_t *document, struct diag *diag)
{
	size_t i;
	json_t *metric, *index;
	int err = compare_read_metrics(document, live->cells[side].name, &index, diag);

	json_decref(index);
	if (err < 0)
		return err;
	json_array_foreach(json_object_get(document, "metrics"), i, metric)
	{
		json_t *mine = json_object_get(
			live->by_name[side], json_string_value(json_object_get(metric, "name")));

		if (mine == NULL)
			mine = new_metric(live, side, metric);
		if (append_figure(
			    json_object_get(mine, "values"), json_object_get(metric, "values")) < 0)
			return diag_set(diag, -ENOMEM, "out of memory");
	}
	return 0;
}

static int run_round(struct live *live, int side, struct diag *diag)
{
	json_t *document = NULL;
	int err = live->run(&live->cells[side], &document, diag);

	if (err == 0 && document == NULL)
		err = diag_set(diag, -EIO, "%s: no results", live->cells[side].name);
	if (err == 0)
		err = add_round(live, side, document, diag);
	json_decref(document);
	return err;
}

static int run_block(struct live *live, struct progress *progress, struct diag *diag)
{
	static const int order[2 * BLOCK] = {0, 1, 1, 0};
	int err = 0;

	for (int i = 0; i < 2 * BLOCK && err == 0; i++) {
		progress_step(progress, "%s", live->cells[order[i]].name);
		err = run_round(live, order[i], diag);
	}
	live->rounds += err == 0 ? BLOCK : 0;
	return err;
}

/* ---- looks ---- */

/* Whole blocks, the last look at all of them. */
static unsigned look_rounds(unsigned look, unsigned rounds_max)
{
	unsigned blocks = rounds_max / BLOCK;

	return (blocks * (look + 1) + LOOKS - 1) / LOOKS * BLOCK;
}

static int take_look(struct live *live, struct comparison *comparison, struct diag *diag)
{
	const char *const names[2] = {live->cells[0].name, live->cells[1].name};

	int err = comparison_judge(comparison, live->sides, names, live->rounds, diag);

	comparison->rounds = live->rounds;
	comparison->looks += err == 0;
	return err;
}

/* The level is shared out equally (Bonferroni over the looks), so that looking early costs no false
 * alarms, whenever it ends. */
static int run_looks(struct live *live, struct comparison *comparison, unsigned rounds_max,
	bool quiet, struct diag *diag)
{
	struct progress progress = progress_begin(rounds_max * 2, quiet);
	int err = 0;

	comparison->alpha /= LOOKS;
	comparison->block = BLOCK;
	for (unsigned look = 0; look < LOOKS && err == 0; look++) {
		while (live->rounds < look_rounds(look, rounds_max) && err == 0)
			err = run_block(live, &progress, diag);
		if (err == 0)
			err = take_look(live, comparison, diag);
		if (err == 0 && comparison_is_decided(comparison))
			break;
	}
	progress_end(&progress);
	return err;
}

int compare_live(struct comparison **comparison, const struct cell cells[2],
	int (*run)(const struct cell *cell, json_t **document, struct diag *diag),
	unsigned rounds_max, const struct compare_settings *settings, struct diag *diag)
{
	struct live live = {.cells = cells, .run = run};
	int err;

	*comparison = comparison_create(settings, &err, diag);
	if (*comparison == NULL)
		return err;
	for (int side = 0; side < 2; side++) {
		live.sides[side] = json_pack("{s:[]}", "metrics");
		live.by_name[side] = json_object();
	}
	err = run_looks(&live, *comparison, rounds_max, settings->quiet, diag);
	for (int side = 0; side < 2; side++) {
		json_decref(live.sides[side]);
		json_decref(live.by_name[side]);
	}
	if (err < 0 && (*comparison)->looks == 0) {
		comparison_destroy(*comparison);
		*comparison = NULL;
	}
	return err;
}
