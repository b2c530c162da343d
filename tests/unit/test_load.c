/* SPDX-License-Identifier: BSD-2-Clause */
/* The loader: good images of every kind land where they should, with all that their protocol
 * promises them. Malformed ones are in test_load_malformed.c. */
#include "load_images.h"

#include "tickvm/guest_abi.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static uint32_t u32(uint64_t at)
{
	uint32_t value;

	memcpy(&value, mem.host + at, sizeof(value));
	return value;
}

static uint64_t u64(uint64_t at)
{
	uint64_t value;

	memcpy(&value, mem.host + at, sizeof(value));
	return value;
}

static void code_is_at(uint64_t gpa)
{
	for (unsigned i = 0; i < CODE_BYTES; i++)
		cr_assert_eq(mem.host[gpa + i], 0xff - i);
}

/* Nothing but what the loader documents was written. */
static void rest_is_zero(uint64_t image_gpa, uint64_t image_end)
{
	for (uint64_t at = BOOT_FREE_GPA; at < RAM_SIZE; at++) {
		if (at >= image_gpa && at < image_end)
			continue;
		if (at >= BOOT_EBDA_GPA && at < 0xa0000)
			continue;
		if (at >= BOOT_ACPI_GPA && at < BOOT_ACPI_GPA + 0x1000)
			continue;
		cr_assert_eq(mem.host[at], 0, "0x%lx was written", (unsigned long)at);
	}
}

static void memory_map_is_right(
	const uint64_t base[3], const uint64_t size[3], const uint32_t type[3])
{
	cr_assert(base[0] == 0 && size[0] == 0x9fc00 && type[0] == 1);
	cr_assert(base[1] == 0x9fc00 && size[1] == 0x60400 && type[1] == 2);
	cr_assert(base[2] == 0x100000 && size[2] == RAM_SIZE - 0x100000 && type[2] == 1);
}

/* Xen public/arch-x86/hvm/start_info.h. */
static void pvh_state_is_right(void)
{
	uint64_t info = boot.ebx, base[3], size[3];
	uint32_t type[3];

	cr_assert_str_eq(boot.protocol, "pvh");
	cr_assert_eq(boot.eip, CODE_GPA + ENTRY_OFF);
	cr_assert_eq(boot.esp, BOOT_STACK_GPA);
	cr_assert_eq(info, BOOT_INFO_GPA);
	cr_assert_eq(u32(info), 0x336ec578);
	cr_assert_eq(u32(info + 4), 1, "version");
	cr_assert_eq(u32(info + 8), 0, "flags");
	cr_assert_eq(u32(info + 12), 0, "nr_modules");
	cr_assert_eq(u64(info + 16), 0, "modlist_paddr");
	cr_assert_str_eq((char *)mem.host + u64(info + 24), "test=hello");
	cr_assert_eq(memcmp(mem.host + u64(info + 32), "RSD PTR ", 8), 0);
	cr_assert_eq(u32(info + 48), 3, "memmap_entries");
	for (unsigned i = 0; i < 3; i++) {
		uint64_t entry = u64(info + 40) + 24UL * i;
		base[i] = u64(entry);
		size[i] = u64(entry + 8);
		type[i] = u32(entry + 16);
		cr_assert_eq(u32(entry + 20), 0, "reserved");
	}
	memory_map_is_right(base, size, type);
	cr_assert_eq(memcmp(mem.host + 0x9fc00, "_MP_", 4), 0);
}

