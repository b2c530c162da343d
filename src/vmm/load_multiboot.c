/* SPDX-License-Identifier: BSD-2-Clause */
/* The Multiboot boot protocol, version 0.6.96: finds the header, loads by its address fields or by
 * ELF, writes the information structure. No modules, no symbols, and a wish for a video mode is not
 * granted. */
#include "load_internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <string.h>

#define HEADER_MAGIC 0x1badb002u
#define LOADER_MAGIC 0x2badb002u
#define LOADER_NAME  "tickvm"

/* Header flags: bits 0 to 15 must be understood, 16 to 31 may be ignored. */
#define HEADER_PAGE_ALIGN (1u << 0) /* of modules, and there are none */
#define HEADER_MEMORY     (1u << 1)
#define HEADER_VIDEO      (1u << 2)
#define HEADER_ADDRESSES  (1u << 16)
#define HEADER_REQUIRED   0xffffu
#define HEADER_KNOWN      (HEADER_PAGE_ALIGN | HEADER_MEMORY | HEADER_VIDEO)

#define INFO_MEMORY      (1u << 0)
#define INFO_CMDLINE     (1u << 2)
#define INFO_MMAP        (1u << 6)
#define INFO_LOADER_NAME (1u << 9)

struct header {
	uint32_t magic, flags, checksum;
	uint32_t header_addr, load_addr, load_end_addr, bss_end_addr, entry_addr; /* flags bit 16 */
};
#define HEADER_SHORT offsetof(struct header, header_addr)

/* A header in the file. */
struct found_header {
	struct header fields;
	uint64_t offset;
	bool whole; /* the address fields too lie in the file and in the searched part, else they
		       are 0 */
};

/* Up to the last field given. */
struct info {
	uint32_t flags, mem_lower, mem_upper, boot_device, cmdline;
	uint32_t mods_count, mods_addr, syms[4];
	uint32_t mmap_length, mmap_addr, drives_length, drives_addr, config_table;
	uint32_t boot_loader_name;
};

struct mmap_entry {
	uint32_t size; /* of what follows */
	uint64_t addr, len;
	uint32_t type;
} __attribute__((packed));

_Static_assert(sizeof(struct header) == 32, "Multiboot 3.1.1");
_Static_assert(offsetof(struct info, mmap_length) == 44, "Multiboot 3.3");
_Static_assert(offsetof(struct info, boot_loader_name) == 64, "Multiboot 3.3");
_Static_assert(sizeof(struct mmap_entry) == 24, "Multiboot 3.3");

/* The first header with a good checksum. */
static int find_header(
	const struct loader *loader, const struct elf_image *image, struct found_header *found)
{
	const uint8_t *file = loader->request->image;
	size_t limit = loader->request->size < MULTIBOOT_SEARCH_BYTES ? loader->request->size
								      : MULTIBOOT_SEARCH_BYTES;
	size_t bad_at = SIZE_MAX;

	for (size_t at = 0; at + HEADER_SHORT <= limit; at += 4) {
		struct header header = {0};
		memcpy(&header, file + at, HEADER_SHORT);
		if (header.magic != HEADER_MAGIC)
			continue;
		if (header.magic + header.flags + header.checksum != 0) {
			bad_at = at;
			continue;
		}
		bool whole = limit - at >= sizeof(header);
		if (whole)
			memcpy(&header, file + at, sizeof(header));
		*found = (struct found_header){header, at, whole};
		return 0;
	}
	if (bad_at != SIZE_MAX)
		return load_refuse(loader, -ENOEXEC,
			"Multiboot header at 0x%zx: checksum is wrong; expected magic + flags + "
			"checksum = 0",
			bad_at);
	if (image && image->bad_note.text[0] != '\0') {
		*loader->diag = image->bad_note;
		return -ENOEXEC;
	}
	return load_refuse_unknown(loader, image != NULL);
}

/* Checks the address fields (3.1.3) and says what they ask to be loaded. */
static int address_piece(
	const struct loader *loader, const struct found_header *found, struct load_piece *piece)
{
	const struct header *header = &found->fields;
	uint64_t size = loader->request->size;
	uint64_t before = (uint64_t)header->header_addr - header->load_addr;

	if (!found->whole)
		return load_refuse(loader, -ENOEXEC,
			"Multiboot header at 0x%" PRIx64
			": the address fields are cut off by the file's end or by 0x%x",
			found->offset, MULTIBOOT_SEARCH_BYTES);
	if (header->header_addr < header->load_addr || before > found->offset)
		return load_refuse(loader, -ENOEXEC,
			"Multiboot load_addr 0x%x lies outside the file: header_addr is 0x%x, and "
			"the "
			"header is at 0x%" PRIx64 " of the file",
			header->load_addr, header->header_addr, found->offset);
	*piece = (struct load_piece){.gpa = header->load_addr, .offset = found->offset - before};

	piece->file_bytes = size - piece->offset;
	if (header->load_end_addr) {
		if (header->load_end_addr <= header->load_addr)
			return load_refuse(loader, -ENOEXEC,
				"Multiboot load_end_addr 0x%x is not above load_addr 0x%x",
				header->load_end_addr, header->load_addr);
		if (header->load_end_addr - header->load_addr > piece->file_bytes)
			return load_refuse(loader, -ENOEXEC,
				"Multiboot load_end_addr 0x%x asks for more than the file has; "
				"expected at most 0x%" PRIx64,
				header->load_end_addr, header->load_addr + piece->file_bytes);
		piece->file_bytes = header->load_end_addr - header->load_addr;
	}

	piece->mem_bytes = piece->file_bytes;
	if (header->bss_end_addr) {
		if (header->bss_end_addr < header->load_addr + piece->file_bytes)
			return load_refuse(loader, -ENOEXEC,
				"Multiboot bss_end_addr 0x%x is below the end of the loaded data, "
				"0x%" PRIx64,
				header->bss_end_addr, header->load_addr + piece->file_bytes);
		piece->mem_bytes = header->bss_end_addr - header->load_addr;
	}
	return 0;
}

