/* SPDX-License-Identifier: BSD-2-Clause */
/* The dedicated timer: registers, shared page, deadlines, and when the quiet window is open.
 * It trusts nothing on the page, injects nothing itself, and leaves waiting to whoever owns it. */
#include "tickvm/dedicated_timer.h"

#include "advance.h"
#include "quiet_window.h"

#include <stdlib.h>

#define CONTROL_BITS                                                                               \
	(DT_CONTROL_ENABLE | DT_CONTROL_PERIODIC | DT_CONTROL_SHARED | DT_CONTROL_RESIDUAL)
#define PERIOD_MIN_NS 1000 /* below this a host cannot even count the misses in time */
#define RETRY_NS      2000 /* how often an acknowledgement is looked for while something is held */
#define PAGE_BYTES    4096

struct dedicated_timer {
	struct dedicated_timer_config config;
	struct dedicated_timer_sink sink;

	/* registers */
	uint64_t control, vector, dest, period, missed;
	uint64_t deadline; /* guest TSC; 0: idle */
	uint64_t page_gpa;
	struct dedicated_page *page; /* the guest writes to it at any moment */

	uint64_t arm_seq, ack_seq, fire_seq; /* as last seen, seen, written */
	bool doorbell;                       /* nobody watches the page */

	nsec_t armed_at, fire_at; /* of the pending deadline; fire_at is fixed when it is armed */

	/* the most recent fire */
	nsec_t last_deadline, last_armed;
	uint64_t fired_tsc; /* guest TSC just before the injection */
	uint64_t aimed_tsc; /* when the injection should have been */
	bool unacknowledged;

	struct advance learned;
	uint64_t advance_ns; /* in force */

	struct quiet_window quiet;
	nsec_t retry_at; /* next look for an acknowledgement while something is held */

	struct dedicated_timer_stats stats;
};

/* ---- arithmetic ---- */

