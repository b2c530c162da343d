/* SPDX-License-Identifier: BSD-2-Clause */
/* What stands in a view's cells and headings. */
#include "view_internal.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>

#define WIDE 1000 /* from here on a figure has one digit behind the point, not three */

/* Adds to a text that may be full. */
__attribute__((format(printf, 4, 5))) static void put(
	char *text, size_t size, size_t *used, const char *format, ...)
{
	va_list args;
	int length;

	va_start(args, format);
	length = vsnprintf(text + *used, size - *used, format, args);
	va_end(args);
	if (length > 0)
		*used = *used + (size_t)length < size ? *used + (size_t)length : size - 1;
}

/* A row's label of the axis' name says it as people do. */
static void show_value(
	const struct dataset *set, const struct row *row, size_t axis, char *text, size_t size)
{
	struct value value = row->at[axis];
	const char *label = row_text(row, set->axes[axis].id);

	if (label != NULL)
		snprintf(text, size, "%s", label);
	else if (isnan(value.number) || set->axes[axis].unit == UNIT_NONE)
		snprintf(text, size, "%s", value.text);
	else
		unit_show(value.number, set->axes[axis].unit, text, size);
}

static void show_number(double value, enum unit unit, char *text, size_t size)
{
	const struct unit_form *form = unit_form(unit);
	double shown = value * form->scale;

	if (isnan(value))
		snprintf(text, size, "-");
	else if (form->decimals < 0)
		snprintf(text, size, "%.4g", shown);
	else
		snprintf(text, size, "%.*f",
			fabs(shown) >= WIDE && form->decimals > 1 ? 1 : form->decimals, shown);
}

static void show_flags(const struct dataset *set, const struct row *row, char *text, size_t size)
{
	uint64_t flags = 0;
	size_t used = 0;

	for (size_t i = 0; i < row->n_samples; i++)
		flags |= row->samples[i].flags;
	text[0] = '\0';
	for (size_t i = 0; i < set->n_flags; i++)
		if (flags >> i & 1)
			put(text, size, &used, "%s%s", used > 0 ? " " : "", set->flags[i].id);
}

void layout_cell(const struct layout *layout, const struct column *column, size_t row, char *text,
	size_t size)
{
	const struct dataset *set = layout->set;
	const struct row *of = &set->rows[row];
	const char *label;

	switch (column->kind) {
	case COLUMN_AXIS:
		show_value(set, of, column->index, text, size);
		break;
	case COLUMN_LABEL:
		label = row_text(of, column->label);
		snprintf(text, size, "%s", label != NULL ? label : "");
		break;
	case COLUMN_FLAGS:
		show_flags(set, of, text, size);
		break;
	case COLUMN_ROUNDS:
		snprintf(text, size, "%zu", of->n_samples);
		break;
	case COLUMN_FIGURE:
	case COLUMN_SPREAD:
		show_number(layout_number(layout, column, row), layout_unit(layout, column), text,
			size);
		break;
	}
}

void layout_row_name(const struct layout *layout, size_t row, char *text, size_t size)
{
	size_t used = 0;
	char cell[128];

	text[0] = '\0';
	for (size_t c = 0; c < layout->n_columns; c++) {
		if (layout->columns[c].kind != COLUMN_AXIS &&
			layout->columns[c].kind != COLUMN_LABEL)
			continue;
		layout_cell(layout, &layout->columns[c], row, cell, sizeof(cell));
		put(text, size, &used, "%s%s", used > 0 ? " " : "", cell);
	}
}

void layout_series_name(const struct layout *layout, size_t row, char *text, size_t size)
{
	const struct dataset *set = layout->set;
	size_t used = 0;
	char value[128];

	text[0] = '\0';
	for (size_t i = 0; i < layout->n_series; i++) {
		size_t axis = layout->series[i];

		if (value_same(set->rows[row].at[axis], value_none()))
			continue;
		show_value(set, &set->rows[row], axis, value, sizeof(value));
		put(text, size, &used, "%s%s", used > 0 ? ", " : "", value);
	}
}

static void fill_one(const struct layout *layout, size_t row, const char *id, size_t length,
	char *text, size_t size, size_t *used)
{
	const struct row *of = &layout->set->rows[row];
	char name[64], value[128], *plain;
	int axis;

	snprintf(name, sizeof(name), "%.*s", (int)length, id);
	plain = strstr(name, ":plain");
	if (plain != NULL)
		*plain = '\0';
	axis = dataset_axis(layout->set, name);
	if (axis >= 0 && plain != NULL) {
		put(text, size, used, "%s", of->at[axis].text);
	} else if (axis >= 0) {
		show_value(layout->set, of, (size_t)axis, value, sizeof(value));
		put(text, size, used, "%s", value);
	} else if (strcmp(name, "rounds") == 0) {
		put(text, size, used, "%zu", of->n_samples);
	}
}

void layout_fill_in(
	const struct layout *layout, size_t row, const char *format, char *text, size_t size)
{
	bool one_round = layout->set->rows[row].n_samples < 2;
	size_t used = 0;

	text[0] = '\0';
	while (*format != '\0') {
		size_t length = strcspn(format, "{[]");

		put(text, size, &used, "%.*s", (int)length, format);
		format += length;
		if (*format == '[' && one_round)
			format += strcspn(format, "]");
		if (*format == '{') {
			length = strcspn(format, "}");
			fill_one(layout, row, format + 1, length - 1, text, size, &used);
			format += length;
		}
		if (*format != '\0')
			format++; /* the bracket */
	}
}
