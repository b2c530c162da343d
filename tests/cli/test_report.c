/* SPDX-License-Identifier: BSD-2-Clause */
/* tickvm report as a user types it, and its page in a browser. Needs no KVM. */
#include "tickvm_command.h"

#include "tickvm/page.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char directory[] = "/tmp/tickvm-report-XXXXXX";

static void setup(void)
{
	cr_assert_not_null(mkdtemp(directory));
	cr_assert_eq(setenv("DIR", directory, 1), 0);
}

static void teardown(void)
{
	shell("rm -r \"$DIR\"");
}

TestSuite(report, .init = setup, .fini = teardown);

/* ---- results files ---- */

static void add_bars(struct page *page)
{
	static const char *const rows[] = {"idle", "sgdt",
		"<b>a benchmark whose name is longer than any column has room for</b>",
		"set-page-table", "print"};
	static const double gnr[] = {0.97, 1.002, 812, 53336, 14.4};
	struct chart *chart = page_chart(page, CHART_BARS, CHART_LOG_Y | CHART_RATIO,
		"Guest/native ratio", "benchmark", "GNR (guest cycles / native cycles)");

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		chart_bar(chart, "CPL 0", rows[i], gnr[i]);
		chart_bar(chart, "CPL 3", rows[i], gnr[i] / 3);
	}
}

static void add_stages(struct page *page)
{
	static const char *const stages[] = {"program", "advance", "wake", "inject", "deliver",
		"kernel", "poll", "unattributed"};
	static const char *const sources[] = {"kvm-lapic", "dedicated-page", "tsc-poll"};
	struct chart *chart = page_chart(
		page, CHART_STACKED, 0, "Mean lateness by stage", "source", "mean lateness (us)");

	for (size_t i = 0; i < 8; i++)
		for (size_t j = 0; j < 3; j++)
			chart_bar(
				chart, stages[i], sources[j], i == 1 ? -2.5 : (double)(i * j) / 3);
}

static void add_curves(struct page *page)
{
	struct chart *bandwidth = page_chart(page, CHART_LINES, CHART_LOG_X | CHART_BYTES_X,
		"Read bandwidth", "vector length", "bandwidth (GB/s)");
	struct chart *events =
		page_chart(page, CHART_POINTS, 0, "Lateness", "event", "lateness (us)");

	for (int i = 8; i <= 26; i++) {
		chart_point(bandwidth, "guest, 4 KiB pages", exp2(i), 60 - i);
		chart_point(bandwidth, "native, 4 KiB pages", exp2(i), 61 - i);
	}
	for (int i = 0; i < 4500; i++)
		chart_point(events, i % 2 ? "lapic" : "pit", i, (i * 7919 % 100) / 10.0 - 1);
}

static struct page *full_page(void)
{
	static const char *const titles[] = {"benchmark", "cycles", "spread", NULL};
	struct page *page = page_create();

	page_verdict(page, VERDICT_GOOD, "every row has a figure or a reason");
	page_verdict(page, VERDICT_BAD, "<script>alert(1)</script> took %d cycles", 3);
	page_verdict(page, VERDICT_UNKNOWN, "hypercall: not tried");
	page_heading(page, "What each operation costs");
	struct table *table = page_table(page, "cycles", "lrr", titles);

	for (int i = 0; i < 30; i++) {
		table_cell(table, "row-%d", i);
		table_cell_figure(table, i * 1000);
		table_cell_figure(table, 1.5);
	}
	page_note(page, "A note of two lines.\nThis is the second.");
	add_bars(page);
	add_stages(page);
	add_curves(page);
	return page;
}

/* Takes page over; NULL: a file without one. */
static void write_results(const char *name, const char *bench, struct page *page)
{
	char path[128];
	json_t *root = json_pack("{s:s, s:s, s:s, s:s, s:{s:s, s:I}}", "schema", "tickvm-results/1",
		"bench", bench, "time", "2026-01-02T03:04:05Z", "command_line", "tickvm bench x",
		"host", "cpu_model", "some CPU", "tsc_hz", (json_int_t)2700000000);

	if (page != NULL)
		json_object_set_new(root, "page", page_json(page));
	snprintf(path, sizeof(path), "%s/%s", directory, name);
	cr_assert_eq(json_dump_file(root, path, 0), 0);
	json_decref(root);
	page_destroy(page);
}

/* ---- the command ---- */

/* One line on stderr that contains says, nothing on stdout. */
static void refused(const char *line, int status, const char *says)
{
	struct result r = tickvm(line);
	size_t length = strlen(r.err);

	cr_expect_eq(r.status, status, "%s: status %d", line, r.status);
	cr_expect_not_null(
		strstr(r.err, says), "%s: \"%s\" does not say \"%s\"", line, r.err, says);
	cr_expect(length > 0 && strchr(r.err, '\n') == r.err + length - 1, "%s", r.err);
	cr_expect_eq(strncmp(r.err, "tickvm report: ", 15), 0, "%s", r.err);
	cr_expect_str_empty(r.out);
}

static void prints(const char *line, const char *says)
{
	struct result r = tickvm(line);

	cr_expect_eq(r.status, 0, "%s: status %d: %s", line, r.status, r.err);
	cr_expect_not_null(strstr(r.out, says), "%s: %s", line, r.out);
	cr_expect_str_empty(r.err);
}

