/* SPDX-License-Identifier: BSD-2-Clause */
/* The report as one HTML page: its order and its head. Every text of a file is escaped, and the
 * page forbids itself scripts and the network besides. */
#include "html.h"
#include "markup.h"
#include "svg.h"

#include <string.h>

extern const char report_css[], report_css_end[]; /* embedded.S */

static const struct {
	const char *class_name, *word;
} verdicts[] = {
	[VERDICT_GOOD] = {"good", "✓ good"},
	[VERDICT_BAD] = {"bad", "✗ not met"},
	[VERDICT_UNKNOWN] = {"unknown", "? unknown"},
};

static void put_title(FILE *out, const struct report_file *files, size_t n)
{
	fprintf(out, "tickvm: ");
	for (size_t i = 0; i < n; i++) {
		fprintf(out, "%s", i > 0 ? ", " : "");
		markup_text(out, report_bench(&files[i]));
	}
}

static void begin(FILE *out, const struct report_file *files, size_t n)
{
	fprintf(out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
		     "<meta http-equiv=\"Content-Security-Policy\" "
		     "content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
		     "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
		     "<meta name=\"generator\" content=\"tickvm " TICKVM_VERSION "\">\n<title>");
	put_title(out, files, n);
	fprintf(out, "</title>\n<style>\n");
	fwrite(report_css, 1, (size_t)(report_css_end - report_css), out);
	fprintf(out, "</style>\n</head>\n<body>\n");
	svg_patterns(out);
	fprintf(out, "<main>\n<h1>");
	put_title(out, files, n);
	fprintf(out, "</h1>\n");
}

/* ---- verdicts ---- */

static void put_verdict(
	FILE *out, const struct page_item *item, const struct report_file *file, size_t number)
{
	fprintf(out, "<li class=\"%s\"><b>%s</b><span>", verdicts[item->verdict].class_name,
		verdicts[item->verdict].word);
	markup_text(out, item->text);
	if (number > 0) {
		fprintf(out, " <a class=\"from\" href=\"#file%zu\">", number);
		markup_text(out, report_bench(file));
		fprintf(out, "</a>");
	}
	fprintf(out, "</span></li>\n");
}

static void put_verdicts(
	FILE *out, const struct report_file *files, struct page *const *pages, size_t n)
{
	bool any = false;

	for (size_t i = 0; i < n; i++) {
		for (size_t j = 0; j < pages[i]->count; j++) {
			if (pages[i]->items[j].kind != PAGE_VERDICT)
				continue;
			if (!any)
				fprintf(out, "<ul class=\"verdicts\">\n");
			any = true;
			put_verdict(out, &pages[i]->items[j], &files[i], n > 1 ? i + 1 : 0);
		}
	}
	if (any)
		fprintf(out, "</ul>\n");
}

/* ---- files ---- */

static void put_fact(FILE *out, const char *name, const char *text, bool code)
{
	if (*text == '\0')
		return;
	fprintf(out, "<dt>%s</dt><dd>%s", name, code ? "<code>" : "");
	markup_text(out, text);
	fprintf(out, "%s</dd>\n", code ? "</code>" : "");
}

static void put_file(FILE *out, const struct report_file *file, const struct page *page,
	size_t number, unsigned *figures)
{
	char path[REPORT_PATH_MAX];

	fprintf(out, "<section>\n<h2 id=\"file%zu\">", number);
	markup_text(out, report_bench(file));
	fprintf(out, "</h2>\n<dl>\n");
	put_fact(out, "measured", report_member(file, "time"), false);
	put_fact(out, "command", report_member(file, "command_line"), true);
	put_fact(out, "tickvm", report_member(file, "tickvm_version"), false);
	put_fact(out, "file", report_path(file, path), true);
	fprintf(out, "</dl>\n");
	if (json_is_true(json_object_get(file->root, "interrupted")))
		fprintf(out, "<p class=\"bad\">Interrupted: what was measured until then.</p>\n");
	html_items(out, page, figures);
	fprintf(out, "</section>\n");
}

static bool any_hyperbench(const struct report_file *files, size_t n)
{
	while (n > 0 && strcmp(report_member(&files[n - 1], "bench"), "hyperbench") != 0)
		n--;
	return n > 0;
}

int report_html(const struct report_file *files, size_t n, FILE *out, struct diag *diag)
{
	struct page **pages;
	unsigned figures = 0;
	int err = report_pages_read(&pages, files, n, diag);

	if (err < 0)
		return err;
	begin(out, files, n);
	put_verdicts(out, files, pages, n);
	for (size_t i = 0; i < n; i++)
		put_file(out, &files[i], pages[i], i + 1, &figures);
	if (any_hyperbench(files, n))
		html_published(out, &figures);
	html_hosts(out, files, n);
	fprintf(out, "</main>\n</body>\n</html>\n");
	report_pages_free(pages, n);
	return 0;
}
