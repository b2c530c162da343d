/* SPDX-License-Identifier: BSD-2-Clause */
/* Allocation that does not fail. */
#include "need.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STATUS_TICKVM_FAILED 125

static void *there(void *memory)
{
	if (memory != NULL)
		return memory;
	fputs("tickvm: out of memory for results\n", stderr);
	exit(STATUS_TICKVM_FAILED);
}

void *need(size_t n, size_t size)
{
	return there(calloc(n > 0 ? n : 1, size));
}

void *need_copy(const void *from, size_t n, size_t size)
{
	void *copy = need(n, size);

	if (n > 0)
		memcpy(copy, from, n * size);
	return copy;
}

void *need_more(void *array, size_t n, size_t size)
{
	/* full at 0, 1, 2, 4, 8, ... */
	if ((n & (n - 1)) != 0)
		return array;
	return there(reallocarray(array, n > 0 ? 2 * n : 1, size));
}
