/* SPDX-License-Identifier: BSD-2-Clause */
/* Real-time duty as a leaky bucket that several threads share. */
#include "rt_duty.h"

#include <stdatomic.h>

#define SHARE_ONE (1ULL << 20)
#define SWITCH_NS 10000         /* of each sleep: going and coming back give nobody else the CPU */
#define STEP_MAX  1000000000ULL /* a longer sleep fills the bucket anyway */

void rt_duty_init(struct rt_duty *duty, uint64_t runtime_ns, uint64_t period_ns, nsec_t now)
{
	duty->limited = runtime_ns < period_ns;
	duty->share = mul_div_u64(runtime_ns, SHARE_ONE * 85 / 100, period_ns);
	duty->capacity = (int64_t)mul_div_u64(runtime_ns, 12, 100);
	atomic_init(&duty->level, duty->capacity);
	atomic_init(&duty->since, now);
	atomic_init(&duty->awake, 0);
}

/* What the bucket gets for so much time, less what of it was used. */
static void add(struct rt_duty *duty, uint64_t elapsed, bool asleep)
{
	uint64_t used = asleep && elapsed > SWITCH_NS ? SWITCH_NS : elapsed;
	int64_t gain = (int64_t)(elapsed * duty->share / SHARE_ONE) - (int64_t)used;
	int64_t level = atomic_load(&duty->level), next;

	do {
		next = level + gain < duty->capacity ? level + gain : duty->capacity;
	} while (!atomic_compare_exchange_weak(&duty->level, &level, next));
}

void rt_duty_account(struct rt_duty *duty, nsec_t now)
{
	nsec_t since;

	if (!duty->limited)
		return;
	since = atomic_load(&duty->since);
	do {
		if (now <= since)
			return; /* another thread has charged it */
	} while (!atomic_compare_exchange_weak(&duty->since, &since, now));
	add(duty, now - since < STEP_MAX ? now - since : STEP_MAX, atomic_load(&duty->awake) == 0);
}

void rt_duty_wake(struct rt_duty *duty, nsec_t now)
{
	rt_duty_account(duty, now);
	atomic_fetch_add(&duty->awake, 1);
}

void rt_duty_sleep(struct rt_duty *duty, nsec_t now)
{
	rt_duty_account(duty, now);
	atomic_fetch_sub(&duty->awake, 1);
}

enum rt_room rt_duty_room(struct rt_duty *duty)
{
	int64_t level = atomic_load_explicit(&duty->level, memory_order_relaxed);

	if (!duty->limited || level > duty->capacity / 3)
		return RT_ROOM_FULL;
	return level > 0 ? RT_ROOM_HALF : RT_ROOM_NONE;
}
