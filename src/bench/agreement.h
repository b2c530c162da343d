/* SPDX-License-Identifier: BSD-2-Clause */
/* Do guest and native agree? Judged by batches of both made in turn, A B B A, so that a drift of
 * the host is in both of a pair: by the median of the pairs' ratios and how exactly it is known.
 * Pure.
 */
#ifndef BENCH_AGREEMENT_H
#define BENCH_AGREEMENT_H

#include "tickvm/page.h"

struct dataset;
struct row;

#define AGREEMENT_PAIRS     12
#define AGREEMENT_TOLERANCE 0.03 /* asked of the same code on an idle host */

/* Of n ratios, guest to native: the median, and the interval between two of them that holds the
 * true one with a chance of 95 % at least, however the ratios are distributed (order statistics,
 * binomial with 1/2). NAN: no ratios; fewer than 6 have no such interval. */
struct agreement {
	size_t n;
	double ratio, low, high;
};
/* Leaves out NAN; sorts. */
struct agreement agreement_of(double *ratios, size_t n);
/* Of two rows' rounds instead, by their contrast (tickvm/contrast.h); n is 0 where one has none. */
struct agreement agreement_between(const struct dataset *set, const struct row *native,
	const struct row *guest, size_t figure);

/* Good: the whole interval lies within tolerance of 1; bad: all of it beyond; else it is unknown.
 */
enum verdict agreement_verdict(const struct agreement *agreement, double tolerance);

/* "0.998 (0.991 to 1.004)"; without an interval "0.998 (3 pairs)". */
const char *agreement_text(char *text, size_t size, const struct agreement *agreement);

/* The first side of the pair-th pair is A when even: A B B A A B B A. */
static inline bool agreement_swapped(size_t pair)
{
	return pair % 2 != 0;
}

#endif
