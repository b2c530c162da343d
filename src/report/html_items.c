/* SPDX-License-Identifier: BSD-2-Clause */
/* A page's items as HTML. Verdicts stand at the report's top and are left out here. */
#include "html.h"
#include "markup.h"
#include "svg.h"

#define SHORT_ROWS 20 /* a table of no more is not broken between printed pages */

/* The first column names its row where it is text. */
static void put_cell(FILE *out, const struct table *table, size_t column, const char *text)
{
	bool names_row = column == 0 && table->left[0];

	fprintf(out, names_row             ? "<th scope=\"row\">"
		     : table->left[column] ? "<td>"
					   : "<td class=\"r\">");
	markup_text(out, text);
	fprintf(out, names_row ? "</th>" : "</td>");
}

static void put_table(FILE *out, const struct table *table)
{
	fprintf(out, "<div class=\"wide\"><table%s aria-label=\"",
		table->count <= (size_t)SHORT_ROWS * table->columns ? " class=\"short\"" : "");
	markup_text(out, table->name);
	fprintf(out, "\">\n<thead><tr>");
	for (size_t i = 0; i < table->columns; i++) {
		fprintf(out, "<th scope=\"col\"%s>", table->left[i] ? "" : " class=\"r\"");
		markup_text(out, table->titles[i]);
		fprintf(out, "</th>");
	}
	fprintf(out, "</tr></thead>\n<tbody>\n");
	for (size_t row = 0; row < table->count; row += table->columns) {
		fprintf(out, "<tr>");
		for (size_t i = 0; i < table->columns && row + i < table->count; i++)
			put_cell(out, table, i, table->cells[row + i]);
		fprintf(out, "</tr>\n");
	}
	fprintf(out, "</tbody></table></div>\n");
}

static void put_element(FILE *out, const char *begin, const char *text, const char *end)
{
	fputs(begin, out);
	markup_text(out, text);
	fputs(end, out);
}

void html_items(FILE *out, const struct page *page, unsigned *figures)
{
	for (size_t i = 0; i < page->count; i++) {
		const struct page_item *item = &page->items[i];

		switch (item->kind) {
		case PAGE_HEADING:
			put_element(out, "<h3>", item->text, "</h3>\n");
			break;
		case PAGE_NOTE:
			put_element(out, "<p class=\"note\">", item->text, "</p>\n");
			break;
		case PAGE_TABLE:
			put_table(out, item->table);
			break;
		case PAGE_CHART:
			svg_figure(out, item->chart, ++*figures);
			break;
		case PAGE_VERDICT:
			break;
		}
	}
	if (page_is_incomplete(page))
		fprintf(out, "<p class=\"bad\">Incomplete: some of this found no memory.</p>\n");
}
