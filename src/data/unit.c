/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of units. */
#include "tickvm/unit.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const struct unit_form forms[UNITS] = {
	[UNIT_NONE] = {"", "", 1, -1, 0},
	[UNIT_NS] = {"ns", "us", 1e-3, 3, 100},
	[UNIT_CYCLES] = {"cycles", "cycles", 1, 0, 200},
	[UNIT_INSTRUCTIONS] = {"instructions", "instructions", 1, 0, 2},
	[UNIT_BYTES] = {"B", "MiB", 1.0 / (1 << 20), 2, 4096},
	[UNIT_BYTES_PER_S] = {"B/s", "GB/s", 1e-9, 2, 0},
	[UNIT_MB_PER_S] = {"MB/s", "MB/s", 1, 1, 0},
	[UNIT_FLOP_PER_S] = {"FLOP/s", "GFLOP/s", 1e-9, 2, 0},
	[UNIT_HZ] = {"Hz", "/s", 1, -1, 0},
	[UNIT_COUNT] = {"count", "", 1, 0, 0},
	[UNIT_RATIO] = {"ratio", "x", 1, 3, 0},
	[UNIT_PERCENT] = {"%", "%", 1, 1, 0},
	[UNIT_PPM] = {"ppm", "ppm", 1, -1, 0},
	[UNIT_PER_EVENT] = {"/event", "/event", 1, 2, 0},
	[UNIT_SECONDS_PER_SECOND] = {"s/s", "s/s", 1, 3, 0},
};

const struct unit_form *unit_form(enum unit unit)
{
	return &forms[unit];
}

enum unit unit_of(const char *id)
{
	for (unsigned i = UNIT_NONE + 1; id != NULL && i < UNITS; i++)
		if (strcmp(forms[i].id, id) == 0)
			return (enum unit)i;
	return UNIT_NONE;
}

void unit_show(double value, enum unit unit, char *text, size_t size)
{
	static const struct step {
		double at;
		const char *name;
	} times[] = {{1e9, "s"}, {1e6, "ms"}, {1e3, "us"}, {1, "ns"}},
	  sizes[] = {{1 << 30, "GiB"}, {1 << 20, "MiB"}, {1 << 10, "KiB"}, {1, "B"}};
	const struct step *step = unit == UNIT_NS ? times : sizes;

	if (unit != UNIT_NS && unit != UNIT_BYTES) {
		snprintf(text, size, "%g%s%s", value, *forms[unit].shown != '\0' ? " " : "",
			forms[unit].shown);
		return;
	}
	while (step->at > 1 && fabs(value) < step->at)
		step++;
	snprintf(text, size, "%g %s", value / step->at, step->name);
}
