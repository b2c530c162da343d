/* SPDX-License-Identifier: BSD-2-Clause */
/* Rules and floors as they are written: an INI file, and options; every complaint says
 * where and what was expected. What they mean is gate.c's. */
#include "gate.h"

#include "tickvm/ini_file.h"
#include "tickvm/input.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RULES_MAX      1000
#define GATE           "gate \""
#define ONCE           "each key once in a section"
#define FLOOR_EXPECTED "a number and a unit, as 500ns, 2us, 300cycles or 0.5GB/s"

/* ---- words ---- */

/* strtod() would take a sign, blanks, "inf" and hexadecimal too. */
static int parse_number(const char *text, const char **end, double *number)
{
	char *stop;

	if (*text < '0' || *text > '9' || text[1] == 'x' || text[1] == 'X')
		return -EINVAL;
	*number = strtod(text, &stop);
	*end = stop;
	return isfinite(*number) ? 0 : -EINVAL;
}

int ratio_parse(const char *text, double most, double *ratio)
{
	const char *end;

	if (parse_number(text, &end, ratio) < 0)
		return -EINVAL;
	if (*end == '%') {
		*ratio /= 100;
		end++;
	}
	return *end == '\0' && *ratio <= most ? 0 : -EINVAL;
}

/* Times become nanoseconds, as metrics have them. */
static void in_metric_units(struct amount *amount)
{
	static const struct {
		const char *unit;
		double ns;
	} times[] = {{"us", 1e3}, {"ms", 1e6}, {"s", 1e9}};

	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		if (strcmp(amount->unit, times[i].unit) != 0)
			continue;
		amount->value *= times[i].ns;
		strcpy(amount->unit, "ns");
		return;
	}
}

/* text: length bytes, a number, perhaps blanks, a unit. */
static int parse_amount(const char *text, size_t length, struct amount *amount)
{
	char word[64];
	const char *unit;

	if (length >= sizeof(word))
		return -EINVAL;
	memcpy(word, text, length);
	word[length] = '\0';
	if (parse_number(word, &unit, &amount->value) < 0)
		return -EINVAL;
	unit += strspn(unit, " ");
	size_t size = strlen(unit);

	if (size == 0 || size >= sizeof(amount->unit) || strpbrk(unit, " \t") != NULL)
		return -EINVAL;
	memcpy(amount->unit, unit, size + 1);
	in_metric_units(amount);
	return 0;
}

/* ---- the general floors ---- */

static int read_floors(struct gates *gates, const char *list, struct diag *diag)
{
	const size_t room = sizeof(gates->floors) / sizeof(gates->floors[0]);

	for (const char *item = list;; item++) {
		size_t length = strcspn(item, ",");

		if (gates->n_floors == room ||
			parse_amount(item, length, &gates->floors[gates->n_floors]) < 0)
			return diag_set(diag, -EINVAL,
				"--floor-absolute %s: expected " FLOOR_EXPECTED
				", with commas between them, at most 24",
				list);
		gates->n_floors++;
		if (item[length] == '\0')
			return 0;
		item += length;
	}
}

/* ---- rules ---- */

static int add_rule(struct gates *gates, const char *pattern, size_t length, unsigned line)
{
	struct gate_rule *rules = reallocarray(gates->rules, gates->n + 1, sizeof(*rules));

	if (rules == NULL)
		return -ENOMEM;
	gates->rules = rules;
	rules[gates->n] = (struct gate_rule){.pattern = strndup(pattern, length),
		.line = line,
		.increase = NAN,
		.decrease = NAN};
	if (rules[gates->n].pattern == NULL)
		return -ENOMEM;
	gates->n++;
	return 0;
}

/* What is wrong with the line, key or not. */
static int complain_line(const struct ini_line *line, struct diag *diag, const char *what)
{
	char place[INI_PLACE_MAX];

	ini_place(place, line->path, line->number, line->key, line->value);
	return diag_set(diag, -EINVAL, "%s: %s", place, what);
}

/* The length of PATTERN in gate "PATTERN"; 0: it is none. */
static size_t pattern_length(const char *section)
{
	size_t length = strncmp(section, GATE, strlen(GATE)) == 0
				? strcspn(section + strlen(GATE), "\"")
				: 0;

	return length > 0 && strcmp(section + strlen(GATE) + length, "\"") == 0 ? length : 0;
}

