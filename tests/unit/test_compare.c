/* SPDX-License-Identifier: BSD-2-Clause */
/* Comparisons: what is decided of made-up documents, what is refused, and the rules of gates. */
#include "../../src/bench/compare/compare.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct diag diag;
static struct comparison *comparison;
static struct report_file files[2];
static char rules_path[] = "/tmp/tickvm-rules-XXXXXX";

static void forget(void)
{
	comparison_destroy(comparison);
	comparison = NULL;
	for (int side = 0; side < 2; side++) {
		json_decref(files[side].root);
		files[side].root = NULL;
	}
	unlink(rules_path);
}

TestSuite(compare, .fini = forget);

/* ---- documents ---- */

static json_t *document(void)
{
	return json_pack("{s:{s:s, s:s, s:s, s:i, s:i}, s:[]}", "host", "cpu_model", "a CPU",
		"kernel", "6.18", "kvm_backend", "pvm", "cpus_online", 2, "cpus_allowed", 2,
		"metrics");
}

/* Figures around center, 1 % of it apart; the two sides interleave where center is the same. */
static void add_metric(
	int side, const char *name, const char *unit, const char *better, double center, int rounds)
{
	json_t *values = json_array();

	for (int i = 0; i < rounds; i++)
		json_array_append_new(
			values, json_real(center * (1 + 0.01 * (i - rounds / 2.0) / rounds +
							   0.001 * side * (i % 2 ? 1 : -1))));
	json_array_append_new(json_object_get(files[side].root, "metrics"),
		json_pack("{s:s, s:s, s:s, s:o}", "name", name, "unit", unit, "better", better,
			"values", values));
}

static void begin(void)
{
	forget();
	files[0] = (struct report_file){.path = "old.json", .root = document()};
	files[1] = (struct report_file){.path = "new.json", .root = document()};
}

static void add_pair(const char *name, const char *unit, const char *better, double old,
	double fresh, int rounds)
{
	add_metric(0, name, unit, better, old, rounds);
	add_metric(1, name, unit, better, fresh, rounds);
}

static int compare(struct compare_settings settings)
{
	comparison_destroy(comparison);
	return compare_files(&comparison, &files[0], &files[1], &settings, &diag);
}

static const struct compared *metric(const char *name)
{
	for (size_t i = 0; i < comparison->n; i++) {
		if (strcmp(comparison->metrics[i].name, name) == 0)
			return &comparison->metrics[i];
	}
	cr_assert_fail("no metric %s", name);
	return NULL;
}

static void outcome_is(const char *name, enum outcome expected)
{
	enum outcome outcome = metric(name)->outcome;

	cr_expect_eq(outcome, expected, "%s: %s, not %s", name, outcome_names[outcome],
		outcome_names[expected]);
}

static void good(struct compare_settings settings)
{
	cr_assert_eq(compare(settings), 0, "%s", diag.text);
}

static void bad(struct compare_settings settings, const char *says)
{
	cr_expect_eq(compare(settings), -EINVAL, "accepted, but should say: %s", says);
	cr_expect(strstr(diag.text, says) != NULL, "\"%s\" does not say \"%s\"", diag.text, says);
	cr_expect_null(strchr(diag.text, '\n'));
}

static const struct compare_settings plain = {.force = false};

/* ---- outcomes ---- */

Test(compare, says_what_became_of_each)
{
	begin();
	add_pair("t/p50", "ns", "lower", 10000, 11000, 10);
	add_pair("t/mean", "ns", "lower", 10000, 9000, 10);
	add_pair("t/p99", "ns", "lower", 20000, 20000, 10);
	add_pair("t/max", "ns", "lower", 10000, 90000, 10);
	add_pair("t/rate", "GB/s", "higher", 10, 8, 10);
	add_pair("u/rate", "GB/s", "higher", 10, 12, 10);
	good(plain);
	outcome_is("t/p50", OUTCOME_WORSE);
	outcome_is("t/mean", OUTCOME_BETTER);
	outcome_is("t/p99", OUTCOME_SAME);
	outcome_is("t/max", OUTCOME_SHOWN);
	outcome_is("t/rate", OUTCOME_WORSE);
	outcome_is("u/rate", OUTCOME_BETTER);
	cr_expect(metric("t/p50")->gated && !metric("t/max")->gated && !metric("t/rate")->gated);
	cr_expect(metric("t/p99")->bounded);
	cr_expect_float_eq(metric("t/p50")->change, 1000, 30);
	cr_expect_eq(comparison_status(comparison), 1);
}

