/* SPDX-License-Identifier: BSD-2-Clause */
/* The linear solver: systems with known answers, every order around its blocks, threads, both
 * instruction sets, and a check that notices wrong solutions. No KVM. */
#include "../../src/workload/lu_internal.h"

#include <criterion/criterion.h>

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

TestSuite(workload_lu, .timeout = 300);

#define RIGHT 16.0

static bool have(enum workload_simd simd)
{
	return simd == WORKLOAD_SSE2 ||
	       (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"));
}

static struct workload_lu create(uint32_t n, uint32_t threads, enum workload_simd simd)
{
	struct workload_lu lu = {.n = n, .threads = threads, .simd = simd};

	lu.a = aligned_alloc(64, workload_lu_doubles(n) * sizeof(double));
	lu.x = malloc(n * sizeof(double));
	lu.pivot = malloc(n * sizeof(uint32_t));
	cr_assert(lu.a != NULL && lu.x != NULL && lu.pivot != NULL);
	workload_lu_fill(&lu);
	return lu;
}

static void destroy(struct workload_lu *lu)
{
	free(lu->a);
	free(lu->x);
	free(lu->pivot);
}

struct helper {
	struct workload_lu *lu;
	uint32_t thread;
	pthread_t id;
};

static void *help(void *arg)
{
	struct helper *helper = arg;

	workload_lu_solve(helper->lu, helper->thread);
	return NULL;
}

static void solve(struct workload_lu *lu)
{
	struct helper helpers[4] = {{.lu = NULL}};

	for (uint32_t i = 1; i < lu->threads; i++) {
		helpers[i] = (struct helper){.lu = lu, .thread = i};
		cr_assert_eq(pthread_create(&helpers[i].id, NULL, help, &helpers[i]), 0);
	}
	workload_lu_solve(lu, 0);
	for (uint32_t i = 1; i < lu->threads; i++)
		pthread_join(helpers[i].id, NULL);
}

static double residual(const struct workload_lu *lu)
{
	uint64_t bits = workload_lu_residual(lu);
	double value;

	memcpy(&value, &bits, sizeof(value));
	return value;
}

/* Solves [a b], n rows of n + 1, in the place of the system that was filled in. */
static void expect_solution(uint32_t n, const double *ab, const double *x)
{
	for (unsigned simd = WORKLOAD_SSE2; simd <= WORKLOAD_AVX2; simd++) {
		if (!have(simd))
			continue;
		struct workload_lu lu = create(n, 1, simd);

		for (size_t i = 0; i < n; i++)
			for (size_t j = 0; j <= n; j++)
				lu.a[(j < n ? j : lu_order(n)) * lu_stride(n) + i] =
					ab[i * (n + 1) + j];
		solve(&lu);
		for (size_t i = 0; i < n; i++)
			cr_expect_float_eq(lu.x[i], x[i], 1e-14, "simd %u, x[%zu]: %.17g, not %g",
				simd, i, lu.x[i], x[i]);
		destroy(&lu);
	}
}

Test(workload_lu, one_equation)
{
	expect_solution(1, (double[]){4, 10}, (double[]){2.5});
}

/* Without pivoting each of these divides by 0. */
Test(workload_lu, zeros_on_the_diagonal)
{
	expect_solution(2, (double[]){0, 1, 7, 2, 0, 6}, (double[]){3, 7});
	expect_solution(3, (double[]){0, 0, 3, 9, 1, 0, 0, 1, 0, 2, 0, 4}, (double[]){1, 2, 3});
	expect_solution(5,
		(double[]){0, 2, 0, 0, 1, 9, 1, 0, 0, 0, 0, 1, 0, 0, 0, 4, 0, 16, 0, 0, 5, 0, 0, 15,
			0, 1, 0, 0, 1, 7},
		(double[]){1, 2, 3, 4, 5});
}

/* The pivot is the greatest of its column: 1e-20 would lose b. */
Test(workload_lu, pivots_by_size)
{
	expect_solution(2, (double[]){1e-20, 1, 1, 1, 1, 2}, (double[]){1, 1});
	expect_solution(2, (double[]){1, 1, 2, -1e20, 1, -1e20}, (double[]){1, 1});
}

Test(workload_lu, every_order_around_the_blocks)
{
	for (unsigned simd = WORKLOAD_SSE2; simd <= WORKLOAD_AVX2; simd++) {
		for (uint32_t n = 1; n <= 200 && have(simd); n++) {
			struct workload_lu lu = create(n, 1, simd);

			solve(&lu);
			cr_expect_lt(residual(&lu), RIGHT, "simd %u, n = %u: %g", simd, n,
				residual(&lu));
			destroy(&lu);
		}
	}
}

/* Who does a part does not change what is computed. */
Test(workload_lu, threads_do_not_change_a_bit)
{
	static const uint32_t orders[] = {1, 47, 48, 49, 96, 97, 301};

	for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
		struct workload_lu one = create(orders[i], 1, WORKLOAD_SSE2);

		solve(&one);
		for (uint32_t threads = 2; threads <= 4; threads++) {
			struct workload_lu many = create(orders[i], threads, WORKLOAD_SSE2);

			for (int again = 0; again < 3; again++) {
				workload_lu_fill(&many);
				solve(&many);
				cr_expect_arr_eq(many.x, one.x, orders[i] * sizeof(double),
					"n = %u, %u threads", orders[i], threads);
			}
			destroy(&many);
		}
		destroy(&one);
	}
}

Test(workload_lu, sse2_and_avx2_agree)
{
	if (!have(WORKLOAD_AVX2))
		cr_skip_test("this CPU has not AVX2 and FMA");
	struct workload_lu sse2 = create(150, 1, WORKLOAD_SSE2);
	struct workload_lu avx2 = create(150, 2, WORKLOAD_AVX2);

	solve(&sse2);
	solve(&avx2);
	for (size_t i = 0; i < 150; i++)
		cr_expect_float_eq(sse2.x[i], avx2.x[i], 1e-9);
	destroy(&sse2);
	destroy(&avx2);
}

Test(workload_lu, the_check_notices_what_is_wrong)
{
	struct workload_lu lu = create(100, 1, WORKLOAD_SSE2);

	solve(&lu);
	cr_expect_lt(residual(&lu), RIGHT);
	double right = lu.x[50];

	lu.x[50] = right + 1e-9;
	cr_expect_gt(residual(&lu), RIGHT);
	lu.x[50] = (double)NAN;
	cr_expect(isnan(residual(&lu)));
	lu.x[50] = (double)INFINITY;
	cr_expect_not(residual(&lu) < RIGHT);
	lu.x[50] = right;
	workload_lu_fill(&lu); /* x is b */
	cr_expect_gt(residual(&lu), 1e6);
	destroy(&lu);
}

Test(workload_lu, a_singular_system_is_not_solved)
{
	struct workload_lu lu = create(60, 1, WORKLOAD_SSE2);

	memset(lu.a + 7 * lu_stride(60), 0, 60 * sizeof(double));
	solve(&lu);
	cr_expect_not(residual(&lu) < RIGHT);
	destroy(&lu);
}
