/* SPDX-License-Identifier: BSD-2-Clause */
/* Starts threads that leave signals to the launcher, with default scheduling or their starter's,
 * each with its name and its part of the sandbox. */
#include "thread.h"

#include "tickvm/vm.h"

#include <errno.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

/* vCPU threads that are there before their VM. */
struct parked {
	pthread_t thread;
	sem_t posted;
	struct thread_job job; /* told by its number, once posted */
	bool taken;
};
static struct parked parked[VM_MAX_VCPUS];
static unsigned n_parked;

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

/* What pthread_create() would have made of attr. One without an affinity says that it has all. */
static int apply(pthread_t thread, const pthread_attr_t *attr)
{
	struct sched_param param;
	int inherit, policy, err = 0;
	cpu_set_t cpus;

	pthread_attr_getaffinity_np(attr, sizeof(cpus), &cpus);
	if (CPU_COUNT(&cpus) < CPU_SETSIZE)
		err = pthread_setaffinity_np(thread, sizeof(cpus), &cpus);
	pthread_attr_getinheritsched(attr, &inherit);
	pthread_attr_getschedpolicy(attr, &policy);
	pthread_attr_getschedparam(attr, &param);
	if (err == 0 && inherit == PTHREAD_EXPLICIT_SCHED)
		err = pthread_setschedparam(thread, policy, &param);
	return err;
}

static struct parked *parked_for(const struct thread_job *job)
{
	if (job->kind != SANDBOX_VCPU || job->number >= n_parked || parked[job->number].taken)
		return NULL;
	return &parked[job->number];
}

static int hand_over(struct parked *to, pthread_t *thread, const pthread_attr_t *attr,
	const struct thread_job *job)
{
	int err = attr != NULL ? apply(to->thread, attr) : 0;

	if (err)
		return err;
	to->taken = true;
	to->job = *job;
	*thread = to->thread;
	sem_post(&to->posted);
	return 0;
}

static void wait_for(sem_t *sem)
{
	while (sem_wait(sem) != 0)
		;
}

static sem_t in_place;

static void *await_job(void *arg)
{
	struct parked *own = arg;

	sem_post(&in_place);
	wait_for(&own->posted);
	return own->job.body(own->job.arg);
}

int thread_park_vcpus(unsigned n)
{
	int err = 0;

	sem_init(&in_place, 0, 0);
	while (n_parked < n && n_parked < VM_MAX_VCPUS && !err) {
		struct parked *next = &parked[n_parked];
		const struct thread_job job = {SANDBOX_VCPU, n_parked, await_job, next};

		sem_init(&next->posted, 0, 0);
		err = thread_create(&next->thread, NULL, &job);
		if (!err) {
			wait_for(&in_place);
			n_parked++;
		}
	}
	return -err;
}

int thread_create(pthread_t *thread, const pthread_attr_t *attr, const struct thread_job *job)
{
	static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS};
	struct parked *ready = parked_for(job);
	struct thread_job *copy;
	sigset_t mask, before;
	int err;

	if (ready)
		return hand_over(ready, thread, attr, job);
	copy = malloc(sizeof(*copy));
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
