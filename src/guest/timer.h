/* SPDX-License-Identifier: BSD-2-Clause */
/* What test=timer knows of its sources: each sets its device up, says how it is armed, and stops
 * it. The loop that uses them is in timer.c. */
#ifndef GUEST_TIMER_H
#define GUEST_TIMER_H

#include "guest.h"
#include "wait.h"

/* The timer of one CPU: what its source knows of it. */
struct timer {
	unsigned cpu;
	uint64_t hz;        /* of its count */
	uint64_t factor;    /* hz / tsc_hz, as a fraction of 2^64 */
	uint64_t registers; /* dedicated */
	volatile struct dedicated_page *page;
	bool through_page, ring_always;
};

/* The grid a periodic device ticks on: every count cycles of hz. Its own, so that rounding does not
 * add up. */
struct period {
	uint64_t count, hz;
};

struct timer_source {
	/* Ends the run when this machine, or the device, cannot do what is asked for. NULL: it
	 * always can. */
	void (*require)(const struct cmdline *cmdline);
	/* On the CPU whose timer it is (timer->cpu is its number): ready to be armed. Returns
	 * WAIT_*, how deadlines are armed, and sets event's constants for it. WAIT_NOTHING: by
	 * arm() below.
	 */
	unsigned (*setup)(
		struct timer *timer, const struct cmdline *cmdline, struct wait_event *event);
	/* The value to arm with, for TSC ticks from the arm stamp on (mode=oneshot). */
	uint64_t (*relative)(const struct timer *timer, uint64_t ticks);
	/* Arms from CPL 3 for an absolute TSC value. */
	void (*arm)(const struct timer *timer, uint64_t deadline);
	/* Starts ticking every interval TSC ticks, as near as the device can. */
	struct period (*start_periodic)(const struct timer *timer, uint64_t now, uint64_t interval);
	/* An interrupt was handled at tsc (residual: its spin began then). NULL: nobody asks. */
	void (*acknowledge)(const struct timer *timer, uint64_t tsc);
	/* Ticks so far by the device's own count, and how much before its time an interrupt may
	 * come. NULL: it does not count. */
	uint64_t (*fired)(const struct timer *timer);
	uint64_t (*advance)(const struct timer *timer);
	void (*stop)(const struct timer *timer);
	unsigned vector;
	bool wakes_early; /* residual: the device itself leaves time to spin */
};

extern const struct timer_source timer_lapic_deadline, timer_lapic_count, timer_pit,
	timer_dedicated;
/* The local APIC's as the command line wants it, or the better one. */
const struct timer_source *timer_lapic(const struct cmdline *cmdline);

#endif