Test(report, format_is_told_or_by_the_ending)
{
	write_results("a.json", "hyperbench", full_page());
	prints("report $DIR/a.json", "\nrow-1 ");
	prints("report $DIR/a.json -o -", "\nrow-1 ");
	prints("report --format csv $DIR/a.json", "cycles,row-1,1000,");
	prints("report --format=markdown -o - $DIR/a.json", "| row-1 ");
	prints("report --format html $DIR/a.json", "<th scope=\"row\">row-1</th>");
	prints("report - <$DIR/a.json", "\nrow-1 ");
	prints("report $DIR/a.json -o $DIR/a.html", "");
	prints("report $DIR/a.json --output=$DIR/a.MD", "");
	prints("report $DIR/a.json -o $DIR/a.data --format csv", "");
	cr_expect_eq(shell("grep -q '<h2>Published figures' $DIR/a.html").status, 0);
	cr_expect_eq(shell("grep -q '^| row-1 ' $DIR/a.MD").status, 0);
	cr_expect_eq(shell("grep -q '^cycles,row-1,' $DIR/a.data").status, 0);
}

Test(report, wrong_usage)
{
	write_results("a.json", "timer", full_page());
	refused("report", 2, "which results?");
	refused("report $DIR/a.json -o", 2, "--output: needs a value");
	refused("report $DIR/a.json -o $DIR/a.pdf", 2,
		"ends with .txt, .md, .csv, .html, .xml or .tap");
	refused("report $DIR/a.json --format pdf", 2,
		"--format pdf: expected text, markdown, csv, html, junit, tap, ");
	refused("report $DIR/a.json --fromat csv", 2, "did you mean --format?");
	refused("report $DIR/a.json --vcpus 2", 2, "no such option");
	prints("report --help", "usage: tickvm report FILE...");
}

Test(report, files_that_are_none)
{
	write_results("old.json", "timer", NULL);
	write_results("a.json", "timer", full_page());
	shell("head -c 300 $DIR/a.json >$DIR/cut.json");
	shell("sed 's|results/1|results/3|' $DIR/a.json >$DIR/later.json");
	shell("echo '{\"schema\": \"tickvm-trace/1\"}' >$DIR/trace.json");
	refused("report /nonexistent/a.json", 1, "cannot open /nonexistent/a.json: No such file");
	refused("report $DIR", 1, "a directory; expected a regular file");
	refused("report $DIR/a.json $DIR/cut.json", 1, "cut.json:1:");
	refused("report $DIR/cut.json", 1, "truncated; expected a tickvm-results/1 file");
	refused("report $DIR/later.json", 1, "made by a later tickvm");
	refused("report $DIR/trace.json", 1, "expected a tickvm-results/1 file");
	refused("report $DIR/old.json", 1, "made by an older tickvm; run the bench again");
	refused("report - <$DIR/cut.json", 1, "standard input:1:");
}

Test(report, what_cannot_be_written_leaves_the_old_file)
{
	write_results("a.json", "timer", full_page());
	write_results("old.json", "timer", NULL);
	refused("report $DIR/a.json -o /nonexistent/a.html", 1, "/nonexistent/a.html");
	shell("echo before >$DIR/a.html");
	refused("report $DIR/old.json -o $DIR/a.html", 1, "older tickvm");
	cr_expect_str_eq(shell("cat $DIR/a.html").out, "before\n");
	refused("report $DIR/a.json -o $DIR/a.json --format text", 2, "one of the results");
	cr_expect_str_eq(shell("grep -c tickvm-results/1 $DIR/a.json").out, "1\n");
	shell("ln -s /dev/full $DIR/full.html");
	refused("report $DIR/a.json -o $DIR/full.html", 1, "cannot write");
	cr_expect_str_eq(shell("ls $DIR/*.tmp 2>/dev/null").out, "");
}

/* ---- the page in a browser ---- */

static struct result check_page(const char *name)
{
	char line[256];

	snprintf(line, sizeof(line), "scripts/check-page %s/%s", directory, name);
	struct result r = shell(line);

	if (r.status == 77)
		cr_skip_test("%s", r.err);
	return r;
}

Test(report, page_is_sound_in_a_browser)
{
	write_results("a.json", "hyperbench", full_page());
	write_results("b.json", "timer", full_page());
	prints("report $DIR/a.json $DIR/b.json -o $DIR/page.html", "");
	struct result r = check_page("page.html");

	cr_expect_eq(r.status, 0, "%s%s", r.out, r.err);
}

/* What the check is for, put into a sound page: it must see each. */
Test(report, browser_check_sees_what_is_wrong)
{
	struct page *page = full_page();

	page_chart(page, CHART_LINES, 0, "nothing in it", "x", "y");
	write_results("a.json", "timer", page);
	prints("report $DIR/a.json -o $DIR/good.html", "");
	shell("sed 's|<main>|&<img src=\"http://192.0.2.1/x\"><p style=\"white-space:nowrap\">"
	      "'\"$(printf 'word %.0s' $(seq 200))\"'</p><p onclick=\"x\">|; s|>row-1<|>r<|; "
	      "s|>set-page-table</text>|>far too long for the room that there is beside "
	      "it</text>|' "
	      "$DIR/good.html >$DIR/bad.html");
	struct result r = check_page("bad.html");

	cr_expect_eq(r.status, 1);
	cr_expect_not_null(strstr(r.out, "an empty chart: Figure 5. nothing in it"), "%s", r.out);
	cr_expect_not_null(strstr(r.out, "fetched: http://192.0.2.1/x"), "%s", r.out);
	cr_expect_not_null(strstr(r.out, "text overflows: word word"), "%s", r.out);
	cr_expect_not_null(strstr(r.out, "outside its chart: far too long"), "%s", r.out);
	cr_expect_not_null(strstr(r.out, "not allowed: script-src"), "%s", r.out);
}
