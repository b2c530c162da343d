/* SPDX-License-Identifier: BSD-2-Clause */
/* Real-time duty as a leaky bucket.
 * It counts one thread: other SCHED_FIFO threads on its CPU spend the same budget unseen. */
#include "rt_duty.h"

#define SHARE_ONE (1ULL << 20)
#define SWITCH_NS 10000         /* of each sleep: going and coming back give nobody else the CPU */
#define STEP_MAX  1000000000ULL /* a longer sleep fills the bucket anyway */

void rt_duty_init(struct rt_duty *duty, uint64_t runtime_ns, uint64_t period_ns, nsec_t now)
{
	*duty = (struct rt_duty){.since = now};
	if (runtime_ns >= period_ns)
		return;
	duty->limited = true;
	duty->share = mul_div_u64(runtime_ns, SHARE_ONE * 85 / 100, period_ns);
	duty->capacity = (int64_t)mul_div_u64(runtime_ns, 12, 100);
	duty->level = duty->capacity;
}

void rt_duty_account(struct rt_duty *duty, nsec_t now, bool asleep)
{
	uint64_t elapsed = now > duty->since ? now - duty->since : 0;

	duty->since = now;
	if (!duty->limited)
		return;
	if (elapsed > STEP_MAX)
		elapsed = STEP_MAX;
	duty->level += (int64_t)(elapsed * duty->share / SHARE_ONE);
	duty->level -= (int64_t)(asleep && elapsed > SWITCH_NS ? SWITCH_NS : elapsed);
	if (duty->level > duty->capacity)
		duty->level = duty->capacity;
}

enum rt_room rt_duty_room(const struct rt_duty *duty)
{
	if (!duty->limited || duty->level > duty->capacity / 3)
		return RT_ROOM_FULL;
	return duty->level > 0 ? RT_ROOM_HALF : RT_ROOM_NONE;
}
