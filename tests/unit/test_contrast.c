/* SPDX-License-Identifier: BSD-2-Clause */
/* Contrasts: published critical values, counting against brute force, coverage by simulation, and
 * which rounds are paired. */
#include "../../src/data/ranks.h"
#include "tickvm/contrast.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#define N(ARRAY) (sizeof(ARRAY) / sizeof((ARRAY)[0]))

static uint64_t state = 88172645463325252ULL;

static double uniform(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return ((double)(state >> 11) + 0.5) / 9007199254740992.0;
}

/* Skewed, as latencies are. */
static double exponential(void)
{
	return -log(uniform());
}

/* Wilcoxon's table: with n = 10 and no ties the sum of positive ranks 8 has p = 0.0488, 9 has
 * 0.0645. */
Test(ranks, one_sample_p_is_the_published_one)
{
	/* negative but ranks 1, 3 and 4: a sum of 8 */
	double eight[] = {1, -2, 3, 4, -5, -6, -7, -8, -9, -10};
	double nine[] = {-1, 2, 3, 4, -5, -6, -7, -8, -9, -10};
	double zeros[] = {0, 0, 0, 0, 0, 0};

	cr_expect_float_eq(ranks_one(eight, N(eight)).p, 0.048828125, 1e-12);
	cr_expect_float_eq(ranks_one(nine, N(nine)).p, 0.064453125, 1e-12);
	cr_expect_eq(ranks_one(zeros, N(zeros)).p, 1);
}

/* Mann and Whitney 1947: n = m = 4, U = 0: 1 of 70 either way. */
Test(ranks, two_sample_p_is_the_published_one)
{
	double a[] = {1, 2, 3, 4}, b[] = {5, 6, 7, 8};
	double same[] = {1, 1, 1}, as_well[] = {1, 1, 1};
	struct shift shift = ranks_two(a, 4, b, 4);

	cr_expect_float_eq(shift.p, 2.0 / 70, 1e-12);
	cr_expect_eq(shift.estimate, 4);
	cr_expect_eq(shift.low, 1);
	cr_expect_eq(shift.high, 7);
	cr_expect_eq(ranks_two(same, 3, as_well, 3).p, 1);
}

Test(ranks, few_rounds_have_no_interval)
{
	double five[] = {1, 2, 3, 4, 5}, six[] = {1, 2, 3, 4, 5, 6};
	struct shift shift = ranks_one(five, 5);

	cr_expect(isnan(shift.low) && isnan(shift.high), "1 in 16 lies outside the extremes");
	cr_expect_eq(shift.estimate, 3);
	shift = ranks_one(six, 6);
	cr_expect_eq(shift.low, 1);
	cr_expect_eq(shift.high, 6);
}

