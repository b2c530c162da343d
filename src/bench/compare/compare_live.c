/* SPDX-License-Identifier: BSD-2-Clause */
/* Two configurations against each other, now: rounds in turns until each gated metric is decided.
 * What a round is, the runner knows. */
#include "compare.h"

#include "compare_grown.h"
#include "../progress.h"

#include <errno.h>

#define BLOCK 2 /* rounds of each side in an A B B A */

struct live {
	const struct cell *cells;
	int (*run)(const struct cell *cell, json_t **document, struct diag *diag);
	struct grown sides[2];
	size_t rounds; /* whole, of each side */
};

/* ---- a round ---- */

static int run_round(struct live *live, int side, struct diag *diag)
{
	json_t *document = NULL;
	int err = live->run(&live->cells[side], &document, diag);

	if (err == 0 && document == NULL)
		err = diag_set(diag, -EIO, "%s: no results", live->cells[side].name);
	if (err == 0)
		err = grown_add_round(&live->sides[side], document, live->cells[side].name, diag);
	json_decref(document);
	return err;
}

static int run_block(struct live *live, struct progress *progress, struct diag *diag)
{
	static const int order[2 * BLOCK] = {0, 1, 1, 0};
	int err = 0;

	for (int i = 0; i < 2 * BLOCK && err == 0; i++) {
		progress_step(progress, "%s", live->cells[order[i]].name);
		err = run_round(live, order[i], diag);
	}
	live->rounds += err == 0 ? BLOCK : 0;
	return err;
}

/* ---- looks ---- */

struct session {
	struct live *live;
	struct progress *progress;
};

static int reach(void *user, unsigned rounds, struct diag *diag)
{
	struct session *session = user;
	int err = 0;

	while (session->live->rounds < rounds && err == 0)
		err = run_block(session->live, session->progress, diag);
	return err;
}

static int run_looks(struct live *live, struct comparison *comparison, unsigned rounds_max,
	bool quiet, struct diag *diag)
{
	const char *const names[2] = {live->cells[0].name, live->cells[1].name};
	struct progress progress = progress_begin(rounds_max * 2, quiet);
	struct session session = {.live = live, .progress = &progress};
	const struct looks looks = {.first = rounds_max / 4,
		.max = rounds_max,
		.block = BLOCK,
		.reach = reach,
		.user = &session};
	json_t *const documents[2] = {live->sides[0].document, live->sides[1].document};
	int err = comparison_take_looks(comparison, documents, names, &looks, diag);

	progress_end(&progress);
	return err;
}

int compare_live(struct comparison **comparison, const struct cell cells[2],
	int (*run)(const struct cell *cell, json_t **document, struct diag *diag),
	unsigned rounds_max, const struct compare_settings *settings, struct diag *diag)
{
	struct live live = {.cells = cells, .run = run};
	int err;

	*comparison = comparison_create(settings, &err, diag);
	if (*comparison == NULL)
		return err;
	for (int side = 0; side < 2; side++)
		grown_begin(&live.sides[side]);
	err = run_looks(&live, *comparison, rounds_max, settings->quiet, diag);
	for (int side = 0; side < 2; side++)
		grown_end(&live.sides[side]);
	if (err < 0 && (*comparison)->looks == 0) {
		comparison_destroy(*comparison);
		*comparison = NULL;
	}
	return err;
}