static int check_section(const struct gates *gates, const struct ini_line *line,
	const char *pattern, size_t length, struct diag *diag)
{
	if (length == 0)
		return complain_line(line, diag, "expected [gate \"PATTERN\"]");
	if (length >= 4 && strncmp(pattern + length - 4, "/max", 4) == 0)
		return complain_line(line, diag,
			"a single maximum is never gated; expected the pattern of a p99, say, or "
			"of a rate");
	if (gates->n == RULES_MAX)
		return complain_line(line, diag, "expected at most 1000 rules");
	for (size_t i = 0; i < gates->n; i++) {
		if (strncmp(gates->rules[i].pattern, pattern, length) == 0 &&
			gates->rules[i].pattern[length] == '\0')
			return diag_set(diag, -EINVAL,
				"%s:%u: there is a [gate] of that pattern already, on line %u",
				line->path, line->number, gates->rules[i].line);
	}
	return 0;
}

static int read_section(struct gates *gates, const struct ini_line *line, struct diag *diag)
{
	size_t length = pattern_length(line->section);
	const char *pattern = line->section + strlen(GATE);
	int err = check_section(gates, line, pattern, length, diag);

	if (err < 0)
		return err;
	err = add_rule(gates, pattern, length, line->number);
	return err == 0 ? 0 : diag_set(diag, err, "%s: no memory", gates->path);
}

static int take_share(double *share, const char *value, const char **expected)
{
	*expected = isnan(*share) ? "a share, as 10% or 0.1" : ONCE;
	return isnan(*share) ? ratio_parse(value, 1000, share) : -EINVAL;
}

static int take_key(
	struct gate_rule *rule, const char *key, const char *value, const char **expected)
{
	if (strcmp(key, "max-increase") == 0)
		return take_share(&rule->increase, value, expected);
	if (strcmp(key, "max-decrease") == 0)
		return take_share(&rule->decrease, value, expected);
	if (strcmp(key, "floor") == 0) {
		bool given = rule->floor.unit[0] != '\0';

		*expected = given ? ONCE : FLOOR_EXPECTED;
		return given ? -EINVAL : parse_amount(value, strlen(value), &rule->floor);
	}
	*expected = "one of the keys max-increase, max-decrease, floor";
	return -EINVAL;
}

static int take_line(void *user, const struct ini_line *line, struct diag *diag)
{
	struct gates *gates = user;
	const char *expected = "a section before it: [gate \"PATTERN\"]";
	char text[128];

	if (line->key == NULL)
		return read_section(gates, line, diag);
	if (gates->n > 0 &&
		take_key(&gates->rules[gates->n - 1], line->key, line->value, &expected) == 0)
		return 0;
	snprintf(text, sizeof(text), "expected %s", expected);
	return complain_line(line, diag, text);
}

static int read_rules(struct gates *gates, struct diag *diag)
{
	struct diag why;
	FILE *file;
	int err = input_stream(&file, gates->path, &why);

	if (err < 0)
		return diag_set(diag, err, "--gate %s: cannot open it: %s", gates->path, why.text);
	err = ini_file_read(file, gates->path, take_line, gates, NULL, diag);
	fclose(file);
	if (err == 0 && gates->n == 0)
		return diag_set(
			diag, -EINVAL, "%s: no rule; expected [gate \"PATTERN\"]", gates->path);
	return err;
}

/* The tail of identical sweeps moves by a fifth, and more rounds than anyone has time for would not
 * change that: a p99 is guarded against what is larger. */
#define P99_INCREASE 0.25

static int default_rules(struct gates *gates, struct diag *diag)
{
	static const char *const patterns[] = {"*/p99", "*/p50", "exits/*", "*: exits/*"};

	for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
		if (add_rule(gates, patterns[i], strlen(patterns[i]), 0) < 0)
			return diag_set(diag, -ENOMEM, "out of memory");
	}
	gates->rules[0].increase = fmax(P99_INCREASE, gates->floor_relative);
	return 0;
}

int gates_read(struct gates *gates, const char *path, const char *floor_relative,
	const char *floor_absolute, struct diag *diag)
{
	*gates = (struct gates){.path = path, .floor_relative = 0.05};
	int err = read_floors(
		gates, "100ns,200cycles,0.1GB/s,0.05GFLOP/s,0.1%,1000ppm,1events,65536B", diag);

	if (err == 0 && floor_relative != NULL &&
		ratio_parse(floor_relative, 1000, &gates->floor_relative) < 0)
		err = diag_set(diag, -EINVAL,
			"--floor-relative %s: expected a share, as 5%% or 0.05", floor_relative);
	if (err == 0 && floor_absolute != NULL)
		err = read_floors(gates, floor_absolute, diag);
	if (err == 0)
		err = path != NULL ? read_rules(gates, diag) : default_rules(gates, diag);
	return err;
}

void gates_free(struct gates *gates)
{
	for (size_t i = 0; i < gates->n; i++)
		free(gates->rules[i].pattern);
	free(gates->rules);
	*gates = (struct gates){0};
}
