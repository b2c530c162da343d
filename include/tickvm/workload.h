/* SPDX-License-Identifier: BSD-2-Clause */
/* What a benchmark does, apart from where it runs: the same object code is linked into the payload
 * and into tickvm, for guest and native figures of one and the same loop. Freestanding; it reads no
 * clock, calls nobody, allocates nothing. */
#ifndef TICKVM_WORKLOAD_H
#define TICKVM_WORKLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- instructions.c: integer registers only, so that it may run at an emulated CPL 0 ---- */

/* n times one operation; the control is the same loop without it. Both return a value so that
 * nothing is optimised away. */
typedef uint64_t (*workload_loop)(uint64_t n, uint64_t b, uint64_t c);
struct workload_pair {
	workload_loop run, control;
};

#define WORKLOAD_HOT_PAGES   32u
#define WORKLOAD_HOT_STRIDE  4160u /* a page and a cache line */
#define WORKLOAD_HOT_BYTES   (WORKLOAD_HOT_PAGES * WORKLOAD_HOT_STRIDE)
#define WORKLOAD_PAGE        4096u
#define WORKLOAD_PRINT_BYTES 26u /* "HyperBench: tickvm prints\n" */

extern const struct workload_pair workload_idle;
extern const struct workload_pair workload_sgdt, workload_sldt, workload_sidt,
	workload_smsw; /* b: 16 bytes of scratch */
extern const struct workload_pair workload_pushf_popf;
extern const struct workload_pair workload_pages; /* one 8-byte load of each of n pages from b on */
/* n loads of 8 bytes, each from the page after the last one's, in a ring of WORKLOAD_HOT_PAGES at
 * b; each waits for the one before it, which must have loaded 0. So few that every CPU keeps their
 * translations in its first-level TLB, even where a hypervisor below backs large pages with small
 * ones, and in lines that do not evict each other: a load that misses costs what the physical pages
 * are worth that it happened to get, which differ from one allocation to the next. */
extern const struct workload_pair workload_hot_pages;
extern const struct workload_pair workload_in, workload_out; /* one byte; b: port */
extern const struct workload_pair workload_print;            /* REP OUTSB; b: port */

/* ---- memory.c: cachebench's operations (SSE2) ---- */

enum workload_memory_op {
	WORKLOAD_READ,
	WORKLOAD_WRITE,
	WORKLOAD_RMW,  /* read, modify, write */
	WORKLOAD_SET,  /* memset */
	WORKLOAD_COPY, /* memcpy, from the upper half of the vector to the lower */
	WORKLOAD_MEMORY_OPS
};
#define WORKLOAD_MEMORY_NAMES                                                                      \
	{                                                                                          \
		"read", "write", "rmw", "memset", "memcpy"                                         \
	}
#define WORKLOAD_MEMORY_MIN     256u
#define WORKLOAD_MEMORY_WRITTEN 0x0123456789abcdefu /* each 8 bytes after write */
#define WORKLOAD_MEMORY_SET     0x5a                /* each byte after memset */
/* passes times over bytes (a multiple of WORKLOAD_MEMORY_MIN) at vector, 64-byte aligned. read: the
 * sum of all 8-byte words. */
uint64_t workload_memory(enum workload_memory_op op, void *vector, size_t bytes, uint64_t passes);

/* ---- memory_sweep.c: the same timed, by several threads or vCPUs at once ---- */

#define WORKLOAD_TEAM_MAX    16
#define WORKLOAD_FIRST_TOUCH 0xffffffffu /* as the op of a record */

/* Shared by its threads. All of them make the same calls in the same order, each with its number
 * and memory of its own; they wait for each other by spinning. */
