/* SPDX-License-Identifier: BSD-2-Clause */
/* The working set of a context: what it touches each time it runs.
 * It is no bandwidth benchmark: one word a stride, in order. */
#include "tickvm/workload.h"

uint64_t workload_touch(void *vector, size_t bytes, size_t stride)
{
	uint64_t sum = 0;

	for (size_t at = 0; at < bytes; at += stride) {
		volatile uint64_t *word = (volatile uint64_t *)((char *)vector + at);

		sum += ++*word;
	}
	return sum;
}
