/* SPDX-License-Identifier: BSD-2-Clause */
/* The metrics that both sides have, with their figures, tests and margins. It decides nothing. */
#include "compare.h"

#include "../stats.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Fewer rounds in a side say nothing about its halves. */
#define WANDER_ROUNDS 8
/* Latencies move more than a bare exit does when the host gets slower: here up to twice as much. */
#define HOST_FACTOR 2

/* ---- figures ---- */

static double median_of(const double *values, size_t n)
{
	double *sorted = calloc(n + 1, sizeof(*sorted));

	if (sorted == NULL)
		return NAN;
	if (n > 0)
		memcpy(sorted, values, n * sizeof(*sorted));
	double median = stats_spread(sorted, n).median;

	free(sorted);
	return median;
}

/* Of the blocks' differences: a host that drifts moves both sides of a block. */
static double change_of(const struct compared *metric, size_t block)
{
	size_t n = block > 0 ? metric->n_old / block : 0;
	double *changes = calloc(n + 1, sizeof(*changes));

	if (changes == NULL || n == 0) {
		free(changes);
		return metric->fresh_median - metric->old_median;
	}
	for (size_t i = 0; i < n; i++)
		changes[i] = median_of(metric->fresh + i * block, block) -
			     median_of(metric->old + i * block, block);
	double change = stats_spread(changes, n).median;

	free(changes);
	return change;
}

/* How far the metric moved while one side was measured: the median of its first half to that of its
 * second. What a host does within a sweep it does between two. */
static double wander_of(const double *values, size_t n)
{
	size_t half = n / 2;

	return n >= WANDER_ROUNDS
		       ? fabs(median_of(values, half) - median_of(values + n - half, half))
		       : 0;
}

static double *read_values(const json_t *metric, size_t *n)
{
	const json_t *values = json_object_get(metric, "values");
	double *figures = calloc(json_array_size(values) + 1, sizeof(*figures));

	*n = figures != NULL ? json_array_size(values) : 0;
	for (size_t i = 0; i < *n; i++)
		figures[i] = json_number_value(json_array_get(values, i));
	return figures;
}

/* Sides measured apart are compared as if the host had been as fast for both: a bare exit says how
 * fast it was. Figures that are no times have no such share. */
static void allow_for_host(const struct comparison *comparison, struct compared *metric)
{
	bool is_time = strcmp(metric->unit, "ns") == 0 || strcmp(metric->unit, "cycles") == 0;

	metric->host_speed = 1;
	if (!is_time || comparison->block > 0 || isnan(comparison->host_moved))
		return;
	metric->host_speed = 1 + comparison->host_moved;
	for (size_t i = 0; i < metric->n_fresh; i++)
		metric->fresh[i] /= metric->host_speed;
}

static int set_margins(
	const struct comparison *comparison, struct compared *metric, struct diag *diag)
{
	const struct gate_rule *rule = gates_find(&comparison->gates, metric->name);
	double relative, absolute;
	/* Not everything gets slower by the same share: half of what was allowed for may be wrong.
	 */
	double unsure = fabs(metric->host_speed - 1) / 2;
	int err = 0;

	metric->gated = rule != NULL;
	for (int up = 0; up < 2 && err == 0; up++) {
		err = gates_floors(
			&comparison->gates, rule, up, metric->unit, &relative, &absolute, diag);
		*(up ? &metric->margin_up : &metric->margin_down) =
			fmax(fmax((relative + unsure) * fabs(metric->old_median), absolute),
				metric->wander);
	}
	return err;
}

/* ---- the metrics of both sides ---- */

static int add_pair(struct comparison *comparison, const json_t *old, const json_t *fresh,
	size_t rounds, struct diag *diag)
{
	struct compared *metrics =
		reallocarray(comparison->metrics, comparison->n + 1, sizeof(*metrics));

	if (metrics == NULL)
		return diag_set(diag, -ENOMEM, "out of memory");
	comparison->metrics = metrics;
	struct compared *metric = &metrics[comparison->n++];
	const char *better = json_string_value(json_object_get(old, "better"));

	*metric = (struct compared){.name = json_string_value(json_object_get(old, "name")),
		.unit = json_string_value(json_object_get(old, "unit")),
		.higher_is_better = strcmp(better, "higher") == 0,
		.p = NAN,
		.outcome = OUTCOME_SHOWN};
	metric->old = read_values(old, &metric->n_old);
	metric->fresh = read_values(fresh, &metric->n_fresh);
	if (metric->old == NULL || metric->fresh == NULL)
		return diag_set(diag, -ENOMEM, "out of memory");
	/* A round that has no figure has no place in a block. */
	if (rounds > 0 && (metric->n_old != rounds || metric->n_fresh != rounds))
		metric->n_old = metric->n_fresh = 0;
	allow_for_host(comparison, metric);
	metric->old_median = median_of(metric->old, metric->n_old);
	metric->fresh_median = median_of(metric->fresh, metric->n_fresh);
	metric->wander = comparison->block > 0 ? 0
					       : fmax(wander_of(metric->old, metric->n_old),
							 wander_of(metric->fresh, metric->n_fresh));
	metric->change = change_of(metric, comparison->block);
	if (permutation_test(metric->old, metric->n_old, metric->fresh, metric->n_fresh,
		    comparison->block, &metric->test) < 0)
		return diag_set(diag, -ENOMEM, "out of memory");
	return set_margins(comparison, metric, diag);
}

static bool same_text(const json_t *a, const json_t *b, const char *key)
{
	return strcmp(json_string_value(json_object_get(a, key)),
		       json_string_value(json_object_get(b, key))) == 0;
}

int compare_pair_up(
	struct comparison *comparison, json_t *const index[2], size_t rounds, struct diag *diag)
{
	size_t i;
	json_t *metric;
	int err = 0;

	json_array_foreach(json_object_get(comparison->documents[0], "metrics"), i, metric)
	{
		const char *name = json_string_value(json_object_get(metric, "name"));
		const json_t *fresh = json_object_get(index[1], name);

		if (fresh == NULL) {
			json_array_append(comparison->only[0], json_object_get(metric, "name"));
			continue;
		}
		if (!same_text(metric, fresh, "unit") || !same_text(metric, fresh, "better"))
			return diag_set(diag, -EINVAL,
				"%s: metrics[%zu]: expected the unit and direction that %s has",
				comparison->names[0], i, comparison->names[1]);
		err = add_pair(comparison, metric, fresh, rounds, diag);
		if (err < 0)
			return err;
	}
	json_array_foreach(json_object_get(comparison->documents[1], "metrics"), i, metric)
	{
		json_t *name = json_object_get(metric, "name");

		if (json_object_get(index[0], json_string_value(name)) == NULL)
			json_array_append(comparison->only[1], name);
	}
	return 0;
}