struct workload_team {
	uint32_t threads;      /* 1 to WORKLOAD_TEAM_MAX */
	uint64_t (*now)(void); /* fenced TSC, the same on all CPUs */
	/* By thread 0, after each round: passes over bytes by every thread took cycles from the
	 * first one's beginning to the last one's end. */
	void (*record)(void *arg, uint32_t op, size_t bytes, uint64_t passes, uint64_t cycles);
	void *arg;
	const _Atomic int *interrupted; /* NULL, or not 0: stop after this round */
	/* Their own; 0 before the first call. */
	uint32_t arrived, sense;
	bool stopped;
	struct {
		uint64_t begin, end;
	} stamps[WORKLOAD_TEAM_MAX];
};
struct workload_memory_plan {
	uint32_t ops;     /* bit i: enum workload_memory_op i */
	size_t max_bytes; /* WORKLOAD_MEMORY_MIN to this, by powers of two; at most 2 GiB */
	uint64_t rounds, round_cycles; /* a pilot finds the passes that take about so long */
};
void workload_memory_sweep(struct workload_team *team, uint32_t thread,
	const struct workload_memory_plan *plan, void *vector);
/* One store to each page of bytes, which nobody touched before; the next bytes of area in the next
 * round. */
void workload_memory_touch(
	struct workload_team *team, uint32_t thread, void *area, size_t bytes, uint64_t rounds);

/* ---- touch.c ---- */

/* Increments one 8-byte word every stride bytes (both multiples of 8, stride not 0), and returns
 * their sum: the working set of a context. */
uint64_t workload_touch(void *vector, size_t bytes, size_t stride);

/* ---- lu.c: LU with partial pivoting, double precision (SSE2; AVX2 and FMA) ---- */

enum workload_simd { WORKLOAD_SSE2, WORKLOAD_AVX2 };

/* One system Ax = b of order n, shared by the threads that solve it. All memory is the caller's. */
struct workload_lu {
	uint32_t n, threads;
	enum workload_simd simd;
	double *a;       /* workload_lu_doubles(n), 64-byte aligned */
	double *x;       /* n: b, then the solution */
	uint32_t *pivot; /* n */
	const _Atomic int
		*interrupted; /* NULL, or not 0: give up; x is no solution, team is spoilt */
	/* How the threads share the work; zero before the first call. What is waited for, and what
	 * is counted meanwhile, each in a cache line of its own, wherever the structure is: else
	 * guest and native share different lines. */
	struct {
		_Alignas(64) uint32_t arrived; /* a barrier, waited for spinning */
		uint32_t taken;                /* parts of the current step */
		_Alignas(64) uint32_t sense;
	} team;
};
size_t workload_lu_doubles(uint32_t n);
/* Fills a and x from a fixed generator: the same system everywhere. One thread. */
void workload_lu_fill(struct workload_lu *lu);
/* Factors and solves; called by each of threads with its number. They wait for each other by
 * spinning. */
void workload_lu_solve(struct workload_lu *lu, uint32_t thread);
/* HPL's check, ||Ax - b|| / (eps (||A|| ||x|| + ||b||) n), infinity norms, A and b made anew: below
 * 16 is right. A double's bits. One thread. */
uint64_t workload_lu_residual(const struct workload_lu *lu);

/* ---- disk.c: the records of a disk ---- */

/* A round over all of them: turn 0 at its beginning; generation: when writing, a number that no
 * other round has, not 0; when reading 0. */
struct workload_disk {
	uint64_t records;      /* 1 to 2^48 */
	uint64_t record_bytes; /* a multiple of 512 */
	bool random;           /* else in ascending order */
	uint64_t turn, generation;
};
/* The number of the next record: each of [0, records) once in as many calls. */
uint64_t workload_disk_next(struct workload_disk *disk);
/* Fills a record, and seals it with a checksum over its data, number and generation. 8-byte
 * aligned. */
void workload_disk_fill(const struct workload_disk *disk, void *record, uint64_t number);
/* Is this that record as it was filled? The first that is right says which generation the others
 * must be of: what was not written with them is wrong. */
bool workload_disk_check(struct workload_disk *disk, const void *record, uint64_t number);

#endif
