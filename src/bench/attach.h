/* SPDX-License-Identifier: BSD-2-Clause */
/* Attachments of samples that more than one experiment has (docs/results.md, "Attachments"). */
#ifndef BENCH_ATTACH_H
#define BENCH_ATTACH_H

#include "tickvm/experiment.h"

/* Of a guest that has run: its exits to userspace and what KVM counts. */
void attach_counters(struct sink *sink, struct vm *vm, unsigned vcpus);

/* Its exits, as an attachment of a sample that comes later. */
json_t *attach_exits_json(struct vm *vm, unsigned vcpus);
/* What KVM counted, as an attachment of a sample that comes later. */
json_t *attach_stats_json(struct vm *vm);

#endif