static uint64_t add_saturating(uint64_t a, uint64_t b)
{
	return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static uint64_t subtract_to_zero(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

static uint64_t ticks_from_ns(const struct dedicated_timer *timer, uint64_t ns)
{
	return mul_div_u64(ns, timer->config.tsc.hz, 1000000000);
}

static uint64_t advance_ticks(const struct dedicated_timer *timer)
{
	return ticks_from_ns(timer, timer->advance_ns);
}

static bool enabled(const struct dedicated_timer *timer)
{
	return timer->control & DT_CONTROL_ENABLE;
}

/* ---- advance ---- */

static void update_advance(struct dedicated_timer *timer)
{
	if (timer->config.advance_ns == DEDICATED_ADVANCE_AUTO) {
		timer->advance_ns = timer->control & DT_CONTROL_RESIDUAL
					    ? advance_cover(&timer->learned)
					    : advance_typical(&timer->learned);
		if (timer->advance_ns > DEDICATED_ADVANCE_MAX_NS)
			timer->advance_ns = DEDICATED_ADVANCE_MAX_NS;
	}
	if (timer->page)
		__atomic_store_n(&timer->page->advance, advance_ticks(timer), __ATOMIC_RELAXED);
}

/* A stamp from before the injection, or absurdly late, is a lie or another event's. */
static void learn(struct dedicated_timer *timer, uint64_t ack_tsc)
{
	if (timer->config.advance_ns != DEDICATED_ADVANCE_AUTO || ack_tsc < timer->fired_tsc)
		return;

	uint64_t latency_ns =
		mul_div_u64(ack_tsc - timer->aimed_tsc, 1000000000, timer->config.tsc.hz);

	if (latency_ns > DEDICATED_ADVANCE_MAX_NS)
		return;
	advance_add(&timer->learned, (uint32_t)latency_ns);
	timer->stats.advance_samples++;
	update_advance(timer);
}

/* ---- quiet window ---- */

/* When the window that is open now closes by its cap; 0 when none is open. */
static nsec_t window_end(const struct dedicated_timer *timer, nsec_t now)
{
	const struct dedicated_timer_config *config = &timer->config;
	nsec_t end;

	if (!enabled(timer) || config->quiet_window_ns == 0)
		return 0;
	end = add_saturating(timer->last_deadline, config->quiet_cap_ns);
	if (timer->unacknowledged && now < end)
		return end;
	if (timer->deadline == 0)
		return 0;

	nsec_t due = guest_tsc_to_nsec(&timer->config.tsc, timer->deadline);

	end = add_saturating(due, config->quiet_cap_ns);
	return now >= subtract_to_zero(due, config->quiet_window_ns) && now < end ? end : 0;
}

static void release_held(struct dedicated_timer *timer, nsec_t now)
{
	struct quiet_sink sink = {timer->sink.release, timer->sink.ctx};

	quiet_window_release(&timer->quiet, now, window_end(timer, now) == 0, sink);
	timer->retry_at = add_saturating(now, RETRY_NS);
}

static void release_all(struct dedicated_timer *timer, nsec_t now)
{
	struct quiet_sink sink = {timer->sink.release, timer->sink.ctx};

	quiet_window_release(&timer->quiet, now, true, sink);
}

/* What was held for this deadline is released even where the next one's window is open already:
 * windows longer than the interval would hold it until the cap. */
static void acknowledge(struct dedicated_timer *timer, nsec_t now, uint64_t ack_tsc)
{
	if (!timer->unacknowledged)
		return;
	timer->unacknowledged = false;
	release_all(timer, now);
	learn(timer, ack_tsc);
}

/* ---- arming and firing ---- */

static void set_pending(struct dedicated_timer *timer, nsec_t now, uint64_t deadline)
{
	timer->deadline = deadline;
	timer->armed_at = now;
	timer->fire_at = subtract_to_zero(
		guest_tsc_to_nsec(&timer->config.tsc, deadline), timer->advance_ns);
}

/* Disarming ends the wait for an acknowledgement too: nothing is left to be quiet for. */
static void disarm(struct dedicated_timer *timer, nsec_t now)
{
	timer->deadline = 0;
	timer->unacknowledged = false;
	release_held(timer, now);
}

static void arm(struct dedicated_timer *timer, nsec_t now, uint64_t deadline)
{
	if (deadline == 0) {
		disarm(timer, now);
	} else if (!enabled(timer)) {
		timer->stats.bad_writes++;
	} else {
		timer->stats.armed++;
		timer->stats.replaced += timer->deadline != 0;
		set_pending(timer, now, deadline);
	}
}

/* Periods whose own time to fire has passed too: one interrupt stands for the last of them. */
static uint64_t periods_late(const struct dedicated_timer *timer, nsec_t now)
{
	/* The advance rounded up, so that the next time to fire is after now. */
	uint64_t reached =
		add_saturating(guest_tsc_at(&timer->config.tsc, now), advance_ticks(timer) + 1);

	if (!(timer->control & DT_CONTROL_PERIODIC) || timer->period == 0)
		return 0;
	return subtract_to_zero(reached, timer->deadline) / timer->period;
}

static void fire(struct dedicated_timer *timer, nsec_t now)
{
	bool periodic = timer->control & DT_CONTROL_PERIODIC && timer->period != 0;
	uint64_t late = periods_late(timer, now);

	timer->missed += late;
	timer->fire_seq++;
	if (timer->page) {
		__atomic_store_n(&timer->page->missed, timer->missed, __ATOMIC_RELAXED);
		__atomic_store_n(&timer->page->fire_seq, timer->fire_seq, __ATOMIC_RELEASE);
	}
	timer->sink.fire(timer->sink.ctx, (unsigned)timer->dest, (uint8_t)timer->vector);

	/* The rest can wait until the interrupt is on its way. late is a quotient: no overflow. */
	uint64_t deadline = timer->deadline + late * timer->period;

	timer->stats.fired++;
	timer->stats.missed += late;
	timer->last_deadline = guest_tsc_to_nsec(&timer->config.tsc, deadline);
	timer->last_armed = timer->armed_at;
	timer->fired_tsc = guest_tsc_at(&timer->config.tsc, now);
	/* Latency counts from the time aimed at, so that the waker's own lateness is made good too;
	 * but not for a deadline that was armed too late to be aimed at. */
	timer->aimed_tsc = timer->armed_at <= timer->fire_at
				   ? guest_tsc_at(&timer->config.tsc, timer->fire_at)
				   : timer->fired_tsc;
	timer->unacknowledged = true;

	/* A period past the end of the counter ends the series. */
	if (periodic && deadline <= UINT64_MAX - timer->period)
		set_pending(timer, now, deadline + timer->period);
	else
		timer->deadline = 0;
}

/* ---- the shared page: each field is read once ---- */

static void take_page_ack(struct dedicated_timer *timer, nsec_t now)
{
	if (!timer->page)
		return;

	uint64_t seq = __atomic_load_n(&timer->page->ack_seq, __ATOMIC_ACQUIRE);

	if (seq == timer->ack_seq)
		return;
	timer->ack_seq = seq;
	acknowledge(timer, now, __atomic_load_n(&timer->page->ack_tsc, __ATOMIC_RELAXED));
}

static bool take_page_deadline(struct dedicated_timer *timer, nsec_t now)
{
	if (!enabled(timer) || !timer->page)
		return false;

	uint64_t seq = __atomic_load_n(&timer->page->arm_seq, __ATOMIC_SEQ_CST);

	if (seq == timer->arm_seq)
		return false;
	timer->arm_seq = seq;
	arm(timer, now, __atomic_load_n(&timer->page->deadline, __ATOMIC_RELAXED));
	return true;
}

/* What stood on the page before the timer was enabled with it is no arming. */
static void ignore_earlier_arming(struct dedicated_timer *timer)
{
	if (timer->page)
		timer->arm_seq = __atomic_load_n(&timer->page->arm_seq, __ATOMIC_ACQUIRE);
}

static void set_page(struct dedicated_timer *timer, uint64_t gpa)
{
	timer->page = NULL;
	if (gpa != 0 && gpa % PAGE_BYTES == 0)
		timer->page = timer->sink.map(timer->sink.ctx, gpa);
	timer->page_gpa = timer->page ? gpa : 0;
	if (!timer->page) {
		timer->stats.bad_writes += gpa != 0;
		return;
	}
	ignore_earlier_arming(timer);
	timer->ack_seq = __atomic_load_n(&timer->page->ack_seq, __ATOMIC_ACQUIRE);
	__atomic_store_n(&timer->page->missed, timer->missed, __ATOMIC_RELAXED);
	__atomic_store_n(&timer->page->fire_seq, timer->fire_seq, __ATOMIC_RELAXED);
	dedicated_timer_need_doorbell(timer, timer->doorbell);
	update_advance(timer);
}

bool dedicated_timer_poll(struct dedicated_timer *timer, nsec_t now)
{
	bool armed;

	take_page_ack(timer, now);
	armed = take_page_deadline(timer, now);
	release_held(timer, now);
	return armed;
}

bool dedicated_timer_shared(const struct dedicated_timer *timer)
{
	return enabled(timer) && timer->control & DT_CONTROL_SHARED && timer->page;
}

void dedicated_timer_need_doorbell(struct dedicated_timer *timer, bool needed)
{
	timer->doorbell = needed;
	if (!timer->page)
		return;
	/* A full fence before the next look at arm_seq. It pairs with the guest's, between its
	 * arm_seq and its look at need_doorbell: one of us sees the other's store. */
	__atomic_store_n(&timer->page->need_doorbell, needed, __ATOMIC_SEQ_CST);
}

bool dedicated_timer_hold(struct dedicated_timer *timer, nsec_t now, const struct apic_msg *msg)
{
	nsec_t end;

	if (!quiet_window_holdable(msg, (unsigned)timer->dest))
		return false;
	timer->stats.offered++;
	take_page_ack(timer, now);
	end = window_end(timer, now);
	if (end == 0)
		return false;
	if (timer->quiet.count == 0)
		timer->retry_at = add_saturating(now, RETRY_NS);
	quiet_window_hold(&timer->quiet, now, end, msg);
	timer->stats.held++;
	return true;
}

/* ---- registers ---- */

static void write_control(struct dedicated_timer *timer, nsec_t now, uint64_t value)
{
	bool was_enabled = enabled(timer);

	timer->stats.bad_writes += (value & ~(uint64_t)CONTROL_BITS) != 0;
	timer->control = value & CONTROL_BITS;
	if (!enabled(timer))
		disarm(timer, now);
	if (!was_enabled)
		ignore_earlier_arming(timer);
	update_advance(timer);
}

static void write_dest(struct dedicated_timer *timer, nsec_t now, uint64_t value)
{
	if (value >= timer->config.vcpus) {
		timer->stats.bad_writes++;
		return;
	}
	/* What is held was for the vCPU that no longer waits for this timer. */
	if (value != timer->dest)
		release_all(timer, now);
	timer->dest = value;
}

static void write_period(struct dedicated_timer *timer, uint64_t value)
{
	if (value != 0 && value < ticks_from_ns(timer, PERIOD_MIN_NS))
		timer->stats.bad_writes++;
	else
		timer->period = value;
}

static bool is_register_access(uint64_t offset, unsigned size)
{
	return size == 8 && offset % 8 == 0 && offset <= DT_MISSED;
}

static void dedicated_write(void *self, nsec_t now, uint64_t offset, unsigned size, uint64_t value)
{
	struct dedicated_timer *timer = self;

	switch (is_register_access(offset, size) ? offset : UINT64_MAX) {
	case DT_CONTROL:
		write_control(timer, now, value);
		break;
	case DT_VECTOR:
		if (value >= 32 && value <= 255)
			timer->vector = value;
		else
			timer->stats.bad_writes++;
		break;
	case DT_DEST:
		write_dest(timer, now, value);
		break;
	case DT_DEADLINE:
		take_page_ack(timer, now);
		arm(timer, now, value);
		release_held(timer, now);
		break;
	case DT_PERIOD:
		write_period(timer, value);
		break;
	case DT_ACK:
		acknowledge(timer, now, value);
		break;
	case DT_PAGE:
		set_page(timer, value);
		break;
	case DT_DOORBELL:
		dedicated_timer_poll(timer, now);
		break;
	default: /* read-only, or no register */
		timer->stats.bad_writes++;
		break;
	}
}

static uint64_t dedicated_read(void *self, nsec_t now, uint64_t offset, unsigned size)
{
	struct dedicated_timer *timer = self;

	(void)now;
	switch (is_register_access(offset, size) ? offset : UINT64_MAX) {
	case DT_ID:
		return DT_ID_VALUE;
	case DT_CONTROL:
		return timer->control;
	case DT_VECTOR:
		return timer->vector;
	case DT_DEST:
		return timer->dest;
	case DT_DEADLINE:
		return timer->deadline;
	case DT_PERIOD:
		return timer->period;
	case DT_ACK:
	case DT_DOORBELL:
		return 0;
	case DT_PAGE:
		return timer->page_gpa;
	case DT_ADVANCE:
		return advance_ticks(timer);
	case DT_MISSED:
		return timer->missed;
	default:
		return all_ones(size);
	}
}

/* ---- time ---- */

static nsec_t dedicated_deadline(const void *self)
{
	const struct dedicated_timer *timer = self;
	nsec_t first = timer->deadline != 0 ? timer->fire_at : NSEC_NEVER;

	if (timer->quiet.count == 0)
		return first;

	nsec_t look = timer->unacknowledged && timer->retry_at < timer->quiet.first_until
			      ? timer->retry_at
			      : timer->quiet.first_until;

	return look < first ? look : first;
}

static void dedicated_expire(void *self, nsec_t now)
{
	struct dedicated_timer *timer = self;

	take_page_ack(timer, now);
	take_page_deadline(timer, now);
	if (timer->deadline != 0 && now >= timer->fire_at)
		fire(timer, now);
	release_held(timer, now);
}

static void dedicated_reset(void *self, nsec_t now)
{
	struct dedicated_timer *timer = self;

	timer->control = 0;
	disarm(timer, now);
	timer->vector = DT_VECTOR_DEFAULT;
	timer->dest = timer->config.dest;
	timer->period = 0;
	timer->missed = 0;
	timer->fire_seq = 0;
	timer->page = NULL;
	timer->page_gpa = 0;
	advance_reset(&timer->learned);
	update_advance(timer);
}

static void dedicated_counters(const void *self, struct counter_sink sink)
{
	struct dedicated_timer_stats s = dedicated_timer_stats(self);

	sink.put(sink.ctx, "armed", s.armed);
	sink.put(sink.ctx, "fired", s.fired);
	sink.put(sink.ctx, "missed", s.missed);
	sink.put(sink.ctx, "replaced", s.replaced);
	sink.put(sink.ctx, "offered", s.offered);
	sink.put(sink.ctx, "held", s.held);
	sink.put(sink.ctx, "merged", s.merged);
	sink.put(sink.ctx, "waiting", s.waiting);
	sink.put(sink.ctx, "released", s.released);
	sink.put(sink.ctx, "released_by_cap", s.released_by_cap);
	sink.put(sink.ctx, "longest_hold_ns", s.longest_hold);
	sink.put(sink.ctx, "advance_ns", s.advance_ns);
	sink.put(sink.ctx, "advance_samples", s.advance_samples);
	sink.put(sink.ctx, "bad_writes", s.bad_writes);
}

static const struct device_ops dedicated_ops = {
	.name = "dedicated",
	.read = dedicated_read,
	.write = dedicated_write,
	.deadline = dedicated_deadline,
	.expire = dedicated_expire,
	.reset = dedicated_reset,
	.counters = dedicated_counters,
};

struct device dedicated_timer_device(struct dedicated_timer *timer)
{
	return (struct device){&dedicated_ops, timer};
}

struct dedicated_timer *dedicated_timer_create(
	const struct dedicated_timer_config *config, struct dedicated_timer_sink sink)
{
	struct dedicated_timer *timer = calloc(1, sizeof(*timer));

	if (!timer)
		return NULL;
	timer->config = *config;
	timer->sink = sink;
	timer->doorbell = true;
	if (config->advance_ns != DEDICATED_ADVANCE_AUTO)
		timer->advance_ns = (uint64_t)config->advance_ns;
	quiet_window_init(&timer->quiet);
	dedicated_reset(timer, 0);
	return timer;
}

void dedicated_timer_destroy(struct dedicated_timer *timer)
{
	free(timer);
}

nsec_t dedicated_timer_last_deadline(const struct dedicated_timer *timer)
{
	return timer->last_deadline;
}

nsec_t dedicated_timer_last_armed(const struct dedicated_timer *timer)
{
	return timer->last_armed;
}

struct dedicated_timer_stats dedicated_timer_stats(const struct dedicated_timer *timer)
{
	struct dedicated_timer_stats stats = timer->stats;

	stats.merged = timer->quiet.merged;
	stats.waiting = timer->quiet.count;
	stats.released = timer->quiet.released;
	stats.released_by_cap = timer->quiet.by_cap;
	stats.longest_hold = timer->quiet.longest;
	stats.advance_ns = timer->advance_ns;
	return stats;
}
