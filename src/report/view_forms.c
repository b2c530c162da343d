/* SPDX-License-Identifier: BSD-2-Clause */
/* The forms of a view: a table, a list, bars, lines, points, and what rows are flagged with. A new
 * one is a function and a row of the table at the end. */
#include "view_internal.h"

#include <math.h>
#include <string.h>

static bool is_numeric(const struct dataset *set, size_t axis)
{
	for (size_t i = 0; i < set->n_rows; i++)
		if (isnan(set->rows[i].at[axis].number) &&
			!value_same(set->rows[i].at[axis], value_none()))
			return false;
	return true;
}

static bool on_the_right(const struct layout *layout, const struct column *column)
{
	switch (column->kind) {
	case COLUMN_AXIS:
		return is_numeric(layout->set, column->index);
	case COLUMN_FIGURE:
	case COLUMN_SPREAD:
	case COLUMN_ROUNDS:
		return true;
	default:
		return false;
	}
}

/* A word for machines: the dataset, and where there are several sections, which one. */
static void table_name(const struct layout *layout, size_t first, char *text, size_t size)
{
	int used = snprintf(text, size, "%s", layout->set->id);

	for (size_t i = 0; i < layout->n_sections && used > 0 && (size_t)used < size; i++)
		used += snprintf(text + used, size - (size_t)used, "-%s",
			layout->set->rows[first].at[layout->sections[i]].text);
}

static void say_table(
	const struct layout *layout, size_t first, const char *heading, struct page *page)
{
	const char *titles[TABLE_COLUMNS_MAX];
	char align[TABLE_COLUMNS_MAX + 1] = "", name[160], cell[160];
	struct table *table;

	(void)heading;
	for (size_t c = 0; c < layout->n_columns; c++) {
		titles[c] = layout->columns[c].title;
		align[c] = on_the_right(layout, &layout->columns[c]) ? 'r' : 'l';
	}
	table_name(layout, first, name, sizeof(name));
	table = page_table(page, name, align, titles);
	for (size_t i = first; i < layout->set->n_rows; i++) {
		if (!layout_same_section(layout, first, i) || !layout_shows(layout, i))
			continue;
		for (size_t c = 0; c < layout->n_columns; c++) {
			layout_cell(layout, &layout->columns[c], i, cell, sizeof(cell));
			table_cell(table, "%s", cell);
		}
	}
}

/* Rows one below the other, a line a column: few rows with many figures. */
static void say_list(
	const struct layout *layout, size_t first, const char *heading, struct page *page)
{
	static const char *const titles[] = {"what", "value"};
	char cell[160];

	(void)heading;
	for (size_t i = first; i < layout->set->n_rows; i++) {
		struct table *table;

		if (!layout_same_section(layout, first, i) || !layout_shows(layout, i))
			continue;
		table = page_table(page, layout->set->id, "lr", titles);
		for (size_t c = 0; c < layout->n_columns; c++) {
			layout_cell(layout, &layout->columns[c], i, cell, sizeof(cell));
			table_cell(table, "%s", layout->columns[c].title);
			table_cell(table, "%s", cell);
		}
	}
}

static const struct unit_form *unit_of_numbers(const struct layout *layout)
{
	for (size_t c = 0; c < layout->n_columns; c++)
		if (layout->columns[c].kind == COLUMN_FIGURE)
			return unit_form(layout_unit(layout, &layout->columns[c]));
	return unit_form(UNIT_NONE);
}

/* A bar a row and figure; with series, told apart by their axes. */
static void say_bars(const struct layout *layout, size_t first, const char *heading,
	enum chart_kind kind, struct page *page)
{
	const struct unit_form *form = unit_of_numbers(layout);
	struct chart *chart = page_chart(page, kind, 0, heading, "", form->shown);
	char label[200], series[200];

	for (size_t i = first; i < layout->set->n_rows; i++) {
		if (!layout_same_section(layout, first, i) || !layout_shows(layout, i))
			continue;
		layout_row_name(layout, i, label, sizeof(label));
		layout_series_name(layout, i, series, sizeof(series));
		for (size_t c = 0; c < layout->n_columns; c++)
			if (layout->columns[c].kind == COLUMN_FIGURE)
				chart_bar(chart,
					layout->n_series > 0 ? series : layout->columns[c].title,
					label,
					layout_number(layout, &layout->columns[c], i) *
						form->scale);
	}
}

static void say_side_by_side(
	const struct layout *layout, size_t first, const char *heading, struct page *page)
{
	say_bars(layout, first, heading, CHART_BARS, page);
}

static void say_stacked(
	const struct layout *layout, size_t first, const char *heading, struct page *page)
{
	say_bars(layout, first, heading, CHART_STACKED, page);
}

static const struct column *last_column(const struct layout *layout, enum column_kind kind)
{
	for (size_t c = layout->n_columns; c-- > 0;)
		if (layout->columns[c].kind == kind)
			return &layout->columns[c];
	return NULL;
}

