/* SPDX-License-Identifier: BSD-2-Clause */
/* Tables as text: alignment, units, the promise to fit 100 columns, and that nothing is cut. */
#include "tickvm/page.h"

#include <criterion/criterion.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

static struct page *page;

static struct table *new_table(const char *align, const char *const *titles)
{
	page = page_create();
	return page_table(page, "test", align, titles);
}

/* What the page prints; the caller frees it. */
static char *printed(void)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	page_print(page, PAGE_TEXT, out);
	fclose(out);
	page_destroy(page);
	return text;
}

static size_t longest_line(const char *text)
{
	size_t longest = 0;

	for (; *text != '\0'; text += strcspn(text, "\n") + (strchr(text, '\n') != NULL)) {
		size_t length = strcspn(text, "\n");

		longest = length > longest ? length : longest;
	}
	return longest;
}

Test(table, columns_are_as_wide_as_their_widest_cell)
{
	static const char *const titles[] = {"source", "n"};
	struct table *table = new_table("lr", titles);

	table_cell(table, "%s", "kvm-lapic");
	table_cell(table, "%d", 5);
	table_cell(table, "%s", "pit");
	table_cell(table, "%d", 12345);
	char *text = printed();

	cr_assert_str_eq(text, "source         n\n"
			       "kvm-lapic      5\n"
			       "pit        12345\n");
	free(text);
}

Test(table, no_spaces_at_the_end_of_a_line)
{
	static const char *const titles[] = {"n", "handled by"};
	struct table *table = new_table("rl", titles);

	table_cell(table, "1");
	table_cell(table, "KVM");
	char *text = printed();

	cr_assert_str_eq(text, "n  handled by\n1  KVM\n");
	free(text);
}

Test(table, durations_in_microseconds)
{
	static const char *const titles[] = {"a", "b", "c", "d", "e"};
	struct table *table = new_table("rrrrr", titles);

	table_cell_us(table, 1234);
	table_cell_us(table, -0.4 * 1000);
	table_cell_us(table, 999999);
	table_cell_us(table, 12345678);
	table_cell_us(table, (double)NAN);
	char *text = printed();

	cr_assert_not_null(strstr(text, "1.234  -0.400  999.999  12345.7  -\n"), "%s", text);
	free(text);
}

