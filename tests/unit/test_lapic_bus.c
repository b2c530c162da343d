/* SPDX-License-Identifier: BSD-2-Clause */
/* Messages between LAPICs: destinations, delivery modes, INIT, SIPI (SDM vol. 3, 11.6, 11.12).
 * What a LAPIC does with an interrupt it took is in test_lapic_interrupt.c. */
#include "tickvm/lapic.h"

#include <criterion/criterion.h>
#include <string.h>

#define N         4
#define ALL       0xfu
#define LOGICAL   (1u << 11)
#define ASSERT    (1u << 14)
#define LEVEL     (1u << 15)
#define MODE(m)   ((uint32_t)(m) << 8)
#define TO_SELF   (1u << 18)
#define TO_ALL    (2u << 18)
#define TO_OTHERS (3u << 18)

/* A bit a LAPIC, for each event. */
static struct {
	uint32_t nmi, smi, init, sipi, extint;
	uint8_t sipi_vector;
} seen;

static void on_notify(void *ctx, unsigned id)
{
	(void)ctx, (void)id;
}

static void on_nmi(void *ctx, unsigned id)
{
	(void)ctx;
	seen.nmi |= 1u << id;
}

static void on_smi(void *ctx, unsigned id)
{
	(void)ctx;
	seen.smi |= 1u << id;
}

static void on_init(void *ctx, unsigned id)
{
	(void)ctx;
	seen.init |= 1u << id;
}

static void on_sipi(void *ctx, unsigned id, uint8_t vector)
{
	(void)ctx;
	seen.sipi |= 1u << id;
	seen.sipi_vector = vector;
}

static void on_extint(void *ctx, unsigned id)
{
	(void)ctx;
	seen.extint |= 1u << id;
}

static struct lapic_bus *bus;

/* An IOAPIC answers an EOI with a message to the same LAPIC. */
static void on_eoi(void *ctx, uint8_t vector)
{
	const struct apic_msg again = {.vector = vector, .level = true, .assert = true};

	(void)ctx;
	lapic_bus_deliver(bus, &again);
}

static void put(unsigned id, unsigned offset, uint32_t value)
{
	struct device dev = lapic_device(lapic_bus_get(bus, id));

	dev.ops->write(dev.self, 0, offset, 4, value);
}

static uint32_t get(unsigned id, unsigned offset)
{
	struct device dev = lapic_device(lapic_bus_get(bus, id));

	return (uint32_t)dev.ops->read(dev.self, 0, offset, 4);
}

static void setup(void)
{
	const struct lapic_config config = {
		.bus_hz = 1000000000, .tsc = {0, 1000000000}, .phys_bits = 52};
	const struct lapic_sink sink = {
		.notify = on_notify,
		.nmi = on_nmi,
		.smi = on_smi,
		.init = on_init,
		.sipi = on_sipi,
		.extint = on_extint,
		.eoi = on_eoi,
	};

	memset(&seen, 0, sizeof(seen));
	bus = lapic_bus_create(N, &config, sink);
	cr_assert_not_null(bus);
	for (unsigned id = 0; id < N; id++) {
		put(id, 0xf0, 0x1ff);
		put(id, 0xd0, 1u << (24 + id));
	}
}

static void teardown(void)
{
	lapic_bus_destroy(bus);
}

TestSuite(lapic_bus, .init = setup, .fini = teardown);

/* Who was interrupted since last asked, with whatever vector. */
static uint32_t took(void)
{
	uint32_t ids = 0;

	for (unsigned id = 0; id < N; id++) {
		struct lapic *l = lapic_bus_get(bus, id);

		while (lapic_ack(l) >= 0) {
			ids |= 1u << id;
			put(id, 0xb0, 0);
			lapic_wrmsr(l, 0, 0x80b, 0);
		}
	}
	return ids;
}

static void x2apic(unsigned id)
{
	struct lapic *l = lapic_bus_get(bus, id);

	cr_assert(lapic_wrmsr(l, 0, MSR_APIC_BASE, lapic_base(l) | 1u << 10));
}

/* An IPI in xAPIC mode. */
static void send(unsigned from, uint8_t dest, uint32_t icr)
{
	put(from, 0x310, (uint32_t)dest << 24);
	put(from, 0x300, icr);
}

static void send_x2(unsigned from, uint32_t dest, uint32_t icr)
{
	cr_assert(lapic_wrmsr(lapic_bus_get(bus, from), 0, 0x830, (uint64_t)dest << 32 | icr));
}

