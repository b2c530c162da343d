/* SPDX-License-Identifier: BSD-2-Clause */
/* Where an application processor starts: real mode, below 1 MiB. smp.c copies it to TRAMPOLINE_GPA.
 * It only gets to 32-bit code; the rest of the way is the boot processor's. */
#include "layout.h"

	.section .rodata
	.globl	ap_trampoline, ap_trampoline_end
	.code16
ap_trampoline:
	cli
	movw	%cs, %ax
	movw	%ax, %ds
	lgdtl	ap_gdt_pointer - ap_trampoline
	movl	%cr0, %eax
	orb	$1, %al			/* PE */
	movl	%eax, %cr0
	ljmpl	$SEL_CODE32, $ap_start32
	/* A copy: gdt_pointer itself is above 1 MiB. */
	.balign 4
ap_gdt_pointer:
	.word	SEL_TSS + 16 * TSS_COUNT - 1
	.long	gdt
ap_trampoline_end:

	.text
	.code32
ap_start32:
	movl	$SEL_KERNEL_DATA, %eax
	movl	%eax, %ds
	movl	%eax, %ss
	jmp	cpu_start32

	.section .note.GNU-stack, "", @progbits
