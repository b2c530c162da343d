/* SPDX-License-Identifier: BSD-2-Clause */
/* A page as the member "page" of a results file (docs/results.md), and back from any JSON.
 * It reads and writes no file. */
#include "page_internal.h"

#include "tickvm/facts_json.h"

#include <errno.h>
#include <string.h>

static const char *const kind_names[] = {[CHART_BARS] = "bars",
	[CHART_STACKED] = "stacked",
	[CHART_LINES] = "lines",
	[CHART_POINTS] = "points"};
#define KINDS (sizeof(kind_names) / sizeof(kind_names[0]))

static const struct {
	const char *name;
	unsigned flag;
} flag_names[] = {{"log_x", CHART_LOG_X}, {"log_y", CHART_LOG_Y}, {"bytes_x", CHART_BYTES_X},
	{"ratio", CHART_RATIO}};
#define FLAGS (sizeof(flag_names) / sizeof(flag_names[0]))

/* ---- writing ---- */

/* Takes value over; *array becomes NULL when it has lost an element, and stays it. */
static void append(json_t **array, json_t *value)
{
	if (json_array_append_new(*array, value) == 0)
		return;
	json_decref(*array);
	*array = NULL;
}

/* Cells from first on; a row that is short ends in empty ones. */
static json_t *row_json(const struct table *table, size_t first)
{
	json_t *row = json_array();

	for (size_t i = first; i < first + table->columns; i++)
		append(&row, json_text(i < table->count ? table->cells[i] : ""));
	return row;
}

static json_t *table_json(const struct table *table)
{
	char align[TABLE_COLUMNS_MAX + 1] = "";
	json_t *titles = json_array(), *rows = json_array();

	for (unsigned i = 0; i < table->columns; i++) {
		align[i] = table->left[i] ? 'l' : 'r';
		append(&titles, json_text(table->titles[i]));
	}
	for (size_t i = 0; i < table->count; i += table->columns)
		append(&rows, row_json(table, i));
	return json_pack("{s:o, s:s, s:o, s:o}", "name", json_text(table->name), "align", align,
		"titles", titles, "rows", rows);
}

static json_t *series_json(const struct chart *chart, const struct series *series)
{
	json_t *points = json_array();

	for (size_t i = 0; i < series->count; i++) {
		const struct point *p = &series->points[i];
		json_t *x = chart_has_bars(chart) ? json_text(p->label) : json_real(p->x);

		append(&points, json_pack("[o, f]", x, p->y));
	}
	return json_pack("{s:o, s:o}", "name", json_text(series->name), "points", points);
}

static json_t *chart_json(const struct chart *chart)
{
	json_t *series = json_array();

	for (size_t i = 0; i < chart->count; i++)
		append(&series, series_json(chart, &chart->series[i]));
	json_t *json = json_pack("{s:s, s:o, s:o, s:o, s:o}", "kind", kind_names[chart->kind],
		"title", json_text(chart->title), "x_label", json_text(chart->x_label), "y_label",
		json_text(chart->y_label), "series", series);

	for (size_t i = 0; i < FLAGS; i++) {
		if (chart->flags & flag_names[i].flag &&
			json_object_set_new(json, flag_names[i].name, json_true()) < 0) {
			json_decref(json);
			return NULL;
		}
	}
	return json;
}

static json_t *item_json(const struct page_item *item)
{
	switch (item->kind) {
	case PAGE_HEADING:
		return json_pack("{s:o}", "heading", json_text(item->text));
	case PAGE_NOTE:
		return json_pack("{s:o}", "note", json_text(item->text));
	case PAGE_VERDICT:
		return json_pack("{s:o, s:o}", "verdict", json_text(item->text), "good",
			item->verdict == VERDICT_UNKNOWN
				? json_null()
				: json_boolean(item->verdict == VERDICT_GOOD));
	case PAGE_TABLE:
		return json_pack("{s:o}", "table", table_json(item->table));
	case PAGE_CHART:
		return json_pack("{s:o}", "chart", chart_json(item->chart));
	}
	return NULL;
}

json_t *page_json(const struct page *page)
{
	json_t *items = json_array();

	if (page == NULL) {
		json_decref(items);
		return NULL;
	}
	for (size_t i = 0; i < page->count; i++)
		append(&items, item_json(&page->items[i]));
	return json_pack("{s:o, s:b}", "items", items, "incomplete", page_is_incomplete(page));
}

/* ---- reading: the file is anybody's ---- */

/* What is being read: the page's item, for messages, and where to put it. */
struct reader {
	struct page *page;
	size_t item;
	struct diag *diag;
};

static int expected(const struct reader *reader, const char *what)
{
	return diag_set(reader->diag, -EINVAL, "page: items[%zu]: expected %s", reader->item, what);
}

