/* SPDX-License-Identifier: BSD-2-Clause */
/* A cell: one experiment with its options on one machine, as a sweep's file, a comparison or a
 * search asks for it. */
#ifndef TICKVM_CELL_H
#define TICKVM_CELL_H

#include "tickvm/bench.h"

#define CELL_OPTIONS_MAX 32

/* Texts are the owner's of the cell. */
struct cell {
	const char *name;
	const struct bench *bench;
	const char *options[CELL_OPTIONS_MAX]; /* the experiment's own: "--source=dedicated" */
	size_t n_options;
	bool of_file; /* they stand in a file: not all of them may */
	struct vm_config machine;
	uint64_t machine_set; /* BENCH_SET_* */
};

/* Would the experiment take the cell's options? Nothing is measured. 0, or -EINVAL with the
 * experiment's own sentence in diag. */
int cell_check(const struct cell *cell, struct diag *diag);

/* Runs the cell once, in this process, printing nothing. *document (json_decref() it) is its
 * results document, NULL where it came to none; it may be there after an error too. 0 when the
 * experiment ended with status 0; else -EINVAL usage, -ENOTSUP this host cannot, -EINTR the user
 * stopped it, -EIO it failed, with the reason in diag. */
int cell_run(const struct cell *cell, json_t **document, struct diag *diag);

/* The experiment of that name; NULL: there is none. */
const struct bench *cell_find_bench(const char *name);

#endif
