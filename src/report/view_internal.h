/* SPDX-License-Identifier: BSD-2-Clause */
/* A view, laid out: which columns it has, of which rows, in which sections. For the forms. */
#ifndef REPORT_VIEW_INTERNAL_H
#define REPORT_VIEW_INTERNAL_H

#include "tickvm/view.h"

#define VIEW_AXES_MAX 8
#define VIEW_NO_ROW   SIZE_MAX

enum column_kind {
	COLUMN_AXIS,
	COLUMN_LABEL,
	COLUMN_FIGURE,
	COLUMN_SPREAD,
	COLUMN_ROUNDS,
	COLUMN_FLAGS
};

struct column {
	enum column_kind kind;
	size_t index; /* of the axis or figure */
	const char *label, *title;
	size_t of; /* of a pivot: a row of the series that this column is; VIEW_NO_ROW: none */
};

struct layout {
	const struct dataset *set;
	const struct view *view;
	struct column columns[TABLE_COLUMNS_MAX];
	size_t sections[VIEW_AXES_MAX], series[VIEW_AXES_MAX];
	size_t n_columns, n_sections, n_series;
	bool pivoted;
};

/* pivot: axes of the series become columns; else the form tells them apart itself. */
void layout_view(
	struct layout *layout, const struct dataset *set, const struct view *view, bool pivot);
/* Rows of one section have the same values of its axes. */
bool layout_begins_section(const struct layout *layout, size_t row);
bool layout_same_section(const struct layout *layout, size_t a, size_t b);
/* Is it shown: what "where" says, and with a value in any column; of a pivot's rows of one place
 * the first alone. */
bool layout_shows(const struct layout *layout, size_t row);
/* A cell's number in base units and its unit; NAN: none. Of figures and spreads. */
double layout_number(const struct layout *layout, const struct column *column, size_t row);
enum unit layout_unit(const struct layout *layout, const struct column *column);
void layout_cell(const struct layout *layout, const struct column *column, size_t row, char *text,
	size_t size);
/* What stands down, and the values of the series, as one text. */
void layout_row_name(const struct layout *layout, size_t row, char *text, size_t size);
void layout_series_name(const struct layout *layout, size_t row, char *text, size_t size);
/* {axis} and {rounds} of a format, of this row; [text] is left out where it has one round. */
void layout_fill_in(
	const struct layout *layout, size_t row, const char *format, char *text, size_t size);

/* A form says the rows of one section, that of row first. */
struct form {
	const char *name;
	void (*say)(
		const struct layout *layout, size_t first, const char *heading, struct page *page);
	bool titled; /* it shows the heading itself */
	bool pivots;
};
/* One that this version does not know is a table. */
const struct form *form_find(const char *name);

#endif
