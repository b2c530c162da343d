/* SPDX-License-Identifier: BSD-2-Clause */
/* The working set of a context: every word a stride is read and written, and no other. */
#include "tickvm/workload.h"

#include <criterion/criterion.h>

#define WORDS 1024u

static uint64_t words[WORDS + 1];

static void fill(uint64_t value)
{
	for (size_t i = 0; i <= WORDS; i++)
		words[i] = value;
}

Test(workload_touch, reads_and_writes_one_word_a_stride)
{
	static const size_t strides[] = {8, 64, 4096};

	for (size_t s = 0; s < sizeof(strides) / sizeof(strides[0]); s++) {
		size_t step = strides[s] / sizeof(words[0]);

		fill(1);
		/* Each word it touches is incremented; their sum is returned. */
		cr_expect_eq(workload_touch(words, WORDS * sizeof(words[0]), strides[s]),
			2 * WORDS / step);
		for (size_t i = 0; i < WORDS; i++)
			cr_expect_eq(words[i], i % step == 0 ? 2 : 1, "stride %zu, word %zu",
				strides[s], i);
		cr_expect_eq(words[WORDS], 1, "beyond the set");
	}
}

Test(workload_touch, an_empty_set_is_not_touched)
{
	fill(7);
	cr_expect_eq(workload_touch(words, 0, 64), 0);
	cr_expect_eq(words[0], 7);
	cr_expect_eq(workload_touch(NULL, 0, 64), 0);
}

Test(workload_touch, a_stride_above_the_set_touches_its_first_word)
{
	fill(7);
	cr_expect_eq(workload_touch(words, 64, 4096), 8);
	for (size_t i = 0; i <= WORDS; i++)
		cr_expect_eq(words[i], i == 0 ? 8 : 7);
}
