/* SPDX-License-Identifier: BSD-2-Clause */
/* The KVM_RUN loop and what each exit reason means.
 * It injects nothing itself (the interrupt back end does) and models no device. */
#include "msr.h"
#include "vm_internal.h"

#include <errno.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

/* Guest misdeeds reported once a vCPU, by bit in vcpu->warned. */
enum warning { WARN_MSR_UNKNOWN = 1, WARN_MSR_REFUSED = 2, WARN_HYPERCALL = 4 };

/* ---- accounting ---- */

/* There is one writer: no locked instruction is needed. */
static void total_add(_Atomic uint64_t *total, uint64_t n)
{
	atomic_store_explicit(
		total, atomic_load_explicit(total, memory_order_relaxed) + n, memory_order_relaxed);
}

static void event_commit(struct vcpu *vcpu)
{
	const struct trace_event *e = &vcpu->event;
	uint64_t userspace_ticks = e->entry_tsc - e->exit_tsc;
	uint64_t model_ticks = e->model_end_tsc - e->model_begin_tsc;

	exit_stats_add(vcpu->stats, e->kind, e->address, e->device, userspace_ticks,
		model_ticks != 0, model_ticks);
	trace_ring_add(vcpu->ring, e);
	/* A signal brackets what is counted and is no part of it. */
	if (e->kind == EXIT_KIND_PIO_OUT && e->address == PORT_SIGNAL)
		return;
	total_add(&vcpu->totals.exits, 1);
	total_add(&vcpu->totals.userspace_ticks, userspace_ticks);
	total_add(&vcpu->totals.model_ticks, model_ticks);
}

/* Begins an exit's record; commits the one before it, so that this work is inside a measured
 * interval. */
static void event_begin(struct vcpu *vcpu, uint64_t exit_tsc)
{
	struct trace_event *e = &vcpu->event;

	if (vcpu->event_valid)
		event_commit(vcpu);
	*e = (struct trace_event){
		.exit_tsc = exit_tsc, .kind = EXIT_KIND_OTHER, .device = "vcpu", .repeats = 1};
	vcpu->event_valid = true;
}

static void event_kind(struct vcpu *vcpu, enum exit_kind kind)
{
	vcpu->event.kind = (uint8_t)kind;
}

/* ---- handlers: each names its event; a handler that ends the run says so with vm_end() ---- */

static void crash(struct vcpu *vcpu, const char *what)
{
	vm_end(vcpu->vm, VM_END_CRASH, 0, vcpu_crash_report(vcpu, what));
}

static void exit_io(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	struct trace_event *e = &vcpu->event;
	bool write = run->io.direction == KVM_EXIT_IO_OUT;
	uint8_t *data = (uint8_t *)run + run->io.data_offset;
	struct bus_access access = {.address = run->io.port,
		.size = run->io.size,
		.write = write,
		.vcpu = vcpu->id,
		.exit_tsc = e->exit_tsc};

	event_kind(vcpu, write ? EXIT_KIND_PIO_OUT : EXIT_KIND_PIO_IN);
	/* REP OUTS comes an element an exit, REP INS in batches, as KVM's emulator has it: the data
	 * pointer moves, the port does not. */
	for (uint32_t i = 0; i < run->io.count; i++, data += run->io.size) {
		access.value = 0;
		if (write)
			memcpy(&access.value, data, run->io.size);
		bus_pio(vcpu->vm->bus, &access);
		if (!write)
			memcpy(data, &access.value, run->io.size);
		if (i == 0)
			e->model_begin_tsc = access.begin_tsc;
	}
	e->model_end_tsc = access.end_tsc;
	e->address = access.address;
	e->value = access.value;
	e->device = access.device;
	e->size = run->io.size;
	e->repeats = run->io.count > UINT16_MAX ? UINT16_MAX : (uint16_t)run->io.count;
}

static bool is_access_size(uint32_t len)
{
	return len == 1 || len == 2 || len == 4 || len == 8;
}

static void exit_mmio(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	struct trace_event *e = &vcpu->event;
	/* An access that straddles a page comes in odd pieces: byte by byte, as a bus would split
	 * it. */
	uint32_t len = run->mmio.len <= 8 ? run->mmio.len : 8;
	uint32_t step = is_access_size(len) ? len : 1;
	struct bus_access access = {.address = run->mmio.phys_addr,
		.size = step,
		.write = run->mmio.is_write,
		.vcpu = vcpu->id,
		.exit_tsc = e->exit_tsc};

	event_kind(vcpu, run->mmio.is_write ? EXIT_KIND_MMIO_WRITE : EXIT_KIND_MMIO_READ);
	for (uint32_t i = 0; i < len; i += step, access.address += step) {
		access.value = 0;
		if (access.write)
			memcpy(&access.value, run->mmio.data + i, step);
		bus_mmio(vcpu->vm->bus, &access);
		if (!access.write)
			memcpy(run->mmio.data + i, &access.value, step);
		if (i == 0)
			e->model_begin_tsc = access.begin_tsc;
	}
	e->model_end_tsc = access.end_tsc;
	e->address = run->mmio.phys_addr;
	e->value = access.value;
	e->device = access.device ? access.device : "unknown";
	e->size = (uint8_t)len;
}

