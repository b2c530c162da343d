/* SPDX-License-Identifier: BSD-2-Clause */
/* A page as text for a terminal or a log, as Markdown, and its tables as CSV (RFC 4180).
 * Text draws no frames and uses no colours, so that awk and eyes read the same thing. Charts are
 * left out. */
#include "escape.h"
#include "page_internal.h"

#include "tickvm/output.h"

#include <stdlib.h>
#include <string.h>

static const char *const verdict_words[] = {
	[VERDICT_GOOD] = "ok:", [VERDICT_BAD] = "NOT MET:", [VERDICT_UNKNOWN] = "unknown:"};

static const char incomplete[] = "incomplete: out of memory";

/* How many columns of a terminal: characters of UTF-8. */
static size_t columns_of(const char *text, size_t length)
{
	size_t columns = 0;

	for (size_t i = 0; i < length; i++)
		columns += ((unsigned char)text[i] & 0xc0) != 0x80;
	return columns;
}

static void put_spaces(size_t n, FILE *out)
{
	fprintf(out, "%*s", (int)n, "");
}

static size_t text_width(const char *text)
{
	return columns_of(text, strlen(text));
}

/* width_of: a cell's, as it will be printed. */
static size_t column_width(
	const struct table *table, unsigned column, size_t (*width_of)(const char *text))
{
	size_t width = width_of(table->titles[column]);

	for (size_t i = column; i < table->count; i += table->columns) {
		size_t cell = width_of(table->cells[i]);

		width = cell > width ? cell : width;
	}
	return width;
}

/* ---- text ---- */

/* Words, as many a line as fit. */
struct filler {
	FILE *out;
	size_t column, indent;
};

static void fill_word(struct filler *filler, const char *word, size_t length)
{
	size_t columns = columns_of(word, length);

	if (filler->column == 0) {
		put_spaces(filler->indent, filler->out);
		filler->column = filler->indent;
	} else if (filler->column + 1 + columns > TABLE_WIDTH) {
		fputc('\n', filler->out);
		put_spaces(filler->indent, filler->out);
		filler->column = filler->indent;
	} else {
		fputc(' ', filler->out);
		filler->column++;
	}
	fwrite(word, 1, length, filler->out);
	filler->column += columns;
}

static void fill_words(struct filler *filler, const char *text, size_t length)
{
	for (size_t i = 0; i < length;) {
		size_t word = i;

		while (i < length && text[i] != ' ')
			i++;
		if (i > word)
			fill_word(filler, text + word, i - word);
		else
			i++;
	}
}

/* A line that is indented stays so, with those it becomes. */
static void text_note(const char *text, FILE *out)
{
	for (;;) {
		size_t length = strcspn(text, "\n");
		size_t indent = strspn(text, " ");
		struct filler filler = {
			.out = out, .indent = indent < TABLE_WIDTH / 2 ? indent : TABLE_WIDTH / 2};

		fill_words(&filler, text, length);
		fputc('\n', out);
		if (text[length] == '\0')
			return;
		text += length + 1;
	}
}

static void text_verdict(enum verdict verdict, const char *text, FILE *out)
{
	const char *word = verdict_words[verdict];
	struct filler filler = {.out = out};

	fill_words(&filler, word, strlen(word));
	fill_words(&filler, text, strlen(text));
	fputc('\n', out);
}

/* Spaces wait until something stands behind them: none end a line. */
static void text_row(const struct table *table, const size_t *widths, size_t gap,
	char *const *cells, size_t n, FILE *out)
{
	size_t spaces = 0;

	for (size_t i = 0; i < n; i++) {
		size_t length = strlen(cells[i]);
		size_t pad = widths[i] - columns_of(cells[i], length);

		spaces += table->left[i] ? 0 : pad;
		if (length > 0) {
			put_spaces(spaces, out);
			fputs(cells[i], out);
			spaces = 0;
		}
		spaces += (table->left[i] ? pad : 0) + gap;
	}
	fputc('\n', out);
}

static size_t row_length(const struct table *table, size_t first)
{
	size_t left = table->count - first;

	return left < table->columns ? left : table->columns;
}

