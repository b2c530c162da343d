/* SPDX-License-Identifier: BSD-2-Clause */
/* What the boot protocol and ACPI say about this machine: command line, RAM, CPUs.
 * It touches no device. */
#include "guest.h"

/* Xen, docs/misc/pvh.pandoc: struct hvm_start_info. */
#define PVH_MAGIC 0x336ec578
struct pvh_start_info {
	uint32_t magic, version, flags, modules;
	uint64_t module_list, cmdline, rsdp;
	uint64_t memmap; /* from version 1 on */
	uint32_t memmap_entries, reserved;
};
struct pvh_memmap_entry {
	uint64_t address, size;
	uint32_t type, reserved;
};
#define PVH_MEMMAP_RAM 1

/* Multiboot 0.6.96, 3.3. */
struct multiboot_info {
	uint32_t flags, mem_lower, mem_upper, boot_device, cmdline;
};
#define MULTIBOOT_HAS_MEMORY  (1u << 0)
#define MULTIBOOT_HAS_CMDLINE (1u << 2)

/* ACPI 6.4, 5.2.5.3, 5.2.6, 5.2.12. */
struct acpi_rsdp {
	char signature[8];
	uint8_t checksum, oem[6], revision;
	uint32_t rsdt, length;
	uint64_t xsdt;
};
struct acpi_header {
	char signature[4];
	uint32_t length;
	uint8_t rest[28];
};
#define MADT_FIRST_ENTRY 44
#define MADT_LOCAL_APIC  0
#define MADT_ENABLED     1
#define RSDP_SCAN_START  0xe0000
#define RSDP_SCAN_END    0x100000

#define RAM_END_MAX (3ULL << 30) /* above, boot.S maps devices */

extern uint32_t boot_magic;
extern uint64_t boot_info;
struct machine machine;

static void init_multiboot(const struct multiboot_info *info)
{
	if (info->flags & MULTIBOOT_HAS_CMDLINE)
		machine.cmdline = (const char *)(uintptr_t)info->cmdline;
	if (info->flags & MULTIBOOT_HAS_MEMORY)
		machine.ram_end = 0x100000 + (uint64_t)info->mem_upper * 1024;
}

static void init_pvh(const struct pvh_start_info *info)
{
	if (info->cmdline)
		machine.cmdline = (const char *)info->cmdline;
	machine.rsdp = info->rsdp;
	if (info->version < 1 || !info->memmap)
		return;
	const struct pvh_memmap_entry *entry = (const struct pvh_memmap_entry *)info->memmap;
	for (uint32_t i = 0; i < info->memmap_entries; i++, entry++)
		if (entry->type == PVH_MEMMAP_RAM && entry->address <= GUEST_RECORDS_GPA &&
			GUEST_RECORDS_GPA - entry->address < entry->size)
			machine.ram_end = entry->address + entry->size;
}

/* PVH first: it says nothing of the register that holds Multiboot's magic, and QEMU's microvm has
 * just that there. */
void machine_init(void)
{
	const struct pvh_start_info *pvh = (const struct pvh_start_info *)boot_info;

	machine.cmdline = "";
	machine.ram_end = GUEST_MIN_MEM;
	if (pvh->magic == PVH_MAGIC)
		init_pvh(pvh);
	else if (boot_magic == MULTIBOOT_MAGIC)
		init_multiboot((const struct multiboot_info *)boot_info);
	if (machine.ram_end > RAM_END_MAX)
		machine.ram_end = RAM_END_MAX;
}

static bool same(const char *a, const char *b, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (a[i] != b[i])
			return false;
	return true;
}

static const struct acpi_rsdp *find_rsdp(void)
{
	if (machine.rsdp)
		return (const struct acpi_rsdp *)machine.rsdp;
	for (uintptr_t at = RSDP_SCAN_START; at < RSDP_SCAN_END; at += 16)
		if (same((const char *)at, "RSD PTR ", 8))
			return (const struct acpi_rsdp *)at;
	return NULL;
}

/* The RSDT has 4-byte entries, the XSDT 8-byte ones. */
static const struct acpi_header *find_madt(const struct acpi_rsdp *rsdp)
{
	bool extended = rsdp->revision >= 2 && rsdp->xsdt;
	uintptr_t root = extended ? rsdp->xsdt : rsdp->rsdt;
	uintptr_t step = extended ? 8 : 4;
	uintptr_t end = root + ((const struct acpi_header *)root)->length;

	for (uintptr_t at = root + sizeof(struct acpi_header); at + step <= end; at += step) {
		const uint32_t *entry = (const uint32_t *)at; /* 4-byte aligned: two halves */
		uintptr_t address = entry[0] | (extended ? (uint64_t)entry[1] << 32 : 0);
		const struct acpi_header *table = (const struct acpi_header *)address;

		if (same(table->signature, "APIC", 4))
			return table;
	}
	return NULL;
}

unsigned machine_cpus(uint32_t *apic_ids, unsigned max)
{
	const struct acpi_rsdp *rsdp = find_rsdp();
	const struct acpi_header *madt = rsdp ? find_madt(rsdp) : NULL;
	unsigned count = 0;

	if (!madt)
		return 0;
	const uint8_t *at = (const uint8_t *)madt + MADT_FIRST_ENTRY;
	const uint8_t *end = (const uint8_t *)madt + madt->length;
	while (at + 2 <= end && at[1] >= 2 && at + at[1] <= end) {
		if (at[0] == MADT_LOCAL_APIC && at[1] >= 8 && (at[4] & MADT_ENABLED) && count < max)
			apic_ids[count++] = at[3];
		at += at[1];
	}
	return count;
}
