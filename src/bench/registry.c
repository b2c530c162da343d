/* SPDX-License-Identifier: BSD-2-Clause */
/* All experiments, in the order of `tickvm bench list`.
 * A plain table: nothing registers itself. */
#include "registry.h"

#include <stddef.h>

const struct bench *const benches[] = {&bench_timer, &bench_hyperbench, &bench_native,
	&bench_memory, &bench_linpack, &bench_ctx, &bench_disk, &bench_exits, &bench_ipi,
	&bench_startup, &bench_scale, NULL};

_Atomic int bench_interrupted;
