/* SPDX-License-Identifier: BSD-2-Clause */
/* A page read from any JSON is refused in one line, or says the same when it is written and read
 * again, and prints in every format. Input: a JSON text. */
#include "tickvm/page.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(what)                                                                                \
	do {                                                                                       \
		if (!(what))                                                                       \
			__builtin_trap();                                                          \
	} while (0)

static void check_page(const struct page *page, FILE *null)
{
	struct diag diag;
	json_t *json = page_json(page);
	CHECK(json != NULL);
	struct page *back = page_from_json(json, &diag);
	CHECK(back != NULL);
	json_t *again = page_json(back);

	CHECK(json_equal(json, again));
	json_decref(again);
	json_decref(json);
	page_destroy(back);
	for (int format = PAGE_TEXT; format <= PAGE_CSV; format++)
		page_print(page, (enum page_format)format, null);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static FILE *null;
	struct diag diag = {""};
	json_t *json = json_loadb((const char *)data, size, JSON_DECODE_ANY, NULL);

	if (null == NULL)
		null = fopen("/dev/null", "w");
	CHECK(null != NULL);
	struct page *page = page_from_json(json, &diag);

	CHECK(page != NULL || (diag.text[0] != '\0' && strchr(diag.text, '\n') == NULL));
	if (page != NULL)
		check_page(page, null);
	page_destroy(page);
	json_decref(json);
	return 0;
}
