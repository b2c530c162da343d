/* SPDX-License-Identifier: BSD-2-Clause */
/* KVM's own counters through KVM_GET_STATS_FD: exits that never reach userspace. KVM API 4.133. */
#ifndef VMM_KVM_STATS_H
#define VMM_KVM_STATS_H

#include "tickvm/vm.h"

#include <linux/kvm.h>

struct kvm_stats;

/* fd: the VM's (vcpu -1) or a vCPU's file descriptor. Adds its descriptors; -ENOTSUP when KVM has
 * no such fd. */
struct kvm_stats *kvm_stats_create(void);
int kvm_stats_add(struct kvm_stats *stats, int fd, int vcpu, struct diag *diag);
void kvm_stats_before(struct kvm_stats *stats);
void kvm_stats_after(struct kvm_stats *stats);
/* Scalars only: cumulative ones as after - before, instant and peak ones as after. Nothing of an fd
 * that could not be read both times. */
const struct kvm_stat *kvm_stats_get(const struct kvm_stats *stats, size_t *n);
/* The counters of a signal now, summed over the vCPUs: one system call each, nothing allocated. One
 * caller at a time. UINT64_MAX: no, or not every, vCPU has it. */
void kvm_stats_counters(const struct kvm_stats *stats, uint64_t counters[VM_KVM_COUNTERS]);
void kvm_stats_destroy(struct kvm_stats *stats);

/* One scalar of a descriptor block. */
struct kvm_stats_item {
	char name[sizeof(((struct kvm_stat *)0)->name)];
	bool cumulative;
	uint32_t offset; /* of its uint64_t in the data block */
};
/* The scalars of a block of header->num_desc descriptors in len bytes. items holds num_desc of
 * them. Returns their number, or -EINVAL when the block contradicts its header. Pure. */
int kvm_stats_parse(const struct kvm_stats_header *header, const void *block, size_t len,
	struct kvm_stats_item *items);

#endif
