/* SPDX-License-Identifier: BSD-2-Clause */
/* Starts the other CPUs by INIT and SIPI, one after another, and hands each to C at CPL 3, as the
 * boot processor was. What they do there is their test's. */
#include "guest.h"

#include "guest_text.h"

#define ICR_INIT         0x4500
#define ICR_STARTUP      0x4600
#define INIT_TO_SIPI_NS  200000
#define START_TIMEOUT_NS 20000000
#define START_ATTEMPTS   3000 /* a minute: a busy host may give the other vCPU no time for long */

extern const uint8_t ap_trampoline[], ap_trampoline_end[];
extern uint8_t gdt[];
extern uint64_t cpu_boot_stack0, cpu_boot_stack3, cpu_boot_entry;
extern uint32_t cpu_boot_tss;

uint32_t cpu_apic_ids[CPUS_MAX];

static uint8_t tss[CPUS_MAX][TSS_BYTES] __attribute__((aligned(8)));
static void (*entry)(unsigned cpu);
static unsigned starting;         /* number of the CPU being started */
static volatile unsigned started; /* number of the last one that came */

static void started_here(void)
{
	unsigned cpu = starting;

	started = cpu;
	entry(cpu);
	for (;;)
		cpu_relax();
}

/* No I/O bitmap: these CPUs do port I/O at CPL 0 only. */
static void fill_tss(unsigned cpu, uint64_t stack0)
{
	uint8_t *descriptor = gdt + SEL_TSS + 16 * cpu;
	uint32_t base = (uint32_t)(uintptr_t)tss[cpu];

	__builtin_memcpy(tss[cpu] + TSS_RSP0, &stack0, 8);
	__builtin_memcpy(tss[cpu] + TSS_IOMAP, &(uint16_t){TSS_BYTES}, 2);
	*(uint64_t *)descriptor = (TSS_BYTES - 1) | (uint64_t)(base & 0xffffff) << 16 |
				  0x89ULL << 40 | (uint64_t)(base >> 24) << 56;
}

static void start(unsigned cpu)
{
	uint64_t stack0 = (uintptr_t)ram_take(STACK_BYTES, STACK_BYTES) + STACK_BYTES;
	uint64_t stack3 = (uintptr_t)ram_take(STACK_BYTES, STACK_BYTES) + STACK_BYTES;

	starting = cpu;
	fill_tss(cpu, stack0);
	cpu_boot_stack0 = stack0;
	cpu_boot_stack3 = stack3 - 8; /* as after a call */
	cpu_boot_entry = (uintptr_t)started_here;
	cpu_boot_tss = SEL_TSS + 16 * cpu;

	lapic_icr(cpu_apic_ids[cpu], ICR_INIT);
	tsc_delay_ns(INIT_TO_SIPI_NS);
	for (unsigned i = 0; i < START_ATTEMPTS && started != cpu; i++) {
		uint64_t end = rdtsc_fenced() + ns_to_tsc(START_TIMEOUT_NS);

		lapic_icr(cpu_apic_ids[cpu], ICR_STARTUP | TRAMPOLINE_GPA >> 12);
		while (started != cpu && rdtsc_fenced() < end)
			cpu_relax();
	}
	if (started != cpu) {
		char number[24];
		struct text text = text_in(number, sizeof(number));

		text_add_decimal(&text, cpu);
		test_failed("a CPU does not start: number ", number);
	}
}

/* This CPU is number 0, the others follow in the MADT's order. False: there are fewer. */
static bool number_cpus(unsigned n)
{
	uint32_t self = lapic_id();
	unsigned found = machine_cpus(cpu_apic_ids, CPUS_MAX);

	for (unsigned i = 1; i < found; i++) {
		if (cpu_apic_ids[i] != self)
			continue;
		cpu_apic_ids[i] = cpu_apic_ids[0];
		cpu_apic_ids[0] = self;
	}
	return n <= found;
}

void cpus_start(unsigned n, void (*function)(unsigned cpu))
{
	if (n == 1)
		return;
	lapic_init();
	if (!number_cpus(n)) {
		char needed[48];
		struct text text = text_in(needed, sizeof(needed));

		text_add_decimal(&text, n);
		text_add(&text, " CPUs in the ACPI MADT");
		test_unavailable("this test needs ", needed);
	}
	entry = function;
	for (const uint8_t *from = ap_trampoline; from != ap_trampoline_end; from++)
		((volatile uint8_t *)TRAMPOLINE_GPA)[from - ap_trampoline] = *from;
	for (unsigned cpu = 1; cpu < n; cpu++)
		start(cpu);
}
