/* SPDX-License-Identifier: BSD-2-Clause */
/* What each memory operation does to its vector, and that a sweep measures every cell it should, as
 * often as it should, whatever the clock says. */
#include "tickvm/workload.h"

#include <criterion/criterion.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define BYTES 4096u
#define WORDS (BYTES / sizeof(uint64_t))

static _Alignas(64) uint64_t vectors[2][WORDS + 8];

static void fill(uint64_t *vector)
{
	for (size_t i = 0; i < WORDS + 8; i++)
		vector[i] = i;
}

/* Nothing beyond the vector is written. */
static void expect_end(const uint64_t *vector)
{
	for (size_t i = WORDS; i < WORDS + 8; i++)
		cr_expect_eq(vector[i], i, "word %zu, beyond the vector", i);
}

Test(workload_memory, read_returns_the_sum_of_all_words)
{
	uint64_t *vector = vectors[0];

	fill(vector);
	cr_expect_eq(workload_memory(WORKLOAD_READ, vector, BYTES, 1), WORDS * (WORDS - 1) / 2);
	cr_expect_eq(workload_memory(WORKLOAD_READ, vector, BYTES, 3), 3 * WORDS * (WORDS - 1) / 2);
	cr_expect_eq(workload_memory(WORKLOAD_READ, vector, WORKLOAD_MEMORY_MIN, 1), 32 * 31 / 2);
	cr_expect_eq(workload_memory(WORKLOAD_READ, vector, BYTES, 0), 0);
	cr_expect_eq(workload_memory(WORKLOAD_READ, vector, 0, 5), 0);
	for (size_t i = 0; i < WORDS; i++)
		cr_expect_eq(vector[i], i);
}

Test(workload_memory, write_and_memset_fill_the_vector)
{
	uint64_t *vector = vectors[0];

	fill(vector);
	workload_memory(WORKLOAD_WRITE, vector, BYTES, 1);
	for (size_t i = 0; i < WORDS; i++)
		cr_expect_eq(vector[i], WORKLOAD_MEMORY_WRITTEN, "word %zu", i);
	expect_end(vector);
	workload_memory(WORKLOAD_SET, vector, BYTES, 2);
	for (size_t i = 0; i < BYTES; i++)
		cr_expect_eq(((uint8_t *)vector)[i], WORKLOAD_MEMORY_SET, "byte %zu", i);
	expect_end(vector);
}

Test(workload_memory, rmw_adds_one_a_pass)
{
	uint64_t *vector = vectors[0];

	fill(vector);
	workload_memory(WORKLOAD_RMW, vector, BYTES, 5);
	for (size_t i = 0; i < WORDS; i++)
		cr_expect_eq(vector[i], i + 5, "word %zu", i);
	expect_end(vector);
}

Test(workload_memory, memcpy_copies_the_upper_half_to_the_lower)
{
	uint64_t *vector = vectors[0];

	fill(vector);
	workload_memory(WORKLOAD_COPY, vector, BYTES, 1);
	for (size_t i = 0; i < WORDS; i++)
		cr_expect_eq(vector[i], i < WORDS / 2 ? i + WORDS / 2 : i, "word %zu", i);
	expect_end(vector);
}

/* ---- sweeps ---- */

#define RECORDS_MAX 256

static struct {
	uint32_t op;
	size_t bytes;
	uint64_t passes, cycles;
} records[RECORDS_MAX];
static size_t n_records;

static void record(void *arg, uint32_t op, size_t bytes, uint64_t passes, uint64_t cycles)
{
	cr_assert_eq(arg, (void *)records);
	cr_assert_lt(n_records, RECORDS_MAX);
	records[n_records].op = op;
	records[n_records].bytes = bytes;
	records[n_records].passes = passes;
	records[n_records++].cycles = cycles;
}

/* A reading takes 100 ticks, whatever was done in between. */
static uint64_t slow_clock(void)
{
	static uint64_t time;

	return __atomic_add_fetch(&time, 100, __ATOMIC_RELAXED);
}

