/* SPDX-License-Identifier: BSD-2-Clause */
/* What a run's samples come to: the paper's three figures, percentiles, a histogram.
 * It knows no unit: samples are signed integers, results are in the same unit. */
#ifndef BENCH_STATS_H
#define BENCH_STATS_H

#include "tickvm/histogram.h"

#include <stddef.h>
#include <stdint.h>

struct summary {
	size_t n;
	int64_t sum;
	double mean;
	double sd;   /* uncorrected: divided by n, not n - 1 */
	double ci99; /* half width of the 99 % confidence interval of the mean; NAN below 2 samples
		      */
	int64_t min, p50, p90, p99, p999, max; /* nearest rank, exact */
};

/* Sorts the samples in place. All zero when n is 0. */
struct summary stats_summarize(int64_t *samples, size_t n);

/* Nearest rank of sorted samples, q in [0, 1]; 0 when n is 0. */
int64_t stats_percentile(const int64_t *sorted, size_t n, double q);

/* Two-sided 99 % quantile of Student's t; of the normal distribution (2.576) above 120 degrees of
 * freedom. */
double stats_t99(size_t degrees);

/* Between runs: the median (mean of the middle two) and the extremes. Sorts; NAN when n is 0. */
struct spread {
	double median, min, max;
};
struct spread stats_spread(double *values, size_t n);

/* Lateness has a sign, struct histogram has none: one for each side of 0. */
struct signed_histogram {
	struct histogram negative; /* of -value */
	struct histogram positive; /* of value, 0 included */
};
void signed_histogram_reset(struct signed_histogram *h);
void signed_histogram_add(struct signed_histogram *h, int64_t value);
/* Values that are in count, sum, min and max but found their bucket full. */
uint64_t signed_histogram_overflow(const struct signed_histogram *h);

#endif
