/* SPDX-License-Identifier: BSD-2-Clause */
/* How long before a deadline the timer thread must be awake: as told, or learned from its sleeps.
 * Pure: lateness is an argument. */
#ifndef VMM_TIMER_SPIN_H
#define VMM_TIMER_SPIN_H

#include "../devices/advance.h"

#include <stdbool.h>

struct timer_spin {
	bool learned;
	uint64_t ns; /* of the last part of a wait; 0: nothing is spun */
	struct advance lateness;
};

/* VM_AUTO: learned, VM_TIMER_SPIN_AUTO_MAX_NS at most. */
void timer_spin_init(struct timer_spin *spin, int64_t ns);
/* A sleep that nobody cut short ended so late. */
void timer_spin_slept(struct timer_spin *spin, uint64_t late_ns);
/* A deadline was so near that there was no sleep before it. Where all are, what was once learned
 * would stay for ever: it shrinks until there is time for a sleep to learn from again. */
void timer_spin_spun(struct timer_spin *spin);

#endif