/* Multiboot 0.6.96, 3.2 and 3.3. */
static void multiboot_state_is_right(uint32_t entry)
{
	uint64_t info = boot.ebx, base[3], size[3];
	uint32_t type[3];

	cr_assert_str_eq(boot.protocol, "multiboot");
	cr_assert_eq(boot.eip, entry);
	cr_assert_eq(boot.eax, 0x2badb002);
	cr_assert_eq(boot.esp, BOOT_STACK_GPA);
	cr_assert_eq(u32(info), 1u << 0 | 1u << 2 | 1u << 6 | 1u << 9);
	cr_assert_eq(u32(info + 4), 639, "mem_lower");
	cr_assert_eq(u32(info + 8), (RAM_SIZE - 0x100000) / 1024, "mem_upper");
	cr_assert_str_eq((char *)mem.host + u32(info + 16), "test=hello");
	cr_assert_eq(u32(info + 44), 3 * 24, "mmap_length");
	cr_assert_str_eq((char *)mem.host + u32(info + 64), "tickvm");
	for (unsigned i = 0; i < 3; i++) {
		uint64_t entry_at = u32(info + 48) + 24UL * i;
		cr_assert_eq(u32(entry_at), 20);
		base[i] = u64(entry_at + 4);
		size[i] = u64(entry_at + 12);
		type[i] = u32(entry_at + 20);
	}
	memory_map_is_right(base, size, type);
	cr_assert_eq(memcmp(mem.host + BOOT_ACPI_GPA, "RSD PTR ", 8), 0);
}

/* ---- good images ---- */

Test(load, elf64_with_a_pvh_note)
{
	struct image image = {0};

	pvh64(&image);
	loads(&image);
	pvh_state_is_right();
	code_is_at(CODE_GPA);
	rest_is_zero(CODE_GPA, CODE_GPA + CODE_BYTES);
}

Test(load, pvh_note_with_a_4_byte_entry)
{
	struct image image = {0};

	pvh64(&image);
	note(&image)->n_descsz = 4;
	ph64(&image, 1)->p_filesz = 12 + 4 + 4;
	loads(&image);
	pvh_state_is_right();
}

Test(load, pvh_note_behind_others_and_aligned_to_8)
{
	struct image image = {0};
	const uint32_t gnu[6] = {4, 4, 18, 0x00554e47}; /* of "GNU": 20 bytes, padded to 24 */

	pvh64(&image);
	memmove(image.bytes + NOTE_AT + sizeof(gnu), image.bytes + NOTE_AT, 24);
	memcpy(image.bytes + NOTE_AT, gnu, sizeof(gnu));
	ph64(&image, 1)->p_filesz = sizeof(gnu) + 24;
	ph64(&image, 1)->p_align = 8;
	loads(&image);
	pvh_state_is_right();
}

/* ld joins 4-byte aligned notes and 8-byte aligned ones in one segment, and patchelf leaves gaps:
 * p_align does not fit all of them. */
Test(load, pvh_note_padded_otherwise_than_p_align_says)
{
	static const uint64_t aligns[] = {0, 1, 4, 8, 16};

	for (unsigned i = 0; i < sizeof(aligns) / sizeof(aligns[0]); i++) {
		for (unsigned way = 0; way < 4; way++) {
			struct image image = {0};
			pvh64_behind_notes(&image, way & 1, way & 2 ? 8 : 4, aligns[i]);
			loads(&image);
			pvh_state_is_right();
		}
	}
}

Test(load, pvh_wins_over_multiboot)
{
	struct image image = {0};

	pvh64(&image);
	set_addresses(&image);
	loads(&image);
	pvh_state_is_right();
}

Test(load, position_independent_executable)
{
	struct image image = {0};

	pvh64(&image);
	image.eh64.e_type = ET_DYN;
	loads(&image);
	pvh_state_is_right();
}

Test(load, two_segments_one_of_them_in_low_memory)
{
	struct image image = {0};

	pvh64(&image);
	image.eh64.e_phnum = 4;
	*ph64(&image, 2) = (Elf64_Phdr){.p_type = PT_LOAD,
		.p_offset = CODE_AT,
		.p_paddr = 0x9000,
		.p_filesz = CODE_BYTES,
		.p_memsz = 0x9fc00 - 0x9000};
	*ph64(&image, 3) = (Elf64_Phdr){.p_type = PT_LOAD, .p_paddr = UINT64_MAX}; /* no memory */
	loads(&image);
	code_is_at(0x9000);
	code_is_at(CODE_GPA);
}

