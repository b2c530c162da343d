/* SPDX-License-Identifier: BSD-2-Clause */
/* What is written around the datasets, and where all of it goes. */
#include "publish.h"

#include "tickvm/clock.h"
#include "tickvm/facts_json.h"
#include "tickvm/host.h"
#include "tickvm/results_1.h"
#include "tickvm/view.h"

#include <string.h>
#include <time.h>

static json_t *now_json(void)
{
	char text[32];
	time_t now = time(NULL);
	struct tm utc;

	gmtime_r(&now, &utc);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &utc);
	return json_string(text);
}

void document_begin(struct document *document, const struct bench_context *context,
	const char *bench, uint64_t seed)
{
	struct host_facts facts;

	host_facts_read(&facts);
	/* One frequency for the whole file: the one every VM will be given. */
	if (facts.tsc_hz > 0)
		clock_set_tsc_hz((uint64_t)facts.tsc_hz);
	json_object_update_new(document->about,
		json_pack("{s:{s:s}, s:s, s:o, s:o, s:I, s:s, s:I}", "build", "version",
			TICKVM_VERSION, "bench", bench, "command_line",
			json_text(context->command_line), "machine",
			machine_json(&context->machine), "tsc_hz", (json_int_t)clock_tsc_hz(),
			"clock", "tsc", "seed", (json_int_t)seed));
	json_array_append_new(document->invocations,
		json_pack("{s:o, s:o}", "time", now_json(), "host", facts_json(&facts)));
}

/* ---- the end ---- */

static bool is_stdout(const char *path)
{
	return path != NULL && strcmp(path, "-") == 0;
}

/* Data on standard output leave the text no place there; why they are not good must be seen. */
static void print_text(const struct page *page, const struct bench_context *context, int status)
{
	bool data =
		is_stdout(context->json) || is_stdout(context->csv) || is_stdout(context->markdown);

	if (!data)
		page_print(page, PAGE_TEXT, stdout);
	else if (status != 0 && status != 130)
		page_print(page, PAGE_TEXT, stderr);
}

static int write_files(const struct document *document, const struct page *page,
	const struct bench_context *context, struct diag *diag)
{
	int err = 0;

	if (context->json != NULL)
		err = document_write(document, context->json, diag);
	if (err == 0 && context->csv != NULL)
		err = page_write(page, PAGE_CSV, context->csv, diag);
	if (err == 0 && context->markdown != NULL)
		err = page_write(page, PAGE_MARKDOWN, context->markdown, diag);
	return err;
}

int document_publish(struct document *document, const struct bench_context *context)
{
	struct page *page = document_page(document);
	struct diag diag;
	int err;

	if (context->collect != NULL) {
		json_t *results = results_1_of(document);

		if (results != NULL)
			json_object_set_new(results, "page", page_json(page));
		*context->collect = results;
		page_destroy(page);
		return document->status;
	}
	print_text(page, context, document->status);
	err = write_files(document, page, context, &diag);
	page_destroy(page);
	if (err < 0)
		fprintf(stderr, "tickvm: %s\n", diag.text);
	return err < 0 ? 1 : document->status;
}
