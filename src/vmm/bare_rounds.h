/* SPDX-License-Identifier: BSD-2-Clause */
/* What the rounds of a yardstick say. */
#ifndef VMM_BARE_ROUNDS_H
#define VMM_BARE_ROUNDS_H

#include "tickvm/diag.h"

#include <stdint.h>

/* Sorts n rounds (1 up), each the cycles that turns (1 up) of a loop took, its control loop
 * subtracted. *ticks: of one turn, by the median round. -EAGAIN where that is less than nothing:
 * controls were disturbed more than the runs they belong to. */
int bare_median(int64_t *cycles, uint64_t n, uint64_t turns, uint64_t *ticks, struct diag *diag);

#endif
