/* SPDX-License-Identifier: BSD-2-Clause */
/* How a benchmark registers itself. test=bench times one; test=exits runs those with the names of
 * exits. */
#ifndef GUEST_BENCH_H
#define GUEST_BENCH_H

#include "guest.h"

#include "tickvm/hyperbench.h"
#include "tickvm/workload.h"

/* What is timed: loops->run does n times the operation, loops->control is the same loop without it.
 * They get n and operand. The functions may be NULL. */
struct operation {
	const struct workload_pair *loops;
	const char *(*init)(const struct cmdline *cmdline); /* NULL, or why this machine cannot */
	uint64_t operand;
	/* Before each round of n iterations, untimed, at CPL 3; returns the round's operand. */
	uint64_t (*prepare)(uint64_t n);
	/* After init: the greatest n such that RAM allows rounds of larger * n iterations, and
	 * total * n iterations in all. */
	uint64_t (*most)(uint64_t larger, uint64_t total);
	void (*cleanup)(void);
	bool from_cpl3; /* the loops are for CPL 3 and go to CPL 0 by themselves */
};

/* More iterations in all than the probe and the pilot do, in rounds of the most. */
#define BENCH_PILOT_ROUNDS 7

struct benchmark {
	const char *name, *category;
	uint64_t min, max;      /* iterations */
	unsigned levels, level; /* LEVEL_*, and 0 or 3: where it is done unless told otherwise */
	const struct operation *operation;
};

#define BENCHMARK(id)                                                                              \
	static const struct benchmark id __attribute__((section(".benchmarks"), used, aligned(8)))

/* Loops over one instruction, as those of tickvm/workload.h, for what only a guest can do. */
#define LOOPS(id, operation, ...)                                                                  \
	static uint64_t run_##id(uint64_t n, uint64_t b, uint64_t c)                               \
	{                                                                                          \
		(void)b, (void)c;                                                                  \
		for (; n; n--)                                                                     \
			__asm__ volatile(operation __VA_ARGS__);                                   \
		return 0;                                                                          \
	}                                                                                          \
	static uint64_t control_##id(uint64_t n, uint64_t b, uint64_t c)                           \
	{                                                                                          \
		(void)b, (void)c;                                                                  \
		for (; n; n--)                                                                     \
			__asm__ volatile("" __VA_ARGS__);                                          \
		return 0;                                                                          \
	}                                                                                          \
	static const struct workload_pair loops_##id = {run_##id, control_##id};

const struct benchmark *bench_find(const char *name);
/* NULL, or why this machine cannot. */
const char *bench_init(const struct benchmark *bench, const struct cmdline *cmdline);
void bench_cleanup(const struct benchmark *bench);

/* The rows of tickvm/hyperbench.h by id: their names and ranges are there, in bench_hyper.c they
 * become benchmarks. */
#define HYPERBENCH_OPERATION(id, name, category, min, max, levels, level)                          \
	extern const struct operation hyperbench_##id;
HYPERBENCH_ROWS(HYPERBENCH_OPERATION)

#endif
