/* SPDX-License-Identifier: BSD-2-Clause */
/* Any sequence of sets keeps the queue a heap whose entries know their places.
 * Each input byte pair is one operation: entry, deadline (255: never). */
#include "../../src/vmm/deadline_queue.h"

#include <stdbool.h>

#define ENTRIES 32

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
	if (!ok)
		__builtin_trap();
}

static void check_heap(const struct deadline_queue *queue, const struct deadline_entry *entries)
{
	size_t queued = 0;

	for (size_t i = 0; i < queue->count; i++) {
		check(queue->heap[i]->index == i);
		check(queue->heap[i]->deadline != NSEC_NEVER);
		check(i == 0 || queue->heap[(i - 1) / 2]->deadline <= queue->heap[i]->deadline);
	}
	for (size_t i = 0; i < ENTRIES; i++)
		queued += entries[i].index != DEADLINE_IDLE;
	check(queued == queue->count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct deadline_queue queue;
	struct deadline_entry entries[ENTRIES];

	check(deadline_queue_init(&queue, ENTRIES) == 0);
	for (size_t i = 0; i < ENTRIES; i++)
		entries[i] = (struct deadline_entry){.index = DEADLINE_IDLE};
	for (size_t i = 0; i + 1 < size; i += 2) {
		struct deadline_entry *entry = &entries[data[i] % ENTRIES];
		nsec_t deadline = data[i + 1] == 255 ? NSEC_NEVER : data[i + 1];

		deadline_queue_set(&queue, entry, deadline);
		check((entry->index == DEADLINE_IDLE) == (deadline == NSEC_NEVER));
		check_heap(&queue, entries);
	}
	deadline_queue_destroy(&queue);
	return 0;
}
