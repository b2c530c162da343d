/* SPDX-License-Identifier: BSD-2-Clause */
/* The permutation test: against every permutation, textbook values, and what it finds and does not
 * find in rounds drawn from recorded ones. */
#include "../../src/bench/compare/permutation.h"
#include "recorded_rounds.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define METRICS        ((size_t)3 * RECORDED_SOURCES)
#define DEFAULT_ROUNDS 24
#define EVERY_ROUND    10000 /* others_cs */
#define QUIET_ROUND    10

/* ---- against every permutation ---- */

static double rank_sum(const double *values, size_t n, unsigned chosen)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++) {
		for (size_t j = 0; j < n && chosen >> i & 1; j++)
			sum += values[j] < values[i] ? 1 : values[j] == values[i] ? 0.5 : 0;
	}
	return sum;
}

/* fresh's are the last n_fresh of n values. */
static struct permutation every_one(const double *values, size_t n, size_t n_fresh)
{
	double observed = rank_sum(values, n, ((1U << n_fresh) - 1) << (n - n_fresh));
	double below = 0, above = 0, all = 0;

	for (unsigned chosen = 0; chosen < 1U << n; chosen++) {
		if ((size_t)__builtin_popcount(chosen) != n_fresh)
			continue;
		double sum = rank_sum(values, n, chosen);

		all++;
		below += sum <= observed;
		above += sum >= observed;
	}
	return (struct permutation){.below = below / all, .above = above / all};
}

static void same_as_every_one(const double *values, size_t n, size_t n_fresh)
{
	struct permutation expected = every_one(values, n, n_fresh), result;

	cr_assert_eq(
		permutation_test(values, n - n_fresh, values + n - n_fresh, n_fresh, 0, &result),
		0);
	cr_expect_float_eq(result.below, expected.below, 1e-12);
	cr_expect_float_eq(result.above, expected.above, 1e-12);
	cr_expect_float_eq(result.p, fmin(1, 2 * fmin(expected.below, expected.above)), 1e-12);
	cr_expect_eq(result.error, 0);
}

Test(permutation, counts_every_permutation)
{
	static const double values[] = {3, 1, 4, 1.5, 9, 2.6, 5, 3.5, 8, 9.7, 9.3, 2.3};
	static const double ties[] = {1, 1, 2, 2, 2, 3, 3, 3, 3, 7, 7, 1};
	static const double same[] = {5, 5, 5, 5, 5, 5, 5, 5};

	for (size_t n = 2; n <= 12; n++) {
		for (size_t n_fresh = 1; n_fresh < n; n_fresh++) {
			same_as_every_one(values, n, n_fresh);
			same_as_every_one(ties, n, n_fresh);
		}
	}
	same_as_every_one(same, 8, 4);
}

/* Two blocks of two and two: 6 x 6 choices. */
Test(permutation, blocks_are_exchanged_within_themselves)
{
	static const double old[] = {1, 2, 100, 101}, fresh[] = {3, 4, 102, 103};
	struct permutation result;

	cr_assert_eq(permutation_test(old, 4, fresh, 4, 2, &result), 0);
	cr_expect_float_eq(result.above, 1.0 / 36, 1e-12);
	cr_expect_float_eq(result.below, 1, 1e-12);
	cr_expect_float_eq(result.least, 2.0 / 36, 1e-12);
	/* In one block the drift drowns it. */
	cr_assert_eq(permutation_test(old, 4, fresh, 4, 0, &result), 0);
	cr_expect_float_eq(result.above, 12.0 / 70, 1e-12);
}

Test(permutation, least_p)
{
	double old[10], fresh[10];
	struct permutation result;

	for (int i = 0; i < 10; i++) {
		old[i] = i;
		fresh[i] = 100 + i;
	}
	cr_assert_eq(permutation_test(old, 10, fresh, 10, 0, &result), 0);
	cr_expect_float_eq(result.p, 2.0 / 184756, 1e-15);
	cr_expect_float_eq(result.least, 2.0 / 184756, 1e-15);
	cr_expect_float_eq(result.above, 1.0 / 184756, 1e-15);
	cr_assert_eq(permutation_test(old, 1, fresh, 1, 0, &result), 0);
	cr_expect_eq(result.p, 1);
	cr_assert_eq(permutation_test(old, 0, fresh, 10, 0, &result), 0);
	cr_expect(result.p == 1 && result.least == 1);
}

Test(permutation, refuses)
{
	static const double values[PERMUTATION_ROUNDS_MAX + 1];
	struct permutation result;

	cr_expect_eq(permutation_test(values, PERMUTATION_ROUNDS_MAX + 1, values, 1, 0, &result),
		-EINVAL);
	cr_expect_eq(permutation_test(values, 4, values, 6, 2, &result), -EINVAL);
	cr_expect_eq(permutation_test(values, 5, values, 5, 2, &result), -EINVAL);
	cr_expect_eq(permutation_test(values, 100, values, 100, 0, &result), 0);
	cr_expect_eq(result.p, 1);
}

/* Many rounds are drawn, not counted: the normal distribution says what must come out. */
Test(permutation, draws_where_there_are_too_many)
{
	enum { N = 100 };
	double old[N], fresh[N], sum = 0;
	struct permutation result, again;

	for (int i = 0; i < N; i++) {
		old[i] = i * 7919 % 1000;
		fresh[i] = i * 7919 % 1000 + 75.5;
	}
	for (int i = 0; i < N; i++) {
		for (int j = 0; j < N; j++)
			sum += fresh[i] > old[j];
	}
	double z = (sum - N * N / 2.0) / sqrt(N * N * (2 * N + 1) / 12.0);

	cr_assert_eq(permutation_test(old, N, fresh, N, 0, &result), 0);
	cr_expect_gt(result.error, 0);
	cr_expect_lt(result.error, 0.01);
	cr_expect_float_eq(result.p, erfc(fabs(z) / sqrt(2)), 4 * result.error + 0.001);
	cr_assert_eq(permutation_test(old, N, fresh, N, 0, &again), 0);
	cr_expect_eq(again.p, result.p, "the same rounds, another p");
}

