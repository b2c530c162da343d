/* SPDX-License-Identifier: BSD-2-Clause */
/* The process's real-time budgets: one a host CPU, whoever runs there, of however many VMs. */
#ifndef VMM_RT_BUDGET_H
#define VMM_RT_BUDGET_H

#include "rt_duty.h"

/* Of SCHED_FIFO threads on that CPU; -1: of those that run anywhere, as if they shared one. At
 * most 90 % of a period (sched_rt_period_us), even where the kernel allows more or throttles nobody
 * (sched_rt_runtime_us is -1): the rest is the host's, in any second. Its limits are read when the
 * first one asks. It lasts as long as the process. */
struct rt_duty *rt_budget_of(int cpu);
/* Of a thread without a real-time class: never spent. */
struct rt_duty *rt_budget_unlimited(void);
/* The budgets' time, nanoseconds: the same for all VMs. */
nsec_t rt_budget_now(void);

#endif
