/* SPDX-License-Identifier: BSD-2-Clause */
/* Many contrasts at once: what of them may be called a difference. */
#ifndef ANALYSIS_FAMILY_H
#define ANALYSIS_FAMILY_H

#include "tickvm/contrast.h"

/* Holm 1979: p of each becomes what may be held against the level of all. */
void family_holm(struct contrast *contrasts, size_t n);

/* "worse", "better", "changed" (of a figure that is good neither way): p, corrected, is at most the
 * level, and the difference reaches the floor. "same": the whole interval is below the floor.
 * "open": neither can be told. */
const char *family_outcome(const struct contrast *contrast, const struct figure *figure,
	double level, double floor_relative);

#endif
