/* SPDX-License-Identifier: BSD-2-Clause */
/* LU factorization of [A b] with partial pivoting, and back substitution: right-looking, by panels
 * of BLOCK columns, each factored recursively (Toledo 1997) by one thread while the others still
 * update with the panel before. One text for each vector width: LU_WIDTH doubles, LU_SOLVE the
 * function's name. It packs nothing: LU_ROWS rows of a panel, and BLOCK columns of BLOCK rows, fit
 * into a first-level cache as they lie. */
#include "lu_internal.h"

#define BLOCK        48u
#define TILE_VECTORS 3u
#define TILE_ROWS    (TILE_VECTORS * LU_WIDTH)
_Static_assert(TILE_ROWS <= LU_ROWS, "how far a tile may run over the last row");
_Static_assert(BLOCK % LU_COLUMNS == 0 && LU_COLUMNS % LU_WIDTH == 0,
	"every block begins at a multiple of LU_COLUMNS, where a vector is aligned");

/* A tile stays in registers only when its loops are gone. */
#ifdef __clang__
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 4")
#endif

typedef double vector __attribute__((vector_size(LU_WIDTH * sizeof(double)), may_alias));

/* [A b] and how far it goes, without the edges that kernels may run over. */
struct system {
	double *a;
	size_t stride, order, columns;
	uint32_t *pivot;
	uint32_t n;
};

static inline double *at(const struct system *s, size_t row, size_t column)
{
	return s->a + column * s->stride + row;
}

static inline vector *vectors_at(const struct system *s, size_t row, size_t column)
{
	return (vector *)at(s, row, column);
}

static inline vector all(double value)
{
	return value - (vector){0};
}

static inline size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* C -= A B, C in registers: vectors * LU_WIDTH rows, LU_COLUMNS columns. */
static inline __attribute__((always_inline)) void tile(double *c, const double *a, const double *b,
	size_t depth, size_t stride, const unsigned vectors)
{
	vector sum[LU_COLUMNS][TILE_VECTORS];

	UNROLL
	for (unsigned j = 0; j < LU_COLUMNS; j++) {
		UNROLL
		for (unsigned i = 0; i < vectors; i++)
			sum[j][i] = ((const vector *)(c + j * stride))[i];
	}
	for (; depth > 0; depth--, a += stride, b++) {
		UNROLL
		for (unsigned j = 0; j < LU_COLUMNS; j++) {
			UNROLL
			for (unsigned i = 0; i < vectors; i++)
				sum[j][i] -= ((const vector *)a)[i] * all(b[j * stride]);
		}
	}
	UNROLL
	for (unsigned j = 0; j < LU_COLUMNS; j++) {
		UNROLL
		for (unsigned i = 0; i < vectors; i++)
			((vector *)(c + j * stride))[i] = sum[j][i];
	}
}

/* The columns from column on, below the depth pivots from k on: less L times U. */
static void update(const struct system *s, size_t k, size_t depth, size_t column, size_t columns)
{
	for (size_t i = k + depth; i < s->order; i += TILE_ROWS)
		for (size_t j = column; j < column + columns; j += LU_COLUMNS)
			tile(at(s, i, j), at(s, i, k), at(s, k, j), depth, s->stride, TILE_VECTORS);
}

/* The columns' part of U beside the depth pivots from k on: solves with L's unit triangle, by
 * squares of LU_COLUMNS. */
static void solve_lower(
	const struct system *s, size_t k, size_t depth, size_t column, size_t columns)
{
	for (size_t j = column; j < column + columns; j += LU_COLUMNS)
		for (size_t i = k; i < k + depth; i += LU_COLUMNS) {
			tile(at(s, i, j), at(s, i, k), at(s, k, j), i - k, s->stride,
				LU_COLUMNS / LU_WIDTH);
			for (size_t c = j; c < j + LU_COLUMNS; c++)
				for (size_t from = i; from < i + LU_COLUMNS; from++)
					for (size_t to = from + 1; to < i + LU_COLUMNS; to++)
						*at(s, to, c) -= *at(s, to, from) * *at(s, from, c);
		}
}

