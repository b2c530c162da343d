/* SPDX-License-Identifier: BSD-2-Clause */
/* The local APIC's registers: xAPIC page, x2APIC MSRs, IA32_APIC_BASE (SDM vol. 3, 11.4, 11.12).
 * It decides no priorities, routes no messages and computes no time: its neighbours do. */
#include "lapic_internal.h"

#include <stddef.h>
#include <string.h>

#define VERSION            0x14u
#define VERSION_SUPPRESS   (1u << 24)
#define BASE_DEFAULT       0xfee00000ULL
#define PAGE_OFFSET        0xfffULL
#define X2APIC_ICR_INVALID 0xfff32000u /* bit 12 was delivery status: ignored */

enum access {
	XAPIC_READ = 1,
	XAPIC_WRITE = 2,
	X2APIC_READ = 4,
	X2APIC_WRITE = 8,
	READ = XAPIC_READ | X2APIC_READ,
	READ_WRITE = READ | XAPIC_WRITE | X2APIC_WRITE,
};

/* SDM tables 11-1 and 11-6, but for ISR, TMR and IRR. A number without access is reserved.
 * readonly: bits that exist but ignore writes; an x2APIC write that sets any other bit outside
 * writable is #GP. */
static const struct rule {
	uint8_t access;
	uint32_t writable, readonly;
} rules[REGS] = {
	[REG_ID] = {READ, 0, 0},
	[REG_VERSION] = {READ, 0, 0},
	[REG_TPR] = {READ_WRITE, 0xff, 0},
	[REG_APR] = {XAPIC_READ, 0, 0},
	[REG_PPR] = {READ, 0, 0},
	[REG_EOI] = {XAPIC_WRITE | X2APIC_WRITE, 0, 0},
	[REG_RRD] = {XAPIC_READ, 0, 0},
	[REG_LDR] = {READ | XAPIC_WRITE, 0xff000000, 0},
	[REG_DFR] = {XAPIC_READ | XAPIC_WRITE, 0xf0000000, 0},
	[REG_SVR] = {READ_WRITE, 0x11ff, 0},
	[REG_ESR] = {READ_WRITE, 0, 0},
	[REG_ICR] = {READ_WRITE, 0xccfff, 1u << 12},
	[REG_ICR_HIGH] = {XAPIC_READ | XAPIC_WRITE, 0xff000000, 0},
	[REG_LVT + LVT_TIMER] = {READ_WRITE, 0x700ff, 1u << 12},
	[REG_LVT + LVT_THERMAL] = {READ_WRITE, 0x107ff, 1u << 12},
	[REG_LVT + LVT_PERF] = {READ_WRITE, 0x107ff, 1u << 12},
	[REG_LVT + LVT_LINT0] = {READ_WRITE, 0x1a7ff, 1u << 12 | LVT_REMOTE_IRR},
	[REG_LVT + LVT_LINT1] = {READ_WRITE, 0x1a7ff, 1u << 12 | LVT_REMOTE_IRR},
	[REG_LVT + LVT_ERROR] = {READ_WRITE, 0x100ff, 1u << 12},
	[REG_INITIAL] = {READ_WRITE, 0xffffffff, 0},
	[REG_CURRENT] = {READ, 0, 0},
	[REG_DIVIDE] = {READ_WRITE, 0xb, 0},
	[REG_SELF_IPI] = {X2APIC_WRITE, 0xff, 0},
};

static bool is_vectors(uint64_t reg)
{
	return reg >= REG_ISR && reg < REG_IRR + 8;
}

static const struct rule *rule_of(uint64_t reg)
{
	static const struct rule vectors = {READ, 0, 0}, reserved = {0, 0, 0};

	if (reg >= REGS)
		return &reserved;
	return is_vectors(reg) ? &vectors : &rules[reg];
}

/* SDM 11.12.10.2: cluster ID / 16, and one bit of 16. */
uint32_t lapic_logical_id(const struct lapic *l)
{
	return lapic_x2apic(l) ? l->id >> 4 << 16 | 1u << (l->id & 0xf) : l->ldr;
}

/* ISR, TMR and IRR: eight registers of 32 vectors each. */
static uint32_t read_vectors(const struct lapic *l, unsigned reg)
{
	const uint64_t *set = reg >= REG_IRR ? l->irr : reg >= REG_TMR ? l->tmr : l->isr;

	return (uint32_t)(set[reg % 8 / 2] >> reg % 2 * 32);
}

static bool is_lvt(unsigned reg)
{
	return reg >= REG_LVT && reg < REG_LVT + LVTS;
}

