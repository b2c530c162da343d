/* SPDX-License-Identifier: BSD-2-Clause */
/* A tidy table of results: rows are values of axes (what was varied or set), samples of figures
 * (what was measured), one a round, that is a launch. docs/results.md, "Datasets". */
#ifndef TICKVM_DATASET_H
#define TICKVM_DATASET_H

#include "tickvm/unit.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* What a dataset may have at most; a file that says more is refused. */
#define DATASET_AXES_MAX    64
#define DATASET_FIGURES_MAX 256
#define DATASET_FLAGS_MAX   64
#define DATASET_ROUNDS_MAX  1000000 /* of a row */

/* ---- what is measured, what is varied ---- */

enum good { GOOD_NONE, GOOD_LOW, GOOD_HIGH, GOOD_NEAR_ZERO };
/* How rounds become one number. OVER_MIDDLE: the value of the round whose leading figure is the
 * median, for parts that must sum. */
enum over { OVER_MEDIAN, OVER_MAX, OVER_SUM, OVER_MIDDLE };

#define FIGURE_GATED  (1u << 0) /* gates look at it unless told otherwise */
#define FIGURE_DETAIL (1u << 1) /* shown only where a view names it */

struct figure {
	const char *id, *title;
	enum unit unit;
	enum good good;
	enum over over;
	const char *middle_of; /* OVER_MIDDLE: the leading figure */
	unsigned flags;
	const char *help;
};

#define AXIS_EFFORT (1u << 0) /* how much was done: rows that differ in it are not compared */
#define AXIS_FOLLOWS                                                                               \
	(1u << 1) /* chosen by other axes: does not tell rows apart when they are paired */

struct axis {
	const char *id, *title;
	enum unit unit;
	const char *fallback; /* the value of rows in files from before it existed; NULL: none */
	unsigned flags;
	const char *help;
};

/* What a sample may be flagged with; FLAG_FAIL makes the experiment's status 1. */
enum flag_level { FLAG_NOTE, FLAG_WARN, FLAG_FAIL };
struct flag {
	const char *id;
	enum flag_level level;
	const char *help;
};

/* An axis' value: a word, and its number where it is one (else NAN). "-" is the value that an axis
 * without meaning for a row has there. */
struct value {
	const char *text;
	double number;
};
struct value value_none(void);
struct value value_word(const char *text);
struct value value_number(double number);
bool value_same(struct value a, struct value b);
/* The same, or one of them is "-". */
bool value_like(struct value a, struct value b);

/* ---- rows ---- */

struct sample {
	unsigned invocation, round;
	uint64_t flags;  /* bit i: the dataset's flag i */
	double *figures; /* NAN: not known; NULL: the round failed */
	json_t *attachments;
};

struct label {
	const char *id, *text;
};

struct row {
	struct value *at; /* a value an axis */
	struct label *labels;
	struct sample *samples;
	size_t n_labels, n_samples;
};

struct dataset {
	const char *id, *title;
	struct axis *axes;
	struct figure *figures;
	struct flag *flags;
	size_t n_axes, n_figures, n_flags;
	struct row *rows;
	size_t n_rows;
	size_t *index; /* rows by their values: open addressing, row + 1 */
	size_t index_size;
};

/* All of these end the process with a sentence where there is no memory, as word() does.
 * Descriptions are copied, their texts interned. */
struct dataset *dataset_create(const char *id, const char *title, const struct axis *axes,
	size_t n_axes, const struct figure *figures, size_t n_figures, const struct flag *flags,
	size_t n_flags);
/* An empty one with the same axes, and figures of its own: tables made of tables keep what varies.
 */
struct dataset *dataset_derive(const struct dataset *from, const char *id, const char *title,
	const struct figure *figures, size_t n_figures);
void dataset_destroy(struct dataset *set); /* NULL is fine */

/* The row at these values, n_axes of them, made where there is none. A row's address lasts until
 * the next one is made. */
struct row *dataset_row(struct dataset *set, const struct value *at);
struct row *dataset_find(const struct dataset *set, const struct value *at);
/* Puts the rows in another order: order has each of their numbers once. */
void dataset_reorder(struct dataset *set, const size_t *order);
/* The other row that is like this one in all axes but that one, where it has that value; axes that
 * follow others do not count. NULL: none. */
struct row *dataset_partner(
	const struct dataset *set, const struct row *row, size_t axis, struct value value);

/* id: an axis': what tables show instead of its value. */
void row_label(struct row *row, const char *id, const char *text);
const char *row_text(const struct row *row, const char *label); /* NULL: none */
/* figures: n_figures of them, copied; NULL: the round failed. Its address lasts until the next one.
 */
struct sample *row_sample(const struct dataset *set, struct row *row, unsigned invocation,
	unsigned round, const double *figures);
/* Its axes that vary, as "axis=value axis=value"; a word. */
const char *row_name(const struct dataset *set, const struct row *row);
/* A sample's figures, made where it has none: then all are NAN. */
double *sample_figures(const struct dataset *set, struct sample *sample);

/* -1: none. */
int dataset_axis(const struct dataset *set, const char *id);
int dataset_figure(const struct dataset *set, const char *id);
/* Two rows have different values of it, "-" left out: what tables show. */
bool axis_varies(const struct dataset *set, size_t axis);
/* All rows have the same, "-" too: what files say once. */
bool axis_constant(const struct dataset *set, size_t axis);

/* ---- over rounds ---- */

/* One number of a row's rounds, as figure->over says; NAN: none. */
double row_value(const struct dataset *set, const struct row *row, size_t figure);
/* The rounds' values, those that are known; returns how many. out has room for n_samples. */
size_t row_values(const struct row *row, size_t figure, double *out);

#endif
