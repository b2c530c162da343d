/* SPDX-License-Identifier: BSD-2-Clause */
/* Datasets: words, units, rows by their values, what varies, and what rounds come to. */
#include "tickvm/dataset.h"
#include "tickvm/word.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>

static const struct axis axes[] = {{.id = "source"}, {.id = "interval", .unit = UNIT_NS},
	{.id = "irqchip", .flags = AXIS_FOLLOWS}};
static const struct figure figures[] = {
	{.id = "p50", .unit = UNIT_NS, .good = GOOD_NEAR_ZERO},
	{.id = "max", .unit = UNIT_NS, .over = OVER_MAX},
	{.id = "missed", .unit = UNIT_COUNT, .over = OVER_SUM},
	{.id = "kernel", .unit = UNIT_NS, .over = OVER_MIDDLE, .middle_of = "p50"},
};
#define N(ARRAY) (sizeof(ARRAY) / sizeof((ARRAY)[0]))

static struct dataset *example(void)
{
	return dataset_create(
		"timer.lateness", "Lateness", axes, N(axes), figures, N(figures), NULL, 0);
}

static struct row *row_at(
	struct dataset *set, const char *source, double interval, const char *irqchip)
{
	return dataset_row(set, (const struct value[]){value_word(source), value_number(interval),
					value_word(irqchip)});
}

Test(word, equal_texts_are_one_pointer)
{
	char text[32];

	for (int i = 0; i < 5000; i++) { /* the table grows under it */
		snprintf(text, sizeof(text), "w%d", i);
		cr_assert_eq(word(text), word(text));
		cr_assert_str_eq(word(text), text);
	}
	cr_expect_eq(word_n("w12345", 3), word("w12"));
	cr_expect_neq(word("w1"), word("w12"));
	cr_expect_eq(word_n("a\0b", 3), word("a"), "a text ends where it ends");
	cr_expect_null(word(NULL));
	cr_expect_str_eq(word(""), "");
}

Test(unit, ids_are_read_back)
{
	for (unsigned i = 0; i < UNITS; i++)
		cr_expect_eq(unit_of(unit_form(i)->id), i, "%s", unit_form(i)->id);
	cr_expect_eq(unit_of("furlong"), UNIT_NONE);
	cr_expect_eq(unit_of(NULL), UNIT_NONE);
}

Test(unit, values_for_people)
{
	static const struct {
		double value;
		enum unit unit;
		const char *shown;
	} cases[] = {{100000, UNIT_NS, "100 us"}, {1500, UNIT_NS, "1.5 us"}, {0, UNIT_NS, "0 ns"},
		{2e9, UNIT_NS, "2 s"}, {-2500, UNIT_NS, "-2.5 us"}, {4096, UNIT_BYTES, "4 KiB"},
		{3, UNIT_COUNT, "3"}, {12, UNIT_PERCENT, "12 %"}};

	for (size_t i = 0; i < N(cases); i++) {
		char text[32];

		unit_show(cases[i].value, cases[i].unit, text, sizeof(text));
		cr_expect_str_eq(text, cases[i].shown);
	}
}

Test(dataset, a_row_is_found_by_its_values)
{
	struct dataset *set = example();

	/* more than the first index holds */
	for (int i = 0; i < 100; i++)
		row_label(row_at(set, "dedicated", i, "split"), "n", i % 2 ? "odd" : "even");
	cr_expect_eq(set->n_rows, 100);
	for (int i = 0; i < 100; i++) {
		cr_assert_eq(row_at(set, "dedicated", i, "split"), &set->rows[i]);
		cr_expect_str_eq(row_text(&set->rows[i], "n"), i % 2 ? "odd" : "even");
	}
	cr_expect_eq(set->n_rows, 100, "rows that were there are not made again");
	cr_expect_null(dataset_find(set, (const struct value[]){value_word("dedicated"),
						 value_number(100), value_word("split")}));
	cr_expect_null(row_text(&set->rows[0], "none"));
	dataset_destroy(set);
}

Test(dataset, a_partner_differs_in_one_axis)
{
	struct dataset *set = example();

	row_at(set, "dedicated", 100, "split");
	row_at(set, "kvm-lapic", 100, "kernel");
	row_at(set, "kvm-lapic", 50, "kernel");
	row_at(set, "native", 50, "-");
	struct row *dedicated = &set->rows[0];

	cr_expect_eq(dataset_partner(set, dedicated, 0, value_word("kvm-lapic")), &set->rows[1],
		"the back end follows the source");
	cr_expect_null(dataset_partner(set, dedicated, 0, value_word("native")));
	cr_expect_null(dataset_partner(set, dedicated, 0, value_word("dedicated")), "not itself");
	cr_expect_eq(dataset_partner(set, &set->rows[2], 0, value_word("native")), &set->rows[3]);
	dataset_destroy(set);
}

Test(dataset, what_varies_and_what_is_constant)
{
	struct dataset *set = example();

	row_at(set, "dedicated", 100, "split");
	row_at(set, "dedicated", 100, "-");
	cr_expect_not(axis_varies(set, 0));
	cr_expect(axis_constant(set, 0));
	cr_expect_not(axis_varies(set, 2), "a row without a value does not vary it");
	cr_expect_not(axis_constant(set, 2), "but it is not the same");
	row_at(set, "dedicated", 50, "split");
	cr_expect(axis_varies(set, 1));
	dataset_destroy(set);
}

Test(dataset, rounds_come_to_one_number)
{
	struct dataset *set = example();
	struct row *row = row_at(set, "dedicated", 100, "split");
	const double nan = (double)NAN;
	const double rounds[][4] = {
		{30, 100, 1, 3}, {10, 300, 2, 1}, {20, 200, 4, 2}, {nan, nan, 8, 9}};

	for (unsigned i = 0; i < 4; i++)
		row_sample(set, row, 0, i + 1, rounds[i]);
	row_sample(set, row, 0, 5, NULL); /* failed */
	cr_expect_eq(row_value(set, row, 0), 20);
	cr_expect_eq(row_value(set, row, 1), 300);
	cr_expect_eq(row_value(set, row, 2), 15);
	cr_expect_eq(row_value(set, row, 3), 2, "of the round whose p50 is the median");
	row_sample(set, row, 0, 6, (const double[]){21, 0, 0, 7});
	cr_expect_eq(row_value(set, row, 0), 20.5);
	cr_expect_eq(row_value(set, row, 3), 2, "the first of two that are equally near");
	double values[6];

	cr_expect_eq(row_values(row, 0, values), 4);
	dataset_destroy(set);
}

Test(dataset, nothing_measured_is_no_number)
{
	struct dataset *set = example();
	struct row *row = row_at(set, "dedicated", 100, "split");

	for (size_t i = 0; i < N(figures); i++)
		cr_expect(isnan(row_value(set, row, i)));
	row_sample(set, row, 0, 1, NULL);
	for (size_t i = 0; i < N(figures); i++)
		cr_expect(isnan(row_value(set, row, i)));
	dataset_destroy(set);
}
