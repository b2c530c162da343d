/* SPDX-License-Identifier: BSD-2-Clause */
/* What tickvm report writes for other tools, read by parsers that are not ours: xmllint, prove, jq.
 * What the figures must be is tests/unit's business. */
#include "tickvm_command.h"

#include "tickvm/page.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char directory[] = "/tmp/tickvm-export-XXXXXX";

static void setup(void)
{
	cr_assert_not_null(mkdtemp(directory));
	cr_assert_eq(setenv("DIR", directory, 1), 0);
}

static void teardown(void)
{
	shell("rm -r \"$DIR\"");
}

TestSuite(export, .init = setup, .fini = teardown, .timeout = HUNG);

static void need(const char *program, const char *package)
{
	char line[128];

	snprintf(line, sizeof(line), "command -v %s", program);
	if (shell(line).status != 0)
		cr_skip_test("%s is not installed (Debian: %s)", program, package);
}

static void succeeds(const char *line)
{
	struct result r = shell(line);

	cr_expect_eq(r.status, 0, "%s: status %d\n%s%s", line, r.status, r.out, r.err);
}

static void reports(const char *line)
{
	struct result r = tickvm(line);

	cr_expect_eq(r.status, 0, "%s: status %d: %s", line, r.status, r.err);
}

/* ---- results files ---- */

/* With everything in its texts that any of the formats has a meaning for. */
#define NASTY "<&\"'> # SKIP \\ ]]> --- ... \x01\x1b[31m\r \xc2\x9f\xef\xbf\xbf µs"

static struct page *nasty_page(void)
{
	struct page *page = page_create();

	page_verdict(page, VERDICT_GOOD, "dispatch adds 4.5 %% (limit 10 %%)");
	page_verdict(page, VERDICT_BAD, "12 # TODO\nnot ok 3 " NASTY);
	page_verdict(page, VERDICT_BAD, "13 # TODO\nnot ok 3 " NASTY);
	page_verdict(page, VERDICT_UNKNOWN, "Bail out! " NASTY);
	page_verdict(page, VERDICT_GOOD, " ");
	return page;
}

/* 8 cases: 3 passed, 2 failed, 2 skipped, 1 error. */
static void write_nasty(const char *name)
{
	char path[128];
	struct page *page = nasty_page();
	json_t *root = json_pack("{s:s, s:s, s:s, s:s, s:s, s:I, s:b, s:o, s:[{s:s, s:s}], "
				 "s:[{s:s, s:[{s:i}]}]}",
		"schema", "tickvm-results/1", "bench", NASTY, "tickvm_version", NASTY, "time",
		"2026-02-30T01:02:03Z", "command_line", NASTY, "duration_ns",
		(json_int_t)1234567890, "interrupted", 1, "page", page_json(page), "skipped",
		"source", NASTY, "reason", NASTY, "cells", "name", NASTY, "rounds", "status", 0);

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	cr_assert_eq(json_dump_file(root, path, 0), 0);
	json_decref(root);
	page_destroy(page);
}

/* Real ones, of few events: a launch takes longer. */
static void measure(void)
{
	need_kvm();
	need("jq", "jq");
	struct result r = tickvm("bench timer --source dedicated,kvm-lapic,native --interval 100us "
				 "--count 50 --runs 2 --quiet --json $DIR/timer.json");

	if (r.status == 77)
		cr_skip_test("%s", r.err);
	cr_assert_eq(r.status, 0, "%s", r.err);
}

/* Computed ones, and two more, so that this does not depend on which an experiment has. */
static void compute(void)
{
	need("jq", "jq");
	succeeds("\"$TICKVM_MODEL\" bench model --runs 3 --quiet --json $DIR/model.json");
	succeeds("jq '.metrics += [{name: \"test/lower\", unit: \"ns\", better: \"lower\", values: "
		 "[3, 4.5]}, {name: \"test/higher\", unit: \"ops/s\", better: \"higher\", values: "
		 "[7]}]' $DIR/model.json >$DIR/metrics.json");
}

/* jq says true of it. */
static void holds(const char *path, const char *filter)
{
	char line[1024];

	snprintf(line, sizeof(line), "jq -e '%s' %s/%s", filter, directory, path);
	succeeds(line);
}

/* ---- test cases ---- */

Test(export, junit_is_valid_whatever_the_texts_are)
{
	need("xmllint", "libxml2-utils");
	write_nasty("a.json");
	write_nasty("b.json");
	reports("report $DIR/a.json $DIR/b.json -o $DIR/a.xml");
	succeeds("xmllint --noout --schema tests/junit.xsd $DIR/a.xml");
	struct result r = shell("xmllint --xpath 'concat(count(//testcase), \" \", "
				"count(//failure), \" \", count(//skipped), \" \", count(//error), "
				"\" \", sum(//@tests), \" \", sum(//@failures), \" \", "
				"sum(//@skipped), \" \", sum(//@errors), \" \", sum(//@time))' "
				"$DIR/a.xml");

	cr_expect_str_eq(r.out, "16 4 4 2 16 4 4 2 2.47\n", "%s%s", r.out, r.err);
	r = shell("xmllint --xpath 'string(//skipped/@message)' $DIR/a.xml");
	cr_expect_str_eq(r.out, "Bail out! <&\"'> # SKIP \\ ]]> --- ... \xef\xbf\xbd\xef\xbf\xbd"
				"[31m\xef\xbf\xbd \xef\xbf\xbd\xef\xbf\xbd µs\n");
}

