/* SPDX-License-Identifier: BSD-2-Clause */
/* How much of a CPU a SCHED_FIFO thread may still use before the kernel would throttle it.
 * Pure: the limits and the time are arguments. See sched(7), "Limiting the CPU usage of real-time
 * processes". */
#ifndef VMM_RT_DUTY_H
#define VMM_RT_DUTY_H

#include "tickvm/device.h"

/* A leaky bucket: it fills at 85 % of the kernel's share and holds 12 % of the kernel's runtime, so
 * no stretch of one kernel period, wherever it begins, contains more than 97 % of what the kernel
 * allows. */
struct rt_duty {
	bool limited;
	int64_t level, capacity; /* ns; below 0 only by what ran before it was noticed */
	uint64_t share;          /* of the time, in 2^-20 */
	nsec_t since;            /* accounted up to here */
};

enum rt_room {
	RT_ROOM_NONE, /* rest now */
	RT_ROOM_HALF, /* save: half the usual spin */
	RT_ROOM_FULL,
};

/* runtime_ns of every period_ns are allowed; runtime_ns >= period_ns: no limit. */
void rt_duty_init(struct rt_duty *duty, uint64_t runtime_ns, uint64_t period_ns, nsec_t now);
/* The time since the last call was spent asleep, or not. */
void rt_duty_account(struct rt_duty *duty, nsec_t now, bool asleep);
enum rt_room rt_duty_room(const struct rt_duty *duty);

#endif
