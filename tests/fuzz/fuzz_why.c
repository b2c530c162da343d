/* SPDX-License-Identifier: BSD-2-Clause */
/* A run with host events of any JSON is refused in one line, or explained, and the explanation can
 * be shown. Input: a JSON text, the run. */
#include "../../src/bench/why/why_file.h"

#include "tickvm/clock.h"
#include "tickvm/facts_json.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(what)                                                                                \
	do {                                                                                       \
		if (!(what))                                                                       \
			__builtin_trap();                                                          \
	} while (0)

#define WORST 5

static void check_page(const struct why_read *read)
{
	struct results results = {.root = json_object()};
	struct page *page = page_create();
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	CHECK(out != NULL && why_page(&results, read, WORST, page) == 0);
	page_print(page, PAGE_TEXT, out);
	CHECK(fclose(out) == 0 && strstr(text, "WHY THE ") == text);
	CHECK(!results.no_memory && json_object_get(results.root, "why") != NULL);
	page_destroy(page);
	results_end(&results);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	json_t *json = json_loadb((const char *)data, size, 0, NULL);
	struct diag diag = {""};
	struct why_read read;

	clock_set_tsc_hz(2300000000);
	CHECK(json_clean(json) == 0);
	if (why_read(&read, json, &diag) == 0)
		check_page(&read);
	else
		CHECK(diag.text[0] != '\0' && strchr(diag.text, '\n') == NULL);
	why_read_free(&read);
	json_decref(json);
	return 0;
}
