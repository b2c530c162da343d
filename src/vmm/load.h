/* SPDX-License-Identifier: BSD-2-Clause */
/* Loading a guest image into guest RAM, and the tables by which it finds its machine. */
#ifndef VMM_LOAD_H
#define VMM_LOAD_H

#include "memory.h"

#include <stddef.h>

/* How vCPU 0 starts: 32-bit protected mode, flat segments, paging off, interrupts off.
 * PVH: Xen's docs/misc/pvh.pandoc (ebx = start info). Multiboot 0.6.96, 3.2 (eax = magic, ebx =
 * info). */
struct boot_state {
	uint32_t eip, eax, ebx, esp;
	uint32_t gdt;         /* where vcpu_boot() may write BOOT_GDT_BYTES */
	const char *protocol; /* "pvh" or "multiboot" */
};

/* The built-in payload's bytes (payload.S). */
extern const uint8_t payload_image[], payload_image_end[];

/* Low memory as a PC has it. An image may lie anywhere in RAM. */
#define BOOT_EBDA_WORD_GPA 0x40eULL   /* its segment, in the BIOS data area */
#define BOOT_EBDA_GPA      0x9fc00ULL /* extended BIOS data area, 1 KiB */
#define BOOT_LOW_END_GPA   0xa0000ULL
#define BOOT_HIGH_GPA      0x100000ULL

/* What is tickvm's own, and how long it is at most. */
#define BOOT_GDT_BYTES     0x20ULL
#define BOOT_INFO_BYTES    0x100ULL
#define BOOT_CMDLINE_BYTES 0x900ULL /* GUEST_CMDLINE_MAX, and the image's name */
#define BOOT_STACK_BYTES   0x1000ULL
#define BOOT_MP_BYTES      0x220ULL
#define BOOT_ACPI_BYTES    0x310ULL

/* Where it lies: load_layout.c finds places that the image leaves free. */
struct boot_layout {
	uint64_t gdt;
	uint64_t info; /* PVH start info or Multiboot info, with the memory map */
	uint64_t cmdline;
	uint64_t stack; /* the initial esp is its end */
	uint64_t ebda;  /* 0: there is none, and low memory is RAM up to its end */
	uint64_t mp;    /* MP floating pointer, then its table */
	uint64_t acpi;  /* RSDP, then RSDT, XSDT, DSDT, FADT, MADT */
};

/* What the tables say of the machine. */
struct boot_machine {
	unsigned vcpus;
	uint8_t ioapic_version;               /* bits 0 to 7 of its register */
	uint32_t cpu_signature, cpu_features; /* EAX and EDX of CPUID's leaf 1 */
};

struct load_request {
	const void *image; /* the file's bytes */
	size_t size;
	const char *name;    /* for messages */
	const char *cmdline; /* never NULL */
	struct boot_machine machine;
};

/* Chooses the protocol (a good PVH note first, then a Multiboot header), loads every segment
 * through memory_at(), and puts info, memory map, command line, MP and ACPI tables where the image
 * is not. mem is fresh from memory_create(): what an image wants zeroed is zero already, and is not
 * touched. The image is hostile. 0, or -ENOEXEC / -E2BIG / -ENOMEM with a line naming the file, the
 * field and what was expected. */
int load_image(struct guest_memory *mem, const struct load_request *request,
	struct boot_state *boot, struct diag *diag);

/* Reads a whole file (regular, at most 256 MiB). *out is malloc'ed. */
int load_read_file(const char *path, void **out, size_t *size, struct diag *diag);

/* MP table (Intel MultiProcessor Specification 1.4) and ACPI MADT (ACPI 6.4, 5.2.12) for the
 * machine, with one IOAPIC, where layout says. The word at BOOT_EBDA_WORD_GPA is written if there
 * is an EBDA. */
void tables_write_mp(struct guest_memory *mem, const struct boot_layout *layout,
	const struct boot_machine *machine);
void tables_write_acpi(struct guest_memory *mem, const struct boot_layout *layout,
	const struct boot_machine *machine);

#endif
