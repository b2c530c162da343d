/* SPDX-License-Identifier: BSD-2-Clause */
/* tickvm why, for its own files: what a run's explanation rests on, kept in a results file and read
 * back. Fresh runs go the same way, so that a file says what the run said. */
#ifndef BENCH_WHY_FILE_H
#define BENCH_WHY_FILE_H

#include "../results.h"
#include "why.h"

/* Member "host_events" of a run that has just ended. rt_rest_ticks: as of struct why_run. */
json_t *why_record(struct results *results, struct vm *vm, unsigned vcpus, uint64_t rt_rest_ticks);

/* A run read back. Strings are the document's. */
struct why_read {
	struct why_run run;
	struct joined_event *events;
	struct host_events host;
	struct trace_event *exits[VM_MAX_VCPUS];
	const json_t *json; /* the run itself */
};

/* -EINVAL with what was expected in diag: the run, which may be anybody's, is no run of bench timer
 * with host events. why_read_free() it in any case. */
int why_read(struct why_read *read, const json_t *run, struct diag *diag);
void why_read_free(struct why_read *read);

/* What can be said of the worst events of a run. 0 or -ENOMEM. */
int why_page(struct results *results, const struct why_read *read, size_t worst, struct page *page);

#endif
