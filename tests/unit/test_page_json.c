/* SPDX-License-Identifier: BSD-2-Clause */
/* Pages through JSON and back, and JSON that is no page. */
#include "../../src/report/page_internal.h"

#include <criterion/criterion.h>

#include <math.h>
#include <string.h>

static struct page *example(void)
{
	static const char *const titles[] = {"source", "error"};
	struct page *page = page_create();

	page_heading(page, "heading");
	page_note(page, "note\nof two lines, not UTF-8: \xff");
	page_verdict(page, VERDICT_GOOD, "good");
	page_verdict(page, VERDICT_BAD, "bad");
	page_verdict(page, VERDICT_UNKNOWN, "unknown");
	struct table *table = page_table(page, "lateness", "lr", titles);

	table_cell(table, "native");
	table_cell(table, "1.5");
	table_cell(table, "short row");
	struct chart *bars = page_chart(page, CHART_STACKED, CHART_LOG_Y, "bars", "x", "y");

	chart_bar(bars, "one", "a", 1.5);
	chart_bar(bars, "two", "a", -2);
	chart_bar(bars, "one", "b", 3);
	struct chart *lines = page_chart(
		page, CHART_LINES, CHART_LOG_X | CHART_BYTES_X, "lines", "x (bytes)", "y (GB/s)");

	chart_point(lines, "read", 256, 10.5);
	return page;
}

Test(page_json, there_and_back)
{
	struct page *page = example();
	struct diag diag = {""};
	json_t *json = page_json(page);

	cr_assert_not_null(json);
	struct page *back = page_from_json(json, &diag);

	cr_assert_not_null(back, "%s", diag.text);
	json_t *again = page_json(back);

	cr_expect(json_equal(json, again));
	cr_assert_eq(back->count, page->count);
	cr_expect_str_eq(back->items[1].text, "note\nof two lines, not UTF-8: \xef\xbf\xbd");
	cr_expect_eq(back->items[2].verdict, VERDICT_GOOD);
	cr_expect_eq(back->items[3].verdict, VERDICT_BAD);
	cr_expect_eq(back->items[4].verdict, VERDICT_UNKNOWN);
	const struct table *table = back->items[5].table;

	cr_expect_str_eq(table->name, "lateness");
	cr_expect(table->columns == 2 && table->left[0] && !table->left[1]);
	cr_expect_eq(table->count, 4, "the short row is filled up");
	const struct chart *chart = back->items[6].chart;

	cr_expect_eq(chart->kind, CHART_STACKED);
	cr_expect_eq(chart->flags, CHART_LOG_Y);
	cr_assert_eq(chart->count, 2);
	cr_expect_str_eq(chart->series[0].points[1].label, "b");
	cr_expect_eq(chart->series[1].points[0].y, -2);
	chart = back->items[7].chart;
	cr_expect_eq(chart->flags, CHART_LOG_X | CHART_BYTES_X);
	cr_expect_eq(chart->series[0].points[0].x, 256);
	cr_expect_not(page_is_incomplete(back));
	json_decref(again);
	json_decref(json);
	page_destroy(back);
	page_destroy(page);
}

Test(page_json, what_is_lost_stays_said)
{
	struct page *page = example();
	struct diag diag;

	page->items[5].table->incomplete = true;
	json_t *json = page_json(page);
	struct page *back = page_from_json(json, &diag);

	cr_expect(page_is_incomplete(back));
	json_decref(json);
	page_destroy(back);
	page_destroy(page);
}

Test(page_json, charts_hold_finite_figures_only)
{
	struct page *page = page_create();
	struct chart *chart = page_chart(page, CHART_LINES, 0, "t", "x", "y");

	chart_point(chart, "s", 1, (double)NAN);
	chart_point(chart, "s", (double)INFINITY, 1);
	chart_bar(chart, "s", "l", -(double)INFINITY);
	cr_expect_eq(chart->count, 0);
	cr_expect_not(page_is_incomplete(page));
	page_destroy(page);
}

Test(page_json, series_beyond_the_limit_are_said_to_be_missing)
{
	struct page *page = page_create();
	struct chart *chart = page_chart(page, CHART_BARS, 0, "t", "x", "y");

	for (int i = 0; i <= CHART_SERIES_MAX; i++) {
		char name[16];

		snprintf(name, sizeof(name), "%d", i);
		chart_bar(chart, name, "l", 1);
	}
	cr_expect_eq(chart->count, CHART_SERIES_MAX);
	cr_expect(page_is_incomplete(page));
	page_destroy(page);
}

