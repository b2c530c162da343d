/* SPDX-License-Identifier: BSD-2-Clause */
/* Local APIC timer: one-shot, periodic and TSC-deadline (SDM vol. 3, 11.5.4).
 * Counts are a pure function of time: it never catches up in a loop, nor re-arms from "now". */
#include "lapic_internal.h"

#define NSEC_PER_SEC 1000000000ULL

/* A guest may program a period of one bus clock. expire() is asked for no more often than this on
 * average; the periods in between are merged and counted as coalesced. */
#define LAPIC_TIMER_MIN_NSEC 5000

__extension__ typedef unsigned __int128 u128;

static enum lapic_timer_mode timer_mode(const struct lapic *l)
{
	return (enum lapic_timer_mode)(l->lvt[LVT_TIMER] >> LVT_MODE_SHIFT & 3);
}

/* SDM figure 11-10: bits 3, 1, 0 are log2 of the divisor, less 1, modulo 8. */
static uint64_t divisor(const struct lapic_timer *t)
{
	unsigned code = (t->divide >> 1 & 4) | (t->divide & 3);

	return 1ULL << ((code + 1) & 7);
}

/* Counts from start to now; saturates. */
static uint64_t counts_at(const struct lapic *l, nsec_t now)
{
	const struct lapic_timer *t = &l->timer;
	nsec_t elapsed = now > t->start ? now - t->start : 0;

	return mul_div_u64(elapsed, l->bus->config.bus_hz, NSEC_PER_SEC * divisor(t));
}

/* The first nanosecond at which that many counts have passed; the end of counts_at()'s range is
 * never. */
static nsec_t when(const struct lapic *l, u128 counts)
{
	const struct lapic_timer *t = &l->timer;
	uint64_t hz = l->bus->config.bus_hz;

	if (counts > UINT64_MAX)
		return NSEC_NEVER;
	u128 nsec = t->start + (counts * divisor(t) * NSEC_PER_SEC + hz - 1) / hz;
	return nsec > NSEC_NEVER ? NSEC_NEVER : (nsec_t)nsec;
}

static void disarm(struct lapic_timer *t)
{
	t->tsc_deadline = 0;
	t->due = t->wake = NSEC_NEVER;
}

static void schedule(struct lapic *l)
{
	struct lapic_timer *t = &l->timer;

	t->due = when(l, t->first + (u128)t->fired * t->initial);
	t->wake = t->due;
	if (t->stride > 1)
		t->wake = when(l, t->first + ((u128)t->fired + t->stride - 1) * t->initial);
}

/* Counts down from first, beginning now; then, when periodic, from initial. */
static void start(struct lapic *l, nsec_t now, uint32_t first)
{
	struct lapic_timer *t = &l->timer;

	t->start = now;
	t->first = first;
	t->fired = 0;
	t->stride = 1;
	if (timer_mode(l) == TIMER_PERIODIC) {
		uint64_t shortest = mul_div_u64(
			LAPIC_TIMER_MIN_NSEC, l->bus->config.bus_hz, NSEC_PER_SEC * divisor(t));
		if (shortest > t->initial)
			t->stride = (shortest - 1) / t->initial + 1;
	}
	schedule(l);
}

void lapic_timer_reset(struct lapic *l)
{
	struct lapic_timer *t = &l->timer;

	t->initial = 0;
	t->divide = 0;
	disarm(t);
}

uint32_t lapic_timer_current(const struct lapic *l, nsec_t now)
{
	const struct lapic_timer *t = &l->timer;

	if (t->due == NSEC_NEVER || timer_mode(l) == TIMER_TSC_DEADLINE)
		return 0;
	uint64_t counts = counts_at(l, now);
	if (counts < t->first)
		return t->first - (uint32_t)counts;
	if (timer_mode(l) != TIMER_PERIODIC)
		return 0;
	return t->initial - (uint32_t)((counts - t->first) % t->initial);
}

/* Each setter first does what was due before it, so that a tick the timer thread has not reached
 * yet is not lost. */

void lapic_timer_set_initial(struct lapic *l, nsec_t now, uint32_t value)
{
	enum lapic_timer_mode mode = timer_mode(l);

	if (mode == TIMER_TSC_DEADLINE)
		return;
	lapic_timer_expire(l, now);
	l->timer.initial = value;
	disarm(&l->timer);
	if (value && mode != TIMER_RESERVED)
		start(l, now, value);
}

void lapic_timer_set_divide(struct lapic *l, nsec_t now, uint32_t value)
{
	struct lapic_timer *t = &l->timer;

	if (t->divide == value)
		return;
	lapic_timer_expire(l, now);
	uint32_t left = lapic_timer_current(l, now);
	t->divide = value;
	if (left)
		start(l, now, left);
}

void lapic_timer_set_lvt(struct lapic *l, nsec_t now, uint32_t value)
{
	enum lapic_timer_mode old = timer_mode(l);

	lapic_timer_expire(l, now);
	l->lvt[LVT_TIMER] = value;
	if (timer_mode(l) != old)
		disarm(&l->timer);
}

uint64_t lapic_timer_tsc_deadline(struct lapic *l, nsec_t now)
{
	lapic_timer_expire(l, now);
	return l->timer.tsc_deadline;
}

void lapic_timer_set_tsc_deadline(struct lapic *l, nsec_t now, uint64_t ticks)
{
	struct lapic_timer *t = &l->timer;

	if (timer_mode(l) != TIMER_TSC_DEADLINE)
		return;
	lapic_timer_expire(l, now);
	disarm(t);
	if (ticks) {
		t->tsc_deadline = ticks;
		t->due = t->wake = guest_tsc_to_nsec(&l->bus->config.tsc, ticks);
		lapic_timer_expire(l, now); /* one in the past interrupts at once */
	}
}

/* A masked timer counts on, but nobody needs waking for it. */
nsec_t lapic_timer_deadline(const struct lapic *l)
{
	return (l->lvt[LVT_TIMER] & LVT_MASKED) ? NSEC_NEVER : l->timer.wake;
}

void lapic_timer_expire(struct lapic *l, nsec_t now)
{
	struct lapic_timer *t = &l->timer;
	uint64_t ticks = 1;

	if (t->due == NSEC_NEVER || now < t->due)
		return;
	if (timer_mode(l) == TIMER_PERIODIC) {
		uint64_t passed = (counts_at(l, now) - t->first) / t->initial + 1;

		ticks = passed - t->fired;
		t->fired = passed;
		schedule(l);
	} else {
		disarm(t);
	}
	if (l->lvt[LVT_TIMER] & LVT_MASKED)
		return;
	t->coalesced += ticks - 1 + lapic_requested(l, (uint8_t)l->lvt[LVT_TIMER]);
	lapic_local_interrupt(l, LVT_TIMER);
}

uint64_t lapic_timer_coalesced(const struct lapic *l)
{
	return l->timer.coalesced;
}
