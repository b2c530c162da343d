/* SPDX-License-Identifier: BSD-2-Clause */
/* One experiment against results of it in a file: run again until each gated metric is decided.
 * What became of it is compare.c's business. */
#include "compare.h"

#include "compare_grown.h"
#include "../progress.h"

struct session {
	const struct cell *cell;
	struct grown fresh;
	unsigned done;
	struct progress progress;
};

static int reach(void *user, unsigned rounds, struct diag *diag)
{
	struct session *session = user;
	int err = 0;

	for (; session->done < rounds && err == 0; session->done++) {
		json_t *document = NULL;

		progress_step(&session->progress, "%s", session->cell->bench->name);
		err = cell_run(session->cell, &document, diag);
		if (err == 0)
			err = grown_add_runs(&session->fresh, document, session->cell->name, diag);
		json_decref(document);
	}
	return err;
}

/* The host's facts are in the first document: it is made before hosts are compared. */
int compare_cell(struct comparison **comparison, const struct report_file *old,
	const struct cell *cell, unsigned rounds_max, const struct compare_settings *settings,
	struct diag *diag)
{
	struct session session = {
		.cell = cell, .progress = progress_begin(rounds_max, settings->quiet)};
	const struct looks looks = {
		.first = 1, .max = rounds_max, .reach = reach, .user = &session};

	*comparison = NULL;
	grown_begin(&session.fresh);
	json_t *const documents[2] = {old->root, session.fresh.document};
	const char *const names[2] = {old->path, cell->name};
	int err = reach(&session, 1, diag);

	if (err == 0)
		err = compare_growing(comparison, documents, names, &looks, settings, diag);
	progress_end(&session.progress);
	grown_end(&session.fresh);
	return err;
}
