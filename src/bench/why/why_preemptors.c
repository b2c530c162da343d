/* SPDX-License-Identifier: BSD-2-Clause */
/* Who had a CPU while a thread of ours was off it: of all that took turns, who had it longest.
 * It does not say why. */
#include "why.h"

#define TAKE_TURNS_MAX 16

static const struct host_cpu *find_cpu(const struct host_events *host, int cpu)
{
	for (size_t i = 0; i < host->n_cpus; i++) {
		if (host->cpus[i].cpu == cpu)
			return &host->cpus[i];
	}
	return NULL;
}

static size_t first_run(const struct host_cpu *cpu, uint64_t tsc)
{
	size_t low = 0, high = cpu->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (cpu->runs[middle].begin <= tsc)
			low = middle + 1;
		else
			high = middle;
	}
	/* The one before it was running. */
	return low > 0 ? low - 1 : 0;
}

const struct host_task *why_who_ran(
	const struct host_events *host, int number, uint64_t begin, uint64_t end)
{
	struct {
		uint32_t task;
		uint64_t ticks;
	} turns[TAKE_TURNS_MAX];
	const struct host_cpu *cpu = find_cpu(host, number);
	size_t n = 0, most = 0;

	if (cpu == NULL || (cpu->full && end > cpu->until))
		return NULL;
	for (size_t i = first_run(cpu, begin); i < cpu->n && cpu->runs[i].begin < end; i++) {
		uint64_t from = cpu->runs[i].begin > begin ? cpu->runs[i].begin : begin;
		uint64_t to = i + 1 < cpu->n ? cpu->runs[i + 1].begin : cpu->until;
		size_t t = 0;

		to = to < end ? to : end;

		while (t < n && turns[t].task != cpu->runs[i].task)
			t++;
		if (t == TAKE_TURNS_MAX)
			continue;
		if (t == n) {
			turns[n].task = cpu->runs[i].task;
			turns[n++].ticks = 0;
		}
		turns[t].ticks += to > from ? to - from : 0;
		if (turns[t].ticks > turns[most].ticks)
			most = t;
	}
	return n > 0 && turns[most].ticks > 0 && turns[most].task < host->n_tasks
		       ? &host->tasks[turns[most].task]
		       : NULL;
}
