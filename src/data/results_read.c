/* SPDX-License-Identifier: BSD-2-Clause */
/* tickvm-results/2, read: whatever a file says, it becomes a document that is right, or one line.
 */
#include "results_read.h"
#include "schema_words.h"

#include "tickvm/word.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define NO_ROW SIZE_MAX

/* Where in the file the reader is. */
struct place {
	const char *path, *set;
	size_t row;
	struct diag *diag;
};

static int expected(const struct place *place, const char *what)
{
	char row[32] = "";

	if (place->row != NO_ROW)
		snprintf(row, sizeof(row), ", row %zu", place->row + 1);
	return diag_set(place->diag, -EINVAL, "%s: dataset %s%s: expected %s", place->path,
		place->set != NULL ? place->set : "without an id", row, what);
}

/* ---- members ---- */

static const char *text_at(const json_t *object, const char *key)
{
	return word(json_string_value(json_object_get(object, key)));
}

/* The index of the word; -1: none of them. What is missing is the first. */
static int word_at(const json_t *object, const char *key, const char *const *words)
{
	const char *text = json_string_value(json_object_get(object, key));

	if (text == NULL)
		return json_object_get(object, key) == NULL ? 0 : -1;
	for (int i = 0; words[i] != NULL; i++)
		if (strcmp(words[i], text) == 0)
			return i;
	return -1;
}

static unsigned bits_at(const json_t *object, const struct bit_word *bits)
{
	unsigned flags = 0;

	for (; bits->bit != 0; bits++)
		if (json_is_true(json_object_get(object, bits->key)))
			flags |= bits->bit;
	return flags;
}

static bool is_value(const json_t *json)
{
	return json_is_string(json) || json_is_number(json);
}

static struct value value_of(const json_t *json)
{
	return json_is_string(json) ? value_word(json_string_value(json))
				    : value_number(json_number_value(json));
}

static double number_or_nan(const json_t *json)
{
	return json_is_number(json) ? json_number_value(json) : (double)NAN;
}

/* ---- descriptions ---- */

static int read_axes(const struct place *place, const json_t *json, struct axis *axes, size_t *n,
	struct value *constants)
{
	size_t i;
	json_t *j;

	if (!json_is_array(json) || json_array_size(json) > DATASET_AXES_MAX)
		return expected(place, "an array of at most 64 axes");
	json_array_foreach(json, i, j)
	{
		const json_t *constant = json_object_get(j, "value");

		if (text_at(j, "id") == NULL)
			return expected(place, "an id of each axis");
		for (size_t before = 0; before < i; before++)
			if (axes[before].id == text_at(j, "id"))
				return expected(place, "each axis once");
		if (constant != NULL && !is_value(constant))
			return expected(place, "a text or a number as an axis' value");
		constants[i] = constant != NULL ? value_of(constant) : (struct value){NULL, 0};
		axes[i] = (struct axis){.id = text_at(j, "id"),
			.title = text_at(j, "title"),
			.unit = unit_of(text_at(j, "unit")),
			.fallback = text_at(j, "fallback"),
			.flags = bits_at(j, bits_of_axis),
			.help = text_at(j, "help")};
	}
	*n = json_array_size(json);
	return 0;
}

static int read_figures(
	const struct place *place, const json_t *json, struct figure *figures, size_t *n)
{
	size_t i;
	json_t *j;

	if (!json_is_array(json) || json_array_size(json) > DATASET_FIGURES_MAX)
		return expected(place, "an array of at most 256 figures");
	json_array_foreach(json, i, j)
	{
		int good = word_at(j, "better", words_of_good);
		int over = word_at(j, "over", words_of_over);

		if (text_at(j, "id") == NULL)
			return expected(place, "an id of each figure");
		for (size_t before = 0; before < i; before++)
			if (figures[before].id == text_at(j, "id"))
				return expected(place, "each figure once");
		if (good < 0)
			return expected(place, "better: lower, higher or nearest-zero");
		if (over < 0)
			return expected(place, "over: median, max, sum or middle");
		if ((over == OVER_MIDDLE) != (text_at(j, "middle_of") != NULL))
			return expected(place, "middle_of with over: middle, and only there");
		figures[i] = (struct figure){.id = text_at(j, "id"),
			.title = text_at(j, "title"),
			.unit = unit_of(text_at(j, "unit")),
			.good = (enum good)good,
			.over = (enum over)over,
			.middle_of = text_at(j, "middle_of"),
			.flags = bits_at(j, bits_of_figure),
			.help = text_at(j, "help")};
	}
	*n = json_array_size(json);
	return 0;
}

