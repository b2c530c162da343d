/* SPDX-License-Identifier: BSD-2-Clause */
/* What a comparison takes from results documents: metrics, checked, and the host's fingerprint. The
 * documents may be anybody's. It decides nothing. */
#include "compare.h"

#include "../sweep/sweep_document.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The first thing wrong with a metric, as what was expected; NULL: nothing. */
static const char *expected_of(const json_t *metric)
{
	const char *name = json_string_value(json_object_get(metric, "name"));
	const char *unit = json_string_value(json_object_get(metric, "unit"));
	const char *better = json_string_value(json_object_get(metric, "better"));
	const json_t *values = json_object_get(metric, "values");
	size_t i;
	json_t *value;

	if (name == NULL || *name == '\0')
		return "a member \"name\"";
	if (unit == NULL)
		return "a member \"unit\"";
	if (better == NULL || (strcmp(better, "lower") != 0 && strcmp(better, "higher") != 0))
		return "a member \"better\": \"lower\" or \"higher\"";
	if (!json_is_array(values) || json_array_size(values) > PERMUTATION_ROUNDS_MAX)
		return "a member \"values\": at most 1000 numbers, one a round";
	json_array_foreach(values, i, value)
	{
		if (!json_is_number(value) || !isfinite(json_number_value(value)))
			return "numbers in \"values\"";
	}
	return NULL;
}

int compare_read_metrics(
	const json_t *document, const char *name, json_t **index, struct diag *diag)
{
	const json_t *metrics = json_object_get(document, "metrics");
	size_t i;
	json_t *metric;

	*index = NULL;
	if (metrics == NULL)
		return diag_set(diag, -EINVAL,
			"%s: no member \"metrics\": made by an older tickvm; measure again", name);
	if (!json_is_array(metrics))
		return diag_set(diag, -EINVAL, "%s: metrics: expected an array", name);
	*index = json_object();
	json_array_foreach(metrics, i, metric)
	{
		const char *expected = expected_of(metric);

		if (expected != NULL)
			return diag_set(
				diag, -EINVAL, "%s: metrics[%zu]: expected %s", name, i, expected);
		const char *key = json_string_value(json_object_get(metric, "name"));

		if (json_object_get(*index, key) != NULL)
			return diag_set(diag, -EINVAL,
				"%s: metrics[%zu]: expected another name: it is taken", name, i);
		if (json_object_set(*index, key, metric) < 0)
			return diag_set(diag, -ENOMEM, "out of memory");
	}
	return *index != NULL ? 0 : diag_set(diag, -ENOMEM, "out of memory");
}

/* A member as messages show it: one line, of printable characters. */
static void show_member(const json_t *value, char *text, size_t size)
{
	if (json_is_integer(value))
		snprintf(text, size, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
	else
		snprintf(text, size, "%s",
			json_is_string(value) ? json_string_value(value) : "unknown");
	for (char *p = text; *p != '\0'; p++) {
		if (*p < ' ' || *p > '~')
			*p = '?';
	}
}

void compare_hosts(json_t *const documents[2], char *text, size_t size)
{
	static const struct {
		const char *key, *shown;
	} members[] = {{"cpu_model", "CPU"}, {"kernel", "kernel"}, {"kvm_backend", "KVM back end"},
		{"cpus_online", "CPUs"}, {"cpus_allowed", "CPUs allowed"}};

	*text = '\0';
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		char shown[2][100];
		size_t used = strlen(text);

		for (int side = 0; side < 2; side++) {
			const json_t *host = json_object_get(documents[side], "host");

			show_member(json_object_get(host, members[i].key), shown[side],
				sizeof(shown[side]));
		}
		if (strcmp(shown[0], shown[1]) != 0)
			snprintf(text + used, size - used, "%s%s %s and %s", used > 0 ? "; " : "",
				members[i].shown, shown[0], shown[1]);
	}
}

/* Median of the rounds; NAN: no round has it. */
static double bare_exit_ns(const json_t *document)
{
	struct sweep_sentinel *all = calloc(SWEEP_ROUNDS_MAX, sizeof(*all));
	double *values = calloc(SWEEP_ROUNDS_MAX, sizeof(*values)), median = NAN;

	if (all != NULL && values != NULL) {
		size_t n = sweep_document_sentinels(document, all, SWEEP_ROUNDS_MAX), used = 0;

		for (size_t i = 0; i < n; i++) {
			if (isfinite(all[i].ns[SENTINEL_EXIT]))
				values[used++] = all[i].ns[SENTINEL_EXIT];
		}
		median = used > 0 ? stats_spread(values, used).median : (double)NAN;
	}
	free(all);
	free(values);
	return median;
}

double compare_host_moved(json_t *const documents[2])
{
	double old = bare_exit_ns(documents[0]), fresh = bare_exit_ns(documents[1]);

	return old > 0 && fresh > 0 ? fresh / old - 1 : (double)NAN;
}
