/* SPDX-License-Identifier: BSD-2-Clause */
/* Contrasts: which rounds of two rows belong together, and what their ranks say. */
#include "tickvm/contrast.h"

#include "need.h"
#include "ranks.h"

#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>

/* A round's figure, as it counts. */
struct entry {
	uint64_t round; /* the invocation above its number */
	double value;
};

static int by_round(const void *a, const void *b)
{
	uint64_t x = ((const struct entry *)a)->round, y = ((const struct entry *)b)->round;

	return (x > y) - (x < y);
}

static int by_number(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static size_t collect(
	const struct dataset *set, const struct row *row, size_t figure, struct entry *entries)
{
	bool magnitude = set->figures[figure].good == GOOD_NEAR_ZERO;
	size_t n = 0;

	for (size_t i = 0; i < row->n_samples; i++) {
		const struct sample *sample = &row->samples[i];
		double value = sample->figures != NULL ? sample->figures[figure] : (double)NAN;

		if (!isnan(value))
			entries[n++] =
				(struct entry){(uint64_t)sample->invocation << 32 | sample->round,
					magnitude ? fabs(value) : value};
	}
	qsort(entries, n, sizeof(*entries), by_round);
	return n;
}

/* The rounds that both have: b less a. */
static size_t pair(
	const struct entry *a, size_t n_a, const struct entry *b, size_t n_b, double *differences)
{
	size_t n = 0;

	for (size_t i = 0, k = 0; i < n_a && k < n_b;) {
		if (a[i].round == b[k].round)
			differences[n++] = b[k++].value - a[i++].value;
		else if (a[i].round < b[k].round)
			i++;
		else
			k++;
	}
	return n;
}

static void values_of(const struct entry *entries, size_t n, double *values)
{
	for (size_t i = 0; i < n; i++)
		values[i] = entries[i].value;
}

static double median(double *values, size_t n)
{
	qsort(values, n, sizeof(*values), by_number);
	return (values[(n - 1) / 2] + values[n / 2]) / 2;
}

int contrast_rows(const struct dataset *set, const struct row *a, const struct row *b,
	size_t figure, struct contrast *c)
{
	struct entry *of_a = need(a->n_samples, sizeof(*of_a));
	struct entry *of_b = need(b->n_samples, sizeof(*of_b));
	double *x = need(a->n_samples + 1, sizeof(*x)), *y = need(b->n_samples + 1, sizeof(*y));
	size_t n_a = collect(set, a, figure, of_a), n_b = collect(set, b, figure, of_b), pairs;
	struct shift shift = {.p = 1};

	*c = (struct contrast){.a = (double)NAN, .b = (double)NAN};
	if (n_a > 0 && n_b > 0) {
		pairs = pair(of_a, n_a, of_b, n_b, x);
		c->paired = pairs > 0;
		c->n[0] = c->paired ? pairs : n_a;
		c->n[1] = c->paired ? pairs : n_b;
		if (c->paired)
			shift = ranks_one(x, pairs);
		values_of(of_a, n_a, x);
		values_of(of_b, n_b, y);
		if (!c->paired)
			shift = ranks_two(x, n_a, y, n_b);
		c->a = median(x, n_a);
		c->b = median(y, n_b);
	}
	free(of_a);
	free(of_b);
	free(x);
	free(y);
	c->difference = shift.estimate;
	c->low = shift.low;
	c->high = shift.high;
	c->p = shift.p;
	/* Of what is measured around zero a ratio says nothing. */
	c->ratio = set->figures[figure].good != GOOD_NEAR_ZERO && c->a > 0
			   ? 1 + c->difference / c->a
			   : (double)NAN;
	return n_a > 0 && n_b > 0 ? 0 : -ENODATA;
}
