/* SPDX-License-Identifier: BSD-2-Clause */
/* A vCPU's CPUID: KVM's offer, with what only we know of it (its number, how many there are) and
 * without what our back end cannot keep. It invents no feature. */
#include "cpuid.h"
#include "vm_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#define ENTRIES_MAX 256

#define LEAF1_X2APIC       (1u << 21)
#define LEAF1_TSC_DEADLINE (1u << 24)
#define LEAF1_HYPERVISOR   (1u << 31)

/* Linux Documentation/virt/kvm/x86/cpuid.rst. KVM offers these whoever has the LAPIC, but keeps
 * them with its own only: page faults told asynchronously (bits 4, 10 and 14), the hypercalls that
 * wake a halted CPU (7) and that send IPIs (11). A Linux guest that counts on them hangs. */
#define KVM_LEAF_FEATURES 0x40000001
#define NEEDS_KVM_LAPIC   (1u << 4 | 1u << 7 | 1u << 10 | 1u << 11 | 1u << 14)

void cpuid_patch(struct kvm_cpuid2 *cpuid, const struct cpuid_vcpu *vcpu)
{
	for (uint32_t i = 0; i < cpuid->nent; i++) {
		struct kvm_cpuid_entry2 *e = &cpuid->entries[i];

		switch (e->function) {
		case 1: /* initial APIC ID, CPU count */
			e->ebx = (e->ebx & 0xffff) | vcpu->vcpus << 16 | vcpu->id << 24;
			e->ecx |= LEAF1_X2APIC | LEAF1_HYPERVISOR;
			e->ecx = vcpu->tsc_deadline ? e->ecx | LEAF1_TSC_DEADLINE
						    : e->ecx & ~LEAF1_TSC_DEADLINE;
			break;
		case 0xb: /* extended topology: the x2APIC ID */
		case 0x1f:
		case 0x80000026: /* the same of AMD */
			e->edx = vcpu->id;
			break;
		case 0x8000001e: /* AMD APM vol. 3, E.4.15: extended APIC ID */
			e->eax = vcpu->id;
			break;
		case KVM_LEAF_FEATURES:
			if (!vcpu->kvm_lapic)
				e->eax &= ~NEEDS_KVM_LAPIC;
			break;
		default:
			break;
		}
	}
}

/* Intel SDM vol. 2A, CPUID: leaf 80000008H, EAX[7:0]; 36 where the leaf is missing. */
unsigned cpuid_find_phys_bits(const struct kvm_cpuid2 *cpuid)
{
	unsigned bits = 36;

	for (uint32_t i = 0; i < cpuid->nent; i++) {
		if (cpuid->entries[i].function == 0x80000008)
			bits = cpuid->entries[i].eax & 0xff;
	}
	return bits < 36 ? 36 : bits > 52 ? 52 : bits;
}

static struct kvm_cpuid2 *create_room(struct diag *diag)
{
	struct kvm_cpuid2 *room = calloc(1, sizeof(*room) + ENTRIES_MAX * sizeof(room->entries[0]));

	if (room)
		room->nent = ENTRIES_MAX;
	else
		diag_set(diag, -ENOMEM, "out of memory for CPUID");
	return room;
}

/* Where CPUID itself traps, the answer takes it 0.3 ms. */
int cpuid_ask(struct vm *vm, struct diag *diag)
{
	vm->cpuid = create_room(diag);
	if (!vm->cpuid)
		return -ENOMEM;
	if (ioctl(vm->kvm.fd, KVM_GET_SUPPORTED_CPUID, vm->cpuid) < 0)
		return kvm_failed(diag, "KVM_GET_SUPPORTED_CPUID");
	return 0;
}

/* KVM's LAPIC has the mode by capability. Ours has it always, but on vmx and svm KVM may take the
 * guest's WRMSR to IA32_TSC_DEADLINE before any filter and drop it (from reading KVM, not tried):
 * there a guest of ours must use the counter. */
static bool offers_tsc_deadline(const struct vm *vm)
{
	if (vm->config.irqchip == IRQCHIP_USER)
		return vm->kvm.backend == KVM_BACKEND_PVM;
	return kvm_cap(&vm->kvm, KVM_CAP_TSC_DEADLINE_TIMER);
}

int cpuid_set(struct vcpu *vcpu, struct diag *diag)
{
	struct vm *vm = vcpu->vm;
	struct cpuid_vcpu one = {.id = vcpu->id,
		.vcpus = vm->config.vcpus,
		.tsc_deadline = offers_tsc_deadline(vm),
		.kvm_lapic = vm->config.irqchip != IRQCHIP_USER};

	cpuid_patch(vm->cpuid, &one);
	if (ioctl(vcpu->fd, KVM_SET_CPUID2, vm->cpuid) < 0)
		return kvm_failed(diag, "KVM_SET_CPUID2");
	return 0;
}

int cpuid_signature(
	const struct vcpu *vcpu, uint32_t *signature, uint32_t *features, struct diag *diag)
{
	struct kvm_cpuid2 *told = create_room(diag);
	int err = told ? 0 : -ENOMEM;

	if (!err && ioctl(vcpu->fd, KVM_GET_CPUID2, told) < 0)
		err = kvm_failed(diag, "KVM_GET_CPUID2");
	for (uint32_t i = 0; !err && i < told->nent; i++) {
		if (told->entries[i].function != 1)
			continue;
		*signature = told->entries[i].eax;
		*features = told->entries[i].edx;
	}
	free(told);
	return err;
}
