/* SPDX-License-Identifier: BSD-2-Clause */
/* Patterns and floors: which rule is a metric's, and what its changes must reach.
 * The file of rules is read in gate_read.c. */
#include "gate.h"

#include <errno.h>
#include <math.h>
#include <string.h>

bool gate_is_maximum(const char *metric)
{
	const char *last = strrchr(metric, '/');

	return strcmp(last != NULL ? last + 1 : metric, "max") == 0;
}

/* Goes back to the last '*' only: linear in text for each of them, whatever a pattern is. */
static bool matches(const char *pattern, const char *text)
{
	const char *star = NULL, *resume = NULL;

	while (*text != '\0') {
		if (*pattern == '*') {
			star = pattern++;
			resume = text;
		} else if (*pattern == '?' || *pattern == *text) {
			pattern++;
			text++;
		} else if (star != NULL) {
			pattern = star + 1;
			text = ++resume;
		} else {
			return false;
		}
	}
	return pattern[strspn(pattern, "*")] == '\0';
}

const struct gate_rule *gates_find(const struct gates *gates, const char *metric)
{
	for (size_t i = 0; i < gates->n && !gate_is_maximum(metric); i++) {
		if (matches(gates->rules[i].pattern, metric))
			return &gates->rules[i];
	}
	return NULL;
}

static double general_floor(const struct gates *gates, const char *unit)
{
	for (size_t i = gates->n_floors; i-- > 0;) {
		if (strcmp(gates->floors[i].unit, unit) == 0)
			return gates->floors[i].value;
	}
	return 0;
}

int gates_floors(const struct gates *gates, const struct gate_rule *rule, bool increase,
	const char *unit, double *relative, double *absolute, struct diag *diag)
{
	double own = rule == NULL ? NAN : increase ? rule->increase : rule->decrease;

	*relative = isnan(own) ? gates->floor_relative : own;
	if (rule == NULL || rule->floor.unit[0] == '\0') {
		*absolute = general_floor(gates, unit);
		return 0;
	}
	*absolute = rule->floor.value;
	if (strcmp(rule->floor.unit, unit) == 0)
		return 0;
	return diag_set(diag, -EINVAL,
		"%s:%u: floor: in %s, but a metric that [gate \"%s\"] matches is in %s; expected "
		"its unit",
		gates->path, rule->line, rule->floor.unit, rule->pattern, unit);
}
