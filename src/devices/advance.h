/* SPDX-License-Identifier: BSD-2-Clause */
/* How early to inject: learned from the delivery latencies of the last events.
 * Pure statistics: what counts as a latency is the caller's business. */
#ifndef DEVICES_ADVANCE_H
#define DEVICES_ADVANCE_H

#include <stdint.h>

#define ADVANCE_WINDOW 256

struct advance {
	uint32_t ring[ADVANCE_WINDOW];   /* latencies in order of arrival, ns */
	uint32_t sorted[ADVANCE_WINDOW]; /* the same, ascending */
	unsigned count, next;
};

void advance_reset(struct advance *advance);
void advance_add(struct advance *advance, uint32_t latency_ns);
/* So that the handler runs at the deadline: the mean of the ordinary latencies; 0 of none. */
uint32_t advance_typical(const struct advance *advance);
/* So that the handler is there before nearly every deadline and spins the rest; 0 of none. */
uint32_t advance_cover(const struct advance *advance);

#endif
