/* SPDX-License-Identifier: BSD-2-Clause */
/* What `split` and `user` share: our PIC and IOAPIC, ISA lines into both, the quiet
 * window's gate, and KVM_INTERRUPT. Where messages go from here is the back end's business. */
#include "wire.h"

#include <sys/ioctl.h>

static void intr_changed(void *ctx, unsigned n, bool level)
{
	struct vm *vm = ctx;

	(void)n;
	if (vm->irqchip.lapics)
		lapic_set_lint(lapic_bus_get(vm->irqchip.lapics, 0), 0, level);
	if (level)
		vcpu_kick(&vm->vcpus[0]);
}

/* Held by the quiet window, or delivered. With the interrupt lock held. */
static void ioapic_deliver(void *ctx, const struct apic_msg *msg)
{
	struct vm *vm = ctx;

	if (!vm->config.quiet_window_ns || !wire_dedicated_hold(vm, clock_tsc(), msg))
		vm->irqchip.ops->message(vm, msg);
}

void *irqchip_pic_create(struct wired *wired)
{
	struct vm *vm = wired->vm;

	return vm->irqchip.pic = pic_create((struct irq_sink){.set = intr_changed, .ctx = vm});
}

void *irqchip_ioapic_create(struct wired *wired)
{
	struct vm *vm = wired->vm;
	struct apic_msg_sink out = {.deliver = ioapic_deliver, .ctx = vm};

	vm->irqchip.ioapic = ioapic_create(
		(uint8_t)vm->config.vcpus, out, vm->irqchip.ops->redirection_changed, vm);
	return vm->irqchip.ioapic;
}

void irqchip_isa_line(struct vm *vm, unsigned line, bool level)
{
	struct irqchip *chip = &vm->irqchip;

	pthread_mutex_lock(&chip->lock);
	pic_set_line(chip->pic, line, level);
	/* The timer's line 0 is IOAPIC pin 2, as the MADT and MP table say. */
	ioapic_set_line(chip->ioapic, line ? line : 2, level);
	pthread_mutex_unlock(&chip->lock);
}

void irqchip_inject(struct vcpu *vcpu, uint8_t vector)
{
	struct kvm_interrupt interrupt = {.irq = vector};
	struct diag diag;

	if (ioctl(vcpu->fd, KVM_INTERRUPT, &interrupt) < 0) {
		kvm_failed(&diag, "KVM_INTERRUPT");
		vm_end_error(vcpu->vm, &diag);
	}
	irq_wait_injected(vcpu->run);
}