Test(compare, what_is_not_gated_fails_nothing)
{
	begin();
	add_pair("t/rate", "GB/s", "higher", 10, 8, 10);
	add_pair("t/p50", "ns", "lower", 10000, 10000, 10);
	good(plain);
	outcome_is("t/rate", OUTCOME_WORSE);
	cr_expect_eq(comparison_status(comparison), 0);
}

Test(compare, both_floors_must_be_reached)
{
	begin();
	add_pair("a/p50", "ns", "lower", 10000, 10400, 10); /* 4 % */
	add_pair("b/p50", "ns", "lower", 500, 590, 10);     /* 18 %, but 90 ns */
	add_pair("c/p50", "cycles", "lower", 1000, 1150, 10);
	add_pair("d/p50", "odd", "lower", 0.001, 0.0011, 10); /* a unit without a floor */
	good(plain);
	outcome_is("a/p50", OUTCOME_BELOW);
	outcome_is("b/p50", OUTCOME_BELOW);
	outcome_is("c/p50", OUTCOME_BELOW);
	outcome_is("d/p50", OUTCOME_WORSE);
	good((struct compare_settings){
		.floor_relative = "3%", .floor_absolute = "80ns,0.1us,50ns"});
	outcome_is("a/p50", OUTCOME_WORSE);
	outcome_is("b/p50", OUTCOME_WORSE);
	outcome_is("c/p50", OUTCOME_BELOW);
}

static void add_sentinels(int side, int bare_exit_ns)
{
	json_t *rounds = json_array();

	for (int i = 0; i < 3; i++)
		json_array_append_new(
			rounds, json_pack("{s:{s:i}}", "sentinel", "bare_exit_ns", bare_exit_ns));
	json_object_set_new(files[side].root, "cells", json_pack("[{s:o}]", "rounds", rounds));
}

/* The whole host is 8 % slower: what got slower with it did not change, and its floor is larger. */
Test(compare, the_speed_of_the_host_is_allowed_for)
{
	begin();
	add_sentinels(0, 3000);
	add_sentinels(1, 3240);
	add_pair("a/p50", "ns", "lower", 10000, 10800, 10);
	add_pair("b/p50", "ns", "lower", 10000, 12000, 10);
	add_pair("c/p50", "ns", "lower", 10000, 10000, 10); /* 7.4 % faster than the host */
	add_pair("d/p50", "GB/s", "higher", 10, 9, 10);     /* no time */
	good(plain);
	cr_expect_float_eq(comparison->host_moved, 0.08, 1e-9);
	outcome_is("a/p50", OUTCOME_SAME);
	outcome_is("b/p50", OUTCOME_WORSE);
	outcome_is("c/p50", OUTCOME_BELOW);
	outcome_is("d/p50", OUTCOME_WORSE);
	cr_expect_float_eq(metric("b/p50")->margin_up / 10000, 0.09, 0.001);
}

/* What moved by 20 % within one file does not count between two. */
Test(compare, what_a_metric_wanders_by_itself_does_not_count)
{
	json_t *values;

	begin();
	add_pair("a/p50", "ns", "lower", 10000, 11500, 10);
	values = json_object_get(
		json_array_get(json_object_get(files[0].root, "metrics"), 0), "values");
	for (size_t i = 0; i < 5; i++)
		json_array_set_new(values, i, json_real(8000 + (double)i));
	good(plain);
	cr_expect_gt(metric("a/p50")->wander, 1900);
	outcome_is("a/p50", OUTCOME_WORSE);
	for (size_t i = 0; i < 5; i++)
		json_array_set_new(values, i, json_real(7000 + (double)i));
	json_array_set_new(values, 4, json_real(11000));
	good(plain);
	outcome_is("a/p50", OUTCOME_BELOW);
}

