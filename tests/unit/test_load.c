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

/* Nothing but what the loader documents was written, where nothing is in its way. */
static void rest_is_zero(uint64_t image_gpa, uint64_t image_end)
{
	const struct {
		uint64_t from, bytes;
	} ours[] = {{image_gpa, image_end - image_gpa}, {BOOT_EBDA_WORD_GPA, 2},
		{0x7000, BOOT_INFO_BYTES}, {0x8000, BOOT_CMDLINE_BYTES},
		{BOOT_EBDA_GPA, BOOT_MP_BYTES}, {0xe0000, BOOT_ACPI_BYTES}};

	for (uint64_t at = 0; at < RAM_SIZE; at++) {
		for (unsigned i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
			if (at == ours[i].from)
				at += ours[i].bytes;
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
	cr_assert_eq(boot.esp, 0x7000);
	cr_assert_eq(boot.gdt, 0x500);
	cr_assert_eq(info, 0x7000);
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
	cr_assert_eq(boot.esp, 0x7000);
	cr_assert_eq(u32(info), 1u << 0 | 1u << 2 | 1u << 6 | 1u << 9);
	cr_assert_eq(u32(info + 4), 639, "mem_lower");
	cr_assert_eq(u32(info + 8), (RAM_SIZE - 0x100000) / 1024, "mem_upper");
	cr_assert_str_eq((char *)mem.host + u32(info + 16), "guest.elf test=hello");
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
	cr_assert_eq(memcmp(mem.host + 0xe0000, "RSD PTR ", 8), 0);
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

/* ---- images in low memory: what is ours goes out of their way ---- */

/* On a 16-byte boundary, as a guest looks for it. 0: absent. */
static uint64_t scan(const char *signature, uint64_t from, uint64_t to)
{
	for (uint64_t at = from; at < to; at += 16)
		if (memcmp(mem.host + at, signature, strlen(signature)) == 0)
			return at;
	return 0;
}

static uint64_t word(uint64_t at)
{
	return mem.host[at] | (uint64_t)mem.host[at + 1] << 8;
}

/* MP 1.4, chapter 4: the first KiB of the EBDA, the last of 640 KiB, the BIOS's ROM. */
static uint64_t find_mp(bool ebda)
{
	uint64_t at = ebda ? scan("_MP_", word(0x40e) << 4, (word(0x40e) << 4) + 1024) : 0;

	return at ? at : scan("_MP_", 0xf0000, 0x100000);
}

/* What of a piece of RAM is not the image's. */
static void image_is_whole(uint64_t gpa, uint64_t bytes)
{
	code_is_at(gpa);
	for (uint64_t i = CODE_BYTES; i < bytes; i++)
		cr_assert_eq(mem.host[gpa + i], 0, "0x%lx of the image was overwritten",
			(unsigned long)(gpa + i));
}

static void is_apart(uint64_t at, uint64_t bytes, uint64_t gpa, uint64_t end, const char *what)
{
	cr_assert(at + bytes <= gpa || at >= end, "%s at 0x%lx, image at 0x%lx to 0x%lx", what,
		(unsigned long)at, (unsigned long)gpa, (unsigned long)end);
	cr_assert_leq(at + bytes, RAM_SIZE);
}

/* Loaded with a second piece at gpa, of bytes: all that is promised can be found. */
static void all_is_there(uint64_t gpa, uint64_t bytes)
{
	uint64_t end = gpa + bytes, info = boot.ebx, mp, cmdline, low;
	bool has_word = gpa >= 0x410 || end <= 0x40e;

	image_is_whole(gpa, bytes);
	if (strcmp(boot.protocol, "pvh") == 0) {
		cmdline = u64(info + 24);
		low = u64(u64(info + 40) + 8);
		cr_assert_eq(u64(info + 32), scan("RSD PTR ", 0xe0000, 0x100000));
	} else {
		cmdline = u32(info + 16);
		low = u64(u32(info + 48) + 12);
		cr_assert_eq(u32(info + 4), low >> 10, "mem_lower");
		cr_assert_neq(scan("RSD PTR ", 0xe0000, 0x100000), 0);
	}
	mp = find_mp(has_word);
	cr_assert_neq(mp, 0, "image at 0x%lx", (unsigned long)gpa);
	/* Both are in memory that is not reported as RAM. */
	cr_assert(low == 0x9fc00 || (low == 0xa0000 && mp >= 0xf0000));
	cr_assert_geq(mp, low);
	cr_assert_not_null(strstr((char *)mem.host + cmdline, "test=hello"));
	is_apart(info, BOOT_INFO_BYTES, gpa, end, "info");
	is_apart(cmdline, BOOT_CMDLINE_BYTES, gpa, end, "cmdline");
	is_apart(boot.esp - BOOT_STACK_BYTES, BOOT_STACK_BYTES, gpa, end, "stack");
	is_apart(boot.gdt, BOOT_GDT_BYTES, gpa, end, "GDT");
	is_apart(boot.gdt, BOOT_GDT_BYTES, info, info + BOOT_INFO_BYTES, "GDT beside info");
	is_apart(cmdline, BOOT_CMDLINE_BYTES, info, info + BOOT_INFO_BYTES, "cmdline, info");
	is_apart(mp, BOOT_MP_BYTES, gpa, end, "MP table");
}

static void with_piece_at(struct image *image, bool pvh, uint64_t gpa, uint64_t bytes)
{
	*image = (struct image){.size = 0};
	pvh64(image);
	if (!pvh) {
		set_flags(image, 3);
		note(image)->n_type = 17;
	}
	image->eh64.e_phnum = 3;
	*ph64(image, 2) = (Elf64_Phdr){.p_type = PT_LOAD,
		.p_offset = CODE_AT,
		.p_paddr = gpa,
		.p_filesz = CODE_BYTES,
		.p_memsz = bytes};
}

Test(load, a_piece_anywhere_in_low_memory)
{
	static const uint64_t sizes[] = {CODE_BYTES, 0x9000, 0x40000};
	static const uint64_t odd[] = {0, 0x40f, 0x4ff, 0x7c00, 0x8000, 0xff000};
	static struct image image;

	for (unsigned size = 0; size < 3; size++) {
		for (uint64_t at = 0; at + sizes[size] <= CODE_GPA; at += 0x3f0 << (2 * size)) {
			with_piece_at(&image, at & 0x10, at, sizes[size]);
			loads(&image);
			all_is_there(at, sizes[size]);
		}
	}
	for (unsigned i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		with_piece_at(&image, i & 1, odd[i], 0x1000);
		loads(&image);
		all_is_there(odd[i], 0x1000);
	}
}

/* All low memory is the image's, and so is the EBDA. */
Test(load, a_piece_over_all_of_low_memory)
{
	static struct image image;

	for (unsigned pvh = 0; pvh < 2; pvh++) {
		with_piece_at(&image, pvh, 0, 0xe0000);
		loads(&image);
		all_is_there(0, 0xe0000);
		with_piece_at(&image, pvh, 0x500, 0xa0000 - 0x500);
		loads(&image);
		all_is_there(0x500, 0xa0000 - 0x500);
	}
}

static void refuses_piece(uint64_t gpa, uint64_t bytes, int err, const char *expected)
{
	static struct image image;

	with_piece_at(&image, true, gpa, bytes);
	refuses(&image, err, expected);
}

Test(load, what_leaves_no_room_is_told_whose_and_where)
{
	refuses_piece(0xe0000, 0x20000, -ENOEXEC,
		"segment 2: 0x20000 bytes at 0xe0000 leave no room for the ACPI tables; expected "
		"0x310 free bytes within 0xe0000 to 0x100000");
	refuses_piece(0x9fc00, 0x60400, -ENOEXEC,
		"segment 2: 0x60400 bytes at 0x9fc00 leave no room for the MP table; expected "
		"0x220 free bytes within 0x9fc00 to 0xa0000 or 0xf0000 to 0x100000");
	refuses_piece(0x400, 0xffc00, -ENOEXEC, "leave no room for the MP table");
}

Test(load, an_image_that_takes_all_ram)
{
	static struct image image;

	with_piece_at(&image, true, 0, 0x9fc00);
	ph64(&image, 0)->p_memsz = RAM_SIZE - CODE_GPA;
	refuses(&image, -E2BIG,
		"segment 2: 0x9fc00 bytes at 0x0 leave no room for the boot GDT; expected 0x20 "
		"bytes of RAM that the image does not take: use a larger --mem");
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
	cr_assert_str_eq((char *)mem.host + 0x8000, line);
	line[GUEST_CMDLINE_MAX - 1] = 'x';
	line[GUEST_CMDLINE_MAX] = '\0';
	cr_assert_eq(load_with(&image, "guest.elf", line), -E2BIG);
	cr_assert_not_null(strstr(diag.text, "command line has 2048 bytes"), "%s", diag.text);
}

static void multiboot_cmdline_is(const char *name, const char *cmdline, const char *expected)
{
	struct image image = {0};

	mb32(&image);
	cr_assert_eq(load_with(&image, name, cmdline), 0, "%s", diag.text);
	cr_assert_str_eq((char *)mem.host + u32(boot.ebx + 16), expected);
}

/* A Multiboot kernel skips the first word: QEMU and others put the image's name there. */
Test(load, multiboot_command_line_begins_with_the_images_name)
{
	char name[300] = "", line[GUEST_CMDLINE_MAX], expected[GUEST_CMDLINE_MAX + 256] = "";

	multiboot_cmdline_is("/boot/guest.elf", "a=1 b", "guest.elf a=1 b");
	multiboot_cmdline_is("guest.elf", "", "guest.elf");
	multiboot_cmdline_is("a/my kernel\n1", " a", "my_kernel_1  a");
	memset(name, 'n', sizeof(name) - 1);
	memset(line, 'x', sizeof(line) - 1);
	line[sizeof(line) - 1] = '\0';
	memset(expected, 'n', 255);
	strcat(strcat(expected, " "), line);
	multiboot_cmdline_is(name, line, expected);
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
	file_refused("/tmp", -EINVAL, "a directory; expected a regular file");
	file_refused("/dev/null", -EINVAL, "a character device; expected a regular file");
	temporary(path, "", 0);
	file_refused(path, -ENOEXEC, "is empty");
	unlink(path);
	temporary(path, "x", (256 << 20) + 1);
	file_refused(path, -E2BIG, "expected at most 256 MiB");
	unlink(path);
	cr_assert_eq(mkfifo(path, 0600), 0);
	alarm(300); /* waiting for a writer is a failure */
	file_refused(path, -EINVAL, "a FIFO; expected a regular file");
	unlink(path);
}
