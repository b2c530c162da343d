/* SPDX-License-Identifier: BSD-2-Clause */
/* From a view's lists to columns and rows. */
#include "view_internal.h"

#include "tickvm/word.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- lists ---- */

/* The next word of "a,b=Title,c", and its title; NULL at the end. */
static const char *next_word(const char **list, const char **title)
{
	size_t length, name;
	const char *found;

	*title = NULL;
	if (*list == NULL || **list == '\0')
		return NULL;
	length = strcspn(*list, ",");
	name = strcspn(*list, ",=");
	found = word_n(*list, name);
	if (name < length)
		*title = word_n(*list + name + 1, length - name - 1);
	*list += length + ((*list)[length] == ',');
	return found;
}

static bool names(const char *list, const char *id)
{
	const char *title, *item;

	while ((item = next_word(&list, &title)) != NULL)
		if (strcmp(item, id) == 0)
			return true;
	return false;
}

static size_t axes_of(const struct dataset *set, const char *list, size_t *axes)
{
	const char *title, *id;
	size_t n = 0;

	while ((id = next_word(&list, &title)) != NULL && n < VIEW_AXES_MAX)
		if (dataset_axis(set, id) >= 0)
			axes[n++] = (size_t)dataset_axis(set, id);
	return n;
}

/* ---- columns ---- */

static void add_column(struct layout *layout, struct column column)
{
	if (layout->n_columns < TABLE_COLUMNS_MAX)
		layout->columns[layout->n_columns++] = column;
}

static const char *first_of(const char *a, const char *b, const char *c)
{
	return a != NULL ? a : b != NULL ? b : c;
}

static bool label_present(const struct dataset *set, const char *label)
{
	for (size_t i = 0; i < set->n_rows; i++)
		if (row_text(&set->rows[i], label) != NULL)
			return true;
	return false;
}

static bool figure_present(const struct dataset *set, size_t figure)
{
	for (size_t i = 0; i < set->n_rows; i++)
		if (!isnan(row_value(set, &set->rows[i], figure)))
			return true;
	return false;
}

/* An axis, a figure, a label, "n" or "flags"; what the dataset has not is left out. */
static void add_named(struct layout *layout, const char *id, const char *title)
{
	const struct dataset *set = layout->set;
	int axis = dataset_axis(set, id), figure = dataset_figure(set, id);
	struct column column = {.label = id, .title = first_of(title, NULL, id), .of = VIEW_NO_ROW};

	if (axis >= 0) {
		column.kind = COLUMN_AXIS;
		column.index = (size_t)axis;
		column.title = first_of(title, set->axes[axis].title, id);
	} else if (figure >= 0 && figure_present(set, (size_t)figure)) {
		column.kind = COLUMN_FIGURE;
		column.index = (size_t)figure;
		column.title = first_of(title, set->figures[figure].title, id);
	} else if (strcmp(id, "n") == 0) {
		column.kind = COLUMN_ROUNDS;
	} else if (strcmp(id, "flags") == 0) {
		column.kind = COLUMN_FLAGS;
	} else if (label_present(set, id)) {
		column.kind = COLUMN_LABEL;
	} else {
		return;
	}
	add_column(layout, column);
}

/* "p*": all figures that begin so. */
static void add_prefix(struct layout *layout, const char *prefix, size_t length)
{
	for (size_t i = 0; i < layout->set->n_figures; i++)
		if (strncmp(layout->set->figures[i].id, prefix, length) == 0)
			add_named(layout, layout->set->figures[i].id, NULL);
}

static double spread(const struct row *row, size_t figure)
{
	double *values = calloc(row->n_samples + 1, sizeof(*values)), low, high;
	size_t n = values != NULL ? row_values(row, figure, values) : 0;

	low = high = n > 0 ? values[0] : (double)NAN;
	for (size_t i = 1; i < n; i++) {
		low = fmin(low, values[i]);
		high = fmax(high, values[i]);
	}
	free(values);
	return n > 1 ? high - low : (double)NAN;
}

/* "p50:spread": the distance of the extremes over rounds, where any row has two. */
static void add_spread(struct layout *layout, const char *id, const char *title)
{
	int figure = dataset_figure(layout->set, id);
	bool any = false;

	for (size_t i = 0; i < layout->set->n_rows && figure >= 0; i++)
		any |= !isnan(spread(&layout->set->rows[i], (size_t)figure));
	if (any)
		add_column(layout, (struct column){.kind = COLUMN_SPREAD,
					   .index = (size_t)figure,
					   .title = first_of(title, NULL, "spread"),
					   .of = VIEW_NO_ROW});
}

static void add_list(struct layout *layout, const char *list)
{
	const char *title, *id;

	while ((id = next_word(&list, &title)) != NULL) {
		size_t length = strcspn(id, "*:");

		if (id[length] == '*')
			add_prefix(layout, id, length);
		else if (id[length] == ':')
			add_spread(layout, word_n(id, length), title);
		else
			add_named(layout, id, title);
	}
}

/* What varies is seen, whether the view's author thought of it or not. */
static void add_varying(struct layout *layout)
{
	const struct dataset *set = layout->set;
	const struct view *view = layout->view;

	for (size_t i = 0; i < set->n_axes; i++) {
		const char *id = set->axes[i].id;

		if (axis_varies(set, i) && !(set->axes[i].flags & AXIS_FOLLOWS) &&
			!names(view->series, id) && !names(view->sections, id) &&
			!names(view->down, id) && !names(view->across, id))
			add_named(layout, id, NULL);
	}
}