Test(compare, too_few_rounds_are_inconclusive)
{
	begin();
	add_pair("a/p50", "ns", "lower", 10000, 20000, 3);
	add_pair("b/p50", "ns", "lower", 10000, 20000, 10);
	add_pair("c/p50", "ns", "lower", 10000, 20000, 0);
	good(plain);
	outcome_is("a/p50", OUTCOME_INCONCLUSIVE);
	outcome_is("b/p50", OUTCOME_WORSE);
	outcome_is("c/p50", OUTCOME_INCONCLUSIVE);
	begin();
	add_pair("a/p50", "ns", "lower", 10000, 20000, 1);
	good(plain);
	cr_expect_eq(comparison_status(comparison), 0);
	good((struct compare_settings){.strict = true});
	cr_expect_eq(comparison_status(comparison), 1);
}

/* Four rounds of each tell one metric (2 of 70), not ten. */
Test(compare, rounds_enough_for_one_are_too_few_for_many)
{
	begin();
	add_pair("a/p50", "ns", "lower", 10000, 20000, 4);
	good(plain);
	outcome_is("a/p50", OUTCOME_WORSE);
	for (int i = 0; i < 9; i++) {
		char name[32];

		snprintf(name, sizeof(name), "%d/p50", i);
		add_pair(name, "ns", "lower", 10000, 20000, 4);
	}
	good(plain);
	outcome_is("a/p50", OUTCOME_INCONCLUSIVE);
	/* What is not gated does not cost the gates power. */
	char rules[] = "/tmp/tickvm-rules-XXXXXX";
	int fd = mkstemp(rules);
	cr_assert(fd >= 0 && write(fd, "[gate \"a/*\"]\n", 13) == 13);
	close(fd);
	good((struct compare_settings){.gate = rules});
	unlink(rules);
	outcome_is("a/p50", OUTCOME_WORSE);
	outcome_is("0/p50", OUTCOME_INCONCLUSIVE);
}

Test(compare, alpha)
{
	begin();
	add_pair("a/p50", "ns", "lower", 10000, 20000, 4);
	good((struct compare_settings){.alpha = "1%"});
	outcome_is("a/p50", OUTCOME_INCONCLUSIVE);
	bad((struct compare_settings){.alpha = "0"}, "--alpha 0: expected a share above 0");
	bad((struct compare_settings){.alpha = "51%"}, "--alpha 51%: expected");
	bad((struct compare_settings){.alpha = "inf"}, "--alpha inf: expected");
	bad((struct compare_settings){.floor_relative = "-1"}, "--floor-relative -1: expected");
	bad((struct compare_settings){.floor_absolute = "100"}, "--floor-absolute 100: expected");
	bad((struct compare_settings){.floor_absolute = "1ns,"}, "--floor-absolute 1ns,: expected");
}

/* ---- two sides that do not fit ---- */

Test(compare, other_hosts)
{
	begin();
	add_pair("a/p50", "ns", "lower", 10000, 10000, 10);
	json_object_set_new(
		json_object_get(files[1].root, "host"), "kernel", json_string("6.1\x1b[2J"));
	bad(plain, "of different hosts: kernel 6.18 and 6.1?[2J; expected one host, or --force");
	good((struct compare_settings){.force = true});
	struct page *page = page_create();
	char *text;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	comparison_page(comparison, page);
	page_print(page, PAGE_TEXT, out);
	fclose(out);
	cr_expect_eq(strncmp(text, "unknown: the hosts differ", 25), 0, "%s", text);
	free(text);
	page_destroy(page);
	json_object_del(files[1].root, "host");
	bad(plain, "CPU a CPU and unknown");
}

Test(compare, missing_metrics_are_named)
{
	begin();
	add_pair("a/p50", "ns", "lower", 10000, 10000, 10);
	add_metric(0, "gone/p99", "ns", "lower", 1, 10);
	add_metric(0, "gone/max", "ns", "lower", 1, 10);
	add_metric(1, "new/p99", "ns", "lower", 1, 10);
	good(plain);
	cr_expect_eq(json_array_size(comparison->only[0]), 2);
	cr_expect_eq(json_array_size(comparison->only[1]), 1);
	cr_assert_eq(json_array_size(comparison->unguarded), 1);
	cr_expect_str_eq(json_string_value(json_array_get(comparison->unguarded, 0)), "gone/p99");
	cr_expect_eq(comparison_status(comparison), 0);
	good((struct compare_settings){.strict = true});
	cr_expect_eq(comparison_status(comparison), 1);
}

