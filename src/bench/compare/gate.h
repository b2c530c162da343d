/* SPDX-License-Identifier: BSD-2-Clause */
/* What a change must exceed to count, and which metrics are gated: floors and rules, from options
 * and an INI file. It sees no figures. */
#ifndef BENCH_GATE_H
#define BENCH_GATE_H

#include "tickvm/diag.h"

#include <stdbool.h>
#include <stddef.h>

#define UNIT_MAX 16

struct amount {
	double value;
	char unit[UNIT_MAX];
};

struct gate_rule {
	char *pattern;             /* '*': any characters, '/' too; '?': one */
	unsigned line;             /* in the file; 0: a default rule */
	double increase, decrease; /* relative floors; NAN: the general one */
	struct amount floor;       /* absolute; no unit: the general one */
};

struct gates {
	const char *path; /* NULL: the default rules */
	struct gate_rule *rules;
	size_t n;
	double floor_relative;
	struct amount floors[32]; /* later ones win */
	size_t n_floors;
};

/* Texts as in tickvm/compare.h. 0, or a negative errno with file, line, key and what was expected,
 * or the option, in diag; gates_free() is due in any case. */
int gates_read(struct gates *gates, const char *path, const char *floor_relative,
	const char *floor_absolute, struct diag *diag);
void gates_free(struct gates *gates);

/* Single maxima: shown, never gated nor judged. */
bool gate_is_maximum(const char *metric);

/* The first rule that matches; NULL: not gated. */
const struct gate_rule *gates_find(const struct gates *gates, const char *metric);

/* What a change of a metric must reach: relative (0.05: 5 %) and in its own unit. rule may be NULL.
 * -EINVAL with diag: the rule's floor is in another unit. */
int gates_floors(const struct gates *gates, const struct gate_rule *rule, bool increase,
	const char *unit, double *relative, double *absolute, struct diag *diag);

/* "5%" or "0.05", from 0 to most. 0 or -EINVAL. */
int ratio_parse(const char *text, double most, double *ratio);

#endif
