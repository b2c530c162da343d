/* SPDX-License-Identifier: BSD-2-Clause */
/* Attachments of samples that more than one experiment has (docs/results.md, "Attachments"). */
#ifndef BENCH_ATTACH_H
#define BENCH_ATTACH_H

#include "tickvm/experiment.h"

/* Of a guest that has run: its exits to userspace and what KVM counts. */
void attach_counters(struct sink *sink, struct vm *vm, unsigned vcpus);

#endif
