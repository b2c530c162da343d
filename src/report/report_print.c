/* SPDX-License-Identifier: BSD-2-Clause */
/* The forms of a report, and of them text, Markdown and CSV: each file's page below what it is of.
 * How a page looks there is page_print()'s. */
#include "export.h"

#include "tickvm/text.h"

#include <errno.h>
#include <stdlib.h>

int report_pages_read(
	struct page ***pages, const struct report_file *files, size_t n, struct diag *diag)
{
	*pages = calloc(n + 1, sizeof(**pages));
	if (*pages == NULL)
		return diag_set(diag, -ENOMEM, "out of memory");
	for (size_t i = 0; i < n; i++) {
		(*pages)[i] = report_page(&files[i], diag);
		if ((*pages)[i] == NULL) {
			report_pages_free(*pages, n);
			return -EINVAL;
		}
	}
	return 0;
}

void report_pages_free(struct page **pages, size_t n)
{
	for (size_t i = 0; i < n; i++)
		page_destroy(pages[i]);
	free(pages);
}

const char *report_member(const struct report_file *file, const char *key)
{
	const char *text = json_string_value(json_object_get(file->root, key));

	return text != NULL ? text : "";
}

const char *report_path(const struct report_file *file, char to[REPORT_PATH_MAX])
{
	return text_line(to, REPORT_PATH_MAX, file->path);
}

const char *report_bench(const struct report_file *file)
{
	const char *bench = report_member(file, "bench");

	return *bench != '\0' ? bench : "experiment without a name";
}

/* A page too, so that it is escaped as one. */
static void print_head(const struct report_file *file, enum page_format format, FILE *out)
{
	struct page *head = page_create();

	page_heading(head, "%s, %s", report_bench(file), report_member(file, "time"));
	page_note(head, "%s: %s", file->path, report_member(file, "command_line"));
	if (json_is_true(json_object_get(file->root, "interrupted")))
		page_note(head, "Interrupted: what was measured until then.");
	page_print(head, format, out);
	page_destroy(head);
	fputc('\n', out);
}

int report_print(const struct report_file *files, size_t n, enum page_format format, FILE *out,
	struct diag *diag)
{
	struct page **pages;
	int err = report_pages_read(&pages, files, n, diag);

	if (err < 0)
		return err;
	for (size_t i = 0; i < n; i++) {
		if (i > 0)
			fputs(format == PAGE_CSV ? "\r\n" : "\n\n", out);
		if (format != PAGE_CSV)
			print_head(&files[i], format, out);
		page_print(pages[i], format, out);
	}
	report_pages_free(pages, n);
	return 0;
}

static int print_text(const struct report_file *files, size_t n, FILE *out, struct diag *diag)
{
	return report_print(files, n, PAGE_TEXT, out, diag);
}

static int print_markdown(const struct report_file *files, size_t n, FILE *out, struct diag *diag)
{
	return report_print(files, n, PAGE_MARKDOWN, out, diag);
}

static int print_csv(const struct report_file *files, size_t n, FILE *out, struct diag *diag)
{
	return report_print(files, n, PAGE_CSV, out, diag);
}

const struct report_format report_formats[] = {
	{"text", ".txt", "as the bench printed it", true, print_text},
	{"markdown", ".md", "the same, for a job's summary", true, print_markdown},
	{"csv", ".csv", "the tables", true, print_csv},
	{"html", ".html", "one page with charts that needs no network", true, report_html},
	{"junit", ".xml", "verdicts as test cases, JUnit XML", false, export_junit},
	{"tap", ".tap", "verdicts as test cases, TAP version 13", false, export_tap},
	{"github", NULL, "github-action-benchmark, customSmallerIsBetter", false, export_github},
	{"github-bigger", NULL, "github-action-benchmark, customBiggerIsBetter", false,
		export_github_bigger},
	{"bencher", NULL, "Bencher Metric Format", false, export_bencher},
	{"metrics", NULL, "every run's figures as CSV, a row a figure", false, export_metrics_csv},
	{"tidy", NULL, "datasets as CSV, a row a round, for R and pandas", true, export_tidy},
	{"cyclictest", NULL, "runs of bench timer as cyclictest --json", false, export_cyclictest},
	{"trace", NULL, "worst events of bench timer as Chrome trace, for Perfetto", false,
		export_trace},
	{0},
};
