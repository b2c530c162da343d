/* SPDX-License-Identifier: BSD-2-Clause */
/* What an experiment has to say: headings, verdicts, tables, charts, notes, in their order. Said
 * once, shown as text, Markdown, CSV and HTML, and kept in results files. It knows no experiment.
 */
#ifndef TICKVM_PAGE_H
#define TICKVM_PAGE_H

#include "tickvm/diag.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct page;
struct table;
struct chart;

/* NULL: no memory. Later calls on a NULL page, table or chart do nothing; what finds no memory is
 * left out, and every output then says that the page is incomplete. */
struct page *page_create(void);
void page_destroy(struct page *page);

/* ---- saying it ---- */

/* Begins a section. One line. */
__attribute__((format(printf, 2, 3))) void page_heading(struct page *page, const char *format, ...);
/* A paragraph below what was said last; lines are filled to TABLE_WIDTH, '\n' begins a new one. */
__attribute__((format(printf, 2, 3))) void page_note(struct page *page, const char *format, ...);

enum verdict { VERDICT_GOOD, VERDICT_BAD, VERDICT_UNKNOWN };
/* One sentence with figures: what was wanted and what is. HTML gathers them at the top. */
__attribute__((format(printf, 3, 4))) void page_verdict(
	struct page *page, enum verdict verdict, const char *format, ...);

#define TABLE_WIDTH       100 /* what a table is made to fit where it can */
#define TABLE_COLUMNS_MAX 20

/* An empty table. name: a word for machines ("lateness"), the first column of CSV. One character a
 * column in align: 'l' left, 'r' right. titles are copied. Owned by the page. */
struct table *page_table(
	struct page *page, const char *name, const char *align, const char *const *titles);
/* The next cell; a row is full when every column has one. */
__attribute__((format(printf, 2, 3))) void table_cell(struct table *table, const char *format, ...);
/* A duration in nanoseconds, printed as microseconds; "-" for NAN. */
void table_cell_us(struct table *table, double ns);
/* A figure with as many digits as mean something (1234567, 1234, 12.3, 1.23, 0.0123); "-" for NAN.
 */
void table_cell_figure(struct table *table, double value);

enum chart_kind {
	CHART_BARS,    /* one bar a label and series, side by side */
	CHART_STACKED, /* one bar a label, the series stacked in it */
	CHART_LINES,   /* y over x, points joined */
	CHART_POINTS,  /* y over x, dots */
};
#define CHART_LOG_X   (1u << 0)
#define CHART_LOG_Y   (1u << 1)
#define CHART_BYTES_X (1u << 2) /* x are bytes: ticks read 256 B, 4 KiB, 1 MiB */
#define CHART_RATIO   (1u << 3) /* y are ratios: with CHART_LOG_Y bars begin at 1 */

/* Labels of axes name the unit ("bandwidth (GB/s)"). Text, CSV and Markdown leave charts out. */
struct chart *page_chart(struct page *page, enum chart_kind kind, unsigned flags, const char *title,
	const char *x_label, const char *y_label);
/* Series begin with their first value and are told apart by name. NAN and infinities are left out.
 */
void chart_bar(struct chart *chart, const char *series, const char *label, double value);
void chart_point(struct chart *chart, const char *series, double x, double y);

/* ---- showing it ---- */

enum page_format { PAGE_TEXT, PAGE_MARKDOWN, PAGE_CSV };
/* CSV: a block a table, an empty line between them; RFC 4180, each line begins with the table's
 * name. */
void page_print(const struct page *page, enum page_format format, FILE *out);
/* To path, as tickvm/output.h says. 0 or a negative errno. */
int page_write(
	const struct page *page, enum page_format format, const char *path, struct diag *diag);

/* ---- keeping it: member "page" of results files, docs/results.md ---- */

/* {"items": [{"heading": ...} | {"note": ...} | {"verdict": ..., "good": true|false|null} |
 *  {"table": {...}} | {"chart": {...}}]}. NULL: no memory. */
json_t *page_json(const struct page *page);
/* NULL, with where and what was expected in diag, when json is no page. */
struct page *page_from_json(const json_t *json, struct diag *diag);

#endif
