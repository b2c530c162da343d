/* SPDX-License-Identifier: BSD-2-Clause */
/* The arithmetic of bench memory: bandwidths from rounds, caches' stand-ins, huge pages from a
 * kernel's own words. */
#include "../../src/bench/memory/bench_memory.h"

#include <criterion/criterion.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#define GHZ 1000000000ULL

static bool near(double a, double b)
{
	return fabs(a - b) <= 1e-9 * fabs(b);
}

Test(memory_cells, traffic_counts_reads_and_writes)
{
	cr_expect_eq(memory_traffic(WORKLOAD_READ, 256), 256);
	cr_expect_eq(memory_traffic(WORKLOAD_WRITE, 256), 256);
	cr_expect_eq(memory_traffic(WORKLOAD_RMW, 256), 512);
	cr_expect_eq(memory_traffic(WORKLOAD_SET, 256), 256);
	cr_expect_eq(memory_traffic(WORKLOAD_COPY, 256), 256);
}

Test(memory_cells, bandwidth_is_the_median_of_all_vcpus)
{
	/* 2 vCPUs x 10 passes x 1 KiB in 1, 2 and 4 us; rmw twice that. */
	struct guest_memory_round rounds[] = {
		{WORKLOAD_READ, 2, 1024, 10, 1000},
		{WORKLOAD_RMW, 2, 1024, 10, 1000},
		{WORKLOAD_READ, 2, 1024, 10, 4000},
		{WORKLOAD_READ, 2, 1024, 10, 2000},
	};
	struct memory_run run = {.rounds = rounds, .n_rounds = 4, .threads = 2};

	memory_reduce(&run, GHZ);
	memory_cell cell = run.cells[WORKLOAD_READ][2];

	cr_expect(near(cell.median, 10.24) && near(cell.min, 5.12) && near(cell.max, 20.48));
	cr_expect(near(run.cells[WORKLOAD_RMW][2].median, 40.96));
	cr_expect(isnan(run.cells[WORKLOAD_READ][3].median));
	cr_expect(isnan(run.first_touch.median));
}

Test(memory_cells, first_touch_is_nanoseconds_a_page)
{
	struct guest_memory_round rounds[] = {
		{GUEST_MEMORY_FIRST_TOUCH, 1, MEMORY_TOUCH_BYTES, 1, 512 * 1000},
		{GUEST_MEMORY_FIRST_TOUCH, 1, MEMORY_TOUCH_BYTES, 1, 512 * 3000},
	};
	struct memory_run run = {.rounds = rounds, .n_rounds = 2, .touch = true, .threads = 1};

	memory_reduce(&run, 2 * GHZ);
	cr_expect(near(run.first_touch.median, 1000));
	cr_expect(near(run.first_touch.min, 500));
}

/* A guest can leave anything in its records. */
Test(memory_cells, hostile_records_are_no_cells)
{
	struct guest_memory_round rounds[] = {
		{WORKLOAD_READ, 1, 256, UINT64_MAX, 0},
		{WORKLOAD_READ, 1, 257, 1, 1},
		{77, UINT32_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX},
		{WORKLOAD_READ, UINT32_MAX, 0, 0, 1},
	};
	struct memory_run run = {.rounds = rounds, .n_rounds = 4, .threads = 1};

	memory_reduce(&run, GHZ);
	for (unsigned op = 0; op < WORKLOAD_MEMORY_OPS; op++)
		for (unsigned i = 0; i < MEMORY_LENGTHS; i++)
			cr_expect(isnan(run.cells[op][i].median));
}

Test(memory_cells, a_quarter_of_a_cache_stands_for_it)
{
	struct memory_caches caches = {.l1d = 48 << 10, .l2 = 1 << 20, .l3 = 32 << 20};
	size_t max = 64 << 20;

	cr_expect_eq(memory_region_length(&caches, max, REGION_L1), 5); /* 8 KiB of 12 */
	cr_expect_eq(memory_region_length(&caches, max, REGION_L2), 10);
	cr_expect_eq(memory_region_length(&caches, max, REGION_L3), 15);
	cr_expect_eq(memory_region_length(&caches, max, REGION_RAM), 18);
	cr_expect_eq(memory_region_length(&caches, max / 2, REGION_RAM), -1, "still in L3");
	cr_expect_eq(memory_region_length(&caches, 4096, REGION_L1), 4, "the longest there is");
	cr_expect_eq(memory_region_length(&caches, 4096, REGION_L2), -1, "not measured");
}

Test(memory_cells, unknown_caches_are_not_guessed)
{
	struct memory_caches none = {0}, two = {.l1d = 32 << 10, .l2 = 256 << 10};

	for (unsigned region = 0; region < MEMORY_REGIONS; region++)
		cr_expect_eq(memory_region_length(&none, 1 << 30, region), -1);
	cr_expect_eq(memory_region_length(&two, 1 << 20, REGION_L3), -1);
	cr_expect_eq(memory_region_length(&two, 1 << 20, REGION_RAM), 12);
}

/* ---- huge pages ---- */

static uint64_t huge_in(const char *text, uintptr_t start, size_t bytes)
{
	FILE *file = fmemopen((void *)(uintptr_t)text, strlen(text), "r");

	cr_assert_not_null(file);
	uint64_t huge = memory_huge_bytes_in(file, start, bytes);

	fclose(file);
	return huge;
}

static const char smaps[] = "00400000-00600000 r-xp 00000000 08:01 131 /bin/tool\n"
			    "Size:               2048 kB\n"
			    "AnonHugePages:      2048 kB\n"
			    "VmFlags: rd ex mr mw me\n"
			    "7f0000000000-7f0000800000 rw-p 00000000 00:00 0 \n"
			    "Size:               8192 kB\n"
			    "AnonHugePages:      6144 kB\n"
			    "7f0000800000-7f0000a00000 rw-p 00000000 00:00 0 \n"
			    "AnonHugePages:         0 kB\n";

Test(memory_host, huge_pages_of_an_area)
{
	cr_expect_eq(huge_in(smaps, 0x7f0000000000, 0x800000), 6144 << 10);
	cr_expect_eq(huge_in(smaps, 0x7f0000000000, 0xa00000), 6144 << 10);
	cr_expect_eq(huge_in(smaps, 0x7f0000800000, 0x200000), 0);
	cr_expect_eq(huge_in(smaps, 0x400000, 4096), 2048 << 10);
	cr_expect_eq(huge_in(smaps, 0x1000, 4096), UINT64_MAX, "no such mapping");
	cr_expect_eq(huge_in("garbage\n", 0x1000, 4096), UINT64_MAX);
}

Test(memory_host, an_area_without_its_huge_pages_is_told)
{
	struct memory_run run = {
		.backing = MEMORY_HUGE, .n_rounds = 1, .bytes = 8 << 20, .huge_bytes = 2 << 20};

	cr_expect(memory_lacks_huge_pages(&run));
	run.huge_bytes = 6 << 20;
	cr_expect_not(memory_lacks_huge_pages(&run));
	run.huge_bytes = UINT64_MAX;
	cr_expect_not(memory_lacks_huge_pages(&run), "the kernel does not say");
	run = (struct memory_run){.backing = MEMORY_ORDINARY, .n_rounds = 1, .bytes = 8 << 20};
	cr_expect_not(memory_lacks_huge_pages(&run));
}
