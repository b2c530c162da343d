/* SPDX-License-Identifier: BSD-2-Clause */
/* An axis: which values it spans, where its ticks are and what they say. It draws nothing. */
#ifndef REPORT_AXIS_H
#define REPORT_AXIS_H

#include <stdbool.h>
#include <stddef.h>

#define AXIS_LOG       (1u << 0)
#define AXIS_BYTES     (1u << 1) /* ticks at powers of two: 256 B, 4 KiB */
#define AXIS_TICKS_MAX 16

struct axis {
	unsigned flags;
	double low, high; /* the ends, beyond all values */
	double from, to;  /* where low and high are drawn */
	double tick[AXIS_TICKS_MAX];
	unsigned ticks;
	int decimals;
};

/* Can value stand on such an axis? Not when it is infinite, absurd, or has no logarithm. */
bool axis_takes(unsigned flags, double value);
/* min <= max, both taken; drawn from..to. Ticks at 1, 2, 5 times powers of ten; on a long
 * logarithmic axis at decades. */
void axis_init(struct axis *axis, unsigned flags, double min, double max, double from, double to);
/* Where value is drawn. */
double axis_at(const struct axis *axis, double value);
void axis_label(char *text, size_t size, const struct axis *axis, double tick);

#endif
