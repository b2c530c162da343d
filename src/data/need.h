/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory without which there is no result: where it is not to be had, the process ends with a
 * sentence. */
#ifndef DATA_NEED_H
#define DATA_NEED_H

#include <stddef.h>

/* n elements of that size, all zero; one at least. */
void *need(size_t n, size_t size);
void *need_copy(const void *from, size_t n, size_t size);
/* Room for one more than n elements in an array that grew by calls of this alone: doubles. */
void *need_more(void *array, size_t n, size_t size);

#endif
