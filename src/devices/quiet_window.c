/* SPDX-License-Identifier: BSD-2-Clause */
/* Holds interrupt messages back near a deadline and gives every one of them out again.
 * It does not know deadlines or the timer, and it never looks at a message that cannot wait. */
#include "quiet_window.h"

void quiet_window_init(struct quiet_window *quiet)
{
	*quiet = (struct quiet_window){.first_until = NSEC_NEVER};
}

/* Intel SDM vol. 3, 11.6.2: physical IDs; flat logical IDs as every operating system sets them up,
 * one bit a CPU; x2APIC logical IDs (11.12.10.2), which the hardware derives from the ID. A guest
 * that chose other logical IDs has an interrupt delayed for another CPU, never lost. */
static bool addresses(const struct apic_msg *msg, unsigned dest)
{
	if (!msg->logical)
		return msg->dest == dest;
	if (msg->x2apic)
		return msg->dest == (((uint32_t)dest & ~0xfu) << 12 | 1u << (dest & 0xf));
	return dest < 8 && msg->dest == 1u << dest;
}

bool quiet_window_holdable(const struct apic_msg *msg, unsigned dest)
{
	/* Vectors below 16 are an error for the local APIC to report (11.5.2), not interrupts. */
	return (msg->delivery == APIC_FIXED || msg->delivery == APIC_LOWEST) &&
	       msg->shorthand == APIC_DEST_FIELD && msg->vector >= 16 && addresses(msg, dest);
}

void quiet_window_hold(
	struct quiet_window *quiet, nsec_t now, nsec_t until, const struct apic_msg *msg)
{
	struct quiet_hold *hold = &quiet->hold[msg->vector];
	uint64_t bit = 1ULL << (msg->vector % 64);

	hold->msg = *msg;
	if (quiet->busy[msg->vector / 64] & bit) {
		quiet->merged++;
		return;
	}
	quiet->busy[msg->vector / 64] |= bit;
	quiet->count++;
	hold->since = now;
	hold->until = until;
	if (until < quiet->first_until)
		quiet->first_until = until;
}

static void release_one(
	struct quiet_window *quiet, unsigned vector, nsec_t now, struct quiet_sink sink)
{
	struct quiet_hold *hold = &quiet->hold[vector];
	nsec_t held = now > hold->since ? now - hold->since : 0;

	quiet->busy[vector / 64] &= ~(1ULL << (vector % 64));
	quiet->count--;
	quiet->released++;
	if (held > quiet->longest)
		quiet->longest = held;
	sink.release(sink.ctx, &hold->msg);
}

void quiet_window_release(
	struct quiet_window *quiet, nsec_t now, bool everything, struct quiet_sink sink)
{
	if (quiet->count == 0 || (!everything && now < quiet->first_until))
		return;

	quiet->first_until = NSEC_NEVER;
	for (unsigned word = QUIET_VECTORS / 64; word-- > 0;) {
		/* A copy: releasing clears bits of the original. */
		for (uint64_t left = quiet->busy[word]; left;) {
			unsigned bit = 63 - (unsigned)__builtin_clzll(left);
			struct quiet_hold *hold = &quiet->hold[word * 64 + bit];

			left &= ~(1ULL << bit);
			if (everything || now >= hold->until) {
				quiet->by_cap += now >= hold->until;
				release_one(quiet, word * 64 + bit, now, sink);
			} else if (hold->until < quiet->first_until) {
				quiet->first_until = hold->until;
			}
		}
	}
}