static void warn_once(struct vcpu *vcpu, enum warning bit, const char *what)
{
	if (vcpu->warned & bit)
		return;
	vcpu->warned |= bit;
	fprintf(stderr, "tickvm: guest: vCPU %u: %s (reported once)\n", vcpu->id, what);
}

static const char *probe_msr(struct vcpu *vcpu, bool write, uint64_t *value)
{
	if (write)
		vcpu->msr_probe = *value;
	else
		*value = vcpu->msr_probe;
	return NULL;
}

static void warn_msr(struct vcpu *vcpu, const struct msr_access *access, const char *why)
{
	bool unknown = vcpu->run->msr.reason == KVM_MSR_EXIT_REASON_UNKNOWN;
	char text[128];

	msr_refusal(text, sizeof(text), access, why);
	warn_once(vcpu, unknown ? WARN_MSR_UNKNOWN : WARN_MSR_REFUSED, text);
}

static void exit_msr(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	const struct irqchip_ops *irqchip = vcpu->vm->irqchip.ops;
	struct trace_event *e = &vcpu->event;
	struct msr_access access = {
		.index = run->msr.index, .write = run->exit_reason == KVM_EXIT_X86_WRMSR};
	uint64_t value = access.write ? run->msr.data : 0;
	const char *why; /* it is refused */

	access.value = value;
	event_kind(vcpu, access.write ? EXIT_KIND_WRMSR : EXIT_KIND_RDMSR);
	e->address = access.index;
	e->model_begin_tsc = clock_tsc();
	if (access.index == MSR_PROBE) {
		e->device = "probe";
		why = probe_msr(vcpu, access.write, &value);
	} else if (irqchip->msr && lapic_has_msr(access.index)) {
		e->device = "lapic";
		why = irqchip->msr(vcpu, access.index, access.write, &value);
	} else {
		e->device = run->msr.reason == KVM_MSR_EXIT_REASON_INVAL ? "kvm" : "unknown";
		why = msr_why(run->msr.reason, access.write);
	}
	e->model_end_tsc = clock_tsc();
	e->value = value;
	run->msr.error = why != NULL; /* #GP(0) */
	if (why)
		warn_msr(vcpu, &access, why);
	else if (!access.write)
		run->msr.data = value;
}

static void exit_hlt(struct vcpu *vcpu)
{
	event_kind(vcpu, EXIT_KIND_HLT);
	if (vcpu->vm->irqchip.ops->halt)
		vcpu->vm->irqchip.ops->halt(vcpu);
}

static void exit_irq_window(struct vcpu *vcpu)
{
	event_kind(vcpu, EXIT_KIND_IRQ_WINDOW); /* vcpu_loop() sees that it is open */
}

static void exit_ioapic_eoi(struct vcpu *vcpu)
{
	event_kind(vcpu, EXIT_KIND_IOAPIC_EOI);
	vcpu->event.address = vcpu->run->eoi.vector;
	vcpu->event.device = "ioapic";
	if (vcpu->vm->irqchip.ops->eoi)
		vcpu->vm->irqchip.ops->eoi(vcpu->vm, vcpu->run->eoi.vector);
}

static void exit_set_tpr(struct vcpu *vcpu)
{
	event_kind(vcpu, EXIT_KIND_TPR_ACCESS); /* irqchip.ops->left() has taken the new CR8 */
}

static void exit_hypercall(struct vcpu *vcpu)
{
	char what[48];

	event_kind(vcpu, EXIT_KIND_HYPERCALL);
	vcpu->event.address = vcpu->run->hypercall.nr;
	vcpu->run->hypercall.ret = (uint64_t)-1000; /* -KVM_ENOSYS: there is none of ours */
	snprintf(what, sizeof(what), "unknown hypercall 0x%llx",
		(unsigned long long)vcpu->run->hypercall.nr);
	warn_once(vcpu, WARN_HYPERCALL, what);
}

static void exit_shutdown(struct vcpu *vcpu)
{
	event_kind(vcpu, EXIT_KIND_SHUTDOWN);
	crash(vcpu, "triple fault");
}

static void exit_system_event(struct vcpu *vcpu)
{
	char what[48];

	event_kind(vcpu, EXIT_KIND_SYSTEM_EVENT);
	snprintf(what, sizeof(what), "system event %u", vcpu->run->system_event.type);
	crash(vcpu, what);
}

static void exit_internal_error(struct vcpu *vcpu)
{
	const char *what = "KVM internal error";

	event_kind(vcpu, EXIT_KIND_INTERNAL_ERROR);
	vcpu->event.address = vcpu->run->internal.suberror;
	if (vcpu->run->internal.suberror == KVM_INTERNAL_ERROR_EMULATION)
		what = "KVM could not emulate an instruction";
	crash(vcpu, what);
}

