/* SPDX-License-Identifier: BSD-2-Clause */
/* The loader against files that are no image, or a broken one: each way to be malformed has its own
 * line. Each test changes one thing in an image that loads. */
#include "load_images.h"

#include <errno.h>
#include <stdlib.h>

/* One malformation of a good image: what changed, and what the line must say. */
#define REFUSES(name, kind, change, err, expected)                                                 \
	Test(load_malformed, name)                                                                 \
	{                                                                                          \
		struct image image = {0};                                                          \
		kind(&image);                                                                      \
		loads(&image);                                                                     \
		change;                                                                            \
		refuses(&image, err, expected);                                                    \
	}

/* ---- not an image ---- */

Test(load_malformed, a_file_that_is_no_image)
{
	struct image image = {.size = 0};

	refuses(&image, -ENOEXEC, "no ELF magic and no Multiboot header");
	image.size = 3;
	memcpy(image.bytes,
		"\x7f"
		"EL",
		3);
	refuses(&image, -ENOEXEC, "no ELF magic and no Multiboot header");
	image.size = sizeof(image.bytes);
	memset(image.bytes, 'x', sizeof(image.bytes));
	refuses(&image, -ENOEXEC, "no ELF magic and no Multiboot header");
}

Test(load_malformed, a_bzimage_is_named)
{
	struct image image = {.size = 0x400};

	memcpy(image.bytes + 0x202, "HdrS", 4);
	refuses(&image, -ENOEXEC, "bzImage");
}

Test(load_malformed, a_compressed_kernel_is_named)
{
	static const struct {
		const char *bytes, *expected;
	} files[] = {
		{"\x1f\x8b\x08\x01\x01\x01", "guest.elf: is a gzip-compressed file; expected the "
					     "kernel inside it (gzip -dc)"},
		{"\xfd\x37zXZ", "is an xz-compressed file"},
		{"\x28\xb5\x2f\xfd\x04", "is a zstd-compressed file"},
		{"BZh91AY", "is a bzip2-compressed file"},
		{"\x04\x22\x4d\x18\x64", "is an lz4-compressed file"},
		{"\x02\x21\x4c\x18\x64", "is an lz4-compressed file"},
		{"\x89LZO", "is an lzop-compressed file"},
		{"\x5d", "is an lzma-compressed file"},
	};

	for (unsigned i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		struct image image = {.size = 64};
		memcpy(image.bytes, files[i].bytes, strlen(files[i].bytes));
		refuses(&image, -ENOEXEC, files[i].expected);
		image.size = 1; /* too short to tell */
		refuses(&image, -ENOEXEC, "no ELF magic");
	}
}

/* What begins like one, and has a header, is a kernel. */
Test(load_malformed, a_flat_kernel_may_begin_like_a_compressed_file)
{
	struct image image = {0};

	mb_flat(&image);
	image.bytes[0] = 0x1f;
	image.bytes[1] = 0x8b;
	loads(&image);
}

