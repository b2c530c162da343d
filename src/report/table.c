/* SPDX-License-Identifier: BSD-2-Clause */
/* A table's cells, as text. It knows nothing of what they mean, nor how they are printed. */
#include "page_internal.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

struct table *table_create(const char *name, const char *align, const char *const *titles)
{
	unsigned columns = (unsigned)strnlen(align, TABLE_COLUMNS_MAX);
	struct table *table = columns > 0 ? calloc(1, sizeof(*table)) : NULL;

	if (table == NULL)
		return NULL;
	table->name = text_clean(name, TEXT_LINE);
	bool whole = table->name != NULL;

	for (; table->columns < columns && whole; table->columns++) {
		table->left[table->columns] = align[table->columns] == 'l';
		table->titles[table->columns] = text_clean(titles[table->columns], TEXT_LINE);
		whole = table->titles[table->columns] != NULL;
	}
	if (whole)
		return table;
	table_destroy(table);
	return NULL;
}

void table_destroy(struct table *table)
{
	if (table == NULL)
		return;
	for (unsigned i = 0; i < table->columns; i++)
		free(table->titles[i]);
	for (size_t i = 0; i < table->count; i++)
		free(table->cells[i]);
	free(table->cells);
	free(table->name);
	free(table);
}

/* After a lost cell every further one would stand in the wrong column. */
void table_cell(struct table *table, const char *format, ...)
{
	va_list args;

	if (table == NULL || table->incomplete)
		return;
	char **cells = array_grow(table->cells, table->count, &table->capacity, sizeof(*cells));

	if (cells != NULL)
		table->cells = cells;
	va_start(args, format);
	char *text = cells != NULL ? page_text(TEXT_LINE, format, args) : NULL;
	va_end(args);
	if (text != NULL)
		cells[table->count++] = text;
	else
		table->incomplete = true;
}

void table_cell_us(struct table *table, double ns)
{
	double us = ns / 1000;

	if (isnan(us))
		table_cell(table, "-");
	else
		table_cell(table, "%.*f", fabs(us) < 1000 ? 3 : 1, us);
}

/* Three significant digits, and all that stand before the point. */
void table_cell_figure(struct table *table, double value)
{
	char scientific[32];

	if (isnan(value)) {
		table_cell(table, "-");
		return;
	}
	if (value == 0 || !isfinite(value)) {
		table_cell(table, "%.0f", value);
		return;
	}
	/* The exponent as it is after rounding: 9.996 is 10.0. */
	snprintf(scientific, sizeof(scientific), "%.2e", value);
	long exponent = strtol(strchr(scientific, 'e') + 1, NULL, 10);

	if (exponent < -6)
		table_cell(table, "%s", scientific);
	else
		table_cell(table, "%.*f", exponent > 2 ? 0 : (int)(2 - exponent), value);
}
