/* SPDX-License-Identifier: BSD-2-Clause */
/* Rank statistics of one sample of differences, and of two samples. */
#ifndef DATA_RANKS_H
#define DATA_RANKS_H

#include <stddef.h>

struct shift {
	double estimate, low, high; /* low, high: 95 %; NAN: too few values */
	double p;                   /* two-sided, of a shift of 0 */
};

/* Wilcoxon's signed ranks; zeros keep their ranks and have no sign (Pratt 1959). n > 0. Sorts. */
struct shift ranks_one(double *differences, size_t n);
/* Mann-Whitney: how much larger b is. n > 0 of each. Sorts both. */
struct shift ranks_two(double *a, size_t n_a, double *b, size_t n_b);

#endif
