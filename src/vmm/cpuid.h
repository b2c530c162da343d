/* SPDX-License-Identifier: BSD-2-Clause */
/* What a guest's CPUID says. */
#ifndef VMM_CPUID_H
#define VMM_CPUID_H

#include "tickvm/diag.h"

#include <linux/kvm.h>
#include <stdbool.h>
#include <stdint.h>

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
/* MAXPHYADDR of a guest that is offered this: 36 to 52. */
unsigned cpuid_find_phys_bits(const struct kvm_cpuid2 *cpuid);
/* What KVM offers, asked once a VM: vm->cpuid. */
int cpuid_ask(struct vm *vm, struct diag *diag);
/* Before the vCPU runs. */
int cpuid_set(struct vcpu *vcpu, struct diag *diag);
/* EAX and EDX of leaf 1 as the vCPU's guest will read them, after cpuid_set(). */
int cpuid_signature(
	const struct vcpu *vcpu, uint32_t *signature, uint32_t *features, struct diag *diag);

#endif
