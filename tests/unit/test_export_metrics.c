/* SPDX-License-Identifier: BSD-2-Clause */
/* Metrics and runs in the formats of other tools, on documents whose figures are known. Whether
 * those tools take them is tests/cli/test_export.c's business. */
#include "../../src/report/export.h"

#include <criterion/criterion.h>

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef int exporter(const struct report_file *files, size_t n, FILE *out, struct diag *diag);

static struct diag diag;

/* What it printed; NULL: refused, and then it printed nothing. The caller frees it. */
static char *printed(exporter *export, const char *document)
{
	char *text;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	struct report_file file = {.path = "x.json", .root = json_loads(document, 0, NULL)};

	cr_assert_not_null(file.root, "%s", document);
	diag.text[0] = '\0';
	int err = export(&file, 1, out, &diag);

	fclose(out);
	json_decref(file.root);
	if (err == 0)
		return text;
	cr_expect_eq(err, -EINVAL, "%d: %s", err, diag.text);
	cr_expect_eq(size, 0, "%s", text);
	free(text);
	return NULL;
}

static json_t *exported(exporter *export, const char *document)
{
	char *text = printed(export, document);
	json_t *json = text != NULL ? json_loads(text, 0, NULL) : NULL;

	cr_assert_not_null(json, "%s%s", diag.text, text);
	free(text);
	return json;
}

static void refused(exporter *export, const char *document, const char *says)
{
	cr_expect_null(printed(export, document), "%s", document);
	cr_expect_not_null(strstr(diag.text, says), "\"%s\" does not say \"%s\"", diag.text, says);
}

static double number(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	cr_assert(json_is_number(value), "%s", key);
	return json_number_value(value);
}

static const char *text(const json_t *object, const char *key)
{
	const char *value = json_string_value(json_object_get(object, key));

	cr_assert_not_null(value, "%s", key);
	return value;
}

/* ---- metrics ---- */

#define LOWER                                                                                      \
	"{\"name\": \"t/p99\", \"unit\": \"ns\", \"better\": \"lower\", \"values\": [3, 1, 2, 9]}"
#define HIGHER                                                                                     \
	"{\"name\": \"d/read\", \"unit\": \"GB/s\", \"better\": \"higher\", \"values\": [1.5]}"
#define EMPTY "{\"name\": \"t/p99\", \"unit\": \"ns\", \"better\": \"lower\", \"values\": []}"
#define BOTH  "{\"bench\": \"timer\", \"metrics\": [" EMPTY "," LOWER "," HIGHER "]}"

Test(export_metrics, github_takes_one_direction_a_file)
{
	json_t *array = exported(export_github, BOTH);
	const json_t *one = json_array_get(array, 0);

	cr_expect_eq(json_array_size(array), 1);
	cr_expect_str_eq(text(one, "name"), "t/p99");
	cr_expect_str_eq(text(one, "unit"), "ns");
	cr_expect_eq(number(one, "value"), 2.5);
	cr_expect_str_eq(text(one, "range"), "1 to 9");
	cr_expect_str_eq(text(one, "extra"), "median of 4\nunknown CPU\nunknown kernel");
	cr_expect_not_null(strstr(diag.text, "left out: 1 (--format github-bigger)"));
	json_decref(array);
	array = exported(export_github_bigger, BOTH);
	cr_expect_eq(json_array_size(array), 1);
	cr_expect_str_eq(text(json_array_get(array, 0), "name"), "d/read");
	json_decref(array);
	/* The action refuses an empty array. */
	refused(export_github, "{\"metrics\": [" HIGHER "]}",
		"no metric of which less is better, and 1 of the other kind");
}

Test(export_metrics, bencher_has_one_direction_a_measure)
{
	json_t *root = exported(export_bencher, BOTH);
	const json_t *latency = json_object_get(json_object_get(root, "t/p99"), "latency");

	cr_expect_eq(json_object_size(root), 2);
	cr_expect_eq(number(latency, "value"), 2.5);
	cr_expect_eq(number(latency, "lower_value"), 1);
	cr_expect_eq(number(latency, "upper_value"), 9);
	cr_expect_not_null(
		json_object_get(json_object_get(root, "d/read"), "GB/s (more is better)"));
	json_decref(root);
}

Test(export_metrics, csv_has_a_row_a_value)
{
	char *csv = printed(export_metrics_csv, BOTH);

	cr_expect_str_eq(csv, "table,file,bench,time,metric,unit,better,run,value\r\n"
			      "metrics,x.json,timer,,t/p99,ns,lower,1,3\r\n"
			      "metrics,x.json,timer,,t/p99,ns,lower,2,1\r\n"
			      "metrics,x.json,timer,,t/p99,ns,lower,3,2\r\n"
			      "metrics,x.json,timer,,t/p99,ns,lower,4,9\r\n"
			      "metrics,x.json,timer,,d/read,GB/s,higher,1,1.5\r\n");
	free(csv);
}

