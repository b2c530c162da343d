/* SPDX-License-Identifier: BSD-2-Clause */
/* Metrics for github-action-benchmark (its custom JSON) and for Bencher (Bencher Metric Format):
 * the median over the runs, with their range. Neither format takes single runs. */
#include "export.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- github-action-benchmark ---- */

/* What its tooltip shows. */
static json_t *extra(const struct export_metric *metric)
{
	const json_t *host = json_object_get(metric->file->root, "host");
	const char *cpu = json_string_value(json_object_get(host, "cpu_model"));
	const char *kernel = json_string_value(json_object_get(host, "kernel"));

	return json_sprintf("median of %zu\n%s\n%s", metric->n, cpu != NULL ? cpu : "unknown CPU",
		kernel != NULL ? kernel : "unknown kernel");
}

static json_t *benchmark(const struct export_metric *metric)
{
	return json_pack("{s:s, s:s, s:f, s:o, s:o}", "name", metric->name, "unit", metric->unit,
		"value", metric->median, "range",
		json_sprintf("%.6g to %.6g", metric->min, metric->max), "extra", extra(metric));
}

/* The action takes one direction a file, and no empty one. */
static int github(
	const struct report_file *files, size_t n, bool higher, FILE *out, struct diag *diag)
{
	struct export_metric *metrics;
	size_t count;
	int err = export_metrics_read(&metrics, &count, files, n, diag);

	if (err < 0)
		return err;
	json_t *array = json_array();

	for (size_t i = 0; i < count; i++) {
		if (metrics[i].higher_is_better == higher &&
			json_array_append_new(array, benchmark(&metrics[i])) < 0)
			err = -ENOMEM;
	}
	size_t kept = json_array_size(array), left = count - kept;
	const char *other = higher ? "github" : "github-bigger";

	free(metrics);
	if (err < 0 || array == NULL) {
		err = diag_set(diag, -ENOMEM, "out of memory");
	} else if (kept == 0) {
		err = diag_set(diag, -EINVAL,
			"no metric of which %s is better, and %zu of the other kind (--format %s)",
			higher ? "more" : "less", left, other);
	} else {
		err = export_json(json_incref(array), JSON_INDENT(1), out, diag);
		if (err == 0 && left > 0)
			diag_set(diag, 0,
				"metrics of which %s is better left out: %zu (--format %s)",
				higher ? "less" : "more", left, other);
	}
	json_decref(array);
	return err;
}

int export_github(const struct report_file *files, size_t n, FILE *out, struct diag *diag)
{
	return github(files, n, false, out, diag);
}

int export_github_bigger(const struct report_file *files, size_t n, FILE *out, struct diag *diag)
{
	return github(files, n, true, out, diag);
}

/* ---- Bencher ---- */

/* Bencher's thresholds belong to a measure, so each has one direction. Its own two are latency (ns)
 * and throughput (operations/second). Others are named by their unit. */
static json_t *measure(const struct export_metric *metric)
{
	if (!metric->higher_is_better && strcmp(metric->unit, "ns") == 0)
		return json_string("latency");
	if (metric->higher_is_better && strcmp(metric->unit, "ops/s") == 0)
		return json_string("throughput");
	return json_sprintf("%s%s", *metric->unit != '\0' ? metric->unit : "number",
		metric->higher_is_better ? " (more is better)" : "");
}

static int add_benchmark(json_t *root, const struct export_metric *metric)
{
	json_t *name = measure(metric);
	json_t *values = json_pack("{s:f, s:f, s:f}", "value", metric->median, "lower_value",
		metric->min, "upper_value", metric->max);
	json_t *measures = json_object();
	int err = name == NULL ? -1 : json_object_set(measures, json_string_value(name), values);

	if (json_object_set(root, metric->name, measures) < 0)
		err = -1;
	json_decref(measures);
	json_decref(values);
	json_decref(name);
	return err;
}

int export_bencher(const struct report_file *files, size_t n, FILE *out, struct diag *diag)
{
	struct export_metric *metrics;
	size_t count;
	int err = export_metrics_read(&metrics, &count, files, n, diag);

	if (err < 0)
		return err;
	json_t *root = json_object();

	for (size_t i = 0; i < count && err == 0; i++)
		err = add_benchmark(root, &metrics[i]);
	free(metrics);
	if (err < 0) {
		json_decref(root);
		root = NULL;
	}
	return export_json(root, JSON_INDENT(1), out, diag);
}
