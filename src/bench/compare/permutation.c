/* SPDX-License-Identifier: BSD-2-Clause */
/* Rank sums and how likely they are: counted by dynamic programming over the sums, which is the
 * same as looking at each permutation, or estimated. It decides nothing. */
#include "permutation.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define DRAWS          100000
#define EXACT_COST_MAX 1e8 /* additions: about 0.1 s */

/* One block after the other: fresh_each of them are fresh's, of all of them in it. */
struct plan {
	unsigned *scores; /* twice the rank (from 0) within the block: ties have halves */
	size_t blocks, each, fresh_each;
	size_t sum_max;  /* of all scores */
	size_t observed; /* sum of fresh's */
};

/* ---- ranks ---- */

static unsigned twice_rank(const double *values, size_t n, size_t of)
{
	unsigned below = 0, equal = 0;

	for (size_t i = 0; i < n; i++) {
		below += values[i] < values[of];
		equal += values[i] == values[of];
	}
	return 2 * below + equal - 1;
}

/* values: a block's, fresh's first. */
static void score_block(struct plan *plan, const double *values, size_t block)
{
	unsigned *scores = plan->scores + block * plan->each;

	for (size_t i = 0; i < plan->each; i++) {
		scores[i] = twice_rank(values, plan->each, i);
		plan->sum_max += scores[i];
		plan->observed += i < plan->fresh_each ? scores[i] : 0;
	}
}

static int make_plan(struct plan *plan, const double *old, size_t n_old, const double *fresh,
	size_t n_fresh, size_t block)
{
	size_t old_each = block > 0 ? block : n_old;

	*plan = (struct plan){.fresh_each = block > 0 ? block : n_fresh};
	plan->each = old_each + plan->fresh_each;
	plan->blocks = n_old / old_each;
	plan->scores = calloc(n_old + n_fresh, sizeof(*plan->scores));
	double *values = calloc(plan->each, sizeof(*values));
	bool whole = plan->scores != NULL && values != NULL;

	for (size_t b = 0; b < plan->blocks && whole; b++) {
		memcpy(values, fresh + b * plan->fresh_each, plan->fresh_each * sizeof(*values));
		memcpy(values + plan->fresh_each, old + b * old_each, old_each * sizeof(*values));
		score_block(plan, values, b);
	}
	free(values);
	return whole ? 0 : -ENOMEM;
}

/* Ways to choose fresh's rounds, in all blocks. */
static double choices(const struct plan *plan)
{
	double one = 1;

	for (size_t i = 1; i <= plan->fresh_each; i++)
		one *= (double)(plan->each - plan->fresh_each + i) / (double)i;
	return pow(one, (double)plan->blocks);
}

/* ---- all of them ---- */

static double exact_cost(const struct plan *plan)
{
	return (double)(plan->blocks * plan->each) * (double)plan->fresh_each *
	       (double)plan->sum_max;
}

/* ways[k][s]: ways to choose k of the block's scores seen so far that, with the choices of the
 * blocks before, sum to s. A row has sum_max + 1 elements; row 0 comes from the blocks before. */
static void count_block(
	const struct plan *plan, const unsigned *scores, double *ways, size_t before)
{
	size_t row = plan->sum_max + 1, reach = before;

	for (size_t i = 0; i < plan->each; i++) {
		reach += scores[i];
		for (size_t k = i < plan->fresh_each ? i + 1 : plan->fresh_each; k >= 1; k--) {
			double *to = ways + k * row;
			const double *from = to - row;

			for (size_t s = scores[i]; s <= reach; s++)
				to[s] += from[s - scores[i]];
		}
	}
}

