/* SPDX-License-Identifier: BSD-2-Clause */
/* A comparison as a page and as JSON. It decides nothing. */
#include "compare.h"

#include "../results.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define VERDICTS_MAX 20 /* one line a worse metric; the table has them all */

/* ---- verdicts ---- */

static unsigned count(const struct comparison *comparison, enum outcome outcome)
{
	unsigned n = 0;

	for (size_t i = 0; i < comparison->n; i++)
		n += comparison->metrics[i].gated && comparison->metrics[i].outcome == outcome;
	return n;
}

/* "+12.3 %" of the old median, or in the metric's unit where that is 0. */
static void show_change(const struct compared *metric, char *text, size_t size)
{
	double share = 100 * metric->change / fabs(metric->old_median);

	if (isfinite(share))
		snprintf(text, size, "%+.1f %%", share);
	else if (isfinite(metric->change))
		snprintf(text, size, "%+.3g", metric->change);
	else
		snprintf(text, size, "-");
}

static void show_p(const struct compared *metric, char *text, size_t size)
{
	if (isnan(metric->p))
		snprintf(text, size, "-");
	else if (metric->test.error > 0)
		snprintf(text, size, "~%.2g", metric->p);
	else
		snprintf(text, size, "%.2g", metric->p);
}

static void say_worse(const struct comparison *comparison, struct page *page)
{
	unsigned said = 0, worse = count(comparison, OUTCOME_WORSE);

	for (size_t i = 0; i < comparison->n && said < VERDICTS_MAX; i++) {
		const struct compared *metric = &comparison->metrics[i];
		char change[32], p[32];

		if (!metric->gated || metric->outcome != OUTCOME_WORSE)
			continue;
		show_change(metric, change, sizeof(change));
		show_p(metric, p, sizeof(p));
		page_verdict(page, VERDICT_BAD, "%s is worse: %.6g %s, was %.6g (%s, p = %s)",
			metric->name, metric->fresh_median * metric->host_speed, metric->unit,
			metric->old_median, change, p);
		said++;
	}
	if (worse > said)
		page_verdict(page, VERDICT_BAD, "%u more metrics are worse", worse - said);
}

/* Rounds of each side with which one of so many metrics could be told to differ. */
static unsigned rounds_needed(double alpha, unsigned metrics)
{
	unsigned rounds = 0;

	for (double choices = 1; 2 * metrics > alpha * choices; rounds++)
		choices *= 2 * (2.0 * rounds + 1) / (rounds + 1);
	return rounds;
}

static void say_inconclusive(const struct comparison *comparison, struct page *page)
{
	unsigned n = count(comparison, OUTCOME_INCONCLUSIVE), gated = 0;

	for (size_t i = 0; i < comparison->n; i++)
		gated += comparison->metrics[i].gated;
	if (n == 0)
		return;
	if (comparison->looks_max > 0)
		page_verdict(page, VERDICT_UNKNOWN,
			"%u of %u gated metrics are inconclusive: not decided after %zu rounds", n,
			gated, comparison->rounds);
	else
		page_verdict(page, VERDICT_UNKNOWN,
			"%u of %u gated metrics are inconclusive: too few rounds; to tell any of "
			"so "
			"many takes %u of each side",
			n, gated, rounds_needed(comparison->alpha, gated));
}

/* Names after text, as a note; nothing when there are none. */
static void say_names(struct page *page, bool verdict, const char *text, const json_t *names)
{
	size_t i;
	json_t *name;
	char *list = NULL;

	json_array_foreach(names, i, name)
	{
		char *longer = NULL;

		if (asprintf(&longer, "%s%s%s", i > 0 ? list : "", i > 0 ? ", " : "",
			    json_string_value(name)) < 0)
			break;
		free(list);
		list = longer;
	}
	if (list != NULL && verdict)
		page_verdict(page, VERDICT_UNKNOWN, "%s: %s", text, list);
	else if (list != NULL)
		page_note(page, "%s: %s", text, list);
	free(list);
}