Test(export_metrics, what_is_broken_is_named)
{
	static exporter *const all[] = {
		export_github, export_github_bigger, export_bencher, export_metrics_csv};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		refused(all[i], "{}", "x.json: no array \"metrics\": made by an older tickvm");
		refused(all[i], "{\"metrics\": []}", "no metrics");
		refused(all[i], "{\"metrics\": [" LOWER ", 7]}", "x.json: metrics[1]: expected");
		refused(all[i],
			"{\"metrics\": [{\"name\": \"a\", \"unit\": \"\", \"better\": \"more\", "
			"\"values\": []}]}",
			"metrics[0]: expected");
		refused(all[i], "{\"metrics\": [" LOWER "," HIGHER "," LOWER "]}",
			"metrics[2]: its name is there twice");
	}
}

Test(export_metrics, median_of_the_greatest_numbers_is_one)
{
	json_t *root = exported(export_bencher,
		"{\"metrics\": [{\"name\": \"a\", \"unit\": \"ns\", \"better\": \"lower\", "
		"\"values\": [1.7e308, 1.7e308]}]}");

	cr_expect_float_eq(number(json_object_get(json_object_get(root, "a"), "latency"), "value"),
		1.7e308, 1e295);
	json_decref(root);
}

/* ---- cyclictest: 1 tick is 1 ns ---- */

#define THREAD(bins)                                                                               \
	"{\"lateness\": {\"n\": 4, \"sum_ticks\": 12300, \"min_ns\": -300, \"max_ns\": 9800}, "    \
	"\"histogram\": " bins ", \"machine\": {\"vcpu_cpu\": [3, 4]}}"
#define CYCLIC(runs)                                                                               \
	"{\"tsc_hz\": 1000000000, \"time\": \"2026-01-02T03:04:05Z\", \"duration_ns\": "           \
	"2000000000, \"command_line\": \"tickvm bench timer\", \"host\": {\"kernel\": \"6.1-rt1 "  \
	"#1 SMP\", \"preempt\": \"rt\"}, \"runs\": [" runs "]}"

Test(export_cyclictest, a_run_is_a_thread)
{
	json_t *root = exported(export_cyclictest,
		CYCLIC("{\"kind\": \"other\"}," THREAD(
			"[[-320, -280, 1], [1000, 1031, 1], [1984, 2047, 1], [9728, 9983, 1]]")));
	const json_t *sysinfo = json_object_get(root, "sysinfo");
	const json_t *thread = json_object_get(json_object_get(root, "thread"), "0");
	const json_t *histogram = json_object_get(thread, "histogram");

	cr_expect_eq(number(root, "file_version"), 1);
	cr_expect_eq(number(root, "num_threads"), 1);
	cr_expect_eq(number(root, "resolution_in_ns"), 0);
	cr_expect_str_eq(text(root, "cmdline:"), "tickvm bench timer");
	cr_expect_str_eq(text(root, "start_time"), "Fri, 02 Jan 2026 03:04:05 +0000");
	cr_expect_str_eq(text(root, "end_time"), "Fri, 02 Jan 2026 03:04:07 +0000");
	cr_expect_str_eq(text(sysinfo, "release"), "6.1-rt1");
	cr_expect_str_eq(text(sysinfo, "version"), "#1 SMP");
	cr_expect_eq(number(sysinfo, "realtime"), 1);
	cr_expect_eq(number(thread, "cycles"), 4);
	cr_expect_eq(number(thread, "min"), -1);
	cr_expect_eq(number(thread, "max"), 9);
	cr_expect_float_eq(number(thread, "avg"), 3.08, 1e-9);
	cr_expect_eq(number(thread, "cpu"), 3);
	cr_expect_eq(json_object_size(histogram), 4);
	cr_expect_eq(number(histogram, "-1"), 1);
	cr_expect_eq(number(histogram, "1"), 1, "1,015.5 ns");
	cr_expect_eq(number(histogram, "2"), 1, "2,015.5 ns");
	cr_expect_eq(number(histogram, "9"), 1, "9,855.5 ns, but the greatest was 9,800");
	json_decref(root);
}

