/* SPDX-License-Identifier: BSD-2-Clause */
/* Selectors, vectors and addresses shared by the payload's assembly and its C.
 * Nothing here crosses to the monitor: that is guest_abi.h. */
#ifndef GUEST_LAYOUT_H
#define GUEST_LAYOUT_H

/* Linux's selectors, so that a monitor tuned for Linux guests meets what it knows. */
#define SEL_CODE32      0x08 /* on the way from real mode only */
#define SEL_KERNEL_CODE 0x10
#define SEL_KERNEL_DATA 0x18
#define SEL_USER_DATA   0x2b
#define SEL_USER_CODE   0x33
#define SEL_TSS         0x40 /* one of 16 bytes for each CPU */
#define TSS_COUNT       16

#define STACK_BYTES 8192 /* a CPL 0 stack is aligned to it: exceptions.c */
#define TSS_BYTES   0x68
#define TSS_RSP0    0x04
#define TSS_IST1    0x24
#define TSS_IOMAP   0x66
#define IOMAP_BYTES 8192

#define TRAMPOLINE_GPA 0x10000 /* real mode; its page number is the SIPI vector */

#define MULTIBOOT_MAGIC 0x2BADB002

#define RFLAGS_RESERVED 0x2

/* The second byte of the RFLAGS image in an interrupt frame: IF is its bit 1. */
#define FRAME_RIP      0
#define FRAME_CS       8
#define FRAME_RFLAGS_1 17
#define RFLAGS_1_IF    2

/* Vectors. */
#define VECTOR_DRAIN          0x30 /* below all others */
#define VECTOR_DISK           0x38 /* these two in a class below the timers' */
#define VECTOR_IRQ_LOAD       0x39
#define VECTOR_TEST           0x40
#define VECTOR_LAPIC_SPURIOUS 0xff

#define LAPIC_EOI_GPA  0xfee000b0
#define LAPIC_ICR_GPA  0xfee00300
#define ICR_FIXED      0x4000
#define ICR_SELF       0x44000
#define MSR_X2APIC_EOI 0x80b
#define MSR_X2APIC_ICR 0x830

#endif