/* A figure, of the row's values of all axes but x. */
static void series_of_points(const struct layout *layout, size_t row, const struct column *x,
	const struct column *figure, char *text, size_t size)
{
	char cell[128];
	int used = 0;

	for (const struct column *c = layout->columns; c < x && (size_t)used < size; c++) {
		layout_cell(layout, c, row, cell, sizeof(cell));
		used += snprintf(text + used, size - (size_t)used, "%s ", cell);
	}
	if ((size_t)used < size)
		snprintf(text + used, size - (size_t)used, "%s", figure->title);
}

/* Each figure over the last axis, as dots. */
static void say_points(
	const struct layout *layout, size_t first, const char *heading, struct page *page)
{
	const struct column *x = last_column(layout, COLUMN_AXIS);
	const struct unit_form *form = unit_of_numbers(layout);
	char series[200];

	if (x == NULL)
		return;
	struct chart *chart = page_chart(page, CHART_POINTS, 0, heading, x->title, form->shown);

	for (size_t i = first; i < layout->set->n_rows; i++) {
		if (!layout_same_section(layout, first, i) || !layout_shows(layout, i))
			continue;
		for (const struct column *c = x + 1; c < layout->columns + layout->n_columns; c++) {
			if (c->kind != COLUMN_FIGURE)
				continue;
			series_of_points(layout, i, x, c, series, sizeof(series));
			chart_point(chart, series, layout->set->rows[i].at[x->index].number,
				layout_number(layout, c, i) * form->scale);
		}
	}
}

/* The series, and what varies without being named. */
static void line_name(
	const struct layout *layout, const struct column *x, size_t row, char *text, size_t size)
{
	char cell[128];

	layout_series_name(layout, row, text, size);
	for (const struct column *c = layout->columns; c < x; c++) {
		size_t used = strlen(text);

		layout_cell(layout, c, row, cell, sizeof(cell));
		snprintf(text + used, size - used, "%s%s", used > 0 ? ", " : "", cell);
	}
}

/* The last figure over the last axis, a line a series. */
static void say_lines(
	const struct layout *layout, size_t first, const char *heading, struct page *page)
{
	const struct column *x = last_column(layout, COLUMN_AXIS);
	const struct column *y = last_column(layout, COLUMN_FIGURE);
	const struct unit_form *form = unit_of_numbers(layout);
	unsigned flags = layout->view->flags;
	char series[200], label[160];
	struct chart *chart;

	if (x == NULL || y == NULL)
		return;
	snprintf(label, sizeof(label), "%s (%s)", y->title, form->shown);
	chart = page_chart(page, CHART_LINES,
		(flags & VIEW_LOG_X ? CHART_LOG_X : 0) | (flags & VIEW_LOG_Y ? CHART_LOG_Y : 0) |
			(layout->set->axes[x->index].unit == UNIT_BYTES ? CHART_BYTES_X : 0),
		heading, x->title, label);
	for (size_t i = first; i < layout->set->n_rows; i++) {
		double at = layout->set->rows[i].at[x->index].number;

		/* A logarithmic axis has no zero. */
		if (!layout_same_section(layout, first, i) || !layout_shows(layout, i) ||
			(flags & VIEW_LOG_X && at <= 0))
			continue;
		line_name(layout, x, i, series, sizeof(series));
		chart_point(chart, series, at, layout_number(layout, y, i) * form->scale);
	}
}

static bool flagged(const struct row *row, size_t flag)
{
	for (size_t i = 0; i < row->n_samples; i++)
		if (row->samples[i].flags >> flag & 1)
			return true;
	return false;
}

/* Each flag of the section once, with the rows that have it. */
static void say_flags(
	const struct layout *layout, size_t first, const char *heading, struct page *page)
{
	static const char *const words[] = {"note", "warning", "wrong"};
	const struct dataset *set = layout->set;

	(void)heading;
	for (size_t f = 0; f < set->n_flags; f++) {
		const char *help =
			set->flags[f].help != NULL ? set->flags[f].help : set->flags[f].id;
		char all[400] = "", name[160];
		int used = 0;

		for (size_t i = first; i < set->n_rows; i++) {
			if (!layout_same_section(layout, first, i) || !flagged(&set->rows[i], f))
				continue;
			layout_row_name(layout, i, name, sizeof(name));
			if ((size_t)used < sizeof(all))
				used += snprintf(all + used, sizeof(all) - (size_t)used, "%s%s",
					used > 0 ? ", " : "", name);
		}
		if (used > 0 && set->flags[f].level == FLAG_FAIL)
			page_verdict(page, VERDICT_BAD, "%s: %s", all, help);
		else if (used > 0)
			page_note(page, "%s: %s\n    %s", words[set->flags[f].level], help, all);
	}
}

static const struct form forms[] = {
	{"table", say_table, false, true},
	{"list", say_list, false, false},
	{"bars", say_side_by_side, true, false},
	{"stacked", say_stacked, true, false},
	{"lines", say_lines, true, false},
	{"points", say_points, true, false},
	{"flags", say_flags, false, false},
};

const struct form *form_find(const char *name)
{
	for (size_t i = 0; name != NULL && i < sizeof(forms) / sizeof(forms[0]); i++)
		if (strcmp(forms[i].name, name) == 0)
			return &forms[i];
	return &forms[0];
}
