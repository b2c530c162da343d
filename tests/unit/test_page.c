/* SPDX-License-Identifier: BSD-2-Clause */
/* Pages as text, Markdown and CSV; what a page without memory does. Tables are in test_table.c, the
 * way through JSON in test_page_json.c. */
#include "tickvm/page.h"

#include <criterion/criterion.h>

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const titles[] = {"source", "error|sd", "what"};

/* The caller frees it. */
static char *printed(const struct page *page, enum page_format format)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	page_print(page, format, out);
	fclose(out);
	return text;
}

static struct page *example(void)
{
	struct page *page = page_create();

	page_heading(page, "LATENESS, every %d us", 50);
	struct table *table = page_table(page, "lateness", "lrl", titles);

	table_cell(table, "kvm|lapic");
	table_cell_us(table, 13719);
	table_cell(table, "says \"hello, world\"");
	table_cell(table, "native");
	table_cell_us(table, (double)NAN);
	table_cell(table, "a\nb");
	page_note(page, "first line\n    second <line>");
	page_note(page, "another");
	struct chart *chart = page_chart(page, CHART_BARS, 0, "title", "x", "y (us)");

	chart_bar(chart, "series", "label", 1);
	page_verdict(page, VERDICT_GOOD, "dispatch adds %.1f %% (limit 10 %%)", 4.0);
	page_verdict(page, VERDICT_BAD, "the ring adds 6 %%");
	page_verdict(page, VERDICT_UNKNOWN, "no figure");
	page_heading(page, "NEXT");
	return page;
}

Test(page, text)
{
	struct page *page = example();
	char *text = printed(page, PAGE_TEXT);

	cr_assert_str_eq(text, "LATENESS, every 50 us\n"
			       "\n"
			       "source     error|sd  what\n"
			       "kvm|lapic    13.719  says \"hello, world\"\n"
			       "native            -  a b\n"
			       "\n"
			       "first line\n"
			       "    second <line>\n"
			       "another\n"
			       "\n"
			       "ok: dispatch adds 4.0 % (limit 10 %)\n"
			       "NOT MET: the ring adds 6 %\n"
			       "unknown: no figure\n"
			       "\n\n"
			       "NEXT\n");
	free(text);
	page_destroy(page);
}

Test(page, markdown)
{
	struct page *page = example();
	char *text = printed(page, PAGE_MARKDOWN);

	cr_assert_str_eq(text, "## LATENESS, every 50 us\n"
			       "\n"
			       "| source     | error\\|sd | what                |\n"
			       "| ---------- | --------: | ------------------- |\n"
			       "| kvm\\|lapic |    13.719 | says \"hello, world\" |\n"
			       "| native     |         - | a b                 |\n"
			       "\n"
			       "first line\\\n"
			       "    second \\<line\\>\n"
			       "\n"
			       "another\n"
			       "\n"
			       "- ok: dispatch adds 4.0 % (limit 10 %)\n"
			       "- NOT MET: the ring adds 6 %\n"
			       "- unknown: no figure\n"
			       "\n"
			       "## NEXT\n");
	free(text);
	page_destroy(page);
}

Test(page, csv)
{
	struct page *page = example();
	struct table *table = page_table(page, "two", "rr", titles);

	table_cell(table, "1");
	char *text = printed(page, PAGE_CSV);

	cr_assert_str_eq(text, "table,source,error|sd,what\r\n"
			       "lateness,kvm|lapic,13.719,\"says \"\"hello, world\"\"\"\r\n"
			       "lateness,native,,a b\r\n"
			       "\r\n"
			       "table,source,error|sd\r\n"
			       "two,1,\r\n");
	free(text);
	page_destroy(page);
}

Test(page, notes_are_filled_to_the_width_of_tables)
{
	struct page *page = page_create();
	char word[TABLE_WIDTH + 2] = "";

	memset(word, 'x', TABLE_WIDTH + 1);
	page_note(page, "    %.46s %.46s  %.2s", word, word, word); /* just fits */
	page_note(page, "    %.46s %.46s  %.3s", word, word, word);
	page_note(page, "%s %s", word, word);
	char *text = printed(page, PAGE_TEXT);
	static const size_t expected[] = {
		TABLE_WIDTH, 0, 97, 4 + 3, 0, TABLE_WIDTH + 1, TABLE_WIDTH + 1};
	const char *line = text;

	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
		size_t length = strcspn(line, "\n");

		cr_assert_eq(length, expected[i], "line %zu of\n%s", i, text);
		line += length + 1;
	}
	cr_expect_str_empty(line);
	free(text);
	page_destroy(page);
}

Test(page, of_nothing)
{
	struct page *page = page_create();

	for (int format = PAGE_TEXT; format <= PAGE_CSV; format++) {
		char *text = printed(page, (enum page_format)format);

		cr_expect_str_empty(text);
		free(text);
	}
	page_destroy(page);
}

/* Every call on what could not be made does nothing, and every output says so. */
Test(page, without_memory)
{
	page_heading(NULL, "x");
	page_note(NULL, "x");
	page_verdict(NULL, VERDICT_GOOD, "x");
	cr_assert_null(page_table(NULL, "x", "l", titles));
	cr_assert_null(page_chart(NULL, CHART_BARS, 0, "x", "x", "x"));
	table_cell(NULL, "x");
	table_cell_us(NULL, 1);
	table_cell_figure(NULL, 1);
	chart_bar(NULL, "x", "x", 1);
	chart_point(NULL, "x", 1, 1);
	cr_assert_null(page_json(NULL));
	page_destroy(NULL);
	for (int format = PAGE_TEXT; format <= PAGE_CSV; format++) {
		char *text = printed(NULL, (enum page_format)format);

		cr_expect_not_null(strstr(text, "incomplete"), "%s", text);
		free(text);
	}
}

/* A table needs a column: what could not be made is missing from the page. */
Test(page, incomplete)
{
	struct page *page = example();

	cr_assert_null(page_table(page, "none", "", titles));
	for (int format = PAGE_TEXT; format <= PAGE_CSV; format++) {
		char *text = printed(page, (enum page_format)format);

		cr_expect_not_null(strstr(text, "incomplete"), "%s", text);
		cr_expect_not_null(strstr(text, "13.719"), "%s", text);
		free(text);
	}
	page_destroy(page);
}

Test(page, files)
{
	struct page *page = example();
	struct diag diag = {""};
	char path[] = "/tmp/tickvm-page-XXXXXX", text[64] = "";

	close(mkstemp(path));
	cr_assert_eq(page_write(page, PAGE_CSV, path, &diag), 0, "%s", diag.text);
	FILE *file = fopen(path, "r");

	cr_assert_not_null(fgets(text, sizeof(text), file));
	cr_expect_str_eq(text, "table,source,error|sd,what\r\n");
	fclose(file);
	unlink(path);
	cr_expect_eq(page_write(page, PAGE_CSV, "/nonexistent/x", &diag), -ENOENT);
	cr_expect_not_null(strstr(diag.text, "/nonexistent/x"));
	page_destroy(page);
}
