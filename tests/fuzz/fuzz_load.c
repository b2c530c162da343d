/* SPDX-License-Identifier: BSD-2-Clause */
/* Fuzzes the image loader: any bytes load or are refused with one printable line, and what is
 * loaded finds its command line and its tables where their specifications say. */
#include "../../src/vmm/load.h"

#include <errno.h>
#include <string.h>

#define RAM_SIZE (4U << 20)

static void require(bool holds)
{
	if (!holds)
		__builtin_trap();
}

static void check_refusal(int err, const struct diag *diag)
{
	require(err == -ENOEXEC || err == -E2BIG || err == -ENOMEM);
	require(strncmp(diag->text, "fuzz: ", 6) == 0 && diag->text[6] != '\0');
	for (const char *c = diag->text; *c; c++)
		require(*c >= ' ' && *c <= '~');
}

static uint32_t u32(const struct guest_memory *mem, uint64_t at)
{
	uint32_t value;

	require(memory_at(mem, at, sizeof(value)) != NULL);
	memcpy(&value, mem->host + at, sizeof(value));
	return value;
}

/* As a guest looks for it: on a 16-byte boundary. */
static bool is_within(
	const struct guest_memory *mem, const char *signature, uint64_t from, uint64_t to)
{
	for (uint64_t at = from; at < to && to <= mem->size; at += 16)
		if (memcmp(mem->host + at, signature, strlen(signature)) == 0)
			return true;
	return false;
}

static void check_tables(const struct guest_memory *mem)
{
	uint64_t ebda = (uint64_t)(u32(mem, 0x40e) & 0xffff) << 4;

	require(is_within(mem, "_MP_", ebda, ebda + 1024) ||
		is_within(mem, "_MP_", 0xf0000, 0x100000));
	require(is_within(mem, "RSD PTR ", 0xe0000, 0x100000));
}

static void check_boot(const struct guest_memory *mem, const struct boot_state *boot)
{
	bool multiboot = strcmp(boot->protocol, "multiboot") == 0;
	uint64_t cmdline = u32(mem, boot->ebx + (multiboot ? 16 : 24));

	require(multiboot || strcmp(boot->protocol, "pvh") == 0);
	require(boot->eip < mem->size && boot->esp <= mem->size);
	require(boot->eax == (multiboot ? 0x2badb002 : 0));
	require(memory_at(mem, boot->gdt, BOOT_GDT_BYTES) != NULL);
	require(strcmp(memory_at(mem, cmdline, BOOT_CMDLINE_BYTES),
			multiboot ? "fuzz test=hello" : "test=hello") == 0);
	check_tables(mem);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* Exactly as large as the guest's RAM, so that a sanitizer sees one byte too many; the same
	 * for all inputs, as one of the heap's would take longer than all the rest. */
	static uint8_t ram[RAM_SIZE];
	struct guest_memory mem = {memset(ram, 0, sizeof(ram)), sizeof(ram)};
	const struct load_request request = {data, size, "fuzz", "test=hello", {.vcpus = 16}};
	struct boot_state boot = {0};
	struct diag diag = {""};

	int err = load_image(&mem, &request, &boot, &diag);
	if (err)
		check_refusal(err, &diag);
	else
		check_boot(&mem, &boot);
	return 0;
}
