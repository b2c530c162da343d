/* SPDX-License-Identifier: BSD-2-Clause */
/* What a guest's CPUID says. */
#ifndef VMM_CPUID_H
#define VMM_CPUID_H

#include "tickvm/diag.h"

#include <linux/kvm.h>
#include <stdbool.h>

struct vcpu;
struct vm;

/* In what one vCPU's answers differ from what KVM offers. */
struct cpuid_vcpu {
	unsigned id, vcpus;
	bool tsc_deadline;
	bool kvm_lapic; /* its LAPIC is KVM's */
};

/* Alters KVM's offer, or the same as altered for another vCPU of the VM. */
void cpuid_patch(struct kvm_cpuid2 *cpuid, const struct cpuid_vcpu *vcpu);
/* MAXPHYADDR of a guest of this KVM: 36 to 52. */
int cpuid_phys_bits(struct vm *vm, unsigned *bits, struct diag *diag);
/* The same in an offer of KVM's. */
unsigned cpuid_find_phys_bits(const struct kvm_cpuid2 *cpuid);
/* Before the vCPU runs. */
int cpuid_set(struct vcpu *vcpu, struct diag *diag);

#endif
