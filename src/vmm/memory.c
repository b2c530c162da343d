/* SPDX-License-Identifier: BSD-2-Clause */
/* Guest RAM: one 2 MiB aligned block from GPA 0 and the checked door into it.
 * It makes no KVM memory slot and knows nothing of what lies in the block. */
#include "memory.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 /* Linux 5.14 */
#endif

#define SMALL_PAGE 4096ULL
#define HUGE_PAGE  (2ULL << 20)
#define MIB        (1ULL << 20)

/* Bytes the host can give without swapping; UINT64_MAX when it does not say. */
static uint64_t host_available(void)
{
	FILE *file = fopen("/proc/meminfo", "re");
	char line[128];
	unsigned long long kib;
	uint64_t available = UINT64_MAX;

	if (!file)
		return available;
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "MemAvailable: %llu kB", &kib) == 1) {
			available = kib * 1024;
			break;
		}
	}
	fclose(file);
	return available;
}

int memory_check_size(uint64_t bytes, uint64_t available, struct diag *diag)
{
	if (bytes < GUEST_MEMORY_MIN)
		return diag_set(diag, -EINVAL,
			"guest memory of %llu bytes is too small: use --mem %lluM or more",
			(unsigned long long)bytes, GUEST_MEMORY_MIN / MIB);
	if (bytes > GUEST_MEMORY_MAX)
		return diag_set(diag, -EINVAL,
			"guest memory of %llu MiB is too large: RAM ends below the APICs, use "
			"--mem %lluM or less",
			(unsigned long long)(bytes / MIB), GUEST_MEMORY_MAX / MIB);
	if (bytes % SMALL_PAGE)
		return diag_set(diag, -EINVAL,
			"guest memory of %llu bytes is not a multiple of 4 KiB: use --mem %lluM",
			(unsigned long long)bytes, (unsigned long long)((bytes + MIB - 1) / MIB));
	if (bytes > available)
		return diag_set(diag, -EINVAL,
			"guest memory of %llu MiB is more than this host has available: use --mem "
			"%lluM or less "
			"(MemAvailable)",
			(unsigned long long)(bytes / MIB), (unsigned long long)(available / MIB));
	return 0;
}

/* mmap() promises 4 KiB alignment only: map one huge page more and give the ends back. */
static void *map_aligned(uint64_t bytes)
{
	uint8_t *raw = mmap(NULL, bytes + HUGE_PAGE, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (raw == MAP_FAILED)
		return NULL;

	uint64_t head = -(uintptr_t)raw & (HUGE_PAGE - 1);
	if (head)
		munmap(raw, head);
	if (head < HUGE_PAGE)
		munmap(raw + head + bytes, HUGE_PAGE - head);
	return raw + head;
}

static int populate(uint8_t *host, uint64_t bytes)
{
	int err;

	do {
		err = madvise(host, bytes, MADV_POPULATE_WRITE) ? errno : 0;
	} while (err == EINTR);
	if (err != EINVAL)
		return -err;
	/* A kernel before 5.14: write to each page. The block is fresh, so a zero changes nothing.
	 */
	for (uint64_t at = 0; at < bytes; at += SMALL_PAGE)
		*(volatile uint8_t *)(host + at) = 0;
	return 0;
}

int memory_create(struct guest_memory *mem, uint64_t bytes, bool small_pages, bool prefault,
	struct diag *diag)
{
	*mem = (struct guest_memory){0};
	int err = memory_check_size(bytes, host_available(), diag);
	if (err)
		return err;

	uint8_t *host = map_aligned(bytes);
	if (!host)
		return diag_set(diag, -ENOMEM,
			"cannot map %llu MiB of guest memory: %s; use a smaller --mem",
			(unsigned long long)(bytes / MIB), strerror(errno));
	/* Both are advice: a kernel without them still runs the guest. */
	(void)madvise(host, bytes, small_pages ? MADV_NOHUGEPAGE : MADV_HUGEPAGE);
	(void)madvise(host, bytes, MADV_DONTDUMP);
	if (prefault) {
		err = populate(host, bytes);
		if (err) {
			munmap(host, bytes);
			return diag_set(diag, -ENOMEM,
				"cannot populate %llu MiB of guest memory: %s; use a smaller --mem",
				(unsigned long long)(bytes / MIB), strerror(-err));
		}
		(void)mlock(host,
			bytes); /* RLIMIT_MEMLOCK may forbid it; populated is what matters most */
	}
	mem->host = host;
	mem->size = bytes;
	return 0;
}

void memory_destroy(struct guest_memory *mem)
{
	if (mem->host)
		munmap(mem->host, mem->size);
	*mem = (struct guest_memory){0};
}

void *memory_at(const struct guest_memory *mem, uint64_t gpa, uint64_t len)
{
	if (gpa > mem->size || len > mem->size - gpa)
		return NULL;
	return mem->host + gpa;
}
