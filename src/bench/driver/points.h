/* SPDX-License-Identifier: BSD-2-Clause */
/* A series' points: the product of what was chosen, settled, each once. */
#ifndef BENCH_DRIVER_POINTS_H
#define BENCH_DRIVER_POINTS_H

#include "choices.h"

#define POINTS_MAX 10000

struct points {
	struct point *point;
	size_t n;
};

/* The options that are the series' axes, in their order. Returns how many. */
size_t points_axes(const struct choices *choices, const struct series *series,
	const struct choice *axes[POINT_AXES_MAX]);
/* -EINVAL with diag set: too many, or none is left; of those that this host cannot run the
 * document says so. */
int points_make(struct points *points, struct session *session, const struct choices *choices,
	const struct series *series, struct diag *diag);
void points_free(struct points *points);
/* The values that tell it from the others, for people. */
void point_name(const struct point *point, char *text, size_t size);

#endif
