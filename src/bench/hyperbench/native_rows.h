/* SPDX-License-Identifier: BSD-2-Clause */
/* Between native_rows.c, which has what each row does here, and native_time.c, which times it. */
#ifndef BENCH_NATIVE_ROWS_H
#define BENCH_NATIVE_ROWS_H

#include "../native.h"

#include "tickvm/workload.h"

#include <stdatomic.h>

/* Shared by the two threads of an IPI row. */
struct native_ping {
	_Alignas(64) _Atomic uint32_t request;
	_Alignas(64) _Atomic uint32_t answer;
	_Alignas(64) _Atomic bool stop;
};

struct native_measurement {
	const struct vm_config *machine;
	enum hyperbench_row row;
	const struct native_operation *operation;
	const struct native_plan *plan;
	uint64_t (*now)(void); /* TSC ticks */
	uint64_t min, most;    /* iterations of a round */
	uint64_t b;            /* what the loops get */
	uint8_t *area;         /* of memory rows */
	size_t area_bytes;
	uint64_t scratch[2]; /* of instructions that store */
	struct native_ping ping;
	struct guest_bench_round *rounds;
	size_t n;
	struct native_note *note;
	struct diag *diag;
	int err;
};

struct native_operation {
	const struct workload_pair *loops; /* NULL: there is none, and note is why */
	const char *note;
	/* In the thread that measures, untimed: once, before each round, and at the end. 0 or a
	 * negative errno with diag set; may be NULL. */
	int (*begin)(struct native_measurement *m);
	int (*prepare)(struct native_measurement *m, uint64_t n);
	void (*end)(struct native_measurement *m);
	void (*second)(
		struct native_measurement *m); /* what a second thread does until end; or NULL */
	bool umip; /* CR4.UMIP forbids it at CPL 3 (Intel SDM vol. 3, 2.5) */
};
extern const struct native_operation native_operations[HYPERBENCH_COUNT];

/* Measures m->operation by m->now, in threads of its own: m->n records in m->rounds, and m->note.
 * Returns what native_row() does. */
int native_measure_operation(struct native_measurement *m);

/* Runs loop(1, b, 0). 0, or the number of the signal (SIGSEGV, SIGILL) that it was stopped by. From
 * any thread; another thread's fault is not taken for this one's. */
int native_try_loop(workload_loop loop, uint64_t b);

#endif