Test(table, figures_with_the_digits_that_mean_something)
{
	static const char *const titles[] = {"a", "b"};
	static const struct {
		double value;
		const char *text;
	} cases[] = {
		{1234567.4, "1234567"},
		{1234.4, "1234"},
		{999.6, "1000"},
		{99.96, "100"},
		{12.34, "12.3"},
		{9.996, "10.0"},
		{1.234, "1.23"},
		{-1.234, "-1.23"},
		{0.01234, "0.0123"},
		{1e-12, "1.00e-12"},
		{0, "0"},
		{(double)NAN, "-"},
		{(double)INFINITY, "inf"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct table *table = new_table("lr", titles);
		char expected[64];

		table_cell(table, "x");
		table_cell_figure(table, cases[i].value);
		char *text = printed();

		snprintf(expected, sizeof(expected), "\nx  %s\n", cases[i].text);
		cr_expect_not_null(strstr(text, expected), "%g: %s", cases[i].value, text);
		free(text);
	}
}

Test(table, characters_are_counted_not_bytes)
{
	static const char *const titles[] = {"a", "b"};
	struct table *table = new_table("ll", titles);

	table_cell(table, "\xc2\xb5s"); /* a micro sign: two bytes, one column */
	table_cell(table, "1");
	char *text = printed();

	cr_assert_str_eq(text, "a   b\n\xc2\xb5s  1\n");
	free(text);
}

Test(table, empty_cells_leave_no_spaces)
{
	static const char *const titles[] = {"a", "b", ""};
	struct table *table = new_table("lrl", titles);

	table_cell(table, "one");
	table_cell(table, "%s", "");
	table_cell(table, "%s", "");
	char *text = printed();

	cr_assert_str_eq(text, "a    b\none\n");
	free(text);
}

Test(table, a_cell_stays_on_its_line_and_gives_no_commands)
{
	static const char *const titles[] = {"a"};
	struct table *table = new_table("l", titles);

	table_cell(table, "x\ny\x1b[2J");
	char *text = printed();

	cr_assert_str_eq(text, "a\nx y\xef\xbf\xbd[2J\n");
	free(text);
}

Test(table, without_rows_nothing_is_printed)
{
	static const char *const titles[] = {"a"};

	new_table("l", titles);
	char *text = printed();

	cr_assert_str_empty(text);
	free(text);
}

Test(table, the_widest_timer_table_fits)
{
	static const char *const titles[] = {"source", "error", "sd", "ci99", "min", "p50", "p90",
		"p99", "p99.9", "max", "missed"};
	struct table *table = new_table("lrrrrrrrrrr", titles);

	table_cell(table, "user-lapic+residual");
	for (int i = 0; i < 9; i++)
		table_cell_us(table, -999999);
	table_cell(table, "4500");
	char *text = printed();

	cr_assert_leq(longest_line(text), TABLE_WIDTH + 9, "%s", text);
	free(text);

	struct table *usual = new_table("lrrrrrrrrrr", titles);

	table_cell(usual, "user-lapic");
	for (int i = 0; i < 9; i++)
		table_cell_us(usual, 123456);
	table_cell(usual, "4500");
	text = printed();
	cr_assert_leq(longest_line(text), TABLE_WIDTH, "%s", text);
	free(text);
}

/* Figures stay in one line, however many they are. */
Test(table, a_wide_table_narrows_its_gaps_and_cuts_nothing)
{
	static const char *const titles[] = {"a", "b", "c"};
	struct table *table = new_table("rrr", titles);
	char text33[34];

	memset(text33, 'x', 33);
	text33[33] = '\0';
	for (int i = 0; i < 3; i++)
		table_cell(table, "%s", text33);
	char *text = printed();

	cr_assert_eq(longest_line(text), 3 * 33 + 2);
	free(text);
}

Test(table, an_unfinished_row_ends_its_line)
{
	static const char *const titles[] = {"a", "b"};
	struct table *table = new_table("lr", titles);

	table_cell(table, "x");
	char *text = printed();

	cr_assert_eq(text[strlen(text) - 1], '\n');
	free(text);
}

Test(table, what_still_does_not_fit_goes_on_in_further_lines)
{
	static const char *const titles[] = {"unit", "cycles", "measured by"};
	struct table *table = new_table("lrl", titles);

	table_cell(table, "transition");
	table_cell(table, "3832");
	table_cell(table, "%s",
		"KVM_RUN told to leave at once, many times over, with a guest that never gets to "
		"run "
		"an instruction of its own");
	table_cell(table, "fault");
	table_cell(table, "10730");
	table_cell(table, "short");
	char *text = printed();

	cr_expect_leq(longest_line(text), TABLE_WIDTH, "%s", text);
	cr_expect_str_eq(text, "unit       cycles measured by\n"
			       "transition   3832 KVM_RUN told to leave at once, many times over, "
			       "with a guest that "
			       "never gets to\n"
			       "                  run an instruction of its own\n"
			       "fault       10730 short\n");
	free(text);
}

Test(table, a_long_word_is_folded_where_the_line_ends)
{
	static const char *const titles[] = {"a", "b"};
	struct table *table = new_table("lr", titles);
	char word[151] = "";

	memset(word, 'x', 150);
	table_cell(table, "%s", word);
	table_cell(table, "1");
	char *text = printed();
	size_t letters = 0;

	cr_expect_leq(longest_line(text), TABLE_WIDTH, "%s", text);
	for (const char *c = text; *c != '\0'; c++)
		letters += *c == 'x';
	cr_expect_eq(letters, 150, "nothing is cut: %s", text);
	free(text);
}

/* Words that are characters of several bytes are not cut in the middle. */
Test(table, folding_counts_characters)
{
	static const char *const titles[] = {"a"};
	struct table *table = new_table("l", titles);
	char word[2 * 120 + 1] = "";

	for (int i = 0; i < 120; i++)
		memcpy(word + 2 * i, "\xc3\xa4", 2);
	table_cell(table, "%s", word);
	char *text = printed();

	size_t title = strcspn(text, "\n") + 1, line = strcspn(text + title, "\n");

	cr_expect_eq(line, 2 * TABLE_WIDTH);
	free(text);
}
