/* SPDX-License-Identifier: BSD-2-Clause */
/* The floor `native`: how late the host wakes a real-time thread from an absolute sleep, with no
 * guest. cyclictest's loop; it does not spin, so it is what a timer thread without --timer-spin
 * would start from. */
#include "bench_timer.h"

#include "../native.h"

#include "tickvm/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#define WARM_UP 16

struct native {
	const struct native_config *config;
	struct joined_event *events;
	uint64_t missed;
};

static uint64_t next_deadline(struct native *native, uint64_t deadline, uint64_t now)
{
	const struct native_config *config = native->config;

	if (config->relative)
		return now + config->interval_ns;
	deadline += config->interval_ns;
	while (deadline <= now) {
		native->missed++;
		deadline += config->interval_ns;
	}
	return deadline;
}

static void *sleep_loop(void *arg)
{
	struct native *native = arg;
	uint64_t now = clock_monotonic_ns(), deadline = now;

	for (uint64_t i = 0; i < native->config->count + WARM_UP; i++) {
		if (i == WARM_UP)
			native->missed = 0;
		uint64_t arm = now;
		deadline = next_deadline(native, deadline, now);
		clock_sleep_until_ns(deadline);
		now = clock_monotonic_ns();
		if (i < WARM_UP)
			continue;
		native->events[i - WARM_UP].guest =
			(struct guest_timer_event){.arm = clock_ns_to_ticks(arm),
				.deadline = clock_ns_to_ticks(deadline),
				.enter = clock_ns_to_ticks(now),
				.done = clock_ns_to_ticks(now)};
	}
	return NULL;
}

static int start(pthread_t *thread, struct native *native, int priority)
{
	struct sched_param param = {.sched_priority = priority};
	pthread_attr_t attr;
	cpu_set_t set;

	pthread_attr_init(&attr);
	if (priority > 0) {
		pthread_attr_setinheritsched(&attr, PTHREAD_EXPLICIT_SCHED);
		pthread_attr_setschedpolicy(&attr, SCHED_FIFO);
		pthread_attr_setschedparam(&attr, &param);
	}
	if (native->config->cpu >= 0) {
		CPU_ZERO(&set);
		CPU_SET((size_t)native->config->cpu, &set);
		pthread_attr_setaffinity_np(&attr, sizeof(set), &set);
	}
	int err = native_thread(thread, &attr, sleep_loop, native);

	pthread_attr_destroy(&attr);
	return err;
}

/* Held open, the file keeps CPUs out of sleep states that take longer than its value to leave
 * (Documentation/power/pm_qos_interface.rst). -1: not possible. */
static int hold_dma_latency(void)
{
	const int32_t latency_us = 0;
	int fd = open("/dev/cpu_dma_latency", O_WRONLY | O_CLOEXEC);

	if (fd >= 0 && write(fd, &latency_us, sizeof(latency_us)) != sizeof(latency_us)) {
		close(fd);
		return -1;
	}
	return fd;
}

int timer_native_measure(const struct native_config *config, struct joined_event *events,
	struct native_outcome *outcome, struct diag *diag)
{
	struct native native = {.config = config, .events = events};
	int dma_latency = hold_dma_latency();
	pthread_t thread;
	int err = start(&thread, &native, config->priority);

	outcome->fifo = err == 0 && config->priority > 0;
	if (err == EPERM)
		err = start(&thread, &native, 0);
	if (err == 0)
		pthread_join(thread, NULL);
	if (dma_latency >= 0)
		close(dma_latency);
	outcome->dma_latency = dma_latency >= 0;
	outcome->missed = native.missed;
	if (err != 0)
		return diag_set(diag, -err, "cannot start a thread for the native floor: %s",
			strerror(err));
	return 0;
}
