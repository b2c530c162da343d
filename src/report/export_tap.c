/* SPDX-License-Identifier: BSD-2-Clause */
/* Results files as TAP, version 13: one plan over all, reasons as YAML diagnostics.
 * Which case passed is decided elsewhere. */
#include "export.h"

#include <string.h>

/* One line; what marks has gets a backslash. */
static void put_escaped(FILE *out, const char *text, const char *marks)
{
	for (; *text != '\0'; text++) {
		if (strchr(marks, *text) != NULL)
			fputc('\\', out);
		fputc(*text == '\n' ? ' ' : *text, out);
	}
}

/* "#" would begin a directive. */
static void put_description(FILE *out, const char *text)
{
	put_escaped(out, text, "#\\");
}

/* In double quotes, where nothing but these two means anything (YAML 1.1, 5.7). */
static void put_yaml(FILE *out, const char *key, const char *text)
{
	fprintf(out, "  %s: \"", key);
	put_escaped(out, text, "\"\\");
	fputs("\"\n", out);
}

static void put_case(
	FILE *out, const struct export_suite *suite, const struct export_case *c, size_t number)
{
	char path[REPORT_PATH_MAX];
	bool ok = c->outcome == EXPORT_PASSED || c->outcome == EXPORT_SKIPPED;

	fprintf(out, "%s %zu - ", ok ? "ok" : "not ok", number);
	put_description(out, report_bench(suite->file));
	fputs(": ", out);
	/* A reader tells tests apart by number: the sentence may have its figures. */
	put_description(out, c->outcome == EXPORT_PASSED ? c->text : c->name);
	if (c->outcome == EXPORT_SKIPPED) {
		fputs(" # SKIP ", out);
		put_description(out, c->text);
	}
	fputc('\n', out);
	if (ok)
		return;
	fputs("  ---\n", out);
	put_yaml(out, "message", c->text);
	put_yaml(out, "severity", c->outcome == EXPORT_ERROR ? "error" : "fail");
	put_yaml(out, "file", report_path(suite->file, path));
	fputs("  ...\n", out);
}

int export_tap(const struct report_file *files, size_t n, FILE *out, struct diag *diag)
{
	struct export_suite *suites;
	size_t total = 0, number = 0;
	int err = export_suites_read(&suites, files, n, diag);

	if (err < 0)
		return err;
	for (size_t i = 0; i < n; i++)
		total += suites[i].count;
	fprintf(out, "TAP version 13\n1..%zu\n", total);
	for (size_t i = 0; i < n; i++) {
		for (size_t j = 0; j < suites[i].count; j++)
			put_case(out, &suites[i], &suites[i].cases[j], ++number);
	}
	export_suites_free(suites, n);
	return 0;
}