Test(export_cyclictest, refuses_what_it_cannot_show)
{
	refused(export_cyclictest, CYCLIC(""), "no run with a histogram of lateness");
	refused(export_cyclictest, CYCLIC(THREAD("[[1, 2]]")),
		"run 1: expected histogram of [low, high, count]");
	refused(export_cyclictest, CYCLIC(THREAD("[[1, 2, -3]]")), "expected histogram");
	refused(export_cyclictest, CYCLIC("{\"lateness\": 3, \"histogram\": []}"),
		"x.json: run 1: expected lateness with n");
	refused(export_cyclictest, "{\"tsc_hz\": 0, \"runs\": []}", "expected tsc_hz");

	struct report_file two[2] = {{0}};

	cr_expect_eq(export_cyclictest(two, 2, stderr, &diag), -EINVAL);
	cr_expect_not_null(strstr(diag.text, "one results file, not for 2"));
}

/* ---- trace ---- */

/* events of a run, the last of which is the worst; 1 tick is 1 ns, deadlines 100 us apart. */
static char *timer_document(size_t events)
{
	char *document;
	size_t size;
	FILE *out = open_memstream(&document, &size);

	fputs("{\"tsc_hz\": 1000000000, \"runs\": [{\"source\": \"dedicated\", \"interval_ns\": "
	      "100000, \"events\": {\"columns\": [\"arm\", \"deadline\", \"enter\", \"done\", "
	      "\"armed\", \"device_deadline\", \"target\", \"wake\", \"injected\"], \"rows\": [",
		out);
	for (size_t i = 0; i < events; i++) {
		long deadline = (long)i * 100000, late = 1000 + (long)i * 10;

		fprintf(out, "%s[%ld, %ld, %ld, %ld, %ld, %ld, %ld, %ld, %ld]", i > 0 ? "," : "",
			deadline - 90000, deadline, deadline + late, deadline + late + 500,
			deadline - 80000, deadline + 20, deadline - 480, deadline, deadline + 600);
	}
	fputs("]}}]}", out);
	fclose(out);
	return document;
}

/* The length of the stages of that name of the first event shown, nanoseconds. */
static double stage_ns(const json_t *events, const char *name)
{
	double ns = 0;
	json_t *event;
	size_t i;

	json_array_foreach(events, i, event)
	{
		if (strcmp(text(event, "name"), name) != 0 || i > 20)
			continue;
		if (strcmp(text(event, "id"), "0x1") == 0)
			ns += (strcmp(text(event, "ph"), "b") == 0 ? -1000 : 1000) *
			      number(event, "ts");
	}
	return round(ns);
}

Test(export_trace, worst_first_with_their_stages)
{
	char *document = timer_document(30);
	json_t *root = exported(export_trace, document);
	const json_t *events = json_object_get(root, "traceEvents");
	const json_t *first = json_array_get(events, 1);
	json_t *event;
	size_t spans = 0, i;

	json_array_foreach(events, i, event)
	{
		spans += json_object_get(event, "args") != NULL;
	}
	cr_expect_eq(spans, 1 + 10, "the process and ten events");
	cr_expect_str_eq(text(first, "name"), "event 30: 1.3 us late");
	cr_expect_eq(number(json_object_get(first, "args"), "late_ns"), 1290);
	cr_expect_eq(number(json_object_get(first, "args"), "program_ns"), 20);
	cr_expect_eq(number(json_object_get(first, "args"), "advance_ns"), -500);
	cr_expect_eq(stage_ns(events, "arm"), 10000);
	cr_expect_eq(stage_ns(events, "wait"), 79520);
	cr_expect_eq(stage_ns(events, "wake"), 480);
	cr_expect_eq(stage_ns(events, "inject"), 600);
	cr_expect_eq(stage_ns(events, "deliver"), 690);
	cr_expect_eq(stage_ns(events, "handler"), 500);
	cr_expect_eq(stage_ns(events, "event 30: 1.3 us late"), 91790);
	json_decref(root);
	free(document);
}

Test(export_trace, events_of_other_shapes)
{
	refused(export_trace, CYCLIC(""), "no run with events");
	refused(export_trace, CYCLIC("{\"events\": {\"columns\": [], \"rows\": [[1], 2, null]}}"),
		"no run with events");
	json_t *root = exported(export_trace,
		CYCLIC("{\"events\": {\"columns\": [\"deadline\", \"enter\", \"done\"], \"rows\": "
		       "[[5, 9, 7], [null, 2, 3]]}}"));

	cr_expect_not_null(root);
	json_decref(root);
}

/* ---- a sweep's runs ---- */

Test(export_runs, those_in_cells_too)
{
	json_t *root = exported(export_cyclictest,
		"{\"tsc_hz\": 1000000000, \"cells\": [{\"name\": \"a\", \"rounds\": [{\"run\": "
		"[" THREAD("[[1, 1, 4]]") "]}, {\"run\": " THREAD("[[1, 1, 4]]") "}]}]}");

	cr_expect_eq(number(root, "num_threads"), 2);
	json_decref(root);
}
