/* SPDX-License-Identifier: BSD-2-Clause */
/* An experiment: its options, which are axes, its series, and what it concludes. One driver
 * (src/bench/driver) does what all have in common: parsing, points, rounds in a drawn order,
 * progress, skipping and failing with reasons, interruption, exit status, publishing. */
#ifndef TICKVM_EXPERIMENT_H
#define TICKVM_EXPERIMENT_H

#include "tickvm/bench.h"
#include "tickvm/document.h"

#include <stddef.h>

/* ---- options ---- */

enum parameter_kind {
	/* uint64_t */
	PARAMETER_NUMBER,
	PARAMETER_SIZE,
	PARAMETER_NSEC,
	/* unsigned: index into words */
	PARAMETER_WORD,
	/* uint64_t, bit i for words[i]: a launch takes all values at once, and yields a row for
	 * each. No axis of points: the series yields one of that name. */
	PARAMETER_GATHERED,
	/* bool: a way to show things, no axis */
	PARAMETER_SWITCH,
	/* const char *, as the user typed it: a path, no axis; NULL unless he gave one or there is
	 * a preset */
	PARAMETER_TEXT,
};

/* An option of an experiment. It is an axis: given a list, it is varied. */
struct parameter {
	struct axis axis;
	enum parameter_kind kind;
	/* As one would type it, a list too; NULL: all words. */
	const char *preset;
	/* Of amounts, in nanoseconds or bytes where it is a time or a size. */
	uint64_t min, max;
	/* Ends with NULL. */
	const char *const *words;
	/* In the experiment's struct of parameters. */
	size_t offset;
	/* Why only the command line may give it; NULL: a file may too. */
	const char *typed;
};

/* The offset of a field that must be of a type: another does not compile. */
#define FIELD_AT(STRUCT, FIELD, TYPE)                                                              \
	(offsetof(STRUCT, FIELD) + 0 * sizeof(char[__builtin_types_compatible_p(                   \
							   __typeof__(((STRUCT *)0)->FIELD), TYPE) \
							   ? 1                                     \
							   : -1]))
#define PARAMETER_WORDS(ID, TITLE, WORDS, PRESET, STRUCT, FIELD, HELP)                             \
	{                                                                                          \
		.axis = {.id = (ID), .title = (TITLE), .help = (HELP)}, .kind = PARAMETER_WORD,    \
		.words = (WORDS), .preset = (PRESET), .offset = FIELD_AT(STRUCT, FIELD, unsigned)  \
	}
#define PARAMETER_AMOUNT(ID, KIND, UNIT, FLAGS, PRESET, MIN, MAX, STRUCT, FIELD, HELP)             \
	{                                                                                          \
		.axis = {.id = (ID), .unit = (UNIT), .flags = (FLAGS), .help = (HELP)},            \
		.kind = (KIND), .preset = (PRESET), .min = (MIN), .max = (MAX),                    \
		.offset = FIELD_AT(STRUCT, FIELD, uint64_t)                                        \
	}
#define PARAMETER_GATHER(ID, WORDS, STRUCT, FIELD, HELP)                                           \
	{                                                                                          \
		.axis = {.id = (ID), .help = (HELP)}, .kind = PARAMETER_GATHERED,                  \
		.words = (WORDS), .offset = FIELD_AT(STRUCT, FIELD, uint64_t)                      \
	}
#define PARAMETER_FLAG(ID, STRUCT, FIELD, HELP)                                                    \
	{                                                                                          \
		.axis = {.id = (ID), .help = (HELP)}, .kind = PARAMETER_SWITCH,                    \
		.offset = FIELD_AT(STRUCT, FIELD, bool)                                            \
	}
#define PARAMETER_PATH(ID, STRUCT, FIELD, HELP)                                                    \
	{                                                                                          \
		.axis = {.id = (ID), .help = (HELP)}, .kind = PARAMETER_TEXT,                      \
		.offset = FIELD_AT(STRUCT, FIELD, const char *)                                    \
	}
#define PARAMETERS_END                                                                             \
	{                                                                                          \
		.axis = {.id = NULL }                                                              \
	}

/* ---- points ---- */

#define POINT_AXES_MAX 48

struct choice;
struct choices;

/* A combination of axes' values, and what they decode to. */
struct point {
	const struct series *series;
	const struct experiment *experiment;
	/* What it was chosen from. */
	const struct choices *choices;
	const struct choice *axes[POINT_AXES_MAX];
	/* A value for each of the dataset's axes but the yielded ones, in their order. */
	struct value at[POINT_AXES_MAX];
	size_t n;
	/* Bit i: the user gave axis i; there are several values of it. */
	uint64_t given, many;
	/* Decoded: the experiment's own, and the machine. */
	void *parameters;
	struct bench_context context;
};
/* For settle(): what the user left open. An axis that the point does not have is left alone; a
 * value that its option does not take is a mistake of the experiment's, and aborts. */
