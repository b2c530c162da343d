/* SPDX-License-Identifier: BSD-2-Clause */
/* Rows of both sides, paired. */
#include "sides.h"

#include <string.h>

const char *const side_names[] = {"native", "guest", NULL};

static const struct row *beside(
	const struct dataset *set, const struct row *row, size_t axis, enum side side)
{
	return dataset_partner(set, row, axis, value_word(side_names[side]));
}

bool sides_of(const struct dataset *set, const struct row *row, struct sides *sides)
{
	size_t axis = (size_t)dataset_axis(set, "side");
	bool native = value_same(row->at[axis], value_word(side_names[SIDE_NATIVE]));

	sides->row[SIDE_GUEST] = native ? NULL : row;
	sides->row[SIDE_NATIVE] = native ? row : beside(set, row, axis, SIDE_NATIVE);
	return !native || beside(set, row, axis, SIDE_GUEST) == NULL;
}

const struct row *sides_first(const struct sides *sides)
{
	return sides->row[SIDE_GUEST] != NULL ? sides->row[SIDE_GUEST] : sides->row[SIDE_NATIVE];
}

struct row *sides_row(struct dataset *table, const struct sides *sides)
{
	struct value at[DATASET_AXES_MAX];

	memcpy(at, sides_first(sides)->at, table->n_axes * sizeof(at[0]));
	at[dataset_axis(table, "side")] = value_none();
	return dataset_row(table, at);
}
