/* SPDX-License-Identifier: BSD-2-Clause */
/* Contrasts within one file, as datasets of their own: one for each dataset and unit, whose rows
 * are those of the file with one more axis, the figure. */
#include "tickvm/compare_by.h"

#include "family.h"
#include "tickvm/word.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VALUES_MAX 64

/* A contrast, and where it belongs. */
struct line {
	const struct dataset *set;
	const struct row *row; /* the other one: first is what its axis has in this file */
	size_t axis, figure;
	const char *first;
};

struct lines {
	struct line *line;
	struct contrast *contrast;
	size_t n;
};

static bool add_line(struct lines *lines, const struct line *line, const struct contrast *contrast)
{
	void *more = reallocarray(lines->line, lines->n + 1, sizeof(*lines->line));

	if (more == NULL)
		return false;
	lines->line = more;
	more = reallocarray(lines->contrast, lines->n + 1, sizeof(*lines->contrast));
	if (more == NULL)
		return false;
	lines->contrast = more;
	lines->line[lines->n] = *line;
	lines->contrast[lines->n++] = *contrast;
	return true;
}

/* The axis' first value in the order of the rows; NULL: none but "-". */
static const char *first_value(const struct dataset *set, size_t axis)
{
	for (size_t i = 0; i < set->n_rows; i++)
		if (!value_same(set->rows[i].at[axis], value_none()))
			return set->rows[i].at[axis].text;
	return NULL;
}

static int contrast_row(struct lines *lines, const struct dataset *set, size_t axis,
	const char *first, const struct row *row)
{
	const struct row *against = dataset_partner(set, row, axis, value_word(first));
	struct contrast contrast;

	for (size_t f = 0; f < set->n_figures && against != NULL; f++) {
		const struct line line = {set, row, axis, f, first};

		if (set->figures[f].flags & FIGURE_DETAIL ||
			contrast_rows(set, against, row, f, &contrast) < 0)
			continue;
		if (!add_line(lines, &line, &contrast))
			return -ENOMEM;
	}
	return 0;
}

static int contrast_set(struct lines *lines, const struct dataset *set, size_t axis)
{
	const char *first = first_value(set, axis);
	int err = 0;

	for (size_t i = 0; i < set->n_rows && first != NULL && err == 0; i++) {
		const char *value = set->rows[i].at[axis].text;

		if (value != first && !value_same(set->rows[i].at[axis], value_none()))
			err = contrast_row(lines, set, axis, first, &set->rows[i]);
	}
	return err;
}

/* ---- what it comes to ---- */

enum { OF_FIRST, OF_OTHER, DIFFERENCE, LOW, HIGH, CHANGE, P, ROUNDS, FIGURES };

static struct dataset *list_for(struct document *comparison, const struct line *line)
{
	const struct dataset *set = line->set;
	enum unit unit = set->figures[line->figure].unit;
	const struct figure figures[FIGURES] = {
		[OF_FIRST] = {.id = "first", .title = line->first, .unit = unit},
		[OF_OTHER] = {.id = "other", .title = "other", .unit = unit},
		[DIFFERENCE] = {.id = "difference", .title = "difference", .unit = unit},
		[LOW] = {.id = "low", .title = "from", .unit = unit},
		[HIGH] = {.id = "high", .title = "to", .unit = unit},
		[CHANGE] = {.id = "change", .title = "change %", .unit = UNIT_PERCENT},
		[P] = {.id = "p", .title = "p"},
		[ROUNDS] = {.id = "rounds", .title = "rounds", .unit = UNIT_COUNT},
	};
	struct axis axes[DATASET_AXES_MAX + 1];
	char id[200], title[200], heading[300];
	struct dataset *list;

