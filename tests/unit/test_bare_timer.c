/* SPDX-License-Identifier: BSD-2-Clause */
/* The yardstick of the timer thread: it ends, is a figure of one fire, and says what it cannot do.
 * How fast it is: tests/timing. */
#include "tickvm/bare.h"
#include "tickvm/clock.h"

#include <criterion/criterion.h>

#include <errno.h>
#include <string.h>

TestSuite(bare_timer, .timeout = 300);

/* Three rounds of five took the median at least, and no longer than all of it. */
Test(bare_timer, any_number_of_timers)
{
	enum { ITERATIONS = 200, ROUNDS = 5 };
	static const unsigned armed[] = {1, 2, 3, 100, 1000};
	struct diag diag = {""};

	for (size_t i = 0; i < sizeof(armed) / sizeof(armed[0]); i++) {
		uint64_t begin = clock_tsc(), ticks = 0;

		cr_assert_eq(vm_bare_timer(armed[i], -1, 0, ITERATIONS, ROUNDS, &ticks, &diag), 0,
			"%s", diag.text);
		cr_expect_gt(ticks, 0);
		cr_expect_leq(ticks * ITERATIONS * (ROUNDS / 2 + 1), clock_tsc() - begin,
			"%u timers", armed[i]);
	}
}

Test(bare_timer, nothing_to_measure)
{
	struct diag diag = {""};
	uint64_t ticks;

	cr_expect_eq(vm_bare_timer(0, -1, 0, 1, 1, &ticks, &diag), -EINVAL);
	cr_expect_eq(vm_bare_timer(1, -1, 0, 0, 1, &ticks, &diag), -EINVAL);
	cr_expect_eq(vm_bare_timer(1, -1, 0, 1, 0, &ticks, &diag), -EINVAL);
	cr_expect_eq(vm_bare_timer(1, 1023, 0, 1, 1, &ticks, &diag), -EINVAL);
	cr_expect_not_null(strstr(diag.text, "CPU 1023"), "%s", diag.text);
}
