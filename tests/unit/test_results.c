/* SPDX-License-Identifier: BSD-2-Clause */
/* Results files: against docs/results.schema.json, atomic on disk, and honest when memory or the
 * disk fails. */
#include "../../src/bench/results.h"
#include "sweep_rig.h"

#include "tickvm/clock.h"

#include <criterion/criterion.h>
#include <criterion/redirect.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- as much of JSON Schema as the schema uses ---- */

static json_t *schema;

static const json_t *resolve(const json_t *rule)
{
	const char *ref = json_string_value(json_object_get(rule, "$ref"));

	if (ref == NULL)
		return rule;
	cr_assert(strncmp(ref, "#/$defs/", 8) == 0);
	const json_t *def = json_object_get(json_object_get(schema, "$defs"), ref + 8);

	cr_assert_not_null(def, "%s", ref);
	return def;
}

static bool type_matches(const json_t *value, const char *type)
{
	switch (json_typeof(value)) {
	case JSON_OBJECT:
		return strcmp(type, "object") == 0;
	case JSON_ARRAY:
		return strcmp(type, "array") == 0;
	case JSON_STRING:
		return strcmp(type, "string") == 0;
	case JSON_INTEGER:
		return strcmp(type, "integer") == 0;
	case JSON_REAL:
		return strcmp(type, "number") == 0;
	case JSON_TRUE:
	case JSON_FALSE:
		return strcmp(type, "boolean") == 0;
	case JSON_NULL:
		return strcmp(type, "null") == 0;
	}
	return false;
}

static bool any_type_matches(const json_t *value, const json_t *types)
{
	size_t i;
	json_t *type;

	if (types == NULL)
		return true;
	if (json_is_string(types))
		return type_matches(value, json_string_value(types));
	json_array_foreach(types, i, type)
	{
		if (type_matches(value, json_string_value(type)))
			return true;
	}
	return false;
}

/* The first thing wrong, or NULL. Known keywords only, so that the schema cannot outgrow this. */
static const char *violation(const json_t *value, const json_t *rule)
{
	static char where[128];
	const json_t *child;
	const char *key;
	size_t i;

	rule = resolve(rule);
	if (!any_type_matches(value, json_object_get(rule, "type")))
		return "type";
	child = json_object_get(rule, "const");
	if (child != NULL && !json_equal(value, child))
		return "const";
	json_array_foreach(json_object_get(rule, "required"), i, child)
	{
		if (json_object_get(value, json_string_value(child)) == NULL)
			return json_string_value(child);
	}
	if (json_is_array(value) && json_object_get(rule, "items") != NULL) {
		json_array_foreach(value, i, child)
		{
			const char *wrong = violation(child, json_object_get(rule, "items"));

			if (wrong != NULL)
				return wrong;
		}
	}
	const json_t *properties = json_object_get(rule, "properties");

	json_object_foreach((json_t *)(uintptr_t)(json_is_object(value) ? value : NULL), key, child)
	{
		const json_t *property = json_object_get(properties, key);

		if (property == NULL &&
			json_is_false(json_object_get(rule, "additionalProperties"))) {
			snprintf(where, sizeof(where), "unexpected %s", key);
			return where;
		}
		const char *wrong = property != NULL ? violation(child, property) : NULL;

		if (wrong != NULL)
			return wrong;
	}
	return NULL;
}

static void load_schema(void)
{
	json_error_t error;

	schema = json_load_file("docs/results.schema.json", 0, &error);
	cr_assert_not_null(
		schema, "docs/results.schema.json: %s (run from the top of the tree)", error.text);
}

/* ---- documents ---- */

static struct bench_context context(void)
{
	struct bench_context c = {.command_line = "tickvm bench timer"};

	vm_config_default(&c.machine);
	return c;
}

Test(results, an_empty_document_has_what_the_schema_requires)
{
	struct bench_context c = context();
	struct results results;

	load_schema();
	results_begin(&results, &c, "timer");
	cr_assert_not(results.no_memory);
	const char *wrong = violation(results.root, schema);

	cr_assert_null(wrong, "%s", wrong);
	cr_assert_str_eq(
		json_string_value(json_object_get(results.root, "schema")), "tickvm-results/1");
	cr_assert_gt(json_integer_value(json_object_get(results.root, "tsc_hz")), 0);
	results_end(&results);
	json_decref(schema);
}

Test(results, a_sweep_is_as_the_schema_says)
{
	struct bench_context c = context();
	struct sweep_plan plan = rig_plan();
	struct sweep_round round = rig_round(2);
	struct sweep_cell_run failed = {.err = -EIO, .diag = {"a: it broke"}};
	struct sweep_cell_run unfit = {.err = -ENOTSUP, .diag = {"b: not here"}};
	struct results results;

	load_schema();
	sweep_document_begin(&results, &c, &plan, 0, 0);
	rig_add_round(&results, &plan, 1, 1000, 0);
	round.repeats = 1;
	sweep_document_add(&results, &plan.cells[0], &round, &failed, false);
	sweep_document_add(&results, &plan.cells[1], &round, &unfit, false);
	const char *wrong = violation(results.root, schema);

	cr_assert_null(wrong, "%s", wrong);
	results_end(&results);
	json_decref(schema);
}

