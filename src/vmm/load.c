/* SPDX-License-Identifier: BSD-2-Clause */
/* Chooses a boot protocol for an image and does what all protocols share: placing bytes, memory
 * map, command line. It parses no ELF and no Multiboot header itself. */
#include "load_internal.h"

#include "tickvm/guest_abi.h"
#include "tickvm/input.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MIB        (1ULL << 20)
#define FILE_MAX   (256 * MIB)
#define NAME_SHOWN 200

#define NAME_WORD_MAX 255 /* NAME_MAX of Linux */
_Static_assert(NAME_WORD_MAX + 1 + GUEST_CMDLINE_MAX <= BOOT_CMDLINE_BYTES,
	"the longest command line has room behind a name");

/* The end of a long path: the sentence behind it must fit in the diag. */
static const char *shown_name(const char *name)
{
	size_t length = strlen(name);

	return length > NAME_SHOWN ? name + length - NAME_SHOWN : name;
}

int load_refuse(const struct loader *loader, int err, const char *format, ...)
{
	char text[sizeof(loader->diag->text)];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	return diag_set(loader->diag, err, "%s: %s", shown_name(loader->request->name), text);
}

static int check_place(const struct loader *loader, const char *what, uint64_t gpa, uint64_t bytes)
{
	unsigned long long first = gpa, size = bytes;

	if (gpa > GUEST_MEMORY_MAX || bytes > GUEST_MEMORY_MAX - gpa)
		return load_refuse(loader, -ENOEXEC,
			"%s: 0x%llx bytes at 0x%llx reach above 0x%llx, where RAM must end", what,
			size, first, GUEST_MEMORY_MAX);
	if (!memory_at(loader->mem, gpa, bytes))
		return load_refuse(loader, -E2BIG,
			"%s: 0x%llx bytes at 0x%llx need more RAM than %llu MiB: use --mem %lluM "
			"or more",
			what, size, first, (unsigned long long)(loader->mem->size / MIB),
			(first + size + MIB - 1) / MIB);
	return 0;
}

int load_place(const struct loader *loader, const char *what, const struct load_piece *piece)
{
	const uint8_t *file = loader->request->image;
	int err = check_place(loader, what, piece->gpa, piece->mem_bytes);

	if (err)
		return err;
	/* Only the file's part: the rest is zero, as fresh RAM is. */
	if (piece->file_bytes)
		memcpy(memory_at(loader->mem, piece->gpa, piece->file_bytes), file + piece->offset,
			piece->file_bytes);
	layout_take(loader->space, what, piece->gpa, piece->mem_bytes);
	return 0;
}

void load_memory_map(const struct loader *loader, struct memory_range ranges[MEMORY_RANGES])
{
	uint64_t low = loader->layout->ebda ? loader->layout->ebda : BOOT_LOW_END_GPA;

	ranges[0] = (struct memory_range){0, low, RANGE_RAM};
	ranges[1] = (struct memory_range){low, BOOT_HIGH_GPA - low, RANGE_RESERVED};
	ranges[2] =
		(struct memory_range){BOOT_HIGH_GPA, loader->mem->size - BOOT_HIGH_GPA, RANGE_RAM};
}

/* The image's file name, and a blank if something follows: one word, so no blanks in it. */
static size_t name_word(const struct loader *loader, char word[NAME_WORD_MAX + 2])
{
	const char *name = loader->request->name, *slash = strrchr(name, '/');
	size_t length = 0;

	for (const char *c = slash ? slash + 1 : name; *c && length < NAME_WORD_MAX; c++)
		word[length++] = (char)((uint8_t)*c <= ' ' ? '_' : *c);
	if (*loader->request->cmdline)
		word[length++] = ' ';
	return length;
}

/* Multiboot 0.6.96, 3.3, leaves the format to the system. QEMU, GRUB Legacy, SYSLINUX and iPXE put
 * the image's name first, and Xen, Solo5 and kvm-unit-tests skip the first word, whatever it is.
 * PVH has arguments only. */
static int write_cmdline(const struct loader *loader, bool named)
{
	const char *cmdline = loader->request->cmdline;
	char line[BOOT_CMDLINE_BYTES];
	size_t bytes = strlen(cmdline) + 1;

	if (bytes > GUEST_CMDLINE_MAX)
		return load_refuse(loader, -E2BIG,
			"the guest's command line has %zu bytes; expected at most %d", bytes - 1,
			GUEST_CMDLINE_MAX - 1);
	size_t skip = named ? name_word(loader, line) : 0;

	memcpy(line + skip, cmdline, bytes);
	memcpy(memory_at(loader->mem, loader->layout->cmdline, skip + bytes), line, skip + bytes);
	return 0;
}

int load_image(struct guest_memory *mem, const struct load_request *request,
	struct boot_state *boot, struct diag *diag)
{
	struct load_space space = {.n = 0};
	struct boot_layout layout = {0};
	const struct loader loader = {mem, request, &space, &layout, diag};
	struct elf_image image = {0};
	bool elf = elf_is(request);
	int err;

	if (elf) {
		err = elf_read(&loader, &image);
		if (err)
			return err;
	}
	bool pvh = image.has_pvh;
	if (pvh)
		err = load_pvh(&loader, &image, boot);
	else
		err = load_multiboot(&loader, elf ? &image : NULL, boot);
	if (err)
		return err;
	err = write_cmdline(&loader, !pvh);
	if (err)
		return err;
	boot->gdt = (uint32_t)layout.gdt;
	boot->esp = (uint32_t)(layout.stack + BOOT_STACK_BYTES);
	tables_write_mp(mem, &layout, &request->machine);
	tables_write_acpi(mem, &layout, &request->machine);
	return 0;
}

static int read_all(int fd, uint8_t *bytes, size_t size)
{
	for (size_t done = 0; done < size;) {
		ssize_t n = read(fd, bytes + done, size - done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return -ENODATA;
		done += (size_t)n;
	}
	return 0;
}

static int read_open_file(int fd, const char *path, void **out, size_t *size, struct diag *diag)
{
	const char *name = shown_name(path);
	struct stat st;

	if (fstat(fd, &st) < 0)
		return diag_set(diag, -errno, "%s: cannot stat: %s", name, strerror(errno));
	if (st.st_size == 0)
		return diag_set(
			diag, -ENOEXEC, "%s: the file is empty; expected a guest image", name);
	if (st.st_size > (off_t)FILE_MAX)
		return diag_set(diag, -E2BIG,
			"%s: the file has %lld bytes; expected at most %llu MiB", name,
			(long long)st.st_size, FILE_MAX / MIB);

	uint8_t *bytes = malloc((size_t)st.st_size);
	if (!bytes)
		return diag_set(diag, -ENOMEM, "%s: no memory for its %lld bytes", name,
			(long long)st.st_size);
	int err = read_all(fd, bytes, (size_t)st.st_size);
	if (err) {
		free(bytes);
		return diag_set(diag, err, "%s: cannot read: %s", name,
			err == -ENODATA ? "the file shrank meanwhile" : strerror(-err));
	}
	*out = bytes;
	*size = (size_t)st.st_size;
	return 0;
}

int load_read_file(const char *path, void **out, size_t *size, struct diag *diag)
{
	struct diag why;
	int fd = input_open(path, O_RDONLY, INPUT_FILE, &why);

	if (fd < 0)
		return diag_set(diag, fd, "%s: cannot open: %s", shown_name(path), why.text);
	int err = read_open_file(fd, path, out, size, diag);
	close(fd);
	return err;
}
