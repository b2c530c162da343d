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

static void write_start_info(const struct loader *loader)
{
	const struct boot_layout *layout = loader->layout;
	struct boot_page {
		struct start_info info;
		struct start_memmap_entry memmap[MEMORY_RANGES];
	} page = {
		.info =
			{
				.magic = START_MAGIC,
				.version = 1,
				.cmdline_paddr = layout->cmdline,
				.rsdp_paddr = layout->acpi,
				.memmap_paddr = layout->info + offsetof(struct boot_page, memmap),
				.memmap_entries = MEMORY_RANGES,
			},
	};
	struct memory_range ranges[MEMORY_RANGES];

	_Static_assert(sizeof(page) <= BOOT_INFO_BYTES, "it has room");
	load_memory_map(loader, ranges);
	for (unsigned i = 0; i < MEMORY_RANGES; i++) {
		page.memmap[i].addr = ranges[i].base;
		page.memmap[i].size = ranges[i].length;
		page.memmap[i].type = ranges[i].type;
	}
	memcpy(memory_at(loader->mem, layout->info, sizeof(page)), &page, sizeof(page));
}

int load_pvh(const struct loader *loader, const struct elf_image *image, struct boot_state *boot)
{
	int err = elf_place(loader, image);

	if (!err)
		err = layout_choose(loader);
	if (err)
		return err;
	write_start_info(loader);
	*boot = (struct boot_state){
		.eip = (uint32_t)image->pvh_entry,
		.ebx = (uint32_t)loader->layout->info,
		.protocol = "pvh",
	};
	return 0;
}
