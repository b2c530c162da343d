/* SPDX-License-Identifier: BSD-2-Clause */
/* The sentinel of a sweep: two short measurements that should be the same in every round, so that a
 * round in which the host was another one is known. */
#ifndef BENCH_SWEEP_SENTINEL_H
#define BENCH_SWEEP_SENTINEL_H

#include "sweep_document.h"

/* What an exit by OUT costs a bare KVM_RUN loop, and the 99th percentile of a guest that watches
 * the TSC. Figures that could not be had are NAN. -EINTR: the user stopped it; else 0. */
int sweep_sentinel_measure(struct sweep_sentinel *sentinel);

/* How far a figure is above (below: negative) the median of those before it, in percent of that; 0
 * where there is none to compare with, and where the difference is less than the figure resolves.
 */
double sweep_sentinel_moved(const struct sweep_sentinel *before, size_t n,
	const struct sweep_sentinel *now, enum sentinel_figure which);

#endif
