/* SPDX-License-Identifier: BSD-2-Clause */
/* What the payload's files share. C runs at CPL 3, natively on every host; kernel_call() runs one
 * function at CPL 0, where each instruction may be emulated: such functions are short and marked
 * "CPL 0". */
#ifndef GUEST_H
#define GUEST_H

#include "cmdline.h"
#include "layout.h"

/* ---- how a test ends ---- */

enum exit_status { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_CMDLINE = 2, EXIT_UNAVAILABLE = 3 };

#define result ((struct guest_result *)GUEST_RESULT_GPA)

/* Each test fills the result block and returns, or ends the run from anywhere. */
void test_hello(const struct cmdline *cmdline);
void test_exits(const struct cmdline *cmdline);
void test_timer(const struct cmdline *cmdline);
void test_ipi(const struct cmdline *cmdline);
void test_bench(const struct cmdline *cmdline);
void test_memory(const struct cmdline *cmdline);
void test_linpack(const struct cmdline *cmdline);
void test_ctx(const struct cmdline *cmdline);
void test_disk(const struct cmdline *cmdline);

/* One sentence, what followed by detail (which may be empty). Any CPL. */
_Noreturn void test_failed(const char *what, const char *detail);
_Noreturn void test_unavailable(const char *what, const char *detail);
_Noreturn void test_cmdline(const char *what);
_Noreturn void test_end(enum guest_status status, enum exit_status code);

/* The area for count records of size bytes, touched in advance; ends the run when RAM is too small.
 */
void *records_prepare(uint64_t count, size_t size);
/* RAM for a test, zeroed by the monitor, above the records (prepare those first): bytes at a
 * multiple of align (a power of two). Ends the run when there is not so much. Never given back. */
void *ram_take(uint64_t bytes, uint64_t align);
/* The most that ram_take() can give now. */
uint64_t ram_left(uint64_t align);
/* Brackets the measured part: TSC, and the rounds of PORT_SYNC outside it. */
void measure_begin(void);
void measure_end(void);
/* Sets result->stamp_cycles, at the CPL where the test takes its stamps. */
void stamp_cost(bool cpl3);

/* ---- CPL 0 ---- */

typedef uint64_t (*kernel_fn)(uint64_t a, uint64_t b, uint64_t c);
uint64_t kernel_call(kernel_fn fn, uint64_t a, uint64_t b, uint64_t c);

/* Runs fn as kernel_call does, but an exception in it (the machine lacks what it tried) ends it: 0
 * then, 1 otherwise. */
uint64_t kernel_try(kernel_fn fn, uint64_t a, uint64_t b, uint64_t c);

/* What runs, for the message of an exception that ends the run. probe: it is tried for the first
 * time, and #UD or #GP mean that the machine lacks it (GUEST_UNAVAILABLE). */
void exceptions_in(const char *name, bool probe);
/* Ends the run because of the last exception, which kernel_try() met. */
_Noreturn void exception_end(void);

/* From any CPL. */
uint64_t in_kernel(kernel_fn fn, uint64_t a, uint64_t b, uint64_t c);

void idt_init(void);
void idt_set(unsigned vector, void (*handler)(void));
extern uint64_t irq_spurious_count;
void irq_stamp(void), irq_stamp_x2apic(void), irq_reply(void), irq_reply_x2apic(void);
void irq_spurious(void), irq_count(void);
/* The disk's: the first ends a wait, the second keeps irq_load_ahead requests in flight. */
void irq_disk(void), irq_disk_load(void);
uint64_t virtio_blk_halt(uint64_t registers, uint64_t reaped, uint64_t unused);
extern uint64_t irq_load_count; /* interrupts of the last three */
extern uint32_t irq_load_ahead;

/* ---- the machine ---- */

struct machine {
	const char *cmdline;
	uint64_t ram_end; /* end of the RAM that holds GUEST_RECORDS_GPA */
	uint64_t rsdp;    /* 0: look for it */
};
extern struct machine machine;
void machine_init(void);
/* APIC IDs of the enabled CPUs by the ACPI MADT, the boot processor's among them; their number. */
unsigned machine_cpus(uint32_t *apic_ids, unsigned max);

