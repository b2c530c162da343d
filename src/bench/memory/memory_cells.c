/* SPDX-License-Identifier: BSD-2-Clause */
/* From rounds to bandwidths, which vector length stands for which cache, and what things are
 * called. Pure: it measures and prints nothing. */
#include "bench_memory.h"

#include <math.h>

#define ROUNDS_MAX 100

const char *const memory_op_names[] = {"read", "write", "rmw", "memset", "memcpy", NULL};
_Static_assert(sizeof(memory_op_names) / sizeof(memory_op_names[0]) == WORKLOAD_MEMORY_OPS + 1,
	"WORKLOAD_MEMORY_NAMES, as a list of choices");
const char *const memory_page_names[] = {"2m", "4k", NULL};
const char *const memory_backing_names[] = {"huge", "ordinary", NULL};
const char *const memory_region_names[MEMORY_REGIONS] = {"L1", "L2", "L3", "RAM"};

bool memory_lacks_huge_pages(const struct memory_run *run)
{
	return run->backing == MEMORY_HUGE && run->n_rounds != 0 &&
	       run->huge_bytes < run->bytes / 2;
}

uint64_t memory_traffic(enum workload_memory_op op, uint64_t bytes)
{
	return op == WORKLOAD_RMW ? 2 * bytes : bytes;
}

static double gb_per_s(const struct guest_memory_round *round, double tsc_hz)
{
	double bytes = (double)memory_traffic(round->op, round->bytes) * (double)round->passes *
		       round->vcpus;

	return bytes / ((double)round->cycles / tsc_hz) / 1e9;
}

/* Threads touch at once: a page of each in the same time. */
static double ns_a_page(const struct guest_memory_round *round, double tsc_hz)
{
	return (double)round->cycles / tsc_hz * 1e9 * WORKLOAD_PAGE / (double)round->bytes;
}

static memory_cell reduce(const struct memory_run *run, uint32_t op, uint64_t bytes, double tsc_hz)
{
	double values[ROUNDS_MAX];
	size_t n = 0;

	for (size_t i = 0; i < run->n_rounds && n < ROUNDS_MAX; i++) {
		const struct guest_memory_round *round = &run->rounds[i];

		if (round->op != op || round->bytes != bytes || round->cycles == 0)
			continue;
		values[n++] = run->touch ? ns_a_page(round, tsc_hz) : gb_per_s(round, tsc_hz);
	}
	return stats_spread(values, n);
}

void memory_reduce(struct memory_run *run, uint64_t tsc_hz)
{
	for (unsigned op = 0; op < WORKLOAD_MEMORY_OPS; op++)
		for (unsigned i = 0; i < MEMORY_LENGTHS; i++)
			run->cells[op][i] =
				reduce(run, op, (uint64_t)WORKLOAD_MEMORY_MIN << i, (double)tsc_hz);
	run->first_touch = reduce(run, GUEST_MEMORY_FIRST_TOUCH,
		run->n_rounds != 0 ? run->rounds[0].bytes : 0, (double)tsc_hz);
}

static int length_index(uint64_t bytes)
{
	int i = 0;

	if (bytes < WORKLOAD_MEMORY_MIN)
		return -1;
	while (i + 1 < MEMORY_LENGTHS && (uint64_t)WORKLOAD_MEMORY_MIN << (i + 1) <= bytes)
		i++;
	return i;
}

int memory_region_length(
	const struct memory_caches *caches, size_t max_bytes, enum memory_region region)
{
	uint64_t last = caches->l3 != 0 ? caches->l3 : caches->l2;
	uint64_t bytes = 0;

	switch (region) {
	case REGION_L1:
		bytes = caches->l1d / 4 < max_bytes ? caches->l1d / 4 : max_bytes;
		break;
	case REGION_L2:
		bytes = caches->l2 / 4;
		break;
	case REGION_L3:
		bytes = caches->l3 / 4;
		break;
	case REGION_RAM:
		return last != 0 && max_bytes >= 2 * last ? length_index(max_bytes) : -1;
	case MEMORY_REGIONS:
		break;
	}
	return bytes <= max_bytes ? length_index(bytes) : -1;
}