Test(results, the_checker_itself_can_fail)
{
	struct bench_context c = context();
	struct results results;

	load_schema();
	results_begin(&results, &c, "timer");
	json_object_set_new(results.root, "schema", json_string("tickvm-results/2"));
	cr_assert_not_null(violation(results.root, schema));
	json_object_set_new(results.root, "schema", json_string("tickvm-results/1"));
	json_object_del(results.root, "host");
	cr_assert_str_eq(violation(results.root, schema), "host");
	results_end(&results);
	json_decref(schema);
}

Test(results, what_the_host_does_not_say_is_left_out)
{
	struct bench_context c = context();
	struct results results;
	const char *key;
	json_t *value;

	results_begin(&results, &c, "timer");
	json_object_foreach(json_object_get(results.root, "host"), key, value)
	{
		if (json_is_string(value))
			cr_assert_str_neq(json_string_value(value), "", "%s", key);
		if (json_is_integer(value))
			cr_assert_neq(json_integer_value(value), -1, "%s", key);
	}
	results_end(&results);
}

Test(results, a_summary_in_whole_nanoseconds)
{
	int64_t ticks[] = {-3000, 3000, 6000, 9000};

	clock_set_tsc_hz(3000000000);
	struct summary s = stats_summarize(ticks, 4);
	json_t *json = results_summary(&s);

	load_schema();
	cr_assert_null(
		violation(json, json_object_get(json_object_get(schema, "$defs"), "summary")));
	cr_assert_eq(json_integer_value(json_object_get(json, "sum_ticks")), 15000);
	cr_assert_eq(json_integer_value(json_object_get(json, "mean_ns")), 1250);
	cr_assert_eq(json_integer_value(json_object_get(json, "min_ns")), -1000);
	cr_assert_eq(json_integer_value(json_object_get(json, "max_ns")), 3000);
	json_decref(json);

	struct summary one = stats_summarize(ticks, 1);

	json = results_summary(&one);
	cr_assert(json_is_null(json_object_get(json, "ci99_ns")));
	json_decref(json);
	json_decref(schema);
}

Test(results, histogram_bins_go_from_low_to_high)
{
	struct signed_histogram *h = malloc(sizeof(*h));
	json_int_t last = INT64_MIN, count = 0;
	json_t *bin;
	size_t i;

	signed_histogram_reset(h);
	for (int64_t v = -100000; v <= 100000; v += 999)
		signed_histogram_add(h, v);
	json_t *bins = results_histogram(h);

	json_array_foreach(bins, i, bin)
	{
		json_int_t low = json_integer_value(json_array_get(bin, 0));
		json_int_t high = json_integer_value(json_array_get(bin, 1));

		cr_assert_leq(low, high);
		cr_assert_gt(low, last);
		last = high;
		count += json_integer_value(json_array_get(bin, 2));
	}
	cr_assert_eq(count, 201);
	json_decref(bins);
	free(h);
}

Test(results, any_bytes_become_a_string)
{
	json_t *good = json_text("caf\xc3\xa9"), *bad = json_text("caf\xe9!");

	cr_assert_str_eq(json_string_value(good), "caf\xc3\xa9");
	cr_assert_str_eq(json_string_value(bad), "caf\xef\xbf\xbd!");
	json_decref(good);
	json_decref(bad);
}

Test(results, numbers_are_looked_at_before_they_are_cast)
{
	static const struct {
		const char *json;
		bool within;
	} cases[] = {{"-3", true}, {"7", true}, {"-4", false}, {"8", false}, {"1.0", false},
		{"\"1\"", false}, {"null", false}, {"9223372036854775807", false}};
	json_int_t number = 5;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		json_t *json = json_loads(cases[i].json, JSON_DECODE_ANY, NULL);

		cr_expect_eq(
			json_within(json, -3, 7, &number), cases[i].within, "%s", cases[i].json);
		json_decref(json);
	}
	cr_expect_eq(number, 7, "what does not fit is not stored");
	cr_expect_not(json_within(NULL, -3, 7, &number));
	cr_expect_eq(json_whole(-2.5), -3);
	cr_expect_eq(json_whole(1e300), 1000000000000000);
	cr_expect_eq(json_whole(-INFINITY), -1000000000000000);
	cr_expect_eq(json_whole((double)NAN), 1000000000000000);
}

/* ---- files ---- */

