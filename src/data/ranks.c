/* SPDX-License-Identifier: BSD-2-Clause */
/* Signed ranks and rank sums: exact null distributions given the ties, and the estimates and
 * intervals that belong to them. Pairwise averages and differences are never written down: what the
 * k-th of them is, is found by counting. */
#include "ranks.h"

#include "need.h"
#include "tickvm/contrast.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define LEVEL      0.05
#define BISECTIONS 200

static int by_number(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static int by_magnitude(const void *a, const void *b)
{
	double x = fabs(*(const double *)a), y = fabs(*(const double *)b);

	return (x > y) - (x < y);
}

/* Twice the midranks of sorted values, which are whole numbers. */
static void midranks(const double *sorted, size_t n, bool magnitudes, unsigned *twice)
{
	for (size_t i = 0, end; i < n; i = end) {
		end = i + 1;
		while (end < n && (magnitudes ? fabs(sorted[end]) == fabs(sorted[i])
					      : sorted[end] == sorted[i]))
			end++;
		for (size_t k = i; k < end; k++)
			twice[k] = (unsigned)(i + end + 1);
	}
}

/* Two-sided, of a statistic that has this mean and variance: with continuity correction of half a
 * step of 1 (ranks are counted twice). */
static double normal_p(double statistic, double mean, double variance)
{
	double distance = fmax(fabs(statistic - mean) - 1, 0);

	return variance > 0 ? erfc(distance / sqrt(2 * variance)) : 1;
}

/* From the chances of each value of a statistic: twice the smaller tail that includes it. */
static double exact_p(const double *chances, size_t size, size_t statistic)
{
	double below = 0, above = 0;

	for (size_t i = 0; i < size; i++) {
		if (i <= statistic)
			below += chances[i];
		if (i >= statistic)
			above += chances[i];
	}
	return fmin(1, 2 * fmin(below, above));
}

/* ---- order statistics without writing them down ---- */

/* How many of the pairs are at most x. */
struct pairs {
	const double *a, *b; /* sorted; b NULL: averages within a */
	size_t n_a, n_b;
};

static uint64_t count_averages(const double *sorted, size_t n, double x)
{
	uint64_t count = 0;
	size_t end = n;

	for (size_t i = 0; i < n; i++) {
		while (end > 0 && (sorted[i] + sorted[end - 1]) / 2 > x)
			end--;
		if (end <= i)
			break;
		count += end - i;
	}
	return count;
}

static uint64_t count_differences(const struct pairs *pairs, double x)
{
	uint64_t count = 0;
	size_t end = 0;

	for (size_t i = 0; i < pairs->n_a; i++) {
		while (end < pairs->n_b && pairs->b[end] - pairs->a[i] <= x)
			end++;
		count += end;
	}
	return count;
}

static uint64_t count_pairs(const struct pairs *pairs, double x)
{
	return pairs->b == NULL ? count_averages(pairs->a, pairs->n_a, x)
				: count_differences(pairs, x);
}

/* The k-th smallest pair, from 1: the least double below which, itself included, lie k. */
static double kth(const struct pairs *pairs, uint64_t k)
{
	double low = pairs->b == NULL ? pairs->a[0] : pairs->b[0] - pairs->a[pairs->n_a - 1];
	double high = pairs->b == NULL ? pairs->a[pairs->n_a - 1]
				       : pairs->b[pairs->n_b - 1] - pairs->a[0];

	if (count_pairs(pairs, low) >= k)
		return low;
	for (int i = 0; i < BISECTIONS; i++) {
		double middle = low + (high - low) / 2;

		if (middle <= low || middle >= high)
			break;
		if (count_pairs(pairs, middle) >= k)
			high = middle;
		else
			low = middle;
	}
	return high;
}

/* outside: how many pairs at either end the interval leaves out; SIZE_MAX: it would need more
 * rounds. */
static void estimate(const struct pairs *pairs, uint64_t all, size_t outside, struct shift *shift)
{
	shift->estimate = (kth(pairs, (all + 1) / 2) + kth(pairs, all / 2 + 1)) / 2;
	shift->low = shift->high = (double)NAN;
	if (outside != SIZE_MAX) {
		shift->low = kth(pairs, outside + 1);
		shift->high = kth(pairs, all - outside);
	}
}

/* The largest k with a chance of at most half the level that the statistic is k or less. chances:
 * of the statistic without ties, each value a step. */
static size_t outside_exactly(const double *chances, size_t size)
{
	double below = 0;
	size_t k = 0;

	while (k < size && (below += chances[k]) <= LEVEL / 2)
		k++;
	return k > 0 ? k - 1 : SIZE_MAX;
}

static size_t outside_normally(double mean, double variance)
{
	double k = floor(mean - 1.959963984540054 * sqrt(variance) - 0.5);

	return k >= 0 ? (size_t)k : SIZE_MAX;
}

/* ---- one sample ---- */

/* chances[s]: that the sum of those of the n steps that come up, each by a coin, is s. */
static double *coins(const unsigned *steps, size_t n, size_t *size)
{
	size_t sum = 0;
	double *chances;

	for (size_t i = 0; i < n; i++)
		sum += steps[i];
	chances = need(sum + 1, sizeof(*chances));
	chances[0] = 1;
	for (size_t i = 0; i < n; i++)
		for (size_t s = sum + 1; s-- > 0;)
			chances[s] =
				chances[s] / 2 + (s >= steps[i] ? chances[s - steps[i]] / 2 : 0);
	*size = sum + 1;
	return chances;
}

static double signed_rank_p(double *differences, size_t n)
{
	unsigned *ranks = need(n, sizeof(*ranks));
	double mean = 0, variance = 0, p;
	size_t positive = 0, used = 0;

	qsort(differences, n, sizeof(*differences), by_magnitude);
	midranks(differences, n, true, ranks);
	for (size_t i = 0; i < n; i++) {
		if (differences[i] == 0)
			continue; /* they come first: their ranks are the smallest */
		positive += differences[i] > 0 ? ranks[i] : 0;
		mean += ranks[i] / 2.0;
		variance += (double)ranks[i] * ranks[i] / 4;
		ranks[used++] = ranks[i];
	}
	if (n > CONTRAST_EXACT_MAX) {
		p = normal_p((double)positive, mean, variance);
	} else {
		size_t size;
		double *chances = coins(ranks, used, &size);

		p = exact_p(chances, size, positive);
		free(chances);
	}
	free(ranks);
	return p;
}

static size_t averages_outside(size_t n)
{
	unsigned steps[CONTRAST_EXACT_MAX];
	double *chances, m = (double)n;
	size_t size, outside;

	if (n > CONTRAST_EXACT_MAX)
		return outside_normally(m * (m + 1) / 4, m * (m + 1) * (2 * m + 1) / 24);
	for (size_t i = 0; i < n; i++)
		steps[i] = (unsigned)i + 1;
	chances = coins(steps, n, &size);
	outside = outside_exactly(chances, size);
	free(chances);
	return outside;
}

struct shift ranks_one(double *differences, size_t n)
{
	struct shift shift = {.p = signed_rank_p(differences, n)};
	struct pairs pairs = {.a = differences, .n_a = n};

	qsort(differences, n, sizeof(*differences), by_number);
	estimate(&pairs, (uint64_t)n * (n + 1) / 2, averages_outside(n), &shift);
	return shift;
}

/* ---- two samples ---- */

/* chances[s]: that the ranks of a random choice of so many of n sum to s. */
static double *choices(const unsigned *ranks, size_t n, size_t chosen, size_t *size)
{
	size_t sum = 0, width;
	double *table, *chances, all = 0;

	for (size_t i = 0; i < n; i++)
		sum += ranks[i];
	width = sum + 1;
	table = need((chosen + 1) * width, sizeof(*table));
	table[0] = 1;
	/* A rank more: with probabilities instead of counts, which would not fit a double's range.
	 */
	for (size_t i = 0; i < n; i++)
		for (size_t k = i + 1 < chosen ? i + 1 : chosen; k > 0; k--)
			for (size_t s = width; s-- > ranks[i];)
				table[k * width + s] += table[(k - 1) * width + s - ranks[i]];
	chances = need_copy(table + chosen * width, width, sizeof(*chances));
	free(table);
	for (size_t s = 0; s < width; s++)
		all += chances[s];
	for (size_t s = 0; s < width; s++)
		chances[s] /= all;
	*size = width;
	return chances;
}

struct ranked {
	double value;
	bool of_b;
};

static int by_value(const void *a, const void *b)
{
	return by_number(&((const struct ranked *)a)->value, &((const struct ranked *)b)->value);
}

static double rank_sum_p(const double *a, size_t n_a, const double *b, size_t n_b)
{
	size_t n = n_a + n_b, sum = 0;
	struct ranked *all = need(n, sizeof(*all));
	double *values = need(n, sizeof(*values)), mean = 0, square = 0, p;
	unsigned *ranks = need(n, sizeof(*ranks));

	for (size_t i = 0; i < n; i++)
		all[i] = (struct ranked){i < n_a ? a[i] : b[i - n_a], i >= n_a};
	qsort(all, n, sizeof(*all), by_value);
	for (size_t i = 0; i < n; i++)
		values[i] = all[i].value;
	midranks(values, n, false, ranks);
	for (size_t i = 0; i < n; i++) {
		sum += all[i].of_b ? ranks[i] : 0;
		mean += (double)ranks[i] / (double)n;
	}
	for (size_t i = 0; i < n; i++)
		square += (ranks[i] - mean) * (ranks[i] - mean);
	if (n > CONTRAST_EXACT_MAX) {
		p = normal_p((double)sum, mean * (double)n_b,
			square * (double)n_a * (double)n_b / ((double)n * (double)(n - 1)));
	} else {
		size_t size;
		double *chances = choices(ranks, n, n_b, &size);

		p = exact_p(chances, size, sum);
		free(chances);
	}
	free(all);
	free(values);
	free(ranks);
	return p;
}

static size_t differences_outside(size_t n_a, size_t n_b)
{
	double a = (double)n_a, b = (double)n_b;
	unsigned ranks[CONTRAST_EXACT_MAX];
	size_t size, least = n_b * (n_b + 1) / 2, outside;
	double *chances;

	if (n_a + n_b > CONTRAST_EXACT_MAX)
		return outside_normally(a * b / 2, a * b * (a + b + 1) / 12);
	for (size_t i = 0; i < n_a + n_b; i++)
		ranks[i] = (unsigned)i + 1;
	chances = choices(ranks, n_a + n_b, n_b, &size);
	outside = outside_exactly(chances + least, size - least);
	free(chances);
	return outside;
}

struct shift ranks_two(double *a, size_t n_a, double *b, size_t n_b)
{
	struct shift shift = {.p = rank_sum_p(a, n_a, b, n_b)};
	struct pairs pairs = {a, b, n_a, n_b};

	qsort(a, n_a, sizeof(*a), by_number);
	qsort(b, n_b, sizeof(*b), by_number);
	estimate(&pairs, (uint64_t)n_a * n_b, differences_outside(n_a, n_b), &shift);
	return shift;
}
