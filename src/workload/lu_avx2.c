/* SPDX-License-Identifier: BSD-2-Clause */
/* The solver for CPUs with AVX2 and FMA: four doubles at a time. Built with -mavx2 -mfma.
 * All of it is in lu_kernel.h. */
#define LU_WIDTH 4
#define LU_SOLVE lu_solve_avx2
#include "lu_kernel.h"
