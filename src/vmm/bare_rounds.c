/* SPDX-License-Identifier: BSD-2-Clause */
/* What the rounds of a yardstick say. */
#include "bare_rounds.h"

#include <errno.h>
#include <stdlib.h>

static int compare_cycles(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

int bare_median(int64_t *cycles, uint64_t n, uint64_t turns, uint64_t *ticks, struct diag *diag)
{
	qsort(cycles, n, sizeof(*cycles), compare_cycles);
	if (cycles[n / 2] < 0)
		return diag_set(diag, -EAGAIN,
			"bare loop: the host is too busy to time it: half of the rounds were less "
			"than nothing");
	*ticks = (uint64_t)cycles[n / 2] / turns;
	return 0;
}
