/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of `tickvm bench memory` share: what is measured, and what came of it. */
#ifndef BENCH_MEMORY_H
#define BENCH_MEMORY_H

#include "../agreement.h"
#include "../results.h"

#include "tickvm/guest_abi.h"
#include "tickvm/vm.h"
#include "tickvm/workload.h"

#define MEMORY_LENGTHS   23 /* 256 B to 1 GiB by powers of two */
#define MEMORY_TEAMS_MAX 2

/* First touch, each thread: short rounds and many, so that a disturbance hits few. */
#define MEMORY_TOUCH_BYTES  (UINT64_C(2) << 20)
#define MEMORY_TOUCH_ROUNDS UINT64_C(32)

enum memory_pages { MEMORY_PAGES_2M, MEMORY_PAGES_4K, MEMORY_PAGES };
enum memory_backing { MEMORY_HUGE, MEMORY_ORDINARY, MEMORY_BACKINGS };

/* Of one team: with each backing native, and a guest with each of its own pages. Once for
 * bandwidth, once for first touch. */
#define MEMORY_COLUMNS  (MEMORY_BACKINGS * (1 + MEMORY_PAGES))
#define MEMORY_RUNS_MAX (2 * MEMORY_TEAMS_MAX * MEMORY_COLUMNS)

/* As on the command line and in results files; each ends with NULL. */
extern const char *const memory_op_names[];
extern const char *const memory_page_names[];
extern const char *const memory_backing_names[];

struct memory_plan {
	uint64_t ops, pages, backings; /* bit i: the i-th of each */
	uint64_t max_bytes;            /* the longest vector: a power of two */
	uint64_t rounds, round_ns;
	unsigned teams[MEMORY_TEAMS_MAX];
	unsigned n_teams; /* numbers of vCPUs, or threads, at once */
	bool full;
};

/* GB/s of a cell, or ns a page of first touch; NAN where nothing was measured. */
typedef struct spread memory_cell;

/* One launch, or its native counterpart. */
struct memory_run {
	bool native, touch;
	enum memory_pages pages; /* the guest's own */
	enum memory_backing backing;
	unsigned threads;
	struct diag why; /* why it could not be measured, else "" */
	struct guest_memory_round *rounds;
	size_t n_rounds;
	uint64_t bytes, huge_bytes; /* of the memory, and of it in huge pages; huge: UINT64_MAX
				       unknown */
	memory_cell cells[WORKLOAD_MEMORY_OPS][MEMORY_LENGTHS];
	memory_cell first_touch; /* ns a page of WORKLOAD_PAGE */
};

/* Sizes in bytes; 0 unknown or not there. */
struct memory_caches {
	uint64_t l1d, l2, l3;
};

#define MEMORY_AGREEMENTS 2 /* L1, L2 */

/* All of an experiment. */
struct memory_report {
	const struct memory_plan *plan;
	const struct memory_run *runs;
	size_t n;
	struct memory_caches caches;
	const char *thp; /* the host's setting; "" unknown */
	/* Of reads from L1 and from L2 by the summary's guest, of speeds; n 0: not measured. */
	const struct agreement *agreements; /* MEMORY_AGREEMENTS */
	bool all_tables;                    /* whole curves as tables too */
	double seconds;                     /* the whole experiment; NAN: not of the default plan */
};

/* ---- memory_cells.c: pure ---- */

/* "guest 2m/huge", "native huge". */
const char *memory_run_name(const struct memory_run *run);
/* Huge pages were asked for and less than half of the memory is in them. */
bool memory_lacks_huge_pages(const struct memory_run *run);

/* Bytes that one pass of op reads and writes: rmw moves each twice, memcpy reads one half and
 * writes the other. */
uint64_t memory_traffic(enum workload_memory_op op, uint64_t bytes);
/* Fills cells and first_touch from rounds; what no cell of ours can hold is ignored. tsc_hz: ticks
 * a second. */
void memory_reduce(struct memory_run *run, uint64_t tsc_hz);
/* guest / native of medians; NAN when either is. */
double memory_ratio(const struct memory_run *guest, const struct memory_run *native, unsigned op,
	unsigned length);

enum memory_region { REGION_L1, REGION_L2, REGION_L3, REGION_RAM, MEMORY_REGIONS };
extern const char *const memory_region_names[MEMORY_REGIONS];
/* The vector length, as an index of cells, that stands for a region: a quarter of the cache
 * (L1: at most the longest vector); for RAM the longest vector, when at least twice the last cache.
 * -1: none. */
int memory_region_length(
	const struct memory_caches *caches, size_t max_bytes, enum memory_region region);

/* The summary's guest: the first planned of so many threads, which is 2m/huge unless the user left
 * it out. NULL: none. */
const struct memory_run *memory_find_guest(const struct memory_report *report, unsigned threads);
/* The native run beside a guest, of the same backing. NULL: none. */
const struct memory_run *memory_find_native(
	const struct memory_report *report, const struct memory_run *guest);
/* All runs of bandwidth of so many threads; their number. */
unsigned memory_columns(const struct memory_report *report, unsigned threads,
	const struct memory_run *columns[MEMORY_COLUMNS]);

/* ---- memory_host.c ---- */

/* What sysfs says of a CPU's. */
void memory_caches_read(struct memory_caches *caches, int cpu);
/* Bytes of [start, start + bytes) in transparent huge pages of this process: AnonHugePages of
 * /proc/self/smaps. UINT64_MAX: it does not say. */
uint64_t memory_huge_bytes(const void *start, size_t bytes);
/* The same from such a file. */
uint64_t memory_huge_bytes_in(FILE *smaps, uintptr_t start, size_t bytes);

/* ---- memory_native.c ---- */

/* Has the host's kernel find, clear and free so much memory: the next to ask gets the same pages,
 * and what is below this host, if anything, has them at hand. */
void memory_warm_host(uint64_t bytes, enum memory_backing backing);
/* Fills run's rounds, as the payload's test=memory does. 0, or a negative errno with run->why;
 * -EINTR: the user stopped it. */
int memory_native(
	struct memory_run *run, const struct memory_plan *plan, const struct vm_config *machine);

/* ---- memory_json.c ---- */

/* A run that was measured; vm: NULL for a native one. */
void memory_run_json(struct results *results, const struct memory_run *run,
	const struct vm_config *machine, struct vm *vm);
void memory_skipped_json(struct results *results, const struct memory_run *run);
void memory_caches_json(struct results *results, const struct memory_caches *caches);

/* ---- memory_report.c ---- */

void memory_report(const struct memory_report *report, struct page *page);

#endif
