/* SPDX-License-Identifier: BSD-2-Clause */
/* Fuzzes the image loader: any bytes load or are refused with one printable line, and write to
 * guest RAM only where an image may lie. It reads no files and runs no guest. */
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

static void check_boot(const struct guest_memory *mem, const struct boot_state *boot)
{
	bool low = boot->eip >= BOOT_FREE_GPA && boot->eip < BOOT_EBDA_GPA;

	require(low || (boot->eip >= BOOT_HIGH_GPA && boot->eip < mem->size));
	require(boot->ebx == BOOT_INFO_GPA && boot->esp == BOOT_STACK_GPA);
	if (strcmp(boot->protocol, "multiboot") == 0)
		require(boot->eax == 0x2badb002);
	else
		require(strcmp(boot->protocol, "pvh") == 0);
	require(memcmp(mem->host + BOOT_EBDA_GPA, "_MP_", 4) == 0);
	require(memcmp(mem->host + BOOT_ACPI_GPA, "RSD PTR ", 8) == 0);
	require(strcmp((char *)mem->host + BOOT_CMDLINE_GPA, "test=hello") == 0);
}

/* The interrupt vectors and what lies between low memory and the ACPI tables are nobody's to write.
 */
static void check_untouched(const struct guest_memory *mem)
{
	static const uint8_t zero[0x40000];

	require(memcmp(mem->host, zero, 0x400) == 0);
	require(memcmp(mem->host + 0xa0000, zero, BOOT_ACPI_GPA - 0xa0000) == 0);
	uint64_t acpi_end = BOOT_ACPI_GPA + 0x1000;
	require(memcmp(mem->host + acpi_end, zero, BOOT_HIGH_GPA - acpi_end) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* Exactly as large as the guest's RAM, so that a sanitizer sees one byte too many; the same
	 * for all inputs, as one of the heap's would take longer than all the rest. */
	static uint8_t ram[RAM_SIZE];
	struct guest_memory mem = {memset(ram, 0, sizeof(ram)), sizeof(ram)};
	const struct load_request request = {data, size, "fuzz", "test=hello", 16};
	struct boot_state boot = {0};
	struct diag diag = {""};

	int err = load_image(&mem, &request, &boot, &diag);
	if (err)
		check_refusal(err, &diag);
	else
		check_boot(&mem, &boot);
	check_untouched(&mem);
	return 0;
}
