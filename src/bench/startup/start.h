/* SPDX-License-Identifier: BSD-2-Clause */
/* One start in a process of its own, so that nothing is warm that would not be. */
#ifndef BENCH_START_H
#define BENCH_START_H

#include "tickvm/experiment.h"

/* What such a process is told first: to start a guest, or the bare ioctls alone. */
#define START_ONCE "--start-once"
#define START_BARE "--start-bare"

/* Host TSC stamps, and bytes. */
struct start {
	/* the parent's, just before the process is made */
	uint64_t exec_tsc;
	uint64_t create_tsc, entry_tsc, first_tsc;
	/* resident memory without the mapping of guest RAM; 0: not known */
	uint64_t rss;
};

/* In the process: starts context's machine, says the stamps on standard output. Returns an exit
 * status. */
int start_be_started(const struct bench_context *context, bool bare);
/* Makes the process, of the point's machine, and waits for it. 0 or a negative errno with diag
 * set. */
int start_once(const struct point *point, bool bare, bool confined, struct start *start,
	struct diag *diag);

#endif
