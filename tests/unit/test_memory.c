/* SPDX-License-Identifier: BSD-2-Clause */
/* Guest RAM: sizes accepted and refused, what the mapping promises, and the checked door.
 * No KVM: slots are made elsewhere. */
#include "../../src/vmm/memory.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <unistd.h>

#define MIB (1ULL << 20)

static void refuses(uint64_t bytes, const char *expected)
{
	struct guest_memory mem;
	struct diag diag = {""};

	cr_assert_eq(memory_create(&mem, bytes, false, false, &diag), -EINVAL);
	cr_assert_not_null(strstr(diag.text, expected), "%s", diag.text);
	cr_assert_not_null(strstr(diag.text, "--mem"), "no remedy: %s", diag.text);
	cr_assert_null(mem.host);
	memory_destroy(&mem);
}

/* The VmFlags line of the mapping that begins at host, or an empty string. */
static void vm_flags(const void *host, char *flags, size_t size)
{
	FILE *file = fopen("/proc/self/smaps", "re");
	char line[512];
	unsigned long begin, end;
	bool here = false;

	cr_assert_not_null(file);
	flags[0] = '\0';
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%lx-%lx ", &begin, &end) == 2)
			here = begin == (unsigned long)host;
		else if (here && strncmp(line, "VmFlags:", 8) == 0)
			snprintf(flags, size, "%s", line);
	}
	fclose(file);
}

static size_t resident_pages(const struct guest_memory *mem)
{
	size_t pages = mem->size / 4096, resident = 0;
	unsigned char *map = malloc(pages);

	cr_assert_not_null(map);
	cr_assert_eq(mincore(mem->host, mem->size, map), 0);
	for (size_t i = 0; i < pages; i++)
		resident += map[i] & 1;
	free(map);
	return resident;
}

Test(memory, refuses_sizes_no_guest_can_have)
{
	refuses(0, "too small");
	refuses(4 * MIB - 4096, "too small");
	refuses(4 * MIB + 1, "multiple of 4 KiB");
	refuses((3ULL << 30) + 4096, "too large");
	refuses(UINT64_MAX & ~4095ULL, "too large");
}

Test(memory, refuses_more_than_the_host_has_and_says_how_much_it_has)
{
	struct diag diag = {""};

	cr_expect_eq(memory_check_size(512 * MIB, 512 * MIB, &diag), 0, "%s", diag.text);
	cr_expect_eq(memory_check_size(GUEST_MEMORY_MAX, UINT64_MAX, &diag), 0, "%s", diag.text);
	cr_expect_eq(memory_check_size(512 * MIB + 4096, 512 * MIB, &diag), -EINVAL);
	cr_expect_not_null(strstr(diag.text, "--mem 512M or less (MemAvailable)"), "%s", diag.text);
}

/* A host that has 512 MiB for us, whatever this one has. */
Test(memory, reads_what_the_host_has)
{
	char path[] = "/tmp/tickvm-meminfo-XXXXXX";
	int fd = mkstemp(path);

	cr_assert_geq(fd, 0);
	cr_assert_gt(dprintf(fd, "MemTotal: 9999999 kB\nMemAvailable: 524288 kB\n"), 0);
	close(fd);
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
		mount(path, "/proc/meminfo", NULL, MS_BIND, NULL) < 0) {
		unlink(path);
		cr_skip_test("no right to mount: %s", strerror(errno));
	}
	unlink(path);
	refuses(513 * MIB, "--mem 512M or less (MemAvailable)");
}

Test(memory, says_so_when_the_host_gives_none)
{
	struct guest_memory mem;
	struct diag diag = {""};
	struct rlimit limit, none;

	cr_assert_eq(getrlimit(RLIMIT_AS, &limit), 0);
	none = (struct rlimit){1, limit.rlim_max};
	cr_assert_eq(setrlimit(RLIMIT_AS, &none), 0);
	int err = memory_create(&mem, 64 * MIB, false, false, &diag);
	cr_assert_eq(setrlimit(RLIMIT_AS, &limit), 0);
	cr_assert_eq(err, -ENOMEM);
	cr_assert_not_null(strstr(diag.text, "cannot map 64 MiB"), "%s", diag.text);
	cr_assert_not_null(strstr(diag.text, "--mem"), "%s", diag.text);
	cr_assert_null(mem.host);
}

