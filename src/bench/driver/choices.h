/* SPDX-License-Identifier: BSD-2-Clause */
/* What the user chose for an experiment: values for each of its axes. */
#ifndef BENCH_DRIVER_CHOICES_H
#define BENCH_DRIVER_CHOICES_H

#include "tickvm/experiment.h"

#define CHOICE_VALUES_MAX 64

/* One option, and the values that the user gave it. */
struct choice {
	struct axis axis;
	/* NULL: it is the machine's */
	const struct parameter *parameter;
	bool given;
	/* of a gathered one: bit i for its word i; of a switch: 1 */
	uint64_t bits;
	/* of a text; NULL: none */
	const char *text;
	struct value values[CHOICE_VALUES_MAX];
	size_t n;
};

struct choices {
	const struct experiment *experiment;
	struct bench_context *context;
	struct choice choice[POINT_AXES_MAX];
	size_t n;
	/* Launches of each point; 0: as the series says. */
	uint64_t rounds;
	/* Bit i: experiment->series[i] is measured. */
	uint64_t series;
	bool dry_run, figures;
};

/* Takes argv as bench.run() does, and the machine's from context. -EINVAL with diag set: usage. */
int choices_parse(struct choices *choices, const struct experiment *experiment,
	struct bench_context *context, int argc, char **argv, struct diag *diag);
/* NULL: the experiment has no such option. */
const struct choice *choices_find(const struct choices *choices, const char *axis);
/* What a preset of that option comes to: a list as one would type it; NULL: all its words. */
int choices_preset(const struct choices *choices, const struct choice *choice, const char *text,
	struct value *values, size_t *n, struct diag *diag);
/* Into the parameters: all that is no axis of points, gathered options, switches and texts. */
void choices_decode_rest(const struct choices *choices, void *parameters);
/* Where a value of it goes in the parameters. False: the option has no such value. */
bool choices_decode(const struct parameter *parameter, struct value value, void *parameters);

/* What registered them, or a table without axes. */
const struct machine_axes *machine_axes_known(void);

#endif
