/* SPDX-License-Identifier: BSD-2-Clause */
/* The learner behind the dedicated timer's advance: order statistics of a sliding window.
 * It neither judges stamps nor bounds the result; both are the timer's business. */
#include "advance.h"

#include <string.h>

/* From this many latencies on, the largest is taken for an outlier (a first event's cold caches, a
 * pause of the host): covering it would make the guest spin that long before every deadline. */
#define COVER_DROPS_MAX_FROM 16
#define COVER_MARGIN_NS      250

void advance_reset(struct advance *advance)
{
	advance->count = 0;
	advance->next = 0;
}

/* The first index whose value is at least latency_ns. */
static unsigned lower_bound(const struct advance *advance, uint32_t latency_ns)
{
	unsigned low = 0, high = advance->count;

	while (low < high) {
		unsigned middle = (low + high) / 2;

		if (advance->sorted[middle] < latency_ns)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void remove_oldest(struct advance *advance)
{
	unsigned at = lower_bound(advance, advance->ring[advance->next]);

	advance->count--;
	memmove(&advance->sorted[at], &advance->sorted[at + 1],
		(advance->count - at) * sizeof(advance->sorted[0]));
}

void advance_add(struct advance *advance, uint32_t latency_ns)
{
	if (advance->count == ADVANCE_WINDOW)
		remove_oldest(advance);

	unsigned at = lower_bound(advance, latency_ns);

	memmove(&advance->sorted[at + 1], &advance->sorted[at],
		(advance->count - at) * sizeof(advance->sorted[0]));
	advance->sorted[at] = latency_ns;
	advance->count++;
	advance->ring[advance->next] = latency_ns;
	advance->next = (advance->next + 1) % ADVANCE_WINDOW;
}

/* Rare outliers are ten times the usual latency: in a plain mean, one in a hundred would make all
 * the others early by a tenth. What is beyond twice the median is left out. */
uint32_t advance_typical(const struct advance *advance)
{
	if (advance->count == 0)
		return 0;

	uint64_t median = advance->sorted[(advance->count - 1) / 2], sum = 0;
	unsigned n = 0;

	do
		sum += advance->sorted[n++];
	while (n < advance->count && advance->sorted[n] <= 2 * median);
	return (uint32_t)(sum / n);
}

uint32_t advance_cover(const struct advance *advance)
{
	if (advance->count == 0)
		return 0;

	unsigned top = advance->count - (advance->count >= COVER_DROPS_MAX_FROM ? 2 : 1);

	return advance->sorted[top] + advance->sorted[top] / 16 + COVER_MARGIN_NS;
}
