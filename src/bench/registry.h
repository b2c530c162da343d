/* SPDX-License-Identifier: BSD-2-Clause */
/* The experiments there are; each is defined in its own file. */
#ifndef BENCH_REGISTRY_H
#define BENCH_REGISTRY_H

#include "tickvm/bench.h"

extern const struct bench bench_timer, bench_exits, bench_ipi, bench_startup, bench_scale,
	bench_hyperbench, bench_native, bench_memory, bench_linpack, bench_ctx, bench_disk;

#endif
