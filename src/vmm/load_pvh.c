/* SPDX-License-Identifier: BSD-2-Clause */
/* The PVH boot protocol: entry by the ELF note, struct hvm_start_info version 1 (Xen
 * docs/misc/pvh.pandoc and public/arch-x86/hvm/start_info.h). No modules. */
#include "load_internal.h"

#include <stddef.h>
#include <string.h>

#define START_MAGIC 0x336ec578u

struct start_info {
	uint32_t magic, version, flags, nr_modules;
	uint64_t modlist_paddr, cmdline_paddr, rsdp_paddr;
	uint64_t memmap_paddr;
	uint32_t memmap_entries, reserved;
};

struct start_memmap_entry {
	uint64_t addr, size;
	uint32_t type, reserved;
};

_Static_assert(sizeof(struct start_info) == 56, "Xen ABI");
_Static_assert(offsetof(struct start_info, memmap_paddr) == 40, "Xen ABI");
_Static_assert(sizeof(struct start_memmap_entry) == 24, "Xen ABI");

static void write_start_info(struct guest_memory *mem)
{
	struct boot_page {
		struct start_info info;
		struct start_memmap_entry memmap[MEMORY_RANGES];
	} page = {
		.info =
			{
				.magic = START_MAGIC,
				.version = 1,
				.cmdline_paddr = BOOT_CMDLINE_GPA,
				.rsdp_paddr = BOOT_ACPI_GPA,
				.memmap_paddr = BOOT_INFO_GPA + offsetof(struct boot_page, memmap),
				.memmap_entries = MEMORY_RANGES,
			},
	};
	struct memory_range ranges[MEMORY_RANGES];

	load_memory_map(mem, ranges);
	for (unsigned i = 0; i < MEMORY_RANGES; i++) {
		page.memmap[i].addr = ranges[i].base;
		page.memmap[i].size = ranges[i].length;
		page.memmap[i].type = ranges[i].type;
	}
	memcpy(memory_at(mem, BOOT_INFO_GPA, sizeof(page)), &page, sizeof(page));
}

int load_pvh(const struct loader *loader, const struct elf_image *image, struct boot_state *boot)
{
	int err = elf_place(loader, image);

	if (err)
		return err;
	write_start_info(loader->mem);
	*boot = (struct boot_state){
		.eip = (uint32_t)image->pvh_entry,
		.ebx = BOOT_INFO_GPA,
		.esp = BOOT_STACK_GPA,
		.protocol = "pvh",
	};
	return 0;
}
