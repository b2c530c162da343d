/* SPDX-License-Identifier: BSD-2-Clause */
/* Joins the metrics of results that are made one after the other. It judges none of them. */
#include "compare_grown.h"

#include "../stats.h"

#include <errno.h>
#include <stdlib.h>

void grown_begin(struct grown *grown)
{
	*grown = (struct grown){
		.document = json_pack("{s:[]}", "metrics"), .by_name = json_object()};
}

void grown_end(struct grown *grown)
{
	json_decref(grown->document);
	json_decref(grown->by_name);
}

/* One figure a round, however many runs the experiment made of it. */
static int append_median(json_t *values, const json_t *of_round)
{
	size_t n = json_array_size(of_round);
	double *sorted = calloc(n + 1, sizeof(*sorted));

	if (sorted == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		sorted[i] = json_number_value(json_array_get(of_round, i));
	int err = n > 0 ? json_array_append_new(values, json_real(stats_spread(sorted, n).median))
			: 0;

	free(sorted);
	return err < 0 ? -ENOMEM : 0;
}

static int append_all(json_t *values, const json_t *of_round)
{
	size_t i;
	json_t *value;

	json_array_foreach(of_round, i, value)
	{
		/* A copy: a side judged meanwhile may share the document. */
		if (json_array_append_new(values, json_real(json_number_value(value))) < 0)
			return -ENOMEM;
	}
	return 0;
}

static json_t *new_metric(struct grown *grown, const json_t *metric)
{
	json_t *mine = json_pack("{s:O, s:O, s:O, s:[]}", "name", json_object_get(metric, "name"),
		"unit", json_object_get(metric, "unit"), "better",
		json_object_get(metric, "better"), "values");
	const char *name = json_string_value(json_object_get(metric, "name"));

	json_array_append_new(json_object_get(grown->document, "metrics"), mine);
	json_object_set(grown->by_name, name, mine);
	return json_object_get(grown->by_name, name);
}

static int add(struct grown *grown, const json_t *document, const char *name,
	int (*append)(json_t *values, const json_t *of_round), struct diag *diag)
{
	size_t i;
	json_t *metric, *index;
	int err = compare_read_metrics(document, name, &index, diag);

	json_decref(index);
	if (err < 0)
		return err;
	if (json_object_get(grown->document, "host") == NULL)
		json_object_set(grown->document, "host", json_object_get(document, "host"));
	json_array_foreach(json_object_get(document, "metrics"), i, metric)
	{
		json_t *mine = json_object_get(
			grown->by_name, json_string_value(json_object_get(metric, "name")));

		if (mine == NULL)
			mine = new_metric(grown, metric);
		if (append(json_object_get(mine, "values"), json_object_get(metric, "values")) < 0)
			return diag_set(diag, -ENOMEM, "out of memory");
	}
	return 0;
}

int grown_add_round(
	struct grown *grown, const json_t *document, const char *name, struct diag *diag)
{
	return add(grown, document, name, append_median, diag);
}

int grown_add_runs(struct grown *grown, const json_t *document, const char *name, struct diag *diag)
{
	return add(grown, document, name, append_all, diag);
}
