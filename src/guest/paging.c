/* SPDX-License-Identifier: BSD-2-Clause */
/* Page tables beside those of boot.S: copies of them in which some 2 MiB are mapped otherwise. The
 * boot tables themselves are never changed. */
#include "guest.h"

#define PAGE     4096ULL
#define PAGE_2M  (2ULL << 20)
#define ENTRIES  512u
#define PRESENT  0x07ULL /* writable, open to CPL 3 */
#define LARGE    0x80ULL
#define BOOT_PDS 4u

extern uint64_t pml4[ENTRIES], pd[BOOT_PDS * ENTRIES];

/* PML4, PDPT, and the four page directories one after another, so that [i] maps the i-th 2 MiB. */
struct tables {
	uint64_t pml4[ENTRIES], pdpt[ENTRIES], pd[BOOT_PDS * ENTRIES];
};

static void copy_boot_tables(struct tables *tables)
{
	tables->pml4[0] = (uintptr_t)tables->pdpt | PRESENT;
	for (unsigned i = 0; i < BOOT_PDS; i++)
		tables->pdpt[i] = (uintptr_t)&tables->pd[i * ENTRIES] | PRESENT;
	for (unsigned i = 0; i < BOOT_PDS * ENTRIES; i++)
		tables->pd[i] = pd[i];
}

static uint64_t ram_large_pages(void)
{
	return (machine.ram_end + PAGE_2M - 1) / PAGE_2M;
}

/* Identity tables: what tables maps as RAM leads to small, one page table for 2 MiB after another.
 */
struct identity {
	struct tables tables;
	uint64_t small[];
};

/* A page table that leads to pages (at most 512) 4 KiB pages from physical on. */
static uint64_t small_pages(uint64_t physical, uint64_t pages)
{
	uint64_t *table = ram_take(PAGE, PAGE);

	for (uint64_t i = 0; i < pages && i < ENTRIES; i++)
		table[i] = (physical + i * PAGE) | PRESENT;
	return (uintptr_t)table | PRESENT;
}

uint64_t paging_identity_4k(void)
{
	struct identity *identity = ram_take(sizeof(*identity) + ram_large_pages() * PAGE, PAGE);

	copy_boot_tables(&identity->tables);
	paging_fill_4k((uintptr_t)identity);
	return (uintptr_t)identity;
}

void paging_fill_4k(uint64_t cr3)
{
	struct identity *identity = (struct identity *)cr3;
	uint64_t large = ram_large_pages();

	for (uint64_t i = 0; i < large * ENTRIES; i++)
		identity->small[i] = i * PAGE | PRESENT;
	for (uint64_t i = 0; i < large; i++)
		identity->tables.pd[i] = (uintptr_t)&identity->small[i * ENTRIES] | PRESENT;
}

uint64_t paging_window(uint64_t at, uint64_t physical, uint64_t bytes, bool small)
{
	struct tables *tables = ram_take(sizeof(*tables), PAGE);

	copy_boot_tables(tables);
	for (uint64_t done = 0; done < bytes; done += PAGE_2M)
		tables->pd[(at + done) / PAGE_2M] =
			small ? small_pages(physical + done, (bytes - done + PAGE - 1) / PAGE)
			      : (physical + done) | PRESENT | LARGE;
	return (uintptr_t)tables;
}

/* CPL 0. */
static uint64_t load_cr3(uint64_t cr3, uint64_t b, uint64_t c)
{
	(void)b, (void)c;
	__asm__ volatile("mov %0, %%cr3" : : "r"(cr3) : "memory");
	return 0;
}

void paging_use(uint64_t cr3)
{
	in_kernel(load_cr3, cr3 ? cr3 : (uintptr_t)pml4, 0, 0);
}
