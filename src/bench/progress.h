/* SPDX-License-Identifier: BSD-2-Clause */
/* Tells the user, on stderr, which step is running. Results never go through here. */
#ifndef BENCH_PROGRESS_H
#define BENCH_PROGRESS_H

#include <stdbool.h>
#include <stdio.h>

struct progress {
	FILE *out;            /* NULL: quiet */
	bool terminal;        /* one line rewritten, else a line a step */
	unsigned step, steps; /* steps 0: nobody knows how many */
};

struct progress progress_begin(unsigned steps, bool quiet);
/* The next step begins. On a terminal the line is cut to its width. */
__attribute__((format(printf, 2, 3))) void progress_step(
	struct progress *progress, const char *format, ...);
/* Leaves a clean line for what is printed next. */
void progress_end(struct progress *progress);

#endif
