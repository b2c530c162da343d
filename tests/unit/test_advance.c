/* SPDX-License-Identifier: BSD-2-Clause */
/* The learner of the advance, fed with latencies as hosts show them.
 * Not tested here: which stamps become latencies (test_dedicated_timer.c). */
#include "../../src/devices/advance.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static void add_many(struct advance *advance, unsigned n, uint32_t latency_ns)
{
	while (n--)
		advance_add(advance, latency_ns);
}

Test(advance, knows_nothing_at_first)
{
	struct advance advance = {0};

	cr_assert_eq(advance_typical(&advance), 0);
	cr_assert_eq(advance_cover(&advance), 0);
}

Test(advance, first_latency_is_the_first_guess)
{
	struct advance advance = {0};

	advance_add(&advance, 3200);
	cr_assert_eq(advance_typical(&advance), 3200);
	cr_assert_geq(advance_cover(&advance), 3200);
}

Test(advance, cold_first_event_is_forgotten_at_the_second)
{
	struct advance advance = {0};

	advance_add(&advance, 70000);
	advance_add(&advance, 3200);
	cr_assert_eq(advance_typical(&advance), 3200);
}

Test(advance, typical_is_the_mean_of_a_symmetric_spread)
{
	struct advance advance = {0};

	for (unsigned i = 0; i < 200; i++)
		advance_add(&advance, 3000 + i % 5 * 100);
	cr_assert_eq(advance_typical(&advance), 3200);
}

Test(advance, rare_outliers_do_not_move_the_typical)
{
	struct advance advance = {0};

	for (unsigned i = 0; i < 256; i++)
		advance_add(&advance, i % 50 == 0 ? 60000 : 3200);
	cr_assert_eq(advance_typical(&advance), 3200);
}

Test(advance, cover_ignores_one_outlier_in_a_window_and_heeds_two)
{
	struct advance advance = {0};

	add_many(&advance, 200, 4000);
	advance_add(&advance, 30000);
	cr_assert_lt(advance_cover(&advance), 5000);
	advance_add(&advance, 31000);
	cr_assert_geq(advance_cover(&advance), 30000);
}

Test(advance, cover_has_a_margin_but_a_small_one)
{
	struct advance advance = {0};

	add_many(&advance, 100, 4000);
	cr_assert_gt(advance_cover(&advance), 4000);
	cr_assert_leq(advance_cover(&advance), 5000);
}

Test(advance, follows_a_host_that_changed)
{
	struct advance advance = {0};

	add_many(&advance, 1000, 3200);
	add_many(&advance, ADVANCE_WINDOW, 30000);
	cr_assert_eq(advance_typical(&advance), 30000);
	add_many(&advance, ADVANCE_WINDOW, 3200);
	cr_assert_eq(advance_typical(&advance), 3200);
	cr_assert_lt(advance_cover(&advance), 5000);
}

Test(advance, sorted_window_is_the_last_ring)
{
	struct advance advance = {0};
	uint32_t last[ADVANCE_WINDOW];

	srand(1);
	for (unsigned i = 0; i < 5 * ADVANCE_WINDOW + 17; i++) {
		uint32_t latency = (uint32_t)(rand() % 50);

		advance_add(&advance, latency);
		last[i % ADVANCE_WINDOW] = latency;
	}
	uint32_t counts[50] = {0};
	for (unsigned i = 0; i < ADVANCE_WINDOW; i++) {
		counts[last[i]]++;
		counts[advance.sorted[i]]--;
		cr_assert(i == 0 || advance.sorted[i - 1] <= advance.sorted[i]);
	}
	for (unsigned i = 0; i < 50; i++)
		cr_assert_eq(counts[i], 0);
}

Test(advance, reset_forgets)
{
	struct advance advance = {0};

	add_many(&advance, 300, 3200);
	advance_reset(&advance);
	cr_assert_eq(advance_typical(&advance), 0);
	advance_add(&advance, 5000);
	cr_assert_eq(advance_typical(&advance), 5000);
}
