/* SPDX-License-Identifier: BSD-2-Clause */
/* A side of a comparison that grows: the metrics of several results documents as those of one. */
#ifndef BENCH_COMPARE_GROWN_H
#define BENCH_COMPARE_GROWN_H

#include "compare.h"

struct grown {
	json_t *document; /* {"metrics": [...], "host": of the first} */
	json_t *by_name;  /* its metrics */
};

void grown_begin(struct grown *grown);
void grown_end(struct grown *grown);
/* Adds a document's figures: one of each metric, the median of its runs. name is for messages.
 * -EINVAL, -ENOMEM. */
int grown_add_round(
	struct grown *grown, const json_t *document, const char *name, struct diag *diag);
/* The same, each run a figure of its own. */
int grown_add_runs(
	struct grown *grown, const json_t *document, const char *name, struct diag *diag);

#endif
