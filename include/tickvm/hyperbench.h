/* SPDX-License-Identifier: BSD-2-Clause */
/* The rows of the HyperBench suite (Wei, Zhang, Tu 2019, section 3), as the monitor and the payload
 * both know them. Like guest_abi.h it includes nothing that a freestanding guest has not. */
#ifndef TICKVM_HYPERBENCH_H
#define TICKVM_HYPERBENCH_H

/* Where an operation means something. */
#define LEVEL_CPL0 1u
#define LEVEL_CPL3 2u

/* ROW(id, name, category, fewest and most iterations, levels, level unless told otherwise).
 * hot-memory, cold-memory: an iteration is one load from a page; set-page-table: one whole mapping
 * of the guest's RAM in 4 KiB pages, activated; print: one string of WORKLOAD_PRINT_BYTES. */
/* clang-format off */
#define HYPERBENCH_ROWS(ROW) \
	ROW(IDLE,           "idle",           "Idle",                   10, 1000000,  LEVEL_CPL0 | LEVEL_CPL3, 0) \
	ROW(SGDT,           "sgdt",           "Critical Instruction",   10, 10000000, LEVEL_CPL0 | LEVEL_CPL3, 0) \
	ROW(SLDT,           "sldt",           "Critical Instruction",   10, 10000000, LEVEL_CPL0 | LEVEL_CPL3, 0) \
	ROW(SIDT,           "sidt",           "Critical Instruction",   10, 10000000, LEVEL_CPL0 | LEVEL_CPL3, 0) \
	ROW(SMSW,           "smsw",           "Critical Instruction",   10, 10000000, LEVEL_CPL0 | LEVEL_CPL3, 0) \
	ROW(PUSHF_POPF,     "pushf-popf",     "Critical Instruction",   10, 10000000, LEVEL_CPL0 | LEVEL_CPL3, 0) \
	ROW(LGDT,           "lgdt",           "Privileged Instruction", 10, 10000000, LEVEL_CPL0, 0) \
	ROW(SET_CR3,        "set-cr3",        "Privileged Instruction", 10, 10000000, LEVEL_CPL0, 0) \
	ROW(HYPERCALL,      "hypercall",      "Exception",              1,  100000,   LEVEL_CPL0, 0) \
	ROW(IPI_HALTED,     "ipi-halted",     "Exception",              1,  100000,   LEVEL_CPL0, 0) \
	ROW(IPI_RUNNING,    "ipi-running",    "Exception",              1,  100000,   LEVEL_CPL0, 0) \
	ROW(HOT_MEMORY,     "hot-memory",     "Memory",                 10, 10000000, LEVEL_CPL0 | LEVEL_CPL3, 3) \
	ROW(COLD_MEMORY,    "cold-memory",    "Memory",                 10, 100000,   LEVEL_CPL0 | LEVEL_CPL3, 3) \
	ROW(SET_PAGE_TABLE, "set-page-table", "Memory",                 1,  100,      LEVEL_CPL0 | LEVEL_CPL3, 3) \
	ROW(IN,             "in",             "I/O",                    10, 10000000, LEVEL_CPL0 | LEVEL_CPL3, 0) \
	ROW(OUT,            "out",            "I/O",                    10, 10000000, LEVEL_CPL0 | LEVEL_CPL3, 0) \
	ROW(PRINT,          "print",          "I/O",                    1,  1000000,  LEVEL_CPL0 | LEVEL_CPL3, 0)
/* clang-format on */

#define HYPERBENCH_ID(id, name, category, min, max, levels, level) HYPERBENCH_##id,
enum hyperbench_row { HYPERBENCH_ROWS(HYPERBENCH_ID) HYPERBENCH_COUNT };

_Static_assert(HYPERBENCH_COUNT == 17, "the paper's sixteen, IPI to a halted and to a running CPU");

#endif