/* ---- pivots ---- */

static bool is_series(const struct layout *layout, size_t axis)
{
	for (size_t i = 0; i < layout->n_series; i++)
		if (layout->series[i] == axis)
			return true;
	return false;
}

static bool same_series(const struct layout *layout, size_t a, size_t b)
{
	const struct row *rows = layout->set->rows;

	for (size_t i = 0; i < layout->n_series; i++)
		if (!value_same(rows[a].at[layout->series[i]], rows[b].at[layout->series[i]]))
			return false;
	return true;
}

/* The same in all axes but the series'. */
static bool same_place(const struct layout *layout, size_t a, size_t b)
{
	const struct dataset *set = layout->set;

	for (size_t i = 0; i < set->n_axes; i++)
		if (!is_series(layout, i) && !(set->axes[i].flags & AXIS_FOLLOWS) &&
			!value_like(set->rows[a].at[i], set->rows[b].at[i]))
			return false;
	return true;
}

static bool wanted(const struct layout *layout, const struct row *row)
{
	const char *where = layout->view->where, *id;
	size_t length;
	int axis;

	if (where == NULL)
		return true;
	length = strcspn(where, "=");
	id = word_n(where, length);
	axis = dataset_axis(layout->set, id);
	if (where[length] == '\0')
		return row_text(row, id) != NULL;
	return axis >= 0 && strcmp(row->at[axis].text, where + length + 1) == 0;
}

static bool begins_series(const struct layout *layout, size_t row)
{
	for (size_t i = 0; i < row; i++)
		if (wanted(layout, &layout->set->rows[i]) && same_series(layout, i, row))
			return false;
	return wanted(layout, &layout->set->rows[row]);
}

/* Each figure once for each series. */
static void pivot(struct layout *layout)
{
	struct layout wide = *layout;

	wide.n_columns = 0;
	wide.pivoted = true;
	for (size_t c = 0; c < layout->n_columns; c++)
		if (layout->columns[c].kind != COLUMN_FIGURE)
			add_column(&wide, layout->columns[c]);
	for (size_t i = 0; i < layout->set->n_rows; i++) {
		if (!begins_series(layout, i))
			continue;
		for (size_t c = 0; c < layout->n_columns; c++) {
			struct column column = layout->columns[c];
			char name[128];

			if (column.kind != COLUMN_FIGURE)
				continue;
			layout_series_name(layout, i, name, sizeof(name));
			column.title = word(name);
			column.of = i;
			add_column(&wide, column);
		}
	}
	*layout = wide;
}

void layout_view(
	struct layout *layout, const struct dataset *set, const struct view *view, bool pivots)
{
	*layout = (struct layout){.set = set, .view = view};
	layout->n_sections = axes_of(set, view->sections, layout->sections);
	layout->n_series = axes_of(set, view->series, layout->series);
	add_varying(layout);
	add_list(layout, view->down);
	add_list(layout, view->across);
	for (size_t i = 0; i < set->n_figures && view->across == NULL; i++)
		if (!(set->figures[i].flags & FIGURE_DETAIL))
			add_named(layout, set->figures[i].id, NULL);
	if (pivots && layout->n_series > 0)
		pivot(layout);
}

/* ---- rows ---- */

bool layout_same_section(const struct layout *layout, size_t a, size_t b)
{
	const struct row *rows = layout->set->rows;

	for (size_t i = 0; i < layout->n_sections; i++)
		if (!value_same(rows[a].at[layout->sections[i]], rows[b].at[layout->sections[i]]))
			return false;
	return true;
}

bool layout_begins_section(const struct layout *layout, size_t row)
{
	for (size_t i = 0; i < row; i++)
		if (layout_same_section(layout, i, row))
			return false;
	return true;
}

static bool is_number(const struct column *column)
{
	return column->kind == COLUMN_FIGURE || column->kind == COLUMN_SPREAD;
}

bool layout_shows(const struct layout *layout, size_t row)
{
	bool numbers = false;

	if (!wanted(layout, &layout->set->rows[row]))
		return false;
	for (size_t i = 0; i < row && layout->pivoted; i++)
		if (wanted(layout, &layout->set->rows[i]) && same_place(layout, i, row))
			return false;
	for (size_t c = 0; c < layout->n_columns; c++) {
		if (!is_number(&layout->columns[c]))
			continue;
		numbers = true;
		if (!isnan(layout_number(layout, &layout->columns[c], row)))
			return true;
	}
	return !numbers;
}

/* The row of this place in a pivot's series. */
static size_t row_in_series(const struct layout *layout, size_t row, size_t of)
{
	if (same_series(layout, row, of))
		return row;
	for (size_t i = 0; i < layout->set->n_rows; i++)
		if (same_series(layout, i, of) && same_place(layout, i, row))
			return i;
	return VIEW_NO_ROW;
}

double layout_number(const struct layout *layout, const struct column *column, size_t row)
{
	if (column->of != VIEW_NO_ROW)
		row = row_in_series(layout, row, column->of);
	if (row == VIEW_NO_ROW || !is_number(column))
		return (double)NAN;
	return column->kind == COLUMN_SPREAD
		       ? spread(&layout->set->rows[row], column->index)
		       : row_value(layout->set, &layout->set->rows[row], column->index);
}

enum unit layout_unit(const struct layout *layout, const struct column *column)
{
	return is_number(column) ? layout->set->figures[column->index].unit : UNIT_NONE;
}
