/* SPDX-License-Identifier: BSD-2-Clause */
/* test=bench: times one registered benchmark and its control loop, round by round.
 * Subtracting and averaging is left to the reader of the records. */
#include "bench.h"
#include "text.h"

extern const struct benchmark benchmarks_start[], benchmarks_end[];

const struct benchmark *bench_find(const char *name)
{
	const struct benchmark *bench;

	for (bench = benchmarks_start; bench != benchmarks_end; bench++)
		if (text_is(name, text_length(name), bench->name))
			return bench;
	return NULL;
}

/* Stamped at CPL 3, where fences work everywhere; the way to CPL 0 and back is in both loops. */
static uint64_t time(const struct benchmark *bench, kernel_fn loop, uint64_t n)
{
	uint64_t begin = rdtsc_fenced();

	if (!kernel_try(loop, n, 0, 0))
		test_unavailable("an exception ended the benchmark ", bench->name);
	return rdtsc_fenced() - begin;
}

void test_bench(const struct cmdline *cmdline)
{
	const struct benchmark *bench = bench_find(cmdline->name);
	struct guest_bench_round *rounds = records_prepare(cmdline->rounds, sizeof(*rounds));

	if (!bench)
		test_cmdline("name: no such benchmark");
	uint64_t n = cmdline->iterations ? cmdline->iterations : bench->iterations;
	const char *lacking = bench->init(cmdline);
	if (lacking)
		test_unavailable(lacking, "");
	clocks_init(cmdline);
	stamp_cost(true);
	time(bench, bench->run, 1);
	time(bench, bench->control, 1);
	measure_begin();
	for (uint64_t i = 0; i < cmdline->rounds; i++) {
		rounds[i].iterations = n;
		rounds[i].run_cycles = time(bench, bench->run, n);
		rounds[i].control_cycles = time(bench, bench->control, n);
	}
	measure_end();
	bench->cleanup();
	result->record_count = (uint32_t)cmdline->rounds;
}
