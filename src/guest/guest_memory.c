/* SPDX-License-Identifier: BSD-2-Clause */
/* test=memory: memory operations by vector length, or first touch, on one or more CPUs at once.
 * The timed loops are the workload's; bandwidths are computed by the reader of the records. */
#include "guest.h"

#include "tickvm/workload.h"

#define LARGE_PAGE  (2ULL << 20)
#define LENGTHS_MAX 24 /* 256 B to 2 GiB by powers of two */

_Static_assert(CPUS_MAX <= WORKLOAD_TEAM_MAX, "a team of all CPUs");
_Static_assert(GUEST_MEMORY_FIRST_TOUCH == WORKLOAD_FIRST_TOUCH, "one word for both");

static const struct cmdline *options;
static struct workload_team team;
static struct workload_memory_plan plan;
static struct guest_memory_round *records;
static void *vectors[CPUS_MAX];
static uint64_t small_pages_cr3; /* 0: stay with the boot tables' 2 MiB pages */

static uint64_t now(void)
{
	return rdtsc_fenced();
}

static void record(void *arg, uint32_t op, size_t bytes, uint64_t passes, uint64_t cycles)
{
	(void)arg;
	records[result->record_count++] = (struct guest_memory_round){
		.op = op,
		.vcpus = team.threads,
		.bytes = bytes,
		.passes = passes,
		.cycles = cycles,
	};
}

/* Every CPU, at CPL 3. */
static void measure(unsigned cpu)
{
	if (small_pages_cr3)
		paging_use(small_pages_cr3);
	if (!cpu_simd(false))
		test_unavailable("this CPU has no SSE2", "");
	if (options->touch)
		workload_memory_touch(
			&team, cpu, vectors[cpu], options->max_bytes, options->rounds);
	else
		workload_memory_sweep(&team, cpu, &plan, vectors[cpu]);
}

void test_memory(const struct cmdline *cmdline)
{
	uint64_t bytes = cmdline->max_bytes;

	options = cmdline;
	records = records_prepare(
		cmdline->rounds * WORKLOAD_MEMORY_OPS * LENGTHS_MAX, sizeof(*records));
	clocks_init(cmdline);
	if (cmdline->touch) {
		if (bytes % WORKLOAD_PAGE)
			test_cmdline("max_bytes: touch=1 needs a multiple of 4096");
		bytes *= cmdline->rounds;
	}
	for (unsigned cpu = 0; cpu < cmdline->vcpus; cpu++)
		vectors[cpu] = ram_take(bytes, LARGE_PAGE);
	if (cmdline->pages == PAGES_4K)
		small_pages_cr3 = paging_identity_4k();
	team = (struct workload_team){
		.threads = (uint32_t)cmdline->vcpus, .now = now, .record = record};
	plan = (struct workload_memory_plan){
		.ops = (uint32_t)cmdline->ops,
		.max_bytes = cmdline->max_bytes,
		.rounds = cmdline->rounds,
		.round_cycles = ns_to_tsc(cmdline->round_ns),
	};
	cpus_start(team.threads, measure);
	measure_begin();
	measure(0);
	measure_end();
}
