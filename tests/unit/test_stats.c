/* SPDX-License-Identifier: BSD-2-Clause */
/* Statistics against figures worked out by hand and from printed tables of Student's t.
 * No KVM, no clock. */
#include "../../src/bench/stats.h"

#include <criterion/criterion.h>

#include <math.h>
#include <stdlib.h>

static void assert_near(double got, double want, double tolerance)
{
	cr_assert(fabs(got - want) <= tolerance, "got %.9g, expected %.9g", got, want);
}

Test(stats, nothing_measured_is_all_zero)
{
	struct summary s = stats_summarize(NULL, 0);

	cr_assert_eq(s.n, 0);
	cr_assert_eq(s.sum, 0);
	cr_assert_eq(s.max, 0);
}

Test(stats, one_sample_has_no_interval)
{
	int64_t one[] = {-7};
	struct summary s = stats_summarize(one, 1);

	cr_assert_eq(s.min, -7);
	cr_assert_eq(s.p50, -7);
	cr_assert_eq(s.max, -7);
	assert_near(s.mean, -7, 0);
	assert_near(s.sd, 0, 0);
	cr_assert(isnan(s.ci99));
}

Test(stats, deviation_is_uncorrected)
{
	/* Mean 5, squares of the deviations 32: 2 uncorrected, 2.138 corrected. */
	int64_t samples[] = {9, 2, 4, 4, 7, 4, 5, 5};
	struct summary s = stats_summarize(samples, 8);

	assert_near(s.mean, 5, 1e-12);
	assert_near(s.sd, 2, 1e-12);
	/* t(7) = 3.499; standard error from the corrected deviation: 2.138 / sqrt(8). */
	assert_near(s.ci99, 3.499 * 2.13809 / sqrt(8), 1e-3);
}

Test(stats, interval_of_many_is_normal)
{
	static int64_t samples[4500];

	for (int i = 0; i < 4500; i++)
		samples[i] = i % 2 ? 100 : -100;
	struct summary s = stats_summarize(samples, 4500);

	assert_near(s.sd, 100, 1e-9);
	assert_near(s.ci99, 2.576 * 100 / sqrt(4500), 0.01);
}

Test(stats, students_t)
{
	assert_near(stats_t99(1), 63.657, 1e-3);
	assert_near(stats_t99(10), 3.169, 1e-3);
	assert_near(stats_t99(30), 2.750, 1e-3);
	assert_near(stats_t99(40), 2.704, 2e-3);
	assert_near(stats_t99(60), 2.660, 2e-3);
	assert_near(stats_t99(120), 2.617, 2e-3);
	assert_near(stats_t99(100000), 2.576, 1e-3);
}

Test(stats, percentiles_are_nearest_rank)
{
	int64_t samples[1000];

	for (int i = 0; i < 1000; i++)
		samples[i] = 1000 - i; /* 1 to 1000, the wrong way round */
	struct summary s = stats_summarize(samples, 1000);

	cr_assert_eq(s.min, 1);
	cr_assert_eq(s.p50, 500);
	cr_assert_eq(s.p90, 900);
	cr_assert_eq(s.p99, 990);
	cr_assert_eq(s.p999, 999);
	cr_assert_eq(s.max, 1000);
	cr_assert_eq(s.sum, 500500);
}

/* 1 to a million in no order: the powers of a primitive root modulo the next prime, but for the two
 * that are greater. */
Test(stats, a_million_samples_in_any_order)
{
	enum { N = 1000000, PRIME = 1000003, ROOT = 164314 };
	int64_t *samples = malloc(N * sizeof(*samples)), value = 1;

	cr_assert_not_null(samples);
	for (size_t n = 0; n < N; value = value * ROOT % PRIME) {
		if (value <= N)
			samples[n++] = value;
	}
	struct summary s = stats_summarize(samples, N);

	cr_expect_eq(s.n, N);
	cr_expect_eq(s.sum, N * (N + 1LL) / 2);
	cr_expect_eq(s.min, 1);
	cr_expect_eq(s.p50, N / 2);
	cr_expect_eq(s.p99, N / 100 * 99);
	cr_expect_eq(s.p999, N / 1000 * 999);
	cr_expect_eq(s.max, N);
	free(samples);
}

Test(stats, percentile_edges)
{
	const int64_t sorted[] = {10, 20, 30};

	cr_assert_eq(stats_percentile(sorted, 3, 0), 10);
	cr_assert_eq(stats_percentile(sorted, 3, 1.0 / 3), 10);
	cr_assert_eq(stats_percentile(sorted, 3, 0.34), 20);
	cr_assert_eq(stats_percentile(sorted, 3, 1), 30);
	cr_assert_eq(stats_percentile(sorted, 0, 0.5), 0);
}

Test(stats, every_percent_of_a_hundred_is_its_own_rank)
{
	int64_t sorted[100];

	for (int i = 0; i < 100; i++)
		sorted[i] = i + 1;
	for (int percent = 1; percent <= 100; percent++)
		cr_assert_eq(stats_percentile(sorted, 100, percent / 100.0), percent);
}

Test(stats, spread_between_runs)
{
	double odd[] = {3, 1, 2}, even[] = {4, 1, 3, 2};
	struct spread s = stats_spread(odd, 3);

	assert_near(s.median, 2, 0);
	assert_near(s.min, 1, 0);
	assert_near(s.max, 3, 0);
	assert_near(stats_spread(even, 4).median, 2.5, 0);
	cr_assert(isnan(stats_spread(odd, 0).median));
}

Test(stats, signed_histogram_keeps_both_sides)
{
	struct signed_histogram *h = malloc(sizeof(*h));

	signed_histogram_reset(h);
	signed_histogram_add(h, -5);
	signed_histogram_add(h, 0);
	signed_histogram_add(h, 5);
	signed_histogram_add(h, INT64_MIN);
	signed_histogram_add(h, INT64_MAX);
	cr_assert_eq(h->negative.count, 2);
	cr_assert_eq(h->negative.min, 5);
	cr_assert_eq(h->negative.max, 1ULL << 63);
	cr_assert_eq(h->positive.count, 3);
	cr_assert_eq(h->positive.min, 0);
	cr_assert_eq(h->positive.max, (uint64_t)INT64_MAX);
	cr_assert_eq(signed_histogram_overflow(h), 0);
	free(h);
}

Test(stats, a_full_bucket_is_overflow)
{
	struct signed_histogram *h = malloc(sizeof(*h));

	signed_histogram_reset(h);
	signed_histogram_add(h, 9);
	h->positive.buckets[histogram_bucket(9)] = UINT32_MAX;
	h->positive.count = UINT32_MAX;
	signed_histogram_add(h, 9);
	signed_histogram_add(h, 9);
	cr_assert_eq(signed_histogram_overflow(h), 2);
	free(h);
}