Test(load_malformed, a_hostile_name_cannot_drive_the_terminal_or_hide_the_reason)
{
	struct image image = {.size = 16};
	char name[4096];

	memset(name, '\x1b', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	cr_assert_eq(load_with(&image, name, ""), -ENOEXEC);
	cr_assert_null(strchr(diag.text, '\x1b'));
	cr_assert_not_null(strstr(diag.text, "no ELF magic"), "%s", diag.text);
}

Test(load_malformed, every_truncation_is_refused_or_loads)
{
	void (*const kinds[])(struct image *) = {pvh64, mb32, mb64, mb64_addresses, mb_flat};

	for (unsigned kind = 0; kind < 5; kind++) {
		struct image image = {0};
		kinds[kind](&image);
		for (size_t size = 0; size < IMAGE_SIZE; size++) {
			image.size = size;
			int err = load(&image);
			cr_assert(err == 0 || err == -ENOEXEC);
			if (size < CODE_AT + CODE_BYTES)
				cr_assert_eq(err, -ENOEXEC, "kind %u cut to %zu", kind, size);
			cr_assert_eq(err == 0, diag.text[0] == '\0');
		}
	}
}

/* ---- malformed ELF: one line each ---- */

REFUSES(elf_identification_cut, pvh64, image.size = 10, -ENOEXEC, "truncated ELF header: 10 bytes")
REFUSES(elf_header_cut, pvh64, image.size = 63, -ENOEXEC, "63 bytes, expected 64")
REFUSES(elf32_header_cut, mb32, image.size = 51, -ENOEXEC, "51 bytes, expected 52")
REFUSES(elf_class, pvh64, image.bytes[EI_CLASS] = 3, -ENOEXEC, "EI_CLASS is 3")
REFUSES(elf_big_endian, pvh64, image.bytes[EI_DATA] = ELFDATA2MSB, -ENOEXEC, "EI_DATA is 2")
REFUSES(elf_version, pvh64, image.bytes[EI_VERSION] = 0, -ENOEXEC, "EI_VERSION is 0")
REFUSES(elf_machine, pvh64, image.eh64.e_machine = EM_AARCH64, -ENOEXEC,
	"e_machine is 183; expected 62")
REFUSES(elf32_machine, mb32, image.eh32.e_machine = EM_ARM, -ENOEXEC, "e_machine is 40; expected 3")
REFUSES(elf_type, pvh64, image.eh64.e_type = ET_REL, -ENOEXEC, "e_type is 1")
REFUSES(elf_no_headers, pvh64, image.eh64.e_phnum = 0, -ENOEXEC, "e_phnum is 0")
REFUSES(elf_many_headers, pvh64, image.eh64.e_phnum = 0xffff, -ENOEXEC, "e_phnum is 65535")
REFUSES(elf_header_size, pvh64, image.eh64.e_phentsize = 32, -ENOEXEC,
	"e_phentsize is 32; expected 56")
REFUSES(elf_headers_out_of_file, pvh64, image.eh64.e_phoff = 0x3c8, -ENOEXEC, "e_phoff: 2 program")
REFUSES(elf_headers_far_out, pvh64, image.eh64.e_phoff = UINT64_MAX - 8, -ENOEXEC,
	"e_phoff: 2 program")
REFUSES(segment_out_of_file, pvh64, ph64(&image, 0)->p_offset = IMAGE_SIZE - 8, -ENOEXEC,
	"segment 0: p_offset 0x3f8 and p_filesz 0x80 are not within the file's 0x400 bytes")
REFUSES(segment_offset_overflow, pvh64, ph64(&image, 0)->p_offset = UINT64_MAX - 8, -ENOEXEC,
	"segment 0: p_offset 0xfffffffffffffff7")
REFUSES(segment_file_over_memory, pvh64, ph64(&image, 0)->p_memsz = 0x7f, -ENOEXEC,
	"segment 0: p_filesz 0x80 exceeds p_memsz 0x7f")
REFUSES(segment_memory_overflow, pvh64, ph64(&image, 0)->p_memsz = UINT64_MAX, -ENOEXEC,
	"segment 0: p_paddr 0x100000 and p_memsz 0xffffffffffffffff exceed the address space")
REFUSES(segment_above_ram, pvh64, ph64(&image, 0)->p_memsz = 0x300001, -E2BIG,
	"segment 0: 0x300001 bytes at 0x100000 need more RAM than 4 MiB: use --mem 5M or more")
REFUSES(segment_above_all_ram, mb64, ph64(&image, 0)->p_paddr = 0xfee00000, -ENOEXEC,
	"segment 0: 0x2000 bytes at 0xfee00000 reach above 0xc0000000")
REFUSES(no_segment, mb64, ph64(&image, 0)->p_type = PT_NULL, -ENOEXEC, "no segment to load")
REFUSES(no_segment_for_pvh, pvh64, ph64(&image, 0)->p_type = PT_NULL, -ENOEXEC,
	"PVH note: entry 0x100010 is not within a loaded segment")
REFUSES(no_protocol, mb64, mb(&image)->magic = 0, -ENOEXEC,
	"no PVH note (Xen, type 18) and no Multiboot header")

Test(load_malformed, segments_that_overlap)
{
	struct image image = {0};

	pvh64(&image);
	image.eh64.e_phnum = 3;
	*ph64(&image, 2) = *ph64(&image, 0);
	ph64(&image, 2)->p_paddr = CODE_GPA + CODE_MEM - 1;
	refuses(&image, -ENOEXEC, "segment 2: p_paddr 0x101fff overlaps segment 0");
	ph64(&image, 2)->p_paddr = CODE_GPA + CODE_MEM;
	loads(&image);
}

/* ---- notes: all that might have made these images boot ---- */

REFUSES(note_out_of_file, pvh64, ph64(&image, 1)->p_filesz = IMAGE_SIZE, -ENOEXEC,
	"segment 1: p_offset 0x180 and p_filesz 0x400")
REFUSES(note_name_overflow, pvh64, note(&image)->n_namesz = UINT32_MAX, -ENOEXEC,
	"segment 1: the note at 0x0 exceeds p_filesz 0x18")
REFUSES(note_desc_overflow, pvh64, note(&image)->n_descsz = 9, -ENOEXEC,
	"segment 1: the note at 0x0 exceeds p_filesz 0x18")
REFUSES(note_cut, pvh64, ph64(&image, 1)->p_filesz = 11, -ENOEXEC, "segment 1: the note at 0x0")
REFUSES(note_desc_size, pvh64, note(&image)->n_descsz = 2, -ENOEXEC,
	"n_descsz is 2; expected 4 or 8")
REFUSES(note_entry, pvh64, image.bytes[NOTE_AT + 16 + 3] = 1, -ENOEXEC,
	"PVH note: entry 0x1100010 is not within a loaded segment")
REFUSES(note_entry_64, pvh64, image.bytes[NOTE_AT + 16 + 4] = 1, -ENOEXEC,
	"PVH note: entry 0x100100010 is not within")

/* What would be compared with "Xen" is not there. */
Test(load_malformed, note_without_a_name_at_the_end_of_the_file)
{
	struct image image = {0};

	pvh64(&image);
	memmove(image.bytes + IMAGE_SIZE - 12, image.bytes + NOTE_AT, 12);
	Elf64_Nhdr *last = (Elf64_Nhdr *)(void *)(image.bytes + IMAGE_SIZE - 12);
	last->n_namesz = 0;
	last->n_descsz = 0;
	ph64(&image, 1)->p_offset = IMAGE_SIZE - 12;
	ph64(&image, 1)->p_filesz = 12;
	refuses(&image, -ENOEXEC, "no PVH note");
}

Test(load_malformed, notes_too_large_to_be_a_kernels)
{
	static struct image image;
	struct load_request request = {0};
	uint8_t *file = calloc(1, 0x20000);

	cr_assert_not_null(file);
	pvh64(&image);
	ph64(&image, 1)->p_filesz = 0x10001;
	memcpy(file, image.bytes, IMAGE_SIZE);
	request = (struct load_request){file, 0x20000, "guest.elf", "", {.vcpus = 1}};
	fresh_ram();
	cr_assert_eq(load_image(&mem, &request, &boot, &diag), -ENOEXEC);
	cr_assert_not_null(
		strstr(diag.text, "p_filesz 0x10001; expected at most 0x10000"), "%s", diag.text);
	free(file);
}

/* ---- malformed Multiboot ---- */

REFUSES(multiboot_checksum, mb32, mb(&image)->checksum++, -ENOEXEC,
	"Multiboot header at 0x200: checksum is wrong")
REFUSES(multiboot_flags, mb32, set_flags(&image, 0x8001), -ENOEXEC,
	"require unknown features 0x8000")
REFUSES(multiboot_elf_entry, mb32, image.eh32.e_entry = 0x300000, -ENOEXEC,
	"e_entry 0x300000 is not within a loaded segment")
REFUSES(multiboot_segment_above_ram, mb32, ph32(&image, 0)->p_paddr = 0x3ff000, -E2BIG,
	"use --mem 5M")
REFUSES(multiboot_no_addresses, mb_flat, set_flags(&image, 3), -ENOEXEC, "lack bit 16")
REFUSES(multiboot_header_cut, mb_flat, image.size = HEADER_AT + 31, -ENOEXEC,
	"Multiboot header at 0x200: the address fields are cut off")
REFUSES(multiboot_load_above_header, mb_flat, mb(&image)->load_addr = CODE_GPA + 4, -ENOEXEC,
	"load_addr 0x100004 lies outside the file")
REFUSES(multiboot_load_before_file, mb_flat, mb(&image)->load_addr = CODE_GPA - HEADER_AT - 4,
	-ENOEXEC, "load_addr 0xffdfc lies outside the file")
REFUSES(multiboot_end_below_load, mb_flat, mb(&image)->load_end_addr = CODE_GPA, -ENOEXEC,
	"load_end_addr 0x100000 is not above load_addr")
REFUSES(multiboot_end_past_file, mb_flat, mb(&image)->load_end_addr = CODE_GPA + 0x201, -ENOEXEC,
	"load_end_addr 0x100201 asks for more than the file has; expected at most 0x100200")
REFUSES(multiboot_bss_below_end, mb_flat, mb(&image)->bss_end_addr = CODE_GPA + 1, -ENOEXEC,
	"bss_end_addr 0x100001 is below the end of the loaded data, 0x1000c0")
REFUSES(multiboot_bss_above_ram, mb_flat, mb(&image)->bss_end_addr = 0x400001, -E2BIG,
	"use --mem 5M")
REFUSES(multiboot_bss_above_all_ram, mb_flat, mb(&image)->bss_end_addr = UINT32_MAX, -ENOEXEC,
	"reach above")
REFUSES(multiboot_entry, mb_flat, mb(&image)->entry_addr = CODE_GPA + CODE_MEM, -ENOEXEC,
	"entry_addr 0x102000 is not within what is loaded, 0x100000 to 0x102000")
REFUSES(multiboot_entry_below, mb_flat, mb(&image)->entry_addr = CODE_GPA - 1, -ENOEXEC,
	"entry_addr 0xfffff")

Test(load_malformed, multiboot_address_fields_past_the_search)
{
	struct image image = {0};

	mb_flat(&image);
	memmove(image.bytes + 8192 - 12, image.bytes + HEADER_AT, 32);
	memset(image.bytes + HEADER_AT, 0, 32);
	image.size = sizeof(image.bytes);
	refuses(&image, -ENOEXEC, "the address fields are cut off");
}

Test(load_malformed, multiboot_header_past_the_search)
{
	struct image image = {0};

	mb_flat(&image);
	memmove(image.bytes + 8192, image.bytes + HEADER_AT, 32);
	memset(image.bytes + HEADER_AT, 0, 32);
	image.size = sizeof(image.bytes);
	refuses(&image, -ENOEXEC, "no Multiboot header in the first 8192 bytes");
}

Test(load_malformed, multiboot_bad_header_before_a_good_one)
{
	struct image image = {0};

	mb_flat(&image);
	memcpy(image.bytes, &mb(&image)->magic, 4);
	loads(&image);
}
