/* SPDX-License-Identifier: BSD-2-Clause */
/* HyperBench's rows become benchmarks here, and what its instructions and port accesses do. Its IPI
 * and memory rows are in files of their own. */
#include "bench.h"

#define PORT_UART_SCRATCH (PORT_SERIAL + 7) /* remembers, does nothing */
#define HYPERCALL_NONE    0xffff /* no such KVM hypercall: answered with an error, nothing done */

#define REGISTER(id, its_name, its_category, fewest, most, its_levels, its_level)                  \
	BENCHMARK(row_##id) = {                                                                    \
		.name = (its_name),                                                                \
		.category = (its_category),                                                        \
		.min = (fewest),                                                                   \
		.max = (most),                                                                     \
		.levels = (its_levels),                                                            \
		.level = (its_level),                                                              \
		.operation = &hyperbench_##id,                                                     \
	};
HYPERBENCH_ROWS(REGISTER)

static uint8_t scratch[16] __attribute__((aligned(16)));
extern uint8_t gdt_pointer[];

static uint64_t scratch_address(uint64_t n)
{
	(void)n;
	return (uintptr_t)scratch;
}

static uint64_t gdt_pointer_address(uint64_t n)
{
	(void)n;
	return (uintptr_t)gdt_pointer;
}

/* CPL 0. */
static uint64_t read_cr3(uint64_t a, uint64_t b, uint64_t c)
{
	uint64_t cr3;

	(void)a, (void)b, (void)c;
	__asm__ volatile("mov %%cr3, %0" : "=r"(cr3));
	return cr3;
}

static uint64_t current_cr3(uint64_t n)
{
	(void)n;
	return kernel_call(read_cr3, 0, 0, 0);
}

static const char *print_init(const struct cmdline *cmdline)
{
	(void)cmdline;
	serial_init();
	return NULL;
}

/* The same that is there already: nothing changes but the time it takes. */
LOOPS(lgdt, "lgdt (%0)", : : "r"(b) : "memory")
LOOPS(set_cr3, "mov %0, %%cr3", : : "r"(b) : "memory")

const struct operation hyperbench_IDLE = {.loops = &workload_idle};
const struct operation hyperbench_SGDT = {.loops = &workload_sgdt, .prepare = scratch_address};
const struct operation hyperbench_SLDT = {.loops = &workload_sldt, .prepare = scratch_address};
const struct operation hyperbench_SIDT = {.loops = &workload_sidt, .prepare = scratch_address};
const struct operation hyperbench_SMSW = {.loops = &workload_smsw, .prepare = scratch_address};
const struct operation hyperbench_PUSHF_POPF = {.loops = &workload_pushf_popf};
const struct operation hyperbench_LGDT = {.loops = &loops_lgdt, .prepare = gdt_pointer_address};
const struct operation hyperbench_SET_CR3 = {.loops = &loops_set_cr3, .prepare = current_cr3};
const struct operation hyperbench_IN = {.loops = &workload_in, .operand = PORT_UART_SCRATCH};
const struct operation hyperbench_OUT = {.loops = &workload_out, .operand = PORT_UART_SCRATCH};
const struct operation hyperbench_PRINT = {
	.loops = &workload_print, .init = print_init, .operand = PORT_SERIAL};

/* ---- hypercall ---- */

static bool amd;

/* A KVM that emulates CPL 0 may have the guest execute the instruction for ever, unless the monitor
 * told it not to: the command line says so. Then it returns, or is #UD, which the first execution
 * finds out. The other vendor's instruction is #UD everywhere: this one's is chosen. */
static const char *hypercall_init(const struct cmdline *cmdline)
{
	uint32_t eax = 0, ebx, ecx, edx;

	if (!cmdline->hypercalls)
		return "hypercalls may never return here: the monitor does not say that they do "
		       "(hypercalls=1)";
	__asm__ volatile("cpuid" : "+a"(eax), "=b"(ebx), "=c"(ecx), "=d"(edx));
	amd = ecx == 0x444d4163 || ecx == 0x656e6975; /* "cAMD", "uine" of Hygon's */
	return NULL;
}

LOOPS(vmcall, "vmcall", : "=a"((uint64_t){0}) : "a"(HYPERCALL_NONE) : "memory")
LOOPS(vmmcall, "vmmcall", : "=a"((uint64_t){0}) : "a"(HYPERCALL_NONE) : "memory")

static uint64_t run_hypercall(uint64_t n, uint64_t b, uint64_t c)
{
	return (amd ? loops_vmmcall : loops_vmcall).run(n, b, c);
}

static uint64_t control_hypercall(uint64_t n, uint64_t b, uint64_t c)
{
	return (amd ? loops_vmmcall : loops_vmcall).control(n, b, c);
}

static const struct workload_pair loops_hypercall = {run_hypercall, control_hypercall};
const struct operation hyperbench_HYPERCALL = {.loops = &loops_hypercall, .init = hypercall_init};
