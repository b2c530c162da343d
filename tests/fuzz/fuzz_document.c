/* SPDX-License-Identifier: BSD-2-Clause */
/* A results file of either schema from any JSON: refused in one line, or a document that is written
 * and read again as it is, shown, exported, and compared along each of its axes. Input: a JSON
 * text. */
#include "tickvm/compare_by.h"
#include "tickvm/report.h"
#include "tickvm/view.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(what)                                                                                \
	do {                                                                                       \
		if (!(what))                                                                       \
			__builtin_trap();                                                          \
	} while (0)

static bool is_one_line(const struct diag *diag)
{
	return diag->text[0] != '\0' && strchr(diag->text, '\n') == NULL;
}

static json_t *written(const struct document *document)
{
	struct diag diag;
	char path[32];
	int fd = memfd_create("document", 0);

	CHECK(fd >= 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	CHECK(document_write(document, path, &diag) == 0);
	json_t *root = json_load_file(path, 0, NULL);

	CHECK(root != NULL);
	close(fd);
	return root;
}

static void check_again(const struct document *document)
{
	struct document *again;
	struct diag diag;
	json_t *root = written(document), *root_again;

	CHECK(document_from_json(&again, root, "f", &diag) == 0);
	root_again = written(again);
	CHECK(json_equal(root, root_again));
	json_decref(root);
	json_decref(root_again);
	document_destroy(again);
}

static void check_axes(const struct document *document)
{
	for (size_t i = 0; i < document->n_sets; i++)
		for (size_t k = 0; k < document->sets[i]->n_axes; k++) {
			struct document *comparison;
			struct diag diag = {""};
			int err = compare_by(
				&comparison, document, document->sets[i]->axes[k].id, &diag);

			CHECK(err == 0 ? comparison != NULL : is_one_line(&diag));
			document_destroy(comparison);
		}
}

static void check_shown(const struct document *document, FILE *null)
{
	struct page *page = document_page(document);

	CHECK(page != NULL);
	for (int format = PAGE_TEXT; format <= PAGE_CSV; format++)
		page_print(page, (enum page_format)format, null);
	page_destroy(page);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static FILE *null;
	struct document *document;
	struct diag diag = {""};
	json_t *root = json_loadb((const char *)data, size, JSON_DECODE_ANY, NULL);

	if (null == NULL)
		null = fopen("/dev/null", "w");
	CHECK(null != NULL);
	if (document_from_json(&document, root, "f", &diag) < 0) {
		CHECK(document == NULL && is_one_line(&diag));
	} else {
		check_again(document);
		check_axes(document);
		check_shown(document, null);
		document_destroy(document);
	}
	json_decref(root);
	return 0;
}
