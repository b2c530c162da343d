/* SPDX-License-Identifier: BSD-2-Clause */
/* How far a sentinel moved. What is done about it is the sweep's business. */
#include "sweep_sentinel.h"

#include <math.h>
#include <stdlib.h>

/* Below these a difference is the clock's and the host's own noise. */
static const double resolution_ns[SENTINEL_FIGURES] = {
	[SENTINEL_EXIT] = 100,
	[SENTINEL_TSC_POLL] = 1000,
};

double sweep_sentinel_moved(const struct sweep_sentinel *before, size_t n,
	const struct sweep_sentinel *now, enum sentinel_figure which)
{
	double *values = calloc(n + 1, sizeof(*values));
	size_t used = 0;

	for (size_t i = 0; values != NULL && i < n; i++) {
		if (!isnan(before[i].ns[which]))
			values[used++] = before[i].ns[which];
	}
	double usual = used > 0 ? stats_spread(values, used).median : (double)NAN;
	double difference = now->ns[which] - usual;

	free(values);
	/* So written that what is not known has not moved. */
	return fabs(difference) > resolution_ns[which] && usual > 0 ? 100 * difference / usual : 0;
}
