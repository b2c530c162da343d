/* SPDX-License-Identifier: BSD-2-Clause */
/* HyperBench's memory rows: loads from pages touched before, from pages nobody touched, and a whole
 * mapping of RAM. */
#include "bench.h"

#define HUGE_PAGE (2ULL << 20)

static uint64_t tables; /* of 4 KiB pages */

/* ---- hot: pages that were touched before ---- */

static uint64_t hot_prepare(uint64_t n)
{
	static uint64_t area;

	(void)n;
	if (!area)
		area = (uintptr_t)ram_take(WORKLOAD_HOT_BYTES, HUGE_PAGE);
	workload_hot_pages.run(WORKLOAD_HOT_PAGES, area, 0);
	return area;
}

const struct operation hyperbench_HOT_MEMORY = {
	.loops = &workload_hot_pages, .prepare = hot_prepare};

/* ---- cold: each round has pages of its own, and each page a translation of its own to miss ----
 */

static const char *small_pages_init(const struct cmdline *cmdline)
{
	(void)cmdline;
	tables = paging_identity_4k();
	return NULL;
}

static const char *cold_init(const struct cmdline *cmdline)
{
	small_pages_init(cmdline);
	paging_use(tables);
	return NULL;
}

static uint64_t cold_most(uint64_t larger, uint64_t total)
{
	(void)larger;
	return ram_left(WORKLOAD_PAGE) / WORKLOAD_PAGE / total;
}

static uint64_t cold_prepare(uint64_t n)
{
	return (uintptr_t)ram_take(n * WORKLOAD_PAGE, WORKLOAD_PAGE);
}

static void cold_cleanup(void)
{
	paging_use(0);
}

const struct operation hyperbench_COLD_MEMORY = {.loops = &workload_pages,
	.init = cold_init,
	.most = cold_most,
	.prepare = cold_prepare,
	.cleanup = cold_cleanup};

/* ---- set page table: written, used, and left again; the control goes to CPL 0 as often ---- */

static uint64_t set_page_table(uint64_t n, uint64_t b, uint64_t c)
{
	(void)b, (void)c;
	for (; n; n--) {
		paging_fill_4k(tables);
		paging_use(tables);
		paging_use(0);
	}
	return 0;
}

static uint64_t nothing(uint64_t a, uint64_t b, uint64_t c)
{
	(void)a, (void)b, (void)c;
	return 0;
}

static uint64_t set_page_table_control(uint64_t n, uint64_t b, uint64_t c)
{
	(void)b, (void)c;
	for (; n; n--) {
		in_kernel(nothing, 0, 0, 0);
		in_kernel(nothing, 0, 0, 0);
	}
	return 0;
}

static const struct workload_pair set_page_table_loops = {set_page_table, set_page_table_control};

const struct operation hyperbench_SET_PAGE_TABLE = {
	.loops = &set_page_table_loops, .init = small_pages_init};
