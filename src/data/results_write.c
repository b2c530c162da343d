/* SPDX-License-Identifier: BSD-2-Clause */
/* tickvm-results/2, written: a row at a time, so that a long sweep needs no second copy of itself.
 */
#include "schema_words.h"

#include "tickvm/facts_json.h"
#include "tickvm/output.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define INTEGER_MAX 9007199254740992.0 /* doubles are exact up to 2^53 */

static json_t *number(double value)
{
	if (!isfinite(value))
		return json_null();
	return value == rint(value) && fabs(value) <= INTEGER_MAX ? json_integer((json_int_t)value)
								  : json_real(value);
}

static json_t *value_json(struct value value)
{
	return isnan(value.number) ? json_text(value.text) : number(value.number);
}

static void put_text(json_t *object, const char *key, const char *text)
{
	if (text != NULL && *text != '\0')
		json_object_set_new(object, key, json_text(text));
}

static void put_bits(json_t *object, unsigned flags, const struct bit_word *bits)
{
	for (; bits->bit != 0; bits++)
		if (flags & bits->bit)
			json_object_set_new(object, bits->key, json_true());
}

/* ---- descriptions ---- */

static json_t *axis_json(const struct dataset *set, size_t i)
{
	const struct axis *axis = &set->axes[i];
	json_t *json = json_object();

	put_text(json, "id", axis->id);
	put_text(json, "title", axis->title);
	put_text(json, "unit", unit_form(axis->unit)->id);
	put_text(json, "fallback", axis->fallback);
	put_text(json, "help", axis->help);
	put_bits(json, axis->flags, bits_of_axis);
	/* What all rows share is said once. */
	if (set->n_rows > 0 && axis_constant(set, i))
		json_object_set_new(json, "value", value_json(set->rows[0].at[i]));
	return json;
}

static json_t *figure_json(const struct figure *figure)
{
	json_t *json = json_object();

	put_text(json, "id", figure->id);
	put_text(json, "title", figure->title);
	put_text(json, "unit", unit_form(figure->unit)->id);
	put_text(json, "better", words_of_good[figure->good]);
	put_text(json, "over", words_of_over[figure->over]);
	put_text(json, "middle_of", figure->middle_of);
	put_text(json, "help", figure->help);
	put_bits(json, figure->flags, bits_of_figure);
	return json;
}

static json_t *flag_json(const struct flag *flag)
{
	json_t *json = json_object();

	put_text(json, "id", flag->id);
	put_text(json, "level", words_of_level[flag->level]);
	put_text(json, "help", flag->help);
	return json;
}

static json_t *descriptions(const struct dataset *set)
{
	json_t *axes = json_array(), *figures = json_array(), *flags = json_array();
	json_t *json = json_object();

	for (size_t i = 0; i < set->n_axes; i++)
		json_array_append_new(axes, axis_json(set, i));
	for (size_t i = 0; i < set->n_figures; i++)
		json_array_append_new(figures, figure_json(&set->figures[i]));
	for (size_t i = 0; i < set->n_flags; i++)
		json_array_append_new(flags, flag_json(&set->flags[i]));
	put_text(json, "id", set->id);
	put_text(json, "title", set->title);
	json_object_set_new(json, "axes", axes);
	json_object_set_new(json, "figures", figures);
	json_object_set_new(json, "flags", flags);
	return json;
}

/* ---- rows ---- */

static json_t *at_json(const struct dataset *set, const struct row *row)
{
	json_t *at = json_object();

	for (size_t i = 0; i < set->n_axes; i++)
		if (!axis_constant(set, i))
			json_object_set_new(at, set->axes[i].id, value_json(row->at[i]));
	return at;
}

static json_t *labels_json(const struct row *row)
{
	json_t *labels = json_object();

	for (size_t i = 0; i < row->n_labels; i++)
		put_text(labels, row->labels[i].id, row->labels[i].text);
	return labels;
}

/* Runs of rounds: [invocation, first, how many]. */
static json_t *rounds_json(const struct row *row)
{
	json_t *runs = json_array();

	for (size_t i = 0, n; i < row->n_samples; i += n) {
		const struct sample *first = &row->samples[i];

		n = 1;
		while (i + n < row->n_samples && first[n].invocation == first->invocation &&
			first[n].round == first->round + n)
			n++;
		json_array_append_new(runs, json_pack("[I, I, I]", (json_int_t)first->invocation,
						    (json_int_t)first->round, (json_int_t)n));
	}
	return runs;
}

static bool figure_known(const struct row *row, size_t figure)
{
	for (size_t i = 0; i < row->n_samples; i++)
		if (row->samples[i].figures != NULL && !isnan(row->samples[i].figures[figure]))
			return true;
	return false;
}

/* A figure that no round of the row knows is left out. */
static json_t *figures_json(const struct dataset *set, const struct row *row)
{
	json_t *figures = json_object();

	for (size_t f = 0; f < set->n_figures; f++) {
		json_t *values;

		if (!figure_known(row, f))
			continue;
		values = json_array();
		for (size_t i = 0; i < row->n_samples; i++) {
			const double *sample = row->samples[i].figures;

			json_array_append_new(
				values, sample != NULL ? number(sample[f]) : json_null());
		}
		json_object_set_new(figures, set->figures[f].id, values);
	}
	return figures;
}