/* Frequencies: as told, or measured against the PIT. */
struct clocks {
	uint64_t tsc_hz, lapic_hz;
};
extern struct clocks clocks;
#define PIT_HZ 1193182
void clocks_init(const struct cmdline *cmdline);
uint64_t ns_to_tsc(uint64_t ns);
void tsc_delay_ns(uint64_t ns);

/* This CPU's local APIC, as xAPIC. */
void lapic_init(void);
bool lapic_to_x2apic(void);
uint32_t lapic_id(void);
void lapic_icr(uint32_t apic_id, uint32_t command);
void lapic_icr_destination(uint32_t apic_id);
#define LVT_MASKED   (1u << 16)
#define LVT_PERIODIC (1u << 17)
/* lvt: vector, mode, mask. The clock is divided by 2^shift, shift below 8. */
void lapic_timer_mode(uint32_t lvt, unsigned shift);
void lapic_timer_start(uint32_t count);
uint32_t lapic_timer_count(void);
void ioapic_route(unsigned pin, uint32_t low, uint32_t apic_id);

/* Starts CPUs until there are n, this one included (1 to CPUS_MAX): each calls function with its
 * number, from 1 on, at CPL 3, and spins there when it returns. Ends the run when the machine has
 * fewer, or one does not come. Once, after clocks_init() and records_prepare(). */
#define CPUS_MAX TSS_COUNT
void cpus_start(unsigned n, void (*function)(unsigned cpu));
extern uint32_t cpu_apic_ids[CPUS_MAX]; /* by number, from cpus_start() on */
/* SSE, and with avx AVX2 and FMA, for this CPU's CPL 3. False: it has none. From CPL 3. */
bool cpu_simd(bool avx);

/* ---- paging.c: page tables beside those of boot.S. Tables are taken from ram_take(). ---- */

/* CR3 of tables as the boot ones, but RAM (below machine.ram_end) mapped by 4 KiB pages. */
uint64_t paging_identity_4k(void);
/* Writes every entry of these again that RAM needs. Any CPL. */
void paging_fill_4k(uint64_t cr3);
/* CR3 of tables as the boot ones, but bytes from virtual address at (a multiple of 2 MiB, outside
 * RAM and below 3 GiB) on lead to RAM at physical; by 4 KiB pages when small, else physical and
 * bytes are multiples of 2 MiB. */
uint64_t paging_window(uint64_t at, uint64_t physical, uint64_t bytes, bool small);
/* 0: the boot tables. Any CPL. */
void paging_use(uint64_t cr3);

void serial_init(void);
void serial_write(const char *bytes, size_t n);
void report_json(enum test test, enum guest_status status);

/* ---- instructions ---- */

/* Fenced reading. CPL 3: an emulated CPL 0 has no LFENCE. */
static inline uint64_t rdtsc_fenced(void)
{
	uint32_t low, high;

	__asm__ volatile("lfence; rdtsc; lfence" : "=a"(low), "=d"(high) : : "memory");
	return (uint64_t)high << 32 | low;
}

/* Any CPL; ordered by what surrounds it only. */
static inline uint64_t rdtsc(void)
{
	uint32_t low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
	return (uint64_t)high << 32 | low;
}

static inline void out8(uint16_t port, uint8_t value)
{
	__asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

static inline uint8_t in8(uint16_t port)
{
	uint8_t value;

	__asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port) : "memory");
	return value;
}

static inline uint32_t mmio_read32(uint64_t address)
{
	return *(volatile uint32_t *)address;
}

static inline void mmio_write32(uint64_t address, uint32_t value)
{
	*(volatile uint32_t *)address = value;
}

static inline uint64_t mmio_read64(uint64_t address)
{
	return *(volatile uint64_t *)address;
}

static inline void mmio_write64(uint64_t address, uint64_t value)
{
	*(volatile uint64_t *)address = value;
}

/* CPL 0. */
static inline uint64_t rdmsr(uint32_t msr)
{
	uint32_t low, high;

	__asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr) : "memory");
	return (uint64_t)high << 32 | low;
}

/* CPL 0. */
static inline void wrmsr(uint32_t msr, uint64_t value)
{
	__asm__ volatile("wrmsr"
			 :
			 : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32))
			 : "memory");
}

static inline void cpu_relax(void)
{
	__asm__ volatile("pause" : : : "memory");
}

#endif
