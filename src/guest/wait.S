/* SPDX-License-Identifier: BSD-2-Clause */
/* The measured path: stamp, arming access, wait, stamps. It prepares and works up nothing that can be
 * at CPL 3, in C: between the stamps at CPL 0 each instruction may cost half a microsecond.
 *
 * r8, r9   handler's stamp, low and high half (0: no interrupt yet)
 * rsi, rdi arm stamp, low and high half
 * r12, r14 value, and its high half; r13 factor; r15 address; rcx MSR */
#include "layout.h"
#include "wait.h"

#define PIT_CHANNEL0 0x40

	.text
	.code64

	.macro waiter name, user
	.globl	\name
\name:
	pushq	%rbx
	pushq	%r12
	pushq	%r13
	pushq	%r14
	pushq	%r15
	movq	%rdi, %rbx
	movq	(%rbx), %rax
	movq	8(%rbx), %r12
	movq	%r12, %r14
	shrq	$32, %r14
	movq	16(%rbx), %r13
	movq	24(%rbx), %r15
	movq	32(%rbx), %rcx
	xorl	%esi, %esi
	xorl	%edi, %edi
	xorl	%r8d, %r8d
	xorl	%r9d, %r9d
	int3
	.if \user
1:	pause
	movl	%r8d, %ecx
	orl	%r9d, %ecx
	jz	1b
	rdtsc
	.endif
	movl	%esi, 40(%rbx)
	movl	%edi, 44(%rbx)
	movl	%r8d, 48(%rbx)
	movl	%r9d, 52(%rbx)
	movl	%eax, 56(%rbx)
	movl	%edx, 60(%rbx)
	popq	%r15
	popq	%r14
	popq	%r13
	popq	%r12
	popq	%rbx
	ret
	.endm

	waiter wait_hlt, 0
	waiter wait_user, 1

	.macro arm_stamp
	rdtsc
	movl	%eax, %esi
	movl	%edx, %edi
	.endm

	.macro now_to_rax
	shlq	$32, %rdx
	orq	%rdx, %rax
	.endm

	/* edx = (value - stamp) * factor / 2^64, but never 0, which stops or stretches a count. */
	.macro scaled_to_edx
	now_to_rax
	subq	%rax, %r12
	ja	2f
	xorl	%r12d, %r12d
2:	movq	%r12, %rax
	mulq	%r13
	cmpl	$1, %edx
	adcl	$0, %edx
	.endm

	.macro eax_to_pit
	outb	%al, $PIT_CHANNEL0
	movb	%ah, %al
	outb	%al, $PIT_CHANNEL0
	.endm

	.macro arm kind
	.if \kind != WAIT_NOTHING
	arm_stamp
	.endif
	.if \kind == WAIT_WRMSR
	movl	%r12d, %eax
	movl	%r14d, %edx
	wrmsr
	.elseif \kind == WAIT_WRMSR_RELATIVE
	addl	%r12d, %eax
	adcl	%r14d, %edx
	wrmsr
	.elseif \kind == WAIT_STORE32
	movl	%r12d, (%r15)
	.elseif \kind == WAIT_STORE32_SCALED
	scaled_to_edx
	movl	%edx, (%r15)
	.elseif \kind == WAIT_PIT
	movl	%r12d, %eax
	eax_to_pit
	.elseif \kind == WAIT_PIT_SCALED
	scaled_to_edx
	movl	%edx, %eax
	eax_to_pit
	.elseif \kind == WAIT_STORE64
	movq	%r12, (%r15)
	.elseif \kind == WAIT_STORE64_RELATIVE
	now_to_rax
	addq	%r12, %rax
	movq	%rax, (%r15)
	.endif
	.endm

	/* Interrupts are off until HLT, so none can come between the arming and it; a spurious one
	 * only makes it halt again. */
	.macro stubs kind
	.balign	16
stub_hlt_\kind:
	arm	\kind
1:	sti
	hlt
	rdtsc
	movl	%r8d, %ecx
	orl	%r9d, %ecx
	jz	1b
	iretq
	.balign	16
stub_user_\kind:
	arm	\kind
	movb	$RFLAGS_1_IF, FRAME_RFLAGS_1(%rsp)
	iretq
	.balign	16
stub_none_\kind:
	arm	\kind
	iretq
	.section .rodata
	.quad	stub_hlt_\kind, stub_user_\kind, stub_none_\kind
	.text
	.endm

	.section .rodata
	.balign	8
	.globl	wait_stubs
wait_stubs:
	.text
	.altmacro
	.set	kind, 0
	.rept	WAIT_ARMS
	stubs	%kind
	.set	kind, kind + 1
	.endr

	.section .note.GNU-stack, "", @progbits
