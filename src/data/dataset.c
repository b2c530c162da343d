/* SPDX-License-Identifier: BSD-2-Clause */
/* Datasets: rows by the values of their axes, and what of them varies. */
#include "tickvm/dataset.h"

#include "need.h"
#include "tickvm/word.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NONE "-"

/* ---- values ---- */

struct value value_word(const char *text)
{
	return (struct value){word(text), (double)NAN};
}

struct value value_none(void)
{
	return value_word(NONE);
}

struct value value_number(double number)
{
	char text[40];

	snprintf(text, sizeof(text), "%.17g", number);
	return (struct value){word(text), number};
}

bool value_same(struct value a, struct value b)
{
	return a.text == b.text;
}

bool value_like(struct value a, struct value b)
{
	return value_same(a, b) || strcmp(a.text, NONE) == 0 || strcmp(b.text, NONE) == 0;
}

/* ---- descriptions ---- */

static void intern_axis(struct axis *axis)
{
	axis->id = word(axis->id);
	axis->title = word(axis->title);
	axis->fallback = word(axis->fallback);
	axis->help = word(axis->help);
}

static void intern_figure(struct figure *figure)
{
	figure->id = word(figure->id);
	figure->title = word(figure->title);
	figure->middle_of = word(figure->middle_of);
	figure->help = word(figure->help);
}

static void intern_flag(struct flag *flag)
{
	flag->id = word(flag->id);
	flag->help = word(flag->help);
}

struct dataset *dataset_create(const char *id, const char *title, const struct axis *axes,
	size_t n_axes, const struct figure *figures, size_t n_figures, const struct flag *flags,
	size_t n_flags)
{
	struct dataset *set = need(1, sizeof(*set));

	*set = (struct dataset){.id = word(id),
		.title = word(title),
		.axes = need_copy(axes, n_axes, sizeof(*axes)),
		.figures = need_copy(figures, n_figures, sizeof(*figures)),
		.flags = need_copy(flags, n_flags, sizeof(*flags)),
		.n_axes = n_axes,
		.n_figures = n_figures,
		.n_flags = n_flags};
	for (size_t i = 0; i < n_axes; i++)
		intern_axis(&set->axes[i]);
	for (size_t i = 0; i < n_figures; i++)
		intern_figure(&set->figures[i]);
	for (size_t i = 0; i < n_flags; i++)
		intern_flag(&set->flags[i]);
	return set;
}

struct dataset *dataset_derive(const struct dataset *from, const char *id, const char *title,
	const struct figure *figures, size_t n_figures)
{
	return dataset_create(id, title, from->axes, from->n_axes, figures, n_figures, NULL, 0);
}

static void destroy_row(struct row *row)
{
	for (size_t i = 0; i < row->n_samples; i++) {
		free(row->samples[i].figures);
		json_decref(row->samples[i].attachments);
	}
	free(row->samples);
	free(row->labels);
	free(row->at);
}

void dataset_destroy(struct dataset *set)
{
	if (set == NULL)
		return;
	for (size_t i = 0; i < set->n_rows; i++)
		destroy_row(&set->rows[i]);
	free(set->rows);
	free(set->index);
	free(set->axes);
	free(set->figures);
	free(set->flags);
	free(set);
}

int dataset_axis(const struct dataset *set, const char *id)
{
	for (size_t i = 0; i < set->n_axes; i++)
		if (strcmp(set->axes[i].id, id) == 0)
			return (int)i;
	return -1;
}

int dataset_figure(const struct dataset *set, const char *id)
{
	for (size_t i = 0; i < set->n_figures; i++)
		if (strcmp(set->figures[i].id, id) == 0)
			return (int)i;
	return -1;
}

/* ---- rows by their values ---- */

/* Values are interned, so their addresses tell them apart. */
static size_t hash(const struct dataset *set, const struct value *at)
{
	uint64_t h = 0;

	for (size_t i = 0; i < set->n_axes; i++)
		h = (h ^ (uint64_t)(uintptr_t)at[i].text) * 0x9e3779b97f4a7c15ULL;
	return (size_t)(h >> 20);
}

static bool is_at(const struct dataset *set, const struct row *row, const struct value *at)
{
	for (size_t i = 0; i < set->n_axes; i++)
		if (!value_same(row->at[i], at[i]))
			return false;
	return true;
}

/* Where the row at these values stands in the index, or would. index_size is a power of two. */
static size_t *slot(const struct dataset *set, const struct value *at)
{
	size_t i = hash(set, at) & (set->index_size - 1);

	while (set->index[i] != 0 && !is_at(set, &set->rows[set->index[i] - 1], at))
		i = (i + 1) & (set->index_size - 1);
	return &set->index[i];
}

struct row *dataset_find(const struct dataset *set, const struct value *at)
{
	size_t row = set->index_size > 0 ? *slot(set, at) : 0;