Test(compare, nothing_in_common)
{
	begin();
	add_metric(0, "a", "ns", "lower", 1, 10);
	bad(plain, "nothing in common: old.json has 1 metrics, new.json has 0");
	begin();
	add_metric(0, "a", "ns", "lower", 1, 10);
	add_metric(1, "a", "us", "lower", 1, 10);
	bad(plain, "old.json: metrics[0]: expected the unit and direction that new.json has");
}

Test(compare, malformed_metrics)
{
	static const struct {
		const char *json, *says;
	} cases[] = {{"1", "new.json: metrics: expected an array"},
		{"[1]", "new.json: metrics[0]: expected a member \"name\""},
		{"[{\"name\":\"\"}]", "expected a member \"name\""},
		{"[{\"name\":\"a\"}]", "expected a member \"unit\""},
		{"[{\"name\":\"a\",\"unit\":\"ns\",\"better\":\"less\"}]",
			"\"better\": \"lower\" or \"higher\""},
		{"[{\"name\":\"a\",\"unit\":\"ns\",\"better\":\"lower\",\"values\":3}]",
			"\"values\": at most 1000 numbers"},
		{"[{\"name\":\"a\",\"unit\":\"ns\",\"better\":\"lower\",\"values\":[\"1\"]}]",
			"numbers in \"values\""},
		{"[{\"name\":\"a\",\"unit\":\"\",\"better\":\"lower\",\"values\":[]},"
		 "{\"name\":\"a\",\"unit\":\"\",\"better\":\"lower\",\"values\":[]}]",
			"metrics[1]: expected another name"}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		begin();
		json_object_set_new(
			files[1].root, "metrics", json_loads(cases[i].json, JSON_DECODE_ANY, NULL));
		bad(plain, cases[i].says);
	}
	begin();
	json_object_del(files[0].root, "metrics");
	bad(plain, "old.json: no member \"metrics\": made by an older tickvm");
	begin();
	add_metric(0, "a", "ns", "lower", 1, PERMUTATION_ROUNDS_MAX + 1);
	bad(plain, "at most 1000 numbers");
}

Test(compare, extreme_figures_are_harmless)
{
	begin();
	for (int side = 0; side < 2; side++)
		json_array_append_new(json_object_get(files[side].root, "metrics"),
			json_pack("{s:s, s:s, s:s, s:[f,f,f,f,f,f]}", "name", "a/p50", "unit", "ns",
				"better", "lower", "values", 1e308, -1e308, 0.0, -0.0, 5e-324,
				1.7e308));
	good(plain);
	json_t *json = comparison_json(comparison);

	cr_expect_not_null(json);
	json_decref(json);
}

/* ---- rules ---- */

static struct compare_settings rules(const char *text)
{
	strcpy(rules_path + sizeof(rules_path) - 7, "XXXXXX");
	int fd = mkstemp(rules_path);

	cr_assert(fd >= 0);
	cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	return (struct compare_settings){.gate = rules_path};
}

Test(compare, rules_choose_metrics_and_floors)
{
	begin();
	add_pair("cell: timer/dedicated/100us/p99", "ns", "lower", 10000, 10800, 10);
	add_pair("timer/kvm-lapic/100us/p99", "ns", "lower", 10000, 10800, 10);
	add_pair("memory/read/64", "GB/s", "higher", 10, 9, 10);
	add_pair("a/p50", "ns", "lower", 10000, 20000, 10);
	add_pair("a/max", "ns", "lower", 10000, 20000, 10);
	good(rules("# comment\n\f[gate \"*timer/dedicated/*/p99\"]\n  max-increase = 10%\n"
		   "  floor = 500ns\n\n[gate \"*/p9?\"]\nfloor=0.7us\n"
		   "[gate \"memory/*\"]\nmax-decrease = 0.2\n[gate \"a/m*\"]\n"));
	unlink(rules_path);
	outcome_is("cell: timer/dedicated/100us/p99", OUTCOME_BELOW); /* 8 % of 10 % */
	outcome_is("timer/kvm-lapic/100us/p99", OUTCOME_WORSE);       /* above 5 % and 700 ns */
	outcome_is("memory/read/64", OUTCOME_BELOW);                  /* 10 % of 20 % */
	outcome_is("a/p50", OUTCOME_WORSE);
	cr_expect(!metric("a/p50")->gated && !metric("a/max")->gated);
	cr_expect_eq(comparison_status(comparison), 1);
	/* A rule that guards nothing is said to. */
	cr_assert_eq(json_array_size(comparison->unguarded), 1);
	cr_expect(strstr(json_string_value(json_array_get(comparison->unguarded, 0)),
			  ":10: [gate \"a/m*\"]") != NULL);
}

