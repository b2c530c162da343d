/* SPDX-License-Identifier: BSD-2-Clause */
/* tickvm compare as a user types it: on made-up files, and two configurations of a guest in turns.
 */
#include "tickvm_command.h"

#include <stdlib.h>
#include <string.h>

static char directory[] = "/tmp/tickvm-compare-XXXXXX";

/* A results file of one metric, ten rounds around p50; more: further members. */
static void write_results(const char *name, int p50, const char *more)
{
	char path[64];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	json_t *values = json_array();

	for (int i = 0; i < 10; i++)
		json_array_append_new(values, json_integer(p50 + i));
	json_t *root = json_pack("{s:s, s:{s:s, s:s, s:s, s:i, s:i}, s:[{s:s, s:s, s:s, s:o}]}",
		"schema", "tickvm-results/1", "host", "cpu_model", "C", "kernel", "6",
		"kvm_backend", "pvm", "cpus_online", 2, "cpus_allowed", 2, "metrics", "name",
		"timer/dedicated/100us/p50", "unit", "ns", "better", "lower", "values", values);
	json_t *members = json_loads(more, 0, NULL);

	cr_assert_eq(json_object_update(root, members), 0);
	json_decref(members);
	cr_assert_eq(json_dump_file(root, path, 0), 0);
	json_decref(root);
}

static void setup(void)
{
	cr_assert_not_null(mkdtemp(directory));
	cr_assert_eq(setenv("DIR", directory, 1), 0);
	write_results("old", 10000, "{}");
	write_results("same", 10000, "{}");
	write_results("worse", 11000, "{}");
	write_results("elsewhere", 10000, "{\"host\": {\"kernel\": \"5\"}}");
	write_results("later", 10000, "{\"schema\": \"tickvm-results/3\"}");
	write_results("bare", 10000, "{\"metrics\": []}");
}

static void teardown(void)
{
	shell("rm -r \"$DIR\"");
}

TestSuite(compare_cli, .init = setup, .fini = teardown);

static void says(const char *text, const char *part)
{
	cr_expect(strstr(text, part) != NULL, "\"%s\" does not say \"%s\"", text, part);
}

static void refused(const char *line, const char *why)
{
	struct result r = tickvm(line);

	cr_expect_eq(r.status, 2, "%s: status %d", line, r.status);
	cr_expect_str_empty(r.out);
	says(r.err, why);
	cr_expect_eq(strchr(r.err, '\n'), r.err + strlen(r.err) - 1, "one line: %s", r.err);
}

Test(compare_cli, verdicts_and_status)
{
	struct result r = tickvm("compare $DIR/old $DIR/same");

	cr_expect_eq(r.status, 0, "%s", r.err);
	says(r.out, "ok: no gated metric is worse: 0 better, 1 without a difference");
	r = tickvm("compare $DIR/old $DIR/worse");
	cr_expect_eq(r.status, 1);
	says(r.out, "timer/dedicated/100us/p50 is worse: 11004.5 ns, was 10004.5 (+10.0 %");
	r = tickvm("compare $DIR/worse $DIR/old --strict");
	cr_expect_eq(r.status, 0);
	says(r.out, "1 better");
	r = tickvm("compare $DIR/old $DIR/worse --floor-relative 11%");
	cr_expect_eq(r.status, 0);
	r = tickvm("compare $DIR/old - <$DIR/worse");
	cr_expect_eq(r.status, 1, "%s", r.err);
}

Test(compare_cli, what_cannot_be_compared)
{
	refused("compare $DIR/old", "expected two: tickvm compare OLD NEW");
	refused("compare $DIR/old $DIR/same $DIR/same", "expected two");
	refused("compare $DIR/old $DIR/none", "cannot open");
	refused("compare $DIR/old $DIR/elsewhere", "of different hosts: CPU C and unknown; kernel");
	refused("compare $DIR/old $DIR/later", "schema tickvm-results/3: made by a later tickvm");
	refused("compare $DIR/old $DIR/bare", "nothing in common");
	refused("compare $DIR/old $DIR/same --alpha 2", "--alpha 2: expected a share");
	refused("compare $DIR/old $DIR/same --gaet x", "did you mean --gate?");
	struct result r = tickvm("compare $DIR/old $DIR/elsewhere --force");

	cr_expect_eq(r.status, 0);
	cr_expect_eq(strncmp(r.out, "unknown: the hosts differ", 25), 0, "first line: %s", r.out);
	shell("head -c 100 $DIR/old >$DIR/cut");
	refused("compare $DIR/cut $DIR/same", "cut:1:100: the file ends here: truncated");
}

