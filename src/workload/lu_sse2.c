/* SPDX-License-Identifier: BSD-2-Clause */
/* The solver for every x86-64 CPU: two doubles at a time.
 * All of it is in lu_kernel.h. */
#define LU_WIDTH 2
#define LU_SOLVE lu_solve_sse2
#include "lu_kernel.h"
