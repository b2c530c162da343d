/* SPDX-License-Identifier: BSD-2-Clause */
/* What bench linpack's files share: a batch of systems, its figures, and what rows of them come to.
 */
#ifndef BENCH_LINPACK_H
#define BENCH_LINPACK_H

#include "../launch.h"

#include "tickvm/document.h"
#include "tickvm/workload.h"

/* ---- linpack_run.c ---- */

#define LINPACK_N_MAX       10000
#define LINPACK_SYSTEMS_MAX 1000

/* HPL's count: 2/3 n^3 + 3/2 n^2 for the factorization and the solution. */
double linpack_flops(uint32_t n);

/* One launch of the guest, or one set of native threads: systems of order n, one after another, by
 * threads together, after one that is not recorded. */
struct linpack_batch {
	uint32_t n;
	unsigned threads;
	enum workload_simd simd;
	size_t systems; /* 1 to LINPACK_SYSTEMS_MAX */
};

/* Bytes that its guest needs. */
uint64_t linpack_guest_memory(const struct linpack_batch *batch);
/* Both fill runs (batch->systems of them). 0; -EINTR, -ENOTSUP or another negative errno with diag.
 * What the guest left is read by launch_end(), after 0 only. */
int linpack_guest(struct launch *launch, const struct bench_context *context,
	const struct linpack_batch *batch, struct guest_linpack_run *runs, struct diag *diag);
int linpack_native(const struct bench_context *context, const struct linpack_batch *batch,
	struct guest_linpack_run *runs, struct diag *diag);

/* What a user may ask for. */
enum linpack_simd { LINPACK_AUTO, LINPACK_SSE2, LINPACK_AVX2 };
extern const char *const linpack_simd_names[]; /* ends with NULL */
/* What a batch's is called. */
const char *linpack_simd_name(enum workload_simd simd);
bool linpack_host_has_avx2(void);
/* The best instructions that both sides have. A guest is asked, once in a process, but not where
 * options are looked at only. */
enum workload_simd linpack_choose_simd(const struct bench_context *context);

/* ---- linpack_report.c ---- */

#define LINPACK_RESIDUAL_LIMIT 16.0 /* HPL's */
double linpack_residual(const struct guest_linpack_run *run);

/* Of a batch. */
enum {
	LINPACK_SPEED,
	LINPACK_BATCH_SPREAD,
	LINPACK_RESIDUAL,
	LINPACK_SYSTEMS,
	LINPACK_WRONG,
	LINPACK_FIGURES
};
extern const struct figure linpack_figures[LINPACK_FIGURES];
void linpack_reduce(const struct linpack_batch *batch, const struct guest_linpack_run *runs,
	double figures[LINPACK_FIGURES]);

/* The label of rows with more threads than CPUs, and what it says. */
#define LINPACK_CROWDED "!"
/* Of a dataset with the axes side, n, vcpus, simd and these figures: verdicts, a table of both
 * sides, a chart, notes. cpus: that this process may use. */
void linpack_say(struct document *document, const struct dataset *set, int cpus);

#endif
