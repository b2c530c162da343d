/* SPDX-License-Identifier: BSD-2-Clause */
/* A thread of the monitor's that is in no hurry. Those that are start themselves: vcpu.c,
 * timer_thread.c. */
#ifndef VMM_THREAD_H
#define VMM_THREAD_H

#include <pthread.h>

/* SCHED_OTHER whatever the caller is, on host CPU cpu (-1: anywhere); takes no signal. 0 or
 * -errno. */
int thread_start(pthread_t *thread, int cpu, void *(*body)(void *), void *arg);

#endif
