/* SPDX-License-Identifier: BSD-2-Clause */
/* Local APIC: xAPIC and x2APIC register file, priorities, timer, ICR; and the bus that joins
 * several. Source: Intel SDM vol. 3, chapter 11 (APIC); 11.5.4 timer, 11.8 handling, 11.12 x2APIC.
 */
#ifndef TICKVM_LAPIC_H
#define TICKVM_LAPIC_H

#include "tickvm/apic.h"
#include "tickvm/device.h"

#define LAPIC_MAX        16 /* APIC IDs 0 to 15 */
#define MSR_APIC_BASE    0x1bu
#define MSR_TSC_DEADLINE 0x6e0u
#define MSR_X2APIC_FIRST 0x800u
#define MSR_X2APIC_LAST  0x8ffu

struct lapic;
struct lapic_bus;

/* What a LAPIC tells its vCPU, every callback set; called with the LAPIC's lock held, must not call
 * back into it. But eoi comes last in what causes it and may answer with lapic_bus_deliver(): an
 * IOAPIC's line still high. */
struct lapic_sink {
	void (*notify)(void *ctx, unsigned id); /* lapic_pending() may have become >= 0 */
	void (*nmi)(void *ctx, unsigned id);
	void (*smi)(void *ctx, unsigned id);
	void (*init)(void *ctx, unsigned id); /* the LAPIC has reset itself already */
	void (*sipi)(void *ctx, unsigned id, uint8_t vector); /* start at vector << 12 */
	void (*extint)(void *ctx, unsigned id);               /* take the vector from the PIC */
	void (*eoi)(void *ctx, uint8_t vector); /* EOI broadcast, level-triggered only */
	void *ctx;
};

struct lapic_config {
	uint64_t bus_hz;      /* the timer's input clock before the divider */
	struct guest_tsc tsc; /* for TSC-deadline mode */
	unsigned phys_bits; /* MAXPHYADDR, 32 to 52: bits of APIC_BASE from there on are reserved */
};

/* A bus of count LAPICs (1 to LAPIC_MAX) with IDs 0 to count - 1; ID 0 is the boot processor. NULL:
 * no memory, or a config out of range. */
struct lapic_bus *lapic_bus_create(
	unsigned count, const struct lapic_config *config, struct lapic_sink sink);
void lapic_bus_destroy(struct lapic_bus *bus);
struct lapic *lapic_bus_get(struct lapic_bus *bus, unsigned id);
/* A message from an IOAPIC, an MSI or the monitor (not an ICR). Returns how many LAPICs took it. */
unsigned lapic_bus_deliver(struct lapic_bus *bus, const struct apic_msg *msg);

/* The xAPIC page (4 KiB) of one LAPIC, wherever APIC_BASE puts it; its timer's deadline and expiry.
 */
struct device lapic_device(struct lapic *lapic);

/* Its MSRs: APIC_BASE, TSC_DEADLINE, the x2APIC range. */
static inline bool lapic_has_msr(uint32_t msr)
{
	return msr == MSR_APIC_BASE || msr == MSR_TSC_DEADLINE ||
	       (msr >= MSR_X2APIC_FIRST && msr <= MSR_X2APIC_LAST);
}
/* False: the guest gets #GP(0). */
bool lapic_rdmsr(struct lapic *lapic, nsec_t now, uint32_t msr, uint64_t *value);
bool lapic_wrmsr(struct lapic *lapic, nsec_t now, uint32_t msr, uint64_t value);
uint64_t lapic_base(const struct lapic *lapic);
/* Where a value of APIC_BASE puts the xAPIC page; LAPIC_NO_PAGE: nowhere (disabled, or x2APIC). */
#define LAPIC_NO_PAGE UINT64_MAX
uint64_t lapic_page(uint64_t base);

/* The vector that may interrupt the CPU now (above PPR, APIC enabled), or -1. Pure. */
int lapic_pending(const struct lapic *lapic);
/* The CPU takes that vector: IRR to ISR. Returns it, or -1 when nothing is pending. */
int lapic_ack(struct lapic *lapic);
/* LINT0 programmed for ExtINT and unmasked (or LAPIC disabled): this CPU listens to the PIC. */
bool lapic_accepts_pic(const struct lapic *lapic);
/* CR8 and TPR are one register: bits 3:0 of CR8 are bits 7:4 of TPR. */
uint8_t lapic_cr8(const struct lapic *lapic);
void lapic_set_cr8(struct lapic *lapic, uint8_t cr8);
/* A LINT pin (0 or 1) changes level. */
void lapic_set_lint(struct lapic *lapic, unsigned pin, bool level);
/* Timer expiries that found their IRR bit already set, or came with others in one late expire(), so
 * merged with an earlier one. Periods below 5 us are merged to that, whatever the guest asks for.
 */
uint64_t lapic_timer_coalesced(const struct lapic *lapic);
/* INIT: as power-up, but the APIC ID and APIC_BASE stay. */
void lapic_init_reset(struct lapic *lapic, nsec_t now);

#endif
