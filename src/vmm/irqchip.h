/* SPDX-License-Identifier: BSD-2-Clause */
/* Three interrupt back ends behind one set of operations.
 *
 * The interrupt lock guards our controllers (PIC, IOAPIC, LAPICs) and the dedicated timer. An op
 * says whether its caller holds it. */
#ifndef VMM_IRQCHIP_H
#define VMM_IRQCHIP_H

#include "bus.h"
#include "tickvm/apic.h"
#include "tickvm/ioapic.h"
#include "tickvm/lapic.h"
#include "tickvm/pic.h"

struct vm;
struct vcpu;

struct irqchip_ops {
	uint8_t ioapic_version; /* bits 0 to 7 of its version register */
	/* Before any device and any vCPU exists. */
	int (*create)(struct vm *vm, struct diag *diag);
	/* After the vCPU's KVM_CREATE_VCPU. */
	int (*vcpu_create)(struct vcpu *vcpu, struct diag *diag);
	/* A device drives an ISA line. Takes the interrupt lock itself. */
	void (*isa_line)(struct vm *vm, unsigned line, bool level);
	/* An edge message straight to the LAPICs. The caller holds the interrupt lock. */
	void (*message)(struct vm *vm, const struct apic_msg *msg);
	/* vCPU thread, before KVM_RUN, when attention was set or irq_wait_step() says so: inject
	 * what is due; request_interrupt_window says whether more waits. */
	void (*attend)(struct vcpu *vcpu);
	/* vCPU thread, right before and right after KVM_RUN: CR8 kept in step with TPR. NULL where
	 * KVM does it. */
	void (*enter)(struct vcpu *vcpu);
	void (*left)(struct vcpu *vcpu);
	/* vCPU thread, on KVM_EXIT_HLT; NULL where KVM halts by itself. */
	void (*halt)(struct vcpu *vcpu);
	/* A LAPIC's MSR (lapic_has_msr()): NULL, or why the guest gets #GP. No op: they are KVM's.
	 */
	const char *(*msr)(struct vcpu *vcpu, uint32_t msr, bool write, uint64_t *value);
	/* KVM_EXIT_IOAPIC_EOI; NULL where it cannot happen. */
	void (*eoi)(struct vm *vm, uint8_t vector);
	/* ctx is the VM: a redirection entry of our IOAPIC has changed; NULL: nobody asks. */
	void (*redirection_changed)(void *ctx, unsigned pin);
	void (*destroy)(struct vm *vm); /* what create() made, after the devices; or NULL */
};

extern const struct irqchip_ops irqchip_kernel_ops, irqchip_split_ops, irqchip_user_ops;

struct irqchip {
	const struct irqchip_ops *ops;
	pthread_mutex_t lock; /* the interrupt lock */
	struct pic *pic;
	struct ioapic *ioapic;
	struct lapic_bus *lapics;
	struct bus_slot *lapic_slots[VM_MAX_VCPUS];
	uint32_t level_pins; /* split: IOAPIC pins whose EOI KVM was asked to report */
};

/* Rows of the wiring table. Shared by split and user (irqchip_isa.c): */
struct wired;
void *irqchip_pic_create(struct wired *wired);
void *irqchip_ioapic_create(struct wired *wired);
/* The LAPICs of user (irqchip_user.c), which create() has made: */
void *irqchip_lapic_create(struct wired *wired);
void irqchip_lapic_attached(struct wired *wired);

/* ISA lines into both, of split and user. */
void irqchip_isa_line(struct vm *vm, unsigned line, bool level);
/* A message as an MSI: Intel SDM vol. 3, 11.11. */
uint32_t irqchip_msi_address(const struct apic_msg *msg);
uint32_t irqchip_msi_data(const struct apic_msg *msg);
/* KVM_SIGNAL_MSI, for the back ends whose LAPICs are KVM's. */
void irqchip_signal_msi(struct vm *vm, const struct apic_msg *msg);
/* KVM_INTERRUPT. The vCPU thread, after irq_wait_open(). */
void irqchip_inject(struct vcpu *vcpu, uint8_t vector);

#endif
