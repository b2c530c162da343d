/* SPDX-License-Identifier: BSD-2-Clause */
/* Datasets as CSV (RFC 4180): a block a dataset, a line a row and round, base units in the titles
 * and figures with all their digits. */
#include "escape.h"
#include "export.h"

#include "tickvm/document.h"
#include "tickvm/text.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A cell of a text that may be anybody's. */
static void put_text(FILE *out, const char *text)
{
	char *clean = text_clean(text, TEXT_LINE);

	if (clean != NULL)
		escape_csv(clean, out);
	free(clean);
}

static void put_title(FILE *out, const char *id, enum unit unit)
{
	char title[160];
	const char *name = unit_form(unit)->id;

	fputc(',', out);
	if (*name == '\0' || unit == UNIT_COUNT)
		snprintf(title, sizeof(title), "%s", id);
	else
		snprintf(title, sizeof(title), "%s (%s)", id, name);
	put_text(out, title);
}

/* All labels that any row has, in the order in which they are met. */
struct labels {
	const char *id[32];
	size_t n;
};

static void collect_labels(const struct dataset *set, struct labels *labels)
{
	labels->n = 0;
	for (size_t i = 0; i < set->n_rows; i++)
		for (size_t k = 0; k < set->rows[i].n_labels; k++) {
			const char *id = set->rows[i].labels[k].id;
			size_t at = 0;

			while (at < labels->n && strcmp(labels->id[at], id) != 0)
				at++;
			if (at == labels->n && at < sizeof(labels->id) / sizeof(labels->id[0]))
				labels->id[labels->n++] = id;
		}
}

static void put_titles(const struct dataset *set, const struct labels *labels, FILE *out)
{
	fputs("file,dataset", out);
	for (size_t i = 0; i < set->n_axes; i++)
		put_title(out, set->axes[i].id, set->axes[i].unit);
	for (size_t i = 0; i < labels->n; i++)
		put_title(out, labels->id[i], UNIT_NONE);
	fputs(",invocation,round,flags", out);
	for (size_t i = 0; i < set->n_figures; i++)
		put_title(out, set->figures[i].id, set->figures[i].unit);
	fputs("\r\n", out);
}

static void put_flags(const struct dataset *set, const struct sample *sample, FILE *out)
{
	char text[512];
	size_t used = 0;

	text[0] = '\0';
	if (sample->figures == NULL)
		used = (size_t)snprintf(text, sizeof(text), "failed");
	for (size_t i = 0; i < set->n_flags && used < sizeof(text); i++)
		if (sample->flags >> i & 1)
			used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s",
				used > 0 ? " " : "", set->flags[i].id);
	fputc(',', out);
	put_text(out, text);
}

static void put_sample(const char *path, const struct dataset *set, const struct labels *labels,
	const struct row *row, const struct sample *sample, FILE *out)
{
	put_text(out, path);
	fputc(',', out);
	put_text(out, set->id);
	for (size_t i = 0; i < set->n_axes; i++) {
		fputc(',', out);
		put_text(out, row->at[i].text);
	}
	for (size_t i = 0; i < labels->n; i++) {
		const char *text = row_text(row, labels->id[i]);

		fputc(',', out);
		put_text(out, text != NULL ? text : "");
	}
	fprintf(out, ",%u,%u", sample->invocation, sample->round);
	put_flags(set, sample, out);
	for (size_t i = 0; i < set->n_figures; i++) {
		fputc(',', out);
		if (sample->figures != NULL && !isnan(sample->figures[i]))
			fprintf(out, "%.17g", sample->figures[i]);
	}
	fputs("\r\n", out);
}

static void put_set(const char *path, const struct dataset *set, FILE *out)
{
	struct labels labels;

	collect_labels(set, &labels);
	put_titles(set, &labels, out);
	for (size_t i = 0; i < set->n_rows; i++)
		for (size_t k = 0; k < set->rows[i].n_samples; k++)
			put_sample(
				path, set, &labels, &set->rows[i], &set->rows[i].samples[k], out);
}

int export_tidy(const struct report_file *files, size_t n, FILE *out, struct diag *diag)
{
	bool first = true;

	for (size_t i = 0; i < n; i++) {
		struct document *document;
		int err = document_from_json(&document, files[i].root, files[i].path, diag);

		if (err < 0)
			return err;
		for (size_t k = 0; k < document->n_sets; k++) {
			if (!first)
				fputs("\r\n", out);
			first = false;
			put_set(files[i].path, document->sets[k], out);
		}
		document_destroy(document);
	}
	return first ? diag_set(diag, -EINVAL, "%s: no dataset: nothing was measured",
			       n > 0 ? files[0].path : "")
		     : 0;
}
