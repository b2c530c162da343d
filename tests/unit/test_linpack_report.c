/* SPDX-License-Identifier: BSD-2-Clause */
/* What bench linpack says of measurements: wrong solutions, agreement, disturbed rows. No KVM. */
#include "../../src/bench/linpack.h"

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
	add(row, LINPACK_NATIVE, 100000000, 0, 0.01);
	add(row, LINPACK_GUEST, 100000000, 0, 0.01);
	cr_expect_eq(row->wrong, 0);
	expect_said(row, 1, "6.68");
	expect_said(row, 1, "1.000");
	expect_said(row, 1, "ok: Guest and native agree within 3 % in 1 of 1 steady rows");
	expect_said(row, 1, "ok: 10 of 10 solutions");
	free(row);
}

Test(linpack_report, sides_that_do_not)
{
	struct linpack_row *rows = create_rows(2);

	for (size_t i = 0; i < 2; i++) {
		add(&rows[i], LINPACK_NATIVE, 100000000, 0, 0.01);
		add(&rows[i], LINPACK_GUEST, i == 0 ? 102000000 : 105000000, 0, 0.01);
	}
	expect_said(rows, 2, "in 1 of 2 steady rows (the guest -4.8 % at most)");
	expect_said(rows, 2, "NOT MET: Guest");
	free(rows);
}

Test(linpack_report, a_disturbed_row_says_nothing)
{
	struct linpack_row *row = create_rows(1);

	add(row, LINPACK_NATIVE, 100000000, 20000000, 0.01);
	add(row, LINPACK_GUEST, 100000000, 0, 0.01);
	expect_said(row, 1, "unknown: Whether guest and native agree cannot be said");
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
