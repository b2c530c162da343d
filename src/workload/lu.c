/* SPDX-License-Identifier: BSD-2-Clause */
/* The linear system to solve, and the check of its solution. The solver is in lu_kernel.h; this
 * file's arithmetic is the same whatever the solver used. */
#include "lu_internal.h"

/* Unit roundoff of an IEEE 754 double: HPL's eps. */
#define EPSILON 0x1p-53

size_t workload_lu_doubles(uint32_t n)
{
	return lu_stride(n) * lu_all_columns(n);
}

/* Uniform in [-0.5, 0.5], as HPL's matrices. The index-th output of SplitMix64 (Steele, Lea, Flood,
 * OOPSLA 2014) from seed 0: any element can be made anew by itself. */
static double element(uint64_t index)
{
	uint64_t z = (index + 1) * 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return (double)(int64_t)(z ^ z >> 31) * 0x1p-64;
}

static double a_at(uint32_t n, size_t row, size_t column)
{
	return element(column * n + row);
}

static double b_at(uint32_t n, size_t row)
{
	return a_at(n, row, n);
}

void workload_lu_fill(struct workload_lu *lu)
{
	size_t order = lu_order(lu->n), stride = lu_stride(lu->n);

	for (size_t j = 0; j < lu_all_columns(lu->n); j++) {
		double *column = lu->a + j * stride;

		for (size_t i = 0; i < stride; i++)
			column[i] = i < lu->n && j < lu->n    ? a_at(lu->n, i, j)
				    : i < lu->n && j == order ? b_at(lu->n, i)
							      : i == j && j < order;
	}
	for (size_t i = 0; i < lu->n; i++)
		lu->x[i] = b_at(lu->n, i);
}

void workload_lu_solve(struct workload_lu *lu, uint32_t thread)
{
	if (lu->simd == WORKLOAD_AVX2)
		lu_solve_avx2(lu, thread);
	else
		lu_solve_sse2(lu, thread);
}

static bool stopped(const struct workload_lu *lu)
{
	return lu->interrupted && *lu->interrupted;
}

bool lu_meet(struct workload_lu *lu)
{
	uint32_t sense = __atomic_load_n(&lu->team.sense, __ATOMIC_RELAXED);

	if (__atomic_add_fetch(&lu->team.arrived, 1, __ATOMIC_ACQ_REL) == lu->threads) {
		lu->team.arrived = 0;
		lu->team.taken = 0;
		__atomic_store_n(&lu->team.sense, sense + 1, __ATOMIC_RELEASE);
		return !stopped(lu);
	}
	while (__atomic_load_n(&lu->team.sense, __ATOMIC_ACQUIRE) == sense && !stopped(lu))
		__builtin_ia32_pause();
	return !stopped(lu);
}

uint32_t lu_take(struct workload_lu *lu)
{
	return __atomic_fetch_add(&lu->team.taken, 1, __ATOMIC_RELAXED);
}

static double magnitude(double value)
{
	return value < 0 ? -value : value;
}

/* The greater, or what is not a number, from wherever it came: it must not pass the check. */
static double greater(double a, double b)
{
	return b > a || b != b ? b : a;
}

uint64_t workload_lu_residual(const struct workload_lu *lu)
{
	double worst = 0, norm_a = 0, norm_b = 0, norm_x = 0;
	double residual;
	uint64_t bits;

	for (size_t i = 0; i < lu->n; i++) {
		double error = -b_at(lu->n, i), sum = 0;

		for (size_t j = 0; j < lu->n; j++) {
			double a = a_at(lu->n, i, j);

			error += a * lu->x[j];
			sum += magnitude(a);
		}
		worst = greater(worst, magnitude(error));
		norm_a = greater(norm_a, sum);
		norm_b = greater(norm_b, magnitude(b_at(lu->n, i)));
		norm_x = greater(norm_x, magnitude(lu->x[i]));
	}
	residual = worst / (EPSILON * (norm_a * norm_x + norm_b) * lu->n);
	__builtin_memcpy(&bits, &residual, sizeof(bits));
	return bits;
}
