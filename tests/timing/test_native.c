/* SPDX-License-Identifier: BSD-2-Clause */
/* Native rows cost what a host can have them cost: each more than its control, a page fault more
 * than a load. */
#include "../../src/bench/native.h"

#include "../../src/bench/stats.h"

#include <criterion/criterion.h>

#include <errno.h>

TestSuite(native, .timeout = 300);

#define ROUNDS 5

/* The median's cycles an operation; NAN: there is no such row in a process. */
static double cost(enum hyperbench_row row)
{
	const struct native_plan plan = {.rounds = ROUNDS, .round_ns = 50000};
	struct guest_bench_round rounds[ROUNDS];
	struct native_note note;
	struct vm_config config;
	struct diag diag = {""};
	double each[ROUNDS];
	size_t n;

	vm_config_default(&config);
	int err = native_row(&config, row, &plan, rounds, &n, &note, &diag);

	cr_assert(err == 0 || err == -ENOTSUP, "%s", diag.text);
	for (size_t i = 0; i < n; i++)
		each[i] = ((double)rounds[i].run_cycles - (double)rounds[i].control_cycles) /
			  (double)rounds[i].iterations;
	return stats_spread(each, n).median;
}

Test(native, every_row_costs_more_than_its_control)
{
	for (unsigned row = 0; row < HYPERBENCH_COUNT; row++) {
		double cycles = cost(row);

		if (row != HYPERBENCH_IDLE) /* whose two loops are the same */
			cr_expect_not(cycles <= 0, "row %u: %f", row, cycles);
	}
}

Test(native, a_page_fault_costs_more_than_a_load)
{
	cr_expect_gt(cost(HYPERBENCH_COLD_MEMORY), 2 * cost(HYPERBENCH_HOT_MEMORY));
}
