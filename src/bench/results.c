/* SPDX-License-Identifier: BSD-2-Clause */
/* The results document: who measured, where, with what; and that it is written.
 * What a run contributes is in results_run.c and in the experiments. */
#include "results.h"

#include "tickvm/clock.h"

#include <time.h>

void results_add(struct results *results, json_t *object, const char *key, json_t *value)
{
	int err = key != NULL ? json_object_set_new(object, key, value)
			      : json_array_append_new(object, value);

	if (err < 0)
		results->no_memory = true;
}

static json_t *now_json(void)
{
	char text[32];
	time_t now = time(NULL);
	struct tm utc;

	gmtime_r(&now, &utc);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &utc);
	return json_string(text);
}

void results_begin(struct results *results, const struct bench_context *context, const char *bench)
{
	*results = (struct results){.root = json_object(), .runs = json_array()};
	json_t *root = results->root;

	host_facts_read(&results->facts);
	/* One frequency for the whole file: the one every VM will be given. */
	if (results->facts.tsc_hz > 0)
		clock_set_tsc_hz((uint64_t)results->facts.tsc_hz);
	results_add(results, root, "schema", json_string(RESULTS_SCHEMA));
	results_add(results, root, "tickvm_version", json_string(TICKVM_VERSION));
	results_add(results, root, "bench", json_string(bench));
	results_add(results, root, "time", now_json());
	results_add(results, root, "command_line", json_text(context->command_line));
	results_add(results, root, "tsc_hz", json_integer((json_int_t)clock_tsc_hz()));
	results_add(results, root, "host", facts_json(&results->facts));
	results_add(results, root, "machine", machine_json(&context->machine));
	results_add(results, root, "runs", results->runs);
}

void results_end(struct results *results)
{
	json_decref(results->root);
	results->root = NULL;
}

int results_write(const struct results *results, const char *path, struct diag *diag)
{
	json_t *root = results->no_memory ? NULL : json_incref(results->root);

	return json_write(root, JSON_COMPACT, path, diag);
}

int results_finish(struct results *results, const struct bench_context *context, bool interrupted)
{
	struct diag diag;

	if (context->json == NULL)
		return 0;
	results_add(results, results->root, "interrupted", json_boolean(interrupted));
	if (results_write(results, context->json, &diag) < 0) {
		fprintf(stderr, "tickvm: %s\n", diag.text);
		return 1;
	}
	return 0;
}
