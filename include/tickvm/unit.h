/* SPDX-License-Identifier: BSD-2-Clause */
/* Units of figures and axes: what they are called in files and in tables, and from which difference
 * on one matters. */
#ifndef TICKVM_UNIT_H
#define TICKVM_UNIT_H

#include <stddef.h>

enum unit {
	UNIT_NONE,
	UNIT_NS,
	UNIT_CYCLES,
	UNIT_INSTRUCTIONS,
	UNIT_BYTES,
	UNIT_BYTES_PER_S,
	/* 10^6 bytes a second: of disks */
	UNIT_MB_PER_S,
	UNIT_FLOP_PER_S,
	UNIT_HZ,
	UNIT_COUNT,
	UNIT_RATIO,
	UNIT_PERCENT,
	UNIT_PPM,
	UNIT_PER_EVENT,
	UNIT_SECONDS_PER_SECOND,
	UNITS
};

struct unit_form {
	/* in files */
	const char *id;
	/* in tables: the unit, and what a figure in the base unit is multiplied by */
	const char *shown;
	double scale;
	/* digits behind the point in tables; -1: three that mean something */
	int decimals;
	/* differences below do not matter, in the base unit */
	double floor;
};

const struct unit_form *unit_form(enum unit unit);
/* UNIT_NONE: no such unit, or NULL. */
enum unit unit_of(const char *id);
/* For people: 100000 ns is "100 us", 4096 B "4 KiB", others as they are. */
void unit_show(double value, enum unit unit, char *text, size_t size);

#endif
