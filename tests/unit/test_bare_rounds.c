/* SPDX-License-Identifier: BSD-2-Clause */
/* The rounds of a yardstick: the median one counts, and one that is less than nothing is refused.
 */
#include "../../src/vmm/bare_rounds.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

Test(bare_rounds, the_median_round_counts)
{
	int64_t odd[] = {900, 100, 300}, even[] = {5, 1000, 300, 40}, one[] = {7};
	struct diag diag;
	uint64_t ticks;

	cr_assert_eq(bare_median(odd, 3, 10, &ticks, &diag), 0);
	cr_expect_eq(ticks, 30);
	cr_assert_eq(bare_median(even, 4, 100, &ticks, &diag), 0);
	cr_expect_eq(ticks, 3, "of two in the middle the larger");
	cr_assert_eq(bare_median(one, 1, 1, &ticks, &diag), 0);
	cr_expect_eq(ticks, 7);
}

/* A control loop that was disturbed more than its run. */
Test(bare_rounds, disturbed_rounds_are_left_out_until_they_are_half)
{
	int64_t few[] = {-90000, 200, 220, -5, 210}, half[] = {-90000, 200, -7, -5, 210};
	struct diag diag = {""};
	uint64_t ticks = 1234;

	cr_assert_eq(bare_median(few, 5, 10, &ticks, &diag), 0);
	cr_expect_eq(ticks, 20);
	cr_expect_eq(bare_median(half, 5, 10, &ticks, &diag), -EAGAIN);
	cr_expect_eq(ticks, 20, "as it was");
	cr_expect_not_null(strstr(diag.text, "too busy"), "%s", diag.text);
}