static void refused(const char *text, const char *says)
{
	struct diag diag = {""};
	json_error_t error;
	json_t *json = json_loads(text, JSON_DECODE_ANY, &error);

	cr_assert_not_null(json, "%s: %s", text, error.text);
	struct page *page = page_from_json(json, &diag);

	cr_expect_null(page, "%s", text);
	cr_expect_not_null(
		strstr(diag.text, says), "%s: \"%s\" does not say \"%s\"", text, diag.text, says);
	cr_expect_null(strchr(diag.text, '\n'));
	page_destroy(page);
	json_decref(json);
}

Test(page_json, what_is_no_page)
{
	static const char *const none[] = {
		"null", "[]", "1", "\"items\"", "{}", "{\"items\": null}", "{\"items\": {}}"};

	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		refused(none[i], "page: expected an object with an array \"items\"");
	cr_expect_null(page_from_json(NULL, &(struct diag){""}));
	refused("{\"items\": [1]}", "items[0]: expected heading, note, verdict, table or chart");
	refused("{\"items\": [{\"note\": \"x\"}, {}]}", "items[1]: expected heading");
	refused("{\"items\": [{\"heading\": 1}]}", "expected heading");
	refused("{\"items\": [{\"verdict\": \"x\"}]}", "good: true, false or null");
	refused("{\"items\": [{\"verdict\": \"x\", \"good\": 1}]}", "good: true, false or null");
}

static void refused_table(const char *members, const char *says)
{
	char text[1024];

	snprintf(text, sizeof(text), "{\"items\": [{\"table\": {%s}}]}", members);
	refused(text, says);
}

Test(page_json, tables_that_are_none)
{
	refused("{\"items\": [{\"table\": []}]}", "table with a name and an array of rows");
	refused_table("\"name\": 1, \"rows\": []", "name");
	refused_table("\"name\": \"x\", \"rows\": 1", "rows");
	refused_table("\"name\": \"x\", \"rows\": []", "titles");
	refused_table("\"name\": \"x\", \"rows\": [], \"titles\": []", "1 to 20 strings");
	refused_table("\"name\": \"x\", \"rows\": [], \"titles\": [1,2,3,4,5,6,7,8,9,10,11,12,13,"
		      "14,15,16,17,18,19,20,21]",
		"1 to 20 strings");
	refused_table("\"name\": \"x\", \"rows\": [], \"titles\": [\"a\"]", "align");
	refused_table(
		"\"name\": \"x\", \"rows\": [], \"titles\": [\"a\"], \"align\": \"lr\"", "align");
	refused_table(
		"\"name\": \"x\", \"rows\": [], \"titles\": [\"a\"], \"align\": \"c\"", "align");
	refused_table("\"name\": \"x\", \"rows\": [], \"titles\": [null], \"align\": \"l\"",
		"titles of strings");
	refused_table("\"name\": \"x\", \"rows\": [1], \"titles\": [\"a\"], \"align\": \"l\"",
		"table.rows");
	refused_table("\"name\": \"x\", \"rows\": [[\"1\", \"2\"]], \"titles\": [\"a\"], "
		      "\"align\": \"l\"",
		"as many strings as titles");
	refused_table("\"name\": \"x\", \"rows\": [[1]], \"titles\": [\"a\"], \"align\": \"l\"",
		"rows of strings");
}

static void refused_chart(const char *kind, const char *series, const char *says)
{
	char text[1024];

	snprintf(text, sizeof(text),
		"{\"items\": [{\"chart\": {\"kind\": \"%s\", \"title\": \"\", \"x_label\": \"\", "
		"\"y_label\": \"\", \"series\": %s}}]}",
		kind, series);
	refused(text, says);
}

Test(page_json, charts_that_are_none)
{
	refused("{\"items\": [{\"chart\": 1}]}", "chart.kind bars, stacked, lines or points");
	refused("{\"items\": [{\"chart\": {\"kind\": \"bars\"}}]}", "title, x_label and y_label");
	refused_chart("pie", "[]", "chart.kind");
	refused_chart("bars", "{}", "chart.series");
	refused_chart("bars", "[1]", "name and an array of points");
	refused_chart("bars", "[{\"name\": \"x\"}]", "name and an array of points");
	refused_chart("bars", "[{\"name\": \"x\", \"points\": [1]}]", "[label, number]");
	refused_chart("bars", "[{\"name\": \"x\", \"points\": [[1, 2]]}]", "[label, number]");
	refused_chart(
		"stacked", "[{\"name\": \"x\", \"points\": [[\"a\", 2, 3]]}]", "[label, number]");
	refused_chart("lines", "[{\"name\": \"x\", \"points\": [[\"a\", 2]]}]", "[number, number]");
	refused_chart("points", "[{\"name\": \"x\", \"points\": [[1, null]]}]", "[number, number]");
	refused_chart("lines",
		"[1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7,8,9,0,"
		"1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7,8,9,0,1,2,3,4,5]",
		"at most 64");
}
