/* SPDX-License-Identifier: BSD-2-Clause */
/* `--irqchip kernel`: KVM's LAPICs, IOAPIC, PIC and PIT; we only drive its lines and send MSIs.
 * Nothing here decides priorities: KVM does. */
#include "vm_internal.h"

#include <errno.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#define ISA_LINES 16

uint32_t irqchip_msi_address(const struct apic_msg *msg)
{
	return 0xfee00000u | (msg->dest & 0xff) << 12 | (uint32_t)msg->logical << 2;
}

uint32_t irqchip_msi_data(const struct apic_msg *msg)
{
	return msg->vector | (uint32_t)msg->delivery << 8 | (msg->level ? 3u << 14 : 0);
}

void irqchip_signal_msi(struct vm *vm, const struct apic_msg *msg)
{
	struct kvm_msi msi = {
		.address_lo = irqchip_msi_address(msg), .data = irqchip_msi_data(msg)};

	/* 0: nobody took it (a disabled LAPIC), as on hardware; it cannot fail otherwise. */
	ioctl(vm->fd, KVM_SIGNAL_MSI, &msi);
}

/* ISA lines into PIC and IOAPIC alike; the timer's line 0 is pin 2 there, as the MADT and MP table
 * say. */
static int set_routing(struct vm *vm, struct diag *diag)
{
	struct kvm_irq_routing *table;
	unsigned n = 0;
	int rc = 0;

	table = calloc(1, sizeof(*table) + 2 * IOAPIC_PINS * sizeof(table->entries[0]));
	if (!table)
		return diag_set(diag, -ENOMEM, "out of memory for interrupt routes");
	for (unsigned line = 0; line < ISA_LINES; line++) {
		if (line == 2)
			continue;
		table->entries[n++] = (struct kvm_irq_routing_entry){.gsi = line,
			.type = KVM_IRQ_ROUTING_IRQCHIP,
			.u.irqchip = {.irqchip = line < 8 ? KVM_IRQCHIP_PIC_MASTER
							  : KVM_IRQCHIP_PIC_SLAVE,
				.pin = line & 7}};
	}
	for (unsigned line = 0; line < IOAPIC_PINS; line++) {
		if (line == 2)
			continue;
		table->entries[n++] = (struct kvm_irq_routing_entry){.gsi = line,
			.type = KVM_IRQ_ROUTING_IRQCHIP,
			.u.irqchip = {.irqchip = KVM_IRQCHIP_IOAPIC, .pin = line ? line : 2}};
	}
	table->nr = n;
	if (ioctl(vm->fd, KVM_SET_GSI_ROUTING, table) < 0)
		rc = kvm_failed(diag, "KVM_SET_GSI_ROUTING");
	free(table);
	return rc;
}

/* As the MP table and the MADT have it: the first behind the CPUs'. KVM's is 0 after creation. */
static int set_ioapic_id(struct vm *vm, struct diag *diag)
{
	struct kvm_irqchip chip = {.chip_id = KVM_IRQCHIP_IOAPIC};

	if (ioctl(vm->fd, KVM_GET_IRQCHIP, &chip) < 0)
		return kvm_failed(diag, "KVM_GET_IRQCHIP");
	chip.chip.ioapic.id = vm->config.vcpus & 0xf;
	if (ioctl(vm->fd, KVM_SET_IRQCHIP, &chip) < 0)
		return kvm_failed(diag, "KVM_SET_IRQCHIP");
	return 0;
}

static int create(struct vm *vm, struct diag *diag)
{
	struct kvm_pit_config pit = {.flags = KVM_PIT_SPEAKER_DUMMY};
	int rc;

	rc = kvm_require(&vm->kvm, KVM_CAP_IRQCHIP,
		"interrupt controllers of its own (--irqchip split or user)", diag);
	if (!rc)
		rc = kvm_require(
			&vm->kvm, KVM_CAP_PIT2, "PIT of its own (--irqchip split or user)", diag);
	if (rc)
		return rc;
	if (ioctl(vm->fd, KVM_CREATE_IRQCHIP, 0) < 0) {
		kvm_failed(diag, "KVM_CREATE_IRQCHIP (try --irqchip split)");
		return -ENOTSUP;
	}
	if (ioctl(vm->fd, KVM_CREATE_PIT2, &pit) < 0) {
		kvm_failed(diag, "KVM_CREATE_PIT2 (try --irqchip split)");
		return -ENOTSUP;
	}
	rc = set_ioapic_id(vm, diag);
	return rc ? rc : set_routing(vm, diag);
}

static int vcpu_nothing(struct vcpu *vcpu, struct diag *diag)
{
	(void)vcpu;
	(void)diag;
	return 0;
}

static void isa_line(struct vm *vm, unsigned line, bool level)
{
	struct kvm_irq_level irq = {.irq = line, .level = level};

	ioctl(vm->fd, KVM_IRQ_LINE, &irq);
}

static void attend(struct vcpu *vcpu)
{
	(void)vcpu; /* KVM injects by itself; attention only ever means the end of the run */
}

const struct irqchip_ops irqchip_kernel_ops = {
	.ioapic_version = 0x11, /* Linux arch/x86/kvm/ioapic.h: IOAPIC_VERSION_ID */
	.create = create,
	.vcpu_create = vcpu_nothing,
	.isa_line = isa_line,
	.message = irqchip_signal_msi,
	.attend = attend,
};
