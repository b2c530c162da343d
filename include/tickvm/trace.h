/* SPDX-License-Identifier: BSD-2-Clause */
/* The event ring: every exit of one vCPU, the oldest overwritten, with a count of what was dropped.
 * One writer (the vCPU thread), read when it has stopped; the last 16 exits are always there. */
#ifndef TICKVM_TRACE_H
#define TICKVM_TRACE_H

#include "tickvm/diag.h"
#include "tickvm/exit_stats.h"

struct trace_event {
	uint64_t exit_tsc;  /* host TSC when KVM_RUN returned */
	uint64_t entry_tsc; /* host TSC before the next KVM_RUN */
	uint64_t model_begin_tsc,
		model_end_tsc; /* around the device model; equal when there was none */
	uint64_t address, value;
	const char *device;
	uint8_t kind;     /* enum exit_kind */
	uint8_t size;     /* access size in bytes, 0 where there is none */
	uint16_t repeats; /* REP count of a PIO exit, else 1 */
};

struct trace_ring;

/* Keeps the newest capacity events (rounded up to a power of two, at least 16). NULL: no memory. */
struct trace_ring *trace_ring_create(size_t capacity);
void trace_ring_destroy(struct trace_ring *ring);
void trace_ring_add(struct trace_ring *ring, const struct trace_event *event);
/* Events still there, 0 = oldest; NULL past the end. */
size_t trace_ring_count(const struct trace_ring *ring);
const struct trace_event *trace_ring_get(const struct trace_ring *ring, size_t i);
uint64_t trace_ring_dropped(const struct trace_ring *ring);

/* Chrome trace JSON (object form, loads in Perfetto): one thread track a vCPU; each exit a complete
 * event "X" with the device model's part nested inside it; "otherData" carries dropped counts and
 * the TSC frequency. rings[i] may be NULL. Written as tickvm/output.h says. 0 or a negative errno
 * with diag set. */
int trace_write_chrome(const char *path, struct trace_ring *const *rings, unsigned vcpus,
	uint64_t tsc_hz, struct diag *diag);

#endif
