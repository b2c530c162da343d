/* SPDX-License-Identifier: BSD-2-Clause */
/* Decides, metric by metric, what became of it between two sides of results (docs/compare.md).
 * How rounds are made is compare_live.c's, how it is shown compare_page.c's. */
#include "compare.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const outcome_names[] = {[OUTCOME_SAME] = "no difference",
	[OUTCOME_BELOW] = "below the floor",
	[OUTCOME_BETTER] = "better",
	[OUTCOME_WORSE] = "worse",
	[OUTCOME_INCONCLUSIVE] = "inconclusive",
	[OUTCOME_SHOWN] = "not judged"};

static int no_memory(struct diag *diag)
{
	return diag_set(diag, -ENOMEM, "out of memory");
}

/* ---- judging ---- */

/* A change must reach all floors, and a margin of 0 be passed. */
static bool is_large(const struct compared *metric, bool up)
{
	double margin = up ? metric->margin_up : metric->margin_down;
	double size = up ? metric->change : -metric->change;

	return size > 0 && size >= margin;
}

/* Two one-sided tests (Schuirmann 1987): with the margin taken off, fresh lies below old; with it
 * put on, above. Then, whatever the difference is, it is within the margins. */
static int find_bounded(struct compared *metric, size_t block, double alpha)
{
	struct permutation below = {.below = 1}, above = {.above = 1};
	double *shifted = calloc(metric->n_fresh + 1, sizeof(*shifted));
	int err = shifted == NULL ? -ENOMEM : 0;

	for (size_t i = 0; i < metric->n_fresh && err == 0; i++)
		shifted[i] = metric->fresh[i] - metric->margin_up;
	if (err == 0)
		err = permutation_test(
			metric->old, metric->n_old, shifted, metric->n_fresh, block, &below);
	for (size_t i = 0; i < metric->n_fresh && err == 0; i++)
		shifted[i] = metric->fresh[i] + metric->margin_down;
	if (err == 0)
		err = permutation_test(
			metric->old, metric->n_old, shifted, metric->n_fresh, block, &above);
	free(shifted);
	metric->bounded = fmax(below.below, above.above) <= alpha;
	return err;
}

/* Where rounds can be added, "no difference" must be shown, not only not refuted. */
static enum outcome outcome_of(const struct comparison *comparison, const struct compared *metric)
{
	bool up = metric->test.above < metric->test.below;
	bool differs = metric->p <= comparison->alpha;
	bool adds_rounds = comparison->looks_max > 0;

	if (differs && is_large(metric, up))
		return up == metric->higher_is_better ? OUTCOME_BETTER : OUTCOME_WORSE;
	if (metric->least > comparison->alpha || (adds_rounds && !metric->bounded))
		return OUTCOME_INCONCLUSIVE;
	return differs ? OUTCOME_BELOW : OUTCOME_SAME;
}

static int judge(const struct comparison *comparison, struct compared *metric)
{
	int err = find_bounded(metric, comparison->block, comparison->alpha);

	metric->outcome = outcome_of(comparison, metric);
	return err;
}

/* Gated metrics are a family, and the others that are judged are one: what is only shown does not
 * cost the gates power. */
static int judge_family(struct comparison *comparison, bool gated)
{
	double *p = calloc(2 * comparison->n + 1, sizeof(*p));
	size_t n = 0;

	if (p == NULL)
		return -ENOMEM;
	double *least = p + comparison->n;

	for (size_t i = 0; i < comparison->n; i++) {
		const struct compared *metric = &comparison->metrics[i];

		if (metric->gated != gated || gate_is_maximum(metric->name))
			continue;
		p[n] = metric->test.p;
		least[n++] = metric->test.least;
	}
	int err = permutation_holm(p, n);

	if (err == 0)
		err = permutation_holm(least, n);
	for (size_t i = 0, k = 0; i < comparison->n && err == 0; i++) {
		struct compared *metric = &comparison->metrics[i];

		if (metric->gated != gated || gate_is_maximum(metric->name))
			continue;
		metric->p = p[k];
		metric->least = least[k++];
		err = judge(comparison, metric);
	}
	free(p);
	return err;
}

/* ---- both documents ---- */

/* A gate that guards nothing must not look like one that was passed. */
static void find_unguarded(struct comparison *comparison)
{
	const struct gates *gates = &comparison->gates;
	size_t i;
	json_t *name;

	json_array_foreach(comparison->only[0], i, name)
	{
		if (gates_find(gates, json_string_value(name)) != NULL)
			json_array_append(comparison->unguarded, name);
	}
	for (size_t r = 0; r < gates->n; r++) {
		bool used = gates->rules[r].line == 0;

		for (size_t m = 0; m < comparison->n && !used; m++)
			used = gates_find(gates, comparison->metrics[m].name) == &gates->rules[r];
		if (!used)
			json_array_append_new(comparison->unguarded,
				json_sprintf("%s:%u: [gate \"%s\"]", gates->path,
					gates->rules[r].line, gates->rules[r].pattern));
	}
}

