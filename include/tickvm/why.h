/* SPDX-License-Identifier: BSD-2-Clause */
/* The worst events of a timer run explained, as the launcher sees it. */
#ifndef TICKVM_WHY_H
#define TICKVM_WHY_H

#include "tickvm/bench.h"

extern const char why_help[];

/* argv[0] is "why"; what is left of the line: a results file, or options of bench timer; --worst N.
 * As struct bench's run; its exit statuses. */
int why_run(struct bench_context *context, int argc, char **argv);

#endif