Test(permutation, holm)
{
	double p[] = {0.01, 0.04, 0.03, 0.005}, one[] = {0.7};

	cr_assert_eq(permutation_holm(p, 4), 0);
	cr_expect_float_eq(p[0], 0.03, 1e-12);
	cr_expect_float_eq(p[1], 0.06, 1e-12);
	cr_expect_float_eq(p[2], 0.06, 1e-12);
	cr_expect_float_eq(p[3], 0.02, 1e-12);
	cr_assert_eq(permutation_holm(one, 1), 0);
	cr_expect_eq(one[0], 0.7);
	cr_expect_eq(permutation_holm(NULL, 0), 0);
}

/* ---- on rounds drawn from recorded ones ---- */

static uint64_t state = 1;

static size_t below(size_t n)
{
	state = state * 6364136223846793005 + 1442695040888963407;
	return (size_t)((state >> 32) * n >> 32);
}

static double figure(const struct recorded_round *round, size_t of)
{
	const double figures[] = {round->mean, round->p50, round->p99};

	return figures[of];
}

/* A whole round at once, as metrics of a round go together. others_cs: of rounds of each source in
 * which other processes took at most so much. */
static void draw_round(double figures[METRICS], int others_cs)
{
	for (size_t source = 0; source < RECORDED_SOURCES; source++) {
		const struct recorded_round *round;

		do {
			round = &recorded_rounds[below(RECORDED_ROUNDS)][source];
		} while (round->others_cs > others_cs);
		for (size_t of = 0; of < 3; of++)
			figures[3 * source + of] = figure(round, of);
	}
}

/* p after Holm's correction of the METRICS; above: fresh's rank sum is the larger one. */
struct trial {
	double p[METRICS];
	bool above[METRICS];
};

static double old[METRICS][64], fresh[METRICS][64];

static void draw_both(size_t rounds, int others_cs)
{
	for (size_t i = 0; i < rounds; i++) {
		double a[METRICS], b[METRICS];

		draw_round(a, others_cs);
		draw_round(b, others_cs);
		for (size_t m = 0; m < METRICS; m++) {
			old[m][i] = a[m];
			fresh[m][i] = b[m];
		}
	}
}

static bool is_alarm(size_t rounds)
{
	double p[METRICS];
	bool alarm = false;

	for (size_t m = 0; m < METRICS; m++) {
		struct permutation result;

		cr_assert_eq(permutation_test(old[m], rounds, fresh[m], rounds, 0, &result), 0);
		p[m] = result.p;
	}
	cr_assert_eq(permutation_holm(p, METRICS), 0);
	for (size_t m = 0; m < METRICS; m++)
		alarm |= p[m] <= 0.05;
	return alarm;
}

/* Without any floor, which would hide false alarms. */
Test(permutation, false_alarms)
{
	static const size_t rounds[] = {8, DEFAULT_ROUNDS};

	for (size_t r = 0; r < 2; r++) {
		int alarms = 0;

		for (int i = 0; i < 1000; i++) {
			draw_both(rounds[r], EVERY_ROUND);
			alarms += is_alarm(rounds[r]);
		}
		cr_log_info("%zu rounds: %d of 1000", rounds[r], alarms);
		cr_expect_leq(
			alarms, 50, "%d false alarms in 1000 with %zu rounds", alarms, rounds[r]);
		cr_expect_geq(alarms, 2, "too few to be true: %d", alarms);
	}
}

/* How often of 500 a shift of one metric is found, at the first step of Holm's correction: the
 * others did not change. */
static int found(int others_cs, size_t metric, double shift)
{
	int n = 0;

	for (int i = 0; i < 500; i++) {
		struct permutation result;

		draw_both(DEFAULT_ROUNDS, others_cs);
		for (size_t j = 0; j < DEFAULT_ROUNDS; j++)
			fresh[metric][j] *= 1 + shift;
		cr_assert_eq(permutation_test(old[metric], DEFAULT_ROUNDS, fresh[metric],
				     DEFAULT_ROUNDS, 0, &result),
			0);
		n += result.p * METRICS <= 0.05 && result.above < result.below;
	}
	cr_log_info("metric %zu, %+.0f %%: %d of 500", metric, 100 * shift, n);
	return n;
}

enum { LAPIC_MEAN, LAPIC_P50, LAPIC_P99 };

/* What docs/compare.md says of the default number of rounds: the median, on the host as it was; the
 * mean, where nobody else ran; p99 has more noise than that, and needs a larger change. */
Test(permutation, finds_ten_percent)
{
	cr_expect_geq(found(EVERY_ROUND, LAPIC_P50, 0.1), 475);
	cr_expect_geq(found(QUIET_ROUND, LAPIC_P50, 0.1), 475);
	cr_expect_geq(found(QUIET_ROUND, LAPIC_MEAN, 0.1), 475);
	cr_expect_lt(found(QUIET_ROUND, LAPIC_P99, 0.1), 475, "better than docs/compare.md says");
	cr_expect_geq(found(QUIET_ROUND, LAPIC_P99, 0.3), 475);
}
