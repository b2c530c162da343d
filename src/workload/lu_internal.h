/* SPDX-License-Identifier: BSD-2-Clause */
/* How a system lies in memory, and the solver's instances by instruction set. The layout leaves no
 * edges to the kernels; it is no business of who calls workload_lu_solve(). */
#ifndef LU_INTERNAL_H
#define LU_INTERNAL_H

#include "tickvm/workload.h"

/* The matrix is stored by columns, its order filled up with an identity to a multiple of
 * LU_COLUMNS; b is the column after it. Below the last row come LU_ROWS - 1 zeros or more, and
 * after b zero columns up to a multiple of LU_COLUMNS: a kernel may run over either edge. */
#define LU_COLUMNS 4u
#define LU_ROWS    12u

static inline size_t lu_order(uint32_t n)
{
	return ((size_t)n + LU_COLUMNS - 1) / LU_COLUMNS * LU_COLUMNS;
}

/* From one column to the next, in doubles: an odd number of cache lines, so that columns spread
 * over all sets of a cache. */
static inline size_t lu_stride(uint32_t n)
{
	return (lu_order(n) + LU_ROWS - 1 + 7) / 8 * 8 | 8;
}

static inline size_t lu_all_columns(uint32_t n)
{
	return lu_order(n) + LU_COLUMNS;
}

/* Waits for the other threads; then no part of the next step is taken. False: give up, nobody waits
 * for anybody any more. */
bool lu_meet(struct workload_lu *lu);
/* The number, from 0 on, of a part of this step that no other thread has. */
uint32_t lu_take(struct workload_lu *lu);

void lu_solve_sse2(struct workload_lu *lu, uint32_t thread);
void lu_solve_avx2(struct workload_lu *lu, uint32_t thread);

#endif
