/* SPDX-License-Identifier: BSD-2-Clause */
/* Rules and floors as they are written: an INI file through inih, and options; every complaint says
 * where and what was expected. What they mean is gate.c's. */
#include "gate.h"

#include "tickvm/input.h"

#include <errno.h>
#include <ini.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RULES_MAX      1000
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

struct reading {
	struct gates *gates;
	FILE *file;
	unsigned line; /* last line handed to inih */
	int err;
	struct diag *diag;
};

static int complain_line(struct reading *r, const char *what)
{
	return diag_set(r->diag, -EINVAL, "%s:%u: %s", r->gates->path, r->line, what);
}

/* [gate "PATTERN"]. inih would cut a name at 49 bytes and pass over a section without keys. */
static int read_section(struct reading *r, const char *text)
{
	static const char begin[] = "[gate \"";
	size_t skip = strlen(begin);

	if (strncmp(text, begin, skip) != 0)
		return complain_line(r, "expected [gate \"PATTERN\"]");
	const char *pattern = text + skip;
	size_t length = strcspn(pattern, "\"\n");

	if (length == 0 || pattern[length] != '"' || pattern[length + 1] != ']' ||
		strspn(pattern + length + 2, " \t\r\n") != strlen(pattern + length + 2))
		return complain_line(r, "expected [gate \"PATTERN\"]");
	if (length >= 4 && strncmp(pattern + length - 4, "/max", 4) == 0)
		return complain_line(r, "a single maximum is never gated; expected the pattern of "
					"a p99, say, or of a rate");
	if (r->gates->n == RULES_MAX)
		return complain_line(r, "expected at most 1000 rules");
	int err = add_rule(r->gates, pattern, length, r->line);

	return err == 0 ? 0 : diag_set(r->diag, err, "%s: no memory", r->gates->path);
}

/* Sections are taken here, with their line; leading blanks come off, so that an indented key is no
 * continued line. */
static char *next_line(char *text, int size, void *stream)
{
	struct reading *r = stream;

	if (r->err != 0 || fgets(text, size, r->file) == NULL)
		return NULL;
	r->line++;
	if (strchr(text, '\n') == NULL && !feof(r->file)) {
		r->err = complain_line(r, "line too long");
		return NULL;
	}
	size_t blanks = strspn(text, " \t\v\f\r"); /* as inih has it */

	memmove(text, text + blanks, strlen(text + blanks) + 1);
	if (*text == '[') {
		r->err = read_section(r, text);
		strcpy(text, "[gate]\n");
	}
	return r->err == 0 ? text : NULL;
}

static int take_key(
	struct gate_rule *rule, const char *key, const char *value, const char **expected)
{
	bool increase = strcmp(key, "max-increase") == 0;

	if (increase || strcmp(key, "max-decrease") == 0) {
		*expected = "a share, as 10% or 0.1";
		return ratio_parse(value, 1000, increase ? &rule->increase : &rule->decrease);
	}
	if (strcmp(key, "floor") == 0) {
		*expected = FLOOR_EXPECTED;
		return parse_amount(value, strlen(value), &rule->floor);
	}
	*expected = "one of the keys max-increase, max-decrease, floor";
	return -EINVAL;
}

/* inih's convention: 1 is good, 0 an error. */
static int handle(void *user, const char *section, const char *key, const char *value)
{
	struct reading *r = user;
	const char *expected = "a section before it: [gate \"PATTERN\"]";

	(void)section;
	if (r->err != 0)
		return 0;
	/* By our own count: inih takes a section behind a byte order mark, which we have not. */
	if (r->gates->n > 0 &&
		take_key(&r->gates->rules[r->gates->n - 1], key, value, &expected) == 0)
		return 1;
	r->err = diag_set(r->diag, -EINVAL, "%s:%u: %s = %s: expected %s", r->gates->path, r->line,
		key, value, expected);
	return 0;
}

static int read_rules(struct gates *gates, struct diag *diag)
{
	struct reading r = {.gates = gates, .diag = diag};
	struct diag why;
	int err = input_stream(&r.file, gates->path, &why);

	if (err < 0)
		return diag_set(diag, err, "--gate %s: cannot open it: %s", gates->path, why.text);
	int line = ini_parse_stream(next_line, &r, handle, &r);
	bool failed = ferror(r.file) != 0;

	fclose(r.file);
	if (r.err != 0)
		return r.err;
	if (failed)
		return diag_set(diag, -EIO, "--gate %s: cannot read it", gates->path);
	if (line != 0)
		return diag_set(diag, -EINVAL, "%s:%d: expected [gate \"PATTERN\"] or key = value",
			gates->path, line);
	if (gates->n == 0)
		return diag_set(
			diag, -EINVAL, "%s: no rule; expected [gate \"PATTERN\"]", gates->path);
	return 0;
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
