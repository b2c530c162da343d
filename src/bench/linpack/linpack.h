/* SPDX-License-Identifier: BSD-2-Clause */
/* What bench linpack's files share: a batch of systems, what rows of them come to, and their page.
 */
#ifndef BENCH_LINPACK_H
#define BENCH_LINPACK_H

#include "../agreement.h"
#include "../launch.h"
#include "../results.h"

#include "tickvm/workload.h"

/* ---- linpack_run.c ---- */

#define LINPACK_N_MAX      10000
#define LINPACK_ROUNDS_MAX 1000

/* HPL's count: 2/3 n^3 + 3/2 n^2 for the factorization and the solution. */
double linpack_flops(uint32_t n);

/* One launch of the guest, or one set of native threads: rounds systems of order n, one after
 * another, by threads together, after one that is not recorded. */
struct linpack_batch {
	uint32_t n;
	unsigned threads;
	enum workload_simd simd;
	size_t rounds; /* 1 to LINPACK_ROUNDS_MAX */
};

/* Both fill runs (batch->rounds of them). 0; -EINTR, -ENOTSUP or another negative errno with diag.
 * The guest's machine and exits are added to json, a run of results. */
int linpack_guest(const struct bench_context *context, const struct linpack_batch *batch,
	struct guest_linpack_run *runs, struct results *results, json_t *json, struct diag *diag);
int linpack_native(const struct bench_context *context, const struct linpack_batch *batch,
	struct guest_linpack_run *runs, struct diag *diag);

/* What a user may ask for. */
enum linpack_simd { LINPACK_AUTO, LINPACK_SSE2, LINPACK_AVX2 };
extern const char *const linpack_simd_names[]; /* ends with NULL */
/* What a batch's is called. */
const char *linpack_simd_name(enum workload_simd simd);
/* The instructions that both sides will use; asks a guest. -ENOTSUP with diag: these are not to be
 * had here; else as above. */
int linpack_choose_simd(const struct bench_context *context, enum linpack_simd asked,
	enum workload_simd *simd, struct diag *diag);

/* ---- linpack_report.c ---- */

enum linpack_side { LINPACK_NATIVE, LINPACK_GUEST, LINPACK_SIDES };
extern const char *const linpack_side_names[LINPACK_SIDES];
#define LINPACK_BATCHES AGREEMENT_PAIRS /* of a side in a row: the i-th of both are a pair */

struct linpack_samples {
	int64_t cycles[LINPACK_BATCHES * LINPACK_ROUNDS_MAX];
	size_t n;
	double medians[LINPACK_BATCHES]; /* cycles, a batch */
	size_t batches;
};

/* An order with a number of threads. */
struct linpack_row {
	uint32_t n;
	unsigned threads;
	struct linpack_samples samples[LINPACK_SIDES];
	double worst_residual;
	size_t wrong; /* solutions whose residual is too great, or not a number */
	int err;
	struct diag diag; /* why err */
};

#define LINPACK_RESIDUAL_LIMIT 16.0 /* HPL's */
double linpack_residual(const struct guest_linpack_run *run);
/* A batch. */
void linpack_add(struct linpack_row *row, enum linpack_side side,
	const struct guest_linpack_run *runs, size_t n);
/* Guest's speed to native. */
struct agreement linpack_agreement(const struct linpack_row *row);

struct linpack_report {
	struct linpack_row *rows;
	size_t n_rows;
	enum workload_simd simd;
	int cpus; /* that this process may use */
};
/* Says what the rows come to. Sorts samples. */
void linpack_page(struct page *page, const struct linpack_report *report);

#endif
