/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of `tickvm bench memory` share: what is measured, and what came of it. */
#ifndef BENCH_MEMORY_H
#define BENCH_MEMORY_H

#include "../stats.h"

#include "tickvm/experiment.h"
#include "tickvm/guest_abi.h"
#include "tickvm/vm.h"
#include "tickvm/workload.h"

#define MEMORY_LENGTHS 23 /* 256 B to 1 GiB by powers of two */

/* First touch, each thread: short batches and many, so that a disturbance hits few. */
#define MEMORY_TOUCH_BYTES  (UINT64_C(2) << 20)
#define MEMORY_TOUCH_ROUNDS UINT64_C(32)

enum memory_pages { MEMORY_PAGES_2M, MEMORY_PAGES_4K, MEMORY_PAGES };
enum memory_backing { MEMORY_HUGE, MEMORY_ORDINARY, MEMORY_BACKINGS };

/* As on the command line and in results files; each ends with NULL. */
extern const char *const memory_op_names[];
extern const char *const memory_page_names[];
extern const char *const memory_backing_names[];

struct memory_parameters {
	unsigned side, pages, backing;
	/* bit i: the i-th */
	uint64_t ops;
	/* bytes of the longest vector */
	uint64_t max;
	uint64_t batches;
	bool full;
};

enum { MEMORY_BANDWIDTH, MEMORY_SPREAD, MEMORY_HUGE_SHARE, MEMORY_BANDWIDTH_FIGURES };
enum {
	MEMORY_FIRST_TOUCH,
	MEMORY_TOUCH_LEAST,
	MEMORY_TOUCH_2M,
	MEMORY_TOUCH_HUGE,
	MEMORY_TOUCH_FIGURES
};

/* What a run does. */
struct memory_plan {
	uint64_t ops, max_bytes, rounds, round_ns;
};

/* GB/s of a cell, or ns a page of first touch; NAN where nothing was measured. */
typedef struct spread memory_cell;

/* One launch, or its native counterpart. */
struct memory_run {
	bool native, touch;
	/* the guest's own */
	enum memory_pages pages;
	enum memory_backing backing;
	unsigned threads;
	struct guest_memory_round *rounds;
	size_t n_rounds;
	/* of the memory, and of it in huge pages; huge: UINT64_MAX unknown */
	uint64_t bytes, huge_bytes;
	memory_cell cells[WORKLOAD_MEMORY_OPS][MEMORY_LENGTHS];
	/* ns a page of WORKLOAD_PAGE */
	memory_cell first_touch;
};

/* Sizes in bytes; 0 unknown or not there. */
struct memory_caches {
	uint64_t l1d, l2, l3;
};

/* ---- memory_cells.c: pure ---- */

/* Huge pages were asked for and less than half of the memory is in them. */
bool memory_lacks_huge_pages(const struct memory_run *run);

/* Bytes that one pass of op reads and writes: rmw moves each twice, memcpy reads one half and
 * writes the other. */
uint64_t memory_traffic(enum workload_memory_op op, uint64_t bytes);
/* Fills cells and first_touch from rounds; what no cell of ours can hold is ignored. tsc_hz: ticks
 * a second. */
void memory_reduce(struct memory_run *run, uint64_t tsc_hz);

enum memory_region { REGION_L1, REGION_L2, REGION_L3, REGION_RAM, MEMORY_REGIONS };
extern const char *const memory_region_names[MEMORY_REGIONS];
/* The vector length, as an index of cells, that stands for a region: a quarter of the cache
 * (L1: at most the longest vector); for RAM the longest vector, when at least twice the last cache.
 * -1: none. */
int memory_region_length(
	const struct memory_caches *caches, size_t max_bytes, enum memory_region region);

/* ---- memory_host.c ---- */

/* What sysfs says of a CPU's. */
void memory_caches_read(struct memory_caches *caches, int cpu);
/* Of the CPU of a guest's first vCPU. */
void memory_caches_of(struct memory_caches *caches, const struct bench_context *context);
/* Bytes of [start, start + bytes) in transparent huge pages of this process: AnonHugePages of
 * /proc/self/smaps. UINT64_MAX: it does not say. */
uint64_t memory_huge_bytes(const void *start, size_t bytes);
/* The same from such a file. */
uint64_t memory_huge_bytes_in(FILE *smaps, uintptr_t start, size_t bytes);

/* ---- memory_native.c ---- */

/* Has the host's kernel find, clear and free so much memory: the next to ask gets the same pages,
 * and what is below this host, if anything, has them at hand. */
void memory_warm_host(uint64_t bytes, enum memory_backing backing);
/* Fills run's rounds, as the payload's test=memory does. 0, or a negative errno with diag set;
 * -EINTR: the user stopped it. */
int memory_native(struct memory_run *run, const struct memory_plan *plan,
	const struct vm_config *machine, struct diag *diag);

/* ---- memory_report.c ---- */

/* What the figures say: experiment.conclude(). */
void memory_conclude(struct session *session);

#endif
