/* SPDX-License-Identifier: BSD-2-Clause */
/* Starts threads that leave signals to the launcher, with default scheduling or their starter's,
 * each with its name and its part of the sandbox. */
#include "thread.h"

#include "tickvm/vm.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

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

static void *begin(void *arg)
{
	const struct thread_job job = *(struct thread_job *)arg;

	free(arg);
	sandbox_thread(job.kind, job.number);
	return job.body(job.arg);
}

int thread_create(pthread_t *thread, const pthread_attr_t *attr, const struct thread_job *job)
{
	static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS};
	struct thread_job *copy = malloc(sizeof(*copy));
	sigset_t mask, before;
	int err;

	if (!copy)
		return ENOMEM;
	*copy = *job;
	/* The mask is inherited. */
	sigfillset(&mask);
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		sigdelset(&mask, faults[i]);
	pthread_sigmask(SIG_SETMASK, &mask, &before);
	err = pthread_create(thread, attr, begin, copy);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (err)
		free(copy);
	return err;
}

int thread_start(pthread_t *thread, int cpu, const struct thread_job *job)
{
	struct sched_param param = {.sched_priority = 0};
	pthread_attr_t attr;
	int err;

	pthread_attr_init(&attr);
	pthread_attr_setinheritsched(&attr, PTHREAD_EXPLICIT_SCHED);
	pthread_attr_setschedpolicy(&attr, SCHED_OTHER);
	pthread_attr_setschedparam(&attr, &param);
	err = place(&attr, cpu);
	if (!err)
		err = thread_create(thread, &attr, job);
	pthread_attr_destroy(&attr);
	return -err;
}

bool thread_join_until(pthread_t thread, uint64_t until_ns)
{
	struct timespec until = {.tv_sec = (time_t)(until_ns / 1000000000),
		.tv_nsec = (long)(until_ns % 1000000000)};

	return pthread_clockjoin_np(thread, NULL, CLOCK_MONOTONIC, &until) == 0;
}

static atomic_bool left;

void thread_leave(pthread_t thread)
{
	pthread_detach(thread);
	atomic_store(&left, true);
}

bool vm_left_threads(void)
{
	return atomic_load(&left);
}
