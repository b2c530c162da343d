/* SPDX-License-Identifier: BSD-2-Clause */
/* Results files as JUnit XML: what the Ant task's schema and Jenkins' both take.
 * Which case passed is decided elsewhere. */
#include "export.h"

#include <string.h>

static void put_xml(FILE *out, const char *text)
{
	for (; *text != '\0'; text++) {
		/* Line ends would become blanks in an attribute (XML 1.0, 3.3.3). */
		if (strchr("&<>\"\n", *text) != NULL)
			fprintf(out, "&#%u;", (unsigned)*text);
		else
			fputc(*text, out);
	}
}

static void put_attribute(FILE *out, const char *name, const char *text)
{
	fprintf(out, " %s=\"", name);
	put_xml(out, text);
	fputc('"', out);
}

static void put_property(FILE *out, const char *name, const char *text)
{
	if (*text == '\0')
		return;
	fprintf(out, "   <property name=\"%s\"", name);
	put_attribute(out, "value", text);
	fputs("/>\n", out);
}

static const char *host_member(const struct report_file *file, const char *key)
{
	const json_t *host = json_object_get(file->root, "host");
	const char *text = json_string_value(json_object_get(host, key));

	return text != NULL ? text : "";
}

static void put_properties(FILE *out, const struct report_file *file)
{
	char path[REPORT_PATH_MAX];

	fputs("  <properties>\n", out);
	put_property(out, "file", report_path(file, path));
	put_property(out, "command_line", report_member(file, "command_line"));
	put_property(out, "tickvm_version", report_member(file, "tickvm_version"));
	put_property(out, "cpu_model", host_member(file, "cpu_model"));
	put_property(out, "kernel", host_member(file, "kernel"));
	put_property(out, "kvm_backend", host_member(file, "kvm_backend"));
	fputs("  </properties>\n", out);
}

/* The suite's time is the file's; a verdict takes none of its own. */
static void put_case(FILE *out, const struct export_suite *suite, const struct export_case *c)
{
	static const struct {
		const char *element, *type;
	} elements[EXPORT_OUTCOMES] = {[EXPORT_FAILED] = {"failure", "not met"},
		[EXPORT_SKIPPED] = {"skipped", NULL},
		[EXPORT_ERROR] = {"error", "not whole"}};

	fputs("  <testcase classname=\"tickvm.", out);
	put_xml(out, report_bench(suite->file));
	fputc('"', out);
	put_attribute(out, "name", c->name);
	fputs(" time=\"0\"", out);
	if (c->outcome == EXPORT_PASSED) {
		fputs("/>\n", out);
		return;
	}
	fprintf(out, ">\n   <%s", elements[c->outcome].element);
	if (elements[c->outcome].type != NULL)
		put_attribute(out, "type", elements[c->outcome].type);
	put_attribute(out, "message", c->text);
	fputs("/>\n  </testcase>\n", out);
}

static void put_suite(FILE *out, const struct export_suite *suite, size_t id)
{
	struct tm tm = export_time(suite->file);
	char time[32];

	strftime(time, sizeof(time), "%Y-%m-%dT%H:%M:%S", &tm);
	fprintf(out, " <testsuite id=\"%zu\" package=\"tickvm\" name=\"tickvm ", id);
	put_xml(out, report_bench(suite->file));
	fprintf(out,
		"\" timestamp=\"%s\" hostname=\"localhost\" tests=\"%zu\" failures=\"%zu\" "
		"errors=\"%zu\" skipped=\"%zu\" time=\"%.3f\">\n",
		time, suite->count, suite->outcomes[EXPORT_FAILED], suite->outcomes[EXPORT_ERROR],
		suite->outcomes[EXPORT_SKIPPED], export_duration_ns(suite->file) / 1e9);
	put_properties(out, suite->file);
	for (size_t i = 0; i < suite->count; i++)
		put_case(out, suite, &suite->cases[i]);
	/* The figures of what passed have no other place. */
	fputs("  <system-out>", out);
	for (size_t i = 0; i < suite->count; i++) {
		if (suite->cases[i].outcome != EXPORT_PASSED)
			continue;
		put_xml(out, suite->cases[i].text);
		fputc('\n', out);
	}
	fputs("</system-out>\n  <system-err></system-err>\n </testsuite>\n", out);
}

int export_junit(const struct report_file *files, size_t n, FILE *out, struct diag *diag)
{
	struct export_suite *suites;
	int err = export_suites_read(&suites, files, n, diag);

	if (err < 0)
		return err;
	fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n", out);
	for (size_t i = 0; i < n; i++)
		put_suite(out, &suites[i], i);
	fputs("</testsuites>\n", out);
	export_suites_free(suites, n);
	return 0;
}