Test(compare_cli, rules)
{
	shell("printf '[gate \"*/p50\"]\\nmax-increase = 15%%\\n' >$DIR/rules");
	struct result r = tickvm("compare $DIR/old $DIR/worse --gate $DIR/rules");

	cr_expect_eq(r.status, 0, "%s%s", r.out, r.err);
	shell("printf '[gate \"*/p99\"]\\n' >$DIR/rules");
	r = tickvm("compare $DIR/old $DIR/worse --gate $DIR/rules");
	cr_expect_eq(r.status, 0);
	says(r.out, "none of the metrics is gated");
	says(r.out, "rules:1: [gate \"*/p99\"]");
	r = tickvm("compare $DIR/old $DIR/worse --strict --gate $DIR/rules");
	cr_expect_eq(r.status, 1);
	shell("printf '[gate \"*\"]\\n\\nmax-incraese = 5%%\\n' >$DIR/rules");
	refused("compare $DIR/old $DIR/worse --gate $DIR/rules",
		"rules:3: max-incraese = 5%: expected one of the keys max-increase");
}

Test(compare_cli, output_files)
{
	struct result r = tickvm("compare $DIR/old $DIR/worse --json $DIR/json --csv $DIR/csv "
				 "--markdown -");
	char path[64];

	cr_expect_eq(r.status, 1);
	says(r.out, "| p50    | yes  | 10.005 | 11.005 |");
	r = shell("cat $DIR/csv");
	says(r.out, "timer/dedicated/100us,p50,yes,");
	snprintf(path, sizeof(path), "%s/json", directory);
	json_t *root = json_load_file(path, 0, NULL);
	const json_t *comparison = json_object_get(root, "comparison");
	const json_t *metric = json_array_get(json_object_get(comparison, "metrics"), 0);

	cr_assert_not_null(metric);
	cr_expect_str_eq(json_string_value(json_object_get(root, "bench")), "compare");
	cr_expect_str_eq(json_string_value(json_object_get(metric, "outcome")), "worse");
	cr_expect_float_eq(json_number_value(json_object_get(metric, "change")), 1000, 1e-9);
	json_decref(root);
	r = tickvm("report $DIR/json");
	cr_expect_eq(r.status, 0, "%s", r.err);
	says(r.out, "is worse");
}

Test(compare_cli, live_configurations_are_checked)
{
	refused("compare --live 'timer' 'timr'", "--live 'timr': 'timr': no such experiment");
	refused("compare --live '' 'timer'", "--live '': '': no such experiment");
	refused("compare --live 'timer --source nothing' 'timer'", "unknown 'nothing'");
	refused("compare --live 'timer --json x' 'timer'", "do not belong to a configuration");
	refused("compare --live 'timer --vcpus 99' 'timer'", "from 1 to 16");
	refused("compare --live timer timer --max-rounds 7", "from 8 to 200");
}

/* The rounds that a metric has of each side when the looks end. */
static void live(const char *cells, int status, int looks, const char *outcome)
{
	char line[256];

	snprintf(line, sizeof(line), "compare --live %s --max-rounds 16 --quiet --json -", cells);
	struct result r = model(line);

	cr_assert_eq(r.status, status, "%s: %d: %s", cells, r.status, r.err);
	json_t *root = json_loads(r.out, 0, NULL);
	const json_t *comparison = json_object_get(root, "comparison");
	const json_t *metric = json_array_get(json_object_get(comparison, "metrics"), 0);

	cr_expect_eq(json_integer_value(json_object_get(comparison, "looks")), looks);
	cr_expect_eq(json_array_size(json_object_get(metric, "old")), 4 * (size_t)looks);
	cr_expect_eq(json_array_size(json_object_get(metric, "new")), 4 * (size_t)looks);
	cr_expect_str_eq(json_string_value(json_object_get(metric, "outcome")), outcome);
	json_decref(root);
}

/* At the first look 2 blocks of A B B A have 36 orders, too few for 5 % in 4 looks; at the second
 * there are 1,296. */
Test(compare_cli, live)
{
	live("model 'model --timer-spin 0'", 1, 2, "worse");
	live("'model --timer-spin 0' model", 0, 2, "better");
	live("model model", 0, 2, "no difference");
	struct result r = model("compare --live model 'model --status 1' --quiet");

	cr_expect_eq(r.status, 1, "%d", r.status);
	says(r.err, "model --status 1: bench model ended with status 1");
}

/* Guests, in turns. Other sources have metrics of other names. */
Test(compare_cli, live_with_nothing_in_common)
{
	need_kvm();
	refused("compare --live 'timer --source dedicated --count 100 --interval 200us' "
		"'timer --source kvm-lapic --count 100 --interval 200us' --max-rounds 8 --quiet",
		"nothing in common");
}