static void temporary(char path[64])
{
	strcpy(path, "/tmp/tickvm-results-XXXXXX");
	int fd = mkstemp(path);

	cr_assert_geq(fd, 0);
	cr_assert_eq(write(fd, "old", 3), 3);
	close(fd);
}

Test(results, a_file_is_replaced_whole)
{
	struct bench_context c = context();
	struct results results;
	struct diag diag;
	char path[64], tmp[80];
	json_error_t error;

	temporary(path);
	results_begin(&results, &c, "timer");
	cr_assert_eq(results_write(&results, path, &diag), 0);
	json_t *back = json_load_file(path, 0, &error);

	cr_assert_not_null(back, "%s", error.text);
	cr_assert(json_equal(back, results.root));
	snprintf(tmp, sizeof(tmp), "%s.tmp", path);
	cr_assert_neq(access(tmp, F_OK), 0);
	json_decref(back);
	results_end(&results);
	unlink(path);
}

Test(results, a_failure_leaves_the_old_file)
{
	struct bench_context c = context();
	struct results results;
	struct diag diag;
	char path[64], text[8] = "";

	temporary(path);
	results_begin(&results, &c, "timer");
	results_add(&results, results.root, "lost", NULL);
	cr_assert(results.no_memory);
	cr_assert_eq(results_write(&results, path, &diag), -ENOMEM);
	FILE *file = fopen(path, "r");

	cr_assert_not_null(fgets(text, sizeof(text), file));
	cr_assert_str_eq(text, "old");
	fclose(file);
	results_end(&results);
	unlink(path);
}

/* ---- the end of an experiment ---- */

static void quiet(void)
{
	cr_redirect_stdout();
	cr_redirect_stderr();
}

static struct page *a_page(void)
{
	static const char *const titles[] = {"source", "error"};
	struct page *page = page_create();

	page_heading(page, "heading");
	page_note(page, "note");
	page_verdict(page, VERDICT_GOOD, "good");
	page_verdict(page, VERDICT_UNKNOWN, "unknown");
	struct table *table = page_table(page, "table", "lr", titles);

	table_cell(table, "native");
	table_cell(table, "1");
	chart_bar(page_chart(page, CHART_BARS, CHART_LOG_Y, "t", "x", "y"), "series", "label", 1);
	chart_point(page_chart(page, CHART_LINES, CHART_BYTES_X, "t", "x", "y"), "series", 1, 2);
	return page;
}

Test(results, published_to_every_file_that_was_named, .init = quiet)
{
	struct bench_context c = context();
	struct results results;
	char json[64], csv[64], markdown[64], line[80] = "";
	struct page *page = a_page();

	load_schema();
	temporary(json);
	temporary(csv);
	temporary(markdown);
	c.json = json;
	c.csv = csv;
	c.markdown = markdown;
	results_begin(&results, &c, "timer");
	cr_expect_eq(results_publish(&results, page, &c, 130), 130);
	json_t *root = json_load_file(json, 0, NULL);

	cr_assert_not_null(root);
	const char *wrong = violation(root, schema);

	cr_expect_null(wrong, "%s", wrong);
	cr_expect(json_is_true(json_object_get(root, "interrupted")));
	struct diag diag = {""};
	struct page *back = page_from_json(json_object_get(root, "page"), &diag);

	cr_expect_not_null(back, "%s", diag.text);
	page_destroy(back);
	json_decref(root);
	FILE *file = fopen(csv, "r");

	cr_expect_not_null(fgets(line, sizeof(line), file));
	cr_expect_str_eq(line, "table,source,error\r\n");
	fclose(file);
	file = fopen(markdown, "r");
	cr_expect_not_null(fgets(line, sizeof(line), file));
	cr_expect_str_eq(line, "## heading\n");
	fclose(file);
	unlink(json);
	unlink(csv);
	unlink(markdown);
	page_destroy(page);
	results_end(&results);
	json_decref(schema);
}

Test(results, what_cannot_be_written_fails_the_experiment, .init = quiet)
{
	static const char *const nowhere = "/nonexistent/x";
	struct page *page = a_page();

	for (int which = 0; which < 3; which++) {
		struct bench_context c = context();
		struct results results;

		c.json = which == 0 ? nowhere : NULL;
		c.csv = which == 1 ? nowhere : NULL;
		c.markdown = which == 2 ? nowhere : NULL;
		results_begin(&results, &c, "timer");
		cr_expect_eq(results_publish(&results, page, &c, 0), 1);
		results_end(&results);
	}
	page_destroy(page);
}

Test(results, a_page_without_memory_fails_the_json, .init = quiet)
{
	struct bench_context c = context();
	struct results results;
	char path[64];

	temporary(path);
	c.json = path;
	results_begin(&results, &c, "timer");
	cr_expect_eq(results_publish(&results, NULL, &c, 0), 1);
	results_end(&results);
	unlink(path);
}
