/* SPDX-License-Identifier: BSD-2-Clause */
/* The beginning and the end of a test that several CPUs do together. It starts them through smp.c,
 * and measures nothing. */
#include "team.h"
#include "guest.h"
#include "wait.h"

static unsigned cpus;

void team_start(unsigned n, void (*function)(unsigned cpu))
{
	cpus = n;
	idt_set(VECTOR_DRAIN, irq_stamp);
	cpus_start(n, function);
	function(0);
}

void team_meet(void)
{
	static unsigned came, turn;
	unsigned now = __atomic_load_n(&turn, __ATOMIC_ACQUIRE);

	if (__atomic_add_fetch(&came, 1, __ATOMIC_ACQ_REL) == cpus) {
		came = 0;
		__atomic_store_n(&turn, now + 1, __ATOMIC_RELEASE);
	}
	while (__atomic_load_n(&turn, __ATOMIC_ACQUIRE) == now)
		cpu_relax();
}

/* CPL 0. */
_Noreturn static uint64_t halt(uint64_t a, uint64_t b, uint64_t c)
{
	(void)a, (void)b, (void)c;
	for (;;)
		__asm__ volatile("cli; hlt");
}

/* The last one wakes CPU 0. */
void team_part(unsigned cpu)
{
	static unsigned done;
	struct wait_event event = {.stub = wait_stubs[WAIT_NOTHING][WAIT_HLT]};
	bool last = __atomic_add_fetch(&done, 1, __ATOMIC_ACQ_REL) == cpus;

	if (cpu != 0) {
		if (last)
			lapic_icr(cpu_apic_ids[0], ICR_FIXED | VECTOR_DRAIN);
		kernel_call(halt, 0, 0, 0);
	}
	while (__atomic_load_n(&done, __ATOMIC_ACQUIRE) != cpus)
		wait_hlt(&event);
}
