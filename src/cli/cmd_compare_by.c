/* SPDX-License-Identifier: BSD-2-Clause */
/* tickvm compare --by AXIS FILE: one page, and a results file of the contrasts. */
#include "cli.h"

#include "tickvm/compare_by.h"
#include "tickvm/report.h"
#include "tickvm/view.h"

#include <errno.h>
#include <string.h>
#include <time.h>

static int read_document(struct document **document, const char *path, struct diag *diag)
{
	struct report_file file;
	int err = report_read_any(&file, path, diag);

	if (err == 0)
		err = document_from_json(document, file.root, file.path, diag);
	json_decref(file.root);
	return err;
}

/* When and how the comparison was made. */
static void sign(struct document *comparison, const char *command_line)
{
	time_t now = time(NULL);
	struct tm utc;
	char text[32];

	gmtime_r(&now, &utc);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &utc);
	json_object_set_new(
		comparison->about, "build", json_pack("{s:s}", "version", TICKVM_VERSION));
	json_object_set_new(comparison->about, "bench", json_string("compare"));
	json_object_set_new(comparison->about, "time", json_string(text));
	json_object_set_new(comparison->about, "command_line", json_text(command_line));
}

static bool goes_to_stdout(const char *path)
{
	return path != NULL && strcmp(path, "-") == 0;
}

static int publish(
	const struct options *options, const struct document *comparison, struct diag *diag)
{
	struct page *page = document_page(comparison);
	int err = 0;

	if (!options->quiet && !goes_to_stdout(options->json) && !goes_to_stdout(options->csv) &&
		!goes_to_stdout(options->markdown))
		page_print(page, PAGE_TEXT, stdout);
	if (options->json != NULL)
		err = document_write(comparison, options->json, diag);
	if (err == 0 && options->csv != NULL)
		err = page_write(page, PAGE_CSV, options->csv, diag);
	if (err == 0 && options->markdown != NULL)
		err = page_write(page, PAGE_MARKDOWN, options->markdown, diag);
	page_destroy(page);
	return err;
}

int cli_compare_by(const struct options *options, const char *path, const char *command_line)
{
	struct document *document = NULL, *comparison = NULL;
	struct diag diag;
	int status = STATUS_USAGE;
	int err = read_document(&document, path, &diag);

	if (err == 0)
		err = compare_by(&comparison, document, options->by, &diag);
	if (err == 0) {
		sign(comparison, command_line);
		err = publish(options, comparison, &diag);
		status = err < 0 ? STATUS_FAILED : STATUS_OK;
	}
	if (err < 0)
		complain("compare", "%s", diag.text);
	document_destroy(document);
	document_destroy(comparison);
	return status;
}
