/* SPDX-License-Identifier: BSD-2-Clause */
/* A results file of any JSON, in every form that a report has: refused in one line and nothing
 * printed, or printed, and then harmless, and what calls itself JSON is some. Input: a JSON text.
 */
#include "tickvm/facts_json.h"
#include "tickvm/report.h"

#include "../unit/harm.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(what)                                                                                \
	do {                                                                                       \
		if (!(what))                                                                       \
			__builtin_trap();                                                          \
	} while (0)

/* What was printed. A new stream for each form would take longer than the form. */
static char text[16 << 20];

static bool is_json(const struct report_format *format)
{
	static const char *const names[] = {
		"github", "github-bigger", "bencher", "cyclictest", "trace"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(format->name, names[i]) == 0)
			return true;
	}
	return false;
}

/* Rows of CSV end so. */
static bool is_csv(const struct report_format *format)
{
	return strcmp(format->name, "csv") == 0 || strcmp(format->name, "metrics") == 0 ||
	       strcmp(format->name, "tidy") == 0;
}

static void check_format(
	const struct report_format *format, const struct report_file *file, FILE *out)
{
	struct diag diag = {""};
	const char *where;

	rewind(out);
	int err = format->print(file, 1, out, &diag);

	CHECK(fflush(out) == 0);
	size_t size = (size_t)ftell(out);

	text[size] = '\0';
	CHECK(strchr(diag.text, '\n') == NULL);
	CHECK(err == 0 ? size == strlen(text) : size == 0 && diag.text[0] != '\0');
	CHECK(harm_in(text, is_csv(format), &where) == NULL);
	if (err == 0 && is_json(format)) {
		json_t *json = json_loadb(text, size, 0, NULL);

		CHECK(json != NULL);
		json_decref(json);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static FILE *out;
	struct report_file file = {.path = "some <file>\x01\xff",
		.root = json_loadb((const char *)data, size, 0, NULL)};

	if (out == NULL)
		out = fmemopen(text, sizeof(text) - 1, "w");
	CHECK(out != NULL && json_clean(file.root) == 0);
	for (const struct report_format *format = report_formats; format->name != NULL; format++)
		check_format(format, &file, out);
	json_decref(file.root);
	return 0;
}
