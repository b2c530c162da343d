/* SPDX-License-Identifier: BSD-2-Clause */
/* What bench linpack says of measurements: wrong solutions, agreement, disturbed rows. No KVM. */
#include "../../src/bench/linpack/linpack.h"

#include "tickvm/clock.h"

#include <criterion/criterion.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS 5

static struct linpack_row *create_rows(size_t n)
{
	struct linpack_row *rows = calloc(n, sizeof(*rows));

	cr_assert_not_null(rows);
	clock_set_tsc_hz(1000000000);
	for (size_t i = 0; i < n; i++) {
		rows[i].n = 1000;
		rows[i].threads = 1;
	}
	return rows;
}

/* Rounds that take cycles, and wobble more from one to the next. */
static void add(struct linpack_row *row, enum linpack_side side, uint64_t cycles, uint64_t wobble,
	double residual)
{
	struct guest_linpack_run runs[ROUNDS];

	for (size_t i = 0; i < ROUNDS; i++) {
		runs[i] = (struct guest_linpack_run){
			.n = row->n, .vcpus = 1, .cycles = cycles + i * wobble};
		memcpy(&runs[i].residual_bits, &residual, sizeof(residual));
	}
	linpack_add(row, side, runs, ROUNDS);
}

/* Pairs of batches of the same. */
static void add_pairs(struct linpack_row *row, size_t pairs, uint64_t native, uint64_t guest)
{
	for (size_t i = 0; i < pairs; i++) {
		add(row, LINPACK_NATIVE, native, 0, 0.01);
		add(row, LINPACK_GUEST, guest, 0, 0.01);
	}
}

/* The page as text; free() it. */
static char *said(struct linpack_row *rows, size_t n)
{
	const struct linpack_report report = {
		.rows = rows, .n_rows = n, .simd = WORKLOAD_SSE2, .cpus = 1};
	struct page *page = page_create();
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	cr_assert_not_null(out);
	linpack_page(page, &report);
	page_print(page, PAGE_TEXT, out);
	fclose(out);
	page_destroy(page);
	return text;
}

static void expect_said(struct linpack_row *rows, size_t n, const char *what)
{
	char *text = said(rows, n);

	cr_expect_not_null(strstr(text, what), "no \"%s\" in: %s", what, text);
	free(text);
}

Test(linpack_report, operations_are_counted_as_hpl_does)
{
	cr_expect_float_eq(linpack_flops(1000), 2e9 / 3 + 1.5e6, 1);
	cr_expect_float_eq(linpack_flops(3), 18 + 13.5, 1e-9);
}

Test(linpack_report, equal_sides_agree)
{
	struct linpack_row *row = create_rows(1);

	/* 668,166,667 operations in 0.1 s */
	add_pairs(row, LINPACK_BATCHES, 100000000, 100000000);
	cr_expect_eq(row->wrong, 0);
	expect_said(row, 1, "6.68");
	expect_said(row, 1, "1.000 (1.000 to 1.000)");
	expect_said(row, 1, "ok: Guest and native agree within 3 % in 1 of 1 rows");
	expect_said(row, 1, "ok: 120 of 120 solutions");
	free(row);
}

Test(linpack_report, sides_that_do_not)
{
	struct linpack_row *rows = create_rows(2);

	for (size_t i = 0; i < 2; i++)
		add_pairs(&rows[i], LINPACK_BATCHES, 100000000, i == 0 ? 102000000 : 105000000);
	expect_said(rows, 2, "NOT MET: Guest and native agree within 3 % in 1 of 2 rows");
	expect_said(rows, 2, "; 1 do not");
	expect_said(rows, 2, "0.952 (0.952 to 0.952)");
	free(rows);
}

/* Both of each pair alike, the pairs unlike each other: the host was not steady, the ratio is. */
Test(linpack_report, a_drift_that_meets_both_sides_does_not_matter)
{
	struct linpack_row *row = create_rows(1);

	for (uint64_t i = 0; i < LINPACK_BATCHES; i++)
		add_pairs(row, 1, 100000000 + i * 9000000, 100000000 + i * 9000000);
	expect_said(row, 1, "ok: Guest and native agree within 3 % in 1 of 1 rows");
	free(row);
}

Test(linpack_report, pairs_that_differ_say_nothing)
{
	struct linpack_row *row = create_rows(1);

	for (uint64_t i = 0; i < LINPACK_BATCHES; i++)
		add_pairs(row, 1, 100000000, 95000000 + i * 1000000);
	expect_said(row, 1, "unknown: Guest and native agree within 3 % in 0 of 1 rows");
	expect_said(row, 1, "1 cannot be told");
	free(row);
}

Test(linpack_report, two_pairs_are_too_few)
{
	struct linpack_row *row = create_rows(1);

	add_pairs(row, 2, 100000000, 100000000);
	expect_said(row, 1, "1.000 (2 pairs)");
	expect_said(row, 1, "unknown: ");
	free(row);
}

Test(linpack_report, wrong_solutions_fail)
{
	static const double wrong[] = {16, 1e10, -1, (double)INFINITY, (double)NAN};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct linpack_row *row = create_rows(1);

		add(row, LINPACK_GUEST, 1000, 0, wrong[i]);
		add(row, LINPACK_GUEST, 1000, 0, 0.01);
		cr_expect_eq(row->wrong, ROUNDS, "residual %g", wrong[i]);
		expect_said(row, 1, "FAILED");
		expect_said(row, 1, "NOT MET: 5 of 10 solutions");
		free(row);
	}
}

Test(linpack_report, rows_without_figures)
{
	struct linpack_row *row = create_rows(1);

	row->err = -1;
	diag_set(&row->diag, -1, "no room");
	expect_said(row, 1, "Not measured: n = 1000, 1 thread: no room");
	row->threads = 3;
	add(row, LINPACK_GUEST, 1000, 0, 0.01);
	expect_said(row, 1, "! 3");
	free(row);
}