static int load_by_addresses(
	const struct loader *loader, const struct found_header *found, uint32_t *entry)
{
	const struct header *header = &found->fields;
	struct load_piece piece = {0};
	int err = address_piece(loader, found, &piece);

	if (!err)
		err = load_place(loader, "Multiboot load_addr", &piece);
	if (err)
		return err;
	if (header->entry_addr < piece.gpa || header->entry_addr - piece.gpa >= piece.mem_bytes)
		return load_refuse(loader, -ENOEXEC,
			"Multiboot entry_addr 0x%x is not within what is loaded, 0x%" PRIx64
			" to 0x%" PRIx64,
			header->entry_addr, piece.gpa, piece.gpa + piece.mem_bytes);
	*entry = header->entry_addr;
	return 0;
}

/* e_entry is a virtual address; a kernel linked high may give a physical one all the same. */
static int load_by_elf(const struct loader *loader, const struct elf_image *image, uint32_t *entry)
{
	int err = elf_place(loader, image);

	if (err)
		return err;
	for (unsigned i = 0; i < image->count; i++) {
		const struct elf_piece *segment = &image->pieces[i];
		if (image->entry >= segment->vaddr &&
			image->entry - segment->vaddr < segment->piece.mem_bytes) {
			*entry = (uint32_t)(segment->piece.gpa + image->entry - segment->vaddr);
			return 0;
		}
	}
	if (!elf_covers(image, image->entry))
		return load_refuse(loader, -ENOEXEC,
			"e_entry 0x%" PRIx64 " is not within a loaded segment", image->entry);
	*entry = (uint32_t)image->entry;
	return 0;
}

static void write_info(const struct loader *loader)
{
	const struct boot_layout *layout = loader->layout;
	struct memory_range ranges[MEMORY_RANGES];
	struct boot_page {
		struct info info;
		struct mmap_entry mmap[MEMORY_RANGES];
		char loader_name[sizeof(LOADER_NAME)];
	} page = {
		.info =
			{
				.flags = INFO_MEMORY | INFO_CMDLINE | INFO_MMAP | INFO_LOADER_NAME,
				.cmdline = (uint32_t)layout->cmdline,
				.mmap_length = sizeof(page.mmap),
				.mmap_addr =
					(uint32_t)layout->info + offsetof(struct boot_page, mmap),
				.boot_loader_name = (uint32_t)layout->info +
						    offsetof(struct boot_page, loader_name),
			},
		.loader_name = LOADER_NAME,
	};

	_Static_assert(sizeof(page) <= BOOT_INFO_BYTES, "it has room");
	load_memory_map(loader, ranges);
	page.info.mem_lower = (uint32_t)(ranges[0].length >> 10);
	page.info.mem_upper = (uint32_t)(ranges[2].length >> 10);
	for (unsigned i = 0; i < MEMORY_RANGES; i++)
		page.mmap[i] = (struct mmap_entry){sizeof(struct mmap_entry) - sizeof(uint32_t),
			ranges[i].base, ranges[i].length, ranges[i].type};
	memcpy(memory_at(loader->mem, layout->info, sizeof(page)), &page, sizeof(page));
}

int load_multiboot(
	const struct loader *loader, const struct elf_image *image, struct boot_state *boot)
{
	struct found_header found = {0};
	uint32_t entry = 0;
	int err = find_header(loader, image, &found);

	if (err)
		return err;
	uint32_t flags = found.fields.flags;
	uint32_t unknown = flags & HEADER_REQUIRED & ~HEADER_KNOWN;
	if (unknown)
		return load_refuse(loader, -ENOEXEC,
			"Multiboot flags 0x%x require unknown features 0x%x; expected at most 0x%x "
			"in "
			"bits 0 to 15",
			flags, unknown, HEADER_KNOWN);
	if (flags & HEADER_ADDRESSES)
		err = load_by_addresses(loader, &found, &entry);
	else if (image)
		err = load_by_elf(loader, image, &entry);
	else
		err = load_refuse(loader, -ENOEXEC,
			"Multiboot flags 0x%x lack bit 16; a file that is not ELF is expected to "
			"have "
			"the address fields",
			flags);
	if (!err)
		err = layout_choose(loader);
	if (err)
		return err;

	write_info(loader);
	*boot = (struct boot_state){
		.eip = entry,
		.eax = LOADER_MAGIC,
		.ebx = (uint32_t)loader->layout->info,
		.protocol = "multiboot",
	};
	return 0;
}