static void forget(struct comparison *comparison)
{
	for (size_t i = 0; i < comparison->n; i++) {
		free(comparison->metrics[i].old);
		free(comparison->metrics[i].fresh);
	}
	comparison->n = 0;
	json_array_clear(comparison->unguarded);
	for (int side = 0; side < 2; side++) {
		json_array_clear(comparison->only[side]);
		json_decref(comparison->documents[side]);
		comparison->documents[side] = NULL;
	}
}

int comparison_judge(struct comparison *comparison, json_t *const documents[2],
	const char *const names[2], size_t rounds, struct diag *diag)
{
	json_t *index[2] = {NULL, NULL};
	int err = 0;

	forget(comparison);
	for (int side = 0; side < 2; side++) {
		comparison->documents[side] = json_incref(documents[side]);
		comparison->names[side] = names[side];
	}
	for (int side = 0; side < 2 && err == 0; side++)
		err = compare_read_metrics(documents[side], names[side], &index[side], diag);
	comparison->host_moved = compare_host_moved(documents);
	if (err == 0)
		err = compare_pair_up(comparison, index, rounds, diag);
	if (err == 0 && comparison->n == 0)
		err = diag_set(diag, -EINVAL,
			"nothing in common: %s has %zu metrics, %s has %zu, none of the same name",
			names[0], json_array_size(comparison->only[0]), names[1],
			json_array_size(comparison->only[1]));
	for (int gated = 0; gated < 2 && err == 0; gated++) {
		if (judge_family(comparison, gated) < 0)
			err = no_memory(diag);
	}
	if (err == 0)
		find_unguarded(comparison);
	json_decref(index[0]);
	json_decref(index[1]);
	return err;
}

int comparison_check_hosts(struct comparison *comparison, json_t *const documents[2],
	const char *const names[2], bool force, struct diag *diag)
{
	char *differ = comparison->forced;

	compare_hosts(documents, differ, sizeof(comparison->forced));
	if (*differ == '\0' || force)
		return 0;
	return diag_set(diag, -EINVAL,
		"%s and %s are of different hosts: %s; expected one host, or --force", names[0],
		names[1], differ);
}

bool comparison_is_decided(const struct comparison *comparison)
{
	for (size_t i = 0; i < comparison->n; i++) {
		if (comparison->metrics[i].gated &&
			comparison->metrics[i].outcome == OUTCOME_INCONCLUSIVE)
			return false;
	}
	return true;
}

int comparison_status(const struct comparison *comparison)
{
	bool gated = false, worse = false;

	for (size_t i = 0; i < comparison->n; i++) {
		const struct compared *metric = &comparison->metrics[i];

		gated |= metric->gated;
		worse |= metric->gated && metric->outcome == OUTCOME_WORSE;
	}
	bool open = !gated || !comparison_is_decided(comparison) ||
		    json_array_size(comparison->unguarded) > 0;

	return worse || (open && comparison->strict) ? 1 : 0;
}

/* ---- beginning and end ---- */

struct comparison *comparison_create(
	const struct compare_settings *settings, int *err, struct diag *diag)
{
	struct comparison *comparison = calloc(1, sizeof(*comparison));

	if (comparison == NULL) {
		*err = no_memory(diag);
		return NULL;
	}
	comparison->only[0] = json_array();
	comparison->only[1] = json_array();
	comparison->unguarded = json_array();
	comparison->strict = settings->strict;
	comparison->alpha = 0.05;
	*err = gates_read(&comparison->gates, settings->gate, settings->floor_relative,
		settings->floor_absolute, diag);
	if (*err == 0 && settings->alpha != NULL &&
		(ratio_parse(settings->alpha, 0.5, &comparison->alpha) < 0 ||
			comparison->alpha <= 0))
		*err = diag_set(diag, -EINVAL,
			"--alpha %s: expected a share above 0, at most 50%%, as 5%% or 0.05",
			settings->alpha);
	if (*err == 0)
		return comparison;
	comparison_destroy(comparison);
	return NULL;
}

void comparison_destroy(struct comparison *comparison)
{
	if (comparison == NULL)
		return;
	forget(comparison);
	json_decref(comparison->only[0]);
	json_decref(comparison->only[1]);
	json_decref(comparison->unguarded);
	gates_free(&comparison->gates);
	free(comparison->metrics);
	free(comparison);
}

int compare_files(struct comparison **comparison, const struct report_file *old,
	const struct report_file *fresh, const struct compare_settings *settings, struct diag *diag)
{
	json_t *const documents[2] = {old->root, fresh->root};
	const char *const names[2] = {old->path, fresh->path};
	int err;

	*comparison = comparison_create(settings, &err, diag);
	if (*comparison == NULL)
		return err;
	err = comparison_check_hosts(*comparison, documents, names, settings->force, diag);
	if (err == 0)
		err = comparison_judge(*comparison, documents, names, 0, diag);
	if (err < 0) {
		comparison_destroy(*comparison);
		*comparison = NULL;
	}
	return err;
}