/* The schema is ours: it must see what is wrong. */
Test(export, junit_schema_sees_what_is_wrong)
{
	static const char *const edits[] = {"s/<skipped/<ignored/",
		"s/ name=\"[^\"]*\" time/ time/", "s/tests=\"8\"/tests=\"eight\"/",
		"s/T[0-9:]*\"/&Z\"/; s/\"Z/Z/", "s/<failure type=/<failure kind=/", "/system-err/d",
		"s/time=\"1.235\"/time=\"1e3\"/"};

	need("xmllint", "libxml2-utils");
	write_nasty("a.json");
	reports("report $DIR/a.json -o $DIR/good.xml");
	for (size_t i = 0; i < sizeof(edits) / sizeof(edits[0]); i++) {
		char line[256];

		snprintf(line, sizeof(line),
			"sed '%s' $DIR/good.xml >$DIR/bad.xml; ! cmp -s $DIR/good.xml $DIR/bad.xml",
			edits[i]);
		succeeds(line);
		cr_expect_eq(shell("xmllint --noout --schema tests/junit.xsd $DIR/bad.xml").status,
			3, "%s", edits[i]);
	}
}

Test(export, tap_is_what_prove_makes_of_it)
{
	need("prove", "perl");
	write_nasty("a.json");
	reports("report $DIR/a.json -o $DIR/a.tap");
	struct result r = shell("prove --exec cat $DIR/a.tap");

	cr_expect_eq(r.status, 1);
	cr_expect_not_null(strstr(r.out, "Tests: 8 Failed: 3"), "%s", r.out);
	cr_expect_not_null(strstr(r.out, "less 2 skipped subtests: 3 okay"), "%s", r.out);
	cr_expect_null(strstr(r.out, "Parse errors"), "%s", r.out);
	/* A whole file of verdicts that hold passes. */
	shell("sed 's/\"interrupted\": true/\"interrupted\": false/; s/\"good\": false/\"good\": "
	      "true/g' $DIR/a.json >$DIR/b.json");
	reports("report $DIR/b.json -o $DIR/b.tap");
	succeeds("prove --exec cat $DIR/b.tap");
}

Test(export, tap_keeps_texts_and_reasons)
{
	need("prove", "perl");
	write_nasty("a.json");
	reports("report $DIR/a.json -o $DIR/a.tap");
	struct result r = shell(
		"perl -MTAP::Parser -e 'my $p = TAP::Parser->new({source => $ARGV[0]}); while (my "
		"$r = $p->next) { print $r->number, \"|\", $r->directive, \"|\", $r->explanation, "
		"\"\\n\" if $r->is_test && $r->directive; print $r->data->{severity}, \"|\", "
		"$r->data->{message}, \"\\n\" if $r->is_yaml } print $p->parse_errors' $DIR/a.tap");

	cr_expect_not_null(strstr(r.out, "error|interrupted: what was measured until then\n"),
		"%s%s", r.out, r.err);
	cr_expect_not_null(strstr(r.out, "fail|12 # TODO not ok 3 <&\"'> # SKIP \\ ]]> --- ... "));
	cr_expect_not_null(strstr(r.out, "5|SKIP|Bail out! <&\"'> \\# SKIP \\\\ ]]> --- ... "));
	cr_expect_not_null(strstr(r.out, "8|SKIP|<&\"'> "));
}

/* ---- what a real bench leaves ---- */

/* Whether the host met its verdicts or not: the file says which, and so do the test cases. */
Test(export, test_cases_of_a_real_bench)
{
	measure();
	need("xmllint", "libxml2-utils");
	need("prove", "perl");
	reports("report $DIR/timer.json -o $DIR/timer.xml");
	succeeds("xmllint --noout --schema tests/junit.xsd $DIR/timer.xml");
	reports("report $DIR/timer.json -o $DIR/timer.tap");
	succeeds("prove --exec cat $DIR/timer.tap; failed=$?; "
		 "bad=$(jq '[.page.items[] | select(.verdict and .good == false)] | length' "
		 "$DIR/timer.json); test $bad = $(grep -c '^not ok' $DIR/timer.tap) && "
		 "test $((failed != 0)) = $((bad != 0))");
	holds("timer.json", ".duration_ns > 0");
}