Test(compare, malformed_rules)
{
	static const struct {
		const char *text, *says;
	} cases[] = {{"", ": no rule; expected [gate \"PATTERN\"]"},
		{"[gate]\n", ":1: expected [gate \"PATTERN\"]"},
		{"[gate \"a\"\n", ":1: expected [section] or key = value"},
		{"[gate \"\"]\n", ":1: expected [gate \"PATTERN\"]"},
		{"[gate \"a\"] b\n", ":1: expected [section] or key = value"},
		{"[gate \"a\"b]\n", ":1: expected [gate \"PATTERN\"]"},
		{"\n[machine]\n", ":2: expected [gate \"PATTERN\"]"},
		{"floor = 1ns\n", ":1: floor = 1ns: expected a section before it"},
		{"\xef\xbb\xbf[gate \"*\"]\nfloor = 1\n", ":2: floor = 1: expected a number"},
		{"[gate \"*\"]\nfloor = 1ns\nfloor = 2ns\n",
			":3: floor = 2ns: expected each key once in a section"},
		{"[gate \"*\"]\nmax-increase = 1%\nmax-increase = 2%\n",
			":3: max-increase = 2%: expected each key once in a section"},
		{"[gate \"*\"]\nmax-decrease = 1%\nmax-decrease = 2%\n",
			":3: max-decrease = 2%: expected each key once in a section"},
		{"[gate \"a*\"]\n[gate \"a\"]\n[gate \"a*\"]\n",
			":3: there is a [gate] of that pattern already, on line 1"},
		{"[gate \"*\"]\nceiling = 1\n", ":2: ceiling = 1: expected one of the keys"},
		{"[gate \"*\"]\nfloor = 5\n", ":2: floor = 5: expected a number and a unit"},
		{"[gate \"*\"]\nfloor = ns\n", ":2: floor = ns: expected a number and a unit"},
		{"[gate \"*\"]\n\nmax-increase = ten\n",
			":3: max-increase = ten: expected a share, as 10% or 0.1"},
		{"[gate \"*\"]\nmax-increase = -1%\n", ":2: max-increase = -1%: expected a share"},
		{"[gate \"*\"]\nnonsense\n", ":2: expected [section] or key = value"},
		{"[gate \"timer/*/max\"]\n", ":1: a single maximum is never gated"},
		{"[gate \"a*\"]\nfloor = 1cycles\n",
			":1: floor: in cycles, but a metric that [gate \"a*\"] matches is in ns"}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		begin();
		add_pair("a/p50", "ns", "lower", 1, 1, 10);
		bad(rules(cases[i].text), cases[i].says);
		unlink(rules_path);
	}
	char line[400] = "[gate \"*\"]\nfloor = ";

	memset(line + strlen(line), '1', 100);
	bad(rules(line), ": expected a number and a unit");
	unlink(rules_path);
	memset(line + 100, '1', 250);
	bad(rules(line), "...: expected a number and a unit");
	unlink(rules_path);
	cr_expect_eq(compare((struct compare_settings){.gate = "/nonexistent/rules"}), -ENOENT);
}

/* A pattern that would take for ever with a star tried in every place. */
Test(compare, patterns)
{
	static const char many_stars[] =
		"[gate \"*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b\"]\n[gate \"*\"]\n";
	char name[201];

	memset(name, 'a', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	begin();
	add_pair(name, "ns", "lower", 10000, 10000, 10);
	good(rules(many_stars));
	unlink(rules_path);
	cr_expect(metric(name)->gated);
}
