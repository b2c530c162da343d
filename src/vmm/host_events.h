/* SPDX-License-Identifier: BSD-2-Clause */
/* Records what the host does to the threads of one VM, by perf's software events: no hardware
 * counter, no tracefs. */
#ifndef VMM_HOST_EVENTS_H
#define VMM_HOST_EVENTS_H

#include "tickvm/diag.h"
#include "tickvm/host_events.h"

struct host_recorder;

/* For a timer thread and vcpus threads; events: how many of each are kept. Begins to watch every
 * CPU, where this process may. -ENOMEM alone is an error: what is not permitted is left in the
 * result. */
int host_recorder_create(
	struct host_recorder **out, unsigned vcpus, size_t events, struct diag *diag);
/* From the thread itself, before it begins its work; vcpu: or HOST_THREAD_TIMER. NULL: nothing
 * happens. */
void host_recorder_attach(struct host_recorder *recorder, int vcpu);
/* From the timer thread, which spun on its CPU: between two readings of the TSC, host's, lay more
 * than its loop takes. NULL: nothing happens. */
void host_recorder_stall(struct host_recorder *recorder, uint64_t begin, uint64_t end);
/* When all threads have ended; NULL: nothing happens. Without memory for it the result is empty. */
void host_recorder_finish(struct host_recorder *recorder);
const struct host_events *host_recorder_events(const struct host_recorder *recorder);
void host_recorder_destroy(struct host_recorder *recorder);

#endif
