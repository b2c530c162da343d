/* SPDX-License-Identifier: BSD-2-Clause */
/* One instruction, or one load a page, in a loop, and the same loop without it. Integer registers
 * only: an emulated CPL 0 has no others. Nothing is checked: the caller may do what is asked. */
#include "tickvm/workload.h"

/* Whole loops in assembly, so that run and control differ by the operation and nothing else: at an
 * emulated CPL 0 one more instruction would cost more than most operations. rdx is b; rax, rcx and
 * rsi are free. setup is in both loops. */
#define LOOP(name, setup, operation)                                                               \
	static uint64_t name(uint64_t n, uint64_t b, uint64_t c)                                   \
	{                                                                                          \
		uint64_t value = 0;                                                                \
		(void)c;                                                                           \
		if (n)                                                                             \
			__asm__ volatile("	.balign 32\n"                                           \
					 "1:	" setup "\n"                                       \
					 "	" operation "\n"                                   \
					 "	subq $1, %0\n"                                          \
					 "	jnz 1b\n"                                               \
					 : "+D"(n), "+d"(b), "+a"(value)                           \
					 : "r"(print_text), "i"(WORKLOAD_PRINT_BYTES),             \
					 "i"(WORKLOAD_PAGE), "i"(WORKLOAD_HOT_PAGES - 1),          \
					 "i"(WORKLOAD_HOT_STRIDE)                                  \
					 : "rcx", "rsi", "memory", "cc");                          \
		return value;                                                                      \
	}

#define PAIR(id, setup, operation)                                                                 \
	LOOP(run_##id, setup, operation)                                                           \
	LOOP(control_##id, setup, "")                                                              \
	const struct workload_pair workload_##id = {run_##id, control_##id};

static const char print_text[] = "HyperBench: tickvm prints\n";
_Static_assert(sizeof(print_text) - 1 == WORKLOAD_PRINT_BYTES, "the header says how long it is");

/* clang-format off */
LOOP(loop, "", "")
const struct workload_pair workload_idle = {loop, loop};

PAIR(sgdt, "", "sgdt (%%rdx)")
PAIR(sldt, "", "sldt (%%rdx)")
PAIR(sidt, "", "sidt (%%rdx)")
PAIR(smsw, "", "smsw (%%rdx)")
PAIR(pushf_popf, "", "pushfq; popfq")
PAIR(pages, "addq %5, %%rdx", "movq -%c5(%%rdx), %%rax")
/* The control waits for each address as well: eax is 0, but known only after esi. */
PAIR(hot_pages, "leal 1(%%rcx,%%rax), %%ecx; andl %6, %%ecx; imull %7, %%ecx, %%esi; movl %%esi, %%eax; andl $0, %%eax",
	"addq (%%rdx,%%rsi), %%rax")
PAIR(in, "", "inb %%dx, %%al")
PAIR(out, "", "outb %%al, %%dx")
PAIR(print, "movq %3, %%rsi; movl %4, %%ecx", "rep outsb")
/* clang-format on */
