/* SPDX-License-Identifier: BSD-2-Clause */
/* tickvm-results/1, converted: each metric is a figure of a row whose axes are the words of its
 * name. */
#include "need.h"
#include "results_1_names.h"
#include "results_read.h"

#include "tickvm/word.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define CELL_END ": " /* a sweep's names are "CELL: NAME" */

static const struct flag flags[] = {
	{"marked", FLAG_WARN, "the sweep's reference measurement moved by more than it may"},
	{"magnitude", FLAG_NOTE, "figures that are good near zero were stored without their sign"},
};
enum { MARKED = 1, MAGNITUDE = 2 };

/* ---- datasets ---- */

static struct dataset *set_for(struct document *document, const struct name_form *form, bool cells)
{
	struct dataset *set = document_set(document, form->dataset);
	struct axis axes[NAME_AXES_MAX + 1];
	struct figure figures[DATASET_FIGURES_MAX];
	size_t n = 0;

	if (set != NULL)
		return set;
	for (; form->words[n].axis != NULL; n++)
		axes[n] = (struct axis){.id = form->words[n].axis,
			.unit = form->words[n].unit,
			.fallback = form->words[n].otherwise};
	if (cells)
		axes[n++] = (struct axis){.id = "cell"};
	for (size_t i = 0; i < form->n_figures; i++)
		figures[i] = form->figures[i].figure;
	set = dataset_create(form->dataset, form->title, axes, n, figures, form->n_figures, flags,
		sizeof(flags) / sizeof(flags[0]));
	document_add(document, set);
	return set;
}

/* What no experiment of that version called so is kept, under its name. */
static struct dataset *set_for_others(struct document *document)
{
	static const struct axis axes[] = {{.id = "metric"}, {.id = "unit"}};
	static const struct figure value = {.id = "value"};
	struct dataset *set = document_set(document, "other");

	if (set != NULL)
		return set;
	set = dataset_create("other", "Metrics of other names", axes, 2, &value, 1, flags,
		sizeof(flags) / sizeof(flags[0]));
	document_add(document, set);
	return set;
}

/* ---- a sweep's rounds ---- */

static const json_t *find_cell(const json_t *root, const char *name, size_t length)
{
	size_t i;
	json_t *cell;

	json_array_foreach(json_object_get(root, "cells"), i, cell)
	{
		const char *own = json_string_value(json_object_get(cell, "name"));

		if (own != NULL && strlen(own) == length && memcmp(own, name, length) == 0)
			return cell;
	}
	return NULL;
}

/* The round that the value at that index is of: those that failed have none. NULL: not known. */
static const json_t *round_of(const json_t *cell, size_t index)
{
	size_t i;
	json_t *round;

	json_array_foreach(json_object_get(cell, "rounds"), i, round)
	{
		if (json_integer_value(json_object_get(round, "status")) != 0)
			continue;
		if (index-- == 0)
			return round;
	}
	return NULL;
}

/* ---- metrics ---- */

/* Where the values of a metric go. */
struct place {
	const struct dataset *set;
	struct row *row;
	size_t figure;
	double scale;
	bool magnitudes;
	const json_t *cell; /* NULL: not of a sweep */
};

static void add_values(const struct place *place, const json_t *values)
{
	struct row *row = place->row;
	size_t i;
	json_t *value;

	json_array_foreach(values, i, value)
	{
		const json_t *round = round_of(place->cell, i);
		struct sample *sample;

		if (i == row->n_samples)
			row_sample(place->set, row, 0,
				round != NULL ? (unsigned)json_integer_value(
							json_object_get(round, "round"))
					      : (unsigned)i + 1,
				NULL);
		sample = &row->samples[i];
		if (json_is_number(value))
			sample_figures(place->set, sample)[place->figure] =
				json_number_value(value) * place->scale;
		if (json_is_true(json_object_get(round, "marked")))
			sample->flags |= MARKED;
		if (place->magnitudes)
			sample->flags |= MAGNITUDE;
	}
}

