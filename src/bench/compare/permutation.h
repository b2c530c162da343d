/* SPDX-License-Identifier: BSD-2-Clause */
/* Do two samples of rounds differ? The permutation test of Wilcoxon's rank sum, and Holm's
 * correction for many of them. Pure: it knows no metric, no file and no clock. */
#ifndef BENCH_PERMUTATION_H
#define BENCH_PERMUTATION_H

#include <stddef.h>

#define PERMUTATION_ROUNDS_MAX 1000 /* a side */

struct permutation {
	double p;     /* two-sided: twice the smaller one of the two below, at most 1 */
	double below; /* the chance that fresh's rank sum is what it is or less, if nothing changed
		       */
	double above; /* what it is or more */
	double least; /* the smallest p that so many rounds can have, were there no ties */
	double error; /* standard error of p; 0: p is exact */
};

/* Ranks (of ties: their mean) are summed over fresh; under the hypothesis that nothing changed each
 * choice of as many rounds is as likely (Wilcoxon 1945; Mann and Whitney 1947). All choices are
 * counted up to some 55 rounds a side, beyond that 100,000 are drawn, always the same ones (Phipson
 * and Smyth 2010 for the p of these).
 *
 * block: how many rounds of each side were made together, in time; they are ranked and exchanged
 * among themselves alone, so that a host that drifts from block to block does not matter (van
 * Elteren 1960). 0: all are one block.
 *
 * 0, or -ENOMEM, or -EINVAL: more than PERMUTATION_ROUNDS_MAX, or no whole number of blocks. A side
 * without rounds has p 1. */
int permutation_test(const double *old, size_t n_old, const double *fresh, size_t n_fresh,
	size_t block, struct permutation *result);

/* Holm 1979: p becomes what may be held against the family-wise level. */
int permutation_holm(double *p, size_t n);

#endif
