/* SPDX-License-Identifier: BSD-2-Clause */
/* Real-time settings of the host: throttling limits, memory locking, PM QoS.
 * It neither chooses a policy nor starts a thread; src/vmm/timer_thread.c does. */
#include "host_rt.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

/* From the linker (ld's default script, and lld's): the program's own code lies between them. */
extern const char __executable_start[], etext[];

static bool read_number(const char *path, int64_t *value)
{
	FILE *file = fopen(path, "re");
	long long number;

	if (!file)
		return false;
	bool ok = fscanf(file, "%lld", &number) == 1;
	fclose(file);
	if (ok)
		*value = number;
	return ok;
}

void host_rt_limits(uint64_t *runtime_ns, uint64_t *period_ns)
{
	int64_t runtime_us, period_us;

	if (!read_number("/proc/sys/kernel/sched_rt_runtime_us", &runtime_us) ||
		!read_number("/proc/sys/kernel/sched_rt_period_us", &period_us) || period_us <= 0) {
		runtime_us = 950000;
		period_us = 1000000;
	}
	/* -1: no limit */
	if (runtime_us < 0 || runtime_us > period_us)
		runtime_us = period_us;
	*runtime_ns = (uint64_t)runtime_us * 1000;
	*period_ns = (uint64_t)period_us * 1000;
}

static bool own_stack(void **stack, size_t *size)
{
	pthread_attr_t attr;

	if (pthread_getattr_np(pthread_self(), &attr) != 0)
		return false;
	bool ok = pthread_attr_getstack(&attr, stack, size) == 0;
	pthread_attr_destroy(&attr);
	return ok;
}

bool host_rt_lock_memory(const void *block, size_t size)
{
	size_t code_size = (uintptr_t)etext - (uintptr_t)__executable_start;
	void *stack;
	size_t stack_size;

	return own_stack(&stack, &stack_size) && mlock(stack, stack_size) == 0 &&
	       mlock(block, size) == 0 && mlock(__executable_start, code_size) == 0;
}

void host_rt_unlock_memory(const void *block, size_t size)
{
	void *stack;
	size_t stack_size;

	if (own_stack(&stack, &stack_size))
		munlock(stack, stack_size);
	munlock(block, size);
}

int host_rt_hold_dma_latency(void)
{
	const int32_t latency_us = 0;
	int fd = open("/dev/cpu_dma_latency", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (write(fd, &latency_us, sizeof(latency_us)) != (ssize_t)sizeof(latency_us)) {
		int error = errno ? errno : EIO;

		close(fd);
		return -error;
	}
	return fd;
}
