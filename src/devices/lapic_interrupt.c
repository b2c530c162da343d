/* SPDX-License-Identifier: BSD-2-Clause */
/* Local APIC: acceptance, priorities, EOI, LINT pins, errors (SDM vol. 3, 11.5 and 11.8).
 * It does not decode register accesses, route messages or know time. */
#include "lapic_internal.h"

static void set_bit(uint64_t set[4], uint8_t vector, bool value)
{
	uint64_t bit = 1ULL << (vector % 64);

	set[vector / 64] = value ? set[vector / 64] | bit : set[vector / 64] & ~bit;
}

static bool test_bit(const uint64_t set[4], uint8_t vector)
{
	return set[vector / 64] >> (vector % 64) & 1;
}

static int highest_bit(const uint64_t set[4])
{
	for (int word = 3; word >= 0; word--)
		if (set[word])
			return 64 * word + 63 - __builtin_clzll(set[word]);
	return -1;
}

/* SDM 11.8.3.1. Where the classes are equal the low bits are model-specific: TPR's here. */
uint32_t lapic_ppr(const struct lapic *l)
{
	int in_service = highest_bit(l->isr);
	uint32_t class = in_service < 0 ? 0 : (uint32_t)in_service & 0xf0;

	return (l->tpr & 0xf0) >= class ? l->tpr : class;
}

/* SDM 11.4.7.2: what a software-disabled APIC holds stays held. */
int lapic_pending(const struct lapic *l)
{
	int vector = highest_bit(l->irr);

	if (vector < 0 || !lapic_software_enabled(l))
		return -1;
	return ((uint32_t)vector & 0xf0) > (lapic_ppr(l) & 0xf0) ? vector : -1;
}

int lapic_ack(struct lapic *l)
{
	int vector = lapic_pending(l);

	if (vector >= 0) {
		set_bit(l->irr, (uint8_t)vector, false);
		set_bit(l->isr, (uint8_t)vector, true);
	}
	return vector;
}

void lapic_notify(struct lapic *l)
{
	if (lapic_pending(l) >= 0)
		l->bus->sink.notify(l->bus->sink.ctx, l->id);
}

bool lapic_requested(const struct lapic *l, uint8_t vector)
{
	return test_bit(l->irr, vector);
}

bool lapic_accept(struct lapic *l, uint8_t vector, bool level)
{
	if (!lapic_software_enabled(l))
		return false;
	if (vector < ILLEGAL_VECTORS) {
		lapic_error(l, ERROR_RECEIVE_ILLEGAL_VECTOR);
		return false;
	}
	set_bit(l->tmr, vector, level);
	if (!lapic_requested(l, vector)) {
		set_bit(l->irr, vector, true);
		lapic_notify(l);
	}
	return true;
}

void lapic_eoi(struct lapic *l)
{
	int in_service = highest_bit(l->isr);

	if (in_service < 0)
		return;
	uint8_t vector = (uint8_t)in_service;
	bool level = test_bit(l->tmr, vector);
	uint32_t *lint0 = &l->lvt[LVT_LINT0];

	set_bit(l->isr, vector, false);
	lapic_notify(l);
	if (level && (*lint0 & LVT_REMOTE_IRR) && (uint8_t)*lint0 == vector) {
		*lint0 &= ~LVT_REMOTE_IRR;
		lapic_drive_lint(l, 0, false);
	}
	/* Last, so that an IOAPIC may answer with a message to this very LAPIC. */
	if (level && !(l->svr & SVR_SUPPRESS_EOI))
		l->bus->sink.eoi(l->bus->sink.ctx, vector);
}

/* SDM 11.5.3: one interrupt until software writes the ESR. */
void lapic_error(struct lapic *l, enum lapic_error error)
{
	bool first = !l->errors;

	l->errors |= error;
	if (first)
		lapic_local_interrupt(l, LVT_ERROR);
}

void lapic_local_interrupt(struct lapic *l, enum lapic_lvt entry)
{
	const struct lapic_sink *sink = &l->bus->sink;
	uint32_t lvt = l->lvt[entry];

	if (lvt & LVT_MASKED)
		return;
	switch (lvt >> LVT_DELIVERY_SHIFT & 7) {
	case APIC_FIXED:
		lapic_accept(l, (uint8_t)lvt, false);
		break;
	case APIC_SMI:
		sink->smi(sink->ctx, l->id);
		break;
	case APIC_NMI:
		sink->nmi(sink->ctx, l->id);
		break;
	case APIC_INIT:
		lapic_take_init(l);
		break;
	case APIC_EXTINT:
		sink->extint(sink->ctx, l->id);
		break;
	default: /* reserved */
		break;
	}
}

/* SDM 11.5.1: the trigger mode means something for fixed delivery on LINT0 only. */
static bool level_triggered(const struct lapic *l, unsigned pin)
{
	uint32_t lvt = l->lvt[LVT_LINT0 + pin];

	return pin == 0 && (lvt & LVT_LEVEL) && (lvt >> LVT_DELIVERY_SHIFT & 7) == APIC_FIXED;
}

void lapic_drive_lint(struct lapic *l, unsigned pin, bool rising)
{
	const struct lapic_sink *sink = &l->bus->sink;
	enum lapic_lvt entry = pin ? LVT_LINT1 : LVT_LINT0;
	uint32_t *lvt = &l->lvt[entry];

	if (!level_triggered(l, pin))
		*lvt &= ~LVT_REMOTE_IRR;
	if (!l->lint[pin])
		return;
	if (!lapic_enabled(l)) { /* SDM 11.4.3: the pins are the CPU's INTR and NMI then */
		if (pin == 0)
			sink->extint(sink->ctx, l->id);
		else if (rising)
			sink->nmi(sink->ctx, l->id);
	} else if (level_triggered(l, pin)) {
		if (!(*lvt & (LVT_MASKED | LVT_REMOTE_IRR)) && lapic_accept(l, (uint8_t)*lvt, true))
			*lvt |= LVT_REMOTE_IRR;
	} else if (rising || (*lvt >> LVT_DELIVERY_SHIFT & 7) == APIC_EXTINT) {
		lapic_local_interrupt(l, entry); /* ExtINT follows the PIC's level */
	}
}

void lapic_set_lint(struct lapic *l, unsigned pin, bool level)
{
	if (pin > 1 || l->lint[pin] == level)
		return;
	l->lint[pin] = level;
	lapic_drive_lint(l, pin, level);
}

bool lapic_accepts_pic(const struct lapic *l)
{
	uint32_t lvt = l->lvt[LVT_LINT0];

	return !lapic_enabled(l) ||
	       (!(lvt & LVT_MASKED) && (lvt >> LVT_DELIVERY_SHIFT & 7) == APIC_EXTINT);
}

uint8_t lapic_cr8(const struct lapic *l)
{
	return (uint8_t)(l->tpr >> 4);
}

void lapic_set_cr8(struct lapic *l, uint8_t cr8)
{
	/* The owner syncs after every exit: an unchanged class keeps TPR's low bits. */
	if (lapic_cr8(l) == (cr8 & 0xf))
		return;
	l->tpr = (cr8 & 0xfu) << 4;
	lapic_notify(l);
}
