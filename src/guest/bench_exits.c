/* SPDX-License-Identifier: BSD-2-Clause */
/* Benchmarks of what leaves the guest: one operation each, in a loop at CPL 0 that does nothing
 * else. Control loops have the same operands and clobbers, so the same instructions around the
 * operation. */
#include "bench.h"

#define PORT_UNKNOWN      0x2f0 /* no PC has a device here */
#define PORT_PIC_MASK     0x21
#define LAPIC_VERSION_GPA (GPA_LAPIC + 0x30)
#define HYPERCALL_NONE    0xffff /* no such KVM hypercall: answered with an error, nothing done */
#define ITERATIONS        1000

#define LOOPS(id, operation, ...)                                                                  \
	static uint64_t run_##id(uint64_t n, uint64_t b, uint64_t c)                               \
	{                                                                                          \
		(void)b, (void)c;                                                                  \
		for (; n; n--)                                                                     \
			__asm__ volatile(operation __VA_ARGS__);                                   \
		return 0;                                                                          \
	}                                                                                          \
	static uint64_t control_##id(uint64_t n, uint64_t b, uint64_t c)                           \
	{                                                                                          \
		(void)b, (void)c;                                                                  \
		for (; n; n--)                                                                     \
			__asm__ volatile("" __VA_ARGS__);                                          \
		return 0;                                                                          \
	}

#define REGISTER(id, its_name, its_category, its_init)                                             \
	BENCHMARK(bench_##id) = {                                                                  \
		.name = its_name,                                                                  \
		.category = its_category,                                                          \
		.init = its_init,                                                                  \
		.run = run_##id,                                                                   \
		.control = control_##id,                                                           \
		.cleanup = no_cleanup,                                                             \
		.iterations = ITERATIONS,                                                          \
	}

static const char *no_init(const struct cmdline *cmdline)
{
	(void)cmdline;
	return NULL;
}

static void no_cleanup(void)
{
}

LOOPS(idle, "", : : : "memory")
REGISTER(idle, "idle", "floor", no_init);

LOOPS(pio_out, "outb %%al, %%dx", : : "a"(0), "d"(PORT_PROBE) : "memory")
REGISTER(pio_out, "pio-out", "user", no_init);

LOOPS(pio_in, "inb %%dx, %%al", : : "d"(PORT_PROBE) : "eax", "memory")
REGISTER(pio_in, "pio-in", "user", no_init);

LOOPS(pio_unknown, "inb %%dx, %%al", : : "d"(PORT_UNKNOWN) : "eax", "memory")
REGISTER(pio_unknown, "pio-unknown", "user", no_init);

LOOPS(mmio_write, "movl %%eax, (%%rdx)", : : "a"(0), "d"(GPA_PROBE) : "memory")
REGISTER(mmio_write, "mmio-write", "user", no_init);

LOOPS(mmio_read, "movl (%%rdx), %%eax", : : "d"(GPA_PROBE) : "eax", "memory")
REGISTER(mmio_read, "mmio-read", "user", no_init);

LOOPS(msr_read, "rdmsr", : : "c"(MSR_PROBE) : "eax", "edx", "memory")
REGISTER(msr_read, "msr-read", "user", no_init);

LOOPS(msr_write, "wrmsr", : : "a"(0), "d"(0), "c"(MSR_PROBE) : "memory")
REGISTER(msr_write, "msr-write", "user", no_init);

LOOPS(cpuid, "cpuid", : "=a"((uint32_t){0}) : "a"(0) : "ebx", "ecx", "edx", "memory")
REGISTER(cpuid, "cpuid", "kernel", no_init);

LOOPS(pio_eventfd, "outb %%al, %%dx", : : "a"(0), "d"(PORT_PROBE_EVENTFD) : "memory")
REGISTER(pio_eventfd, "pio-eventfd", "kernel", no_init);

LOOPS(mmio_eventfd, "movq %%rax, (%%rdx)", : : "a"(0), "d"(GPA_PROBE + 0x800) : "memory")
REGISTER(mmio_eventfd, "mmio-eventfd", "kernel", no_init);

LOOPS(pic_port, "inb %%dx, %%al", : : "d"(PORT_PIC_MASK) : "eax", "memory")
REGISTER(pic_port, "pic-port", "irqchip", no_init);

LOOPS(lapic_read, "movl (%%rdx), %%eax", : : "d"(LAPIC_VERSION_GPA) : "eax", "memory")
REGISTER(lapic_read, "lapic-read", "irqchip", no_init);

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
REGISTER(hlt, "hlt", "irqchip", hlt_init);

/* ---- hypercall ---- */

static bool amd;

/* On a host without hardware virtualization a hypercall instruction at CPL 0 may never return, and
 * nothing in the guest can tell beforehand: only the command line allows it. Where it returns, the
 * wrong vendor's instruction may be rewritten or #UD; the right one is chosen. */
static const char *hypercall_init(const struct cmdline *cmdline)
{
	uint32_t eax = 0, ebx, ecx, edx;

	if (!cmdline->hypercalls)
		return "hypercalls may never return on this machine (hypercalls=1 allows them)";
	__asm__ volatile("cpuid" : "+a"(eax), "=b"(ebx), "=c"(ecx), "=d"(edx));
	amd = ecx == 0x444d4163 || ecx == 0x656e6975; /* "cAMD", "uine" of Hygon's */
	return NULL;
}

LOOPS(vmcall, "vmcall", : "=a"((uint64_t){0}) : "a"(HYPERCALL_NONE) : "memory")
LOOPS(vmmcall, "vmmcall", : "=a"((uint64_t){0}) : "a"(HYPERCALL_NONE) : "memory")

static uint64_t run_hypercall(uint64_t n, uint64_t b, uint64_t c)
{
	return amd ? run_vmmcall(n, b, c) : run_vmcall(n, b, c);
}

static uint64_t control_hypercall(uint64_t n, uint64_t b, uint64_t c)
{
	return amd ? control_vmmcall(n, b, c) : control_vmcall(n, b, c);
}
REGISTER(hypercall, "hypercall", "kernel", hypercall_init);
