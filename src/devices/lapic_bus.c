/* SPDX-License-Identifier: BSD-2-Clause */
/* The bus that joins LAPICs: who a message is for, and IPIs (SDM vol. 3, 11.6, 11.12.9, 11.12.10).
 * It takes no lock (the owner does), and whether a CPU honours a SIPI is the vCPU's business. */
#include "lapic_internal.h"

#include <stdlib.h>

#define ICR_LOGICAL (1u << 11)
#define ICR_ASSERT  (1u << 14)
#define ICR_LEVEL   (1u << 15)

#define DFR_FLAT    0xf
#define DFR_CLUSTER 0x0

struct lapic_bus *lapic_bus_create(
	unsigned count, const struct lapic_config *config, struct lapic_sink sink)
{
	if (count < 1 || count > LAPIC_MAX || !config->bus_hz || !config->tsc.hz ||
		config->phys_bits < 32 || config->phys_bits > 52)
		return NULL;
	struct lapic_bus *bus = calloc(1, sizeof(*bus));
	if (!bus)
		return NULL;
	bus->config = *config;
	bus->sink = sink;
	bus->count = count;
	bus->last_lowest = count - 1;
	for (unsigned id = 0; id < count; id++) {
		struct lapic *l = &bus->lapics[id];
		struct device device = lapic_device(l);

		l->bus = bus;
		l->id = id;
		device.ops->reset(l, 0);
	}
	return bus;
}

void lapic_bus_destroy(struct lapic_bus *bus)
{
	free(bus);
}

struct lapic *lapic_bus_get(struct lapic_bus *bus, unsigned id)
{
	return id < bus->count ? &bus->lapics[id] : NULL;
}

/* SDM 11.6.2.2: a mask of 8 bits, or a cluster of 4 bits and a mask of 4. */
static bool xapic_logical_match(const struct lapic *l, uint32_t dest)
{
	uint32_t ldr = l->ldr >> 24;

	switch (l->dfr >> 28) {
	case DFR_FLAT:
		return dest <= 0xff && (dest & ldr);
	case DFR_CLUSTER:
		return dest >> 4 == ldr >> 4 && (dest & ldr & 0xf);
	default: /* reserved models match nothing */
		return false;
	}
}

/* SDM 11.12.10.2: the cluster in the upper half, a mask in the lower. */
static bool x2apic_logical_match(const struct lapic *l, uint32_t dest)
{
	uint32_t ldr = lapic_logical_id(l);

	return dest >> 16 == ldr >> 16 && (dest & ldr & 0xffff);
}

static bool addressed(const struct lapic *l, const struct lapic *sender, const struct apic_msg *msg)
{
	switch (msg->shorthand) {
	case APIC_DEST_SELF:
		return l == sender;
	case APIC_DEST_ALL:
		return true;
	case APIC_DEST_OTHERS:
		return l != sender;
	default:
		break;
	}
	if (msg->dest == (msg->x2apic ? APIC_BROADCAST_X2APIC : APIC_BROADCAST_XAPIC))
		return true;
	if (!msg->logical)
		return msg->dest == l->id;
	return lapic_x2apic(l) ? x2apic_logical_match(l, msg->dest)
			       : xapic_logical_match(l, msg->dest);
}

void lapic_take_init(struct lapic *l)
{
	lapic_registers_reset(l);
	l->bus->sink.init(l->bus->sink.ctx, l->id);
}

/* SDM 11.4.7.2: software-disabled, only INIT, NMI, SMI and SIPI get through. */
static bool take(struct lapic *l, const struct apic_msg *msg)
{
	const struct lapic_sink *sink = &l->bus->sink;

	switch (msg->delivery) {
	case APIC_FIXED:
	case APIC_LOWEST:
		return lapic_accept(l, msg->vector, msg->level);
	case APIC_SMI:
		sink->smi(sink->ctx, l->id);
		return true;
	case APIC_NMI:
		sink->nmi(sink->ctx, l->id);
		return true;
	case APIC_INIT:
		lapic_take_init(l);
		return true;
	case APIC_STARTUP:
		sink->sipi(sink->ctx, l->id, msg->vector);
		return true;
	case APIC_EXTINT:
		if (lapic_software_enabled(l))
			sink->extint(sink->ctx, l->id);
		return lapic_software_enabled(l);
	default: /* reserved */
		return false;
	}
}

/* SDM 11.6.2.4: the addressed LAPIC with the lowest processor priority class; equals take turns. */
static struct lapic *arbitrate(
	struct lapic_bus *bus, const struct lapic *sender, const struct apic_msg *msg)
{
	struct lapic *winner = NULL;

	for (unsigned i = 1; i <= bus->count; i++) {
		struct lapic *l = &bus->lapics[(bus->last_lowest + i) % bus->count];

		if (!lapic_software_enabled(l) || !addressed(l, sender, msg))
			continue;
		if (!winner || lapic_ppr(l) >> 4 < lapic_ppr(winner) >> 4)
			winner = l;
	}
	if (winner)
		bus->last_lowest = winner->id;
	return winner;
}

static unsigned route(struct lapic_bus *bus, const struct lapic *sender, const struct apic_msg *msg)
{
	unsigned taken = 0;

	if (msg->delivery == APIC_LOWEST) {
		struct lapic *winner = arbitrate(bus, sender, msg);

		return winner && take(winner, msg);
	}
	for (unsigned id = 0; id < bus->count; id++) {
		struct lapic *l = &bus->lapics[id];

		if (lapic_enabled(l) && addressed(l, sender, msg))
			taken += take(l, msg);
	}
	return taken;
}

/* INIT level de-assert synchronised the arbitration IDs of old; SDM 11.6.1: not supported since. */
static bool init_deassert(const struct apic_msg *msg)
{
	return msg->delivery == APIC_INIT && msg->level && !msg->assert;
}

unsigned lapic_bus_deliver(struct lapic_bus *bus, const struct apic_msg *msg)
{
	struct apic_msg plain = *msg;

	/* Shorthands and SIPIs come from an ICR only. */
	plain.shorthand = APIC_DEST_FIELD;
	if (plain.delivery == APIC_STARTUP || init_deassert(&plain))
		return 0;
	return route(bus, NULL, &plain);
}

/* SDM table 11-3: self and all-including-self carry fixed interrupts only. */
static bool valid_ipi(const struct apic_msg *msg)
{
	switch (msg->delivery) {
	case APIC_FIXED:
		return true;
	case APIC_LOWEST:
	case APIC_SMI:
	case APIC_NMI:
	case APIC_INIT:
	case APIC_STARTUP:
		return msg->shorthand == APIC_DEST_FIELD || msg->shorthand == APIC_DEST_OTHERS;
	default:
		return false;
	}
}

void lapic_send_ipi(struct lapic *sender, uint32_t dest, uint32_t icr_low)
{
	struct apic_msg msg = {
		.dest = dest,
		.vector = (uint8_t)icr_low,
		.delivery = icr_low >> 8 & 7,
		.shorthand = icr_low >> 18 & 3,
		.logical = icr_low & ICR_LOGICAL,
		.level = icr_low & ICR_LEVEL,
		.assert = icr_low & ICR_ASSERT,
		.x2apic = lapic_x2apic(sender),
	};

	if (!valid_ipi(&msg) || init_deassert(&msg))
		return;
	/* SDM table 11-3, note 1: everything else is sent as an edge. */
	msg.level = false;
	if (msg.delivery <= APIC_LOWEST && msg.vector < ILLEGAL_VECTORS)
		lapic_error(sender, ERROR_SEND_ILLEGAL_VECTOR);
	route(sender->bus, sender, &msg);
}