/* No difference found is less than none there. */
static void say_unbounded(const struct comparison *comparison, struct page *page)
{
	unsigned n = 0;

	for (size_t i = 0; i < comparison->n; i++) {
		const struct compared *metric = &comparison->metrics[i];

		n += metric->gated && metric->outcome == OUTCOME_SAME && !metric->bounded &&
		     comparison->looks_max == 0;
	}
	if (n > 0)
		page_note(page,
			"In %u of the gated metrics without a difference the rounds scatter so "
			"much "
			"that one above the floors cannot be excluded: such a gate is a weak one. "
			"More rounds help, or a quieter host.",
			n);
}

static void say_verdicts(const struct comparison *comparison, struct page *page)
{
	unsigned better = count(comparison, OUTCOME_BETTER), same = count(comparison, OUTCOME_SAME),
		 below = count(comparison, OUTCOME_BELOW);

	say_worse(comparison, page);
	if (count(comparison, OUTCOME_WORSE) == 0 && better + same + below > 0)
		page_verdict(page, VERDICT_GOOD,
			"no gated metric is worse: %u better, %u without a difference, %u with one "
			"below the floor",
			better, same, below);
	else if (better + same + below == 0 &&
		 count(comparison, OUTCOME_WORSE) + count(comparison, OUTCOME_INCONCLUSIVE) == 0)
		page_verdict(page, VERDICT_UNKNOWN, "none of the metrics is gated");
	say_inconclusive(comparison, page);
	say_names(page, true, "to be gated, but in no comparison", comparison->unguarded);
}

/* ---- the tables ---- */

/* What a change of this metric had to reach, in the direction that it took. */
static double floor_of(const struct compared *metric)
{
	return metric->change < 0 ? metric->margin_down : metric->margin_up;
}

static void add_row(struct table *table, const struct compared *metric, const char *figure)
{
	bool ns = strcmp(metric->unit, "ns") == 0;
	const double values[] = {
		metric->old_median, metric->fresh_median * metric->host_speed, floor_of(metric)};
	char text[32];

	table_cell(table, "%s", figure);
	table_cell(table, "%s", metric->gated ? "yes" : "");
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		if (ns)
			table_cell_us(table, values[i]);
		else
			table_cell_figure(table, values[i]);
	}
	table_cell(table, "%s", ns ? "us" : metric->unit);
	show_change(metric, text, sizeof(text));
	table_cell(table, "%s", text);
	show_p(metric, text, sizeof(text));
	table_cell(table, "%s", text);
	table_cell(table, "%s", outcome_names[metric->outcome]);
}

/* What metrics of one cell and experiment have in common: their names up to the last '/'. */
static size_t group_length(const struct compared *metric)
{
	const char *slash = strrchr(metric->name, '/');

	return slash != NULL ? (size_t)(slash - metric->name) : 0;
}

static bool same_group(const struct compared *a, const struct compared *b)
{
	return group_length(a) == group_length(b) && a->n_old == b->n_old &&
	       a->n_fresh == b->n_fresh && strncmp(a->name, b->name, group_length(a)) == 0;
}

/* Names stand above their tables, so that these fit a terminal. Returns the first metric behind. */
static size_t add_group(const struct comparison *comparison, size_t first, struct page *page)
{
	static const char *const titles[] = {
		"figure", "gate", "old", "new", "floor", "unit", "change", "p", "outcome"};
	const struct compared *head = &comparison->metrics[first];
	size_t length = group_length(head), i = first;
	char name[256];

	page_note(page, "%.*s%s%zu and %zu rounds", (int)length, head->name, length > 0 ? ", " : "",
		head->n_old, head->n_fresh);
	/* In CSV its name stands before every row. */
	snprintf(name, sizeof(name), "%.*s", (int)length, head->name);
	struct table *table =
		page_table(page, length > 0 ? name : "comparison", "llrrrlrrl", titles);

	for (; i < comparison->n && same_group(head, &comparison->metrics[i]); i++) {
		const struct compared *metric = &comparison->metrics[i];

		add_row(table, metric, metric->name + length + (length > 0));
	}
	return i;
}