/* How many bytes of text go on a line of so many columns: whole words where there is a space. */
static size_t fold(const char *text, size_t columns)
{
	size_t end = 0, space = 0, used = 0;

	for (; text[end] != '\0'; end++) {
		used += ((unsigned char)text[end] & 0xc0) != 0x80;
		if (used > columns)
			return space > 0 ? space : end;
		if (text[end] == ' ')
			space = end;
	}
	return end;
}

/* One row in as many lines as its cell in column folded needs. */
static void folded_row(const struct table *table, const size_t *widths, size_t folded,
	char *const *cells, size_t n, FILE *out)
{
	char *line[TABLE_COLUMNS_MAX], empty[] = "";
	const char *rest = folded < n ? cells[folded] : "";
	bool first = true;

	do {
		size_t bytes = fold(rest, widths[folded]);
		char *part = strndup(rest, bytes);

		for (size_t i = 0; i < n; i++)
			line[i] = i == folded && part != NULL ? part : first ? cells[i] : empty;
		text_row(table, widths, 1, line, n, out);
		free(part);
		rest += bytes;
		rest += strspn(rest, " ");
		first = false;
	} while (*rest != '\0');
}

#define FOLDED_LEAST 16 /* narrower than that nobody reads it */

/* The widest column of words, made so narrow that the table fits; or none: -1. */
static int fold_widest(const struct table *table, size_t *widths, size_t total)
{
	size_t excess = total + table->columns - 1 - TABLE_WIDTH;
	int widest = -1;

	for (unsigned i = 0; i < table->columns; i++)
		if (table->left[i] && (widest < 0 || widths[i] > widths[widest]))
			widest = (int)i;
	if (widest < 0 || widths[widest] < excess + FOLDED_LEAST ||
		text_width(table->titles[widest]) > widths[widest] - excess)
		return -1;
	widths[widest] -= excess;
	return widest;
}

/* Two spaces between columns, one where the table would not fit TABLE_WIDTH; if it still does not,
 * its widest column of words goes on in further lines. Nothing is cut. */
static void text_table(const struct table *table, FILE *out)
{
	size_t widths[TABLE_COLUMNS_MAX] = {0}, total = 0;

	for (unsigned i = 0; i < table->columns; i++) {
		widths[i] = column_width(table, i, text_width);
		total += widths[i];
	}
	size_t gap = total + 2 * (table->columns - 1) > TABLE_WIDTH ? 1 : 2;
	int folded =
		total + table->columns - 1 > TABLE_WIDTH ? fold_widest(table, widths, total) : -1;

	text_row(table, widths, gap, table->titles, table->columns, out);
	for (size_t i = 0; i < table->count; i += table->columns) {
		if (folded < 0)
			text_row(table, widths, gap, &table->cells[i], row_length(table, i), out);
		else
			folded_row(table, widths, (size_t)folded, &table->cells[i],
				row_length(table, i), out);
	}
}

/* ---- Markdown ---- */

static size_t markdown_width(const char *text)
{
	return escape_markdown(text, false, NULL);
}

static void markdown_note(const char *text, FILE *out)
{
	for (;;) {
		escape_markdown(text, true, out);
		text += strcspn(text, "\n");
		if (*text == '\0')
			break;
		fputs("\\\n", out);
		text++;
	}
	fputc('\n', out);
}

static void markdown_row(
	const struct table *table, const size_t *widths, char *const *cells, size_t n, FILE *out)
{
	for (size_t i = 0; i < table->columns; i++) {
		const char *cell = i < n ? cells[i] : "";
		size_t pad = widths[i] - markdown_width(cell);

		fputs(i == 0 ? "| " : " | ", out);
		put_spaces(table->left[i] ? 0 : pad, out);
		escape_markdown(cell, false, out);
		put_spaces(table->left[i] ? pad : 0, out);
	}
	fputs(" |\n", out);
}

static void markdown_table(const struct table *table, FILE *out)
{
	size_t widths[TABLE_COLUMNS_MAX];

	for (unsigned c = 0; c < table->columns; c++) {
		widths[c] = column_width(table, c, markdown_width);
		widths[c] = widths[c] < 3 ? 3 : widths[c]; /* of the line below: "--:" */
	}
	markdown_row(table, widths, table->titles, table->columns, out);
	for (unsigned c = 0; c < table->columns; c++) {
		fputs(c == 0 ? "| " : " | ", out);
		for (size_t i = 1; i < widths[c]; i++)
			fputc('-', out);
		fputc(table->left[c] ? '-' : ':', out);
	}
	fputs(" |\n", out);
	for (size_t i = 0; i < table->count; i += table->columns)
		markdown_row(table, widths, &table->cells[i], row_length(table, i), out);
}

