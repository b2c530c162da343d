/* SPDX-License-Identifier: BSD-2-Clause */
/* How much of a CPU SCHED_FIFO threads may still use before the kernel would throttle them.
 * Pure: the limits and the time are arguments. See sched(7), "Limiting the CPU usage of real-time
 * processes". */
#ifndef VMM_RT_DUTY_H
#define VMM_RT_DUTY_H

#include "tickvm/device.h"

/* A leaky bucket: it fills at 85 % of the kernel's share and holds 12 % of the kernel's runtime, so
 * no stretch of one kernel period, wherever it begins, contains more than 97 % of what the kernel
 * allows. Threads that share a CPU share a bucket: time counts once, while any of them is awake.
 * Without a lock: each stretch of time is charged by who first moves since beyond it. */
struct rt_duty {
	bool limited;
	int64_t capacity;       /* ns */
	uint64_t share;         /* of the time, in 2^-20 */
	_Atomic int64_t level;  /* ns; below 0 only by what ran before it was noticed */
	_Atomic nsec_t since;   /* accounted up to here */
	_Atomic unsigned awake; /* threads */
};

enum rt_room {
	RT_ROOM_NONE, /* rest now */
	RT_ROOM_HALF, /* save: half the usual spin */
	RT_ROOM_FULL,
};

/* runtime_ns of every period_ns are allowed; runtime_ns >= period_ns: no limit. */
void rt_duty_init(struct rt_duty *duty, uint64_t runtime_ns, uint64_t period_ns, nsec_t now);
/* Any thread, of itself: it begins to run, goes to sleep; in between, it still runs. */
void rt_duty_wake(struct rt_duty *duty, nsec_t now);
void rt_duty_sleep(struct rt_duty *duty, nsec_t now);
void rt_duty_account(struct rt_duty *duty, nsec_t now);
enum rt_room rt_duty_room(struct rt_duty *duty);

#endif
