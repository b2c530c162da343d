/* SPDX-License-Identifier: BSD-2-Clause */
/* How a benchmark registers itself. test=bench times one; test=exits runs those with the names of
 * exits. */
#ifndef GUEST_BENCH_H
#define GUEST_BENCH_H

#include "guest.h"

struct benchmark {
	const char *name, *category;
	const char *(*init)(const struct cmdline *cmdline); /* NULL, or why this machine cannot */
	kernel_fn run;                                      /* CPL 0: n times the operation */
	kernel_fn control;                                  /* the same loop without it */
	void (*cleanup)(void);
	uint64_t iterations; /* when the command line does not say */
};

#define BENCHMARK(id)                                                                              \
	static const struct benchmark id __attribute__((section(".benchmarks"), used, aligned(8)))

const struct benchmark *bench_find(const char *name);

#endif
