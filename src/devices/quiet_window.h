/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of held messages: one place a vector, as in a local APIC's IRR.
 * When to hold is the dedicated timer's decision; this only says what can be held, and keeps it. */
#ifndef DEVICES_QUIET_WINDOW_H
#define DEVICES_QUIET_WINDOW_H

#include "tickvm/apic.h"
#include "tickvm/device.h"

#define QUIET_VECTORS 256

struct quiet_hold {
	struct apic_msg msg;
	nsec_t since;
	nsec_t until; /* released by the cap at this time at the latest */
};

struct quiet_window {
	struct quiet_hold hold[QUIET_VECTORS];
	uint64_t busy[QUIET_VECTORS / 64]; /* bit v: hold[v] is in use */
	unsigned count;
	nsec_t first_until; /* the earliest until, or NSEC_NEVER */
	nsec_t longest;     /* longest hold so far */
	uint64_t merged;    /* messages that found their vector held */
	uint64_t released;
	uint64_t by_cap; /* messages that reached their cap */
};

struct quiet_sink {
	void (*release)(void *ctx, const struct apic_msg *msg);
	void *ctx;
};

void quiet_window_init(struct quiet_window *quiet);
/* An ordinary interrupt for exactly the vCPU with APIC ID dest, and so one that may wait. */
bool quiet_window_holdable(const struct apic_msg *msg, unsigned dest);
/* Keeps msg until released. The same vector again merges: the newer message, the older times. */
void quiet_window_hold(
	struct quiet_window *quiet, nsec_t now, nsec_t until, const struct apic_msg *msg);
/* Releases what has reached its cap, or everything; the highest vector first. */
void quiet_window_release(
	struct quiet_window *quiet, nsec_t now, bool everything, struct quiet_sink sink);

#endif
