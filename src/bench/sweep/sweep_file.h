/* SPDX-License-Identifier: BSD-2-Clause */
/* A sweep's file: what is in it, and the cells that makes. docs/sweep.md describes it. */
#ifndef BENCH_SWEEP_FILE_H
#define BENCH_SWEEP_FILE_H

#include "tickvm/sweep.h"

#define SWEEP_ROUNDS_MAX  1000
#define SWEEP_REPEATS_MAX 100
#define SWEEP_CELLS_MAX   4096
#define SWEEP_NAME_MAX    80 /* of a cell, which is part of its metrics' names */

struct sweep_plan {
	const char *name;
	uint64_t rounds;
	uint64_t mark_percent, repeat_percent; /* how far the sentinel may move */
	uint64_t repeats;                      /* at most, of one round */
	bool events;                           /* results keep each event */
	struct cell *cells;                    /* with distinct names */
	size_t n;
	struct ini_complaints *complaints; /* NULL: the first one ends it */
	struct sweep_text *texts;          /* all the above, in the end */
};

/* Reads path (NULL: the one built in), makes the cells and checks every one of them. 0, or a
 * negative errno with file, line, key and what was expected in diag, or with that in complaints
 * (may be NULL), once each. sweep_file_free() either way.
 */
int sweep_file_read(struct sweep_plan *plan, const char *path, const struct machine_maker *maker,
	struct ini_complaints *complaints, struct diag *diag);
void sweep_file_free(struct sweep_plan *plan);

#endif
