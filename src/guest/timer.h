/* SPDX-License-Identifier: BSD-2-Clause */
/* What test=timer knows of its sources: each sets its device up, says how it is armed, and stops
 * it. The loop that uses them is in timer.c. */
#ifndef GUEST_TIMER_H
#define GUEST_TIMER_H

#include "guest.h"
#include "wait.h"

/* The grid a periodic device ticks on: every count cycles of hz. Its own, so that rounding does not
 * add up. */
struct period {
	uint64_t count, hz;
};

struct timer_source {
	/* Ready to be armed; ends the run when this machine cannot. Returns WAIT_*, how deadlines
	 * are armed, and sets event's constants for it. WAIT_NOTHING: by arm() below. */
	unsigned (*setup)(const struct cmdline *cmdline, struct wait_event *event);
	/* The value to arm with, for TSC ticks from the arm stamp on (mode=oneshot). */
	uint64_t (*relative)(uint64_t ticks);
	/* Arms from CPL 3 for an absolute TSC value. */
	void (*arm)(uint64_t deadline);
	/* Starts ticking every interval TSC ticks, as near as the device can. */
	struct period (*start_periodic)(uint64_t now, uint64_t interval);
	/* An interrupt was handled at tsc (residual: its spin began then). */
	void (*acknowledge)(uint64_t tsc);
	/* Ticks so far by the device's own count, and how much before its time an interrupt may
	 * come. NULL: it does not count. */
	uint64_t (*fired)(void);
	uint64_t (*advance)(void);
	void (*stop)(void);
	unsigned vector;
	bool wakes_early; /* residual: the device itself leaves time to spin */
};

extern const struct timer_source timer_lapic_deadline, timer_lapic_count, timer_pit,
	timer_dedicated;

#endif
