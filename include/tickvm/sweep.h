/* SPDX-License-Identifier: BSD-2-Clause */
/* Sweeps as the launcher sees them: a file of cells, rounds of all of them, one results file; and
 * results files joined. */
#ifndef TICKVM_SWEEP_H
#define TICKVM_SWEEP_H

#include "tickvm/cell.h"
#include "tickvm/compare.h"
#include "tickvm/ini_file.h"

/* A machine option as a sweep's file has it. */
struct machine_setting {
	const char *key, *value;
	const char *where; /* "FILE:LINE: KEY = VALUE", which messages begin with */
};

/* Machine options are the launcher's business. */
struct machine_maker {
	void *user;
	bool (*knows)(void *user, const char *key);
	/* The machine of the settings, in their order, later ones winning; the command line wins
	 * over all. Into cell->machine and machine_set, whose texts live as long as user. 0 or
	 * -EINVAL with diag set. */
	int (*make)(void *user, const struct machine_setting *settings, size_t n, struct cell *cell,
		struct diag *diag);
};

struct sweep_request {
	const char *file;       /* NULL: sweeps/quick.ini, which is built in */
	const char *json;       /* where results go after every round; NULL: nowhere */
	const char *resume;     /* results file to go on with, or NULL */
	unsigned rounds;        /* 0: as the file says */
	unsigned shard, shards; /* of every shards cells the shard-th, from 1; 0, 0: all */
	const char *baseline;   /* results file to compare with at the end, or NULL */
	unsigned max_rounds;    /* with a baseline: added until decided; 0: to twice as many */
	struct compare_settings compare; /* for that */
	json_t **collect;                /* not NULL: the results document goes here too */
	const char *csv, *markdown;      /* as in struct bench_context */
	bool quiet, verbose;
	const char *command_line;
	struct vm_config machine; /* as the command line has it; recorded */
	struct machine_maker maker;
};

/* Checks all cells, then runs them. An exit status. Messages go to standard error. */
int sweep(const struct sweep_request *request);

/* Checks a sweep's file and all its cells; nothing is run. *cells (may be NULL): how many. 0 or a
 * negative errno: with diag set, or (complaints not NULL, -EINVAL) when they were told something.
 */
int sweep_check(const char *path, const struct machine_maker *maker, size_t *cells,
	struct ini_complaints *complaints, struct diag *diag);

/* Shards of a sweep, or rounds of the same cells on the same host, as one document. 0, or -EINVAL
 * with the file and why in diag: what does not belong together; *merged is then NULL. */
int sweep_merge(const char *const *paths, size_t n, json_t **merged, struct diag *diag);

#endif
