/* SPDX-License-Identifier: BSD-2-Clause */
/* Exit statistics: attribution, totals that add up, the full table, merging, memory.
 * No KVM, no clock. */
#include "tickvm/exit_stats.h"

#include <criterion/criterion.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static const char pit[] = "pit", serial[] = "serial", vcpu[] = "vcpu";

static const struct exit_row *find(
	struct exit_stats *stats, enum exit_kind kind, uint64_t address, const char *device)
{
	size_t n;
	const struct exit_row *rows = exit_stats_rows(stats, &n);

	for (size_t i = 0; i < n; i++)
		if (rows[i].kind == kind && rows[i].address == address &&
			strcmp(rows[i].device, device) == 0)
			return &rows[i];
	return NULL;
}

static uint64_t total_count(struct exit_stats *stats)
{
	size_t n;
	const struct exit_row *rows = exit_stats_rows(stats, &n);
	uint64_t total = 0;

	for (size_t i = 0; i < n; i++)
		total += rows[i].time.count;
	return total;
}

Test(exit_stats, begins_empty)
{
	struct exit_stats *stats = exit_stats_create();
	size_t n = 1;

	exit_stats_rows(stats, &n);
	cr_assert_eq(n, 0);
	exit_stats_destroy(stats);
	exit_stats_destroy(NULL);
}

Test(exit_stats, each_part_of_the_key_makes_a_row)
{
	struct exit_stats *stats = exit_stats_create();
	size_t n;

	exit_stats_add(stats, EXIT_KIND_PIO_OUT, 0x43, pit, 1000, true, 300);
	exit_stats_add(stats, EXIT_KIND_PIO_OUT, 0x43, pit, 2000, true, 500);
	exit_stats_add(stats, EXIT_KIND_PIO_IN, 0x43, pit, 10, true, 1);
	exit_stats_add(stats, EXIT_KIND_PIO_OUT, 0x40, pit, 20, true, 2);
	exit_stats_add(stats, EXIT_KIND_PIO_OUT, 0x43, serial, 30, true, 3);
	exit_stats_add(stats, EXIT_KIND_HLT, 0, vcpu, 40, false, 0);
	exit_stats_rows(stats, &n);
	cr_assert_eq(n, 5);

	const struct exit_row *row = find(stats, EXIT_KIND_PIO_OUT, 0x43, "pit");
	cr_assert_not_null(row);
	cr_assert_eq(row->time.count, 2);
	cr_assert_eq(row->time.sum, 3000);
	cr_assert_eq(row->time.min, 1000);
	cr_assert_eq(row->time.max, 2000);
	cr_assert_eq(row->model.sum, 800);
	cr_assert_eq(row->model.min, 300);
	row = find(stats, EXIT_KIND_HLT, 0, "vcpu");
	cr_assert_not_null(row);
	cr_assert_eq(row->model.count, 0);
	cr_assert_eq(row->model.min, UINT64_MAX);
	exit_stats_destroy(stats);
}

Test(exit_stats, rows_come_longest_total_first)
{
	struct exit_stats *stats = exit_stats_create();
	size_t n;

	for (int i = 0; i < 10; i++)
		exit_stats_add(stats, EXIT_KIND_PIO_IN, 1, pit, 5, false, 0);
	exit_stats_add(stats, EXIT_KIND_HLT, 0, vcpu, 1000, false, 0);
	exit_stats_add(stats, EXIT_KIND_KICK, 0, vcpu, 51, false, 0);
	const struct exit_row *rows = exit_stats_rows(stats, &n);
	cr_assert_eq(n, 3);
	cr_assert_eq(rows[0].kind, EXIT_KIND_HLT);
	cr_assert_eq(rows[1].kind, EXIT_KIND_KICK);
	cr_assert_eq(rows[2].kind, EXIT_KIND_PIO_IN);
	exit_stats_destroy(stats);
}

Test(exit_stats, counting_goes_on_after_sorting)
{
	struct exit_stats *stats = exit_stats_create();
	size_t n;

	for (int round = 0; round < 3; round++) {
		for (uint64_t port = 0; port < 100; port++)
			exit_stats_add(stats, EXIT_KIND_PIO_IN, port, pit, port, false, 0);
		exit_stats_rows(stats, &n);
		cr_assert_eq(n, 100);
	}
	for (uint64_t port = 0; port < 100; port++)
		cr_assert_eq(find(stats, EXIT_KIND_PIO_IN, port, "pit")->time.sum, 3 * port);
	exit_stats_destroy(stats);
}

