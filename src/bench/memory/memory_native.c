/* SPDX-License-Identifier: BSD-2-Clause */
/* The payload's test=memory in threads of this process: the same loops over memory of the same
 * backing. Page tables are the kernel's, so there is no choice of pages. It starts no guest. */
#include "bench_memory.h"

#include "../native.h"

#include "tickvm/bench.h"
#include "tickvm/clock.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define HUGE_PAGE (2ULL << 20)

struct native {
	struct memory_run *run;
	struct workload_team team;
	struct workload_memory_plan sweep;
	uint8_t *area; /* of all threads */
	uint64_t bytes_a_thread;
	size_t rounds_max;
};

static void record(void *arg, uint32_t op, size_t bytes, uint64_t passes, uint64_t cycles)
{
	struct native *native = arg;
	struct memory_run *run = native->run;

	if (run->n_rounds == native->rounds_max)
		return;
	run->rounds[run->n_rounds++] = (struct guest_memory_round){.op = op,
		.vcpus = run->threads,
		.bytes = bytes,
		.passes = passes,
		.cycles = cycles};
}

static void thread_main(void *arg, unsigned thread)
{
	struct native *native = arg;
	uint8_t *vector = native->area + thread * native->bytes_a_thread;

	if (native->run->touch)
		workload_memory_touch(
			&native->team, thread, vector, MEMORY_TOUCH_BYTES, MEMORY_TOUCH_ROUNDS);
	else
		workload_memory_sweep(&native->team, thread, &native->sweep, vector);
}

/* A mapping with an area inside that begins where a huge page can. */
struct area {
	uint8_t *start, *raw;
	size_t mapped;
};

/* False: errno says why. */
static bool map_area(struct area *area, uint64_t bytes, enum memory_backing backing)
{
	area->mapped = bytes + HUGE_PAGE;
	area->raw = mmap(
		NULL, area->mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (area->raw == MAP_FAILED)
		return false;
	area->start = area->raw + (-(uintptr_t)area->raw & (HUGE_PAGE - 1));
	/* Advice: whether it was taken is looked up afterwards. */
	(void)madvise(area->start, bytes, backing == MEMORY_HUGE ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
	return true;
}

void memory_warm_host(uint64_t bytes, enum memory_backing backing)
{
	struct area area;

	if (!map_area(&area, bytes, backing))
		return;
	for (uint64_t at = 0; at < bytes; at += WORKLOAD_PAGE)
		*(volatile uint8_t *)(area.start + at) = 1;
	munmap(area.raw, area.mapped);
}

static int run_in_area(struct native *native, const struct vm_config *machine, struct diag *diag)
{
	struct memory_run *run = native->run;
	struct area area;

	if (!map_area(&area, run->bytes, run->backing))
		return diag_set(diag, -ENOMEM, "cannot map %" PRIu64 " MiB: %s", run->bytes >> 20,
			strerror(errno));
	native->area = area.start;
	int err = native_run(machine, run->threads, thread_main, native, diag);
	run->huge_bytes = memory_huge_bytes(area.start, run->bytes);
	munmap(area.raw, area.mapped);
	return err;
}

static uint64_t round_up(uint64_t bytes)
{
	return (bytes + HUGE_PAGE - 1) & -HUGE_PAGE;
}

int memory_native(struct memory_run *run, const struct memory_plan *plan,
	const struct vm_config *machine, struct diag *diag)
{
	struct native native = {.run = run};

	native.team = (struct workload_team){.threads = run->threads,
		.now = clock_tsc,
		.record = record,
		.arg = &native,
		.interrupted = &bench_interrupted};
	native.sweep = (struct workload_memory_plan){.ops = (uint32_t)plan->ops,
		.max_bytes = plan->max_bytes,
		.rounds = plan->rounds,
		.round_cycles = clock_ns_to_ticks(plan->round_ns)};
	native.bytes_a_thread =
		round_up(run->touch ? MEMORY_TOUCH_ROUNDS * MEMORY_TOUCH_BYTES : plan->max_bytes);
	native.rounds_max =
		MEMORY_TOUCH_ROUNDS + plan->rounds * WORKLOAD_MEMORY_OPS * MEMORY_LENGTHS;
	run->bytes = run->threads * native.bytes_a_thread;
	run->rounds = calloc(native.rounds_max, sizeof(*run->rounds));
	if (run->rounds == NULL)
		return diag_set(diag, -ENOMEM, "no memory for %zu rounds", native.rounds_max);
	int err = run_in_area(&native, machine, diag);

	if (err == 0 && native.team.stopped)
		err = diag_set(diag, -EINTR, "interrupted");
	return err;
}