	snprintf(id, sizeof(id), "%s-by-%s-%s", set->id, set->axes[line->axis].id,
		unit_form(unit)->id);
	list = document_set(comparison, id);
	if (list != NULL)
		return list;
	memcpy(axes, set->axes, set->n_axes * sizeof(*axes));
	axes[set->n_axes] = (struct axis){.id = "figure"};
	snprintf(title, sizeof(title), "%s by %s", set->title != NULL ? set->title : set->id,
		set->axes[line->axis].id);
	list = dataset_create(id, title, axes, set->n_axes + 1, figures, FIGURES, NULL, 0);
	document_add(comparison, list);
	snprintf(heading, sizeof(heading), "%s, against %s%s%s%s", title, line->first,
		*unit_form(unit)->shown != '\0' ? " (" : "", unit_form(unit)->shown,
		*unit_form(unit)->shown != '\0' ? ")" : "");
	document_view(comparison, &(struct view){.heading = heading,
					  .dataset = id,
					  .down = "figure",
					  .across = "first,other,difference,low,high,change,p,"
						    "rounds,paired=,outcome="});
	return list;
}

static void say_line(
	struct document *comparison, const struct line *line, const struct contrast *contrast)
{
	const struct figure *figure = &line->set->figures[line->figure];
	struct dataset *list = list_for(comparison, line);
	struct value at[DATASET_AXES_MAX + 1];
	double figures[FIGURES] = {[OF_FIRST] = contrast->a,
		[OF_OTHER] = contrast->b,
		[DIFFERENCE] = contrast->difference,
		[LOW] = contrast->low,
		[HIGH] = contrast->high,
		[CHANGE] = 100 * (contrast->ratio - 1),
		[P] = contrast->p,
		[ROUNDS] = (double)contrast->n[1]};
	struct row *row;

	memcpy(at, line->row->at, line->set->n_axes * sizeof(*at));
	at[line->set->n_axes] = value_word(figure->id);
	row = dataset_row(list, at);
	row_sample(list, row, 0, 0, figures);
	row_label(row, "paired", contrast->paired ? "paired" : "unpaired");
	row_label(row, "outcome",
		family_outcome(contrast, figure, COMPARE_BY_LEVEL, COMPARE_BY_FLOOR));
}

static int none(const struct document *document, const char *axis, struct diag *diag)
{
	bool known = false, varies = false;

	for (size_t i = 0; i < document->n_sets; i++) {
		int found = dataset_axis(document->sets[i], axis);

		known |= found >= 0;
		varies |= found >= 0 && axis_varies(document->sets[i], (size_t)found);
	}
	if (!known)
		return diag_set(
			diag, -EINVAL, "--by %s: no dataset of this file has such an axis", axis);
	if (!varies)
		return diag_set(diag, -EINVAL, "--by %s: it has one value only in this file", axis);
	return diag_set(
		diag, -ENODATA, "--by %s: no two rows with a figure differ in it alone", axis);
}

int compare_by(struct document **comparison, const struct document *document, const char *axis,
	struct diag *diag)
{
	struct lines lines = {.n = 0};
	int err = 0;

	*comparison = NULL;
	for (size_t i = 0; i < document->n_sets && err == 0; i++) {
		int found = dataset_axis(document->sets[i], axis);

		if (found >= 0)
			err = contrast_set(&lines, document->sets[i], (size_t)found);
	}
	if (err < 0)
		diag_set(diag, err, "out of memory");
	else if (lines.n == 0)
		err = none(document, axis, diag);
	if (err == 0) {
		*comparison = document_create();
		family_holm(lines.contrast, lines.n);
		for (size_t i = 0; i < lines.n; i++)
			say_line(*comparison, &lines.line[i], &lines.contrast[i]);
		document_note(*comparison,
			"Medians over rounds. difference: Hodges-Lehmann estimate with its 95 %% "
			"interval, each for itself; p: after Holm's correction for %zu contrasts. "
			"A "
			"difference counts at p <= %g and from %g %% and the unit's floor on; "
			"same: "
			"the whole interval is below that.",
			lines.n, COMPARE_BY_LEVEL, 100 * COMPARE_BY_FLOOR);
	}
	free(lines.line);
	free(lines.contrast);
	return err;
}
