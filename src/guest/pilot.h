/* SPDX-License-Identifier: BSD-2-Clause */
/* How many iterations make a round of about a given length. Builds hosted as well as freestanding.
 */
#ifndef GUEST_PILOT_H
#define GUEST_PILOT_H

#include <stdint.h>

/* Within min to max; goal in the unit of cycles(n), which does n iterations and says how long they
 * took (1 up). Of two attempts the shorter counts: the host may take this CPU away in one. */
uint64_t pilot_iterations(
	uint64_t min, uint64_t max, uint64_t goal, uint64_t (*cycles)(uint64_t n));

#endif