/* llvm-objcopy and others write the offset that the segment would have had. */
Test(load, segment_without_bytes_in_the_file_whose_offset_lies_behind_it)
{
	struct image image = {0};

	pvh64(&image);
	image.eh64.e_phnum = 4;
	*ph64(&image, 2) = (Elf64_Phdr){.p_type = PT_LOAD,
		.p_offset = IMAGE_SIZE + 1,
		.p_paddr = 0x200000,
		.p_memsz = 0x1000};
	*ph64(&image, 3) = (Elf64_Phdr){
		.p_type = PT_LOAD, .p_offset = UINT64_MAX, .p_paddr = 0x300000, .p_memsz = 0x1000};
	loads(&image);
	pvh_state_is_right();
	rest_is_zero(CODE_GPA, CODE_GPA + CODE_BYTES);
}

Test(load, elf32_with_a_multiboot_header)
{
	struct image image = {0};

	mb32(&image);
	loads(&image);
	multiboot_state_is_right(CODE_GPA + ENTRY_OFF);
	code_is_at(CODE_GPA);
	rest_is_zero(CODE_GPA, CODE_GPA + CODE_BYTES);
}

Test(load, elf64_with_a_multiboot_header_without_address_fields)
{
	struct image image = {0};

	mb64(&image);
	loads(&image);
	multiboot_state_is_right(CODE_GPA + ENTRY_OFF);
	code_is_at(CODE_GPA);
}

Test(load, multiboot_elf_with_a_physical_entry)
{
	struct image image = {0};

	mb32(&image);
	image.eh32.e_entry = CODE_GPA + ENTRY_OFF;
	loads(&image);
	multiboot_state_is_right(CODE_GPA + ENTRY_OFF);
}

Test(load, elf64_with_multiboot_address_fields)
{
	struct image image = {0};

	mb64_addresses(&image);
	loads(&image);
	multiboot_state_is_right(CODE_GPA + 0x40 + ENTRY_OFF);
	code_is_at(CODE_GPA + 0x40);
	rest_is_zero(CODE_GPA, CODE_GPA + 0x40 + CODE_BYTES);
}

Test(load, flat_multiboot)
{
	struct image image = {0};

	mb_flat(&image);
	loads(&image);
	multiboot_state_is_right(CODE_GPA + 0x40 + ENTRY_OFF);
	code_is_at(CODE_GPA + 0x40);
}

Test(load, flat_multiboot_loads_to_the_end_of_the_file_when_no_end_is_given)
{
	struct image image = {0};

	mb_flat(&image);
	mb(&image)->load_end_addr = 0;
	mb(&image)->bss_end_addr = 0;
	image.bytes[IMAGE_SIZE - 1] = 0x5a;
	loads(&image);
	cr_assert_eq(mem.host[CODE_GPA + IMAGE_SIZE - 1 - HEADER_AT], 0x5a);
	code_is_at(CODE_GPA + 0x40);
}

Test(load, flat_multiboot_may_load_what_is_before_its_header)
{
	struct image image = {0};

	mb_flat(&image);
	mb(&image)->header_addr = CODE_GPA + HEADER_AT;
	mb(&image)->load_end_addr = CODE_GPA + IMAGE_SIZE;
	image.bytes[0] = 0x5a;
	loads(&image);
	cr_assert_eq(mem.host[CODE_GPA], 0x5a);
	code_is_at(CODE_GPA + CODE_AT);
}

Test(load, multiboot_header_may_end_where_the_search_ends)
{
	struct image image = {0};

	mb_flat(&image);
	memmove(image.bytes + 8192 - 32, image.bytes + HEADER_AT, 32);
	memset(image.bytes + HEADER_AT, 0, 32);
	image.size = 8192 + 0x100;
	loads(&image);
}

Test(load, multiboot_video_wish_and_optional_flags_are_ignored)
{
	struct image image = {0};

	mb32(&image);
	set_flags(&image, 0xfffe0007);
	loads(&image);
	multiboot_state_is_right(CODE_GPA + ENTRY_OFF);
}

/* ---- notes that are none of Multiboot's business ---- */

static void boots_by_multiboot(struct image *image)
{
	set_flags(image, 3);
	loads(image);
	multiboot_state_is_right(CODE_GPA + ENTRY_OFF);
	code_is_at(CODE_GPA);
}

