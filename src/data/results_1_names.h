/* SPDX-License-Identifier: BSD-2-Clause */
/* What the names of metrics in tickvm-results/1 meant: "timer/dedicated/100us/p99" is a figure of a
 * row whose axes are the words of the name. */
#ifndef DATA_RESULTS_1_NAMES_H
#define DATA_RESULTS_1_NAMES_H

#include "tickvm/dataset.h"

#define NAME_AXES_MAX 10

/* One word of a name, in order. */
struct name_word {
	const char *axis;
	const char *before, *after; /* what stands around the value in the word; NULL: nothing */
	double scale;               /* the value is a number of these base units; 0: it is a text */
	enum unit unit;
	const char *otherwise;        /* the value where the word is missing; NULL: it never is */
	const char *const *beginning; /* it begins so, or is missing; NULL: whatever it is */
	const char *plus; /* not a word: on where the first word has this after a plus sign */
};

struct name_figure {
	const char *word; /* the last one; NULL: the name has none, all its words are axes */
	struct figure figure;
	double scale; /* of the values in the file, to the figure's unit */
};

struct name_form {
	const char *experiment, *dataset, *title;
	struct name_word words[NAME_AXES_MAX + 1]; /* ends with a NULL axis */
	const struct name_figure *figures;
	size_t n_figures;
	bool magnitudes; /* near-zero figures were stored without their sign */
};
extern const struct name_form name_forms[]; /* ends with a NULL experiment */

struct name_parsed {
	const struct name_form *form;
	const struct name_figure *figure;
	struct value at[NAME_AXES_MAX]; /* of form->words, in order */
};
/* False: no experiment of that version called anything so. */
bool name_parse(const char *name, struct name_parsed *parsed);
/* What the version called the rows of that dataset; NULL: it had none like it. */
const struct name_form *name_form_of(const struct dataset *set);
/* The name of a row's figure; axes that it knew none of follow as "+axis=value" where they vary. */
void name_make(const struct name_form *form, const struct dataset *set, const struct row *row,
	const struct name_figure *figure, char *name, size_t size);

#endif
