/* SPDX-License-Identifier: BSD-2-Clause */
/* The monitor's threads: signals are the launcher's, whatever they do. */
#ifndef VMM_THREAD_H
#define VMM_THREAD_H

#include "tickvm/sandbox.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* What a thread is: its kind and, of several, its number, by which it is named and confined; and
 * what it runs. */
struct thread_job {
	enum sandbox_thread kind;
	unsigned number;
	void *(*body)(void *arg);
	void *arg;
};

/* pthread_create(), but that the thread takes no signal: only a fault of its own still reaches the
 * handler that gives the terminal back. 0 or a positive errno. */
int thread_create(pthread_t *thread, const pthread_attr_t *attr, const struct thread_job *job);

/* Makes the threads of vCPUs 0 to n - 1 (at most VM_MAX_VCPUS) now, confined as such; each waits
 * for the first thread_create() of its number, which gives it its job, affinity and scheduling. For
 * before the process has a filter of its own, which they then go without: each filter that a thread
 * has costs every exit. 0 or -errno. */
int thread_park_vcpus(unsigned n);

/* For one in no hurry: SCHED_OTHER whatever the caller is, on host CPU cpu (-1: anywhere); takes no
 * signal. 0 or -errno. */
int thread_start(pthread_t *thread, int cpu, const struct thread_job *job);

/* Joins it unless CLOCK_MONOTONIC reaches until_ns first. True: joined. */
bool thread_join_until(pthread_t thread, uint64_t until_ns);
/* It hangs in the kernel: nobody waits for it any more. What it may still touch stays as it is. */
void thread_leave(pthread_t thread);

#endif
