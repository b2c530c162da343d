/* SPDX-License-Identifier: BSD-2-Clause */
/* Results files as suites of test cases: what CI shows as passed, failed and skipped.
 * It decides nothing: verdicts are the page's, outcomes the comparison's, statuses the cells'. */
#include "export.h"
#include "page_internal.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

__attribute__((format(printf, 1, 2))) static char *text_of(const char *format, ...)
{
	char *text;
	va_list args;

	va_start(args, format);
	int length = vasprintf(&text, format, args);
	va_end(args);
	return length < 0 ? NULL : text;
}

/* Takes name and text over. */
static int add(struct export_suite *suite, enum export_outcome outcome, char *name, char *text)
{
	struct export_case *cases =
		array_grow(suite->cases, suite->count, &suite->capacity, sizeof(*cases));

	if (cases != NULL)
		suite->cases = cases;
	if (cases == NULL || name == NULL || text == NULL) {
		free(name);
		free(text);
		return -ENOMEM;
	}
	cases[suite->count++] = (struct export_case){outcome, name, text};
	suite->outcomes[outcome]++;
	return 0;
}

/* ---- names ---- */

/* The length of a figure that is a word of its own here; 0: there is none. "L1" and "100us" are
 * names. */
static size_t figure_length(const char *text, const char *at)
{
	size_t length = 0;

	if (at > text && at[-1] != ' ' && at[-1] != '(')
		return 0;
	if (at[length] == '-' || at[length] == '+')
		length++;
	if (!isdigit((unsigned char)at[length]))
		return 0;
	while (isdigit((unsigned char)at[length]) ||
		((at[length] == '.' || at[length] == ',') &&
			isdigit((unsigned char)at[length + 1])))
		length++;
	return strchr(" ,.;:)%", at[length]) != NULL ? length : 0;
}

/* Figures change from run to run, and CI knows a test by its name. */
static char *name_of(const char *sentence)
{
	static const char ellipsis[] = "…";

	if (sentence[strspn(sentence, " \t\n")] == '\0')
		return text_of("a verdict without words");
	char *name = malloc(strlen(sentence) * (sizeof(ellipsis) - 1) + 1), *end = name;

	if (name == NULL)
		return NULL;
	for (const char *at = sentence; *at != '\0';) {
		size_t figure = figure_length(sentence, at);

		if (figure > 0)
			end = stpcpy(end, ellipsis);
		else
			*end++ = *at;
		at += figure > 0 ? figure : 1;
	}
	*end = '\0';
	return name;
}

/* The second of a name gets a number. */
static int tell_apart(struct export_suite *suite)
{
	json_t *seen = json_object();
	int err = seen == NULL ? -ENOMEM : 0;

	for (size_t i = 0; i < suite->count && err == 0; i++) {
		struct export_case *c = &suite->cases[i];
		json_int_t count = json_integer_value(json_object_get(seen, c->name)) + 1;

		err = json_object_set_new_nocheck(seen, c->name, json_integer(count));
		if (err < 0 || count == 1)
			continue;
		char *name = text_of("%s (%" JSON_INTEGER_FORMAT ")", c->name, count);

		err = name == NULL ? -ENOMEM : 0;
		if (name != NULL) {
			free(c->name);
			c->name = name;
		}
	}
	json_decref(seen);
	return err < 0 ? -ENOMEM : 0;
}

/* ---- where cases come from ---- */

static int add_whole(struct export_suite *suite, const struct page *page)
{
	bool interrupted = json_is_true(json_object_get(suite->file->root, "interrupted"));
	bool incomplete = page_is_incomplete(page);

	return add(suite, interrupted || incomplete ? EXPORT_ERROR : EXPORT_PASSED,
		text_of("measured to the end"),
		text_of("%s", interrupted  ? "interrupted: what was measured until then"
			      : incomplete ? "incomplete: out of memory"
					   : "measured to the end"));
}