static unsigned deliver(uint32_t dest, bool logical, uint8_t delivery)
{
	const struct apic_msg msg = {.dest = dest,
		.vector = 0x50,
		.delivery = delivery,
		.logical = logical,
		.assert = true};

	return lapic_bus_deliver(bus, &msg);
}

Test(lapic_bus, physical)
{
	for (unsigned id = 0; id < N; id++) {
		send(0, (uint8_t)id, 0x40 | ASSERT);
		cr_expect_eq(took(), 1u << id);
	}
	send(2, N, 0x40);
	cr_expect_eq(took(), 0, "nobody there");
	send(2, 0xff, 0x40);
	cr_expect_eq(took(), ALL, "broadcast");
	cr_expect_eq(get(2, 0x300), 0x40, "delivery status is idle");
}

Test(lapic_bus, logical_flat)
{
	send(0, 0x05, 0x40 | LOGICAL);
	cr_expect_eq(took(), 5);
	send(0, 0xf0, 0x40 | LOGICAL);
	cr_expect_eq(took(), 0);
	put(3, 0xd0, 0x50000000);
	send(0, 0x40, 0x40 | LOGICAL);
	cr_expect_eq(took(), 8);
	put(3, 0xd0, 0);
	send(0, 0xff, 0x40 | LOGICAL);
	cr_expect_eq(took(), ALL, "all ones is a broadcast");
}

Test(lapic_bus, logical_cluster)
{
	for (unsigned id = 0; id < N; id++) {
		put(id, 0xe0, 0x0fffffff);
		put(id, 0xd0, (id / 2) << 28 | 1u << (24 + id % 2));
	}
	send(0, 0x02, 0x40 | LOGICAL);
	cr_expect_eq(took(), 2, "cluster 0, bit 1");
	send(0, 0x13, 0x40 | LOGICAL);
	cr_expect_eq(took(), 0xc, "cluster 1, both");
	send(0, 0x23, 0x40 | LOGICAL);
	cr_expect_eq(took(), 0, "no cluster 2");
	send(0, 0x10, 0x40 | LOGICAL);
	cr_expect_eq(took(), 0);
	send(0, 0xff, 0x40 | LOGICAL);
	cr_expect_eq(took(), ALL);
	put(0, 0xe0, 0x3fffffff); /* a reserved model */
	send(1, 0x01, 0x40 | LOGICAL);
	cr_expect_eq(took(), 0);
}

Test(lapic_bus, shorthands)
{
	send(1, 3, 0x40 | TO_SELF);
	cr_expect_eq(took(), 2);
	send(1, 3, 0x40 | TO_ALL);
	cr_expect_eq(took(), ALL);
	send(1, 3, 0x40 | TO_OTHERS);
	cr_expect_eq(took(), ALL & ~2u);
}

/* SDM table 11-3: shorthands self and all-including-self are for fixed interrupts only. */
Test(lapic_bus, valid_combinations)
{
	static const uint8_t modes[] = {APIC_LOWEST, APIC_SMI, APIC_NMI, APIC_INIT, APIC_STARTUP};

	for (size_t i = 0; i < sizeof(modes); i++) {
		send(1, 0, 0x40 | ASSERT | MODE(modes[i]) | TO_SELF);
		send(1, 0, 0x40 | ASSERT | MODE(modes[i]) | TO_ALL);
	}
	send(1, 0xff, 0x40 | ASSERT | MODE(3));
	send(1, 0xff, 0x40 | ASSERT | MODE(7));
	cr_expect_eq(took(), 0);
	cr_expect_eq(seen.nmi | seen.smi | seen.init | seen.sipi | seen.extint, 0);
	send(1, 0, ASSERT | MODE(APIC_NMI) | TO_OTHERS);
	cr_expect_eq(seen.nmi, ALL & ~2u);
	send(1, 0, ASSERT | MODE(APIC_SMI) | TO_OTHERS);
	cr_expect_eq(seen.smi, ALL & ~2u);
	send(1, 1, ASSERT | MODE(APIC_NMI));
	cr_expect_eq(seen.nmi, ALL, "to oneself by ID is valid");
}

Test(lapic_bus, ipis_are_edges)
{
	send(0, 1, 0x40 | LEVEL | ASSERT);
	cr_expect_eq(get(1, 0x1a0), 0);
	cr_expect_eq(took(), 2);
}