	return row > 0 ? &set->rows[row - 1] : NULL;
}

static void build_index(struct dataset *set, size_t size)
{
	free(set->index);
	set->index_size = size;
	set->index = need(size, sizeof(*set->index));
	for (size_t i = 0; set->rows != NULL && i < set->n_rows; i++)
		*slot(set, set->rows[i].at) = i + 1;
}

/* Half empty at least. */
static void make_room(struct dataset *set)
{
	if (2 * (set->n_rows + 1) > set->index_size)
		build_index(set, set->index_size > 0 ? 2 * set->index_size : 16);
}

void dataset_reorder(struct dataset *set, const size_t *order)
{
	struct row *rows =
		set->n_rows > 0 ? need_copy(set->rows, set->n_rows, sizeof(*rows)) : NULL;

	for (size_t i = 0; i < set->n_rows; i++)
		set->rows[i] = rows[order[i]];
	free(rows);
	if (set->index_size > 0)
		build_index(set, set->index_size);
}

struct row *dataset_row(struct dataset *set, const struct value *at)
{
	struct row *row = dataset_find(set, at);

	if (row != NULL)
		return row;
	make_room(set);
	set->rows = need_more(set->rows, set->n_rows, sizeof(*set->rows));
	row = &set->rows[set->n_rows];
	*row = (struct row){.at = need_copy(at, set->n_axes, sizeof(*at))};
	set->n_rows++;
	*slot(set, at) = set->n_rows;
	return row;
}

static bool is_partner(const struct dataset *set, const struct row *candidate,
	const struct row *row, size_t axis, struct value value)
{
	for (size_t i = 0; i < set->n_axes; i++) {
		if (i == axis ? !value_same(candidate->at[i], value)
			      : !(set->axes[i].flags & AXIS_FOLLOWS) &&
					!value_like(candidate->at[i], row->at[i]))
			return false;
	}
	return candidate != row;
}

struct row *dataset_partner(
	const struct dataset *set, const struct row *row, size_t axis, struct value value)
{
	for (size_t i = 0; i < set->n_rows; i++)
		if (is_partner(set, &set->rows[i], row, axis, value))
			return &set->rows[i];
	return NULL;
}

void row_label(struct row *row, const char *id, const char *text)
{
	for (size_t i = 0; i < row->n_labels; i++)
		if (strcmp(row->labels[i].id, id) == 0) {
			row->labels[i].text = word(text);
			return;
		}
	row->labels = need_more(row->labels, row->n_labels, sizeof(*row->labels));
	row->labels[row->n_labels++] = (struct label){word(id), word(text)};
}

const char *row_text(const struct row *row, const char *label)
{
	for (size_t i = 0; i < row->n_labels; i++)
		if (strcmp(row->labels[i].id, label) == 0)
			return row->labels[i].text;
	return NULL;
}

struct sample *row_sample(const struct dataset *set, struct row *row, unsigned invocation,
	unsigned round, const double *figures)
{
	struct sample *sample;

	row->samples = need_more(row->samples, row->n_samples, sizeof(*row->samples));
	sample = &row->samples[row->n_samples++];
	*sample = (struct sample){.invocation = invocation, .round = round};
	if (figures != NULL)
		sample->figures = need_copy(figures, set->n_figures, sizeof(*figures));
	return sample;
}

double *sample_figures(const struct dataset *set, struct sample *sample)
{
	if (sample->figures != NULL)
		return sample->figures;
	sample->figures = need(set->n_figures, sizeof(*sample->figures));
	for (size_t i = 0; i < set->n_figures; i++)
		sample->figures[i] = (double)NAN;
	return sample->figures;
}

/* ---- what varies ---- */

bool axis_varies(const struct dataset *set, size_t axis)
{
	struct value seen = value_none();

	for (size_t i = 0; i < set->n_rows; i++) {
		if (!value_like(set->rows[i].at[axis], seen))
			return true;
		if (strcmp(seen.text, NONE) == 0)
			seen = set->rows[i].at[axis];
	}
	return false;
}

bool axis_constant(const struct dataset *set, size_t axis)
{
	for (size_t i = 1; i < set->n_rows; i++)
		if (!value_same(set->rows[i].at[axis], set->rows[0].at[axis]))
			return false;
	return true;
}

const char *row_name(const struct dataset *set, const struct row *row)
{
	char name[1024] = "";

	for (size_t i = 0; i < set->n_axes; i++) {
		size_t used = strlen(name);

		if (axis_varies(set, i) && !value_same(row->at[i], value_none()))
			snprintf(name + used, sizeof(name) - used, "%s%s=%s", used > 0 ? " " : "",
				set->axes[i].id, row->at[i].text);
	}
	return word(name);
}
