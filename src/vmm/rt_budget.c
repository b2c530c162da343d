/* SPDX-License-Identifier: BSD-2-Clause */
/* Budgets by CPU, made when they are first asked for. */
#include "rt_budget.h"

#include "host_rt.h"
#include "tickvm/clock.h"

#include <pthread.h>
#include <sched.h>

#define MOST_PERCENT 90 /* whatever the kernel allows */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards made; a leaf */
static struct rt_duty budgets[CPU_SETSIZE + 1];          /* the last: anywhere */
static bool made[CPU_SETSIZE + 1];

nsec_t rt_budget_now(void)
{
	return clock_ticks_to_ns(clock_tsc());
}

static void make(struct rt_duty *budget)
{
	uint64_t runtime_ns, period_ns, most_ns;

	host_rt_limits(&runtime_ns, &period_ns);
	most_ns = mul_div_u64(period_ns, MOST_PERCENT, 100);
	if (runtime_ns > most_ns)
		runtime_ns = most_ns;
	rt_duty_init(budget, runtime_ns, period_ns, rt_budget_now());
}

struct rt_duty *rt_budget_of(int cpu)
{
	size_t i = cpu >= 0 && cpu < CPU_SETSIZE ? (size_t)cpu : CPU_SETSIZE;

	pthread_mutex_lock(&lock);
	if (!made[i])
		make(&budgets[i]);
	made[i] = true;
	pthread_mutex_unlock(&lock);
	return &budgets[i];
}

struct rt_duty *rt_budget_unlimited(void)
{
	static struct rt_duty none; /* limited is false */

	return &none;
}
