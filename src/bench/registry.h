/* SPDX-License-Identifier: BSD-2-Clause */
/* The experiments there are, in the order of `tickvm bench list`: bench_NAME, each in a folder of
 * its own. A new one is a word here. */
#ifndef BENCH_REGISTRY_H
#define BENCH_REGISTRY_H

#include "tickvm/bench.h"

/* clang-format off */
#define BENCHES(EACH) \
	EACH(timer) \
	EACH(hyperbench) \
	EACH(native) \
	EACH(memory) \
	EACH(linpack) \
	EACH(ctx) \
	EACH(disk) \
	EACH(exits) \
	EACH(ipi) \
	EACH(startup) \
	EACH(scale)
/* clang-format on */

#define DECLARE_BENCH(NAME) extern const struct bench bench_##NAME;
BENCHES(DECLARE_BENCH)
#undef DECLARE_BENCH

#endif
