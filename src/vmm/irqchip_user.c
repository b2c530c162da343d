/* SPDX-License-Identifier: BSD-2-Clause */
/* `--irqchip user`: every controller is ours. A message sets a bit in a LAPIC and kicks the vCPU;
 * the vCPU thread injects with KVM_INTERRUPT, waits out HLT, and plays INIT and SIPI. KVM delivers,
 * it decides nothing. */
#include "cpuid.h"
#include "vm_internal.h"

#include <errno.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/ioctl.h>

#define LAPIC_BUS_HZ 1000000000ULL /* as KVM's own LAPIC: 1 ns a count */

static struct vcpu *target(void *ctx, unsigned id)
{
	return &((struct vm *)ctx)->vcpus[id];
}

/* ---- what a LAPIC tells its vCPU: all with the interrupt lock held ---- */

static void on_notify(void *ctx, unsigned id)
{
	vcpu_kick(target(ctx, id));
}

static void on_nmi(void *ctx, unsigned id)
{
	target(ctx, id)->nmi_pending = true;
	vcpu_kick(target(ctx, id));
}

static void on_smi(void *ctx, unsigned id)
{
	target(ctx, id)->smi_pending = true;
	vcpu_kick(target(ctx, id));
}

static void on_init(void *ctx, unsigned id)
{
	target(ctx, id)->init_pending = true;
	target(ctx, id)->sipi_pending = false;
	vcpu_kick(target(ctx, id));
}

static void on_sipi(void *ctx, unsigned id, uint8_t vector)
{
	struct vcpu *vcpu = target(ctx, id);

	/* Intel SDM vol. 3, 8.4.4.1: a SIPI means nothing to a CPU that does not wait for one. */
	if (!vcpu->init_pending && vcpu->power != VCPU_WAIT_SIPI)
		return;
	vcpu->sipi_pending = true;
	vcpu->sipi_vector = vector;
	vcpu_kick(vcpu);
}

static void on_eoi(void *ctx, uint8_t vector)
{
	ioapic_eoi(((struct vm *)ctx)->irqchip.ioapic, vector);
}

static void message(struct vm *vm, const struct apic_msg *msg)
{
	lapic_bus_deliver(vm->irqchip.lapics, msg);
}

/* ---- creation ---- */

/* What firmware leaves behind: the boot processor's LAPIC passes the PIC through ("virtual wire"),
 * as KVM's own does. Intel MultiProcessor Specification 1.4, 3.6.2.2. */
static void set_virtual_wire(struct lapic *lapic)
{
	struct device device = lapic_device(lapic);

	device.ops->write(device.self, 0, 0xf0, 4, 0x1ff);  /* SVR: enabled */
	device.ops->write(device.self, 0, 0x350, 4, 0x700); /* LINT0: ExtINT */
	device.ops->write(device.self, 0, 0x360, 4, 0x400); /* LINT1: NMI */
}

static int create(struct vm *vm, struct diag *diag)
{
	struct irqchip *chip = &vm->irqchip;
	struct lapic_config config = {.bus_hz = LAPIC_BUS_HZ, .tsc = vm->tsc};
	struct lapic_sink sink = {.notify = on_notify,
		.nmi = on_nmi,
		.smi = on_smi,
		.init = on_init,
		.sipi = on_sipi,
		.extint = on_notify,
		.eoi = on_eoi,
		.ctx = vm};

	config.phys_bits = cpuid_find_phys_bits(vm->cpuid);
	chip->lapics = lapic_bus_create(vm->config.vcpus, &config, sink);
	if (!chip->lapics)
		return diag_set(diag, -ENOMEM, "out of memory for the LAPICs");
	set_virtual_wire(lapic_bus_get(chip->lapics, 0));
	return 0;
}

void *irqchip_lapic_create(struct wired *wired)
{
	return lapic_bus_get(wired->vm->irqchip.lapics, wired->vcpu);
}

void irqchip_lapic_attached(struct wired *wired)
{
	wired->vm->irqchip.lapic_slots[wired->vcpu] = wired->slot;
}

