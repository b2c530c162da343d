/* SPDX-License-Identifier: BSD-2-Clause */
/* How many iterations make a round: tried, not computed from any figure of the machine. */
#include "pilot.h"

/* Twice as many until half of goal is reached, and from there by proportion. */
uint64_t pilot_iterations(uint64_t min, uint64_t max, uint64_t goal, uint64_t (*cycles)(uint64_t n))
{
	for (uint64_t n = min;; n = n < max / 2 ? n * 2 : max) {
		uint64_t one = cycles(n), other = cycles(n);
		uint64_t shorter = one < other ? one : other;

		if (shorter < goal / 2 && n < max)
			continue;
		n = n * goal / shorter;
		return n < min ? min : n > max ? max : n;
	}
}