static void say_host(const struct comparison *comparison, struct page *page)
{
	if (isfinite(comparison->host_moved))
		page_note(page,
			"The host itself: an exit without tickvm took %+.1f %% in the new one. The "
			"changes "
			"of times are what is left when that is allowed for, and their floors are "
			"larger by half of it.",
			100 * comparison->host_moved);
}

void comparison_page(const struct comparison *comparison, struct page *page)
{
	char looks[96] = "";

	if (comparison->forced[0] != '\0')
		page_verdict(page, VERDICT_UNKNOWN, "the hosts differ, compared with --force: %s",
			comparison->forced);
	page_heading(page, "%s (old) and %s (new)", comparison->names[0], comparison->names[1]);
	say_verdicts(comparison, page);
	for (size_t i = 0; i < comparison->n;)
		i = add_group(comparison, i, page);
	if (comparison->looks_max > 1)
		snprintf(looks, sizeof(looks), ", --alpha shared by %u looks%s",
			comparison->looks_max,
			comparison->block > 0 ? "; change: median of those within each A B B A"
					      : "");
	page_note(page,
		"old, new: medians over the rounds; p: exact permutation test over rounds, after "
		"Holm's correction; a difference counts from p <= %.3g on%s, if it reaches the "
		"floor "
		"(docs/compare.md). Metrics named max are not judged.",
		comparison->alpha, looks);
	say_host(comparison, page);
	say_unbounded(comparison, page);
	say_names(page, false, "only in the old one", comparison->only[0]);
	say_names(page, false, "only in the new one", comparison->only[1]);
}

/* ---- JSON ---- */

static json_t *number(double value)
{
	return isfinite(value) ? json_real(value) : json_null();
}

static json_t *numbers(const double *values, size_t n, double scale)
{
	json_t *array = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(array, number(values[i] * scale));
	return array;
}

static json_t *metric_json(const struct compared *metric)
{
	return json_pack(
		"{s:s, s:s, s:s, s:b, s:s, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
		"name", metric->name, "unit", metric->unit, "better",
		metric->higher_is_better ? "higher" : "lower", "gated", metric->gated, "outcome",
		outcome_names[metric->outcome], "bounded", metric->bounded, "old",
		numbers(metric->old, metric->n_old, 1), "new",
		numbers(metric->fresh, metric->n_fresh, metric->host_speed), "old_median",
		number(metric->old_median), "new_median",
		number(metric->fresh_median * metric->host_speed), "change", number(metric->change),
		"p", number(metric->p), "wander", number(metric->wander), "p_error",
		number(metric->test.error), "floor_up", number(metric->margin_up), "floor_down",
		number(metric->margin_down));
}

json_t *comparison_json(const struct comparison *comparison)
{
	json_t *metrics = json_array();

	for (size_t i = 0; i < comparison->n; i++) {
		if (json_array_append_new(metrics, metric_json(&comparison->metrics[i])) < 0) {
			json_decref(metrics);
			return NULL;
		}
	}
	return json_pack("{s:o, s:o, s:f, s:i, s:o, s:o, s:O, s:O, s:O, s:o}", "old",
		json_text(comparison->names[0]), "new", json_text(comparison->names[1]), "alpha",
		comparison->alpha, "looks", (int)comparison->looks, "host_moved",
		number(comparison->host_moved), "hosts_differ", json_text(comparison->forced),
		"only_old", comparison->only[0], "only_new", comparison->only[1], "not_guarded",
		comparison->unguarded, "metrics", metrics);
}

int comparison_publish(
	const struct comparison *comparison, const struct bench_context *context, int status)
{
	struct results results;
	struct page *page = page_create();

	results_begin(&results, context, "compare");
	comparison_page(comparison, page);
	results_add(&results, results.root, "comparison", comparison_json(comparison));
	status = results_publish(&results, page, context, status);
	page_destroy(page);
	results_end(&results);
	return status;
}