Test(load, multiboot_whatever_a_note_says)
{
	struct image image = {0};

	pvh64(&image);
	memset(image.bytes + NOTE_AT, 0xff, 24);
	boots_by_multiboot(&image); /* a vendor's, malformed */
	pvh64(&image);
	ph64(&image, 1)->p_filesz = IMAGE_SIZE;
	boots_by_multiboot(&image); /* outside the file */
	pvh64(&image);
	ph64(&image, 1)->p_offset = UINT64_MAX;
	boots_by_multiboot(&image);
	pvh64(&image);
	ph64(&image, 1)->p_filesz = 0;
	boots_by_multiboot(&image); /* empty */
	pvh64(&image);
	note(&image)->n_descsz = 2;
	boots_by_multiboot(&image); /* PVH's, with an entry of 2 bytes */
	pvh64(&image);
	image.bytes[NOTE_AT + 16 + 3] = 1;
	boots_by_multiboot(&image); /* PVH's, with an entry outside of what is loaded */
}

Test(load, multiboot_with_a_lone_build_id_in_a_segment_aligned_to_8)
{
	struct image image = {0};
	static const uint8_t build_id[20] = {1};

	pvh64(&image);
	ph64(&image, 1)->p_filesz = 0;
	ph64(&image, 1)->p_align = 8;
	add_note(&image, "GNU", 3, build_id, sizeof(build_id), 4);
	boots_by_multiboot(&image);
}

Test(load, longest_command_line)
{
	struct image image = {0};
	char line[GUEST_CMDLINE_MAX + 1];

	pvh64(&image);
	memset(line, 'x', sizeof(line));
	line[GUEST_CMDLINE_MAX - 1] = '\0';
	cr_assert_eq(load_with(&image, "guest.elf", line), 0);
	cr_assert_str_eq((char *)mem.host + BOOT_CMDLINE_GPA, line);
	line[GUEST_CMDLINE_MAX - 1] = 'x';
	line[GUEST_CMDLINE_MAX] = '\0';
	cr_assert_eq(load_with(&image, "guest.elf", line), -E2BIG);
	cr_assert_not_null(strstr(diag.text, "command line has 2048 bytes"), "%s", diag.text);
}

/* ---- files ---- */

static void file_refused(const char *path, int err, const char *expected)
{
	void *bytes = NULL;
	size_t size;

	cr_assert_eq(load_read_file(path, &bytes, &size, &diag), err, "%s", diag.text);
	cr_assert_not_null(strstr(diag.text, path), "%s", diag.text);
	cr_assert_not_null(strstr(diag.text, expected), "%s", diag.text);
	cr_assert_null(bytes);
}

/* A new file of size bytes beginning with text. */
static void temporary(char *path, const char *text, off_t size)
{
	strcpy(path, "/tmp/tickvm-test-load-XXXXXX");
	int fd = mkstemp(path);

	cr_assert_geq(fd, 0);
	cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	cr_assert_eq(ftruncate(fd, size), 0);
	close(fd);
}

Test(load, reads_a_file)
{
	char path[64];
	void *bytes;
	size_t size;

	temporary(path, "hello", 70000);
	cr_assert_eq(load_read_file(path, &bytes, &size, &diag), 0);
	cr_assert_eq(size, 70000);
	cr_assert_eq(memcmp(bytes, "hello\0", 6), 0);
	free(bytes);
	unlink(path);
}

Test(load, refuses_files_that_hold_no_image)
{
	char path[64];

	file_refused("/nonexistent/kernel", -ENOENT, "cannot open: No such file");
	file_refused("/tmp", -ENOEXEC, "not a regular file");
	file_refused("/dev/null", -ENOEXEC, "not a regular file");
	temporary(path, "", 0);
	file_refused(path, -ENOEXEC, "is empty");
	unlink(path);
	temporary(path, "x", (256 << 20) + 1);
	file_refused(path, -E2BIG, "expected at most 256 MiB");
	unlink(path);
	cr_assert_eq(mkfifo(path, 0600), 0);
	alarm(10); /* waiting for a writer is a failure */
	file_refused(path, -ENOEXEC, "not a regular file");
	unlink(path);
}
