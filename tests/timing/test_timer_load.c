/* SPDX-License-Identifier: BSD-2-Clause */
/* Load is as much as was asked for, where nobody else wants the CPU or the disk. */
#include "../../src/bench/timer/timer_load.h"

#include "tickvm/clock.h"

#include <criterion/criterion.h>

TestSuite(timer_load, .timeout = 300);

static struct diag diag;

static void nap_ms(uint64_t ms)
{
	clock_sleep_until_ns(clock_monotonic_ns() + ms * 1000000);
}

Test(timer_load, a_fifth_of_each_cpu_is_burnt)
{
	struct host_load *load;

	cr_assert_eq(host_load_cpu(&load, 20, &diag), 0, "%s", diag.text);
	nap_ms(500);
	double percent = host_load_stop(load).busy_percent;

	cr_expect(percent > 15 && percent < 25, "%.1f %%", percent);
}

Test(timer_load, a_file_is_read_a_thousand_times_a_second)
{
	struct scratch scratch;
	struct host_load *load;

	cr_assert_eq(scratch_create(&scratch, 1 << 20, &diag), 0, "%s", diag.text);
	const struct host_reads reads = {
		.path = scratch.path, .record = 4096, .depth = 2, .cpu = -1};

	cr_assert_eq(host_load_reads(&load, &reads, &diag), 0, "%s", diag.text);
	nap_ms(500);
	double hz = host_load_stop(load).reads_hz;

	cr_expect_gt(hz, 1000, "%.0f", hz);
	scratch_close(&scratch);
}
