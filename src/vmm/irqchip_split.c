/* SPDX-License-Identifier: BSD-2-Clause */
/* `--irqchip split`: KVM's LAPICs; PIC and IOAPIC are ours. Messages go in by KVM_SIGNAL_MSI from
 * any thread, without an exit; only the PIC needs the vCPU thread. KVM API 7.5,
 * KVM_CAP_SPLIT_IRQCHIP. */
#include "vm_internal.h"

#include <errno.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <sys/ioctl.h>

/* KVM reports the EOI of a level-triggered vector only if a route of the IOAPIC's pins names it.
 * Setting routes takes KVM a millisecond, so edge pins, which need none, never ask for it. */
static void set_routes(struct vm *vm)
{
	struct kvm_irq_routing *table;

	table = calloc(1, sizeof(*table) + IOAPIC_PINS * sizeof(table->entries[0]));
	if (!table)
		return;
	for (unsigned pin = 0; pin < IOAPIC_PINS; pin++) {
		struct apic_msg msg = ioapic_message(ioapic_redirection(vm->irqchip.ioapic, pin));

		if (vm->irqchip.level_pins >> pin & 1)
			table->entries[table->nr++] = (struct kvm_irq_routing_entry){.gsi = pin,
				.type = KVM_IRQ_ROUTING_MSI,
				.u.msi = {.address_lo = irqchip_msi_address(&msg),
					.data = irqchip_msi_data(&msg)}};
	}
	ioctl(vm->fd, KVM_SET_GSI_ROUTING, table);
	free(table);
}

static void redirection_changed(void *ctx, unsigned pin)
{
	struct vm *vm = ctx;
	uint64_t entry = ioapic_redirection(vm->irqchip.ioapic, pin);
	uint32_t bit = 1u << pin, before = vm->irqchip.level_pins & bit;
	/* Masked in service (Remote IRR), its EOI is still to come: the route stays. */
	bool routed = ioapic_message(entry).level && ((entry >> 14 & 1) || !(entry >> 16 & 1));

	if (!before && !routed)
		return;
	vm->irqchip.level_pins =
		routed ? vm->irqchip.level_pins | bit : vm->irqchip.level_pins & ~bit;
	set_routes(vm);
}

static int create(struct vm *vm, struct diag *diag)
{
	int rc = kvm_require(
		&vm->kvm, KVM_CAP_SPLIT_IRQCHIP, "split irqchip (--irqchip kernel or user)", diag);

	return rc ? rc
		  : kvm_enable_cap(vm->fd, KVM_CAP_SPLIT_IRQCHIP, IOAPIC_PINS,
			    "KVM_CAP_SPLIT_IRQCHIP", diag);
}

static int vcpu_nothing(struct vcpu *vcpu, struct diag *diag)
{
	(void)vcpu;
	(void)diag;
	return 0;
}

static void attend(struct vcpu *vcpu)
{
	struct irqchip *chip = &vcpu->vm->irqchip;
	int vector = -1;

	if (vcpu->id)
		return;
	pthread_mutex_lock(&chip->lock);
	vcpu->run->request_interrupt_window = 0;
	if (pic_intr(chip->pic)) {
		if (irq_wait_open(vcpu->run))
			vector = pic_ack(chip->pic);
		vcpu->run->request_interrupt_window = pic_intr(chip->pic);
	}
	pthread_mutex_unlock(&chip->lock);
	if (vector >= 0)
		irqchip_inject(vcpu, (uint8_t)vector);
}

static void eoi(struct vm *vm, uint8_t vector)
{
	pthread_mutex_lock(&vm->irqchip.lock);
	ioapic_eoi(vm->irqchip.ioapic, vector);
	pthread_mutex_unlock(&vm->irqchip.lock);
}

const struct irqchip_ops irqchip_split_ops = {
	.ioapic_version = IOAPIC_VERSION,
	.create = create,
	.vcpu_create = vcpu_nothing,
	.isa_line = irqchip_isa_line,
	.message = irqchip_signal_msi,
	.attend = attend,
	.eoi = eoi,
	.redirection_changed = redirection_changed,
};
