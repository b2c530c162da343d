/* SPDX-License-Identifier: BSD-2-Clause */
/* Which reader a results file is for. */
#include "results_read.h"
#include "schema_words.h"

#include <errno.h>
#include <string.h>

#define RESULTS_1 "tickvm-results/1"

int document_from_json(
	struct document **document, const json_t *root, const char *path, struct diag *diag)
{
	const char *schema = json_string_value(json_object_get(root, "schema"));
	int err;

	*document = NULL;
	if (schema == NULL || (strcmp(schema, RESULTS_1) != 0 && strcmp(schema, RESULTS_2) != 0))
		return diag_set(diag, -EINVAL,
			"%s: schema %s: expected " RESULTS_1 " or " RESULTS_2, path,
			schema != NULL ? schema : "is missing");
	*document = document_create();
	err = strcmp(schema, RESULTS_1) == 0 ? results_1_read(*document, root, path, diag)
					     : results_2_read(*document, root, path, diag);
	if (err < 0) {
		document_destroy(*document);
		*document = NULL;
	}
	return err;
}
