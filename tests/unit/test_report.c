/* SPDX-License-Identifier: BSD-2-Clause */
/* Results files, read and shown: what is refused and how, and what a report is made of. */
#include "tickvm/report.h"

#include <criterion/criterion.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- reading ---- */

static struct diag diag;
static struct report_file file;

/* A file of that text; until the next call. */
static const char *path_of(const char *text)
{
	static char path[] = "/tmp/tickvm-report-XXXXXX";

	strcpy(path + sizeof(path) - 7, "XXXXXX");
	int fd = mkstemp(path);

	cr_assert(fd >= 0);
	cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	return path;
}

static int read_text(const char *text)
{
	const char *path = path_of(text);
	int err = report_read(&file, path, &diag);

	unlink(path);
	return err;
}

/* Refused with one line that has the path and says. */
static void refused(const char *text, const char *says)
{
	cr_expect_eq(read_text(text), -EINVAL, "%s", text);
	cr_expect_null(file.root);
	cr_expect_eq(strncmp(diag.text, file.path, strlen(file.path)), 0, "%s", diag.text);
	cr_expect_not_null(strstr(diag.text, says), "\"%s\" does not say \"%s\"", diag.text, says);
	cr_expect_null(strchr(diag.text, '\n'));
}

Test(report_read, refuses_what_is_no_results_file)
{
	refused("", ":1:0: the file ends here: truncated; expected a tickvm-results/1 file");
	refused("{\"schema\": \"tickvm-results/1\",\n \"bench\": \"ti", ":2:");
	refused("{\"schema\": \"tickvm-results/1\",\n \"bench\": ",
		"the file ends here: truncated");
	refused("\x1b[31mred", ":1:1: no JSON; expected");
	refused("[1, 2, 3]", "no member \"schema\"; expected a tickvm-results/1 file");
	refused("{\"schema\": 1}", "no member \"schema\"");
	refused("{\"schema\": \"tickvm-trace/1\"}", "another schema; expected");
	refused("{\"schema\": \"tickvm-results/\"}", "another schema");
	refused("{\"schema\": \"tickvm-results/1\"} tail", "no JSON");
	refused("{\"schema\": \"\xff\"}", "no UTF-8");
	refused("{\"n\": 1e999}", "a number that is too large");
}

Test(report_read, skips_a_byte_order_mark)
{
	cr_assert_eq(
		read_text("\xef\xbb\xbf{\"schema\": \"tickvm-results/1\"}"), 0, "%s", diag.text);
	json_decref(file.root);
	refused("\xef\xbb\xbf", "truncated");
	refused("\xef\xbb\xbf\xef\xbb\xbf{}", "no JSON");
	refused("\xef\xbb", "no UTF-8");
}

/* Keys too; of two that become one a value is left. */
Test(report_read, texts_are_clean)
{
	cr_assert_eq(read_text("{\"schema\": \"tickvm-results/1\", \"bench\": \"a\\u001bb\", "
			       "\"x\\u202e\": [[{\"y\\u0007\": \"::z\"}]], \"x\\u202d\": 1}"),
		0, "%s", diag.text);
	char *text = json_dumps(file.root, JSON_COMPACT | JSON_SORT_KEYS);

	cr_expect_not_null(strstr(text, "\"bench\":\"a\xef\xbf\xbd"
					"b\""),
		"%s", text);
	cr_expect_null(strstr(text, "\\u"), "%s", text);
	cr_expect_null(strstr(text, "::"), "%s", text);
	cr_expect_eq(json_object_size(file.root), 3, "%s", text);
	free(text);
	json_decref(file.root);
}

Test(report_read, refuses_later_versions)
{
	refused("{\"schema\": \"tickvm-results/3\"}",
		"schema tickvm-results/3: made by a later tickvm; this one reads tickvm-results/1 "
		"and tickvm-results/2");
	refused("{\"schema\": \"tickvm-results/123456789012345\"}", "made by a later tickvm");
}

