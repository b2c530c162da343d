/* SPDX-License-Identifier: BSD-2-Clause */
/* The search for machine options as the launcher sees it: how late the timer is, against the host
 * CPU time that costs. */
#ifndef TICKVM_TUNE_H
#define TICKVM_TUNE_H

#include "tickvm/bench.h"

#define TUNE_BUDGET_NS 60000000000ULL /* unless told */

struct tune_request {
	const char *source, *interval, *load; /* as bench timer takes them, one each */
	uint64_t budget_ns;                   /* what the search may take */
	bool apply;                           /* write the host settings, too */
	const char *ini;                      /* where the recommended machine goes, or NULL */
	struct bench_context context;         /* machine: where the search starts; outputs */
};

/* Searches, and shows what it found. An exit status; messages go to standard error. */
int tune(const struct tune_request *request);

#endif
