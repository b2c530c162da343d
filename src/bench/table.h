/* SPDX-License-Identifier: BSD-2-Clause */
/* The one table printer: cells in, aligned text out. It knows nothing of what it prints. */
#ifndef BENCH_TABLE_H
#define BENCH_TABLE_H

#include <stddef.h>
#include <stdio.h>

#define TABLE_WIDTH       100 /* what a table is made to fit where it can */
#define TABLE_COLUMNS_MAX 16

struct table;

/* One character a column in align: 'l' left, 'r' right. The titles are kept by pointer. NULL: no
 * memory. */
struct table *table_create(const char *align, const char *const *titles);
void table_destroy(struct table *table);
/* The next cell; a row is full when every column has one. Without memory the cell is lost and
 * table_print() says so. */
__attribute__((format(printf, 2, 3))) void table_cell(struct table *table, const char *format, ...);
/* A duration in nanoseconds, printed as microseconds; "-" for NAN. */
void table_cell_us(struct table *table, double ns);
/* Two spaces between columns, one where the table would not fit TABLE_WIDTH. Nothing is ever cut.
 */
void table_print(const struct table *table, FILE *out);

#endif
