/* SPDX-License-Identifier: BSD-2-Clause */
/* From the boot protocol's 32-bit entry to C at CPL 3 in long mode, for the boot processor and,
 * from cpu_start32 on, for the others. It parses nothing: boot information is kept for C. */
#include "layout.h"

#define MB_HEADER_MAGIC 0x1BADB002
#define MB_FLAGS        0x00010002 /* memory information; the address fields are valid */

	.section .boot, "ax"
	.code32

/* Multiboot 0.6.96, 3.1. The address fields spare the loader the ELF headers, which QEMU requires
 * of 64-bit images. */
	.balign 4
multiboot_header:
	.long	MB_HEADER_MAGIC
	.long	MB_FLAGS
	.long	-(MB_HEADER_MAGIC + MB_FLAGS)
	.long	multiboot_header
	.long	image_start
	.long	image_end
	.long	bss_end
	.long	start32

/* PVH (ebx: start info) and Multiboot (eax: magic, ebx: info) enter alike. */
	.globl	start32
start32:
	cli
	cld
	movl	%eax, %ebp
	rdtsc
	movl	%eax, boot_tsc
	movl	%edx, boot_tsc + 4
	movl	%ebp, boot_magic
	movl	%ebx, boot_info
	/* The one descriptor whose base no relocation can spell. */
	movl	$tss, %eax
	movw	%ax, gdt + SEL_TSS + 2
	shrl	$16, %eax
	movb	%al, gdt + SEL_TSS + 4
	movb	%ah, gdt + SEL_TSS + 7

	.globl	cpu_start32
cpu_start32:
	lgdt	gdt_pointer
	movl	$pml4, %eax
	movl	%eax, %cr3
	movl	$0x20, %eax		/* CR4.PAE */
	movl	%eax, %cr4
	movl	$0xc0000080, %ecx	/* EFER */
	rdmsr
	orl	$0x100, %eax		/* LME */
	wrmsr
	movl	$0x80010031, %eax	/* CR0: PG, WP, NE, ET, PE; caches on */
	movl	%eax, %cr0
	ljmpl	$SEL_KERNEL_CODE, $start64

	.code64
start64:
	movl	$SEL_KERNEL_DATA, %eax
	movl	%eax, %ss
	movl	$SEL_USER_DATA, %eax
	movl	%eax, %ds
	movl	%eax, %es
	movq	cpu_boot_stack0, %rsp
	lidt	idt_pointer
	movl	cpu_boot_tss, %eax
	ltr	%ax
	pushq	$SEL_USER_DATA
	pushq	cpu_boot_stack3
	pushq	$RFLAGS_RESERVED
	pushq	$SEL_USER_CODE
	pushq	cpu_boot_entry
	iretq

/* XEN_ELFNOTE_PHYS32_ENTRY: the PVH entry point. */
	.section .note.xen, "a", @note
	.balign 4
	.long	4
	.long	8
	.long	18
	.asciz	"Xen"
	.quad	start32

	.data
	.balign 8
/* How the next CPU to pass start64 goes on; smp.c fills it for each application processor. */
	.globl	cpu_boot_stack0, cpu_boot_stack3, cpu_boot_entry, cpu_boot_tss
cpu_boot_stack0:	.quad	stack0_end
cpu_boot_stack3:	.quad	stack3_end - 8	/* as after a call */
cpu_boot_entry:		.quad	guest_main
cpu_boot_tss:		.long	SEL_TSS

	.globl	boot_magic, boot_info, boot_tsc
boot_magic:		.long	0
	.balign 8
boot_info:		.quad	0
boot_tsc:		.quad	0

	.balign 8
	.globl	gdt
gdt:	.quad	0
	.quad	0x00cf9b000000ffff	/* 0x08: code, 32 bit */
	.quad	0x00af9b000000ffff	/* 0x10: code, 64 bit */
	.quad	0x00cf93000000ffff	/* 0x18: data */
	.quad	0
	.quad	0x00cff3000000ffff	/* 0x28: data, DPL 3 */
	.quad	0x00affb000000ffff	/* 0x30: code, 64 bit, DPL 3 */
	.quad	0
	/* 0x40: TSS of the boot processor, with its I/O bitmap and the byte of ones that ends it */
	.word	TSS_BYTES + IOMAP_BYTES
	.byte	0, 0, 0, 0x89, 0, 0
	.quad	0
	.fill	(TSS_COUNT - 1) * 2, 8, 0
gdt_end:

	.word	0, 0, 0			/* aligns the base below */
	.globl	gdt_pointer
gdt_pointer:
	.word	gdt_end - gdt - 1
	.quad	gdt

	.balign 8
	.word	0, 0, 0
idt_pointer:
	.word	256 * 16 - 1
	.quad	idt

	.balign 8
	.globl	tss
tss:	.long	0
	.quad	stack0_end		/* RSP0 */
	.fill	TSS_IST1 - 12, 1, 0
	.quad	stack_ist_end		/* IST1 */
	.fill	TSS_IOMAP - TSS_IST1 - 8, 1, 0
	.word	TSS_BYTES		/* every port open to CPL 3 */
	.fill	IOMAP_BYTES, 1, 0
	.byte	0xff

/* The first 4 GiB, identity-mapped, 2 MiB pages, open to CPL 3. The last GiB holds devices:
 * uncached. */
	.balign 4096
	.globl	pml4, pd
pml4:	.quad	pdpt + 7
	.fill	511, 8, 0
pdpt:	.quad	pd + 7
	.quad	pd + 0x1007
	.quad	pd + 0x2007
	.quad	pd + 0x3007
	.fill	508, 8, 0
	.set	page, 0x87
pd:	.rept	1536
	.quad	page
	.set	page, page + 0x200000
	.endr
	.rept	512
	.quad	page + 0x18
	.set	page, page + 0x200000
	.endr

	.bss
	.balign STACK_BYTES
	.skip	STACK_BYTES
stack0_end:
	.skip	STACK_BYTES
stack_ist_end:
	.skip	2 * STACK_BYTES
stack3_end:
	.globl	idt
idt:	.skip	256 * 16

	.section .note.GNU-stack, "", @progbits
