/* SPDX-License-Identifier: BSD-2-Clause */
/* A results file of any JSON, in every form that a report has: refused in one line and nothing
 * printed, or printed, and what calls itself JSON is some. Input: a JSON text. */
#include "tickvm/report.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(what)                                                                                \
	do {                                                                                       \
		if (!(what))                                                                       \
			__builtin_trap();                                                          \
	} while (0)

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

/* What neither XML 1.0 nor a terminal takes. */
static bool has_control(const char *text)
{
	for (; *text != '\0'; text++) {
		if ((unsigned char)*text < ' ' && *text != '\n' && *text != '\t')
			return true;
	}
	return false;
}

static void check_format(const struct report_format *format, const struct report_file *file)
{
	struct diag diag = {""};
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	CHECK(out != NULL);
	int err = format->print(file, 1, out, &diag);

	CHECK(fclose(out) == 0);
	CHECK(strchr(diag.text, '\n') == NULL);
	CHECK(err == 0 ? size == strlen(text) : size == 0 && diag.text[0] != '\0');
	CHECK(strcmp(format->name, "junit") != 0 || !has_control(text));
	CHECK(strcmp(format->name, "tap") != 0 || !has_control(text));
	if (err == 0 && is_json(format)) {
		json_t *json = json_loadb(text, size, 0, NULL);

		CHECK(json != NULL);
		json_decref(json);
	}
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct report_file file = {.path = "some <file>\x01\xff",
		.root = json_loadb((const char *)data, size, 0, NULL)};

	for (const struct report_format *format = report_formats; format->name != NULL; format++)
		check_format(format, &file);
	json_decref(file.root);
	return 0;
}
