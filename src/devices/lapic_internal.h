/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of the local APIC share: state, register numbers, the verbs between them.
 * Nothing outside src/devices/lapic*.c includes this. */
#ifndef DEVICES_LAPIC_INTERNAL_H
#define DEVICES_LAPIC_INTERNAL_H

#include "tickvm/lapic.h"

#define ILLEGAL_VECTORS 16 /* 0 to 15 are no APIC vectors (SDM 11.5.2) */

/* A register's number is its xAPIC offset / 16 and its x2APIC MSR - 0x800 (SDM table 11-6). */
enum lapic_reg {
	REG_ID = 0x02,
	REG_VERSION = 0x03,
	REG_TPR = 0x08,
	REG_APR = 0x09,
	REG_PPR = 0x0a,
	REG_EOI = 0x0b,
	REG_RRD = 0x0c,
	REG_LDR = 0x0d,
	REG_DFR = 0x0e,
	REG_SVR = 0x0f,
	REG_ISR = 0x10,
	REG_TMR = 0x18,
	REG_IRR = 0x20,
	REG_ESR = 0x28,
	REG_ICR = 0x30,
	REG_ICR_HIGH = 0x31,
	REG_LVT = 0x32,
	REG_INITIAL = 0x38,
	REG_CURRENT = 0x39,
	REG_DIVIDE = 0x3e,
	REG_SELF_IPI = 0x3f,
	REGS = 0x40,
};

/* In the order of their registers. */
enum lapic_lvt { LVT_TIMER, LVT_THERMAL, LVT_PERF, LVT_LINT0, LVT_LINT1, LVT_ERROR, LVTS };

#define LVT_DELIVERY_SHIFT 8
#define LVT_REMOTE_IRR     (1u << 14)
#define LVT_LEVEL          (1u << 15)
#define LVT_MASKED         (1u << 16)
#define LVT_MODE_SHIFT     17

enum lapic_timer_mode { TIMER_ONE_SHOT, TIMER_PERIODIC, TIMER_TSC_DEADLINE, TIMER_RESERVED };

#define BASE_BSP    (1ULL << 8)
#define BASE_EXTD   (1ULL << 10)
#define BASE_ENABLE (1ULL << 11)

#define SVR_ENABLE       (1u << 8)
#define SVR_SUPPRESS_EOI (1u << 12)

enum lapic_error {
	ERROR_SEND_ILLEGAL_VECTOR = 1u << 5,
	ERROR_RECEIVE_ILLEGAL_VECTOR = 1u << 6,
	ERROR_ILLEGAL_REGISTER = 1u << 7,
};

struct lapic_timer {
	uint32_t initial; /* initial-count register */
	uint32_t divide;  /* divide configuration register */
	nsec_t start;     /* when counting began from first */
	uint32_t first;   /* counts from start to the first expiry; then every initial counts */
	uint64_t fired;   /* expiries since start */
	uint64_t stride;  /* periods between two calls of expire(), see LAPIC_TIMER_MIN_NSEC */
	uint64_t tsc_deadline; /* IA32_TSC_DEADLINE */
	nsec_t due;            /* the next expiry; NSEC_NEVER: disarmed */
	nsec_t wake; /* when expire() should be called: due, or stride - 1 periods later */
	uint64_t coalesced;
};

struct lapic {
	struct lapic_bus *bus;
	uint32_t id;
	uint64_t base; /* IA32_APIC_BASE */
	uint32_t tpr, svr, ldr, dfr;
	uint32_t icr_low, icr_high;
	uint32_t esr;    /* as software reads it */
	uint32_t errors; /* collected since software last wrote the ESR */
	uint32_t lvt[LVTS];
	uint64_t irr[4], isr[4], tmr[4]; /* vector v is bit v % 64 of word v / 64 */
	bool lint[2]; /* pins; true is asserted, whatever the polarity bit says */
	struct lapic_timer timer;
};

struct lapic_bus {
	struct lapic_config config;
	struct lapic_sink sink;
	unsigned count;
	unsigned last_lowest; /* who took the last lowest-priority message: ties go round */
	struct lapic lapics[LAPIC_MAX];
};

static inline bool lapic_enabled(const struct lapic *l)
{
	return l->base & BASE_ENABLE;
}

static inline bool lapic_x2apic(const struct lapic *l)
{
	return l->base & BASE_EXTD;
}

static inline bool lapic_software_enabled(const struct lapic *l)
{
	return lapic_enabled(l) && (l->svr & SVR_ENABLE);
}

/* lapic.c: every register but the ID and APIC_BASE as after power-up (SDM 11.4.7.1). */
void lapic_registers_reset(struct lapic *l);
uint32_t lapic_logical_id(const struct lapic *l);

/* lapic_interrupt.c */
uint32_t lapic_ppr(const struct lapic *l);
bool lapic_requested(const struct lapic *l, uint8_t vector);
/* A fixed interrupt arrives. True when the LAPIC takes it. */
bool lapic_accept(struct lapic *l, uint8_t vector, bool level);
/* An LVT entry's event happens. */
void lapic_local_interrupt(struct lapic *l, enum lapic_lvt entry);
void lapic_eoi(struct lapic *l);
void lapic_error(struct lapic *l, enum lapic_error error);
/* Tell the vCPU when something can be delivered now. */
void lapic_notify(struct lapic *l);
/* After anything a LINT pin depends on; rising: the pin itself has just been asserted. */
void lapic_drive_lint(struct lapic *l, unsigned pin, bool rising);

/* lapic_bus.c */
void lapic_send_ipi(struct lapic *sender, uint32_t dest, uint32_t icr_low);
/* INIT reaches this LAPIC. */
void lapic_take_init(struct lapic *l);

/* lapic_timer.c */
void lapic_timer_reset(struct lapic *l);
uint32_t lapic_timer_current(const struct lapic *l, nsec_t now);
void lapic_timer_set_initial(struct lapic *l, nsec_t now, uint32_t value);
void lapic_timer_set_divide(struct lapic *l, nsec_t now, uint32_t value);
void lapic_timer_set_lvt(struct lapic *l, nsec_t now, uint32_t value);
uint64_t lapic_timer_tsc_deadline(struct lapic *l, nsec_t now);
void lapic_timer_set_tsc_deadline(struct lapic *l, nsec_t now, uint64_t ticks);
nsec_t lapic_timer_deadline(const struct lapic *l);
void lapic_timer_expire(struct lapic *l, nsec_t now);

#endif