/* A guest that sweeps addresses loses no exit: the surplus is counted together. */
Test(exit_stats, a_full_table_counts_on)
{
	struct exit_stats *stats = exit_stats_create();
	size_t n;

	for (int round = 0; round < 2; round++)
		for (uint64_t i = 0; i < 1000; i++)
			exit_stats_add(stats, EXIT_KIND_MMIO_READ, i << 12, pit, 7, false, 0);
	exit_stats_rows(stats, &n);
	cr_assert_eq(n, EXIT_STATS_ROWS + 1);
	cr_assert_eq(total_count(stats), 2000);
	const struct exit_row *row = find(stats, EXIT_KIND_OTHER, UINT64_MAX, "table-full");
	cr_assert_not_null(row);
	cr_assert_eq(row->time.count, 2ULL * (1000 - EXIT_STATS_ROWS));
	cr_assert_eq(find(stats, EXIT_KIND_MMIO_READ, 255 << 12, "pit")->time.count, 2);
	exit_stats_destroy(stats);
}

Test(exit_stats, merging_adds_rows_and_overflow)
{
	struct exit_stats *a = exit_stats_create(), *b = exit_stats_create();

	exit_stats_add(a, EXIT_KIND_HLT, 0, vcpu, 100, false, 0);
	exit_stats_add(b, EXIT_KIND_HLT, 0, vcpu, 50, false, 0);
	for (uint64_t i = 0; i < 300; i++)
		exit_stats_add(b, EXIT_KIND_RDMSR, i, vcpu, 1, true, 1);
	exit_stats_merge(a, b);
	cr_assert_eq(find(a, EXIT_KIND_HLT, 0, "vcpu")->time.sum, 150);
	cr_assert_eq(find(a, EXIT_KIND_HLT, 0, "vcpu")->time.min, 50);
	cr_assert_eq(find(a, EXIT_KIND_OTHER, UINT64_MAX, "table-full")->time.count, 45);
	cr_assert_eq(total_count(a), 302);
	cr_assert_eq(total_count(b), 301, "the source is left alone");

	/* Into a full table: what finds no row joins the surplus. */
	exit_stats_destroy(b);
	b = exit_stats_create();
	exit_stats_add(b, EXIT_KIND_WRMSR, 1, vcpu, 9, false, 0);
	exit_stats_merge(a, b);
	cr_assert_eq(find(a, EXIT_KIND_OTHER, UINT64_MAX, "table-full")->time.count, 46);
	exit_stats_destroy(a);
	exit_stats_destroy(b);
}

/* The words of the table; every kind has its own. */
Test(exit_stats, kinds_have_names)
{
	cr_assert_str_eq(exit_kind_name(EXIT_KIND_PIO_IN), "pio-in");
	cr_assert_str_eq(exit_kind_name(EXIT_KIND_MMIO_WRITE), "mmio-write");
	cr_assert_str_eq(exit_kind_name(EXIT_KIND_HLT), "hlt");
	for (int i = 0; i < EXIT_KINDS; i++)
		for (int k = 0; k < i; k++)
			cr_assert_str_neq(exit_kind_name((enum exit_kind)i),
				exit_kind_name((enum exit_kind)k));
	cr_assert_str_eq(exit_kind_name((enum exit_kind)99), "invalid");
}

static size_t resident_bytes(const struct exit_row *rows)
{
	static unsigned char pages[4096];
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	uintptr_t begin = (uintptr_t)rows & ~(page - 1);
	size_t length = (EXIT_STATS_ROWS + 1) * sizeof(*rows), resident = 0;

	cr_assert_eq(mincore((void *)begin, length, pages), 0);
	for (size_t i = 0; i < length / page; i++)
		resident += pages[i] & 1 ? page : 0;
	return resident;
}

/* 16 vCPUs' tables must fit beside the monitor in 8 MiB. */
Test(exit_stats, untouched_rows_take_no_memory)
{
	struct exit_stats *stats = exit_stats_create();
	size_t n;

	cr_assert_eq(resident_bytes(exit_stats_rows(stats, &n)), 0);
	for (uint64_t i = 0; i < 10; i++)
		exit_stats_add(stats, EXIT_KIND_PIO_IN, i, pit, 20000, true, 1000);
	size_t used = resident_bytes(exit_stats_rows(stats, &n));
	cr_assert_gt(used, 0);
	cr_assert_leq(used, 11 * sizeof(struct exit_row) + 8192);
	exit_stats_destroy(stats);
}
