/* SPDX-License-Identifier: BSD-2-Clause */
/* The dedicated timer's doorbell as an ioeventfd: KVM handles the guest's write, a thread of ours
 * hears it. */
#ifndef VMM_DOORBELL_H
#define VMM_DOORBELL_H

#include "tickvm/diag.h"

struct doorbell;

/* ring(ctx) is called on the doorbell's thread after the guest has written. priority: SCHED_FIFO, 0
 * or no right: SCHED_OTHER. cpu: in whose real-time budget it runs (rt_budget.h). */
int doorbell_create(struct doorbell **out, int priority, int cpu, void (*ring)(void *ctx),
	void *ctx, struct diag *diag);
/* The eventfd for KVM_IOEVENTFD. */
int doorbell_fd(const struct doorbell *doorbell);
/* Joins the thread; NULL is allowed. */
void doorbell_destroy(struct doorbell *doorbell);

#endif