static int add_verdicts(struct export_suite *suite, const struct page *page)
{
	static const enum export_outcome outcomes[] = {[VERDICT_GOOD] = EXPORT_PASSED,
		[VERDICT_BAD] = EXPORT_FAILED,
		[VERDICT_UNKNOWN] = EXPORT_SKIPPED};
	int err = 0;

	for (size_t i = 0; i < page->count && err == 0; i++) {
		const struct page_item *item = &page->items[i];

		if (item->kind == PAGE_VERDICT)
			err = add(suite, outcomes[item->verdict], name_of(item->text),
				text_of("%s", item->text));
	}
	return err;
}

/* "source pit, interval_ns 50000": whatever says what it would have been. */
static char *skipped_name(json_t *skipped)
{
	char *name;
	size_t size;
	FILE *stream = open_memstream(&name, &size);
	const char *key, *between = "";
	json_t *value;

	if (stream == NULL)
		return NULL;
	json_object_foreach(skipped, key, value)
	{
		if (strcmp(key, "reason") == 0 ||
			!(json_is_string(value) || json_is_integer(value)))
			continue;
		if (json_is_string(value))
			fprintf(stream, "%s%s %s", between, key, json_string_value(value));
		else
			fprintf(stream, "%s%s %" JSON_INTEGER_FORMAT, between, key,
				json_integer_value(value));
		between = ", ";
	}
	if (*between == '\0')
		fputs("skipped", stream);
	if (fclose(stream) == 0)
		return name;
	free(name);
	return NULL;
}

/* Those of a sweep name their cell, in each round anew, and are the cell's business. */
static int add_skipped(struct export_suite *suite)
{
	const json_t *array = json_object_get(suite->file->root, "skipped");
	bool cells = json_is_array(json_object_get(suite->file->root, "cells"));
	json_t *skipped;
	size_t i;
	int err = 0;

	json_array_foreach(array, i, skipped)
	{
		const char *reason = json_string_value(json_object_get(skipped, "reason"));

		if (cells && json_object_get(skipped, "cell") != NULL)
			continue;
		err = add(suite, EXPORT_SKIPPED, skipped_name(skipped),
			text_of("%s", reason != NULL ? reason : "not measured"));
		if (err < 0)
			break;
	}
	return err;
}

/* By a round's exit status. Of several rounds the worst counts; a skipped one only where all are.
 */
static enum export_outcome status_outcome(json_int_t status)
{
	return status == 0    ? EXPORT_PASSED
	       : status == 1  ? EXPORT_FAILED
	       : status == 77 ? EXPORT_SKIPPED
			      : EXPORT_ERROR;
}

/* Why a cell has no rounds. */
static const char *why_skipped(const json_t *root, const char *cell)
{
	const json_t *array = json_object_get(root, "skipped");
	const char *why = NULL;
	json_t *skipped;
	size_t i;

	json_array_foreach(array, i, skipped)
	{
		const char *name = json_string_value(json_object_get(skipped, "cell"));

		if (name != NULL && strcmp(name, cell) == 0)
			why = json_string_value(json_object_get(skipped, "reason"));
	}
	return why != NULL ? why : "no round measured";
}

static int add_cell(struct export_suite *suite, const json_t *cell)
{
	const char *name = json_string_value(json_object_get(cell, "name"));
	const json_t *rounds = json_object_get(cell, "rounds");
	size_t count[EXPORT_OUTCOMES] = {0}, i;
	json_int_t last_bad = 0;
	json_t *round;

	json_array_foreach(rounds, i, round)
	{
		const json_t *member = json_object_get(round, "status");
		json_int_t status = json_is_integer(member) ? json_integer_value(member) : -1;

		count[status_outcome(status)]++;
		last_bad = status != 0 ? status : last_bad;
	}
	enum export_outcome outcome = count[EXPORT_ERROR] > 0    ? EXPORT_ERROR
				      : count[EXPORT_FAILED] > 0 ? EXPORT_FAILED
				      : count[EXPORT_PASSED] > 0 ? EXPORT_PASSED
								 : EXPORT_SKIPPED;
	size_t bad = i - count[EXPORT_PASSED];

	if (name == NULL)
		name = "without a name";
	if (i == 0)
		return add(suite, EXPORT_SKIPPED, text_of("cell %s", name),
			text_of("%s", why_skipped(suite->file->root, name)));
	return add(suite, outcome, text_of("cell %s", name),
		bad == 0 ? text_of("cell %s: %zu rounds measured", name, i)
			 : text_of("cell %s: exit status not 0 in %zu of %zu rounds, "
				   "%" JSON_INTEGER_FORMAT " in the last of them",
				   name, bad, i, last_bad));
}

