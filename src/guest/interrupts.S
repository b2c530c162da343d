/* SPDX-License-Identifier: BSD-2-Clause */
/* The ways into CPL 0: the gate (int3), exceptions, and interrupts with their stamps. It waits for
 * nothing: interrupts are open only in the waiters of wait.S and in the hlt benchmark, so a stamping
 * handler owns rax, rcx, rdx, r8 and r9, and any other rax and rdx, which hold nothing there until
 * interrupts are off again. They save nothing: an emulated CPL 0 makes each push cost a
 * microsecond. */
#include "layout.h"
#include "virtio.h"

	.text
	.code64

/* uint64_t kernel_call(uint64_t (*fn)(a, b, c), a, b, c): runs fn at CPL 0, interrupts off. From
 * CPL 3 only. */
	.globl	kernel_call
kernel_call:
	movq	%rdi, %r11
	movq	%rsi, %rdi
	movq	%rdx, %rsi
	movq	%rcx, %rdx
	movl	$gate_c, %eax
	int3
	ret
gate_c:
	call	*%r11
	iretq

/* uint64_t kernel_try(fn, a, b, c): the same, but returns 1 when fn came to its end and 0 when an
 * exception cut it short. exception() knows by the return address on top of this CPU's CPL 0 stack
 * that it happened in fn, and then goes on at kernel_try_failed. */
	.globl	kernel_try, kernel_try_done, kernel_try_failed
kernel_try:
	movq	%rdi, %r11
	movq	%rsi, %rdi
	movq	%rdx, %rsi
	movq	%rcx, %rdx
	pushq	%rbx
	pushq	%rbp
	pushq	%r12
	pushq	%r13
	pushq	%r14
	pushq	%r15
	movl	$gate_try, %eax
	int3
	popq	%r15
	popq	%r14
	popq	%r13
	popq	%r12
	popq	%rbp
	popq	%rbx
	ret
gate_try:
	call	*%r11
kernel_try_done:
	movl	$1, %eax
	iretq
kernel_try_failed:
	xorl	%eax, %eax
	iretq

/* int3 from CPL 3: rax says where to go on at CPL 0. (SYSCALL and INT n do not get there on every
 * host.) */
	.globl	gate
gate:
	jmp	*%rax

/* An interrupt that a test waits for: the stamp goes to r9d:r8d, where the waiter finds it, and the
 * waiter goes on with interrupts off, so that no second one can overwrite the stamp. With reply, the
 * handler first answers with the interrupt command prepared in r12d (x2APIC: r13d is its high
 * half). */
	.macro	stamp_handler name, x2apic, reply
	.globl	\name
	.balign	16
\name:
	rdtsc
	movl	%eax, %r8d
	movl	%edx, %r9d
	.if \x2apic
	.if \reply
	movl	$MSR_X2APIC_ICR, %ecx
	movl	%r12d, %eax
	movl	%r13d, %edx
	wrmsr
	.endif
	movl	$MSR_X2APIC_EOI, %ecx
	xorl	%eax, %eax
	xorl	%edx, %edx
	wrmsr
	.else
	.if \reply
	addr32	movl %r12d, LAPIC_ICR_GPA
	.endif
	addr32	movl $0, LAPIC_EOI_GPA
	.endif
	movb	$0, FRAME_RFLAGS_1(%rsp)
	iretq
	.endm

	stamp_handler irq_stamp, 0, 0
	stamp_handler irq_stamp_x2apic, 1, 0
	stamp_handler irq_reply, 0, 1
	stamp_handler irq_reply_x2apic, 1, 1

/* The disk's: it says no more than that one came. The waiter acknowledges it with the device, when
 * it has nothing better to do. */
	.globl	irq_disk
	.balign	16
irq_disk:
	incq	irq_load_count
	addr32	movl $0, LAPIC_EOI_GPA
	movb	$0, FRAME_RFLAGS_1(%rsp)
	iretq

/* virtio_blk_halt(registers, reaped), at CPL 0: acknowledges, and halts until an interrupt, if the
 * device has completed nothing beyond reaped. What it completes before the acknowledgement raises
 * no new edge, so the look comes behind it; what it completes later does, and HLT sees it. */
	.globl	virtio_blk_halt
	.balign	16
virtio_blk_halt:
	movl	$VIRTIO_INTERRUPTS, VIRTIO_INTERRUPT_ACK(%rdi)
	cmpw	virtio_blk_used + VIRTQ_IDX, %si
	jne	1f
	sti
	hlt
1:	ret

/* The end of an interrupt that is not the one waited for. A waiter in HLT must look again, with
 * interrupts off: the right one may have come between its last look and this one. */
	.macro	go_on_waiting
	addr32	movl $0, LAPIC_EOI_GPA
	testb	$3, FRAME_CS(%rsp)
	jnz	1f
	movb	$0, FRAME_RFLAGS_1(%rsp)
1:	iretq
	.endm

	.globl	irq_spurious
	.balign	16
irq_spurious:
	lock incq irq_spurious_count
	go_on_waiting

/* load=interrupts. One CPU only takes it: no lock. */
	.globl	irq_count
	.balign	16
irq_count:
	incq	irq_load_count
	go_on_waiting

/* load=io, on one CPU. What was completed is replaced: the driver's index is kept a constant ahead
 * of the device's, over a ring that is filled already. Acknowledged first, so that what is
 * completed after the index was read raises the line again. The device is notified unasked: an
 * access that the kernel takes is quicker than finding out whether it was needed. */
	.globl	irq_disk_load
	.balign	16
irq_disk_load:
	movl	virtio_blk_registers, %eax
	movl	$VIRTIO_INTERRUPTS, VIRTIO_INTERRUPT_ACK(%rax)
	movzwl	virtio_blk_used + VIRTQ_IDX, %edx
	addl	irq_load_ahead, %edx
	movw	%dx, virtio_blk_avail + VIRTQ_IDX
	movl	$0, VIRTIO_QUEUE_NOTIFY(%rax)
	incq	irq_load_count
	go_on_waiting

/* Exceptions: every vector gets a stub of 16 bytes that makes the frame uniform. */
	.globl	exception_stubs
	.balign	16
exception_stubs:
	.set	vector, 0
	.rept	32
	.balign	16
	.if	!((0x60227d00 >> vector) & 1)
	pushq	$0
	.endif
	pushq	$vector
	jmp	exception_common
	.set	vector, vector + 1
	.endr

/* exception(struct exception_frame *, const uint64_t registers[15]): r15 first, rax last. */
exception_common:
	pushq	%rax
	pushq	%rcx
	pushq	%rdx
	pushq	%rsi
	pushq	%rdi
	pushq	%r8
	pushq	%r9
	pushq	%r10
	pushq	%r11
	pushq	%rbx
	pushq	%rbp
	pushq	%r12
	pushq	%r13
	pushq	%r14
	pushq	%r15
	leaq	120(%rsp), %rdi
	movq	%rsp, %rsi
	call	exception
	addq	$48, %rsp
	popq	%r11
	popq	%r10
	popq	%r9
	popq	%r8
	popq	%rdi
	popq	%rsi
	popq	%rdx
	popq	%rcx
	popq	%rax
	addq	$16, %rsp
	iretq

	.bss
	.balign 8
	.globl	irq_spurious_count, irq_load_count, irq_load_ahead
irq_spurious_count:
	.skip	8
irq_load_count:
	.skip	8
irq_load_ahead:
	.skip	4

	.section .note.GNU-stack, "", @progbits
