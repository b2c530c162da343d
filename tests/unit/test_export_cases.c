/* SPDX-License-Identifier: BSD-2-Clause */
/* Results files as test cases: what passed, and under which name. */
#include "../../src/report/export.h"

#include <criterion/criterion.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

Test(export_text, time_that_is_none_is_the_epoch)
{
	static const struct {
		const char *text;
		int year, day;
	} times[] = {{"2026-02-03T04:05:06Z", 126, 3}, {"2026-02-30T00:00:00Z", 126, 2},
		{"2026-02-03T04:05:06Z, about", 70, 1}, {"1960-01-01T00:00:00Z", 70, 1},
		{"yesterday", 70, 1}, {"", 70, 1}};

	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		struct report_file file = {.root = json_pack("{s:s}", "time", times[i].text)};
		struct tm tm = export_time(&file);

		cr_expect_eq(tm.tm_year, times[i].year, "%s", times[i].text);
		cr_expect_eq(tm.tm_mday, times[i].day, "%s", times[i].text);
		json_decref(file.root);
	}
}

/* ---- cases ---- */

static struct report_file file;
static struct export_suite *suites;

static void read_suite(const char *members)
{
	char text[2048];
	struct diag diag;

	snprintf(text, sizeof(text), "{\"bench\": \"timer\", %s}", members);
	file = (struct report_file){.path = "x", .root = json_loads(text, 0, NULL)};
	cr_assert_not_null(file.root, "%s", text);
	cr_assert_eq(export_suites_read(&suites, &file, 1, &diag), 0, "%s", diag.text);
}

static void done(void)
{
	export_suites_free(suites, 1);
	json_decref(file.root);
}

static void is_case(size_t i, enum export_outcome outcome, const char *name, const char *text)
{
	cr_assert_lt(i, suites->count);
	cr_expect_eq(suites->cases[i].outcome, outcome, "%s", name);
	cr_expect_str_eq(suites->cases[i].name, name);
	cr_expect_str_eq(suites->cases[i].text, text);
}

Test(export_cases, verdicts_keep_their_name_when_figures_change)
{
	read_suite(
		"\"page\": {\"items\": ["
		"{\"verdict\": \"dispatch adds 4.5 % (limit 10 %), 1,234 of -3\", \"good\": true},"
		"{\"verdict\": \"L1 at 100us, 2x of 3: 0.99.\", \"good\": false},"
		"{\"verdict\": \"L1 at 100us, 2x of 3: 0.98.\", \"good\": null},"
		"{\"verdict\": \" \", \"good\": true}]}");
	cr_expect_eq(suites->count, 5);
	is_case(0, EXPORT_PASSED, "measured to the end", "measured to the end");
	is_case(1, EXPORT_PASSED, "dispatch adds … % (limit … %), … of …",
		"dispatch adds 4.5 % (limit 10 %), 1,234 of -3");
	is_case(2, EXPORT_FAILED, "L1 at 100us, 2x of …: ….", "L1 at 100us, 2x of 3: 0.99.");
	is_case(3, EXPORT_SKIPPED, "L1 at 100us, 2x of …: …. (2)", "L1 at 100us, 2x of 3: 0.98.");
	is_case(4, EXPORT_PASSED, "a verdict without words", " ");
	cr_expect_eq(suites->outcomes[EXPORT_PASSED], 3);
	cr_expect_eq(suites->outcomes[EXPORT_FAILED], 1);
	cr_expect_eq(suites->outcomes[EXPORT_SKIPPED], 1);
	done();
}

Test(export_cases, what_is_not_whole_is_an_error)
{
	read_suite("\"page\": {\"items\": []}, \"interrupted\": true");
	is_case(0, EXPORT_ERROR, "measured to the end",
		"interrupted: what was measured until then");
	done();
	read_suite("\"page\": {\"items\": [], \"incomplete\": true}");
	is_case(0, EXPORT_ERROR, "measured to the end", "incomplete: out of memory");
	done();
}