static size_t find_pivot(const struct system *s, size_t column)
{
	const double *a = at(s, 0, column);
	size_t best = column;
	double greatest = 0;

	for (size_t i = column; i < s->order; i++) {
		double magnitude = a[i] < 0 ? -a[i] : a[i];

		if (magnitude > greatest) {
			greatest = magnitude;
			best = i;
		}
	}
	return best;
}

static void swap_rows(
	const struct system *s, size_t row, size_t other, size_t column, size_t columns)
{
	for (size_t j = column; j < column + columns; j++) {
		double kept = *at(s, row, j);

		*at(s, row, j) = *at(s, other, j);
		*at(s, other, j) = kept;
	}
}

/* Column k of L, and what it takes from the columns between it and end. */
static void eliminate(const struct system *s, size_t k, size_t end)
{
	double factor = 1 / *at(s, k, k);
	size_t i = k + 1;

	for (; i < end; i++) {
		*at(s, i, k) *= factor;
		for (size_t j = k + 1; j < end; j++)
			*at(s, i, j) -= *at(s, i, k) * *at(s, k, j);
	}
	for (; i < s->order; i += LU_WIDTH) {
		vector l = *vectors_at(s, i, k) * all(factor);

		*vectors_at(s, i, k) = l;
		for (size_t j = k + 1; j < end; j++)
			*vectors_at(s, i, j) -= l * all(*at(s, k, j));
	}
}

struct panel {
	size_t column, columns;
};

/* Columns of the panel, those to their left already factored. Rows are swapped in all of it. */
static void factor(const struct system *s, const struct panel *panel, size_t column, size_t columns)
{
	if (columns > LU_COLUMNS) {
		size_t left = columns / 2 / LU_COLUMNS * LU_COLUMNS;

		factor(s, panel, column, left);
		solve_lower(s, column, left, column + left, columns - left);
		update(s, column, left, column + left, columns - left);
		factor(s, panel, column + left, columns - left);
		return;
	}
	for (size_t k = column; k < column + columns; k++) {
		size_t pivot = find_pivot(s, k);

		if (k < s->n)
			s->pivot[k] = (uint32_t)pivot;
		swap_rows(s, k, pivot, panel->column, panel->columns);
		eliminate(s, k, column + columns);
	}
}

static void factor_panel(const struct system *s, size_t column)
{
	struct panel panel = {column, smaller(BLOCK, s->order - column)};

	factor(s, &panel, panel.column, panel.columns);
}

/* What the depth pivots from k on do to BLOCK columns, or as many as there are; by columns, which
 * are in the cache after it. */
static void apply_panel(const struct system *s, size_t k, size_t depth, size_t column)
{
	size_t columns = smaller(BLOCK, s->columns - column);

	for (size_t j = column; j < column + columns; j++)
		for (size_t i = k; i < smaller(k + depth, s->n); i++)
			swap_rows(s, i, s->pivot[i], j, 1);
	solve_lower(s, k, depth, column, columns);
	update(s, k, depth, column, columns);
}

/* U x = y, y in b's place; y is spoilt. */
static void back_substitute(const struct system *s, double *x)
{
	vector *y = vectors_at(s, 0, s->order);

	for (size_t j = s->n; j-- > 0;) {
		x[j] = *at(s, j, s->order) / *at(s, j, j);
		for (size_t i = 0; i < j; i += LU_WIDTH)
			y[i / LU_WIDTH] -= *vectors_at(s, i, j) * all(x[j]);
	}
}

void LU_SOLVE(struct workload_lu *lu, uint32_t thread)
{
	const struct system s = {
		.a = lu->a,
		.stride = lu_stride(lu->n),
		.order = lu_order(lu->n),
		.columns = lu_all_columns(lu->n),
		.pivot = lu->pivot,
		.n = lu->n,
	};

	if (thread == 0)
		factor_panel(&s, 0);
	if (!lu_meet(lu))
		return;
	for (size_t k = 0; k < s.order; k += BLOCK) {
		size_t depth = smaller(BLOCK, s.order - k), column;

		/* The next panel comes first, and whoever has it factors it. */
		while ((column = k + depth + lu_take(lu) * BLOCK) < s.columns) {
			apply_panel(&s, k, depth, column);
			if (column == k + depth && column < s.order)
				factor_panel(&s, column);
		}
		if (!lu_meet(lu))
			return;
	}
	if (thread == 0)
		back_substitute(&s, lu->x);
}
