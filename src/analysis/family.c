/* SPDX-License-Identifier: BSD-2-Clause */
/* Holm's correction and floors. */
#include "family.h"

#include <math.h>
#include <stdlib.h>

static int by_p(const void *a, const void *b)
{
	const struct contrast *x = *(struct contrast *const *)a, *y = *(struct contrast *const *)b;

	return (x->p > y->p) - (x->p < y->p);
}

void family_holm(struct contrast *contrasts, size_t n)
{
	struct contrast **sorted = calloc(n + 1, sizeof(*sorted));
	double least = 0;

	for (size_t i = 0; i < n && sorted != NULL; i++)
		sorted[i] = &contrasts[i];
	if (sorted != NULL)
		qsort(sorted, n, sizeof(struct contrast *), by_p);
	for (size_t i = 0; i < n; i++) {
		/* Without memory for an order: Bonferroni's, which is never smaller. */
		struct contrast *contrast = sorted != NULL ? sorted[i] : &contrasts[i];
		double p = fmin(1, contrast->p * (double)(sorted != NULL ? n - i : n));

		least = sorted != NULL ? fmax(least, p) : p;
		contrast->p = least;
	}
	free(sorted);
}

const char *family_outcome(const struct contrast *contrast, const struct figure *figure,
	double level, double floor_relative)
{
	double floor = fmax(floor_relative * fabs(contrast->a), unit_form(figure->unit)->floor);

	if (contrast->low >= -floor && contrast->high <= floor)
		return "same";
	if (!(contrast->p <= level) || fabs(contrast->difference) < floor)
		return "open";
	if (figure->good == GOOD_NONE)
		return "changed";
	return (contrast->difference > 0) == (figure->good == GOOD_HIGH) ? "better" : "worse";
}
