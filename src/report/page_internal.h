/* SPDX-License-Identifier: BSD-2-Clause */
/* A page as its printers see it: items in order; strings are the page's own and clean
 * (tickvm/text.h), of one line but for a note's. */
#ifndef REPORT_PAGE_INTERNAL_H
#define REPORT_PAGE_INTERNAL_H

#include "tickvm/page.h"
#include "tickvm/text.h"

#include <stdint.h>

struct table {
	char *name;
	unsigned columns;
	bool left[TABLE_COLUMNS_MAX];
	char *titles[TABLE_COLUMNS_MAX];
	char **cells; /* count of them, row by row; the last row may be short */
	size_t count, capacity;
	bool incomplete; /* something found no memory */
};

struct point {
	char *label; /* bars: what it stands over; else NULL */
	double x, y;
};

struct series {
	char *name;
	struct point *points;
	size_t count, capacity;
};

#define CHART_SERIES_MAX 64 /* more are left out: nobody tells them apart */

struct chart {
	enum chart_kind kind;
	unsigned flags; /* CHART_* */
	char *title, *x_label, *y_label;
	struct series *series;
	size_t count, capacity;
	bool incomplete;
};

enum page_item_kind { PAGE_HEADING, PAGE_NOTE, PAGE_VERDICT, PAGE_TABLE, PAGE_CHART };

struct page_item {
	enum page_item_kind kind;
	char *text; /* heading, note, verdict */
	enum verdict verdict;
	struct table *table;
	struct chart *chart;
};

struct page {
	struct page_item *items;
	size_t count, capacity;
	bool incomplete;
};

/* array with room for one element more, or NULL and array as it was: no memory. */
void *array_grow(void *array, size_t count, size_t *capacity, size_t element_size);

/* What a page keeps of a text: the one way in. NULL: no memory. */
__attribute__((format(printf, 2, 0))) char *page_text(
	enum text_lines lines, const char *format, va_list args);

/* NULL: no memory, or no column. */
struct table *table_create(const char *name, const char *align, const char *const *titles);
void table_destroy(struct table *table);

struct chart *chart_create(enum chart_kind kind, unsigned flags, const char *title,
	const char *x_label, const char *y_label);
void chart_destroy(struct chart *chart);
bool chart_has_bars(const struct chart *chart);

/* The page itself, or one of its tables or charts. */
bool page_is_incomplete(const struct page *page);

#endif
