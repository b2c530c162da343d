/* SPDX-License-Identifier: BSD-2-Clause */
/* Hostile guests on a bus of four LAPICs: any access, message, pin and time, then invariants.
 * It judges consistency, not behaviour: tests/unit/test_lapic*.c do that. */
#include "tickvm/lapic.h"

#include <stddef.h>
#include <string.h>

#define LAPICS    4
#define PHYS_BITS 40

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	const uint8_t *data;
	size_t left;
};

/* The next n bytes, little-endian; zeros after the end. */
static uint64_t take(struct input *in, size_t n)
{
	uint64_t value = 0;

	for (size_t i = 0; i < n && in->left; i++, in->left--)
		value |= (uint64_t)*in->data++ << 8 * i;
	return value;
}

static void require(bool condition)
{
	if (!condition)
		__builtin_trap();
}

static struct lapic_bus *bus;
static bool notified[LAPICS];

static void on_notify(void *ctx, unsigned id)
{
	(void)ctx;
	require(id < LAPICS);
	require(lapic_pending(lapic_bus_get(bus, id)) >= 0);
	notified[id] = true;
}

static void on_event(void *ctx, unsigned id)
{
	(void)ctx;
	require(id < LAPICS);
}

static void on_sipi(void *ctx, unsigned id, uint8_t vector)
{
	(void)vector;
	on_event(ctx, id);
}

static void on_eoi(void *ctx, uint8_t vector)
{
	(void)ctx;
	require(vector >= 16);
}

/* A register by either interface, whatever the mode; ~0 when there is none. */
static uint32_t peek(struct lapic *l, nsec_t now, unsigned reg)
{
	struct device dev = lapic_device(l);
	uint64_t value;

	if (lapic_rdmsr(l, now, MSR_X2APIC_FIRST + reg, &value))
		return (uint32_t)value;
	return (uint32_t)dev.ops->read(dev.self, now, (uint64_t)reg * 16, 4);
}

static int highest(struct lapic *l, nsec_t now, unsigned reg)
{
	for (int word = 7; word >= 0; word--) {
		uint32_t bits = peek(l, now, reg + (unsigned)word);

		if (bits)
			return 32 * word + 31 - __builtin_clz(bits);
	}
	return -1;
}

/* APIC_BASE holds no reserved bit and no forbidden mode, and says who booted. */
static void check_base(struct lapic *l)
{
	uint64_t base = lapic_base(l), page = lapic_page(base);

	require(!(base >> PHYS_BITS) && !(base & 0x2ff));
	require((base & 0xc00) != 0x400);
	require((base >> 8 & 1) == (l == lapic_bus_get(bus, 0)));
	require((page == LAPIC_NO_PAGE) == ((base & 0xc00) != 0x800));
	require(page == LAPIC_NO_PAGE || (!(page & 0xfff) && !(page >> PHYS_BITS)));
}

static void check(struct lapic *l, nsec_t now)
{
	int pending = lapic_pending(l);

	check_base(l);
	if (!(lapic_base(l) & 1u << 11)) {
		require(pending == -1);
		require(lapic_device(l).ops->deadline(l) == NSEC_NEVER);
		return;
	}
	uint32_t tpr = peek(l, now, 0x08), ppr = peek(l, now, 0x0a), svr = peek(l, now, 0x0f);
	int requested = highest(l, now, 0x20), in_service = highest(l, now, 0x10);
	uint32_t served = in_service < 0 ? 0 : (uint32_t)in_service & 0xf0;

	require(ppr == ((tpr & 0xf0) >= served ? tpr : served));
	require(lapic_cr8(l) == tpr >> 4);
	require(!(peek(l, now, 0x20) & 0xffff) && !(peek(l, now, 0x10) & 0xffff));
	require(pending == -1 || pending == requested);
	require(pending == -1 || ((uint32_t)pending & 0xf0) > (ppr & 0xf0));
	if (svr & 0x100) {
		require((pending == -1) ==
			(requested < 0 || ((uint32_t)requested & 0xf0) <= (ppr & 0xf0)));
	} else {
		require(pending == -1);
		for (unsigned lvt = 0x32; lvt <= 0x37; lvt++)
			require(peek(l, now, lvt) & 0x10000);
	}
	require(peek(l, now, 0x39) <= peek(l, now, 0x38));
}

static void expire(struct lapic *l, nsec_t now)
{
	struct device dev = lapic_device(l);
	uint64_t before = lapic_timer_coalesced(l);

	dev.ops->expire(dev.self, now);
	require(dev.ops->deadline(dev.self) > now);
	require(lapic_timer_coalesced(l) >= before);
}

static void acknowledge(struct lapic *l, nsec_t now)
{
	int pending = lapic_pending(l), vector = lapic_ack(l);

	require(vector == pending);
	if (vector >= 0) {
		require(highest(l, now, 0x10) == vector);
		require(lapic_pending(l) == -1);
	}
}

