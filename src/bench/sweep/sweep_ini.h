/* SPDX-License-Identifier: BSD-2-Clause */
/* A sweep's file between its two readers: sections and their keys as they stand there.
 * sweep_file.c fills this in, sweep_plan.c makes cells of it. */
#ifndef BENCH_SWEEP_INI_H
#define BENCH_SWEEP_INI_H

#include "sweep_file.h"

struct sweep_setting {
	const char *key, *value, *path;
	unsigned line;
	bool included; /* its text is not shown: it may be any file's */
};

enum sweep_section_kind { SECTION_MACHINE, SECTION_BENCH, SECTION_MATRIX, SECTION_CELL };

struct sweep_section {
	enum sweep_section_kind kind;
	const char *name; /* "": a [matrix] may have none */
	const char *path;
	unsigned line;
	bool included;
	struct sweep_setting *settings; /* with distinct keys */
	size_t n;
};

struct sweep_ini {
	struct sweep_section *sections;
	size_t n;
};

/* A text that lives as long as the plan. NULL: no memory. */
__attribute__((format(printf, 2, 3))) const char *sweep_keep(
	struct sweep_plan *plan, const char *format, ...);
/* A text of a file's in a message: what an included one says, "...". */
static inline const char *sweep_shown(bool included, const char *text)
{
	return included ? "..." : text;
}

/* "FILE:LINE: KEY = VALUE"; of an included file "FILE:LINE". */
void sweep_place(char place[INI_PLACE_MAX], const struct sweep_setting *setting);
/* That, ": " and the rest, into diag. */
__attribute__((format(printf, 3, 4))) void sweep_say(
	struct diag *diag, const struct sweep_setting *setting, const char *format, ...);
/* The same as an expression: -EINVAL, which a reader sees, an analyser among them. */
#define sweep_complain(diag, setting, ...) (sweep_say(diag, setting, __VA_ARGS__), -EINVAL)

/* Cells of the sections' matrices and cells, each checked. */
int sweep_plan_make(struct sweep_plan *plan, const struct sweep_ini *ini,
	const struct machine_maker *maker, struct diag *diag);

#endif
