/* SPDX-License-Identifier: BSD-2-Clause */
/* Histograms: bucket bounds, exact sums, quantiles against sorted samples.
 * No timing. */
#include "tickvm/histogram.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static struct histogram make(const uint64_t *values, size_t n)
{
	struct histogram h;

	histogram_reset(&h);
	for (size_t i = 0; i < n; i++)
		histogram_add(&h, values[i]);
	return h;
}

Test(histogram, buckets_tile_all_of_uint64)
{
	cr_assert_eq(histogram_bucket_low(0), 0);
	for (unsigned b = 0; b + 1 < HISTOGRAM_BUCKETS; b++)
		cr_assert_eq(histogram_bucket_high(b) + 1, histogram_bucket_low(b + 1),
			"gap after bucket %u", b);
	cr_assert_eq(histogram_bucket_high(HISTOGRAM_BUCKETS - 1), UINT64_MAX);
}

Test(histogram, values_lie_within_their_bucket)
{
	for (unsigned shift = 0; shift < 64; shift++)
		for (uint64_t off = 0; off <= 2; off++) {
			uint64_t v = (1ULL << shift) - 1 + off;
			unsigned b = histogram_bucket(v);

			cr_assert_lt(b, HISTOGRAM_BUCKETS);
			cr_assert_leq(histogram_bucket_low(b), v);
			cr_assert_geq(histogram_bucket_high(b), v);
		}
}

Test(histogram, buckets_are_at_most_a_32nd_wide)
{
	for (unsigned b = 0; b < HISTOGRAM_BUCKETS; b++) {
		uint64_t low = histogram_bucket_low(b);

		cr_assert_leq(histogram_bucket_high(b) - low, low / 32);
	}
}

Test(histogram, empty)
{
	struct histogram h;

	histogram_reset(&h);
	cr_assert_eq(h.count, 0);
	cr_assert_eq(h.min, UINT64_MAX);
	cr_assert_eq(h.max, 0);
	cr_assert_eq(histogram_quantile(&h, 0.5), 0);
}

Test(histogram, keeps_count_sum_and_extremes_exactly)
{
	const uint64_t values[] = {7, 100003, 0, 999999937, 7};
	struct histogram h = make(values, 5);

	cr_assert_eq(h.count, 5);
	cr_assert_eq(h.sum, 7 + 100003 + 0 + 999999937ULL + 7);
	cr_assert_eq(h.min, 0);
	cr_assert_eq(h.max, 999999937);
}

Test(histogram, drops_no_value)
{
	const uint64_t values[] = {0, UINT64_MAX, 1ULL << 63, 31, 32, 33};
	struct histogram h = make(values, 6);
	uint64_t total = 0;

	for (unsigned b = 0; b < HISTOGRAM_BUCKETS; b++)
		total += h.buckets[b];
	cr_assert_eq(total, 6);
	cr_assert_eq(h.buckets[HISTOGRAM_BUCKETS - 1], 1);
}

/* Values below 64 have buckets of their own, so nearest ranks are exact. */
Test(histogram, quantiles_are_nearest_rank)
{
	const uint64_t values[] = {15, 20, 35, 40, 50};
	struct histogram h = make(values, 5);

	cr_assert_eq(histogram_quantile(&h, 0.05), 15);
	cr_assert_eq(histogram_quantile(&h, 0.20), 15);
	cr_assert_eq(histogram_quantile(&h, 0.30), 20);
	cr_assert_eq(histogram_quantile(&h, 0.40), 20);
	cr_assert_eq(histogram_quantile(&h, 0.50), 35);
	cr_assert_eq(histogram_quantile(&h, 1.00), 50);
	cr_assert_eq(histogram_quantile(&h, 0.00), 15);
}

/* 0.07 * 100 is 7.000000000000001 in binary: still the 7th. */
Test(histogram, quantile_rank_does_not_round_up)
{
	uint64_t values[100];

	for (size_t i = 0; i < 100; i++)
		values[i] = i < 7 ? 1 : 2;
	struct histogram h = make(values, 100);
	cr_assert_eq(histogram_quantile(&h, 0.07), 1);
	cr_assert_eq(histogram_quantile(&h, 0.08), 2);
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

Test(histogram, quantiles_are_within_a_bucket_of_the_sample)
{
	enum { N = 4500 };
	static uint64_t values[N];
	const double q[] = {0.5, 0.9, 0.99, 0.999};
	uint64_t seed = 88172645463325252ULL;

	for (size_t i = 0; i < N; i++) {
		seed ^= seed << 13;
		seed ^= seed >> 7;
		seed ^= seed << 17;
		values[i] = seed >> (20 + i % 30);
	}
	struct histogram h = make(values, N);
	qsort(values, N, sizeof(values[0]), by_value);
	for (size_t i = 0; i < 4; i++) {
		/* 4500 q, rounded up: 2250, 4050, 4455, 4496. */
		static const size_t rank[] = {2250, 4050, 4455, 4496};
		uint64_t exact = values[rank[i] - 1];
		uint64_t got = histogram_quantile(&h, q[i]);

		cr_assert_geq(got, exact);
		cr_assert_leq(got, exact + exact / 32);
	}
}

Test(histogram, quantile_never_exceeds_max)
{
	const uint64_t values[] = {1000, 1001};
	struct histogram h = make(values, 2);

	cr_assert_eq(histogram_quantile(&h, 0.99), 1001);
	cr_assert_eq(histogram_quantile(&h, 7), 1001);
	cr_assert_geq(histogram_quantile(&h, -1), 1000);
}

Test(histogram, buckets_saturate)
{
	const uint64_t low[] = {10}, high[] = {20};
	struct histogram h = make(low, 1), one = make(high, 1);

	h.buckets[histogram_bucket(10)] = UINT32_MAX;
	h.count = 1ULL << 33;
	histogram_add(&h, 10);
	cr_assert_eq(h.buckets[histogram_bucket(10)], UINT32_MAX);
	histogram_merge(&h, &one);
	histogram_merge(&h, &h);
	cr_assert_eq(h.buckets[histogram_bucket(10)], UINT32_MAX);
	cr_assert_eq(h.buckets[histogram_bucket(20)], 2);
	cr_assert_eq(histogram_quantile(&h, 0.9), 20, "the ranks that saturation lost are max");
}

Test(histogram, merging_equals_adding_all)
{
	const uint64_t all[] = {3, 500, 70000, 1, 500, 1ULL << 40};
	struct histogram whole = make(all, 6), a = make(all, 3), b = make(all + 3, 3), none;

	histogram_reset(&none);
	histogram_merge(&a, &b);
	histogram_merge(&a, &none);
	cr_assert_eq(memcmp(&a, &whole, sizeof(a)), 0);
	histogram_merge(&none, &whole);
	cr_assert_eq(memcmp(&none, &whole, sizeof(none)), 0);
}