static uint32_t read_register(const struct lapic *l, nsec_t now, unsigned reg)
{
	if (is_vectors(reg))
		return read_vectors(l, reg);
	if (is_lvt(reg))
		return l->lvt[reg - REG_LVT];
	switch (reg) {
	case REG_ID:
		return lapic_x2apic(l) ? l->id : l->id << 24;
	case REG_VERSION:
		return VERSION | (LVTS - 1) << 16 | VERSION_SUPPRESS;
	case REG_TPR:
		return l->tpr;
	case REG_PPR:
		return lapic_ppr(l);
	case REG_LDR:
		return lapic_logical_id(l);
	case REG_DFR:
		return l->dfr;
	case REG_SVR:
		return l->svr;
	case REG_ESR:
		return l->esr;
	case REG_ICR:
		return l->icr_low;
	case REG_ICR_HIGH:
		return l->icr_high;
	case REG_INITIAL:
		return l->timer.initial;
	case REG_CURRENT:
		return lapic_timer_current(l, now);
	case REG_DIVIDE:
		return l->timer.divide;
	default: /* EOI; and APR and RRD, which no processor since the Pentium 4 has */
		return 0;
	}
}

/* SDM 11.4.7.2: a software-disabled APIC keeps every LVT entry masked. */
static void write_lvt(struct lapic *l, nsec_t now, enum lapic_lvt entry, uint32_t value)
{
	if (!(l->svr & SVR_ENABLE))
		value |= LVT_MASKED;
	if (entry == LVT_TIMER) {
		lapic_timer_set_lvt(l, now, value);
		return;
	}
	l->lvt[entry] = value | (l->lvt[entry] & LVT_REMOTE_IRR);
	if (entry == LVT_LINT0 || entry == LVT_LINT1)
		lapic_drive_lint(l, entry - LVT_LINT0, false);
}

static void write_svr(struct lapic *l, nsec_t now, uint32_t value)
{
	lapic_timer_expire(l, now); /* what was due is due before the mask */
	l->svr = value;
	if (!(value & SVR_ENABLE))
		for (unsigned entry = 0; entry < LVTS; entry++)
			l->lvt[entry] |= LVT_MASKED;
	lapic_notify(l);
}

static void write_register(struct lapic *l, nsec_t now, unsigned reg, uint32_t value)
{
	if (is_lvt(reg)) {
		write_lvt(l, now, (enum lapic_lvt)(reg - REG_LVT), value);
		return;
	}
	switch (reg) {
	case REG_TPR:
		l->tpr = value;
		lapic_notify(l);
		break;
	case REG_EOI:
		lapic_eoi(l);
		break;
	case REG_LDR:
		l->ldr = value;
		break;
	case REG_DFR:
		l->dfr = value | 0x0fffffff;
		break;
	case REG_SVR:
		write_svr(l, now, value);
		break;
	case REG_ESR:
		l->esr = l->errors;
		l->errors = 0;
		break;
	case REG_ICR:
		l->icr_low = value;
		lapic_send_ipi(l, lapic_x2apic(l) ? l->icr_high : l->icr_high >> 24, value);
		break;
	case REG_ICR_HIGH:
		l->icr_high = value;
		break;
	case REG_INITIAL:
		lapic_timer_set_initial(l, now, value);
		break;
	case REG_DIVIDE:
		lapic_timer_set_divide(l, now, value);
		break;
	case REG_SELF_IPI:
		lapic_send_ipi(l, 0, APIC_DEST_SELF << 18 | value);
		break;
	default:
		break;
	}
}

/* SDM 11.5.3: an access to a reserved address is an error; to a read-only or write-only register it
 * is not. */
static bool present(struct lapic *l, uint64_t reg)
{
	if (rule_of(reg)->access & (XAPIC_READ | XAPIC_WRITE))
		return true;
	lapic_error(l, ERROR_ILLEGAL_REGISTER);
	return false;
}

/* SDM 11.4.1 defines aligned 4-byte accesses. Here narrower reads give the bytes asked for; other
 * reads that leave a register's 4 bytes are all ones, and other writes are ignored. */
static uint64_t lapic_read(void *self, nsec_t now, uint64_t offset, unsigned size)
{
	struct lapic *l = self;
	unsigned byte = offset % 16;

	if (!lapic_enabled(l) || lapic_x2apic(l) || byte + size > 4 || !present(l, offset / 16))
		return all_ones(size);
	return read_register(l, now, (unsigned)(offset / 16)) >> 8 * byte & all_ones(size);
}

static void lapic_write(void *self, nsec_t now, uint64_t offset, unsigned size, uint64_t value)
{
	struct lapic *l = self;

	if (!lapic_enabled(l) || lapic_x2apic(l) || offset % 16 || size != 4 ||
		!present(l, offset / 16))
		return;
	const struct rule *rule = rule_of(offset / 16);
	if (rule->access & XAPIC_WRITE)
		write_register(l, now, (unsigned)(offset / 16), (uint32_t)value & rule->writable);
}

static nsec_t lapic_deadline(const void *self)
{
	return lapic_timer_deadline(self);
}

static void lapic_expire(void *self, nsec_t now)
{
	lapic_timer_expire(self, now);
}

void lapic_registers_reset(struct lapic *l)
{
	l->tpr = 0;
	l->svr = 0xff;
	l->ldr = 0;
	l->dfr = 0xffffffff;
	l->icr_low = l->icr_high = 0;
	l->esr = l->errors = 0;
	for (unsigned entry = 0; entry < LVTS; entry++)
		l->lvt[entry] = LVT_MASKED;
	memset(l->irr, 0, sizeof(l->irr));
	memset(l->isr, 0, sizeof(l->isr));
	memset(l->tmr, 0, sizeof(l->tmr));
	lapic_timer_reset(l);
}