static int vcpu_create_user(struct vcpu *vcpu, struct diag *diag)
{
	(void)diag;
	vcpu->power = vcpu->id ? VCPU_WAIT_SIPI : VCPU_RUNNING;
	/* An application processor looks at its power state before its first entry. */
	atomic_store(&vcpu->attention, 1);
	return 0;
}

static void destroy(struct vm *vm)
{
	lapic_bus_destroy(vm->irqchip.lapics);
}

/* ---- the vCPU thread ---- */

static struct lapic *own_lapic(const struct vcpu *vcpu)
{
	return lapic_bus_get(vcpu->vm->irqchip.lapics, vcpu->id);
}

static bool pic_wants(const struct vcpu *vcpu)
{
	return vcpu->id == 0 && pic_intr(vcpu->vm->irqchip.pic) &&
	       lapic_accepts_pic(own_lapic(vcpu));
}

static bool vector_waits(const struct vcpu *vcpu)
{
	return pic_wants(vcpu) || lapic_pending(own_lapic(vcpu)) >= 0;
}

/* Would the CPU leave HLT? Lock held. */
static bool wakes(const struct vcpu *vcpu)
{
	return vcpu->init_pending || vcpu->nmi_pending || vcpu->smi_pending ||
	       (vcpu->run->if_flag && vector_waits(vcpu));
}

/* Waits, with the interrupt lock held on entry and return, for an event or the end of the run. */
static void wait_unlocked(struct vcpu *vcpu, uint64_t poll_ns)
{
	pthread_mutex_unlock(&vcpu->vm->irqchip.lock);
	vcpu_wait(vcpu, poll_ns);
	atomic_store(&vcpu->attention, 0);
	pthread_mutex_lock(&vcpu->vm->irqchip.lock);
}

static void halt(struct vcpu *vcpu)
{
	struct vm *vm = vcpu->vm;
	uint64_t poll_ns = (uint64_t)vm->config.halt_poll_ns;

	pthread_mutex_lock(&vm->irqchip.lock);
	vcpu->power = VCPU_HALTED;
	while (!wakes(vcpu) && !atomic_load(&vm->ending))
		wait_unlocked(vcpu, poll_ns);
	vcpu->power = VCPU_RUNNING;
	pthread_mutex_unlock(&vm->irqchip.lock);
	atomic_store(&vcpu->attention, 1); /* attend before the next entry, or see the end */
}

/* INIT, then the wait for a SIPI. Lock held. 0 or a negative errno. */
static int init_and_sipi(struct vcpu *vcpu)
{
	int rc = 0;

	while (!rc && (vcpu->init_pending || vcpu->power == VCPU_WAIT_SIPI) &&
		!atomic_load(&vcpu->vm->ending)) {
		if (vcpu->init_pending) {
			vcpu->init_pending = vcpu->nmi_pending = vcpu->smi_pending = false;
			/* Intel SDM vol. 3, 8.4.2: the boot processor runs on, at the reset vector.
			 */
			vcpu->power = vcpu->id ? VCPU_WAIT_SIPI : VCPU_RUNNING;
			rc = vcpu_reset_registers(vcpu);
		} else if (vcpu->sipi_pending) {
			vcpu->sipi_pending = false;
			vcpu->power = VCPU_RUNNING;
			rc = vcpu_start_at(vcpu, vcpu->sipi_vector);
		} else {
			wait_unlocked(vcpu, 0);
		}
	}
	return rc;
}

/* Takes the vector that goes in now, or asks for a window. Lock held. -1: none. */
static int take_vector(struct vcpu *vcpu)
{
	int vector = -1;

	if (vector_waits(vcpu) && irq_wait_open(vcpu->run))
		vector = pic_wants(vcpu) ? pic_ack(vcpu->vm->irqchip.pic)
					 : lapic_ack(own_lapic(vcpu));
	vcpu->run->request_interrupt_window = vector_waits(vcpu);
	return vector;
}

