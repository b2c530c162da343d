/* SPDX-License-Identifier: BSD-2-Clause */
/* The page: items in the order they were said.
 * What is in a table or a chart, and how any of it looks, is decided elsewhere. */
#include "page_internal.h"

#include <stdarg.h>
#include <stdlib.h>

void *array_grow(void *array, size_t count, size_t *capacity, size_t element_size)
{
	size_t more = *capacity == 0 ? 16 : 2 * *capacity;

	if (count < *capacity)
		return array;
	void *grown = reallocarray(array, more, element_size);

	if (grown != NULL)
		*capacity = more;
	return grown;
}

char *page_text(enum text_lines lines, const char *format, va_list args)
{
	char *text, *clean;

	if (vasprintf(&text, format, args) < 0)
		return NULL;
	clean = text_clean(text, lines);
	free(text);
	return clean;
}

struct page *page_create(void)
{
	return calloc(1, sizeof(struct page));
}

void page_destroy(struct page *page)
{
	if (page == NULL)
		return;
	for (size_t i = 0; i < page->count; i++) {
		free(page->items[i].text);
		table_destroy(page->items[i].table);
		chart_destroy(page->items[i].chart);
	}
	free(page->items);
	free(page);
}

/* Takes over what item owns, also when there is no room for it. */
static bool add(struct page *page, struct page_item item)
{
	struct page_item *items =
		array_grow(page->items, page->count, &page->capacity, sizeof(*items));
	bool whole = item.text != NULL || item.table != NULL || item.chart != NULL;

	if (items != NULL)
		page->items = items;
	if (items != NULL && whole) {
		items[page->count++] = item;
		return true;
	}
	free(item.text);
	table_destroy(item.table);
	chart_destroy(item.chart);
	page->incomplete = true;
	return false;
}

__attribute__((format(printf, 4, 0))) static void add_text(struct page *page,
	enum page_item_kind kind, enum verdict verdict, const char *format, va_list args)
{
	enum text_lines lines = kind == PAGE_NOTE ? TEXT_LINES : TEXT_LINE;

	if (page != NULL)
		add(page, (struct page_item){.kind = kind,
				  .verdict = verdict,
				  .text = page_text(lines, format, args)});
}

void page_heading(struct page *page, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add_text(page, PAGE_HEADING, VERDICT_UNKNOWN, format, args);
	va_end(args);
}

void page_note(struct page *page, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add_text(page, PAGE_NOTE, VERDICT_UNKNOWN, format, args);
	va_end(args);
}

void page_verdict(struct page *page, enum verdict verdict, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add_text(page, PAGE_VERDICT, verdict, format, args);
	va_end(args);
}

struct table *page_table(
	struct page *page, const char *name, const char *align, const char *const *titles)
{
	if (page == NULL)
		return NULL;
	struct table *table = table_create(name, align, titles);

	return add(page, (struct page_item){.kind = PAGE_TABLE, .table = table}) ? table : NULL;
}

struct chart *page_chart(struct page *page, enum chart_kind kind, unsigned flags, const char *title,
	const char *x_label, const char *y_label)
{
	if (page == NULL)
		return NULL;
	struct chart *chart = chart_create(kind, flags, title, x_label, y_label);

	return add(page, (struct page_item){.kind = PAGE_CHART, .chart = chart}) ? chart : NULL;
}

bool page_is_incomplete(const struct page *page)
{
	for (size_t i = 0; i < page->count; i++) {
		const struct page_item *item = &page->items[i];

		if ((item->table != NULL && item->table->incomplete) ||
			(item->chart != NULL && item->chart->incomplete))
			return true;
	}
	return page->incomplete;
}
