/* SPDX-License-Identifier: BSD-2-Clause */
/* Images for the loader's tests, built byte by byte: each lies read-only against an unmapped page,
 * as does guest RAM. What loading them must do is said in the tests. */
#ifndef TESTS_LOAD_IMAGES_H
#define TESTS_LOAD_IMAGES_H

#include "../../src/vmm/load.h"

#include <criterion/criterion.h>
#include <elf.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#define RAM_SIZE (4U << 20)
#define PAGE     4096U

/* ---- guarded memory ---- */

/* size bytes whose end adjoins a page that cannot be touched. */
static inline uint8_t *guarded(size_t size, const void *bytes)
{
	size_t room = (size + PAGE - 1) / PAGE * PAGE;
	uint8_t *map =
		mmap(NULL, room + PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	cr_assert_neq(map, MAP_FAILED);
	cr_assert_eq(mprotect(map + room, PAGE, PROT_NONE), 0);
	if (bytes) {
		memcpy(map + room - size, bytes, size);
		if (room)
			cr_assert_eq(mprotect(map, room, PROT_READ), 0);
	}
	return map + room - size;
}

static struct guest_memory mem;

/* The loader's contract: guest RAM is new and zero. */
static inline void fresh_ram(void)
{
	if (mem.host)
		cr_assert_eq(munmap(mem.host, RAM_SIZE + PAGE), 0);
	mem = (struct guest_memory){guarded(RAM_SIZE, NULL), RAM_SIZE};
}

/* ---- images ---- */

#define IMAGE_SIZE 0x400U
#define NOTE_AT    0x180U
#define HEADER_AT  0x200U /* Multiboot */
#define CODE_AT    0x240U /* where a segment begins */
#define CODE_BYTES 0x80U
#define CODE_GPA   0x100000U
#define CODE_MEM   0x2000U
#define CODE_VADDR 0xffffffff80100000ULL
#define ENTRY_OFF  0x10U

struct image {
	union {
		uint8_t bytes[0x3000];
		Elf64_Ehdr eh64;
		Elf32_Ehdr eh32;
	};
	size_t size;
};

struct mb_header {
	uint32_t magic, flags, checksum;
	uint32_t header_addr, load_addr, load_end_addr, bss_end_addr, entry_addr;
};

static inline Elf64_Phdr *ph64(struct image *image, unsigned i)
{
	return (Elf64_Phdr *)(void *)(image->bytes + sizeof(Elf64_Ehdr)) + i;
}

static inline Elf32_Phdr *ph32(struct image *image, unsigned i)
{
	return (Elf32_Phdr *)(void *)(image->bytes + sizeof(Elf32_Ehdr)) + i;
}

static inline Elf64_Nhdr *note(struct image *image)
{
	return (Elf64_Nhdr *)(void *)(image->bytes + NOTE_AT);
}

static inline struct mb_header *mb(struct image *image)
{
	return (struct mb_header *)(void *)(image->bytes + HEADER_AT);
}

static inline void put_code(struct image *image)
{
	image->size = IMAGE_SIZE;
	for (unsigned i = 0; i < CODE_BYTES; i++)
		image->bytes[CODE_AT + i] = (uint8_t)(0xff - i);
}

static inline void elf64(struct image *image)
{
	put_code(image);
	memcpy(image->eh64.e_ident, ELFMAG, SELFMAG);
	image->eh64.e_ident[EI_CLASS] = ELFCLASS64;
	image->eh64.e_ident[EI_DATA] = ELFDATA2LSB;
	image->eh64.e_ident[EI_VERSION] = EV_CURRENT;
	image->eh64.e_type = ET_EXEC;
	image->eh64.e_machine = EM_X86_64;
	image->eh64.e_version = EV_CURRENT;
	image->eh64.e_entry = CODE_VADDR + ENTRY_OFF;
	image->eh64.e_phoff = sizeof(Elf64_Ehdr);
	image->eh64.e_ehsize = sizeof(Elf64_Ehdr);
	image->eh64.e_phentsize = sizeof(Elf64_Phdr);
	image->eh64.e_phnum = 1;
	*ph64(image, 0) = (Elf64_Phdr){.p_type = PT_LOAD,
		.p_offset = CODE_AT,
		.p_vaddr = CODE_VADDR,
		.p_paddr = CODE_GPA,
		.p_filesz = CODE_BYTES,
		.p_memsz = CODE_MEM};
}

static inline void elf32(struct image *image)
{
	put_code(image);
	memcpy(image->eh32.e_ident, ELFMAG, SELFMAG);
	image->eh32.e_ident[EI_CLASS] = ELFCLASS32;
	image->eh32.e_ident[EI_DATA] = ELFDATA2LSB;
	image->eh32.e_ident[EI_VERSION] = EV_CURRENT;
	image->eh32.e_type = ET_EXEC;
	image->eh32.e_machine = EM_386;
	image->eh32.e_version = EV_CURRENT;
	image->eh32.e_entry = 0xc0100000 + ENTRY_OFF;
	image->eh32.e_phoff = sizeof(Elf32_Ehdr);
	image->eh32.e_ehsize = sizeof(Elf32_Ehdr);
	image->eh32.e_phentsize = sizeof(Elf32_Phdr);
	image->eh32.e_phnum = 1;
	*ph32(image, 0) = (Elf32_Phdr){.p_type = PT_LOAD,
		.p_offset = CODE_AT,
		.p_vaddr = 0xc0100000,
		.p_paddr = CODE_GPA,
		.p_filesz = CODE_BYTES,
		.p_memsz = CODE_MEM};
}

static inline void pvh64(struct image *image)
{
	elf64(image);
	image->eh64.e_phnum = 2;
	*ph64(image, 1) = (Elf64_Phdr){
		.p_type = PT_NOTE, .p_offset = NOTE_AT, .p_filesz = 12 + 4 + 8, .p_align = 4};
	*note(image) = (Elf64_Nhdr){4, 8, 18};
	memcpy(image->bytes + NOTE_AT + 12, "Xen", 4);
	const uint64_t entry = CODE_GPA + ENTRY_OFF;
	memcpy(image->bytes + NOTE_AT + 16, &entry, sizeof(entry));
}

/* Appends a note behind those there are, padded to align bytes. */
static inline void add_note(struct image *image, const char *name, uint32_t type, const void *desc,
	uint32_t desc_size, uint64_t align)
{
	Elf64_Phdr *ph = ph64(image, 1);
	uint64_t at = (ph->p_filesz + align - 1) & -align, name_size = strlen(name) + 1;
	uint64_t desc_at = (at + sizeof(Elf64_Nhdr) + name_size + align - 1) & -align;
	const Elf64_Nhdr header = {(uint32_t)name_size, desc_size, type};

	memcpy(image->bytes + NOTE_AT + at, &header, sizeof(header));
	memcpy(image->bytes + NOTE_AT + at + sizeof(header), name, name_size);
	memcpy(image->bytes + NOTE_AT + desc_at, desc, desc_size);
	ph->p_filesz = (desc_at + desc_size + align - 1) & -align;
}

/* As pvh64(), but the PVH note stands behind a build id (36 bytes, no multiple of 8) and, if so
 * wished, a property (32 bytes). pad: of the notes in the file; say: what p_align says. */
static inline void pvh64_behind_notes(
	struct image *image, bool property, uint64_t pad, uint64_t say)
{
	static const uint8_t build_id[20] = {1, 2, 3};
	static const uint32_t features[4] = {0xc0000002, 4, 3};
	const uint64_t entry = CODE_GPA + ENTRY_OFF;

	pvh64(image);
	ph64(image, 1)->p_filesz = 0;
	ph64(image, 1)->p_align = say;
	if (property)
		add_note(image, "GNU", 5, features, sizeof(features), pad);
	add_note(image, "GNU", 3, build_id, sizeof(build_id), pad);
	add_note(image, "Xen", 18, &entry, sizeof(entry), pad);
}

static inline void set_flags(struct image *image, uint32_t flags)
{
	mb(image)->magic = 0x1badb002;
	mb(image)->flags = flags;
	mb(image)->checksum = -(0x1badb002 + flags);
}

static inline void mb32(struct image *image)
{
	elf32(image);
	set_flags(image, 3);
}

static inline void mb64(struct image *image)
{
	elf64(image);
	set_flags(image, 3);
}

/* From the header on: 0x40 bytes of header, then the code. */
static inline void set_addresses(struct image *image)
{
	set_flags(image, 0x10003);
	mb(image)->header_addr = CODE_GPA;
	mb(image)->load_addr = CODE_GPA;
	mb(image)->load_end_addr = CODE_GPA + 0x40 + CODE_BYTES;
	mb(image)->bss_end_addr = CODE_GPA + CODE_MEM;
	mb(image)->entry_addr = CODE_GPA + 0x40 + ENTRY_OFF;
}

static inline void mb_flat(struct image *image)
{
	put_code(image);
	set_addresses(image);
}

static inline void mb64_addresses(struct image *image)
{
	elf64(image);
	set_addresses(image);
	/* The address fields win: what ELF says must not be used. */
	ph64(image, 0)->p_paddr = 0x200000;
	image->eh64.e_entry = 0x200000;
}

/* ---- loading ---- */

static struct diag diag;
static struct boot_state boot;

static inline int load_with(const struct image *image, const char *name, const char *cmdline)
{
	const struct load_request request = {
		guarded(image->size, image->bytes), image->size, name, cmdline, {.vcpus = 2}};

	fresh_ram();
	memset(&diag, 0, sizeof(diag));
	memset(&boot, 0, sizeof(boot));
	return load_image(&mem, &request, &boot, &diag);
}

static inline int load(const struct image *image)
{
	return load_with(image, "guest.elf", "test=hello");
}

static inline void loads(const struct image *image)
{
	cr_assert_eq(load(image), 0, "%s", diag.text);
}

static inline void refuses(const struct image *image, int err, const char *expected)
{
	cr_assert_eq(load(image), err, "%s", diag.text);
	cr_assert_eq(strncmp(diag.text, "guest.elf: ", 11), 0, "%s", diag.text);
	cr_assert_not_null(strstr(diag.text, expected), "%s: %s expected", diag.text, expected);
	cr_assert_null(strchr(diag.text, '\n'));
}

#endif
