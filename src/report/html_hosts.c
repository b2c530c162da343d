/* SPDX-License-Identifier: BSD-2-Clause */
/* The files' host facts side by side. It knows none of them by name. */
#include "html.h"
#include "markup.h"

#include <stdlib.h>
#include <string.h>

/* Facts by name, those of an object inside as "kvm.irqchip". NULL: no memory. */
static json_t *flatten(const json_t *host)
{
	json_t *flat = json_object(), *value, *inner;
	const char *name, *inner_name;
	char path[128];

	json_object_foreach((json_t *)host, name, value)
	{
		if (!json_is_object(value)) {
			json_object_set(flat, name, value);
			continue;
		}
		json_object_foreach(value, inner_name, inner)
		{
			snprintf(path, sizeof(path), "%s.%s", name, inner_name);
			json_object_set(flat, path, inner);
		}
	}
	return flat;
}

static void put_integer(FILE *out, const char *name, json_int_t value)
{
	size_t length = strlen(name);
	char text[64];

	markup_fixed(text, sizeof(text), (double)value, 0);
	fputs(text, out);
	if (length > 6 && strcmp(name + length - 6, "_bytes") == 0 && value >= 1 << 30)
		fprintf(out, " (%.1f GiB)", (double)value / (1 << 30));
}

static void put_value(FILE *out, const char *name, const json_t *value)
{
	char *text;

	if (value == NULL) {
		fprintf(out, "–");
	} else if (json_is_string(value)) {
		markup_text(out, json_string_value(value));
	} else if (json_is_boolean(value)) {
		fprintf(out, json_is_true(value) ? "yes" : "no");
	} else if (json_is_integer(value)) {
		put_integer(out, name, json_integer_value(value));
	} else {
		text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
		markup_text(out, text != NULL ? text : "");
		free(text);
	}
}

static bool all_equal(json_t *const *hosts, size_t n, const char *name)
{
	const json_t *first = json_object_get(hosts[0], name);

	for (size_t i = 1; i < n; i++) {
		const json_t *value = json_object_get(hosts[i], name);

		if (first == NULL || value == NULL || !json_equal(first, value))
			return false;
	}
	return true;
}

/* What all hosts agree on is said once. */
static void put_row(FILE *out, json_t *const *hosts, size_t n, const char *name)
{
	fprintf(out, "<tr><th scope=\"row\"><code>");
	markup_text(out, name);
	fprintf(out, "</code></th>");
	if (all_equal(hosts, n, name)) {
		fprintf(out, "<td colspan=\"%zu\">", n);
		put_value(out, name, json_object_get(hosts[0], name));
		fprintf(out, "</td></tr>\n");
		return;
	}
	for (size_t i = 0; i < n; i++) {
		fprintf(out, "<td>");
		put_value(out, name, json_object_get(hosts[i], name));
		fprintf(out, "</td>");
	}
	fprintf(out, "</tr>\n");
}

static void put_rows(FILE *out, const struct report_file *files, json_t **hosts, size_t n)
{
	json_t *all = json_object(), *value;
	const char *name;

	for (size_t i = 0; i < n; i++) {
		hosts[i] = flatten(json_object_get(files[i].root, "host"));
		json_object_update(all, hosts[i]);
	}
	json_object_foreach(all, name, value)
	{
		put_row(out, hosts, n, name);
	}
	for (size_t i = 0; i < n; i++)
		json_decref(hosts[i]);
	json_decref(all);
}

void html_hosts(FILE *out, const struct report_file *files, size_t n)
{
	json_t **hosts = calloc(n + 1, sizeof(json_t *));

	if (hosts == NULL || n == 0) {
		free(hosts);
		return;
	}
	fprintf(out,
		"<section>\n<h2>%s</h2>\n<div class=\"wide\"><table class=\"facts\">\n"
		"<thead><tr><th scope=\"col\">fact</th>",
		n == 1 ? "Host" : "Hosts");
	for (size_t i = 0; i < n; i++) {
		fprintf(out, "<th scope=\"col\">");
		markup_text(out, report_bench(&files[i]));
		fprintf(out, "</th>");
	}
	fprintf(out, "</tr></thead>\n<tbody>\n");
	put_rows(out, files, hosts, n);
	fprintf(out, "</tbody></table></div>\n</section>\n");
	free(hosts);
}
