/* SPDX-License-Identifier: BSD-2-Clause */
/* Two rows of a dataset against each other in one figure: how much more b is than a, within which
 * limits, and how sure that is. The unit is the round, never the sample within it. */
#ifndef TICKVM_CONTRAST_H
#define TICKVM_CONTRAST_H

#include "tickvm/dataset.h"

struct contrast {
	double a, b; /* medians of the rounds, in the figure's unit; near zero: of magnitudes */
	double difference; /* Hodges-Lehmann estimate of b - a */
	double low, high;  /* its 95 % interval; NAN: too few rounds for one of that level */
	double ratio;      /* 1 + difference / a; NAN around zero */
	double p;          /* two-sided, of no difference */
	size_t n[2];       /* rounds of a and b that count; paired: the same */
	bool paired;
};

/* Rounds of one invocation are paired by their number: then Wilcoxon's signed-rank test and the
 * Walsh averages decide (Hodges, Lehmann 1963), else Mann-Whitney's and the pairwise differences.
 * Null distributions are exact given the ties up to CONTRAST_EXACT_MAX rounds in all, beyond that
 * normal with tie correction. A figure that is good near zero counts by its distance from zero.
 * -ENODATA: one of the rows has no round with the figure. */
#define CONTRAST_EXACT_MAX 40
int contrast_rows(const struct dataset *set, const struct row *a, const struct row *b,
	size_t figure, struct contrast *contrast);

#endif