static void exit_fail_entry(struct vcpu *vcpu)
{
	char what[80];

	event_kind(vcpu, EXIT_KIND_FAIL_ENTRY);
	snprintf(what, sizeof(what), "VM entry failed, hardware reason 0x%llx",
		(unsigned long long)vcpu->run->fail_entry.hardware_entry_failure_reason);
	crash(vcpu, what);
}

static void exit_unknown(struct vcpu *vcpu)
{
	char what[64];

	vcpu->event.address = vcpu->run->exit_reason;
	snprintf(what, sizeof(what), "unexpected KVM exit reason %u", vcpu->run->exit_reason);
	crash(vcpu, what);
}

static void (*const handlers[])(struct vcpu *vcpu) = {
	[KVM_EXIT_IO] = exit_io,
	[KVM_EXIT_MMIO] = exit_mmio,
	[KVM_EXIT_X86_RDMSR] = exit_msr,
	[KVM_EXIT_X86_WRMSR] = exit_msr,
	[KVM_EXIT_HLT] = exit_hlt,
	[KVM_EXIT_IRQ_WINDOW_OPEN] = exit_irq_window,
	[KVM_EXIT_IOAPIC_EOI] = exit_ioapic_eoi,
	[KVM_EXIT_SET_TPR] = exit_set_tpr,
	[KVM_EXIT_HYPERCALL] = exit_hypercall,
	[KVM_EXIT_SHUTDOWN] = exit_shutdown,
	[KVM_EXIT_SYSTEM_EVENT] = exit_system_event,
	[KVM_EXIT_INTERNAL_ERROR] = exit_internal_error,
	[KVM_EXIT_FAIL_ENTRY] = exit_fail_entry,
};

static void dispatch(struct vcpu *vcpu)
{
	uint32_t reason = vcpu->run->exit_reason;

	if (reason < sizeof(handlers) / sizeof(handlers[0]) && handlers[reason])
		handlers[reason](vcpu);
	else
		exit_unknown(vcpu);
}

/* KVM_RUN did not return 0: exit_reason means nothing. */
static void run_failed(struct vcpu *vcpu, int err, bool finishing)
{
	struct diag diag;

	if (err == EINTR || err == EAGAIN) {
		event_kind(vcpu, finishing ? EXIT_KIND_IRQ_WINDOW : EXIT_KIND_KICK);
	} else if (err == EFAULT) {
		crash(vcpu, "the guest used an address that KVM cannot reach");
	} else {
		diag_set(&diag, -err, "KVM_RUN: %s", strerror(err));
		vm_end_error(vcpu->vm, &diag);
	}
}

/* One KVM_RUN. The state handshake with vcpu_kick() is here: state first, then attention.
 * finishing: KVM finishes what the last exit left open, and comes back. */
static void run_once(struct vcpu *vcpu, bool finishing)
{
	const struct irqchip_ops *irqchip = vcpu->vm->irqchip.ops;
	uint64_t exit_tsc;
	int rc, err;

	if (irqchip->enter)
		irqchip->enter(vcpu);
	atomic_store(&vcpu->state, VCPU_IN_KERNEL);
	if (atomic_load(&vcpu->attention)) {
		atomic_store(&vcpu->state, VCPU_USER);
		return;
	}
	if (finishing)
		__atomic_store_n(&vcpu->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
	vcpu->event.entry_tsc = clock_tsc();
	if (!vcpu->first_entry_tsc)
		vcpu->first_entry_tsc = vcpu->event.entry_tsc;
	rc = ioctl(vcpu->fd, KVM_RUN, 0);
	err = errno;
	exit_tsc = clock_tsc();
	atomic_store(&vcpu->state, VCPU_USER);
	/* Cleared before attention is looked at again: a kick from here on sets it anew. */
	__atomic_store_n(&vcpu->run->immediate_exit, 0, __ATOMIC_SEQ_CST);
	irq_wait_returned(&vcpu->irq_wait, vcpu->run, rc == 0, finishing);

	event_begin(vcpu, exit_tsc);
	if (irqchip->left)
		irqchip->left(vcpu);
	if (rc < 0)
		run_failed(vcpu, err, finishing);
	else
		dispatch(vcpu);
}

void vcpu_loop(struct vcpu *vcpu)
{
	struct vm *vm = vcpu->vm;

	while (!atomic_load(&vm->ending)) {
		enum irq_step step = irq_wait_step(&vcpu->irq_wait, vcpu->run);

		if (atomic_exchange(&vcpu->attention, 0) || step == IRQ_STEP_ATTEND)
			vm->irqchip.ops->attend(vcpu);
		else
			run_once(vcpu, step == IRQ_STEP_FINISH);
	}
	vcpu->event.entry_tsc = clock_tsc();
	event_begin(vcpu, vcpu->event.entry_tsc);
	vcpu->event_valid = false;
}