Test(report_read, names_what_cannot_be_read)
{
	cr_expect_eq(report_read(&file, "/nonexistent/x", &diag), -ENOENT);
	cr_expect_str_eq(diag.text, "cannot open /nonexistent/x: No such file or directory");
	cr_expect_eq(report_read(&file, "/tmp", &diag), -EINVAL);
	cr_expect_str_eq(diag.text, "cannot open /tmp: a directory; expected a regular file");
}

Test(report_read, file_without_a_page_is_an_older_one)
{
	cr_assert_eq(read_text("{\"schema\": \"tickvm-results/1\", \"bench\": \"timer\"}"), 0);
	cr_expect_null(report_page(&file, &diag));
	cr_expect_not_null(strstr(diag.text, "made by an older tickvm; run the bench again"));
	json_decref(file.root);
}

Test(report_read, broken_page_is_named_with_its_file)
{
	cr_assert_eq(
		read_text("{\"schema\": \"tickvm-results/1\", \"page\": {\"items\": [7]}}"), 0);
	cr_expect_null(report_page(&file, &diag));
	cr_expect_not_null(strstr(diag.text, file.path));
	cr_expect_not_null(strstr(diag.text, "items[0]"), "%s", diag.text);
	json_decref(file.root);
}

/* ---- showing ---- */

/* A document with a bit of everything. Takes page over. */
static struct report_file document(const char *bench, struct page *page)
{
	json_t *root = json_pack("{s:s, s:s, s:s, s:s, s:{s:s, s:I, s:{s:b}}, s:o}", "schema",
		"tickvm-results/1", "bench", bench, "time", "2026-01-02T03:04:05Z", "command_line",
		"tickvm bench <script>", "host", "cpu_model", "Made & Sons", "mem_bytes",
		(json_int_t)8 << 30, "kvm", "irqchip", 1, "page", page_json(page));

	page_destroy(page);
	cr_assert_not_null(root);
	return (struct report_file){.path = "some<file>.json", .root = root};
}

static struct page *small_page(void)
{
	static const char *const titles[] = {"source", "p99", NULL};
	struct page *page = page_create();

	page_heading(page, "Every 100 us");
	struct table *table = page_table(page, "lateness", "lr", titles);

	table_cell(table, "<td>");
	table_cell(table, "1.25");
	page_note(page, "A note.");
	chart_bar(page_chart(page, CHART_BARS, 0, "A chart", "source", "us"), "s", "lapic", 3);
	page_verdict(page, VERDICT_BAD, "3 us where 2 & less was wanted");
	return page;
}

/* The caller frees it. */
static char *html(const struct report_file *files, size_t n)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	cr_assert_eq(report_html(files, n, out, &diag), 0, "%s", diag.text);
	fclose(out);
	return text;
}

static char *printed(const struct report_file *files, size_t n, enum page_format format)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	cr_assert_eq(report_print(files, n, format, out, &diag), 0, "%s", diag.text);
	fclose(out);
	return text;
}

static void in_order(const char *text, const char *const *words)
{
	const char *at = text;

	for (; *words != NULL; words++) {
		const char *found = strstr(at, *words);

		cr_assert_not_null(found, "no \"%s\", or not in its place", *words);
		at = found + 1;
	}
}

Test(report, html_has_verdicts_first_then_the_page_then_the_host)
{
	static const char *const order[] = {"<!DOCTYPE html>", "<html lang=\"en\">",
		"Content-Security-Policy", "<h1>tickvm: timer",
		"<li class=\"bad\"><b>✗ not met</b>", "3 us where 2 &amp; less was wanted",
		"<h2 id=\"file1\">timer", "2026-01-02T03:04:05Z", "tickvm bench &lt;script&gt;",
		"<h3>Every 100 us</h3>", "<th scope=\"col\">source",
		"<th scope=\"row\">&lt;td&gt;</th><td class=\"r\">1.25</td>", "A note.",
		"<svg viewBox", "<figcaption><b>Figure 1.</b> A chart", "<h2>Host</h2>",
		"Made &amp; Sons", "8,589,934,592 (8.0 GiB)", "kvm.irqchip", "yes", "</html>",
		NULL};
	struct report_file timer = document("timer", small_page());
	char *text = html(&timer, 1);

	in_order(text, order);
	cr_expect_null(strstr(text, "<script"));
	cr_expect_null(strstr(text, "Published figures"));
	cr_expect_null(strstr(text, "http:"), "nothing that could be fetched");
	cr_expect_null(strstr(text, "https:"));
	free(text);
	json_decref(timer.root);
}

