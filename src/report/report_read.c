/* SPDX-License-Identifier: BSD-2-Clause */
/* Opens results files, which may be anybody's, and says where and why one is none.
 * It shows nothing; what a page may be is page_json.c's business. */
#include "tickvm/input.h"
#include "tickvm/report.h"
#include "tickvm/results_1.h"
#include "tickvm/view.h"

#include "tickvm/facts_json.h"

#include <errno.h>
#include <string.h>

#define SCHEMA      "tickvm-results/"
#define SCHEMA_OURS SCHEMA "1"
#define SCHEMA_TIDY SCHEMA "2"
#define EXPECTED    "expected a " SCHEMA_OURS " file, as tickvm bench --json writes it"

/* Jansson quotes the file in its messages; a terminal gets none of it. */
static const char *what_is_wrong(enum json_error_code code)
{
	switch (code) {
	case json_error_premature_end_of_input:
		return "the file ends here: truncated";
	case json_error_invalid_utf8:
		return "no UTF-8";
	case json_error_numeric_overflow:
		return "a number that is too large";
	case json_error_stack_overflow:
		return "nested too deep";
	default:
		return "no JSON";
	}
}

/* Whatever shows a text of the file later, it shows a clean one. */
static int clean(const struct report_file *file, struct diag *diag)
{
	return json_clean(file->root) == 0
		       ? 0
		       : diag_set(diag, -ENOMEM, "cannot read %s: no memory", file->path);
}

struct source {
	FILE *stream;
	bool begun;
};

/* jansson's way to read; without a byte order mark before the first of it (RFC 8259, 8.1). */
static size_t take_bytes(void *buffer, size_t size, void *user)
{
	static const char mark[] = "\xef\xbb\xbf";
	struct source *source = user;
	size_t n = fread(buffer, 1, size, source->stream), skip = 0;

	if (!source->begun && n >= strlen(mark) && memcmp(buffer, mark, strlen(mark)) == 0)
		skip = strlen(mark);
	source->begun = true;
	memmove(buffer, (char *)buffer + skip, n - skip);
	return n - skip;
}

static int load(struct report_file *file, FILE *stream, struct diag *diag)
{
	struct source source = {.stream = stream};
	json_error_t error;

	errno = 0;
	file->root = json_load_callback(take_bytes, &source, 0, &error);
	if (file->root != NULL)
		return clean(file, diag);
	if (ferror(stream)) {
		int err = errno != 0 ? errno : EIO;

		return diag_set(diag, -err, "cannot read %s: %s", file->path, strerror(err));
	}
	if (json_error_code(&error) == json_error_out_of_memory)
		return diag_set(diag, -ENOMEM, "cannot read %s: no memory", file->path);
	return diag_set(diag, -EINVAL, "%s:%d:%d: %s; " EXPECTED, file->path, error.line,
		error.column, what_is_wrong(json_error_code(&error)));
}

static bool is_tidy(const struct report_file *file)
{
	const char *schema = json_string_value(json_object_get(file->root, "schema"));

	return schema != NULL && strcmp(schema, SCHEMA_TIDY) == 0;
}

static int check_schema(const struct report_file *file, struct diag *diag)
{
	const char *schema = json_string_value(json_object_get(file->root, "schema"));

	if (schema == NULL)
		return diag_set(diag, -EINVAL, "%s: no member \"schema\"; " EXPECTED, file->path);
	if (strcmp(schema, SCHEMA_OURS) == 0 || is_tidy(file))
		return 0;
	const char *version = schema + strlen(SCHEMA);

	if (strncmp(schema, SCHEMA, strlen(SCHEMA)) == 0 && *version != '\0' &&
		strspn(version, "0123456789") == strlen(version))
		return diag_set(diag, -EINVAL,
			"%s: schema " SCHEMA
			"%.9s: made by a later tickvm; this one reads " SCHEMA_OURS
			" and " SCHEMA_TIDY,
			file->path, version);
	return diag_set(diag, -EINVAL, "%s: another schema; " EXPECTED, file->path);
}

int report_read_any(struct report_file *file, const char *path, struct diag *diag)
{
	bool is_stdin = strcmp(path, "-") == 0;
	FILE *stream = stdin;
	struct diag why;
	int err = is_stdin ? 0 : input_stream(&stream, path, &why);

	*file = (struct report_file){.path = is_stdin ? "standard input" : path};
	if (err < 0)
		return diag_set(diag, err, "cannot open %s: %s", path, why.text);
	err = load(file, stream, diag);

	if (!is_stdin)
		fclose(stream);
	if (err == 0)
		err = check_schema(file, diag);
	if (err < 0) {
		json_decref(file->root);
		file->root = NULL;
	}
	return err;
}

/* ---- tickvm-results/2 ---- */

static int no_memory(const struct report_file *file, struct diag *diag)
{
	return diag_set(diag, -ENOMEM, "%s: no memory", file->path);
}

/* As a file of metrics and of a page, laid out: what readers of that schema look into. */
static int flatten(struct report_file *file, struct diag *diag)
{
	struct document *document;
	int err = document_from_json(&document, file->root, file->path, diag);
	struct page *page = err == 0 ? document_page(document) : NULL;

	json_decref(file->root);
	file->root = err == 0 ? results_1_of(document) : NULL;
	if (err == 0 && (page == NULL || file->root == NULL ||
				json_object_set_new(file->root, "page", page_json(page)) < 0))
		err = no_memory(file, diag);
	page_destroy(page);
	document_destroy(document);
	return err;
}

int report_read(struct report_file *file, const char *path, struct diag *diag)
{
	int err = report_read_any(file, path, diag);

	return err == 0 && is_tidy(file) ? flatten(file, diag) : err;
}

/* Its views, laid out. */
static struct page *page_of_document(const struct report_file *file, struct diag *diag)
{
	struct document *document;
	struct page *page = NULL;

	if (document_from_json(&document, file->root, file->path, diag) == 0) {
		page = document_page(document);
		if (page == NULL)
			no_memory(file, diag);
	}
	document_destroy(document);
	return page;
}

struct page *report_page(const struct report_file *file, struct diag *diag)
{
	const json_t *json = json_object_get(file->root, "page");
	struct diag why;

	if (is_tidy(file))
		return page_of_document(file, diag);
	if (json == NULL) {
		diag_set(diag, -EINVAL,
			"%s: no member \"page\": made by an older tickvm; run the bench again",
			file->path);
		return NULL;
	}
	struct page *page = page_from_json(json, &why);

	if (page == NULL)
		diag_set(diag, -EINVAL, "%s: %s", file->path, why.text);
	return page;
}
