/* SPDX-License-Identifier: BSD-2-Clause */
/* Parses an experiment's options; every mistake becomes one line with the remedy.
 * It prints nothing and knows no experiment. */
#include "bench_options.h"

#include "tickvm/amount.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>

#define ITEM_MAX    32
#define OPTIONS_MAX 64

static int find_name(const char *const *names, const char *name)
{
	for (int i = 0; names[i] != NULL; i++) {
		if (strcmp(names[i], name) == 0)
			return i;
	}
	return -1;
}

static int unknown_choice(const struct option_spec *spec, const char *value, struct diag *diag)
{
	const char *near = nearest_word(value, strlen(value), spec->names);
	char all[256] = "";

	if (near != NULL)
		return diag_set(diag, -EINVAL, "--%s: unknown '%s'; did you mean '%s'?", spec->name,
			value, near);
	for (unsigned i = 0; spec->names[i] != NULL; i++) {
		size_t used = strlen(all);

		snprintf(
			all + used, sizeof(all) - used, "%s%s", i == 0 ? "" : ", ", spec->names[i]);
	}
	return diag_set(
		diag, -EINVAL, "--%s: unknown '%s'; expected one of: %s", spec->name, value, all);
}

static int take_duration(const struct option_spec *spec, const char *item, struct diag *diag)
{
	struct durations *list = spec->value;
	uint64_t ns;

	if (amount_parse(AMOUNT_NSEC, item, &ns) < 0)
		return diag_set(diag, -EINVAL,
			"--%s: '%s' is no duration; write for example 100us, 1ms or 2s", spec->name,
			item);
	if (ns < spec->min || ns > spec->max)
		return diag_set(diag, -EINVAL,
			"--%s: %s is out of range: %" PRIu64 " ns to %" PRIu64 " ns", spec->name,
			item, spec->min, spec->max);
	if (list->n == DURATIONS_MAX)
		return diag_set(
			diag, -EINVAL, "--%s: at most %d values", spec->name, DURATIONS_MAX);
	list->ns[list->n++] = ns;
	return 0;
}

static int check_number(
	const struct option_spec *spec, const char *text, uint64_t *number, struct diag *diag)
{
	if (amount_parse(AMOUNT_NUMBER, text, number) < 0 || *number < spec->min ||
		*number > spec->max)
		return diag_set(diag, -EINVAL,
			"--%s: '%s' is no number from %" PRIu64 " to %" PRIu64, spec->name, text,
			spec->min, spec->max);
	return 0;
}

static int check_size(
	const struct option_spec *spec, const char *text, uint64_t *bytes, struct diag *diag)
{
	if (amount_parse(AMOUNT_SIZE, text, bytes) < 0)
		return diag_set(diag, -EINVAL,
			"--%s: '%s' is no size; write for example 512, 64K or 1M", spec->name,
			text);
	if (*bytes < spec->min || *bytes > spec->max)
		return diag_set(diag, -EINVAL,
			"--%s: %s is out of range: %" PRIu64 " to %" PRIu64 " bytes", spec->name,
			text, spec->min, spec->max);
	return 0;
}

/* Of numbers or sizes. */
static int take_number(const struct option_spec *spec, const char *item, struct diag *diag)
{
	struct numbers *list = spec->value;
	uint64_t number = 0;
	int err =
		(spec->kind == OPTION_SIZES ? check_size : check_number)(spec, item, &number, diag);

	if (err < 0)
		return err;
	if (list->n == NUMBERS_MAX)
		return diag_set(diag, -EINVAL, "--%s: at most %d values", spec->name, NUMBERS_MAX);
	list->value[list->n++] = number;
	return 0;
}

static int take_choice(const struct option_spec *spec, const char *item, struct diag *diag)
{
	int index = find_name(spec->names, item);

	if (index < 0)
		return unknown_choice(spec, item, diag);
	if (*(uint64_t *)spec->value >> index & 1)
		return diag_set(diag, -EINVAL, "--%s: %s twice", spec->name, item);
	*(uint64_t *)spec->value |= 1ULL << index;
	return 0;
}