static void access_page(struct lapic *l, nsec_t now, struct input *in)
{
	struct device dev = lapic_device(l);
	uint64_t how = take(in, 1), offset = take(in, 2) & 0xfff;
	unsigned size = 1u << (how & 3);

	if (how & 0x80)
		offset &= 0xff0;
	if (how & 0x40)
		size = 4;
	if (how & 0x20)
		dev.ops->write(dev.self, now, offset, size, take(in, 4));
	else if (size < 8)
		require(dev.ops->read(dev.self, now, offset, size) >> 8 * size == 0);
	else
		require(dev.ops->read(dev.self, now, offset, size) == UINT64_MAX);
}

/* One of the modes, at the usual place or anywhere. */
static void write_base(struct lapic *l, nsec_t now, struct input *in)
{
	uint64_t how = take(in, 1);
	uint64_t page = how & 0x80 ? take(in, 4) << 12 : 0xfee00000;

	lapic_wrmsr(l, now, MSR_APIC_BASE, page | (how << 8 & 0xd00));
}

static void access_msr(struct lapic *l, nsec_t now, struct input *in)
{
	uint64_t how = take(in, 1), value;
	uint32_t msr = MSR_X2APIC_FIRST + (uint32_t)(how & 0x3f);

	if (how & 0x40)
		msr = how & 1 ? MSR_TSC_DEADLINE : MSR_APIC_BASE;
	if (how & 0x80)
		lapic_wrmsr(l, now, msr, take(in, 8));
	else if (msr == MSR_APIC_BASE) /* valid values are rare in noise */
		write_base(l, now, in);
	else
		lapic_rdmsr(l, now, msr, &value);
}

static void deliver(struct input *in)
{
	uint64_t how = take(in, 1);
	const struct apic_msg msg = {
		.dest = how & 1 ? (uint32_t)take(in, 4) : (uint32_t)take(in, 1),
		.vector = (uint8_t)take(in, 1),
		.delivery = how >> 1 & 7,
		.logical = how & 0x10,
		.level = how & 0x20,
		.assert = how & 0x40,
		.x2apic = how & 0x80,
	};

	require(lapic_bus_deliver(bus, &msg) <= LAPICS);
}

static void step(struct input *in, nsec_t *now)
{
	uint64_t op = take(in, 1);
	unsigned id = (unsigned)(op >> 6);
	struct lapic *l = lapic_bus_get(bus, id);
	struct device dev = lapic_device(l);
	bool was_pending = lapic_pending(l) >= 0;

	notified[id] = false;
	switch (op & 0xf) {
	case 0:
		acknowledge(l, *now);
		return;
	case 1:
		lapic_set_cr8(l, (uint8_t)take(in, 1));
		break;
	case 2:
		lapic_set_lint(l, op >> 4 & 1, op >> 5 & 1);
		break;
	case 3:
		deliver(in);
		break;
	case 4: /* on time */
		if (dev.ops->deadline(dev.self) > *now &&
			dev.ops->deadline(dev.self) < UINT64_MAX / 2)
			*now = dev.ops->deadline(dev.self);
		expire(l, *now);
		break;
	case 5: /* however late */
		*now += take(in, 8) >> (take(in, 1) & 63) & (UINT64_MAX / 8);
		*now &= UINT64_MAX / 2;
		break;
	case 6:
		expire(l, *now);
		break;
	case 7:
		if (op & 0x10)
			dev.ops->reset(dev.self, *now);
		else
			lapic_init_reset(l, *now);
		break;
	case 8:
	case 9:
	case 10:
		access_msr(l, *now, in);
		break;
	default:
		access_page(l, *now, in);
		break;
	}
	/* Nothing becomes deliverable unannounced. */
	require(was_pending || notified[id] || lapic_pending(l) < 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint64_t bus_hz[] = {1000000000, 1, 33333333, UINT64_MAX};
	struct input in = {data, size};
	uint64_t choice = take(&in, 1);
	const struct lapic_config config = {
		.bus_hz = bus_hz[choice & 3],
		.tsc = {choice & 4 ? UINT64_MAX - 1000 : 0, choice & 8 ? 1 : 2600000000},
		.phys_bits = PHYS_BITS,
	};
	const struct lapic_sink sink = {
		.notify = on_notify,
		.nmi = on_event,
		.smi = on_event,
		.init = on_event,
		.sipi = on_sipi,
		.extint = on_event,
		.eoi = on_eoi,
	};
	nsec_t now = 0;

	bus = lapic_bus_create(LAPICS, &config, sink);
	if (!bus)
		return 0;
	for (unsigned id = 0; id < LAPICS && choice & 0x80; id++)
		lapic_device(lapic_bus_get(bus, id))
			.ops->write(lapic_bus_get(bus, id), 0, 0xf0, 4, 0x1ff);
	while (in.left) {
		step(&in, &now);
		for (unsigned id = 0; id < LAPICS; id++)
			check(lapic_bus_get(bus, id), now);
	}
	lapic_bus_destroy(bus);
	return 0;
}
