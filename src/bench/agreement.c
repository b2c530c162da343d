/* SPDX-License-Identifier: BSD-2-Clause */
/* The median of ratios, its interval by order statistics, and what they say.
 * It measures nothing and knows no experiment. */
#include "agreement.h"
#include "stats.h"

#include "tickvm/contrast.h"

#include <math.h>

#define MISSED_AT_MOST 0.05

/* How many ratios may be left out at either end: the true median lies beyond the k-th from an end
 * when fewer than k of n tosses of a coin come up heads. -1: none of them would do. */
static int left_out(size_t n)
{
	double chance = pow(0.5, (double)n), below = chance; /* of 0 heads; of at most k */
	int k = -1;

	while (2 * below <= MISSED_AT_MOST) {
		k++;
		chance *= (double)(n - (size_t)k) / (k + 1);
		below += chance;
	}
	return k;
}

struct agreement agreement_of(double *ratios, size_t n)
{
	struct agreement a = {.low = (double)NAN, .high = (double)NAN};

	for (size_t i = 0; i < n; i++)
		if (!isnan(ratios[i]))
			ratios[a.n++] = ratios[i];
	a.ratio = stats_spread(ratios, a.n).median;

	int k = left_out(a.n);

	if (k >= 0) {
		a.low = ratios[k];
		a.high = ratios[a.n - 1 - (size_t)k];
	}
	return a;
}

struct agreement agreement_between(
	const struct dataset *set, const struct row *native, const struct row *guest, size_t figure)
{
	struct contrast c;

	if (contrast_rows(set, native, guest, figure, &c) < 0)
		return (struct agreement){
			.ratio = (double)NAN, .low = (double)NAN, .high = (double)NAN};
	return (struct agreement){
		.n = c.n[1], .ratio = c.ratio, .low = 1 + c.low / c.a, .high = 1 + c.high / c.a};
}

enum verdict agreement_verdict(const struct agreement *a, double tolerance)
{
	if (a->low >= 1 - tolerance && a->high <= 1 + tolerance)
		return VERDICT_GOOD;
	if (a->high < 1 - tolerance || a->low > 1 + tolerance)
		return VERDICT_BAD;
	return VERDICT_UNKNOWN;
}

const char *agreement_text(char *text, size_t size, const struct agreement *a)
{
	if (isnan(a->low))
		snprintf(text, size, "%.3f (%zu pair%s)", a->ratio, a->n, a->n == 1 ? "" : "s");
	else
		snprintf(text, size, "%.3f (%.3f to %.3f)", a->ratio, a->low, a->high);
	return text;
}
