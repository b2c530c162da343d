/* SPDX-License-Identifier: BSD-2-Clause */
/* The median of ratios, how exactly it is known, and what is said of it. */
#include "../../src/bench/agreement.h"

#include <criterion/criterion.h>

#include <math.h>

static struct agreement of(size_t n, const double *ratios)
{
	double copy[64];

	for (size_t i = 0; i < n; i++)
		copy[i] = ratios[i];
	return agreement_of(copy, n);
}

/* n ratios from 1 on in steps of 0.01, the greatest first. */
static struct agreement ladder(size_t n)
{
	double ratios[64];

	for (size_t i = 0; i < n; i++)
		ratios[i] = 1 + 0.01 * (double)(n - 1 - i);
	return of(n, ratios);
}

/* As tables of the sign test have it (Dixon and Massey; n 6 to 20, 5 % two-sided). */
Test(agreement, intervals_are_those_of_the_sign_test)
{
	static const struct {
		size_t n, left_out;
	} expected[] = {
		{6, 0}, {8, 0}, {9, 1}, {11, 1}, {12, 2}, {14, 2}, {15, 3}, {17, 4}, {20, 5}};

	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
		size_t n = expected[i].n, k = expected[i].left_out;
		struct agreement a = ladder(n);

		cr_expect_eq(a.n, n);
		cr_expect_float_eq(a.ratio, 1 + 0.01 * (double)(n - 1) / 2, 1e-9);
		cr_expect_float_eq(a.low, 1 + 0.01 * (double)k, 1e-9, "%zu ratios", n);
		cr_expect_float_eq(a.high, 1 + 0.01 * (double)(n - 1 - k), 1e-9, "%zu ratios", n);
	}
}

Test(agreement, five_ratios_have_a_median_and_no_interval)
{
	struct agreement a = ladder(5);

	cr_expect_float_eq(a.ratio, 1.02, 1e-9);
	cr_expect(isnan(a.low) && isnan(a.high));
	cr_expect_eq(agreement_verdict(&a, 0.5), VERDICT_UNKNOWN);
	a = ladder(0);
	cr_expect(isnan(a.ratio) && isnan(a.low));
	cr_expect_eq(agreement_verdict(&a, 0.5), VERDICT_UNKNOWN);
}

Test(agreement, the_whole_interval_decides)
{
	struct agreement a = {12, 1.0, 0.97, 1.03};

	cr_expect_eq(agreement_verdict(&a, 0.03), VERDICT_GOOD);
	a.low = 0.969;
	cr_expect_eq(agreement_verdict(&a, 0.03), VERDICT_UNKNOWN, "it may be 0.969");
	a = (struct agreement){12, 1.05, 1.02, 1.08};
	cr_expect_eq(agreement_verdict(&a, 0.03), VERDICT_UNKNOWN, "it may be 1.02");
	a.low = 1.031;
	cr_expect_eq(agreement_verdict(&a, 0.03), VERDICT_BAD);
	a = (struct agreement){12, 0.9, 0.88, 0.969};
	cr_expect_eq(agreement_verdict(&a, 0.03), VERDICT_BAD);
}

Test(agreement, a_few_disturbed_pairs_do_not_matter)
{
	const double ratios[] = {1, 1.01, 5, 0.99, 1, 0.2, 1.01, 0.99, 1, 1.02, 7, 0.99};
	struct agreement a = of(12, ratios);

	cr_expect_eq(agreement_verdict(&a, AGREEMENT_TOLERANCE), VERDICT_GOOD);
	cr_expect_float_eq(a.low, 0.99, 1e-9);
	cr_expect_float_eq(a.high, 1.02, 1e-9);
}

Test(agreement, what_is_no_number_is_left_out)
{
	const double ratios[] = {(double)NAN, 1, 1, 1, (double)NAN, 1, 1, 1};
	struct agreement a = of(8, ratios);
	char text[64];

	cr_expect_eq(a.n, 6);
	cr_expect_str_eq(agreement_text(text, sizeof(text), &a), "1.000 (1.000 to 1.000)");
	a = of(2, ratios);
	cr_expect_str_eq(agreement_text(text, sizeof(text), &a), "1.000 (1 pair)");
}
