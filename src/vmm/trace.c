/* SPDX-License-Identifier: BSD-2-Clause */
/* The event ring of one vCPU: the newest exits, the oldest overwritten and counted.
 * It stamps nothing and writes no file (trace_chrome.c does); one writer, no lock. */
#include "tickvm/trace.h"

#include <stdlib.h>
#include <sys/mman.h>

#define MIN_CAPACITY 16

struct trace_ring {
	uint64_t added;
	size_t capacity; /* a power of two */
	struct trace_event *events;
};

/* Zero pages from mmap, for the reason given in exit_stats.c. */
struct trace_ring *trace_ring_create(size_t capacity)
{
	size_t rounded = MIN_CAPACITY;

	if (capacity > SIZE_MAX / 2 / sizeof(struct trace_event))
		return NULL;
	while (rounded < capacity)
		rounded *= 2;
	struct trace_ring *ring = calloc(1, sizeof(*ring));
	if (ring == NULL)
		return NULL;
	void *events = mmap(NULL, rounded * sizeof(struct trace_event), PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (events == MAP_FAILED) {
		free(ring);
		return NULL;
	}
	ring->capacity = rounded;
	ring->events = events;
	return ring;
}

void trace_ring_destroy(struct trace_ring *ring)
{
	if (ring == NULL)
		return;
	munmap(ring->events, ring->capacity * sizeof(struct trace_event));
	free(ring);
}

void trace_ring_add(struct trace_ring *ring, const struct trace_event *event)
{
	ring->events[ring->added++ & (ring->capacity - 1)] = *event;
}

size_t trace_ring_count(const struct trace_ring *ring)
{
	return ring->added < ring->capacity ? (size_t)ring->added : ring->capacity;
}

const struct trace_event *trace_ring_get(const struct trace_ring *ring, size_t i)
{
	if (i >= trace_ring_count(ring))
		return NULL;
	return &ring->events[(trace_ring_dropped(ring) + i) & (ring->capacity - 1)];
}

uint64_t trace_ring_dropped(const struct trace_ring *ring)
{
	return ring->added - trace_ring_count(ring);
}
