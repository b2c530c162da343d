/* SPDX-License-Identifier: BSD-2-Clause */
/* What the host's kernel says of memory: cache sizes, and whether huge pages were had. It changes
 * nothing and guesses nothing. */
#include "bench_memory.h"

#include "../launch.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define CACHES_MAX 16

/* A word of /sys/devices/system/cpu/cpuN/cache/indexI/NAME (Linux, Documentation/ABI/testing/
 * sysfs-devices-system-cpu). */
static bool read_attribute(int cpu, int index, const char *name, char value[32])
{
	char path[96];

	snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%d/cache/index%d/%s", cpu, index,
		name);
	FILE *file = fopen(path, "re");

	if (file == NULL)
		return false;
	bool good = fscanf(file, "%31s", value) == 1;

	fclose(file);
	return good;
}

static uint64_t parse_size(const char *text)
{
	uint64_t value = 0;
	char unit = '\0';

	sscanf(text, "%" SCNu64 "%c", &value, &unit);
	return unit == 'K' ? value << 10 : unit == 'M' ? value << 20 : value;
}

void memory_caches_read(struct memory_caches *caches, int cpu)
{
	char level[32], type[32], size[32];

	*caches = (struct memory_caches){0};
	for (int i = 0; i < CACHES_MAX; i++) {
		if (!read_attribute(cpu, i, "level", level) ||
			!read_attribute(cpu, i, "type", type) ||
			!read_attribute(cpu, i, "size", size))
			return;
		if (strcmp(type, "Instruction") == 0)
			continue;
		if (strcmp(level, "1") == 0)
			caches->l1d = parse_size(size);
		else if (strcmp(level, "2") == 0)
			caches->l2 = parse_size(size);
		else if (strcmp(level, "3") == 0)
			caches->l3 = parse_size(size);
	}
}

void memory_caches_of(struct memory_caches *caches, const struct bench_context *context)
{
	struct launch place;

	launch_begin(&place, context, 1);
	memory_caches_read(caches, place.config.vcpu_cpu[0] >= 0 ? place.config.vcpu_cpu[0] : 0);
}

uint64_t memory_huge_bytes_in(FILE *smaps, uintptr_t start, size_t bytes)
{
	bool inside = false, found = false;
	uint64_t huge = 0;
	char line[512];

	while (fgets(line, sizeof(line), smaps) != NULL) {
		uintptr_t low, high;
		uint64_t kib;

		if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " ", &low, &high) == 2) {
			inside = low < start + bytes && high > start;
		} else if (inside && sscanf(line, "AnonHugePages: %" SCNu64 " kB", &kib) == 1) {
			huge += kib << 10;
			found = true;
		}
	}
	return found ? huge : UINT64_MAX;
}

uint64_t memory_huge_bytes(const void *start, size_t bytes)
{
	FILE *smaps = fopen("/proc/self/smaps", "re");

	if (smaps == NULL)
		return UINT64_MAX;
	uint64_t huge = memory_huge_bytes_in(smaps, (uintptr_t)start, bytes);

	fclose(smaps);
	return huge < bytes ? huge : huge == UINT64_MAX ? huge : bytes;
}
