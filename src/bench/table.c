/* SPDX-License-Identifier: BSD-2-Clause */
/* Tables of text for a terminal or a log: columns as wide as their widest cell.
 * It draws no frames and uses no colours, so that awk and eyes read the same thing. */
#include "table.h"

#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct cell {
	char text[48];
};

struct table {
	unsigned columns;
	bool left[TABLE_COLUMNS_MAX];
	const char *titles[TABLE_COLUMNS_MAX];
	struct cell *cells;
	size_t count, capacity;
	bool incomplete;
};

struct table *table_create(const char *align, const char *const *titles)
{
	unsigned columns = (unsigned)strnlen(align, TABLE_COLUMNS_MAX);
	struct table *table = columns > 0 ? calloc(1, sizeof(*table)) : NULL;

	if (table == NULL)
		return NULL;
	table->columns = columns;
	for (unsigned i = 0; i < table->columns; i++) {
		table->left[i] = align[i] == 'l';
		table->titles[i] = titles[i];
	}
	return table;
}

void table_destroy(struct table *table)
{
	if (table == NULL)
		return;
	free(table->cells);
	free(table);
}

static struct cell *new_cell(struct table *table)
{
	if (table->count == table->capacity) {
		size_t capacity = table->capacity == 0 ? 64 : 2 * table->capacity;
		struct cell *cells = realloc(table->cells, capacity * sizeof(*cells));

		if (cells == NULL) {
			table->incomplete = true;
			return NULL;
		}
		table->cells = cells;
		table->capacity = capacity;
	}
	return &table->cells[table->count++];
}

void table_cell(struct table *table, const char *format, ...)
{
	struct cell *cell = new_cell(table);
	va_list args;

	if (cell == NULL)
		return;
	va_start(args, format);
	if (vsnprintf(cell->text, sizeof(cell->text), format, args) < 0)
		cell->text[0] = '\0';
	va_end(args);
}

void table_cell_us(struct table *table, double ns)
{
	double us = ns / 1000;

	if (isnan(us))
		table_cell(table, "-");
	else if (fabs(us) < 1000)
		table_cell(table, "%.3f", us);
	else
		table_cell(table, "%.1f", us);
}

static unsigned column_width(const struct table *table, unsigned column)
{
	size_t width = strlen(table->titles[column]);

	for (size_t i = column; i < table->count; i += table->columns) {
		size_t length = strlen(table->cells[i].text);

		width = length > width ? length : width;
	}
	return (unsigned)width;
}

static void print_cell(
	const struct table *table, unsigned column, unsigned width, const char *text, FILE *out)
{
	bool last = column + 1 == table->columns;

	/* No spaces at a line's end. */
	if (table->left[column] && last)
		fputs(text, out);
	else
		fprintf(out, "%*s", table->left[column] ? -(int)width : (int)width, text);
	if (last)
		fputc('\n', out);
}

void table_print(const struct table *table, FILE *out)
{
	unsigned width[TABLE_COLUMNS_MAX] = {0}, total = 0;

	for (unsigned c = 0; c < table->columns; c++) {
		width[c] = column_width(table, c);
		total += width[c];
	}
	const char *gap = total + 2 * (table->columns - 1) > TABLE_WIDTH ? " " : "  ";

	for (unsigned i = 0; i < table->columns; i++) {
		fputs(i == 0 ? "" : gap, out);
		print_cell(table, i, width[i], table->titles[i], out);
	}
	unsigned c = 0;

	for (size_t i = 0; i < table->count; i++) {
		fputs(c == 0 ? "" : gap, out);
		print_cell(table, c, width[c], table->cells[i].text, out);
		c = c + 1 == table->columns ? 0 : c + 1;
	}
	if (c != 0)
		fputc('\n', out);
	if (table->incomplete)
		fputs("(table incomplete: out of memory)\n", out);
}