static int by_number(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

Test(ranks, estimates_are_those_of_all_pairs)
{
	for (int turn = 0; turn < 50; turn++) {
		double values[45], other[30], all[45 * 46 / 2];
		size_t n = 1 + (size_t)(uniform() * 44), m = 1 + (size_t)(uniform() * 29),
		       count = 0;

		for (size_t i = 0; i < n; i++)
			values[i] = floor(20 * exponential()) - 10; /* with ties */
		for (size_t i = 0; i < m; i++)
			other[i] = floor(20 * exponential());
		struct shift one = ranks_one(values, n);

		for (size_t i = 0; i < n; i++)
			for (size_t k = i; k < n; k++)
				all[count++] = (values[i] + values[k]) / 2;
		qsort(all, count, sizeof(*all), by_number);
		cr_expect_float_eq(one.estimate, (all[(count - 1) / 2] + all[count / 2]) / 2, 1e-9);

		struct shift two = ranks_two(values, n, other, m);
		double differences[45 * 30];

		count = 0;
		for (size_t i = 0; i < n; i++)
			for (size_t k = 0; k < m; k++)
				differences[count++] = other[k] - values[i];
		qsort(differences, count, sizeof(*differences), by_number);
		cr_expect_float_eq(two.estimate,
			(differences[(count - 1) / 2] + differences[count / 2]) / 2, 1e-9);
	}
}

/* Wilcoxon's normal approximation with continuity correction, values without ties. */
static double normal_p(const double *values, size_t n)
{
	double m = (double)n, sum = 0;

	for (size_t i = 0; i < n; i++) {
		double rank = 1;

		for (size_t k = 0; k < n; k++)
			rank += fabs(values[k]) < fabs(values[i]);
		sum += values[i] > 0 ? rank : 0;
	}
	return erfc(
		fmax(fabs(sum - m * (m + 1) / 4) - 0.5, 0) / sqrt(m * (m + 1) * (2 * m + 1) / 12));
}

/* Where the exact distribution ends and the approximation begins, they say nearly the same. */
Test(ranks, exact_and_normal_agree_where_they_meet)
{
	for (int turn = 0; turn < 40; turn++) {
		double values[CONTRAST_EXACT_MAX + 1], normal;

		for (size_t i = 0; i < N(values); i++)
			values[i] = exponential() - 0.7 + turn * 0.015;
		normal = normal_p(values, N(values));
		cr_expect_float_eq(ranks_one(values, N(values)).p, normal, 1e-12);
		normal = normal_p(values, N(values) - 1);
		cr_expect_float_eq(ranks_one(values, N(values) - 1).p, normal,
			normal < 0.1 ? 0.002 : 0.008, "%f", normal);
	}
}

/* Of a hundred nominal 95 % intervals at least 93 hold the truth, with skew, at every number of
 * rounds. */
Test(ranks, intervals_cover)
{
	static const size_t rounds[] = {6, 12, 24, 40, 41, 100};

	for (size_t r = 0; r < N(rounds); r++) {
		unsigned paired = 0, unpaired = 0, turns = 1000;

		for (unsigned turn = 0; turn < turns; turn++) {
			double differences[100], a[100], b[100];

			for (size_t i = 0; i < rounds[r]; i++) {
				differences[i] = exponential() - exponential() + 3;
				a[i] = exponential();
				b[i] = exponential() + 3;
			}
			struct shift one = ranks_one(differences, rounds[r]);
			struct shift two = ranks_two(a, rounds[r], b, rounds[r]);

			paired += one.low <= 3 && 3 <= one.high;
			unpaired += two.low <= 3 && 3 <= two.high;
		}
		cr_expect_geq(paired, turns * 93 / 100, "%zu rounds: %u", rounds[r], paired);
		cr_expect_geq(unpaired, turns * 93 / 100, "%zu rounds: %u", rounds[r], unpaired);
		cr_expect_leq(paired, turns * 99 / 100 + (rounds[r] < 12 ? 10 : 0),
			"%zu rounds: %u", rounds[r], paired);
	}
}

/* ---- rows ---- */

static const struct axis axes[] = {{.id = "irqchip"}};
static const struct figure figures[] = {{.id = "p50", .unit = UNIT_NS, .good = GOOD_LOW},
	{.id = "mean", .unit = UNIT_NS, .good = GOOD_NEAR_ZERO}};

static struct row *row_at(struct dataset *set, const char *irqchip)
{
	return dataset_row(set, (const struct value[]){value_word(irqchip)});
}

static struct dataset *two_rows(void)
{
	struct dataset *set = dataset_create("x", NULL, axes, 1, figures, 2, NULL, 0);

	row_at(set, "kernel");
	row_at(set, "user");
	return set;
}

Test(contrast, rounds_of_one_invocation_are_paired)
{
	struct dataset *set = two_rows();
	struct contrast c;

	/* A host that drifts: ten times what the difference is. */
	for (unsigned i = 0; i < 8; i++) {
		row_sample(set, &set->rows[0], 0, i, (const double[]){100 + 10 * i, 1});
		row_sample(set, &set->rows[1], 0, 7 - i, (const double[]){101 + 10 * (7 - i), -3});
	}
	row_sample(set, &set->rows[0], 0, 9, (const double[]){5000, 1});
	row_sample(set, &set->rows[1], 0, 10, NULL);
	cr_assert_eq(contrast_rows(set, &set->rows[0], &set->rows[1], 0, &c), 0);
	cr_expect(c.paired);
	cr_expect_eq(c.n[0], 8);
	cr_expect_eq(c.difference, 1);
	cr_expect_eq(c.low, 1);
	cr_expect_eq(c.high, 1);
	cr_expect_float_eq(c.p, 2 / 256.0, 1e-12);
	cr_assert_eq(contrast_rows(set, &set->rows[0], &set->rows[1], 1, &c), 0);
	cr_expect_eq(c.difference, 2, "3 from zero against 1");
	cr_expect(isnan(c.ratio));
	dataset_destroy(set);
}

Test(contrast, rounds_of_other_invocations_are_not)
{
	struct dataset *set = two_rows();
	struct contrast c;

	for (unsigned i = 0; i < 5; i++) {
		row_sample(set, &set->rows[0], 0, i, (const double[]){100 + i, 0});
		row_sample(set, &set->rows[1], 1, i, (const double[]){200 + i, 0});
	}
	cr_assert_eq(contrast_rows(set, &set->rows[0], &set->rows[1], 0, &c), 0);
	cr_expect_not(c.paired);
	cr_expect_eq(c.n[1], 5);
	cr_expect_eq(c.difference, 100);
	cr_expect_eq(c.ratio, 1 + 100 / 102.0);
	dataset_destroy(set);
}

Test(contrast, nothing_measured_is_no_contrast)
{
	struct dataset *set = two_rows();
	struct contrast c;

	row_sample(set, &set->rows[0], 0, 0, (const double[]){1, 1});
	row_sample(set, &set->rows[1], 0, 0, NULL);
	cr_expect_eq(contrast_rows(set, &set->rows[0], &set->rows[1], 0, &c), -ENODATA);
	cr_expect(isnan(c.a) && isnan(c.ratio));
	dataset_destroy(set);
}
