/* SPDX-License-Identifier: BSD-2-Clause */
/* Rows as metrics. */
#include "results_1_names.h"

#include "tickvm/facts_json.h"
#include "tickvm/results_1.h"

#include <math.h>
#include <string.h>

#define METRIC_NAME_MAX 400

/* Larger units that values had there. */
static const char *unit_of_metric(const struct name_figure *figure)
{
	static const struct {
		enum unit unit;
		double scale;
		const char *id;
	} larger[] = {{UNIT_BYTES_PER_S, 1e9, "GB/s"}, {UNIT_BYTES_PER_S, 1e6, "MB/s"},
		{UNIT_FLOP_PER_S, 1e9, "GFLOP/s"}};

	for (size_t i = 0; i < sizeof(larger) / sizeof(larger[0]); i++)
		if (figure->figure.unit == larger[i].unit && figure->scale == larger[i].scale)
			return larger[i].id;
	return unit_form(figure->figure.unit)->id;
}

static void add_metric(json_t *metrics, const struct name_form *form, const struct dataset *set,
	const struct row *row, const struct name_figure *figure)
{
	int f = dataset_figure(set, figure->figure.id);
	json_t *values = json_array();
	char name[METRIC_NAME_MAX];

	for (size_t i = 0; i < row->n_samples && f >= 0; i++) {
		const double *figures = row->samples[i].figures;

		if (figures != NULL && isfinite(figures[f]))
			json_array_append_new(values, json_real(figures[f] / figure->scale));
	}
	if (json_array_size(values) > 0) {
		name_make(form, set, row, figure, name, sizeof(name));
		json_array_append_new(
			metrics, json_pack("{s:o, s:s, s:s, s:O}", "name", json_text(name), "unit",
					 unit_of_metric(figure), "better",
					 figure->figure.good == GOOD_HIGH ? "higher" : "lower",
					 "values", values));
	}
	json_decref(values);
}

static json_t *metrics_of(const struct document *document)
{
	json_t *metrics = json_array();

	for (size_t s = 0; s < document->n_sets; s++) {
		const struct dataset *set = document->sets[s];
		const struct name_form *form = name_form_of(set);

		for (size_t r = 0; form != NULL && r < set->n_rows; r++)
			for (size_t i = 0; i < form->n_figures; i++)
				add_metric(metrics, form, set, &set->rows[r], &form->figures[i]);
	}
	return metrics;
}

static json_t *skipped_of(const struct document *document)
{
	json_t *skipped = json_array();

	for (size_t i = 0; i < document->n_skips; i++)
		json_array_append_new(skipped, json_pack("{s:o, s:o, s:o}", "dataset",
						       json_text(document->skips[i].dataset), "at",
						       json_text(document->skips[i].at), "reason",
						       json_text(document->skips[i].reason)));
	return skipped;
}

json_t *results_1_of(const struct document *document)
{
	const json_t *about = document->about;
	const json_t *invocation = json_array_get(document->invocations, 0);

	return json_pack("{s:s, s:O*, s:O*, s:O*, s:O*, s:O*, s:O*, s:O*, s:[], s:o, s:o, s:b}",
		"schema", "tickvm-results/1", "tickvm_version",
		json_object_get(json_object_get(about, "build"), "version"), "bench",
		json_object_get(about, "bench"), "time", json_object_get(invocation, "time"),
		"command_line", json_object_get(about, "command_line"), "tsc_hz",
		json_object_get(about, "tsc_hz"), "host", json_object_get(invocation, "host"),
		"machine", json_object_get(about, "machine"), "runs", "skipped",
		skipped_of(document), "metrics", metrics_of(document), "interrupted",
		document->interrupted);
}