static int read_flags(const struct place *place, const json_t *json, struct flag *flags, size_t *n)
{
	size_t i;
	json_t *j;

	*n = json_array_size(json);
	if (*n > DATASET_FLAGS_MAX)
		return expected(place, "at most 64 flags");
	json_array_foreach(json, i, j)
	{
		int level = word_at(j, "level", words_of_level);

		if (text_at(j, "id") == NULL || level < 0)
			return expected(
				place, "an id of each flag, and as its level note, warn or fail");
		flags[i] =
			(struct flag){text_at(j, "id"), (enum flag_level)level, text_at(j, "help")};
	}
	return 0;
}

/* ---- rows ---- */

static bool is_count(const json_t *json, json_int_t most)
{
	return json_is_integer(json) && json_integer_value(json) >= 0 &&
	       json_integer_value(json) <= most;
}

/* How many rounds a row says it has. */
static int count_rounds(const struct place *place, const json_t *runs, size_t *n)
{
	size_t i;
	json_t *run;

	*n = 0;
	if (!json_is_array(runs))
		return expected(place, "rounds");
	json_array_foreach(runs, i, run)
	{
		const json_t *count = json_array_get(run, 2);

		if (json_array_size(run) != 3 || !is_count(json_array_get(run, 0), UINT16_MAX) ||
			!is_count(json_array_get(run, 1), INT32_MAX) ||
			!is_count(count, DATASET_ROUNDS_MAX))
			return expected(place, "rounds as [invocation, first, how many]");
		*n += (size_t)json_integer_value(count);
		if (*n > DATASET_ROUNDS_MAX)
			return expected(place, "at most a million rounds");
	}
	return 0;
}

/* A few bytes must not ask for much memory: what a row has must be there once a round. */
static int check_lengths(const struct place *place, const json_t *json, size_t n)
{
	const json_t *figures = json_object_get(json, "figures");
	const json_t *flags = json_object_get(json, "flags");
	const json_t *attachments = json_object_get(json, "attachments");
	const char *key;
	json_t *values;

	if (!json_is_object(figures))
		return expected(place, "figures");
	json_object_foreach((json_t *)(uintptr_t)figures, key,
		values) if (json_array_size(values) != n) return expected(place,
		"as many values of each figure as there are rounds");
	if (flags != NULL && json_array_size(flags) != n)
		return expected(place, "as many lists of flags as there are rounds");
	if (attachments != NULL && json_array_size(attachments) != n)
		return expected(place, "as many attachments as there are rounds");
	if (n > 0 && json_object_size(figures) == 0 && flags == NULL)
		return expected(place, "figures or flags of each round");
	return 0;
}

/* Makes the row's samples, without figures, as its runs of rounds say. */
static void make_rounds(struct dataset *set, struct row *row, const json_t *runs)
{
	size_t i;
	json_t *run;

	json_array_foreach(runs, i, run)
	{
		json_int_t invocation = json_integer_value(json_array_get(run, 0));
		json_int_t first = json_integer_value(json_array_get(run, 1));
		json_int_t n = json_integer_value(json_array_get(run, 2));

		for (json_int_t k = 0; k < n; k++)
			row_sample(set, row, (unsigned)invocation, (unsigned)(first + k), NULL);
	}
}

