/* SPDX-License-Identifier: BSD-2-Clause */
/* The metrics of results files, checked, and as CSV: a row a value, as spreadsheets and data
 * frames want them. It compares nothing. */
#include "export.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int compare(const void *a, const void *b)
{
	double x, y;

	memcpy(&x, a, sizeof(x));
	memcpy(&y, b, sizeof(y));
	return (x > y) - (x < y);
}

/* Halves first: two finite numbers have a finite mean. */
static int summarise(struct export_metric *metric)
{
	double *sorted = calloc(metric->n, sizeof(*sorted));
	json_t *value;
	size_t i;

	if (sorted == NULL)
		return -ENOMEM;
	json_array_foreach(metric->values, i, value)
	{
		sorted[i] = json_number_value(value);
	}
	qsort(sorted, metric->n, sizeof(*sorted), compare);
	metric->min = sorted[0];
	metric->max = sorted[metric->n - 1];
	metric->median = sorted[(metric->n - 1) / 2] / 2 + sorted[metric->n / 2] / 2;
	free(sorted);
	return 0;
}

static bool are_numbers(const json_t *array)
{
	json_t *value;
	size_t i;

	json_array_foreach(array, i, value)
	{
		if (!json_is_number(value))
			return false;
	}
	return json_is_array(array);
}

static bool read_one(struct export_metric *metric, const json_t *json)
{
	const char *better = json_string_value(json_object_get(json, "better"));

	metric->name = json_string_value(json_object_get(json, "name"));
	metric->unit = json_string_value(json_object_get(json, "unit"));
	metric->values = json_object_get(json, "values");
	metric->n = json_array_size(metric->values);
	metric->higher_is_better = better != NULL && strcmp(better, "higher") == 0;
	return metric->name != NULL && metric->unit != NULL && better != NULL &&
	       (metric->higher_is_better || strcmp(better, "lower") == 0) &&
	       are_numbers(metric->values);
}

/* names: of the metrics before. */
static int read_file(struct export_metric *metrics, size_t *count, json_t *names,
	const struct report_file *file, struct diag *diag)
{
	const json_t *array = json_object_get(file->root, "metrics");
	json_t *json;
	size_t i;

	if (!json_is_array(array))
		return diag_set(diag, -EINVAL,
			"%s: no array \"metrics\": made by an older tickvm; run the bench again",
			file->path);
	json_array_foreach(array, i, json)
	{
		struct export_metric *metric = &metrics[*count];

		*metric = (struct export_metric){.file = file};
		if (!read_one(metric, json))
			return diag_set(diag, -EINVAL,
				"%s: metrics[%zu]: expected name, unit, better (\"lower\" or "
				"\"higher\") and values, an array of numbers",
				file->path, i);
		if (metric->n == 0)
			continue;
		if (json_object_get(names, metric->name) != NULL)
			return diag_set(diag, -EINVAL,
				"%s: metrics[%zu]: its name is there twice; report files of the "
				"same experiment one by one",
				file->path, i);
		if (summarise(metric) < 0 ||
			json_object_set_new(names, metric->name, json_true()) < 0)
			return diag_set(diag, -ENOMEM, "out of memory");
		++*count;
	}
	return 0;
}

int export_metrics_read(struct export_metric **metrics, size_t *count,
	const struct report_file *files, size_t n, struct diag *diag)
{
	json_t *names = json_object();
	size_t total = 0;

	*count = 0;
	for (size_t i = 0; i < n; i++)
		total += json_array_size(json_object_get(files[i].root, "metrics"));
	*metrics = calloc(total + 1, sizeof(**metrics));
	int err = *metrics == NULL || names == NULL ? -ENOMEM : 0;

	if (err < 0)
		diag_set(diag, err, "out of memory");
	for (size_t i = 0; i < n && err == 0; i++)
		err = read_file(*metrics, count, names, &files[i], diag);
	if (err == 0 && *count == 0)
		err = diag_set(diag, -EINVAL, "no metrics: nothing was measured");
	json_decref(names);
	if (err < 0) {
		free(*metrics);
		*metrics = NULL;
	}
	return err;
}

/* ---- CSV ---- */

static void put_rows(struct table *table, const struct export_metric *metric)
{
	json_t *value;
	size_t i;

	json_array_foreach(metric->values, i, value)
	{
		table_cell(table, "%s", metric->file->path);
		table_cell(table, "%s", report_bench(metric->file));
		table_cell(table, "%s", report_member(metric->file, "time"));
		table_cell(table, "%s", metric->name);
		table_cell(table, "%s", metric->unit);
		table_cell(table, "%s", metric->higher_is_better ? "higher" : "lower");
		table_cell(table, "%zu", i + 1);
		table_cell(table, "%.15g", json_number_value(value));
	}
}

int export_metrics_csv(const struct report_file *files, size_t n, FILE *out, struct diag *diag)
{
	static const char *const titles[] = {
		"file", "bench", "time", "metric", "unit", "better", "run", "value", NULL};
	struct export_metric *metrics;
	size_t count;
	int err = export_metrics_read(&metrics, &count, files, n, diag);

	if (err < 0)
		return err;
	struct page *page = page_create();
	struct table *table = page_table(page, "metrics", "llllllrr", titles);

	for (size_t i = 0; i < count; i++)
		put_rows(table, &metrics[i]);
	page_print(page, PAGE_CSV, out);
	page_destroy(page);
	free(metrics);
	return 0;
}