void lapic_init_reset(struct lapic *l, nsec_t now)
{
	(void)now; /* nothing runs after a reset, so nothing starts from now */
	lapic_registers_reset(l);
}

static void lapic_reset(void *self, nsec_t now)
{
	struct lapic *l = self;

	l->base = BASE_DEFAULT | BASE_ENABLE | (l->id == 0 ? BASE_BSP : 0);
	lapic_init_reset(l, now);
}

static void lapic_counters(const void *self, struct counter_sink sink)
{
	sink.put(sink.ctx, "coalesced", lapic_timer_coalesced(self));
}

struct device lapic_device(struct lapic *l)
{
	static const struct device_ops ops = {
		.name = "lapic",
		.read = lapic_read,
		.write = lapic_write,
		.deadline = lapic_deadline,
		.expire = lapic_expire,
		.reset = lapic_reset,
		.counters = lapic_counters,
	};

	return (struct device){&ops, l};
}

uint64_t lapic_base(const struct lapic *l)
{
	return l->base;
}

uint64_t lapic_page(uint64_t base)
{
	return (base & (BASE_ENABLE | BASE_EXTD)) == BASE_ENABLE ? base & ~PAGE_OFFSET
								 : LAPIC_NO_PAGE;
}

/* SDM 11.4.4: from bit 12 to MAXPHYADDR - 1. */
static uint64_t address_bits(const struct lapic *l)
{
	return ((1ULL << l->bus->config.phys_bits) - 1) & ~PAGE_OFFSET;
}

/* SDM 11.12.5: disabled <-> xAPIC -> x2APIC -> disabled; every other change is #GP. */
static bool valid_transition(uint64_t from, uint64_t to)
{
	bool to_enabled = to & BASE_ENABLE, to_x2apic = to & BASE_EXTD;

	if (to_x2apic)
		return to_enabled && (from & BASE_ENABLE);
	return !to_enabled || !(from & BASE_EXTD);
}

static bool write_base(struct lapic *l, uint64_t value)
{
	uint64_t changed = (l->base ^ value) & (BASE_ENABLE | BASE_EXTD);

	if (value & ~(address_bits(l) | BASE_ENABLE | BASE_EXTD | BASE_BSP))
		return false;
	if (!valid_transition(l->base, value))
		return false;
	/* Who booted is not for software to say: AMD APM vol. 2, 16.3.1 (BSC is read-only). */
	l->base = (value & ~BASE_BSP) | (l->base & BASE_BSP);
	if (!changed)
		return true;
	if (!lapic_enabled(l))
		lapic_registers_reset(l); /* SDM 11.4.3: its state is lost */
	else if (lapic_x2apic(l))
		l->icr_high = 0; /* its meaning changed */
	lapic_drive_lint(l, 0, false);
	return true;
}

/* NULL: the access is #GP. */
static const struct rule *x2apic_rule(const struct lapic *l, uint32_t msr, enum access access)
{
	if (msr < MSR_X2APIC_FIRST || !lapic_x2apic(l))
		return NULL;
	const struct rule *rule = rule_of(msr - MSR_X2APIC_FIRST);
	return (rule->access & access) ? rule : NULL;
}

bool lapic_rdmsr(struct lapic *l, nsec_t now, uint32_t msr, uint64_t *value)
{
	if (msr == MSR_APIC_BASE) {
		*value = l->base;
		return true;
	}
	if (msr == MSR_TSC_DEADLINE) {
		*value = lapic_timer_tsc_deadline(l, now);
		return true;
	}
	if (!x2apic_rule(l, msr, X2APIC_READ))
		return false;
	*value = read_register(l, now, msr - MSR_X2APIC_FIRST);
	if (msr - MSR_X2APIC_FIRST == REG_ICR)
		*value |= (uint64_t)l->icr_high << 32;
	return true;
}

/* The ICR is the only register of 64 bits (SDM 11.12.9). */
static bool write_x2apic_icr(struct lapic *l, nsec_t now, uint64_t value)
{
	if (value & X2APIC_ICR_INVALID)
		return false;
	l->icr_high = (uint32_t)(value >> 32);
	write_register(l, now, REG_ICR, (uint32_t)value & rules[REG_ICR].writable);
	return true;
}

bool lapic_wrmsr(struct lapic *l, nsec_t now, uint32_t msr, uint64_t value)
{
	if (msr == MSR_APIC_BASE)
		return write_base(l, value);
	if (msr == MSR_TSC_DEADLINE) {
		lapic_timer_set_tsc_deadline(l, now, value);
		return true;
	}
	const struct rule *rule = x2apic_rule(l, msr, X2APIC_WRITE);
	if (!rule)
		return false;
	if (msr - MSR_X2APIC_FIRST == REG_ICR)
		return write_x2apic_icr(l, now, value);
	if (value & ~((uint64_t)rule->writable | rule->readonly))
		return false;
	write_register(l, now, msr - MSR_X2APIC_FIRST, (uint32_t)value & rule->writable);
	return true;
}
