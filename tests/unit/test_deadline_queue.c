/* SPDX-License-Identifier: BSD-2-Clause */
/* The deadline queue against a plain array that is searched each time.
 * Not tested here: locking, which is its owner's. */
#include "../../src/vmm/deadline_queue.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#define ENTRIES 40

static struct deadline_queue queue;
static struct deadline_entry entries[ENTRIES];

static void setup(void)
{
	cr_assert_eq(deadline_queue_init(&queue, ENTRIES), 0);
	for (size_t i = 0; i < ENTRIES; i++)
		entries[i] = (struct deadline_entry){.index = DEADLINE_IDLE};
}

static void teardown(void)
{
	deadline_queue_destroy(&queue);
}

TestSuite(deadline_queue, .init = setup, .fini = teardown);

Test(deadline_queue, empty_has_no_first)
{
	cr_assert_null(deadline_queue_first(&queue));
}

Test(deadline_queue, never_removes_and_removing_twice_is_harmless)
{
	deadline_queue_set(&queue, &entries[0], 5);
	cr_assert_eq(deadline_queue_first(&queue), &entries[0]);
	deadline_queue_set(&queue, &entries[0], NSEC_NEVER);
	deadline_queue_set(&queue, &entries[0], NSEC_NEVER);
	cr_assert_null(deadline_queue_first(&queue));
	cr_assert_eq(entries[0].index, DEADLINE_IDLE);
}

Test(deadline_queue, moves_both_ways)
{
	deadline_queue_set(&queue, &entries[0], 10);
	deadline_queue_set(&queue, &entries[1], 20);
	deadline_queue_set(&queue, &entries[2], 30);
	deadline_queue_set(&queue, &entries[2], 5);
	cr_assert_eq(deadline_queue_first(&queue), &entries[2]);
	deadline_queue_set(&queue, &entries[2], 25);
	cr_assert_eq(deadline_queue_first(&queue), &entries[0]);
	cr_assert_eq(queue.count, 3);
}

Test(deadline_queue, drains_in_order)
{
	nsec_t previous = 0;

	srand(7);
	for (size_t i = 0; i < ENTRIES; i++)
		deadline_queue_set(&queue, &entries[i], (nsec_t)(rand() % 100));
	for (size_t i = 0; i < ENTRIES; i++) {
		struct deadline_entry *first = deadline_queue_first(&queue);

		cr_assert_geq(first->deadline, previous);
		previous = first->deadline;
		deadline_queue_set(&queue, first, NSEC_NEVER);
	}
	cr_assert_null(deadline_queue_first(&queue));
}

Test(deadline_queue, agrees_with_a_search)
{
	nsec_t model[ENTRIES];

	for (size_t i = 0; i < ENTRIES; i++)
		model[i] = NSEC_NEVER;
	srand(11);
	for (unsigned round = 0; round < 20000; round++) {
		size_t which = (size_t)rand() % ENTRIES;
		nsec_t earliest = NSEC_NEVER;

		model[which] = rand() % 4 == 0 ? NSEC_NEVER : (nsec_t)(rand() % 1000);
		deadline_queue_set(&queue, &entries[which], model[which]);
		for (size_t i = 0; i < ENTRIES; i++)
			earliest = model[i] < earliest ? model[i] : earliest;

		for (size_t i = 1; i < queue.count; i++)
			cr_assert_leq(queue.heap[(i - 1) / 2]->deadline, queue.heap[i]->deadline);

		struct deadline_entry *first = deadline_queue_first(&queue);

		cr_assert_eq(first ? first->deadline : NSEC_NEVER, earliest, "round %u", round);
	}
}