Test(export_cases, skipped_rows_say_what_and_why)
{
	read_suite("\"page\": {\"items\": []}, \"skipped\": ["
		   "{\"source\": \"pit\", \"reason\": \"no PIT\", \"interval_ns\": 50000},"
		   "{\"reason\": 3}]");
	is_case(1, EXPORT_SKIPPED, "source pit, interval_ns 50000", "no PIT");
	is_case(2, EXPORT_SKIPPED, "skipped", "not measured");
	done();
}

Test(export_cases, a_cell_is_as_good_as_its_worst_round)
{
	read_suite("\"page\": {\"items\": []}, \"cells\": ["
		   "{\"name\": \"a\", \"rounds\": [{\"status\": 0}, {\"status\": 0}]},"
		   "{\"name\": \"b\", \"rounds\": [{\"status\": 77}, {\"status\": 0}]},"
		   "{\"name\": \"c\", \"rounds\": [{\"status\": 77}, {\"status\": 77}]},"
		   "{\"name\": \"d\", \"rounds\": [{\"status\": 0}, {\"status\": 1}]},"
		   "{\"name\": \"e\", \"rounds\": [{\"status\": 130}, {\"status\": 1}]},"
		   "{\"name\": \"f\", \"rounds\": [{\"status\": null}]},"
		   "{\"name\": \"g\", \"rounds\": []},"
		   "{\"name\": \"h\", \"rounds\": []}],"
		   "\"skipped\": [{\"cell\": \"h\", \"reason\": \"no PIT\"}, "
		   "{\"cell\": \"h\", \"reason\": \"no PIT\"}]");
	is_case(1, EXPORT_PASSED, "cell a", "cell a: 2 rounds measured");
	is_case(2, EXPORT_PASSED, "cell b",
		"cell b: exit status not 0 in 1 of 2 rounds, 77 in the last of them");
	is_case(3, EXPORT_SKIPPED, "cell c",
		"cell c: exit status not 0 in 2 of 2 rounds, 77 in the last of them");
	is_case(4, EXPORT_FAILED, "cell d",
		"cell d: exit status not 0 in 1 of 2 rounds, 1 in the last of them");
	cr_expect_eq(suites->cases[5].outcome, EXPORT_ERROR);
	cr_expect_eq(suites->cases[6].outcome, EXPORT_ERROR, "no status is no good one");
	is_case(7, EXPORT_SKIPPED, "cell g", "no round measured");
	is_case(8, EXPORT_SKIPPED, "cell h", "no PIT");
	cr_expect_eq(suites->count, 9);
	done();
}

#define COMPARED(name, gated, outcome)                                                             \
	"{\"name\": \"" name "\", \"unit\": \"ns\", \"gated\": " gated ", \"outcome\": \"" outcome \
	"\", \"old_median\": 3, \"new_median\": 4.5}"

Test(export_cases, each_gate_of_a_comparison_is_one)
{
	read_suite("\"page\": {\"items\": []}, \"comparison\": {\"metrics\": [" COMPARED(
		"a/p99", "true", "worse") "," COMPARED("b", "true",
		"no difference") "," COMPARED("c", "true", "better") "," COMPARED("d", "true",
		"inconclusive") "," COMPARED("e", "false", "worse") ", {\"gated\": true}]}");
	cr_expect_eq(suites->count, 6);
	is_case(1, EXPORT_FAILED, "gate a/p99", "a/p99: worse: 4.5 ns, was 3");
	is_case(2, EXPORT_PASSED, "gate b", "b: no difference: 4.5 ns, was 3");
	is_case(3, EXPORT_PASSED, "gate c", "c: better: 4.5 ns, was 3");
	is_case(4, EXPORT_SKIPPED, "gate d", "d: inconclusive: 4.5 ns, was 3");
	cr_expect_eq(suites->cases[5].outcome, EXPORT_ERROR);
	done();
}

Test(export_cases, a_file_without_a_page_is_refused)
{
	struct diag diag;

	file = (struct report_file){.path = "x.json", .root = json_object()};
	cr_expect_eq(export_suites_read(&suites, &file, 1, &diag), -EINVAL);
	cr_expect_not_null(strstr(diag.text, "x.json: no member \"page\""), "%s", diag.text);
	json_decref(file.root);
}
