/* SPDX-License-Identifier: BSD-2-Clause */
/* Documents for readers that know metrics only: tickvm-results/1 (docs/results.md). */
#ifndef TICKVM_RESULTS_1_H
#define TICKVM_RESULTS_1_H

#include "tickvm/document.h"

/* The document with the metrics that version had of its rows, under its names, a value a round.
 * What it had no name for is left out. NULL: no memory. */
json_t *results_1_of(const struct document *document);

#endif