static struct workload_team team_of(uint32_t threads)
{
	return (struct workload_team){
		.threads = threads, .now = slow_clock, .record = record, .arg = records};
}

Test(workload_sweep, measures_each_cell_in_each_round)
{
	struct workload_team team = team_of(1);
	struct workload_memory_plan plan = {.ops = 1u << WORKLOAD_READ | 1u << WORKLOAD_SET,
		.max_bytes = 1024,
		.rounds = 4,
		.round_cycles = 700};

	workload_memory_sweep(&team, 0, &plan, vectors[0]);
	cr_assert_eq(n_records, 4 * 2 * 3);
	for (size_t i = 0; i < n_records; i++) {
		cr_expect_eq(records[i].op, i % 6 < 3 ? WORKLOAD_READ : WORKLOAD_SET);
		cr_expect_eq(records[i].bytes, 256u << i % 3);
		cr_expect_eq(records[i].cycles, 100);
		/* One pass took 100 of 700. */
		cr_expect_eq(records[i].passes, 7);
	}
}

Test(workload_sweep, makes_one_pass_at_least)
{
	struct workload_team team = team_of(1);
	struct workload_memory_plan plan = {
		.ops = 1u << WORKLOAD_RMW, .max_bytes = 256, .rounds = 1, .round_cycles = 1};

	workload_memory_sweep(&team, 0, &plan, vectors[0]);
	cr_assert_eq(n_records, 1);
	cr_expect_eq(records[0].passes, 1);
}

Test(workload_sweep, stops_when_interrupted)
{
	static _Atomic int interrupted = 1;
	struct workload_team team = team_of(1);
	struct workload_memory_plan plan = {
		.ops = 31, .max_bytes = 1024, .rounds = 1000000, .round_cycles = 1};

	team.interrupted = &interrupted;
	workload_memory_sweep(&team, 0, &plan, vectors[0]);
	cr_expect(team.stopped);
	cr_expect_eq(n_records, 0);
}

Test(workload_sweep, touches_a_word_of_each_page_once)
{
	static _Alignas(WORKLOAD_PAGE) uint8_t area[6 * WORKLOAD_PAGE];
	struct workload_team team = team_of(1);

	workload_memory_touch(&team, 0, area, 2 * WORKLOAD_PAGE, 2);
	cr_assert_eq(n_records, 2);
	cr_expect_eq(records[1].op, WORKLOAD_FIRST_TOUCH);
	cr_expect_eq(records[1].bytes, 2 * WORKLOAD_PAGE);
	cr_expect_eq(records[1].passes, 1);
	for (size_t i = 0; i < sizeof(area); i++)
		cr_expect_eq(area[i], i % WORKLOAD_PAGE == 0 && i < 4 * WORKLOAD_PAGE, "%zu", i);
}

static struct workload_team pair;
static struct workload_memory_plan pair_plan = {
	.ops = 31, .max_bytes = BYTES, .rounds = 2, .round_cycles = 1600};

static void *second(void *unused)
{
	workload_memory_sweep(&pair, 1, &pair_plan, vectors[1]);
	return unused;
}

Test(workload_sweep, two_threads_share_rounds_and_not_vectors, .timeout = 300)
{
	pthread_t thread;

	pair = team_of(2);
	fill(vectors[0]);
	fill(vectors[1]);
	cr_assert_eq(pthread_create(&thread, NULL, second, NULL), 0);
	workload_memory_sweep(&pair, 0, &pair_plan, vectors[0]);
	pthread_join(thread, NULL);
	cr_expect_eq(n_records, 2 * 5 * 5);
	/* Two readings of each thread lie between the first beginning and the last end. */
	for (size_t i = 0; i < n_records; i++)
		cr_expect(records[i].cycles >= 100 && records[i].cycles <= 300, "%zu: %llu", i,
			(unsigned long long)records[i].cycles);
	expect_end(vectors[0]);
	expect_end(vectors[1]);
}