Test(report, published_figures_stand_beside_hyperbench_only)
{
	struct report_file files[] = {
		document("timer", small_page()), document("hyperbench", small_page())};
	static const char *const order[] = {"<h2 id=\"file2\">hyperbench",
		"<section class=\"published\">", "Not measured by tickvm", "Xeon E7-4820 v2",
		"set-page-table", "185716972", "Figure 3.", "</section>", "<h2>Hosts</h2>", NULL};
	char *text = html(files, 2);

	in_order(text, order);
	cr_expect_not_null(strstr(text, "<td colspan=\"2\">Made &amp; Sons"), "said once");
	free(text);
	json_decref(files[0].root);
	json_decref(files[1].root);
}

Test(report, members_of_any_type_do_no_harm)
{
	struct report_file strange = document("timer", small_page());

	json_object_set_new(strange.root, "bench", json_integer(3));
	json_object_set_new(strange.root, "time", json_array());
	json_object_set_new(strange.root, "host", json_pack("[i, {s:s}]", 1, "a", "<b>"));
	free(html(&strange, 1));
	free(printed(&strange, 1, PAGE_TEXT));
	json_object_set_new(strange.root, "host",
		json_pack("{s:{s:{s:s}}, s:f, s:n, s:[s]}", "<a>", "b", "c", "</table>", "f", 1.5,
			"n", "l", "<script>"));
	char *text = html(&strange, 1);

	cr_expect_null(strstr(text, "<script"));
	cr_expect_not_null(strstr(text, "&lt;a&gt;.b"));
	free(text);
	json_decref(strange.root);
}

Test(report, broken_second_file_leaves_nothing_half_printed)
{
	struct report_file files[] = {
		document("timer", small_page()), document("timer", small_page())};
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	json_object_del(files[1].root, "page");
	cr_expect_eq(report_html(files, 2, out, &diag), -EINVAL);
	cr_expect_eq(report_print(files, 2, PAGE_TEXT, out, &diag), -EINVAL);
	fclose(out);
	cr_expect_eq(size, 0);
	free(text);
	json_decref(files[0].root);
	json_decref(files[1].root);
}

Test(report, text_and_markdown_say_what_each_file_is)
{
	struct report_file timer = document("timer", small_page());
	char *text = printed(&timer, 1, PAGE_TEXT), *markdown = printed(&timer, 1, PAGE_MARKDOWN);
	static const char *const order[] = {
		"timer, 2026-01-02T03:04:05Z", "some<file>.json", "Every 100 us", "1.25", NULL};

	in_order(text, order);
	cr_expect_eq(strncmp(markdown, "## timer, 2026", 14), 0, "%s", markdown);
	free(text);
	free(markdown);
	json_decref(timer.root);
}

Test(report, csv_is_tables_alone)
{
	struct report_file files[] = {
		document("timer", small_page()), document("timer", small_page())};
	char *text = printed(files, 2, PAGE_CSV);

	cr_expect_str_eq(text, "table,source,p99\r\nlateness,<td>,1.25\r\n\r\n"
			       "table,source,p99\r\nlateness,<td>,1.25\r\n");
	free(text);
	json_decref(files[0].root);
	json_decref(files[1].root);
}

Test(report, a_page_of_many_points_stays_small)
{
	struct page *page = page_create();

	for (int c = 0; c < 4; c++) {
		struct chart *chart = page_chart(page, CHART_POINTS, 0, "lateness", "event", "us");

		for (int i = 0; i < 8 * 4500; i++) {
			char name[] = {(char)('a' + i % 8), '\0'};

			chart_point(chart, name, i, rand() % 10000);
		}
	}
	struct report_file timer = document("timer", page);
	char *text = html(&timer, 1);

	cr_expect_lt(strlen(text), 5 << 20);
	free(text);
	json_decref(timer.root);
}
