/* SPDX-License-Identifier: BSD-2-Clause */
/* Guest beside native: the axis "side" of experiments that do the same on both. */
#ifndef BENCH_SIDES_H
#define BENCH_SIDES_H

#include "tickvm/experiment.h"

enum side { SIDE_NATIVE, SIDE_GUEST, SIDES };
extern const char *const side_names[]; /* ends with NULL */

#define PARAMETER_SIDE(STRUCT, FIELD)                                                              \
	PARAMETER_WORDS("side", NULL, side_names, NULL, STRUCT, FIELD,                             \
		"in a guest, or on this host without one")

/* A row of each side that are alike in everything else; NULL: that side was not measured. What
 * means nothing without a guest is "-" in native rows, so one may stand beside several guests'. */
struct sides {
	const struct row *row[SIDES];
};
/* False: the row stands beside another one, which is in turn. */
bool sides_of(const struct dataset *set, const struct row *row, struct sides *sides);
/* The guest's, or native where there is none. */
const struct row *sides_first(const struct sides *sides);
/* Where a table made of set, with the same axes, says something of both. */
struct row *sides_row(struct dataset *table, const struct sides *sides);

#endif
