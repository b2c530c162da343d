/* SPDX-License-Identifier: BSD-2-Clause */
/* Load for a guest's timers: a line that is raised and lowered at a set rate, and nothing else. */
#ifndef VMM_NUISANCE_H
#define VMM_NUISANCE_H

#include "tickvm/diag.h"

#define NUISANCE_HZ_MAX 1000000u

struct nuisance;

/* tick(ctx) hz times a second, 1 to NUISANCE_HZ_MAX, on a thread of its own (SCHED_OTHER). */
int nuisance_create(
	struct nuisance **out, uint64_t hz, void (*tick)(void *ctx), void *ctx, struct diag *diag);
/* Ends the thread: no tick after this. NULL is allowed. */
void nuisance_stop(struct nuisance *nuisance);
void nuisance_destroy(struct nuisance *nuisance);

/* After nuisance_stop(): ticks made, and those that were due while the thread was late. */
uint64_t nuisance_ticks(const struct nuisance *nuisance);
uint64_t nuisance_missed(const struct nuisance *nuisance);

#endif
