/* SPDX-License-Identifier: BSD-2-Clause */
/* Mean, uncorrected standard deviation, confidence interval and exact percentiles of samples.
 * It compares no configurations: that is done between runs, by whoever has the runs. */
#include "stats.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

static int compare_int64(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static int compare_double(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* What is measured never comes near the ends; what is read from a file may. */
static int64_t add(int64_t a, int64_t b)
{
	int64_t sum;

	if (__builtin_add_overflow(a, b, &sum))
		return b > 0 ? INT64_MAX : INT64_MIN;
	return sum;
}

int64_t stats_percentile(const int64_t *sorted, size_t n, double q)
{
	if (n == 0)
		return 0;
	/* The product's own rounding error must not reach the next rank: 0.07 of 100 is the 7th. */
	double rank = ceil(q * (double)n * (1 - DBL_EPSILON));

	if (!(rank > 1))
		return sorted[0];
	return rank < (double)n ? sorted[(size_t)rank - 1] : sorted[n - 1];
}

double stats_t99(size_t degrees)
{
	/* Student's t, two-sided 99 %, 1 to 30 degrees of freedom. */
	static const double t[] = {INFINITY, 63.657, 9.925, 5.841, 4.604, 4.032, 3.707, 3.499,
		3.355, 3.250, 3.169, 3.106, 3.055, 3.012, 2.977, 2.947, 2.921, 2.898, 2.878, 2.861,
		2.845, 2.831, 2.819, 2.807, 2.797, 2.787, 2.779, 2.771, 2.763, 2.756, 2.750};
	const double z = 2.5758;

	if (degrees < sizeof(t) / sizeof(t[0]))
		return t[degrees];
	if (degrees > 120)
		return z;
	/* The first terms of the expansion of t in 1 / degrees: good to 0.001 from 30 up. */
	double d = (double)degrees;
	return z + (z * z * z + z) / (4 * d) +
	       (5 * pow(z, 5) + 16 * z * z * z + 3 * z) / (96 * d * d);
}

struct summary stats_summarize(int64_t *samples, size_t n)
{
	struct summary s = {.n = n};

	if (n == 0)
		return s;
	qsort(samples, n, sizeof(samples[0]), compare_int64);
	for (size_t i = 0; i < n; i++)
		s.sum = add(s.sum, samples[i]);
	s.mean = (double)s.sum / (double)n;

	double squares = 0;
	for (size_t i = 0; i < n; i++) {
		double deviation = (double)samples[i] - s.mean;
		squares += deviation * deviation;
	}
	s.sd = sqrt(squares / (double)n);
	/* The standard error needs the corrected deviation: sd * sqrt(n / (n - 1)) / sqrt(n). */
	s.ci99 = n > 1 ? stats_t99(n - 1) * s.sd / sqrt((double)(n - 1)) : NAN;

	s.min = samples[0];
	s.p50 = stats_percentile(samples, n, 0.5);
	s.p90 = stats_percentile(samples, n, 0.9);
	s.p99 = stats_percentile(samples, n, 0.99);
	s.p999 = stats_percentile(samples, n, 0.999);
	s.max = samples[n - 1];
	return s;
}

struct spread stats_spread(double *values, size_t n)
{
	if (n == 0)
		return (struct spread){NAN, NAN, NAN};
	qsort(values, n, sizeof(values[0]), compare_double);
	double middle = (values[(n - 1) / 2] + values[n / 2]) / 2;
	return (struct spread){middle, values[0], values[n - 1]};
}

void signed_histogram_reset(struct signed_histogram *h)
{
	histogram_reset(&h->negative);
	histogram_reset(&h->positive);
}

void signed_histogram_add(struct signed_histogram *h, int64_t value)
{
	if (value < 0)
		histogram_add(&h->negative, -(uint64_t)value);
	else
		histogram_add(&h->positive, (uint64_t)value);
}

static uint64_t overflow(const struct histogram *h)
{
	uint64_t kept = 0;

	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
		kept += h->buckets[i];
	return h->count - kept;
}

uint64_t signed_histogram_overflow(const struct signed_histogram *h)
{
	return overflow(&h->negative) + overflow(&h->positive);
}