static const char *text_of(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

static int read_row(const struct reader *reader, struct table *table, size_t columns, json_t *row)
{
	size_t i;
	json_t *cell;

	if (json_array_size(row) != columns)
		return expected(reader, "each of table.rows an array of as many strings as titles");
	json_array_foreach(row, i, cell)
	{
		if (!json_is_string(cell))
			return expected(reader, "table.rows of strings");
		table_cell(table, "%s", json_string_value(cell));
	}
	return 0;
}

static int read_table(const struct reader *reader, const json_t *json)
{
	const char *name = text_of(json, "name"), *align = text_of(json, "align");
	const char *titles[TABLE_COLUMNS_MAX] = {NULL};
	const json_t *title_array = json_object_get(json, "titles");
	const json_t *rows = json_object_get(json, "rows");
	size_t columns = json_array_size(title_array), i;
	json_t *row;
	int err = 0;

	if (name == NULL || !json_is_array(rows))
		return expected(reader, "table with a name and an array of rows");
	if (columns == 0 || columns > TABLE_COLUMNS_MAX)
		return expected(reader, "table.titles, an array of 1 to 20 strings");
	if (align == NULL || strlen(align) != columns || strspn(align, "lr") != columns)
		return expected(reader, "table.align, a letter l or r for each title");
	for (i = 0; i < columns; i++) {
		titles[i] = json_string_value(json_array_get(title_array, i));
		if (titles[i] == NULL)
			return expected(reader, "table.titles of strings");
	}
	struct table *table = page_table(reader->page, name, align, titles);

	json_array_foreach(rows, i, row)
	{
		err = read_row(reader, table, columns, row);
		if (err < 0)
			break;
	}
	return err;
}
_Static_assert(TABLE_COLUMNS_MAX == 20, "the message of read_table() says so");

static int read_series(const struct reader *reader, struct chart *chart, bool bars, json_t *series)
{
	const char *name = text_of(series, "name");
	json_t *points = json_object_get(series, "points"), *point;
	size_t i;

	if (name == NULL || !json_is_array(points))
		return expected(reader, "chart.series with a name and an array of points each");
	json_array_foreach(points, i, point)
	{
		const json_t *x = json_array_get(point, 0), *y = json_array_get(point, 1);

		if (json_array_size(point) != 2 || !json_is_number(y) ||
			!(bars ? json_is_string(x) : json_is_number(x)))
			return expected(reader,
				bars ? "points [label, number]" : "points [number, number]");
		if (bars)
			chart_bar(chart, name, json_string_value(x), json_number_value(y));
		else
			chart_point(chart, name, json_number_value(x), json_number_value(y));
	}
	return 0;
}

static int read_chart(const struct reader *reader, const json_t *json)
{
	const char *kind_name = text_of(json, "kind"), *title = text_of(json, "title");
	const char *x_label = text_of(json, "x_label"), *y_label = text_of(json, "y_label");
	json_t *series_array = json_object_get(json, "series"), *series;
	unsigned kind = 0, flags = 0;
	size_t i;

	while (kind < KINDS && (kind_name == NULL || strcmp(kind_names[kind], kind_name) != 0))
		kind++;
	if (kind == KINDS)
		return expected(reader, "chart.kind bars, stacked, lines or points");
	if (title == NULL || x_label == NULL || y_label == NULL)
		return expected(reader, "chart with title, x_label and y_label");
	if (!json_is_array(series_array) || json_array_size(series_array) > CHART_SERIES_MAX)
		return expected(reader, "chart.series, an array of at most 64");
	for (i = 0; i < FLAGS; i++)
		flags |= json_is_true(json_object_get(json, flag_names[i].name))
				 ? flag_names[i].flag
				 : 0;
	struct chart *chart = page_chart(reader->page, kind, flags, title, x_label, y_label);
	bool bars = kind == CHART_BARS || kind == CHART_STACKED;
	int err = 0;

	json_array_foreach(series_array, i, series)
	{
		err = read_series(reader, chart, bars, series);
		if (err < 0)
			break;
	}
	return err;
}
_Static_assert(CHART_SERIES_MAX == 64, "the message of read_chart() says so");

static int read_verdict(const struct reader *reader, const char *text, const json_t *good)
{
	if (!json_is_boolean(good) && !json_is_null(good))
		return expected(reader, "verdict with good: true, false or null");
	page_verdict(reader->page,
		json_is_null(good)   ? VERDICT_UNKNOWN
		: json_is_true(good) ? VERDICT_GOOD
				     : VERDICT_BAD,
		"%s", text);
	return 0;
}

static int read_item(const struct reader *reader, const json_t *item)
{
	const char *heading = text_of(item, "heading"), *note = text_of(item, "note");
	const char *verdict = text_of(item, "verdict");
	const json_t *table = json_object_get(item, "table");
	const json_t *chart = json_object_get(item, "chart");

	if (heading != NULL)
		page_heading(reader->page, "%s", heading);
	else if (note != NULL)
		page_note(reader->page, "%s", note);
	else if (verdict != NULL)
		return read_verdict(reader, verdict, json_object_get(item, "good"));
	else if (table != NULL)
		return read_table(reader, table);
	else if (chart != NULL)
		return read_chart(reader, chart);
	else
		return expected(reader, "heading, note, verdict, table or chart");
	return 0;
}

struct page *page_from_json(const json_t *json, struct diag *diag)
{
	json_t *items = json_object_get(json, "items"), *item;
	struct reader reader = {.diag = diag};

	if (!json_is_array(items)) {
		diag_set(diag, -EINVAL, "page: expected an object with an array \"items\"");
		return NULL;
	}
	reader.page = page_create();
	if (reader.page == NULL) {
		diag_set(diag, -ENOMEM, "page: out of memory");
		return NULL;
	}
	reader.page->incomplete = json_is_true(json_object_get(json, "incomplete"));
	json_array_foreach(items, reader.item, item)
	{
		if (read_item(&reader, item) < 0) {
			page_destroy(reader.page);
			return NULL;
		}
	}
	return reader.page;
}