void point_set(struct point *point, const char *axis, const char *text);
/* The axis means nothing here. */
void point_unset(struct point *point, const char *axis);
/* Every axis but these, a list that ends with NULL, means nothing here. */
void point_keep(struct point *point, const char *const *axes);
/* For settle(), of an axis that has that one value here, as rows have it: what the user left open
 * is set. 0, also where there is no such axis; -EINVAL with why set: the user gave another. */
int point_only(struct point *point, const char *axis, const char *text, struct diag *why);
bool point_given(const struct point *point, const char *axis);
/* "--axis=value" for each of the machine's axes that the user or settle() chose, for a process of
 * its own: at most max words, to be freed, NULL where there was no memory. Returns how many. */
size_t point_words(const struct point *point, char **words, size_t max);
/* The memory that a guest needs, in bytes, where the user did not give it another. -ENOTSUP with
 * why set: this host has not that much. */
int point_need_mem(struct point *point, uint64_t bytes, struct diag *why);
/* "-" where the series has no such axis. */
const char *point_text(const struct point *point, const char *axis);

/* ---- what is measured ---- */

struct session {
	const struct experiment *experiment;
	const struct bench_context *context;
	struct document *document;
	/* The experiment's, as decoded from what is no axis: switches, texts and gathered options.
	 */
	const void *parameters;
	/* All that will be measured, from prepare() on. */
	const struct point *const *points;
	size_t n_points;
	/* The experiment's, between prepare() and finish(). */
	void *own;
	bool keeps_attachments;
};
/* A series' dataset. */
struct dataset *session_set(const struct session *session, const char *series);

struct sink;
/* Begins a row of this round. yielded: values of the series' yielded axes, as many; NULL where it
 * has none. figures: a value for each of the series' figures, NAN where one does not exist. */
void sink_row(struct sink *sink, const struct value *yielded, const double *figures);
/* Of the row begun last. flags: bit i for the series' flag i. */
void sink_flags(struct sink *sink, uint64_t flags);
void sink_label(struct sink *sink, const char *id, const char *text);
/* Attachments are kept: to make others is of no use. */
bool sink_wants(const struct sink *sink);
/* Takes json over. */
void sink_attach(struct sink *sink, const char *name, json_t *json);

/* Among a series' axes: all the machine's axes that are not named. */
#define MACHINE_AXES "*"

struct series {
	const char *id, *title;
	/* Identities of options, own and the machine's, MACHINE_AXES among them: the dataset's axes
	 * in this order; ends with NULL. */
	const char *const *axes;
	/* Presets that are not the option's: pairs of axis and text, ends with NULL; may be NULL.
	 */
	const char *const *presets;
	/* The same of axes whose values the user does not choose here: a yardstick's own settings.
	 */
	const char *const *fixed;
	/* Presets that the host or what is no axis decides, NULL where they decide none; may be
	 * NULL. */
	const char *(*preset)(const struct session *session, const char *axis);
	/* Axes whose values come with the rows: no options. */
	const struct axis *yielded;
	size_t n_yielded;
	const struct figure *figures;
	size_t n_figures;
	const struct flag *flags;
	size_t n_flags;
	/* Launches of each point, unless the user says --rounds. */
	unsigned rounds;
	/* Fills in what the user left open; may be NULL. 0; -ENOENT: there is no such combination;
	 * -ENOTSUP: not on this host; -EINVAL: the user's mistake. why says so. */
	int (*settle)(struct session *session, struct point *point, struct diag *why);
	/* One round: one launch, any number of rows. 0 or a negative errno with diag set: -ENOTSUP
	 * this host cannot, -EINTR the user stopped it, -EINVAL the user's mistake, the rest a
	 * failure. */
	int (*measure)(struct session *session, const struct point *point, struct sink *sink,
		struct diag *diag);
};

struct experiment {
	const char *name;
	const struct parameter *parameters;
	size_t parameters_size;
	/* In the order in which they are measured; ends with NULL. */
	const struct series *const *series;
	/* Before and after everything; may be NULL. prepare: 0 or a negative errno with diag set,
	 * and then there is no finish.
	 */
	int (*prepare)(struct session *session, struct diag *diag);
	void (*finish)(struct session *session);
	/* Says the page: views, tables made of tables, verdicts. */
	void (*conclude)(struct session *session);
};

/* bench.run() of an experiment: argv[0] is its name. Returns an exit status. */
int drive(
	const struct experiment *experiment, struct bench_context *context, int argc, char **argv);
/* Its own options, for --help. */
void drive_help(const struct experiment *experiment, FILE *out);

/* ---- the machine's options as axes, which the launcher knows ---- */

struct machine_axes {
	/* ends with a NULL id */
	const struct axis *axes;
	/* Sets one on context's machine. 0 or -EINVAL with diag set. */
	int (*set)(struct bench_context *context, const char *axis, const char *text,
		struct diag *diag);
	/* The user gave it a value. */
	bool (*given)(const struct bench_context *context, const char *axis);
	/* What it is now, as rows have it. */
	struct value (*show)(const struct bench_context *context, const char *axis);
};
/* Before any experiment runs. */
void machine_axes_register(const struct machine_axes *axes);

#endif