static int add_cells(struct export_suite *suite)
{
	const json_t *cells = json_object_get(suite->file->root, "cells");
	json_t *cell;
	size_t i;
	int err = 0;

	json_array_foreach(cells, i, cell)
	{
		err = add_cell(suite, cell);
		if (err < 0)
			break;
	}
	return err;
}

/* ---- gates ---- */

static enum export_outcome gate_outcome(const char *outcome)
{
	if (strcmp(outcome, "no difference") == 0 || strcmp(outcome, "below the floor") == 0 ||
		strcmp(outcome, "better") == 0)
		return EXPORT_PASSED;
	return strcmp(outcome, "worse") == 0 ? EXPORT_FAILED : EXPORT_SKIPPED;
}

static int add_gate(struct export_suite *suite, const json_t *metric)
{
	const char *name = json_string_value(json_object_get(metric, "name"));
	const char *unit = json_string_value(json_object_get(metric, "unit"));
	const char *outcome = json_string_value(json_object_get(metric, "outcome"));

	if (!json_is_true(json_object_get(metric, "gated")))
		return 0;
	if (name == NULL || unit == NULL || outcome == NULL)
		return add(suite, EXPORT_ERROR, text_of("gate without a name"),
			text_of("comparison.metrics: expected name, unit and outcome"));
	return add(suite, gate_outcome(outcome), text_of("gate %s", name),
		text_of("%s: %s: %.6g %s, was %.6g", name, outcome,
			json_number_value(json_object_get(metric, "new_median")), unit,
			json_number_value(json_object_get(metric, "old_median"))));
}

static int add_gates(struct export_suite *suite)
{
	const json_t *comparison = json_object_get(suite->file->root, "comparison");
	const json_t *metrics = json_object_get(comparison, "metrics");
	json_t *metric;
	size_t i;
	int err = 0;

	json_array_foreach(metrics, i, metric)
	{
		err = add_gate(suite, metric);
		if (err < 0)
			break;
	}
	return err;
}

static int read_suite(struct export_suite *suite, const struct page *page)
{
	int err = add_whole(suite, page);

	if (err == 0)
		err = add_verdicts(suite, page);
	if (err == 0)
		err = add_gates(suite);
	if (err == 0)
		err = add_cells(suite);
	if (err == 0)
		err = add_skipped(suite);
	return err == 0 ? tell_apart(suite) : err;
}

int export_suites_read(
	struct export_suite **suites, const struct report_file *files, size_t n, struct diag *diag)
{
	struct page **pages;
	int err = report_pages_read(&pages, files, n, diag);

	if (err < 0)
		return err;
	*suites = calloc(n + 1, sizeof(**suites));
	err = *suites == NULL ? -ENOMEM : 0;
	for (size_t i = 0; i < n && err == 0; i++) {
		(*suites)[i].file = &files[i];
		err = read_suite(&(*suites)[i], pages[i]);
	}
	report_pages_free(pages, n);
	if (err == 0)
		return 0;
	export_suites_free(*suites, n);
	return diag_set(diag, err, "out of memory");
}

void export_suites_free(struct export_suite *suites, size_t n)
{
	for (size_t i = 0; i < n && suites != NULL; i++) {
		for (size_t j = 0; j < suites[i].count; j++) {
			free(suites[i].cases[j].name);
			free(suites[i].cases[j].text);
		}
		free(suites[i].cases);
	}
	free(suites);
}