static int read_figure_values(
	const struct place *place, struct dataset *set, struct row *row, const json_t *json)
{
	const char *key;
	json_t *values, *value;
	size_t i;

	json_object_foreach((json_t *)(uintptr_t)json, key, values)
	{
		int figure = dataset_figure(set, key);

		if (figure < 0)
			return expected(place, "figures that the dataset describes");
		json_array_foreach(values, i, value)
		{
			if (!json_is_number(value) && !json_is_null(value))
				return expected(place, "numbers, or null, as values of figures");
			if (json_is_number(value))
				sample_figures(set, &row->samples[i])[figure] =
					json_number_value(value);
		}
	}
	return 0;
}

static bool says(const json_t *flags, const char *id)
{
	size_t i;
	json_t *flag;

	json_array_foreach(
		flags, i, flag) if (json_is_string(flag) &&
				    strcmp(json_string_value(flag), id) == 0) return true;
	return false;
}

/* A round that did not fail and knows nothing has figures: all are NAN. */
static void read_sample_flags(const struct dataset *set, struct row *row, const json_t *json)
{
	for (size_t i = 0; i < row->n_samples; i++) {
		const json_t *flags = json_array_get(json, i);

		for (size_t f = 0; f < set->n_flags; f++)
			if (says(flags, set->flags[f].id))
				row->samples[i].flags |= 1ULL << f;
		if (!says(flags, FAILED))
			sample_figures(set, &row->samples[i]);
	}
}

static void read_attachments(struct row *row, const json_t *json)
{
	size_t i;
	json_t *attachment;

	json_array_foreach(json, i, attachment) if (json_is_object(attachment)) row->samples[i]
		.attachments = json_incref(attachment);
}

static int read_at(const struct place *place, const struct dataset *set,
	const struct value *constants, const json_t *json, struct value *at)
{
	for (size_t i = 0; i < set->n_axes; i++) {
		const json_t *value = json_object_get(json, set->axes[i].id);

		if (value == NULL && constants[i].text != NULL)
			at[i] = constants[i];
		else if (is_value(value))
			at[i] = value_of(value);
		else
			return expected(place, "a text or a number for each axis that varies");
	}
	return 0;
}

static int read_row(const struct place *place, struct dataset *set, const struct value *constants,
	const json_t *json)
{
	struct value at[DATASET_AXES_MAX];
	const char *key;
	json_t *text;
	struct row *row;
	size_t rounds;
	int err = read_at(place, set, constants, json_object_get(json, "at"), at);

	if (err == 0 && dataset_find(set, at) != NULL)
		err = expected(place, "each row once");
	if (err == 0)
		err = count_rounds(place, json_object_get(json, "rounds"), &rounds);
	if (err == 0)
		err = check_lengths(place, json, rounds);
	if (err < 0)
		return err;
	row = dataset_row(set, at);
	make_rounds(set, row, json_object_get(json, "rounds"));
	json_object_foreach(json_object_get(json, "labels"), key, text) if (json_is_string(text))
		row_label(row, key, json_string_value(text));
	err = read_figure_values(place, set, row, json_object_get(json, "figures"));
	read_sample_flags(set, row, json_object_get(json, "flags"));
	read_attachments(row, json_object_get(json, "attachments"));
	return err;
}

static int read_set(struct place *place, struct document *document, const json_t *json)
{
	struct axis axes[DATASET_AXES_MAX];
	struct value constants[DATASET_AXES_MAX] = {{NULL, 0}};
	struct figure figures[DATASET_FIGURES_MAX];
	struct flag flags[DATASET_FLAGS_MAX];
	size_t n_axes = 0, n_figures = 0, n_flags = 0, i;
	struct dataset *set;
	json_t *row;
	int err;

	place->set = text_at(json, "id");
	place->row = NO_ROW;
	if (place->set == NULL || document_set(document, place->set) != NULL)
		return expected(place, "an id of its own");
	err = read_axes(place, json_object_get(json, "axes"), axes, &n_axes, constants);
	if (err == 0)
		err = read_figures(place, json_object_get(json, "figures"), figures, &n_figures);
	if (err == 0)
		err = read_flags(place, json_object_get(json, "flags"), flags, &n_flags);
	if (err < 0)
		return err;
	set = dataset_create(place->set, text_at(json, "title"), axes, n_axes, figures, n_figures,
		flags, n_flags);
	document_add(document, set);
	json_array_foreach(json_object_get(json, "rows"), i, row)
	{
		place->row = i;
		err = read_row(place, set, constants, row);
		if (err < 0)
			return err;
	}
	return 0;
}