static int test_exact(const struct plan *plan, struct permutation *result)
{
	size_t row = plan->sum_max + 1, before = 0;
	double *ways = calloc((plan->fresh_each + 1) * row, sizeof(*ways));
	double below = 0, above = 0;

	if (ways == NULL)
		return -ENOMEM;
	ways[0] = 1;
	for (size_t b = 0; b < plan->blocks; b++) {
		const unsigned *scores = plan->scores + b * plan->each;

		if (b > 0) {
			memcpy(ways, ways + plan->fresh_each * row, row * sizeof(*ways));
			memset(ways + row, 0, plan->fresh_each * row * sizeof(*ways));
		}
		count_block(plan, scores, ways, before);
		for (size_t i = 0; i < plan->each; i++)
			before += scores[i];
	}
	const double *sums = ways + plan->fresh_each * row;

	for (size_t s = 0; s < row; s++) {
		below += s <= plan->observed ? sums[s] : 0;
		above += s >= plan->observed ? sums[s] : 0;
	}
	free(ways);
	result->below = below / choices(plan);
	result->above = above / choices(plan);
	return 0;
}

/* ---- some of them ---- */

/* Steele, Lea, Flood 2014: splitmix64. */
static uint64_t draw(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

/* Shuffles fresh's part of each block. */
static size_t draw_sum(const struct plan *plan, uint64_t *state)
{
	size_t sum = 0;

	for (size_t b = 0; b < plan->blocks; b++) {
		unsigned *scores = plan->scores + b * plan->each;

		for (size_t i = 0; i < plan->fresh_each; i++) {
			size_t j = i + (size_t)((draw(state) >> 32) * (plan->each - i) >> 32);
			unsigned chosen = scores[j];

			scores[j] = scores[i];
			scores[i] = chosen;
			sum += chosen;
		}
	}
	return sum;
}

/* What was observed is one of the permutations: p is never 0. */
static void test_drawn(const struct plan *plan, struct permutation *result)
{
	uint64_t state = 1;
	unsigned below = 1, above = 1;

	for (unsigned i = 0; i < DRAWS; i++) {
		size_t sum = draw_sum(plan, &state);

		below += sum <= plan->observed;
		above += sum >= plan->observed;
	}
	result->below = below / (DRAWS + 1.0);
	result->above = above / (DRAWS + 1.0);
	double tail = fmin(result->below, result->above);

	result->error = 2 * sqrt(tail * (1 - tail) / DRAWS);
	result->least = fmax(result->least, 2 / (DRAWS + 1.0));
}

int permutation_test(const double *old, size_t n_old, const double *fresh, size_t n_fresh,
	size_t block, struct permutation *result)
{
	struct plan plan;

	*result = (struct permutation){.p = 1, .below = 1, .above = 1, .least = 1};
	if (n_old > PERMUTATION_ROUNDS_MAX || n_fresh > PERMUTATION_ROUNDS_MAX)
		return -EINVAL;
	if (block > 0 && (n_old != n_fresh || n_old % block != 0))
		return -EINVAL;
	if (n_old == 0 || n_fresh == 0)
		return 0;
	/* Seen from the smaller side it is the same, and less to count. */
	if (n_fresh > n_old) {
		int err = permutation_test(fresh, n_fresh, old, n_old, block, result);
		double below = result->below;

		result->below = result->above;
		result->above = below;
		return err;
	}
	int err = make_plan(&plan, old, n_old, fresh, n_fresh, block);

	if (err == 0) {
		result->least = fmin(1, 2 / choices(&plan));
		if (exact_cost(&plan) <= EXACT_COST_MAX)
			err = test_exact(&plan, result);
		else
			test_drawn(&plan, result);
		result->p = fmin(1, 2 * fmin(result->below, result->above));
	}
	free(plan.scores);
	return err;
}

/* ---- many of them ---- */

static int by_p(const void *a, const void *b)
{
	double x = **(double *const *)a, y = **(double *const *)b;

	return (x > y) - (x < y);
}

int permutation_holm(double *p, size_t n)
{
	double **order = calloc(n + 1, sizeof(*order)), most = 0;

	if (order == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		order[i] = &p[i];
	qsort(order, n, sizeof(*order), by_p);
	for (size_t i = 0; i < n; i++) {
		most = fmax(most, fmin(1, *order[i] * (double)(n - i)));
		*order[i] = most;
	}
	free((void *)order);
	return 0;
}