/* ---- items, as text and as Markdown ---- */

/* A table of which nothing could be measured says nothing. */
static bool is_printed(const struct page_item *item)
{
	return item->kind == PAGE_TABLE ? item->table->count > 0 : item->kind != PAGE_CHART;
}

static void put_item(const struct page_item *item, bool markdown, FILE *out)
{
	switch (item->kind) {
	case PAGE_HEADING:
		if (markdown) {
			fputs("## ", out);
			escape_markdown(item->text, false, out);
		} else {
			fputs(item->text, out);
		}
		fputc('\n', out);
		break;
	case PAGE_NOTE:
		(markdown ? markdown_note : text_note)(item->text, out);
		break;
	case PAGE_VERDICT:
		if (markdown) {
			fprintf(out, "- %s ", verdict_words[item->verdict]);
			escape_markdown(item->text, false, out);
			fputc('\n', out);
		} else {
			text_verdict(item->verdict, item->text, out);
		}
		break;
	case PAGE_TABLE:
		(markdown ? markdown_table : text_table)(item->table, out);
		break;
	case PAGE_CHART:
		break;
	}
}

/* A note of short lines is an entry of a list, a filled one a paragraph. */
static bool is_short(const char *text)
{
	for (;; text++) {
		size_t length = strcspn(text, "\n");

		if (columns_of(text, length) > TABLE_WIDTH)
			return false;
		text += length;
		if (*text == '\0')
			return true;
	}
}

/* Verdicts stand together, and in a text the entries of a list; two empty lines before its
 * sections. */
static const char *separator(
	const struct page_item *before, const struct page_item *item, bool markdown)
{
	if (before->kind == PAGE_VERDICT && item->kind == PAGE_VERDICT)
		return "";
	if (before->kind == PAGE_NOTE && item->kind == PAGE_NOTE && !markdown &&
		is_short(before->text) && is_short(item->text))
		return "";
	return item->kind == PAGE_HEADING && !markdown ? "\n\n" : "\n";
}

static void print_items(const struct page *page, bool markdown, FILE *out)
{
	const struct page_item *before = NULL;

	for (size_t i = 0; i < page->count; i++) {
		const struct page_item *item = &page->items[i];

		if (!is_printed(item))
			continue;
		if (before != NULL)
			fputs(separator(before, item, markdown), out);
		put_item(item, markdown, out);
		before = item;
	}
	if (page_is_incomplete(page))
		fprintf(out, "\n(%s)\n", incomplete);
}

/* ---- CSV ---- */

/* Rows are as long as the header; a figure that there is none of is an empty field. */
static void csv_row(
	const struct table *table, const char *first, char *const *cells, size_t n, FILE *out)
{
	escape_csv(first, out);
	for (size_t i = 0; i < table->columns; i++) {
		fputc(',', out);
		if (i < n && strcmp(cells[i], "-") != 0)
			escape_csv(cells[i], out);
	}
	fputs("\r\n", out);
}

static void print_csv(const struct page *page, FILE *out)
{
	const char *between = "";

	for (size_t i = 0; i < page->count; i++) {
		const struct table *table = page->items[i].table;

		if (table == NULL || !is_printed(&page->items[i]))
			continue;
		fputs(between, out);
		csv_row(table, "table", table->titles, table->columns, out);
		for (size_t c = 0; c < table->count; c += table->columns)
			csv_row(table, table->name, &table->cells[c], row_length(table, c), out);
		between = "\r\n";
	}
	if (page_is_incomplete(page))
		fprintf(out, "%stable\r\n%s\r\n", between, incomplete);
}

void page_print(const struct page *page, enum page_format format, FILE *out)
{
	if (page == NULL)
		fprintf(out, "(%s)\n", incomplete);
	else if (format == PAGE_CSV)
		print_csv(page, out);
	else
		print_items(page, format == PAGE_MARKDOWN, out);
}

int page_write(
	const struct page *page, enum page_format format, const char *path, struct diag *diag)
{
	struct output *output;
	int err = output_open(&output, path, diag);

	if (err < 0)
		return err;
	page_print(page, format, output_stream(output));
	return output_commit(output, diag);
}
