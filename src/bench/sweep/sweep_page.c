/* SPDX-License-Identifier: BSD-2-Clause */
/* A sweep's document as a page: the cells' main figures, the median of the rounds and how far they
 * spread; and what is wrong with them. It compares no cells. */
#include "sweep_document.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- figures ---- */

/* What a table of many cells leaves out: files have them all. */
static bool is_main(const json_t *metric)
{
	static const char *const others[] = {"mean", "sd", "max", "p90", "p999"};
	const char *name = json_string_value(json_object_get(metric, "name"));
	const char *slash = strrchr(name, '/');

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		if (slash != NULL && strcmp(slash + 1, others[i]) == 0)
			return false;
	}
	return true;
}

/* Sorts values as numbers. */
static struct spread spread_of(const json_t *values)
{
	size_t n = json_array_size(values);
	double *sorted = calloc(n + 1, sizeof(*sorted));

	for (size_t i = 0; sorted != NULL && i < n; i++)
		sorted[i] = json_number_value(json_array_get(values, i));
	struct spread spread = stats_spread(sorted, sorted != NULL ? n : 0);

	free(sorted);
	return spread;
}

static bool is_all_zero(const struct spread *spread)
{
	return spread->min == 0 && spread->max == 0;
}

static void add_metric(
	struct table *table, const json_t *metric, const char *figure, const struct spread *spread)
{
	const char *unit = json_string_value(json_object_get(metric, "unit"));
	bool ns = strcmp(unit, "ns") == 0;
	const double values[] = {spread->median, spread->min, spread->max};

	table_cell(table, "%s", figure);
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		if (ns)
			table_cell_us(table, values[i]);
		else
			table_cell_figure(table, values[i]);
	}
	table_cell(table, "%s", ns ? "us" : unit);
	table_cell(table, "%zu", json_array_size(json_object_get(metric, "values")));
}

/* The metrics of one cell are those whose names begin with its own, which stands above its table:
 * beside the figures it would not fit a terminal. In CSV it stands before each row. */
static void add_cell(const json_t *metrics, const char *cell, struct page *page)
{
	static const char *const titles[] = {"figure", "median", "least", "most", "unit", "rounds"};
	size_t i, length = strlen(cell);
	struct table *table = NULL;
	json_t *metric;

	json_array_foreach(metrics, i, metric)
	{
		const char *name = json_string_value(json_object_get(metric, "name"));

		if (strncmp(name, cell, length) != 0 || strncmp(name + length, ": ", 2) != 0)
			continue;
		struct spread spread = spread_of(json_object_get(metric, "values"));

		if (!is_main(metric) || is_all_zero(&spread))
			continue;
		if (table == NULL) {
			page_note(page, "%s", cell);
			table = page_table(page, cell, "lrrrlr", titles);
		}
		add_metric(table, metric, name + length + 2, &spread);
	}
}

static void add_figures(const json_t *root, struct page *page)
{
	size_t i;
	json_t *cell;

	json_array_foreach(json_object_get(root, "cells"), i, cell)
	{
		add_cell(json_object_get(root, "metrics"),
			json_string_value(json_object_get(cell, "name")), page);
	}
}

/* ---- what is wrong with them ---- */

/* Numbers of marked rounds, each once. */
static size_t marked_rounds(const json_t *root, char *text, size_t size)
{
	bool *marked = calloc(SWEEP_ROUNDS_MAX + 1, sizeof(*marked));
	size_t i, j, n = 0, used = 0;
	json_t *cell, *round;

	json_array_foreach(json_object_get(root, "cells"), i, cell)
	{
		json_array_foreach(json_object_get(cell, "rounds"), j, round)
		{
			json_int_t number = json_integer_value(json_object_get(round, "round"));

			if (marked != NULL && number <= SWEEP_ROUNDS_MAX &&
				json_is_true(json_object_get(round, "marked")))
				marked[number] = true;
		}
	}
	text[0] = '\0';
	for (size_t number = 1; marked != NULL && number <= SWEEP_ROUNDS_MAX; number++) {
		if (!marked[number])
			continue;
		if (used < size)
			used += (size_t)snprintf(
				text + used, size - used, "%s%zu", n == 0 ? "" : ", ", number);
		n++;
	}
	free(marked);
	return n;
}

static void say_marked(const json_t *root, struct page *page)
{
	const json_t *about = json_object_get(root, "sweep");
	json_int_t percent = json_integer_value(json_object_get(about, "mark_percent"));
	bool alone = json_integer_value(json_object_get(about, "rounds")) == 1;
	char numbers[256];
	size_t n = marked_rounds(root, numbers, sizeof(numbers));

	if (n == 0 && !alone)
		page_note(page,
			"No round is marked: what the host's exits and clock cost moved by "
			"no more than %" JSON_INTEGER_FORMAT " %%.",
			percent);
	else if (n > 0)
		page_note(page,
			"%zu round%s marked, the host was not what it was before: %s. There the "
			"sentinel (an exit's cost, the clock's floor) moved by more than "
			"%" JSON_INTEGER_FORMAT " %%.",
			n, n == 1 ? " is" : "s are", numbers, percent);
}

static void say_failed(const json_t *root, struct page *page)
{
	size_t i, j;
	json_t *cell, *round, *skipped;

	json_array_foreach(json_object_get(root, "cells"), i, cell)
	{
		json_array_foreach(json_object_get(cell, "rounds"), j, round)
		{
			const char *reason = json_string_value(json_object_get(round, "reason"));

			if (json_integer_value(json_object_get(round, "status")) != 0)
				page_verdict(page, VERDICT_BAD,
					"round %" JSON_INTEGER_FORMAT ": %s",
					json_integer_value(json_object_get(round, "round")),
					reason != NULL ? reason : "failed");
		}
	}
	json_array_foreach(json_object_get(root, "skipped"), i, skipped)
	{
		const char *reason = json_string_value(json_object_get(skipped, "reason"));

		page_note(page, "not measured: %s", reason != NULL ? reason : "");
	}
}

struct page *sweep_page(const json_t *root)
{
	const json_t *about = json_object_get(root, "sweep");
	struct page *page = page_create();

	page_heading(page,
		"SWEEP %s: %zu CELLS, %" JSON_INTEGER_FORMAT " ROUNDS (median, least and most of "
		"the rounds)",
		json_string_value(json_object_get(about, "name")),
		json_array_size(json_object_get(root, "cells")),
		json_integer_value(json_object_get(about, "rounds")));
	add_figures(root, page);
	say_failed(root, page);
	if (sweep_document_measured(root))
		say_marked(root, page);
	page_note(page, "A figure of a round is one VM launch's, or the median of its launches. "
			"Figures that are 0 in all rounds, means, deviations and maxima are in the "
			"results file only.");
	return page;
}