static void attend(struct vcpu *vcpu)
{
	struct vm *vm = vcpu->vm;
	bool nmi, smi;
	int vector, rc;

	pthread_mutex_lock(&vm->irqchip.lock);
	rc = init_and_sipi(vcpu);
	nmi = vcpu->nmi_pending;
	smi = vcpu->smi_pending;
	vcpu->nmi_pending = vcpu->smi_pending = false;
	vector = take_vector(vcpu);
	pthread_mutex_unlock(&vm->irqchip.lock);

	if (vector >= 0)
		irqchip_inject(vcpu, (uint8_t)vector);
	if (nmi)
		ioctl(vcpu->fd, KVM_NMI);
	if (smi)
		ioctl(vcpu->fd, KVM_SMI); /* a KVM without SMM ignores it, as we do */
	if (rc) {
		struct diag diag;

		diag_set(&diag, rc, "INIT or SIPI: KVM refused the registers of vCPU %u", vcpu->id);
		vm_end_error(vm, &diag);
	}
}

static void enter(struct vcpu *vcpu)
{
	/* The lock: another vCPU's INIT resets this LAPIC. */
	pthread_mutex_lock(&vcpu->vm->irqchip.lock);
	vcpu->cr8 = lapic_cr8(own_lapic(vcpu));
	pthread_mutex_unlock(&vcpu->vm->irqchip.lock);
	vcpu->run->cr8 = vcpu->cr8;
}

static void left(struct vcpu *vcpu)
{
	uint8_t cr8 = vcpu->run->cr8 & 0xf;

	if (cr8 == vcpu->cr8)
		return;
	pthread_mutex_lock(&vcpu->vm->irqchip.lock);
	if (!vcpu->init_pending) /* which has reset the TPR: older is what the guest wrote */
		lapic_set_cr8(own_lapic(vcpu), cr8);
	pthread_mutex_unlock(&vcpu->vm->irqchip.lock);
}

/* RAM and the pages that KVM was given never reach us, and each is one for all vCPUs. A processor's
 * APIC would lie over them for it alone; here such a base is refused. */
static bool is_memory(const struct vm *vm, uint64_t page)
{
	return page < vm->memory.size || page - KVM_PAGES_GPA < KVM_PAGES_SIZE;
}

/* APIC_BASE has been written: the registers are where it says, and so is what CPUID says. */
static void follow_base(struct vcpu *vcpu)
{
	uint64_t base = lapic_base(own_lapic(vcpu)), page = lapic_page(base);
	struct diag diag;
	int rc;

	bus_move_mmio(vcpu->vm->irqchip.lapic_slots[vcpu->id],
		page == LAPIC_NO_PAGE ? BUS_NOWHERE : page);
	rc = vcpu_enable_apic(vcpu, base >> 11 & 1);
	if (rc) {
		diag_set(&diag, rc, "KVM_SET_MSRS of IA32_APIC_BASE: %s", strerror(-rc));
		vm_end_error(vcpu->vm, &diag);
	}
}

static const char *msr(struct vcpu *vcpu, uint32_t index, bool write, uint64_t *value)
{
	struct vm *vm = vcpu->vm;
	bool base = write && index == MSR_APIC_BASE;
	struct bus_slot *slot = vm->irqchip.lapic_slots[vcpu->id];
	struct lapic *lapic = own_lapic(vcpu);
	uint64_t tsc = clock_tsc();
	nsec_t now = vm_clock_from_tsc(&vm->clock, tsc);
	bool ok;

	if (base && is_memory(vm, lapic_page(*value)))
		return "the local APIC's registers cannot lie in memory";
	pthread_mutex_lock(&vm->irqchip.lock);
	ok = write ? lapic_wrmsr(lapic, now, index, *value) : lapic_rdmsr(lapic, now, index, value);
	bus_rearm(slot, tsc);
	pthread_mutex_unlock(&vm->irqchip.lock);
	if (ok && base)
		follow_base(vcpu);
	return ok ? NULL : "the local APIC refuses it";
}

const struct irqchip_ops irqchip_user_ops = {
	.ioapic_version = IOAPIC_VERSION,
	.create = create,
	.vcpu_create = vcpu_create_user,
	.isa_line = irqchip_isa_line,
	.message = message,
	.attend = attend,
	.enter = enter,
	.left = left,
	.halt = halt,
	.msr = msr,
	.destroy = destroy,
};
