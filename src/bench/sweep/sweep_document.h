/* SPDX-License-Identifier: BSD-2-Clause */
/* A sweep's results document (docs/results.md): begun, gone on with, grown by a cell's round. */
#ifndef BENCH_SWEEP_DOCUMENT_H
#define BENCH_SWEEP_DOCUMENT_H

#include "../results.h"
#include "sweep_file.h"

/* What the sentinel said, nanoseconds; NAN: nothing. */
enum sentinel_figure { SENTINEL_EXIT, SENTINEL_TSC_POLL, SENTINEL_FIGURES };
struct sweep_sentinel {
	double ns[SENTINEL_FIGURES];
};

/* What all cells of a round have in common. */
struct sweep_round {
	unsigned number;  /* from 1 */
	uint64_t repeats; /* how often it was thrown away and run again */
	struct sweep_sentinel sentinel;
	bool moved[SENTINEL_FIGURES]; /* any: it is a marked one */
};

/* One cell's run in a round. */
struct sweep_cell_run {
	int64_t begin_ns; /* since 1970, UTC */
	int err;          /* as cell_run() */
	struct diag diag;
	json_t *document; /* or NULL */
};

/* Fills results with an empty document of the plan's cells, those with index % shards + 1 == shard
 * (shards 0: all). context: what is recorded of the launch. */
void sweep_document_begin(struct results *results, const struct bench_context *context,
	const struct sweep_plan *plan, unsigned shard, unsigned shards);
/* The same from a file's: root is taken over. -EINVAL with what is different in diag: another host,
 * other cells. path is for messages. */
int sweep_document_resume(struct results *results, const struct bench_context *context,
	const struct sweep_plan *plan, unsigned shard, unsigned shards, json_t *root,
	const char *path, struct diag *diag);

/* More rounds were made than asked for at first. */
void sweep_document_set_rounds(struct results *results, unsigned rounds);

/* Is root a sweep's, with cells, rounds and metrics in order? -EINVAL with the member and what was
 * expected in diag. */
int sweep_document_check(const json_t *root, const char *path, struct diag *diag);

/* Member of "cells" by name; NULL: there is none. */
json_t *sweep_document_cell(const json_t *root, const char *name);
bool sweep_cell_has_round(const json_t *cell, unsigned round);
/* The round's figures, and its runs. events: with each event. A host that cannot run the cell is a
 * reason in "skipped", and no round. */
void sweep_document_add(struct results *results, const struct cell *cell,
	const struct sweep_round *round, const struct sweep_cell_run *run, bool events);
/* Has the host refused this cell? */
bool sweep_document_skips(const json_t *root, const char *cell);

/* All sentinels of root's rounds, in their order, into values (at most max); their number. */
size_t sweep_document_sentinels(const json_t *root, struct sweep_sentinel *values, size_t max);

/* Did a cell fail in some round? Was any measured? */
bool sweep_document_failed(const json_t *root);
bool sweep_document_measured(const json_t *root);

/* sweep_page.c: what root comes to, as a page. NULL: no memory. */
struct page *sweep_page(const json_t *root);

#endif
