/* SPDX-License-Identifier: BSD-2-Clause */
/* What else the machine has to do while timers are measured: the paper's CPU load and disk reads,
 * and interrupts at a set rate. */
#ifndef BENCH_TIMER_LOAD_H
#define BENCH_TIMER_LOAD_H

#include "tickvm/diag.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOADS_MAX     8
#define LOAD_HZ_MAX   100000
#define LOAD_PATH_MAX 32

enum load_kind {
	LOAD_IDLE,
	LOAD_CPU,        /* threads that are busy for a part of the time, on every CPU we may use */
	LOAD_IO,         /* the guest keeps reads of a disk in flight */
	LOAD_INTERRUPTS, /* the monitor raises an interrupt that means nothing */
};

struct load {
	enum load_kind kind;
	unsigned amount; /* CPU: percent, 1 to 100; INTERRUPTS: a second, 1 to LOAD_HZ_MAX */
	char name[24];   /* as on the command line: "cpu:30" */
};

/* It interrupts the guest. */
static inline bool load_interrupts(const struct load *load)
{
	return load->kind == LOAD_IO || load->kind == LOAD_INTERRUPTS;
}

struct loads {
	struct load item[LOADS_MAX];
	unsigned n;
};

/* "idle,cpu:30,io,interrupts:1000". -EINVAL with what was expected in diag. */
int loads_parse(struct loads *loads, const char *text, struct diag *diag);

/* ---- the image that io reads ---- */

/* A file of bytes random bytes in $TMPDIR (or /tmp), unlinked at once: path leads to it as long as
 * fd is open. 0 or a negative errno. */
struct scratch {
	int fd; /* -1: none */
	char path[LOAD_PATH_MAX];
};
int scratch_create(struct scratch *scratch, uint64_t bytes, struct diag *diag);
void scratch_close(struct scratch *scratch);

/* ---- load that is made on the host ---- */

struct host_load;

/* Busy for percent of each 10 ms, SCHED_OTHER, a thread on each CPU this process may use. */
int host_load_cpu(struct host_load **out, unsigned percent, struct diag *diag);
/* What the guest's io load is, without a guest: depth threads on cpu (-1: any), each of which reads
 * records at random places, with O_DIRECT where the file system has it. */
struct host_reads {
	const char *path;
	uint64_t record, depth;
	int cpu;
};
int host_load_reads(struct host_load **out, const struct host_reads *reads, struct diag *diag);

struct host_load_outcome {
	double busy_percent; /* of each CPU: CPU time of the threads over the time they ran */
	double reads_hz;     /* reads done a second; those that failed are not among them */
	bool direct;
};
/* Ends it; NULL is allowed: nothing was done. */
struct host_load_outcome host_load_stop(struct host_load *load);

/* ---- what a thread of it does, and what comes of all ---- */

struct load_clock {
	uint64_t (*now_ns)(void);
	void (*sleep_until_ns)(uint64_t ns);
};
/* Busy for percent of each 10 ms from now on, until stop; returns how long that was. A period that
 * someone else had the CPU for is not made up for. */
uint64_t load_burn(const struct load_clock *clock, unsigned percent, const _Atomic bool *stop);

/* Of threads threads, their sums. percent: of a CPU load; 0: they read. NAN: not measured. */
struct load_work {
	uint64_t cpu_ns, wall_ns, reads;
};
struct host_load_outcome load_outcome(
	const struct load_work *sum, size_t threads, unsigned percent);

#endif
