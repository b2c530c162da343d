/* SPDX-License-Identifier: BSD-2-Clause */
/* A binary heap of absolute deadlines. Pure: no lock, no clock, no thread; entries are the caller's
 * memory. */
#ifndef VMM_DEADLINE_QUEUE_H
#define VMM_DEADLINE_QUEUE_H

#include "tickvm/device.h"

#include <stddef.h>

struct deadline_entry {
	nsec_t deadline;
	size_t index; /* DEADLINE_IDLE when not queued; initialise to that */
};
#define DEADLINE_IDLE SIZE_MAX

struct deadline_queue {
	struct deadline_entry **heap;
	size_t count, capacity;
};

/* capacity entries at most are ever queued at once. 0 or -ENOMEM. */
int deadline_queue_init(struct deadline_queue *queue, size_t capacity);
void deadline_queue_destroy(struct deadline_queue *queue);
/* Inserts, moves, or (NSEC_NEVER) removes. Equal deadlines: any order. */
void deadline_queue_set(
	struct deadline_queue *queue, struct deadline_entry *entry, nsec_t deadline);
/* The earliest, or NULL. */
struct deadline_entry *deadline_queue_first(const struct deadline_queue *queue);

#endif