Test(memory, is_aligned_zero_and_untouched)
{
	struct guest_memory mem;
	struct diag diag = {""};

	/* Not a multiple of 2 MiB: the end is trimmed exactly. */
	cr_assert_eq(memory_create(&mem, 6 * MIB + 4096, false, false, &diag), 0);
	cr_assert_eq((uintptr_t)mem.host % (2 * MIB), 0);
	cr_assert_eq(mem.size, 6 * MIB + 4096);
	cr_assert_eq(resident_pages(&mem), 0);
	cr_assert_eq(mem.host[0], 0);
	cr_assert_eq(mem.host[mem.size - 1], 0);
	memory_destroy(&mem);
	cr_assert_null(mem.host);
	cr_assert_eq(mem.size, 0);
	memory_destroy(&mem);
}

/* Pages of address space this process has. Allocates nothing. */
static unsigned long mapped_pages(void)
{
	char text[128] = "";
	int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);

	cr_assert_geq(fd, 0);
	cr_assert_gt(read(fd, text, sizeof(text) - 1), 0);
	close(fd);
	return strtoul(text, NULL, 10);
}

Test(memory, maps_what_was_asked_and_destroy_unmaps_it)
{
	struct guest_memory mem;
	struct diag diag = {""};

	cr_assert_eq(memory_create(&mem, 4 * MIB, false, false, &diag), 0);
	memory_destroy(&mem); /* stdio's allocations are behind us now */
	unsigned long before = mapped_pages();
	cr_assert_eq(memory_create(&mem, 6 * MIB + 4096, false, false, &diag), 0);
	cr_assert_eq(mapped_pages() - before, (6 * MIB + 4096) / 4096);
	memory_destroy(&mem);
	cr_assert_eq(mapped_pages(), before);
}

Test(memory, asks_for_huge_pages_and_stays_out_of_core_dumps)
{
	struct guest_memory mem;
	struct diag diag = {""};
	char flags[512];

	cr_assert_eq(memory_create(&mem, 4 * MIB, false, false, &diag), 0);
	vm_flags(mem.host, flags, sizeof(flags));
	cr_assert_not_null(strstr(flags, " dd"), "%s", flags);
	if (access("/sys/kernel/mm/transparent_hugepage/enabled", F_OK) == 0)
		cr_assert_not_null(strstr(flags, " hg"), "%s", flags);
	memory_destroy(&mem);
}

Test(memory, small_pages_are_asked_for_by_name)
{
	struct guest_memory mem;
	struct diag diag = {""};
	char flags[512];

	if (access("/sys/kernel/mm/transparent_hugepage/enabled", F_OK) != 0)
		cr_skip_test("this kernel has no transparent huge pages");
	cr_assert_eq(memory_create(&mem, 4 * MIB, true, true, &diag), 0);
	vm_flags(mem.host, flags, sizeof(flags));
	cr_assert_not_null(strstr(flags, " nh"), "%s", flags);
	cr_assert_null(strstr(flags, " hg"), "%s", flags);
	memory_destroy(&mem);
}

Test(memory, prefault_makes_all_of_it_resident)
{
	struct guest_memory mem;
	struct diag diag = {""};

	cr_assert_eq(memory_create(&mem, 4 * MIB, false, true, &diag), 0);
	cr_assert_eq(resident_pages(&mem), 4 * MIB / 4096);
	memory_destroy(&mem);
}

Test(memory, the_door_admits_ram_and_nothing_else)
{
	uint8_t *host = (uint8_t *)0x10000000; /* never followed */
	const struct guest_memory mem = {host, 0x400000};

	cr_assert_eq(memory_at(&mem, 0, 0x400000), host);
	cr_assert_eq(memory_at(&mem, 0x1234, 1), host + 0x1234);
	cr_assert_eq(memory_at(&mem, 0x3fffff, 1), host + 0x3fffff);
	cr_assert_eq(memory_at(&mem, 0x400000, 0), host + 0x400000);
	cr_assert_null(memory_at(&mem, 0x400000, 1));
	cr_assert_null(memory_at(&mem, 0x400001, 0));
	cr_assert_null(memory_at(&mem, 0x3fffff, 2));
	cr_assert_null(memory_at(&mem, 0, 0x400001));
	cr_assert_null(memory_at(&mem, 0x1000, UINT64_MAX));
	cr_assert_null(memory_at(&mem, UINT64_MAX, 1));
	cr_assert_null(memory_at(&mem, UINT64_MAX, UINT64_MAX));
	cr_assert_null(memory_at(&mem, 1, UINT64_MAX));
}
