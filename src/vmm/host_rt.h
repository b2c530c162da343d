/* SPDX-License-Identifier: BSD-2-Clause */
/* What a host gives a thread that must be on time: memory that stays, a CPU that does not sleep
 * deeply. Every one is best effort: a missing right is reported, never fatal. */
#ifndef VMM_HOST_RT_H
#define VMM_HOST_RT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* sched_rt_runtime_us and sched_rt_period_us. The kernel's defaults when they cannot be read;
 * runtime = period when there is no limit. */
void host_rt_limits(uint64_t *runtime_ns, uint64_t *period_ns);

/* Locks the calling thread's stack and the program's code, and block. Not mlockall(): that would
 * lock all of guest RAM. */
bool host_rt_lock_memory(const void *block, size_t size);
/* Before the thread ends: the C library may hand its stack to another. */
void host_rt_unlock_memory(const void *block, size_t size);

/* Keeps every CPU out of idle states that take time to leave, while the descriptor is open
 * (Documentation/power/ pm_qos_interface). -errno without the right. */
int host_rt_hold_dma_latency(void);

#endif
