/* SPDX-License-Identifier: BSD-2-Clause */
/* All experiments as a plain table: nothing registers itself. */
#include "registry.h"

#include <stddef.h>

#define ADDRESS(NAME) &bench_##NAME,
const struct bench *const benches[] = {BENCHES(ADDRESS) NULL};

_Atomic int bench_interrupted;