Test(export, metrics_in_the_fields_their_tools_document)
{
	compute();
	reports("report $DIR/metrics.json --format github -o $DIR/smaller.json");
	reports("report $DIR/metrics.json --format github-bigger -o $DIR/bigger.json");
	reports("report $DIR/metrics.json --format bencher -o $DIR/bmf.json");
	reports("report $DIR/metrics.json --format metrics -o $DIR/metrics.csv");
	/* github.com/benchmark-action/github-action-benchmark: interface BenchmarkResult */
	holds("smaller.json", "length > 0 and all(.[]; (keys - [\"name\", \"unit\", \"value\", "
			      "\"range\", \"extra\"] == []) and (.value | type == \"number\") and "
			      "all(.name, .unit, .range, .extra; type == \"string\"))");
	holds("smaller.json", "any(.[]; .name == \"test/lower\" and .value == 3.75)");
	holds("bigger.json", "any(.[]; .name == \"test/higher\" and .value == 7)");
	/* bencher.dev/docs/reference/bencher-metric-format: its schema */
	holds("bmf.json",
		"length > 0 and all(.[][]; (keys - [\"value\", \"lower_value\", "
		"\"upper_value\"] == []) and all(.[]; type == \"number\") and .lower_value "
		"<= .value and .value <= .upper_value)");
	holds("bmf.json", ".[\"test/higher\"].throughput.value == 7");
	succeeds("grep -q ',test/lower,ns,lower,2,4.5\r$' $DIR/metrics.csv");
}

Test(export, cyclictest_layout_of_real_runs)
{
	measure();
	reports("report $DIR/timer.json --format cyclictest -o $DIR/cyclic.json");
	holds("cyclic.json",
		"keys == ([\"file_version\", \"cmdline:\", \"rt_test_version:\", \"start_time\", "
		"\"end_time\", \"return_code\", \"sysinfo\", \"num_threads\", "
		"\"resolution_in_ns\", \"thread\"] | sort)");
	holds("cyclic.json",
		".num_threads == (.thread | length) and .num_threads >= 2 and all(.thread[]; keys "
		"== [\"avg\", \"cpu\", \"cycles\", \"histogram\", \"max\", \"min\", \"node\"])");
	/* Every sample is in a bucket, none outside of what was measured. */
	holds("cyclic.json", "all(.thread[]; ([.histogram[]] | add) == .cycles and .cycles == 50 "
			     "and (.histogram | keys | map(tonumber)) as $us | ($us | min) >= .min "
			     "and ($us | max) <= .max)");
	holds("cyclic.json", "all(.thread[]; .min <= .avg and .avg <= .max + 1)");
}

Test(export, trace_of_real_runs)
{
	measure();
	reports("report $DIR/timer.json --format trace -o $DIR/trace.json");
	/* Trace Event Format: nestable asynchronous events, metadata events */
	holds("trace.json", "all(.traceEvents[]; (.ph | IN(\"b\", \"e\", \"n\", \"M\")) and (.pid, "
			    ".tid | type == \"number\") and (.name | type == \"string\"))");
	holds("trace.json",
		"all(.traceEvents[] | select(.ph != \"M\"); .ts >= 0 and (.id | type == "
		"\"string\") and .cat == \"event\")");
	/* Begun and ended in the order of a stack, and never backwards. */
	holds("trace.json",
		"[.traceEvents[] | select(.ph == \"b\" or .ph == \"e\")] | group_by(.id) | length "
		"> "
		"20 and all(.[]; reduce .[] as $e ({stack: [], ts: 0, good: true}; if $e.ts < .ts "
		"then .good = false elif $e.ph == \"b\" then .stack += [$e.name] elif .stack[-1] "
		"== $e.name then .stack |= .[:-1] else .good = false end | .ts = $e.ts) | .good "
		"and .stack == [])");
}

/* A job's summary on GitHub: 1 MiB a step, and no charts. */
Test(export, markdown_fits_a_job_summary)
{
	measure();
	reports("report $DIR/timer.json --format markdown -o $DIR/summary.md");
	succeeds("test $(wc -c <$DIR/summary.md) -lt 1048576");
	succeeds("grep -q '^| --' $DIR/summary.md");
}

/* ---- refused ---- */

Test(export, what_a_file_has_none_of_leaves_the_old_output)
{
	static const char *const formats[] = {
		"github", "github-bigger", "bencher", "metrics", "cyclictest", "trace"};

	write_nasty("a.json");
	shell("echo before >$DIR/out");
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		char line[128];

		snprintf(line, sizeof(line), "report $DIR/a.json --format %s -o $DIR/out",
			formats[i]);
		struct result r = tickvm(line);

		cr_expect_eq(r.status, 1, "%s", line);
		cr_expect_eq(strncmp(r.err, "tickvm report: ", 15), 0, "%s", r.err);
		cr_expect_str_eq(shell("cat $DIR/out").out, "before\n", "%s", line);
	}
}
