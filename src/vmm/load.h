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
	const char *protocol; /* "pvh" or "multiboot" */
};

/* The built-in payload's bytes (payload.S). */
extern const uint8_t payload_image[], payload_image_end[];

/* Where things go in low memory. */
#define BOOT_GDT_GPA     0x0500ULL
#define BOOT_INFO_GPA    0x7000ULL /* PVH start info or Multiboot info, module list, memory map */
#define BOOT_CMDLINE_GPA 0x8000ULL /* GUEST_CMDLINE_MAX bytes at most, NUL included */
#define BOOT_STACK_GPA   0x7000ULL /* initial esp, grows down */
#define BOOT_FREE_GPA                                                                              \
	0x9000ULL /* an image may load from here to the EBDA, and from BOOT_HIGH_GPA up */
#define BOOT_EBDA_GPA 0x9fc00ULL /* MP floating pointer; MP table follows */
#define BOOT_ACPI_GPA 0xe0000ULL /* RSDP, XSDT, FADT where wanted, MADT */
#define BOOT_HIGH_GPA 0x100000ULL

struct load_request {
	const void *image; /* the file's bytes */
	size_t size;
	const char *name;    /* for messages */
	const char *cmdline; /* never NULL */
	unsigned vcpus;
};

/* Chooses the protocol (a good PVH note first, then a Multiboot header), loads every segment
 * through memory_at(), fills info, memory map, command line, MP and ACPI tables. mem is fresh from
 * memory_create(): what an image wants zeroed is zero already, and is not touched. The image is
 * hostile. 0, or -ENOEXEC / -E2BIG / -ENOMEM with a line naming the file, the field and what was
 * expected. */
int load_image(struct guest_memory *mem, const struct load_request *request,
	struct boot_state *boot, struct diag *diag);

/* Reads a whole file (regular, at most 256 MiB). *out is malloc'ed. */
int load_read_file(const char *path, void **out, size_t *size, struct diag *diag);

/* MP table (Intel MultiProcessor Specification 1.4) and ACPI MADT (ACPI 6.4, 5.2.12) for vcpus
 * CPUs, one IOAPIC. */
void tables_write_mp(struct guest_memory *mem, unsigned vcpus);
void tables_write_acpi(struct guest_memory *mem, unsigned vcpus);

#endif
