/* SPDX-License-Identifier: BSD-2-Clause */
/* Says what a file is that no boot protocol takes: a compressed kernel, by its first bytes, or
 * nothing known. */
#include "load_internal.h"

#include <errno.h>
#include <string.h>

/* What kernels come packed in, by the formats' own specifications, and what unpacks it. */
static const struct packing {
	const char *magic;
	size_t bytes;
	const char *name, *remedy;
} packings[] = {
	{"\x1f\x8b", 2, "a gzip", "gzip -dc"}, /* RFC 1952, 2.3.1 */
	{"\xfd\x37zXZ\0", 6, "an xz", "xz -dc"},
	{"\x28\xb5\x2f\xfd", 4, "a zstd", "zstd -dc"}, /* RFC 8878, 3.1.1 */
	{"BZh", 3, "a bzip2", "bzip2 -dc"},
	{"\x04\x22\x4d\x18", 4, "an lz4", "lz4 -dc"},
	{"\x02\x21\x4c\x18", 4, "an lz4", "lz4 -dc"}, /* the format of before, which Linux uses */
	{"\x89LZO", 4, "an lzop", "lzop -dc"},
	{"\x5d\0\0", 3, "an lzma", "xz -dc"},
};

/* Linux Documentation/arch/x86/boot.rst: the setup header's magic. */
static bool is_bzimage(const struct load_request *request)
{
	return request->size >= 0x206 &&
	       memcmp((const uint8_t *)request->image + 0x202, "HdrS", 4) == 0;
}

static const struct packing *find_packing(const struct load_request *request)
{
	for (size_t i = 0; i < sizeof(packings) / sizeof(packings[0]); i++) {
		if (request->size >= packings[i].bytes &&
			memcmp(request->image, packings[i].magic, packings[i].bytes) == 0)
			return &packings[i];
	}
	return NULL;
}

int load_refuse_unknown(const struct loader *loader, bool elf)
{
	const struct packing *packing = find_packing(loader->request);

	if (packing)
		return load_refuse(loader, -ENOEXEC,
			"is %s-compressed file; expected the kernel inside it (%s)", packing->name,
			packing->remedy);
	if (is_bzimage(loader->request))
		return load_refuse(loader, -ENOEXEC,
			"is a compressed Linux image (bzImage); expected the vmlinux inside it, "
			"built with CONFIG_PVH (Linux's scripts/extract-vmlinux takes it out)");
	return load_refuse(loader, -ENOEXEC,
		"%s Multiboot header in the first %u bytes; expected a kernel with one of them",
		elf ? "no PVH note (Xen, type 18) and no" : "no ELF magic and no",
		MULTIBOOT_SEARCH_BYTES);
}