static json_t *sample_flags(const struct dataset *set, const struct sample *sample)
{
	json_t *flags = json_array();

	if (sample->figures == NULL)
		json_array_append_new(flags, json_string(FAILED));
	for (size_t i = 0; i < set->n_flags; i++)
		if (sample->flags >> i & 1)
			json_array_append_new(flags, json_text(set->flags[i].id));
	return flags;
}

static json_t *row_json(const struct dataset *set, const struct row *row)
{
	json_t *json = json_object(), *flags = json_array(), *attachments = json_array();
	json_t *figures = figures_json(set, row);
	bool flagged = json_object_size(figures) == 0, attached = false;

	for (size_t i = 0; i < row->n_samples; i++) {
		const struct sample *sample = &row->samples[i];

		flagged |= sample->flags != 0 || sample->figures == NULL;
		attached |= sample->attachments != NULL;
		json_array_append_new(flags, sample_flags(set, sample));
		if (sample->attachments != NULL)
			json_array_append(attachments, sample->attachments);
		else
			json_array_append_new(attachments, json_null());
	}
	json_object_set_new(json, "at", at_json(set, row));
	if (row->n_labels > 0)
		json_object_set_new(json, "labels", labels_json(row));
	json_object_set_new(json, "rounds", rounds_json(row));
	json_object_set_new(json, "figures", figures);
	if (flagged)
		json_object_set(json, "flags", flags);
	if (attached)
		json_object_set(json, "attachments", attachments);
	json_decref(flags);
	json_decref(attachments);
	return json;
}

/* ---- the rest ---- */

static json_t *view_json(const struct view *view)
{
	json_t *json = json_object();

	for (const struct view_text *text = view_texts; text->key != NULL; text++)
		put_text(
			json, text->key, *(const char *const *)((const char *)view + text->offset));
	/* "across": "" is a table without figures, which is not what leaving it out means. */
	if (view->across != NULL && *view->across == '\0')
		json_object_set_new(json, "across", json_string(""));
	put_bits(json, view->flags, bits_of_view);
	return json;
}

static json_t *judgement_json(const struct judgement *judgement)
{
	json_t *json = json_object();

	put_text(json, "id", judgement->id);
	put_text(json, "at", judgement->at);
	put_text(json, "outcome", words_of_outcome[judgement->outcome]);
	json_object_set_new(json, "value", number(judgement->value));
	json_object_set_new(json, "limit", number(judgement->limit));
	put_text(json, "unit", unit_form(judgement->unit)->id);
	put_text(json, "text", judgement->text);
	return json;
}

static json_t *item_json(const struct item *item)
{
	json_t *json = json_object();

	switch (item->kind) {
	case ITEM_VIEW:
		json_object_set_new(json, "view", view_json(&item->view));
		break;
	case ITEM_VERDICT:
		json_object_set_new(json, "verdict", judgement_json(&item->judgement));
		break;
	case ITEM_HEADING:
		json_object_set_new(json, "heading", json_text(item->text));
		break;
	case ITEM_NOTE:
		json_object_set_new(json, "note", json_text(item->text));
		break;
	}
	return json;
}

static json_t *skip_json(const struct skip *skip)
{
	json_t *json = json_object();

	put_text(json, "dataset", skip->dataset);
	put_text(json, "at", skip->at);
	put_text(json, "kind", words_of_skip[skip->kind]);
	put_text(json, "reason", skip->reason);
	return json;
}

static json_t *footer(const struct document *document)
{
	json_t *json = json_object(), *skips = json_array(), *items = json_array();

	for (size_t i = 0; i < document->n_skips; i++)
		json_array_append_new(skips, skip_json(&document->skips[i]));
	for (size_t i = 0; i < document->n_items; i++)
		json_array_append_new(items, item_json(&document->items[i]));
	json_object_set_new(json, "skipped", skips);
	json_object_set_new(json, "page", items);
	json_object_set_new(json, "status", json_integer(document->status));
	json_object_set_new(json, "interrupted", json_boolean(document->interrupted));
	return json;
}

/* An object's members without the last brace: more follow. */
static void put_open(json_t *object, FILE *out)
{
	char *text = json_dumps(object, JSON_COMPACT);

	if (text != NULL)
		fwrite(text, 1, strlen(text) - 1, out);
	free(text);
	json_decref(object);
}

static void put_set(const struct dataset *set, FILE *out)
{
	put_open(descriptions(set), out);
	fputs(",\"rows\":[", out);
	for (size_t i = 0; i < set->n_rows; i++) {
		json_t *row = row_json(set, &set->rows[i]);

		fputs(i > 0 ? ",\n" : "\n", out);
		json_dumpf(row, out, JSON_COMPACT);
		json_decref(row);
	}
	fputs("]}", out);
}

static void put_document(const struct document *document, FILE *out)
{
	json_t *header = json_object(), *end = footer(document);
	char *text = json_dumps(end, JSON_COMPACT);

	put_text(header, "schema", RESULTS_2);
	json_object_update(header, document->about);
	json_object_set(header, "invocations", document->invocations);
	put_open(header, out);
	fputs(",\"datasets\":[", out);
	for (size_t i = 0; i < document->n_sets; i++) {
		fputs(i > 0 ? ",\n" : "\n", out);
		put_set(document->sets[i], out);
	}
	fprintf(out, "],\n%s\n", text != NULL ? text + 1 : "}");
	free(text);
	json_decref(end);
}

int document_write(const struct document *document, const char *path, struct diag *diag)
{
	struct output *output;
	int err = output_open(&output, path, diag);

	if (err < 0)
		return err;
	put_document(document, output_stream(output));
	return output_commit(output, diag);
}
