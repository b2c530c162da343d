/* SPDX-License-Identifier: BSD-2-Clause */
/* Guests of a few bytes that show what an emulated processor leaves out. */
#include "processor.h"

#include "../../src/vmm/vm_internal.h"

#include "bare_machine.h"

#define RFLAGS_IF (1u << 9)
#define XCR0_AVX  7u /* x87, SSE, AVX */
#define CR4_XSAVE (1u << 18 | 1u << 10 | 1u << 9)

/* Interrupts are open and one is asked for, but the next instruction is still to be left alone: the
 * window must open behind it, not before. */
static bool loads_shadow(struct bare_machine *m)
{
	struct kvm_vcpu_events events = {
		.flags = KVM_VCPUEVENT_VALID_SHADOW, .interrupt.shadow = KVM_X86_SHADOW_INT_STI};
	struct kvm_vcpu_events kept;

	if (!bare_registers(m, false, RFLAGS_IF) ||
		ioctl(m->vcpu, KVM_SET_VCPU_EVENTS, &events) < 0 ||
		ioctl(m->vcpu, KVM_GET_VCPU_EVENTS, &kept) < 0 || !kept.interrupt.shadow)
		return true; /* KVM cannot be asked */
	m->run->request_interrupt_window = 1;
	return !bare_run(m) || m->run->exit_reason != KVM_EXIT_IRQ_WINDOW_OPEN ||
	       bare_rip(m) != BARE_GPA;
}

bool processor_loads_interrupt_shadow(void)
{
	/* nop; 1: jmp 1b: a window that opens late is not found at the first instruction again. */
	static const uint8_t code[] = {0x90, 0xeb, 0xfe};
	struct bare_machine m;
	bool loads = !bare_open(&m, code, sizeof(code)) || loads_shadow(&m);

	bare_close(&m);
	return loads;
}

static bool halted_for_good(const struct vm *vm, const struct vcpu *vcpu)
{
	static const uint8_t sti_hlt[] = {0xfb, 0xf4};
	struct kvm_regs regs;
	const uint8_t *code;

	if (ioctl(vcpu->fd, KVM_GET_REGS, &regs) < 0 || regs.rflags & RFLAGS_IF ||
		regs.rip < sizeof(sti_hlt))
		return false;
	code = memory_at(&vm->memory, regs.rip - sizeof(sti_hlt), sizeof(sti_hlt));
	return code && !memcmp(code, sti_hlt, sizeof(sti_hlt));
}

bool processor_hung(struct vm *vm)
{
	bool halted = false;

	for (unsigned i = 0; i < vm->config.vcpus; i++)
		halted |= halted_for_good(vm, &vm->vcpus[i]);
	return halted && !processor_loads_interrupt_shadow();
}

/* What KVM thinks is in XCR0 after the guest wrote it. */
static bool shows_xsetbv(struct bare_machine *m)
{
	struct kvm_xcrs xcrs = {.nr_xcrs = 0};
	struct kvm_sregs sregs;

	if (!bare_cpuid(m) || !bare_registers(m, true, 0) ||
		ioctl(m->vcpu, KVM_GET_SREGS, &sregs) < 0)
		return true;
	sregs.cr4 |= CR4_XSAVE;
	/* No XSAVE or no AVX: a refusal, or #GP and a shutdown. */
	if (ioctl(m->vcpu, KVM_SET_SREGS, &sregs) < 0 || !bare_run(m) ||
		m->run->exit_reason != KVM_EXIT_IO || ioctl(m->vcpu, KVM_GET_XCRS, &xcrs) < 0)
		return true;
	return xcrs.nr_xcrs == 1 && xcrs.xcrs[0].value == XCR0_AVX;
}

bool processor_shows_xsetbv(void)
{
	/* xor %ecx, %ecx; xor %edx, %edx; mov $7, %eax; xsetbv; out %al, $0xe0 */
	static const uint8_t code[] = {0x31, 0xc9, 0x31, 0xd2, 0xb8, XCR0_AVX, 0x00, 0x00, 0x00,
		0x0f, 0x01, 0xd1, 0xe6, 0xe0};
	struct bare_machine m;
	bool shows = !bare_open(&m, code, sizeof(code)) || shows_xsetbv(&m);

	bare_close(&m);
	return shows;
}
