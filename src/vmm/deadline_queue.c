/* SPDX-License-Identifier: BSD-2-Clause */
/* A binary min-heap of absolute deadlines whose entries know their place, so that moving one is
 * O(log n). Pure: it locks nothing, reads no clock, and allocates only when it is created. */
#include "deadline_queue.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

int deadline_queue_init(struct deadline_queue *queue, size_t capacity)
{
	queue->heap = calloc(capacity ? capacity : 1, sizeof(*queue->heap));
	queue->count = 0;
	queue->capacity = capacity;
	return queue->heap ? 0 : -ENOMEM;
}

void deadline_queue_destroy(struct deadline_queue *queue)
{
	free(queue->heap);
	*queue = (struct deadline_queue){0};
}

static void place(struct deadline_queue *queue, size_t index, struct deadline_entry *entry)
{
	queue->heap[index] = entry;
	entry->index = index;
}

static void sift_up(struct deadline_queue *queue, struct deadline_entry *entry)
{
	size_t index = entry->index;

	while (index > 0 && queue->heap[(index - 1) / 2]->deadline > entry->deadline) {
		place(queue, index, queue->heap[(index - 1) / 2]);
		index = (index - 1) / 2;
	}
	place(queue, index, entry);
}

static void sift_down(struct deadline_queue *queue, struct deadline_entry *entry)
{
	size_t index = entry->index;

	for (;;) {
		size_t child = 2 * index + 1;

		if (child + 1 < queue->count &&
			queue->heap[child + 1]->deadline < queue->heap[child]->deadline)
			child++;
		if (child >= queue->count || queue->heap[child]->deadline >= entry->deadline)
			break;
		place(queue, index, queue->heap[child]);
		index = child;
	}
	place(queue, index, entry);
}

static void remove_entry(struct deadline_queue *queue, struct deadline_entry *entry)
{
	size_t index = entry->index;
	struct deadline_entry *last = queue->heap[--queue->count];

	entry->index = DEADLINE_IDLE;
	if (last == entry)
		return;
	place(queue, index, last);
	sift_up(queue, last);
	sift_down(queue, last);
}

void deadline_queue_set(struct deadline_queue *queue, struct deadline_entry *entry, nsec_t deadline)
{
	entry->deadline = deadline;
	if (deadline == NSEC_NEVER) {
		if (entry->index != DEADLINE_IDLE)
			remove_entry(queue, entry);
		return;
	}
	if (entry->index == DEADLINE_IDLE) {
		assert(queue->count < queue->capacity);
		place(queue, queue->count++, entry);
	}
	sift_up(queue, entry);
	sift_down(queue, entry);
}

struct deadline_entry *deadline_queue_first(const struct deadline_queue *queue)
{
	return queue->count ? queue->heap[0] : NULL;
}
