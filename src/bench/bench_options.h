/* SPDX-License-Identifier: BSD-2-Clause */
/* An experiment's own options as a table: durations, numbers, choices and lists of them.
 * The machine's options are not here: the launcher has taken them before. */
#ifndef BENCH_OPTIONS_H
#define BENCH_OPTIONS_H

#include "tickvm/diag.h"

#include <stdbool.h>
#include <stddef.h>

#define DURATIONS_MAX 16

struct durations {
	uint64_t ns[DURATIONS_MAX];
	unsigned n;
};

#define NUMBERS_MAX 16

struct numbers {
	uint64_t value[NUMBERS_MAX];
	unsigned n;
};

enum option_kind {
	OPTION_FLAG,      /* bool *value */
	OPTION_NUMBER,    /* uint64_t *value, min to max */
	OPTION_TEXT,      /* const char **value */
	OPTION_SIZE,      /* uint64_t *value, min to max bytes: "512", "64K", "1M", "1G" */
	OPTION_NUMBERS,   /* struct numbers *value, each min to max */
	OPTION_SIZES,     /* struct numbers *value, the same as sizes */
	OPTION_DURATIONS, /* struct durations *value, each min to max nanoseconds */
	OPTION_CHOICE,    /* unsigned *value: index into names */
	OPTION_CHOICES,   /* uint64_t *value: bit i for names[i] */
};

struct option_spec {
	const char *name; /* without the dashes; NULL ends the table */
	enum option_kind kind;
	void *value;
	uint64_t min, max;
	const char *const *names; /* of choices, ends with NULL */
	const char *typed;        /* why only the command line may give it; NULL: a file may too */
};

/* A word before all others: they stand in a file, which may be anybody's. */
#define OPTIONS_OF_FILE "--of-file"

/* Takes --name VALUE and --name=VALUE; argv[0] is the experiment's name. -EINVAL with diag set:
 * usage. */
int options_parse(const struct option_spec *specs, int argc, char **argv, struct diag *diag);

/* The value of one of them, as after its name. */
int options_take(const struct option_spec *spec, const char *value, struct diag *diag);

#endif
