/* SPDX-License-Identifier: BSD-2-Clause */
/* Analysing a long run keeps nobody waiting. */
#include "../../src/bench/stats.h"

#include "tickvm/clock.h"

#include <criterion/criterion.h>

#include <stdlib.h>

Test(stats, a_million_samples_are_analysed_in_a_second)
{
	const size_t n = 1000000;
	int64_t *samples = malloc(n * sizeof(*samples));
	uint64_t state = 1, begin_ns, spent_ns;

	cr_assert_not_null(samples);
	for (size_t i = 0; i < n; i++) {
		state = state * 6364136223846793005ULL + 1442695040888963407ULL;
		samples[i] = (int64_t)(state >> 40) - 1000000;
	}
	begin_ns = clock_monotonic_ns();
	cr_expect_eq(stats_summarize(samples, n).n, n);
	spent_ns = clock_monotonic_ns() - begin_ns;
	cr_expect_lt(spent_ns, 1000000000, "%.2f s", (double)spent_ns / 1e9);
	free(samples);
}
