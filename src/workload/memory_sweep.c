/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory operations timed by several threads at once: shared by the payload and the host process,
 * so that guest and native go through one and the same code. The clock is the caller's. */
#include "tickvm/workload.h"

#define CELLS_MAX    128
#define PILOT_ROUNDS 3
#define PILOT_PART   16

/* One operation on one vector length. */
struct cell {
	enum workload_memory_op op;
	size_t bytes;
	uint64_t passes;
};

static void wait_for_all(struct workload_team *team)
{
	uint32_t sense = __atomic_load_n(&team->sense, __ATOMIC_ACQUIRE);

	if (__atomic_add_fetch(&team->arrived, 1, __ATOMIC_ACQ_REL) == team->threads) {
		__atomic_store_n(&team->arrived, 0, __ATOMIC_RELAXED);
		__atomic_store_n(&team->sense, sense + 1, __ATOMIC_RELEASE);
		return;
	}
	while (__atomic_load_n(&team->sense, __ATOMIC_ACQUIRE) == sense)
		__asm__ volatile("pause");
}

/* Every thread gets the same answer. */
static uint64_t first_to_last(const struct workload_team *team)
{
	uint64_t begin = team->stamps[0].begin, end = team->stamps[0].end;

	for (uint32_t i = 1; i < team->threads; i++) {
		if (team->stamps[i].begin < begin)
			begin = team->stamps[i].begin;
		if (team->stamps[i].end > end)
			end = team->stamps[i].end;
	}
	return end - begin;
}

/* What is written here changes only after the next round's first barrier: when all have read it. */
static uint64_t round_ends(struct workload_team *team, uint32_t thread, uint64_t begin)
{
	uint64_t end = team->now();

	team->stamps[thread].begin = begin;
	team->stamps[thread].end = end;
	if (thread == 0 && team->interrupted)
		team->stopped = *team->interrupted;
	wait_for_all(team);
	return first_to_last(team);
}

static uint64_t one_round(
	struct workload_team *team, uint32_t thread, const struct cell *cell, void *vector)
{
	uint64_t begin;

	/* The caches shall hold what this operation leaves in them, not what the one before did. */
	workload_memory(cell->op, vector, cell->bytes, 1);
	wait_for_all(team);
	begin = team->now();
	workload_memory(cell->op, vector, cell->bytes, cell->passes);
	return round_ends(team, thread, begin);
}

/* The least of a few, since a disturbance makes a round longer only. */
static uint64_t least_cycles(
	struct workload_team *team, uint32_t thread, const struct cell *cell, void *vector)
{
	uint64_t least = UINT64_MAX;

	for (unsigned i = 0; i < PILOT_ROUNDS && !team->stopped; i++) {
		uint64_t cycles = one_round(team, thread, cell, vector);

		if (cycles < least)
			least = cycles;
	}
	return least;
}

/* Finds the passes that make a round of about cycles. A part of it is long beside the clock's own
 * cost. */
static void pilot(struct workload_team *team, uint32_t thread, struct cell *cell, void *vector,
	uint64_t cycles)
{
	uint64_t spent;

	for (cell->passes = 1;; cell->passes *= 4) {
		spent = least_cycles(team, thread, cell, vector);
		if (spent >= cycles / PILOT_PART || cell->passes > UINT32_MAX || team->stopped)
			break;
	}
	cell->passes = cell->passes * cycles / (spent != 0 ? spent : 1);
	if (cell->passes == 0)
		cell->passes = 1;
}

static unsigned list_cells(const struct workload_memory_plan *plan, struct cell cells[CELLS_MAX])
{
	unsigned n = 0;

	for (unsigned op = 0; op < WORKLOAD_MEMORY_OPS; op++) {
		if (!(plan->ops >> op & 1))
			continue;
		for (size_t bytes = WORKLOAD_MEMORY_MIN; bytes <= plan->max_bytes && n < CELLS_MAX;
			bytes *= 2)
			cells[n++] = (struct cell){.op = op, .bytes = bytes};
	}
	return n;
}

static void record(struct workload_team *team, uint32_t thread, uint32_t op, size_t bytes,
	uint64_t passes, uint64_t cycles)
{
	if (thread == 0 && !team->stopped)
		team->record(team->arg, op, bytes, passes, cycles);
}

void workload_memory_sweep(struct workload_team *team, uint32_t thread,
	const struct workload_memory_plan *plan, void *vector)
{
	struct cell cells[CELLS_MAX];
	unsigned n = list_cells(plan, cells);

	/* What was never written may all be one page of zeros, however long the vector. */
	workload_memory(WORKLOAD_WRITE, vector,
		plan->max_bytes / WORKLOAD_MEMORY_MIN * WORKLOAD_MEMORY_MIN, 1);
	for (unsigned i = 0; i < n && !team->stopped; i++)
		pilot(team, thread, &cells[i], vector, plan->round_cycles);
	/* Round by round over all cells, so that a disturbance does not hit one cell alone. */
	for (uint64_t round = 0; round < plan->rounds; round++) {
		for (unsigned i = 0; i < n && !team->stopped; i++) {
			uint64_t cycles = one_round(team, thread, &cells[i], vector);

			record(team, thread, cells[i].op, cells[i].bytes, cells[i].passes, cycles);
		}
	}
}

void workload_memory_touch(
	struct workload_team *team, uint32_t thread, void *area, size_t bytes, uint64_t rounds)
{
	char *part = area;

	for (uint64_t round = 0; round < rounds && !team->stopped; round++, part += bytes) {
		wait_for_all(team);
		uint64_t begin = team->now();

		for (size_t at = 0; at < bytes; at += WORKLOAD_PAGE)
			*(volatile uint64_t *)(part + at) = 1;
		uint64_t cycles = round_ends(team, thread, begin);
		record(team, thread, WORKLOAD_FIRST_TOUCH, bytes, 1, cycles);
	}
}
