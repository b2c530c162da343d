/* SPDX-License-Identifier: BSD-2-Clause */
/* What bench linpack says of measurements: wrong solutions, agreement, disturbed rows. No KVM. */
#include "../../src/bench/linpack/linpack.h"

#include "tickvm/clock.h"
#include "tickvm/view.h"

#include <criterion/criterion.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define N(ARRAY) (sizeof(ARRAY) / sizeof((ARRAY)[0]))
#define SYSTEMS  5
#define ROUNDS   12

static const struct axis axes[] = {
	{.id = "vcpus"}, {.id = "n", .unit = UNIT_COUNT}, {.id = "simd"}, {.id = "side"}};
static struct dataset *set;
static unsigned rounds;

static void begin(void)
{
	clock_set_tsc_hz(1000000000);
	dataset_destroy(set);
	set = dataset_create("linpack.speed", "LU factorization", axes, N(axes), linpack_figures,
		LINPACK_FIGURES, NULL, 0);
	rounds = 0;
}

TestSuite(linpack_report, .init = begin);

/* A batch whose systems take cycles, and wobble more from one to the next. */
static void reduce(uint64_t cycles, uint64_t wobble, double residual, double *figures)
{
	static const struct linpack_batch batch = {.n = 1000, .threads = 1, .systems = SYSTEMS};
	struct guest_linpack_run runs[SYSTEMS];

	for (size_t i = 0; i < SYSTEMS; i++) {
		runs[i] = (struct guest_linpack_run){
			.n = batch.n, .vcpus = 1, .cycles = cycles + i * wobble};
		memcpy(&runs[i].residual_bits, &residual, sizeof(residual));
	}
	linpack_reduce(&batch, runs, figures);
}

static struct row *add(const char *side, double vcpus, uint64_t cycles, double residual)
{
	double figures[LINPACK_FIGURES];
	struct row *row =
		dataset_row(set, (const struct value[]){value_number(vcpus), value_number(1000),
					 value_word("sse2"), value_word(side)});

	reduce(cycles, 0, residual, figures);
	row_sample(set, row, 0, rounds, figures);
	return row;
}

/* A round of both sides. */
static void add_pair(double vcpus, uint64_t native, uint64_t guest)
{
	rounds++;
	add("guest", vcpus, guest, 0.01);
	add("native", vcpus, native, 0.01);
}

static void add_pairs(double vcpus, size_t pairs, uint64_t native, uint64_t guest)
{
	for (size_t i = 0; i < pairs; i++)
		add_pair(vcpus, native, guest);
}

/* The page as text; free() it. */
static char *said(void)
{
	struct document *document = document_create();
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	cr_assert_not_null(out);
	document_add(document, set);
	linpack_say(document, set, 1);
	struct page *page = document_page(document);

	page_print(page, PAGE_TEXT, out);
	fclose(out);
	page_destroy(page);
	document_destroy(document);
	set = NULL; /* the document's */
	return text;
}

static void expect_said(const char *const *what)
{
	char *text = said();

	for (; *what != NULL; what++)
		cr_expect_not_null(strstr(text, *what), "no \"%s\" in: %s", *what, text);
	free(text);
}
#define EXPECT_SAID(...) expect_said((const char *const[]){__VA_ARGS__, NULL})

Test(linpack_report, operations_are_counted_as_hpl_does)
{
	cr_expect_float_eq(linpack_flops(1000), 2e9 / 3 + 1.5e6, 1);
	cr_expect_float_eq(linpack_flops(3), 18 + 13.5, 1e-9);
}

Test(linpack_report, a_batch_is_its_median)
{
	double figures[LINPACK_FIGURES];

	reduce(100000000, 50000000, 0.01, figures); /* 0.1, 0.15 ... 0.3 s */
	cr_expect_float_eq(figures[LINPACK_SPEED], linpack_flops(1000) / 0.2, 1);
	cr_expect_float_eq(figures[LINPACK_BATCH_SPREAD], 100 * (2 - 0.2 / 0.3), 1e-6);
	cr_expect_eq(figures[LINPACK_RESIDUAL], 0.01);
	cr_expect_eq(figures[LINPACK_SYSTEMS], SYSTEMS);
	cr_expect_eq(figures[LINPACK_WRONG], 0);
}

Test(linpack_report, equal_sides_agree)
{
	/* 668,166,667 operations in 0.1 s */
	add_pairs(1, ROUNDS, 100000000, 100000000);
	EXPECT_SAID("6.68       0.0   6.68       0.0  1.000 (1.000 to 1.000)",
		"ok: Guest and native agree within 3 % in 1 of 1 rows",
		"ok: 120 of 120 solutions have a residual below 16; the greatest is 0.01.");
}

Test(linpack_report, sides_that_do_not)
{
	add_pairs(1, ROUNDS, 100000000, 102000000);
	add_pairs(2, ROUNDS, 100000000, 105000000);
	EXPECT_SAID("NOT MET: Guest and native agree within 3 % in 1 of 2 rows", "; 1 do not",
		"0.952 (0.952 to 0.952)");
}

/* Both of each pair alike, the pairs unlike each other: the host was not steady, the ratio is. */
Test(linpack_report, a_drift_that_meets_both_sides_does_not_matter)
{
	for (uint64_t i = 0; i < ROUNDS; i++)
		add_pair(1, 100000000 + i * 9000000, 100000000 + i * 9000000);
	EXPECT_SAID("ok: Guest and native agree within 3 % in 1 of 1 rows");
}

Test(linpack_report, pairs_that_differ_say_nothing)
{
	for (uint64_t i = 0; i < ROUNDS; i++)
		add_pair(1, 100000000, 90000000 + i * 2000000);
	EXPECT_SAID(
		"unknown: Guest and native agree within 3 % in 0 of 1 rows", "1 cannot be told");
}

Test(linpack_report, two_pairs_are_too_few)
{
	add_pairs(1, 2, 100000000, 100000000);
	EXPECT_SAID("1.000 (2 pairs)", "unknown: ");
}

Test(linpack_report, spread_is_of_the_rounds)
{
	add("native", 1, 150000000, 0.01);
	for (unsigned i = 0; i < 9; i++)
		add("native", 1, 100000000, 0.01);
	/* The 1st of 10 values to the 9th, of the median. */
	EXPECT_SAID("6.68      33.3 ");
}

static void expect_wrong(double wrong)
{
	begin();
	add("guest", 1, 1000, wrong);
	rounds++;
	add("guest", 1, 1000, 0.01);
	EXPECT_SAID("FAILED", "NOT MET: 5 of 10 solutions");
}

Test(linpack_report, wrong_solutions_fail)
{
	expect_wrong(16);
	expect_wrong(1e10);
	expect_wrong(-1);
	expect_wrong((double)INFINITY);
	expect_wrong((double)NAN);
}

/* Nothing of them is compared. */
Test(linpack_report, rows_with_more_threads_than_cpus_are_marked)
{
	add_pairs(3, ROUNDS, 100000000, 105000000);
	for (size_t i = 0; i < set->n_rows; i++)
		row_label(&set->rows[i], LINPACK_CROWDED, LINPACK_CROWDED);
	char *text = said();

	cr_expect_not_null(strstr(text, "1000        3  !  sse2"), "%s", text);
	cr_expect_not_null(strstr(text, "!: more threads than the 1 CPUs"), "%s", text);
	cr_expect_null(strstr(text, "agree within"), "%s", text);
	free(text);
}

Test(linpack_report, nothing_measured)
{
	EXPECT_SAID("LINEAR SYSTEMS, guest beside native");
}