static void add_other(struct document *document, const json_t *metric, const char *name)
{
	const char *unit = json_string_value(json_object_get(metric, "unit"));
	struct dataset *set = set_for_others(document);
	const struct value at[] = {value_word(name), value_word(unit != NULL ? unit : "-")};
	const struct place place = {.set = set, .row = dataset_row(set, at), .scale = 1};

	add_values(&place, json_object_get(metric, "values"));
}

static int add_metric(struct document *document, const json_t *root, const json_t *metric,
	const char *path, struct diag *diag)
{
	const char *name = json_string_value(json_object_get(metric, "name"));
	const json_t *values = json_object_get(metric, "values");
	const char *end = name != NULL ? strstr(name, CELL_END) : NULL;
	struct value at[NAME_AXES_MAX + 1];
	struct name_parsed parsed;
	struct dataset *set;
	size_t n = 0;

	if (name == NULL || !json_is_array(values) || json_array_size(values) > DATASET_ROUNDS_MAX)
		return diag_set(diag, -EINVAL,
			"%s: metrics: expected a name and at most a million values of each", path);
	/* The last one: a cell's name may contain what stands behind it. */
	for (const char *next = end; next != NULL; next = strstr(next + 1, CELL_END))
		end = next;
	if (!name_parse(end != NULL ? end + strlen(CELL_END) : name, &parsed)) {
		add_other(document, metric, name);
		return 0;
	}
	set = set_for(document, parsed.form, end != NULL);
	for (; parsed.form->words[n].axis != NULL; n++)
		at[n] = parsed.at[n];
	if (n + (end != NULL) != set->n_axes)
		return diag_set(diag, -EINVAL,
			"%s: metrics: expected a cell's name of all or of none", path);
	if (end != NULL)
		at[n] = value_word(word_n(name, (size_t)(end - name)));
	const struct place place = {.set = set,
		.row = dataset_row(set, at),
		.figure = (size_t)dataset_figure(set, parsed.figure->figure.id),
		.scale = parsed.figure->scale,
		.magnitudes = parsed.form->magnitudes,
		.cell = end != NULL ? find_cell(root, name, (size_t)(end - name)) : NULL};

	add_values(&place, values);
	return 0;
}

/* ---- the rest ---- */

static void add_skips(struct document *document, const json_t *skipped)
{
	size_t i;
	json_t *skip;

	json_array_foreach(skipped, i, skip)
	{
		const char *cell = json_string_value(json_object_get(skip, "cell"));
		const char *reason = json_string_value(json_object_get(skip, "reason"));

		document_skip(document, &(struct skip){"", cell != NULL ? cell : "",
						SKIP_UNAVAILABLE, reason != NULL ? reason : ""});
	}
}

static void add_about(struct document *document, const json_t *root)
{
	static const char *const keys[] = {"bench", "command_line", "tsc_hz", NULL};
	const json_t *host = json_object_get(root, "host");

	for (size_t i = 0; keys[i] != NULL; i++)
		if (json_object_get(root, keys[i]) != NULL)
			json_object_set(document->about, keys[i], json_object_get(root, keys[i]));
	json_object_set_new(document->about, "build",
		json_pack("{s:O*}", "version", json_object_get(root, "tickvm_version")));
	json_array_append_new(document->invocations,
		json_pack("{s:O*, s:O*}", "time", json_object_get(root, "time"), "host", host));
}

int results_1_read(
	struct document *document, const json_t *root, const char *path, struct diag *diag)
{
	const json_t *metrics = json_object_get(root, "metrics");
	size_t i;
	json_t *metric;

	add_about(document, root);
	json_array_foreach(metrics, i, metric)
	{
		int err = add_metric(document, root, metric, path, diag);

		if (err < 0)
			return err;
	}
	add_skips(document, json_object_get(root, "skipped"));
	document->interrupted = json_is_true(json_object_get(root, "interrupted"));
	return 0;
}