Test(lapic_bus, lowest_priority)
{
	put(0, 0x80, 0x40);
	put(1, 0x80, 0x30);
	put(2, 0x80, 0x20);
	put(3, 0x80, 0x30);
	send(0, 0xff, 0x90 | MODE(APIC_LOWEST));
	cr_expect_eq(took(), 4);
	send(0, 0x0b, 0x90 | MODE(APIC_LOWEST) | LOGICAL);
	uint32_t first = took();
	send(0, 0x0b, 0x90 | MODE(APIC_LOWEST) | LOGICAL);
	cr_expect_eq(first | took(), 0xa, "equals take turns");
	put(2, 0xf0, 0xff);
	send(0, 0x04, 0x90 | MODE(APIC_LOWEST) | LOGICAL);
	cr_expect_eq(took(), 0, "not to a disabled one");
	send(0, 0, 0x90 | MODE(APIC_LOWEST) | TO_OTHERS);
	cr_expect(took() & 0xa);
	cr_expect_eq(deliver(0xff, false, APIC_LOWEST), 1);
}

Test(lapic_bus, lowest_priority_counts_what_is_in_service)
{
	struct lapic *busy = lapic_bus_get(bus, 0);

	send(0, 0, 0x80);
	cr_expect_eq(lapic_ack(busy), 0x80);
	for (unsigned i = 0; i < 2 * N; i++)
		send(1, 0x03, 0x90 | MODE(APIC_LOWEST) | LOGICAL);
	cr_expect_eq(took(), 2);
}

Test(lapic_bus, init_resets_and_sipi_starts)
{
	put(2, 0x80, 0x30);
	send(0, 2, ASSERT | LEVEL | MODE(APIC_INIT));
	cr_expect_eq(seen.init, 4);
	cr_expect_eq(get(2, 0x80), 0);
	cr_expect_eq(get(2, 0xf0), 0xff);
	cr_expect_eq(get(2, 0x20), 0x02000000);
	seen.init = 0;
	send(0, 2, LEVEL | MODE(APIC_INIT));
	cr_expect_eq(seen.init, 0, "level de-assert");
	send(0, 2, MODE(APIC_INIT));
	cr_expect_eq(seen.init, 4, "an edge needs no assert bit");
	send(0, 2, ASSERT | MODE(APIC_STARTUP) | 0x9a);
	cr_expect_eq(seen.sipi, 4);
	cr_expect_eq(seen.sipi_vector, 0x9a);
	send(0, 0, ASSERT | MODE(APIC_INIT) | TO_OTHERS);
	cr_expect_eq(seen.init, ALL & ~1u);
}

Test(lapic_bus, illegal_vectors)
{
	send(0, 1, 0x0f);
	put(0, 0x280, 0);
	put(1, 0x280, 0);
	cr_expect_eq(get(0, 0x280), 0x20, "send");
	cr_expect_eq(get(1, 0x280), 0x40, "receive");
	send(0, 0, TO_SELF | 0x0f);
	put(0, 0x280, 0);
	cr_expect_eq(get(0, 0x280), 0x60, "both");
	send(0, 1, MODE(APIC_NMI)); /* an NMI has no vector */
	put(0, 0x280, 0);
	cr_expect_eq(get(0, 0x280), 0);
	cr_expect_eq(took(), 0);
}

Test(lapic_bus, software_disabled_takes_init_nmi_smi_sipi)
{
	put(1, 0xf0, 0xff);
	cr_expect_eq(deliver(1, false, APIC_FIXED), 0);
	cr_expect_eq(deliver(1, false, APIC_EXTINT), 0);
	cr_expect_eq(deliver(1, false, APIC_NMI), 1);
	cr_expect_eq(deliver(1, false, APIC_SMI), 1);
	cr_expect_eq(deliver(1, false, APIC_INIT), 1);
	send(0, 1, MODE(APIC_STARTUP));
	cr_expect_eq(seen.sipi, 2);
	send(1, 0, 0x40);
	cr_expect_eq(took(), 1, "and can still send");
}

Test(lapic_bus, disabled_is_not_on_the_bus)
{
	cr_assert(lapic_wrmsr(lapic_bus_get(bus, 1), 0, MSR_APIC_BASE, 0xfee00000));
	cr_expect_eq(deliver(1, false, APIC_NMI), 0);
	cr_expect_eq(deliver(1, false, APIC_INIT), 0);
	cr_expect_eq(deliver(0xff, false, APIC_NMI), N - 1);
}

