/* SPDX-License-Identifier: BSD-2-Clause */
/* Starts a thread with default scheduling and no signals.
 * It knows nothing of what runs on it. */
#include "thread.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>

static int place(pthread_attr_t *attr, int cpu)
{
	cpu_set_t cpus;

	if (cpu < 0)
		return 0;
	if (cpu >= CPU_SETSIZE)
		return EINVAL;
	CPU_ZERO(&cpus);
	CPU_SET((unsigned)cpu, &cpus);
	return pthread_attr_setaffinity_np(attr, sizeof(cpus), &cpus);
}

int thread_start(pthread_t *thread, int cpu, void *(*body)(void *), void *arg)
{
	struct sched_param param = {.sched_priority = 0};
	sigset_t all, before;
	pthread_attr_t attr;
	int err;

	pthread_attr_init(&attr);
	pthread_attr_setinheritsched(&attr, PTHREAD_EXPLICIT_SCHED);
	pthread_attr_setschedpolicy(&attr, SCHED_OTHER);
	pthread_attr_setschedparam(&attr, &param);
	err = place(&attr, cpu);
	/* Signals are the launcher's. The mask is inherited. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	if (!err)
		err = pthread_create(thread, &attr, body, arg);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	return -err;
}
