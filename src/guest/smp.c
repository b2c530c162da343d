/* SPDX-License-Identifier: BSD-2-Clause */
/* Starts a second CPU by INIT and SIPI and hands it to C at CPL 3, as the boot processor was.
 * One is all that the tests need. */
#include "guest.h"

#define ICR_INIT         0x4500
#define ICR_STARTUP      0x4600
#define INIT_TO_SIPI_NS  200000
#define START_TIMEOUT_NS 20000000
#define START_ATTEMPTS   10

extern const uint8_t ap_trampoline[], ap_trampoline_end[];
extern uint8_t gdt[];
extern uint64_t cpu_boot_stack0, cpu_boot_stack3, cpu_boot_entry;
extern uint32_t cpu_boot_tss;

static uint8_t tss[TSS_BYTES] __attribute__((aligned(8)));
static uint8_t stack0[STACK_BYTES] __attribute__((aligned(16)));
static uint8_t stack3[STACK_BYTES] __attribute__((aligned(16)));
static void (*entry)(void);
static volatile bool started;

static void started_here(void)
{
	started = true;
	entry();
	for (;;)
		cpu_relax();
}

/* No I/O bitmap: this CPU does port I/O at CPL 0 only. */
static void fill_tss(void)
{
	uint8_t *descriptor = gdt + SEL_TSS + 16;
	uint32_t base = (uint32_t)(uintptr_t)tss;

	__builtin_memcpy(tss + TSS_RSP0, &(uint64_t){(uintptr_t)(stack0 + sizeof(stack0))}, 8);
	__builtin_memcpy(tss + TSS_IOMAP, &(uint16_t){TSS_BYTES}, 2);
	*(uint64_t *)descriptor = (TSS_BYTES - 1) | (uint64_t)(base & 0xffffff) << 16 |
				  0x89ULL << 40 | (uint64_t)(base >> 24) << 56;
}

void cpu_start(uint32_t apic_id, void (*function)(void))
{
	entry = function;
	fill_tss();
	cpu_boot_stack0 = (uintptr_t)(stack0 + sizeof(stack0));
	cpu_boot_stack3 = (uintptr_t)(stack3 + sizeof(stack3) - 8);
	cpu_boot_entry = (uintptr_t)started_here;
	cpu_boot_tss = SEL_TSS + 16;
	for (const uint8_t *from = ap_trampoline; from != ap_trampoline_end; from++)
		((volatile uint8_t *)TRAMPOLINE_GPA)[from - ap_trampoline] = *from;

	lapic_icr(apic_id, ICR_INIT);
	tsc_delay_ns(INIT_TO_SIPI_NS);
	for (unsigned i = 0; i < START_ATTEMPTS && !started; i++) {
		uint64_t end = rdtsc_fenced() + ns_to_tsc(START_TIMEOUT_NS);

		lapic_icr(apic_id, ICR_STARTUP | TRAMPOLINE_GPA >> 12);
		while (!started && rdtsc_fenced() < end)
			cpu_relax();
	}
	if (!started)
		test_failed("the second CPU does not start", "");
}
