/* SPDX-License-Identifier: BSD-2-Clause */
/* The table printer: alignment, units, the promise to fit 100 columns, and that nothing is cut. */
#include "../../src/bench/table.h"

#include <criterion/criterion.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What the table prints; the caller frees it. */
static char *printed(const struct table *table)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	table_print(table, out);
	fclose(out);
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
	struct table *table = table_create("lr", titles);

	table_cell(table, "%s", "kvm-lapic");
	table_cell(table, "%d", 5);
	table_cell(table, "%s", "pit");
	table_cell(table, "%d", 12345);
	char *text = printed(table);

	cr_assert_str_eq(text, "source         n\n"
			       "kvm-lapic      5\n"
			       "pit        12345\n");
	free(text);
	table_destroy(table);
}

Test(table, no_spaces_at_the_end_of_a_line)
{
	static const char *const titles[] = {"n", "handled by"};
	struct table *table = table_create("rl", titles);

	table_cell(table, "1");
	table_cell(table, "KVM");
	char *text = printed(table);

	cr_assert_str_eq(text, "n  handled by\n1  KVM\n");
	free(text);
	table_destroy(table);
}

Test(table, durations_in_microseconds)
{
	static const char *const titles[] = {"a", "b", "c", "d", "e"};
	struct table *table = table_create("rrrrr", titles);

	table_cell_us(table, 1234);
	table_cell_us(table, -0.4 * 1000);
	table_cell_us(table, 999999);
	table_cell_us(table, 12345678);
	table_cell_us(table, (double)NAN);
	char *text = printed(table);

	cr_assert_not_null(strstr(text, "1.234  -0.400  999.999  12345.7  -\n"), "%s", text);
	free(text);
	table_destroy(table);
}

Test(table, the_widest_timer_table_fits)
{
	static const char *const titles[] = {"source", "error", "sd", "ci99", "min", "p50", "p90",
		"p99", "p99.9", "max", "missed"};
	struct table *table = table_create("lrrrrrrrrrr", titles);

	table_cell(table, "user-lapic+residual");
	for (int i = 0; i < 9; i++)
		table_cell_us(table, -999999);
	table_cell(table, "4500");
	char *text = printed(table);

	cr_assert_leq(longest_line(text), TABLE_WIDTH + 9, "%s", text);
	free(text);

	struct table *usual = table_create("lrrrrrrrrrr", titles);

	table_cell(usual, "user-lapic");
	for (int i = 0; i < 9; i++)
		table_cell_us(usual, 123456);
	table_cell(usual, "4500");
	text = printed(usual);
	cr_assert_leq(longest_line(text), TABLE_WIDTH, "%s", text);
	free(text);
	table_destroy(usual);
	table_destroy(table);
}

Test(table, a_wide_table_narrows_its_gaps_and_cuts_nothing)
{
	static const char *const titles[] = {"a", "b", "c"};
	struct table *table = table_create("lrr", titles);
	char text33[34];

	memset(text33, 'x', 33);
	text33[33] = '\0';
	for (int i = 0; i < 3; i++)
		table_cell(table, "%s", text33);
	char *text = printed(table);

	cr_assert_eq(longest_line(text), 3 * 33 + 2);
	free(text);
	table_destroy(table);
}

Test(table, an_unfinished_row_ends_its_line)
{
	static const char *const titles[] = {"a", "b"};
	struct table *table = table_create("lr", titles);

	table_cell(table, "x");
	char *text = printed(table);

	cr_assert_eq(text[strlen(text) - 1], '\n');
	free(text);
	table_destroy(table);
}
