/* SPDX-License-Identifier: BSD-2-Clause */
/* The results document: who measured, where, with what; and that it and the page are written.
 * What a run contributes is in results_run.c and in the experiments. */
#include "results.h"

#include "tickvm/clock.h"

#include <string.h>
#include <math.h>
#include <stdarg.h>
#include <time.h>

void results_add(struct results *results, json_t *object, const char *key, json_t *value)
{
	int err = key != NULL ? json_object_set_new(object, key, value)
			      : json_array_append_new(object, value);

	if (err < 0)
		results->no_memory = true;
}

static json_t *find_metric(const struct results *results, const char *name)
{
	size_t i;
	json_t *metric;

	json_array_foreach(results->metrics, i, metric)
	{
		if (strcmp(json_string_value(json_object_get(metric, "name")), name) == 0)
			return metric;
	}
	return NULL;
}

void results_metric(struct results *results, enum better better, const char *unit, double value,
	const char *name_format, ...)
{
	char name[160];
	va_list args;

	va_start(args, name_format);
	vsnprintf(name, sizeof(name), name_format, args);
	va_end(args);
	if (!isfinite(value))
		return;
	json_t *metric = find_metric(results, name);

	if (metric == NULL) {
		metric = json_pack("{s:s, s:s, s:s, s:[]}", "name", name, "unit", unit, "better",
			better == LOWER_IS_BETTER ? "lower" : "higher", "values");
		results_add(results, results->metrics, NULL, metric);
	}
	results_add(results, json_object_get(metric, "values"), NULL, json_real(value));
}

static json_t *now_json(void)
{
	char text[32];
	time_t now = time(NULL);
	struct tm utc;

	gmtime_r(&now, &utc);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &utc);
	return json_string(text);
}

void results_begin(struct results *results, const struct bench_context *context, const char *bench)
{
	*results = (struct results){.root = json_object(),
		.runs = json_array(),
		.metrics = json_array(),
		.begin_ns = clock_monotonic_ns()};
	json_t *root = results->root;

	host_facts_read(&results->facts);
	/* One frequency for the whole file: the one every VM will be given. */
	if (results->facts.tsc_hz > 0)
		clock_set_tsc_hz((uint64_t)results->facts.tsc_hz);
	results_add(results, root, "schema", json_string(RESULTS_SCHEMA));
	results_add(results, root, "tickvm_version", json_string(TICKVM_VERSION));
	results_add(results, root, "bench", json_string(bench));
	results_add(results, root, "time", now_json());
	results_add(results, root, "command_line", json_text(context->command_line));
	results_add(results, root, "tsc_hz", json_integer((json_int_t)clock_tsc_hz()));
	results_add(results, root, "host", facts_json(&results->facts));
	results_add(results, root, "machine", machine_json(&context->machine));
	results_add(results, root, "runs", results->runs);
	results_add(results, root, "metrics", results->metrics);
}

void results_end(struct results *results)
{
	json_decref(results->root);
	results->root = NULL;
}

int results_write(const struct results *results, const char *path, struct diag *diag)
{
	json_t *root = results->no_memory ? NULL : json_incref(results->root);

	return json_write(root, JSON_COMPACT, path, diag);
}

static bool is_stdout(const char *path)
{
	return path != NULL && strcmp(path, "-") == 0;
}

/* Data on standard output leave the text no place there; why they are not good must be seen. */
static void print_text(const struct page *page, const struct bench_context *context, int status)
{
	bool data =
		is_stdout(context->json) || is_stdout(context->csv) || is_stdout(context->markdown);

	if (!data)
		page_print(page, PAGE_TEXT, stdout);
	else if (status != 0 && status != 130)
		page_print(page, PAGE_TEXT, stderr);
}

int results_publish(
	struct results *results, struct page *page, const struct bench_context *context, int status)
{
	struct diag diag;
	int err = 0;

	results_add(results, results->root, "interrupted", json_boolean(status == 130));
	results_add(results, results->root, "duration_ns",
		json_integer((json_int_t)(clock_monotonic_ns() - results->begin_ns)));
	results_add(results, results->root, "page", page_json(page));
	if (context->collect != NULL) {
		*context->collect = results->no_memory ? NULL : json_incref(results->root);
		return status;
	}
	print_text(page, context, status);
	if (context->json != NULL)
		err = results_write(results, context->json, &diag);
	if (err == 0 && context->csv != NULL)
		err = page_write(page, PAGE_CSV, context->csv, &diag);
	if (err == 0 && context->markdown != NULL)
		err = page_write(page, PAGE_MARKDOWN, context->markdown, &diag);
	if (err < 0)
		fprintf(stderr, "tickvm: %s\n", diag.text);
	return err < 0 ? 1 : status;
}
