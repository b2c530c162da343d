/* SPDX-License-Identifier: BSD-2-Clause */
/* The dedicated timer: a paravirtual timer with a vector of its own, and the quiet window that
 * holds other interrupts back near its deadline. After Adamczyk & Chydzinski 2015 (PLoS ONE
 * 10(7): e0130887). Reference: tickvm/guest_abi.h and docs/dedicated-timer.md. */
#ifndef TICKVM_DEDICATED_TIMER_H
#define TICKVM_DEDICATED_TIMER_H

#include "tickvm/apic.h"
#include "tickvm/device.h"
#include "tickvm/guest_abi.h"

struct dedicated_timer;

#define DEDICATED_ADVANCE_AUTO INT64_MIN

struct dedicated_timer_config {
	struct guest_tsc tsc;
	unsigned vcpus;     /* DEST is below this */
	unsigned dest;      /* DEST after reset */
	int64_t advance_ns; /* 0 to DEDICATED_ADVANCE_MAX_NS, or DEDICATED_ADVANCE_AUTO: learned */
	uint64_t quiet_window_ns; /* 0: no window */
	uint64_t quiet_cap_ns;    /* nothing is held longer than this after the deadline */
};

#define DEDICATED_ADVANCE_MAX_NS 100000

/* What the model asks of its owner. Called with the device's lock held. */
struct dedicated_timer_sink {
	/* Interrupt vCPU dest with vector, edge, now. */
	void (*fire)(void *ctx, unsigned dest, uint8_t vector);
	/* Deliver a message that was held (it passes no gate again). */
	void (*release)(void *ctx, const struct apic_msg *msg);
	/* The guest named its shared page: a checked pointer to it, or NULL when gpa is not RAM. */
	struct dedicated_page *(*map)(void *ctx, uint64_t gpa);
	void *ctx;
};

struct dedicated_timer_stats {
	uint64_t armed, fired;
	uint64_t missed;   /* periods that passed without an interrupt of their own */
	uint64_t replaced; /* armed again before the earlier deadline fired */
	uint64_t offered;  /* messages that a window, had it been open, would have held */
	uint64_t held;     /* of these, held */
	uint64_t merged;   /* of these, into one of the same vector that was held already */
	uint64_t waiting;  /* held now */
	uint64_t released; /* held - merged - waiting, or one is lost */
	uint64_t released_by_cap;
	nsec_t longest_hold;
	uint64_t advance_ns;      /* in force now */
	uint64_t advance_samples; /* guest stamps learned from */
	uint64_t bad_writes;      /* guest misdeeds: ignored, counted */
};

struct dedicated_timer *dedicated_timer_create(
	const struct dedicated_timer_config *config, struct dedicated_timer_sink sink);
void dedicated_timer_destroy(struct dedicated_timer *timer);
/* deadline() is the time to act: the guest's deadline less the advance, a quiet window's end, or a
 * retry while something is held. */
struct device dedicated_timer_device(struct dedicated_timer *timer);

/* Look at the shared page now: takes a new deadline if the guest wrote one. True when it did.
 * Called on the doorbell, and by the timer thread while it watches. */
bool dedicated_timer_poll(struct dedicated_timer *timer, nsec_t now);
/* The guest arms through the page (CONTROL.SHARED) and the timer is enabled: worth watching. */
bool dedicated_timer_shared(const struct dedicated_timer *timer);
/* Tell the guest whether a doorbell is needed (the thread will sleep) or not (it watches). */
void dedicated_timer_need_doorbell(struct dedicated_timer *timer, bool needed);

/* The quiet window. True: the message is held and will be released (deadline() may be earlier now:
 * arm it again); false: deliver it yourself. A held message of the same vector merges, as it would
 * in the IRR. */
bool dedicated_timer_hold(struct dedicated_timer *timer, nsec_t now, const struct apic_msg *msg);

/* The guest deadline behind the most recent fire (on the VM's clock), and when the model took it:
 * for the log. */
nsec_t dedicated_timer_last_deadline(const struct dedicated_timer *timer);
nsec_t dedicated_timer_last_armed(const struct dedicated_timer *timer);
struct dedicated_timer_stats dedicated_timer_stats(const struct dedicated_timer *timer);

#endif
