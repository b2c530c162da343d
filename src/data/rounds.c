/* SPDX-License-Identifier: BSD-2-Clause */
/* What a row's rounds come to. */
#include "tickvm/dataset.h"

#include "need.h"

#include <math.h>
#include <stdlib.h>

static int by_number(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* The mean of the middle two. Sorts. */
static double median(double *values, size_t n)
{
	qsort(values, n, sizeof(*values), by_number);
	return (values[(n - 1) / 2] + values[n / 2]) / 2;
}

static double largest(const double *values, size_t n)
{
	double most = values[0];

	for (size_t i = 1; i < n; i++)
		most = fmax(most, values[i]);
	return most;
}

static double sum(const double *values, size_t n)
{
	double total = 0;

	for (size_t i = 0; i < n; i++)
		total += values[i];
	return total;
}

size_t row_values(const struct row *row, size_t figure, double *out)
{
	size_t n = 0;

	for (size_t i = 0; i < row->n_samples; i++) {
		const double *figures = row->samples[i].figures;

		if (figures != NULL && !isnan(figures[figure]))
			out[n++] = figures[figure];
	}
	return n;
}

/* With an even number of rounds the median is no round's: the nearest one stands for it. */
static double middle(const struct dataset *set, const struct row *row, size_t figure)
{
	int lead = dataset_figure(set, set->figures[figure].middle_of);
	double nearest = (double)INFINITY, result = (double)NAN, centre;

	if (lead < 0 || set->figures[lead].over == OVER_MIDDLE)
		return result;
	centre = row_value(set, row, (size_t)lead);
	for (size_t i = 0; i < row->n_samples; i++) {
		const double *figures = row->samples[i].figures;

		if (figures != NULL && fabs(figures[lead] - centre) < nearest) {
			nearest = fabs(figures[lead] - centre);
			result = figures[figure];
		}
	}
	return result;
}

double row_value(const struct dataset *set, const struct row *row, size_t figure)
{
	enum over over = set->figures[figure].over;
	double *values, result = (double)NAN;
	size_t n;

	if (over == OVER_MIDDLE)
		return middle(set, row, figure);
	values = need(row->n_samples, sizeof(*values));
	n = row_values(row, figure, values);
	if (n > 0)
		result = over == OVER_MAX   ? largest(values, n)
			 : over == OVER_SUM ? sum(values, n)
					    : median(values, n);
	free(values);
	return result;
}