/* Calls take for each item of a list with commas. */
static int take_list(const struct option_spec *spec, const char *value, struct diag *diag,
	int (*take)(const struct option_spec *spec, const char *item, struct diag *diag))
{
	for (;;) {
		char item[ITEM_MAX];
		size_t length = strcspn(value, ",");

		if (length == 0 || length >= sizeof(item))
			return diag_set(diag, -EINVAL,
				"--%s: expected values with single commas between them",
				spec->name);
		memcpy(item, value, length);
		item[length] = '\0';
		int err = take(spec, item, diag);

		if (err < 0 || value[length] == '\0')
			return err;
		value += length + 1;
	}
}

static int take_one_choice(const struct option_spec *spec, const char *value, struct diag *diag)
{
	int index = find_name(spec->names, value);

	if (index < 0)
		return unknown_choice(spec, value, diag);
	*(unsigned *)spec->value = (unsigned)index;
	return 0;
}

int options_take(const struct option_spec *spec, const char *value, struct diag *diag)
{
	switch (spec->kind) {
	case OPTION_FLAG:
		*(bool *)spec->value = true;
		return 0;
	case OPTION_TEXT:
		*(const char **)spec->value = value;
		return 0;
	case OPTION_NUMBER:
		return check_number(spec, value, spec->value, diag);
	case OPTION_SIZE:
		return check_size(spec, value, spec->value, diag);
	case OPTION_CHOICE:
		return take_one_choice(spec, value, diag);
	/* What the user says replaces the default. */
	case OPTION_NUMBERS:
	case OPTION_SIZES:
		((struct numbers *)spec->value)->n = 0;
		return take_list(spec, value, diag, take_number);
	case OPTION_DURATIONS:
		((struct durations *)spec->value)->n = 0;
		return take_list(spec, value, diag, take_duration);
	case OPTION_CHOICES:
		*(uint64_t *)spec->value = 0;
		return take_list(spec, value, diag, take_choice);
	}
	return -EINVAL;
}

static int unknown_option(
	const struct option_spec *specs, const char *bench, const char *argument, struct diag *diag)
{
	const char *names[OPTIONS_MAX + 1], *near = NULL;
	char name[ITEM_MAX];
	size_t n = 0;

	for (; n < OPTIONS_MAX && specs[n].name != NULL; n++)
		names[n] = specs[n].name;
	names[n] = NULL;
	snprintf(name, sizeof(name), "%.*s", (int)strcspn(argument, "="), argument);
	if (strncmp(name, "--", 2) == 0)
		near = nearest_word(name + 2, strlen(name + 2), names);
	if (near != NULL)
		return diag_set(diag, -EINVAL, "unknown option %s; did you mean --%s?", name, near);
	return diag_set(diag, -EINVAL, "unknown %s '%s'; see: tickvm bench %s --help",
		name[0] == '-' ? "option" : "argument", name, bench);
}

static const struct option_spec *find_option(
	const struct option_spec *specs, const char *argument, size_t length)
{
	for (const struct option_spec *spec = specs; spec->name != NULL; spec++) {
		if (strlen(spec->name) == length && memcmp(spec->name, argument, length) == 0)
			return spec;
	}
	return NULL;
}

int options_parse(const struct option_spec *specs, int argc, char **argv, struct diag *diag)
{
	bool of_file = argc > 1 && strcmp(argv[1], OPTIONS_OF_FILE) == 0;

	for (int i = of_file ? 2 : 1; i < argc; i++) {
		const struct option_spec *spec = NULL;
		const char *equals = strchr(argv[i], '=');

		if (strncmp(argv[i], "--", 2) == 0)
			spec = find_option(specs, argv[i] + 2, strcspn(argv[i] + 2, "="));
		if (spec == NULL)
			return unknown_option(specs, argv[0], argv[i], diag);
		if (of_file && spec->typed != NULL)
			return diag_set(diag, -EINVAL,
				"--%s belongs on the command line of tickvm bench: %s", spec->name,
				spec->typed);
		if (spec->kind == OPTION_FLAG && equals != NULL)
			return diag_set(diag, -EINVAL, "--%s takes no value", spec->name);
		const char *value = equals != NULL ? equals + 1 : NULL;

		if (spec->kind != OPTION_FLAG && value == NULL) {
			if (i + 1 == argc)
				return diag_set(diag, -EINVAL,
					"--%s needs a value; see: tickvm bench %s --help",
					spec->name, argv[0]);
			value = argv[++i];
		}
		int err = options_take(spec, value, diag);

		if (err < 0)
			return err;
	}
	return 0;
}
