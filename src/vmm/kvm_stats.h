/* SPDX-License-Identifier: BSD-2-Clause */
/* KVM's own counters through KVM_GET_STATS_FD: exits that never reach userspace. KVM API 4.133. */
#ifndef VMM_KVM_STATS_H
#define VMM_KVM_STATS_H

#include "tickvm/vm.h"

struct kvm_stats;

/* fd: the VM's (vcpu -1) or a vCPU's file descriptor. Adds its descriptors; -ENOTSUP when KVM has no such fd. */
struct kvm_stats *kvm_stats_create(void);
int kvm_stats_add(struct kvm_stats *stats, int fd, int vcpu, struct diag *diag);
void kvm_stats_before(struct kvm_stats *stats);
void kvm_stats_after(struct kvm_stats *stats);
/* Scalars only: cumulative ones as after - before, instant and peak ones as after. */
const struct kvm_stat *kvm_stats_get(const struct kvm_stats *stats, size_t *n);
void kvm_stats_destroy(struct kvm_stats *stats);

#endif
