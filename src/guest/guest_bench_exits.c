/* SPDX-License-Identifier: BSD-2-Clause */
/* Benchmarks of what leaves the guest: one operation each, in a loop that does nothing else. The
 * hypercall is among HyperBench's, in bench_hyper.c. */
#include "bench.h"

#define PORT_UNKNOWN      0x2f0 /* no PC has a device here */
#define PORT_PIC_MASK     0x21
#define LAPIC_VERSION_GPA (GPA_LAPIC + 0x30)
#define ITERATIONS_MAX    100000000

#define REGISTER(id, its_name, its_category, its_levels)                                           \
	static const struct operation operation_##id = {.loops = &loops_##id};                     \
	REGISTER_AS(id, its_name, its_category, its_levels)

#define REGISTER_AS(id, its_name, its_category, its_levels)                                        \
	BENCHMARK(bench_##id) = {                                                                  \
		.name = (its_name),                                                                \
		.category = (its_category),                                                        \
		.min = 1,                                                                          \
		.max = ITERATIONS_MAX,                                                             \
		.levels = (its_levels),                                                            \
		.operation = &operation_##id,                                                      \
	}

#define LEVELS_BOTH (LEVEL_CPL0 | LEVEL_CPL3)

LOOPS(pio_out, "outb %%al, %%dx", : : "a"(0), "d"(PORT_PROBE) : "memory")
REGISTER(pio_out, "pio-out", "user", LEVELS_BOTH);

LOOPS(pio_in, "inb %%dx, %%al", : : "d"(PORT_PROBE) : "eax", "memory")
REGISTER(pio_in, "pio-in", "user", LEVELS_BOTH);

LOOPS(pio_unknown, "inb %%dx, %%al", : : "d"(PORT_UNKNOWN) : "eax", "memory")
REGISTER(pio_unknown, "pio-unknown", "user", LEVELS_BOTH);

LOOPS(mmio_write, "movl %%eax, (%%rdx)", : : "a"(0), "d"(GPA_PROBE) : "memory")
REGISTER(mmio_write, "mmio-write", "user", LEVELS_BOTH);

LOOPS(mmio_read, "movl (%%rdx), %%eax", : : "d"(GPA_PROBE) : "eax", "memory")
REGISTER(mmio_read, "mmio-read", "user", LEVELS_BOTH);

LOOPS(msr_read, "rdmsr", : : "c"(MSR_PROBE) : "eax", "edx", "memory")
REGISTER(msr_read, "msr-read", "user", LEVEL_CPL0);

LOOPS(msr_write, "wrmsr", : : "a"(0), "d"(0), "c"(MSR_PROBE) : "memory")
REGISTER(msr_write, "msr-write", "user", LEVEL_CPL0);

LOOPS(cpuid, "cpuid", : "=a"((uint32_t){0}) : "a"(0) : "ebx", "ecx", "edx", "memory")
REGISTER(cpuid, "cpuid", "kernel", LEVELS_BOTH);

LOOPS(pio_eventfd, "outb %%al, %%dx", : : "a"(0), "d"(PORT_PROBE_EVENTFD) : "memory")
REGISTER(pio_eventfd, "pio-eventfd", "kernel", LEVELS_BOTH);

LOOPS(mmio_eventfd, "movq %%rax, (%%rdx)", : : "a"(0), "d"(GPA_PROBE + 0x800) : "memory")
REGISTER(mmio_eventfd, "mmio-eventfd", "kernel", LEVELS_BOTH);

LOOPS(pic_port, "inb %%dx, %%al", : : "d"(PORT_PIC_MASK) : "eax", "memory")
REGISTER(pic_port, "pic-port", "irqchip", LEVELS_BOTH);

LOOPS(lapic_read, "movl (%%rdx), %%eax", : : "d"(LAPIC_VERSION_GPA) : "eax", "memory")
REGISTER(lapic_read, "lapic-read", "irqchip", LEVELS_BOTH);

/* ---- hlt ---- */

static const char *hlt_init(const struct cmdline *cmdline)
{
	(void)cmdline;
	lapic_init();
	idt_set(VECTOR_TEST, irq_stamp);
	return NULL;
}

/* Each turn sends this CPU an interrupt while they are off, so that HLT never waits; the control
 * takes the interrupt at a NOP. The handler owns rax, rcx, rdx, r8, r9, whenever it comes. */
#define HLT_LOOP(where)                                                                            \
	__asm__ volatile("1:	movl %1, (%2)\n"                                                      \
			 "	sti\n" where "\n"                                                  \
			 "	subq $1, %0\n"                                                          \
			 "	jnz 1b\n"                                                               \
			 "	cli\n"                                                                  \
			 : "+D"(n)                                                                 \
			 : "i"(ICR_SELF | VECTOR_TEST), "S"(LAPIC_ICR_GPA)                         \
			 : "rax", "rcx", "rdx", "r8", "r9", "memory")

static uint64_t run_hlt(uint64_t n, uint64_t b, uint64_t c)
{
	(void)b, (void)c;
	HLT_LOOP("hlt");
	return 0;
}

static uint64_t control_hlt(uint64_t n, uint64_t b, uint64_t c)
{
	(void)b, (void)c;
	HLT_LOOP("nop");
	return 0;
}
static const struct workload_pair loops_hlt = {run_hlt, control_hlt};
static const struct operation operation_hlt = {.loops = &loops_hlt, .init = hlt_init};
REGISTER_AS(hlt, "hlt", "irqchip", LEVEL_CPL0);

/* ---- what no run survives: how it is reported can be tried ---- */

#define UNMAPPED (1ULL << 40)

LOOPS(fault, "movq (%%rdx), %%rax", : : "d"(UNMAPPED) : "rax", "memory")
REGISTER(fault, "fault", "fatal", LEVELS_BOTH);

LOOPS(undefined, "ud2", : : : "memory")
REGISTER(undefined, "undefined", "fatal", LEVELS_BOTH);