Test(lapic_bus, messages_from_outside)
{
	struct apic_msg msg = {
		.dest = 1, .vector = 0x50, .assert = true, .shorthand = APIC_DEST_ALL};

	cr_expect_eq(lapic_bus_deliver(bus, &msg), 1, "no shorthands");
	cr_expect_eq(took(), 2);
	cr_expect_eq(deliver(0x06, true, APIC_FIXED), 2);
	cr_expect_eq(took(), 6);
	cr_expect_eq(deliver(0xff, false, APIC_FIXED), N);
	cr_expect_eq(took(), ALL);
	cr_expect_eq(deliver(2, false, APIC_EXTINT), 1);
	cr_expect_eq(seen.extint, 4);
	cr_expect_eq(deliver(2, false, APIC_STARTUP), 0, "SIPIs come from an ICR");
	cr_expect_eq(deliver(2, false, 3), 0);
	cr_expect_eq(deliver(2, false, 99), 0);
	msg.delivery = APIC_INIT;
	msg.level = true;
	msg.assert = false;
	cr_expect_eq(lapic_bus_deliver(bus, &msg), 0);
	cr_expect_eq(seen.sipi | seen.init, 0);
}

Test(lapic_bus, level_message_may_answer_its_own_eoi)
{
	const struct apic_msg msg = {.dest = 0, .vector = 0x70, .level = true, .assert = true};
	struct lapic *l = lapic_bus_get(bus, 0);

	lapic_bus_deliver(bus, &msg);
	for (unsigned i = 0; i < 3; i++) {
		cr_expect_eq(lapic_ack(l), 0x70);
		put(0, 0xb0, 0);
	}
	cr_expect_eq(get(0, 0x1b0), 1u << 16);
}

Test(lapic_bus, x2apic_destinations)
{
	for (unsigned id = 0; id < N; id++)
		x2apic(id);
	for (unsigned id = 0; id < N; id++) {
		send_x2(1, id, 0x40);
		cr_expect_eq(took(), 1u << id);
	}
	send_x2(1, 0xff, 0x40);
	cr_expect_eq(took(), 0, "an ID like any other");
	send_x2(1, 0xffffffff, 0x40);
	cr_expect_eq(took(), ALL);
	send_x2(1, 0x00000006, 0x40 | LOGICAL);
	cr_expect_eq(took(), 6, "cluster 0");
	send_x2(1, 0x00010006, 0x40 | LOGICAL);
	cr_expect_eq(took(), 0, "cluster 1");
	send_x2(1, 0xffffffff, 0x40 | LOGICAL);
	cr_expect_eq(took(), ALL);
	send_x2(1, 0, 0x40 | TO_OTHERS);
	cr_expect_eq(took(), ALL & ~2u);
	cr_expect_eq(deliver(0xff, false, APIC_FIXED), N, "an 8-bit broadcast from outside");
	cr_expect_eq(deliver(0x09, true, APIC_FIXED), 2, "8 bits reach cluster 0");
	cr_expect_eq(took(), ALL);
}

Test(lapic_bus, x2apic_icr_reads_back)
{
	uint64_t value;

	x2apic(0);
	send_x2(0, 0x12345678, 0x000c4840);
	cr_assert(lapic_rdmsr(lapic_bus_get(bus, 0), 0, 0x830, &value));
	cr_expect_eq(value, 0x12345678000c4840);
}

Test(lapic_bus, mixed_modes)
{
	x2apic(0);
	send_x2(0, 2, 0x40);
	cr_expect_eq(took(), 4);
	send_x2(0, 0x102, 0x40);
	cr_expect_eq(took(), 0);
	send_x2(0, 0x104, 0x40 | LOGICAL);
	cr_expect_eq(took(), 0, "no 8-bit mask");
	send_x2(0, 0xffffffff, 0x40);
	cr_expect_eq(took(), ALL);
	send(1, 0xff, 0x40);
	cr_expect_eq(took(), ALL);
}

Test(lapic_bus, self_ipi)
{
	struct lapic *l = lapic_bus_get(bus, 2);

	x2apic(2);
	cr_expect(lapic_wrmsr(l, 0, 0x83f, 0x77));
	cr_expect_eq(lapic_pending(l), 0x77);
	cr_expect_eq(took(), 4);
	cr_expect(lapic_wrmsr(l, 0, 0x83f, 0x05));
	cr_expect(lapic_wrmsr(l, 0, 0x828, 0));
	uint64_t esr = 0;
	cr_expect(lapic_rdmsr(l, 0, 0x828, &esr));
	cr_expect_eq(esr, 0x60);
}
