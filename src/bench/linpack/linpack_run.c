/* SPDX-License-Identifier: BSD-2-Clause */
/* A batch of linear systems, in a guest or in threads of this process.
 * What its figures mean is linpack_report.c's matter. */
#include "linpack.h"
#include "../native.h"

#include "tickvm/clock.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define HUGE_PAGE (2ULL << 20)

const char *const linpack_simd_names[] = {"auto", "sse2", "avx2", NULL};

const char *linpack_simd_name(enum workload_simd simd)
{
	return linpack_simd_names[simd == WORKLOAD_AVX2 ? LINPACK_AVX2 : LINPACK_SSE2];
}

double linpack_flops(uint32_t n)
{
	double order = n;

	return (2 * order / 3 + 1.5) * order * order;
}

static uint64_t whole_pages(uint64_t bytes)
{
	return (bytes + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
}

static uint64_t matrix_bytes(uint32_t n)
{
	return whole_pages(workload_lu_doubles(n) * sizeof(double));
}

/* ---- in a guest ---- */

uint64_t linpack_guest_memory(const struct linpack_batch *batch)
{
	uint64_t records = batch->systems * sizeof(struct guest_linpack_run);

	/* Room for x, pivots and stacks. */
	return whole_pages(GUEST_RECORDS_GPA + records) + matrix_bytes(batch->n) + 4 * HUGE_PAGE;
}

/* A minute more than a CPU of 0.1 GFLOP/s needs. */
static uint64_t timeout_ns(const struct linpack_batch *batch)
{
	return (uint64_t)((double)(batch->systems + 1) * linpack_flops(batch->n) * 10) +
	       LAUNCH_PATIENCE_NS;
}

static int launch_batch(struct launch *launch, const struct bench_context *context,
	const struct linpack_batch *batch, const char *simd, struct diag *diag)
{
	launch_begin(launch, context, batch->threads);
	if (!(context->machine_set & BENCH_SET_TIMEOUT))
		launch->config.timeout_ns = timeout_ns(batch);
	launch_append(launch, "test=linpack n=%" PRIu32 " vcpus=%u simd=%s rounds=%zu", batch->n,
		batch->threads, simd, batch->systems);
	return launch_run(launch, diag);
}

/* The guest's records are what was asked for, or they are not used. */
static int check(const struct guest_linpack_run *runs, size_t n, const struct linpack_batch *batch,
	struct diag *diag)
{
	bool good = n == batch->systems;

	for (size_t i = 0; i < n && good; i++)
		good = runs[i].n == batch->n && runs[i].vcpus == batch->threads &&
		       runs[i].simd == batch->simd && runs[i].cycles > 0 &&
		       runs[i].cycles <= INT64_MAX;
	if (!good)
		return diag_set(diag, -EPROTO,
			"the guest's records are not of the systems that it was told to solve");
	return 0;
}

int linpack_guest(struct launch *launch, const struct bench_context *context,
	const struct linpack_batch *batch, struct guest_linpack_run *runs, struct diag *diag)
{
	size_t n = 0;
	int err = launch_batch(launch, context, batch, linpack_simd_name(batch->simd), diag);

	if (err < 0)
		return err;
	const struct guest_linpack_run *records = launch_records(launch, sizeof(*runs), &n, diag);

	err = records == NULL ? -EPROTO : check(records, n, batch, diag);
	if (err == 0)
		memcpy(runs, records, n * sizeof(*runs));
	else
		launch_end(launch);
	return err;
}

/* ---- which instructions ---- */

bool linpack_host_has_avx2(void)
{
	return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

/* A guest that cannot be asked fails where it is measured. */
static bool guest_has_avx2(const struct bench_context *context)
{
	const struct linpack_batch smallest = {.n = 1, .threads = 1, .systems = 1};
	struct launch launch;
	struct diag unused;
	size_t n = 0;

	if (launch_batch(&launch, context, &smallest, linpack_simd_names[LINPACK_AUTO], &unused) <
		0)
		return true;
	const struct guest_linpack_run *run = launch_records(&launch, sizeof(*run), &n, &unused);
	bool avx2 = run == NULL || n != 1 || run->simd == WORKLOAD_AVX2;

	launch_end(&launch);
	return avx2;
}

enum workload_simd linpack_choose_simd(const struct bench_context *context)
{
	static enum workload_simd simd;
	static bool asked;

	if (!linpack_host_has_avx2())
		return WORKLOAD_SSE2;
	if (context->check != NULL)
		return WORKLOAD_AVX2;
	if (!asked)
		simd = guest_has_avx2(context) ? WORKLOAD_AVX2 : WORKLOAD_SSE2;
	asked = true;
	return simd;
}

/* ---- in this process ---- */

struct native {
	const struct linpack_batch *batch;
	struct workload_lu lu;
	struct guest_linpack_run *runs;
};

static struct guest_linpack_run solve(struct workload_lu *lu)
{
	struct guest_linpack_run run = {.n = lu->n, .vcpus = lu->threads, .simd = lu->simd};

	workload_lu_fill(lu);
	uint64_t begin = clock_tsc();

	workload_lu_solve(lu, 0);
	run.cycles = clock_tsc() - begin;
	run.residual_bits = workload_lu_residual(lu);
	return run;
}

/* What the C library has put into AVX-512's registers 16 to 31 holds physical registers, which cost
 * a large system 2 % on a Zen 4. The guest has AVX-512 off. So back to the initial state, without
 * touching other registers (Intel SDM vol. 1, 13.8). */
static void forget_avx512(void)
{
	static const _Alignas(64) uint8_t initial[576]; /* legacy area and header: all zero */
	const uint32_t components = 0xe0;

	if (__builtin_cpu_supports("avx512f"))
		__asm__ volatile("xrstor64 %0" : : "m"(initial), "a"(components), "d"(0));
}

/* As src/guest/linpack.c: the first warms up. */
static void solve_all(void *arg, unsigned thread)
{
	struct native *native = arg;

	forget_avx512();
	for (size_t i = 0; i <= native->batch->systems && !bench_interrupted; i++) {
		if (thread != 0) {
			workload_lu_solve(&native->lu, thread);
			continue;
		}
		struct guest_linpack_run run = solve(&native->lu);

		if (i > 0)
			native->runs[i - 1] = run;
	}
}

int linpack_native(const struct bench_context *context, const struct linpack_batch *batch,
	struct guest_linpack_run *runs, struct diag *diag)
{
	struct native native = {.batch = batch, .runs = runs};
	struct workload_lu *lu = &native.lu;
	struct launch placed; /* threads are where vCPUs would be */
	uint64_t bytes = matrix_bytes(batch->n);
	/* One huge page more, for alignment. Not malloc(): what it has used before stays as it is.
	 */
	uint8_t *area = mmap(NULL, bytes + HUGE_PAGE, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int err = -ENOMEM;

	if (area == MAP_FAILED)
		return diag_set(diag, err, "out of memory");
	launch_begin(&placed, context, batch->threads);
	lu->n = batch->n;
	lu->threads = batch->threads;
	lu->simd = batch->simd;
	lu->interrupted = &bench_interrupted;
	lu->a = (double *)(void *)(area + (-(uintptr_t)area & (HUGE_PAGE - 1)));
	lu->x = calloc(batch->n, sizeof(*lu->x));
	lu->pivot = calloc(batch->n, sizeof(*lu->pivot));
	if (lu->x == NULL || lu->pivot == NULL) {
		diag_set(diag, err, "out of memory");
	} else {
		/* As guest RAM is backed; without huge pages it is slower, not wrong. */
		(void)madvise(
			lu->a, bytes, placed.config.small_pages ? MADV_NOHUGEPAGE : MADV_HUGEPAGE);
		err = native_run(&placed.config, batch->threads, solve_all, &native, diag);
		if (err == 0 && bench_interrupted)
			err = diag_set(diag, -EINTR, "interrupted");
	}
	munmap(area, bytes + HUGE_PAGE);
	free(lu->x);
	free(lu->pivot);
	return err;
}
