/* SPDX-License-Identifier: BSD-2-Clause */
/* Load for a guest's timers: a line that is raised and lowered at a set rate, and nothing else. */
#ifndef VMM_IRQ_LOAD_H
#define VMM_IRQ_LOAD_H

#include "tickvm/diag.h"

#define IRQ_LOAD_HZ_MAX 1000000u

struct irq_load;

/* tick(ctx) hz times a second, 1 to IRQ_LOAD_HZ_MAX, on a thread of its own (SCHED_OTHER). */
int irq_load_create(
	struct irq_load **out, uint64_t hz, void (*tick)(void *ctx), void *ctx, struct diag *diag);
/* Ends the thread: no tick after this. NULL is allowed. */
void irq_load_stop(struct irq_load *irq_load);
void irq_load_destroy(struct irq_load *irq_load);

/* After irq_load_stop(): ticks made, and those that were due while the thread was late. */
uint64_t irq_load_ticks(const struct irq_load *irq_load);
uint64_t irq_load_missed(const struct irq_load *irq_load);

#endif