/* ---- the rest ---- */

static void read_view(struct document *document, const json_t *json)
{
	struct view view = {.flags = bits_at(json, bits_of_view)};

	for (const struct view_text *text = view_texts; text->key != NULL; text++)
		*(const char **)((char *)&view + text->offset) = text_at(json, text->key);
	document_view(document, &view);
}

static int read_judgement(
	struct document *document, const json_t *json, const char *path, struct diag *diag)
{
	int outcome = word_at(json, "outcome", words_of_outcome);
	const char *text = text_at(json, "text");

	if (outcome < 0 || text_at(json, "id") == NULL || text == NULL)
		return diag_set(diag, -EINVAL,
			"%s: verdict: expected an id, a text, and as outcome good, bad or unknown",
			path);
	document_judge(document,
		(struct judgement){.id = text_at(json, "id"),
			.at = text_at(json, "at"),
			.outcome = (enum outcome)outcome,
			.value = number_or_nan(json_object_get(json, "value")),
			.limit = number_or_nan(json_object_get(json, "limit")),
			.unit = unit_of(text_at(json, "unit"))},
		"%s", text);
	return 0;
}

static int read_item(
	struct document *document, const json_t *json, const char *path, struct diag *diag)
{
	const json_t *view = json_object_get(json, "view");
	const json_t *judgement = json_object_get(json, "verdict");

	if (judgement != NULL)
		return read_judgement(document, judgement, path, diag);
	if (view != NULL)
		read_view(document, view);
	else if (text_at(json, "heading") != NULL)
		document_heading(document, "%s", text_at(json, "heading"));
	else if (text_at(json, "note") != NULL)
		document_note(document, "%s", text_at(json, "note"));
	else
		return diag_set(diag, -EINVAL,
			"%s: page: expected a heading, a note, a view or a verdict", path);
	return 0;
}

static int read_skip(
	struct document *document, const json_t *json, const char *path, struct diag *diag)
{
	int kind = word_at(json, "kind", words_of_skip);

	if (kind < 0 || text_at(json, "reason") == NULL)
		return diag_set(diag, -EINVAL,
			"%s: skipped: expected a reason, and as kind unavailable, failed or "
			"interrupted",
			path);
	document_skip(document, &(struct skip){text_at(json, "dataset"), text_at(json, "at"),
					(enum skip_kind)kind, text_at(json, "reason")});
	return 0;
}

/* What is nobody's business here, as it is. */
static void read_about(struct document *document, const json_t *root)
{
	static const char *const ours[] = {"schema", "invocations", "datasets", "skipped", "page",
		"status", "interrupted", NULL};

	json_object_update(document->about, (json_t *)(uintptr_t)root);
	for (size_t i = 0; ours[i] != NULL; i++)
		json_object_del(document->about, ours[i]);
	json_array_extend(document->invocations, json_object_get(root, "invocations"));
}

int results_2_read(
	struct document *document, const json_t *root, const char *path, struct diag *diag)
{
	struct place place = {.path = path, .diag = diag, .row = NO_ROW};
	const json_t *status = json_object_get(root, "status");
	size_t i;
	json_t *j;
	int err = 0;

	read_about(document, root);
	json_array_foreach(json_object_get(root, "datasets"), i, j) if (err == 0) err =
		read_set(&place, document, j);
	json_array_foreach(json_object_get(root, "page"), i, j) if (err == 0) err =
		read_item(document, j, path, diag);
	json_array_foreach(json_object_get(root, "skipped"), i, j) if (err == 0) err =
		read_skip(document, j, path, diag);
	if (err == 0 && status != NULL && !is_count(status, 255))
		err = diag_set(diag, -EINVAL, "%s: status: expected 0 to 255", path);
	document->status = (int)json_integer_value(status);
	document->interrupted = json_is_true(json_object_get(root, "interrupted"));
	return err;
}
