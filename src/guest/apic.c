/* SPDX-License-Identifier: BSD-2-Clause */
/* This CPU's local APIC and the IOAPIC: enabled, silenced, one vector wired to a test.
 * The arming accesses of the measured paths are in wait.S. */
#include "guest.h"

/* Intel SDM vol. 3, table 11-1. */
#define LAPIC_ID        0x020
#define LAPIC_TPR       0x080
#define LAPIC_SVR       0x0f0
#define LAPIC_ESR       0x280
#define LAPIC_ICR_LOW   0x300
#define LAPIC_ICR_HIGH  0x310
#define LAPIC_LVT_TIMER 0x320
#define LAPIC_LVT_LINT0 0x350
#define LAPIC_LVT_LINT1 0x360
#define LAPIC_INITIAL   0x380
#define LAPIC_CURRENT   0x390
#define LAPIC_DIVIDE    0x3e0
#define SVR_ENABLE      (1u << 8)

#define MSR_APIC_BASE    0x1b
#define APIC_BASE_X2APIC (1u << 10)
#define APIC_BASE_ENABLE (1u << 11)
#define MSR_X2APIC_SVR   0x80f
#define MSR_X2APIC_LINT0 0x835

/* 82093AA data sheet, 3.1. */
#define IOAPIC_SELECT 0x00
#define IOAPIC_WINDOW 0x10
#define IOAPIC_REDIR  0x10

static void lapic_write(uint64_t offset, uint32_t value)
{
	mmio_write32(GPA_LAPIC + offset, value);
}

/* CPL 0. LINT0 masked: the PIC's interrupts do not reach this CPU, whatever firmware left in it. */
static uint64_t init(uint64_t a, uint64_t b, uint64_t c)
{
	(void)a, (void)b, (void)c;
	lapic_write(LAPIC_SVR, SVR_ENABLE | VECTOR_LAPIC_SPURIOUS);
	lapic_write(LAPIC_LVT_LINT0, LVT_MASKED);
	lapic_write(LAPIC_TPR, 0);
	return 0;
}

void lapic_init(void)
{
	in_kernel(init, 0, 0, 0);
}

/* CPL 0. */
static uint64_t to_x2apic(uint64_t a, uint64_t b, uint64_t c)
{
	(void)a, (void)b, (void)c;
	wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | APIC_BASE_ENABLE | APIC_BASE_X2APIC);
	wrmsr(MSR_X2APIC_SVR, SVR_ENABLE | VECTOR_LAPIC_SPURIOUS);
	wrmsr(MSR_X2APIC_LINT0, LVT_MASKED);
	return 0;
}

bool lapic_to_x2apic(void)
{
	return kernel_try(to_x2apic, 0, 0, 0);
}

uint32_t lapic_id(void)
{
	return mmio_read32(GPA_LAPIC + LAPIC_ID) >> 24;
}

void lapic_timer_mode(uint32_t lvt, unsigned shift)
{
	/* Figure 11-10: 0 is 2, 1 is 4, up to 6, then 7 is 1; bit 2 of the code is bit 3 of the
	 * register. */
	uint32_t code = (shift + 7) & 7;

	lapic_write(LAPIC_DIVIDE, (code & 3) | (code & 4) << 1);
	lapic_write(LAPIC_LVT_TIMER, lvt);
}

void lapic_timer_start(uint32_t count)
{
	lapic_write(LAPIC_INITIAL, count);
}

uint32_t lapic_timer_count(void)
{
	return mmio_read32(GPA_LAPIC + LAPIC_CURRENT);
}

void lapic_icr(uint32_t apic_id, uint32_t command)
{
	lapic_write(LAPIC_ICR_HIGH, apic_id << 24);
	lapic_write(LAPIC_ICR_LOW, command);
}

void lapic_icr_destination(uint32_t apic_id)
{
	lapic_write(LAPIC_ICR_HIGH, apic_id << 24);
}

static void ioapic_write(uint32_t reg, uint32_t value)
{
	mmio_write32(GPA_IOAPIC + IOAPIC_SELECT, reg);
	mmio_write32(GPA_IOAPIC + IOAPIC_WINDOW, value);
}

void ioapic_route(unsigned pin, uint32_t low, uint32_t apic_id)
{
	ioapic_write(IOAPIC_REDIR + 2 * pin + 1, apic_id << 24);
	ioapic_write(IOAPIC_REDIR + 2 * pin, low);
}
