/* SPDX-License-Identifier: BSD-2-Clause */
/* test=linpack: one linear system solved again and again, by all CPUs together, at CPL 3.
 * The arithmetic is in src/workload/lu*.c. */
#include "guest.h"

#include "tickvm/workload.h"

#define HUGE_PAGE 0x200000u

static struct workload_lu lu;
static uint64_t rounds;

static void enable_simd(void)
{
	bool avx = lu.simd == WORKLOAD_AVX2;

	if (!cpu_simd(avx))
		test_unavailable("this CPU has not ", avx ? "AVX2 and FMA" : "SSE2");
}

/* One more than is recorded: the first warms up. */
static void help(unsigned cpu)
{
	enable_simd();
	for (uint64_t i = 0; i <= rounds; i++)
		workload_lu_solve(&lu, cpu);
}

static struct guest_linpack_run solve(void)
{
	struct guest_linpack_run run = {.n = lu.n, .vcpus = lu.threads, .simd = lu.simd};
	uint64_t begin;

	workload_lu_fill(&lu);
	begin = rdtsc_fenced();
	workload_lu_solve(&lu, 0);
	run.cycles = rdtsc_fenced() - begin;
	run.residual_bits = workload_lu_residual(&lu);
	return run;
}

static void prepare(const struct cmdline *cmdline)
{
	rounds = cmdline->rounds;
	lu.n = (uint32_t)cmdline->n;
	lu.threads = (uint32_t)cmdline->vcpus;
	lu.simd = cmdline->simd == SIMD_SSE2 ? WORKLOAD_SSE2 : WORKLOAD_AVX2;
	if (cmdline->simd == SIMD_AUTO && !cpu_simd(true))
		lu.simd = WORKLOAD_SSE2;
	enable_simd();
	lu.a = ram_take(workload_lu_doubles(lu.n) * sizeof(*lu.a), HUGE_PAGE);
	lu.x = ram_take(lu.n * sizeof(*lu.x), sizeof(*lu.x));
	lu.pivot = ram_take(lu.n * sizeof(*lu.pivot), sizeof(*lu.pivot));
}

void test_linpack(const struct cmdline *cmdline)
{
	struct guest_linpack_run *runs = records_prepare(cmdline->rounds, sizeof(*runs));

	lapic_init();
	clocks_init(cmdline);
	prepare(cmdline);
	cpus_start(lu.threads, help);
	solve();
	measure_begin();
	for (uint64_t i = 0; i < rounds; i++)
		runs[i] = solve();
	measure_end();
	result->record_count = (uint32_t)rounds;
}
