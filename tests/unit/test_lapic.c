/* SPDX-License-Identifier: BSD-2-Clause */
/* The local APIC's register file, xAPIC and x2APIC, against Intel SDM vol. 3, 11.4 and 11.12.
 * What it does with interrupts is in test_lapic_interrupt.c, _timer.c and _bus.c. */
#include "tickvm/lapic.h"

#include <criterion/criterion.h>

#define X2APIC_ON (0xfee00000u | 1u << 8 | 1u << 10 | 1u << 11)

static unsigned notified, inits;

static void on_notify(void *ctx, unsigned id)
{
	(void)ctx, (void)id;
	notified++;
}

static void on_init(void *ctx, unsigned id)
{
	(void)ctx, (void)id;
	inits++;
}

static void on_event(void *ctx, unsigned id)
{
	(void)ctx, (void)id;
}

static void on_sipi(void *ctx, unsigned id, uint8_t vector)
{
	(void)ctx, (void)id, (void)vector;
}

static void on_eoi(void *ctx, uint8_t vector)
{
	(void)ctx, (void)vector;
}

static struct lapic_bus *bus;
static struct lapic *lapic;
static struct device dev;

static void setup(void)
{
	const struct lapic_config config = {
		.bus_hz = 1000000000, .tsc = {0, 2000000000}, .phys_bits = 40};
	const struct lapic_sink sink = {
		.notify = on_notify,
		.nmi = on_event,
		.smi = on_event,
		.init = on_init,
		.sipi = on_sipi,
		.extint = on_event,
		.eoi = on_eoi,
	};

	notified = inits = 0;
	bus = lapic_bus_create(2, &config, sink);
	cr_assert_not_null(bus);
	lapic = lapic_bus_get(bus, 0);
	dev = lapic_device(lapic);
}

static void teardown(void)
{
	lapic_bus_destroy(bus);
}

TestSuite(lapic, .init = setup, .fini = teardown);

static uint32_t get(unsigned offset)
{
	return (uint32_t)dev.ops->read(dev.self, 0, offset, 4);
}

static void put(unsigned offset, uint32_t value)
{
	dev.ops->write(dev.self, 0, offset, 4, value);
}

static bool wr(uint32_t msr, uint64_t value)
{
	return lapic_wrmsr(lapic, 0, msr, value);
}

static uint64_t rd(uint32_t msr)
{
	uint64_t value = 0;

	cr_assert(lapic_rdmsr(lapic, 0, msr, &value), "rdmsr %#x", msr);
	return value;
}

static void enable(void)
{
	put(0xf0, 0x1ff);
}

/* A fixed interrupt for LAPIC 0. */
static void interrupt(uint8_t vector, bool level)
{
	const struct apic_msg msg = {.vector = vector, .level = level, .assert = true};

	lapic_bus_deliver(bus, &msg);
}

/* SDM 11.4.7.1: registers after power-up; 11.12.1.2: which exist. writable: bits that keep what is
 * written. */
struct register_test {
	unsigned offset;
	uint32_t reset, writable;
};

static const struct register_test registers[] = {
	{0x020, 0x00000000, 0},          /* ID */
	{0x030, 0x01050014, 0},          /* version: 6 LVT entries, EOI-broadcast suppression */
	{0x080, 0, 0xff},                /* TPR */
	{0x090, 0, 0},                   /* APR */
	{0x0a0, 0, 0},                   /* PPR */
	{0x0b0, 0, 0},                   /* EOI */
	{0x0c0, 0, 0},                   /* RRD */
	{0x0d0, 0, 0xff000000},          /* LDR */
	{0x0e0, 0xffffffff, 0xf0000000}, /* DFR */
	{0x0f0, 0x000000ff, 0x11ff},     /* SVR */
	{0x280, 0, 0},                   /* ESR */
	{0x300, 0, 0x000ccfff},          /* ICR 31:0 */
	{0x310, 0, 0xff000000},          /* ICR 63:32 */
	{0x320, 0x00010000, 0x000700ff}, /* LVT timer */
	{0x330, 0x00010000, 0x000107ff}, /* LVT thermal */
	{0x340, 0x00010000, 0x000107ff}, /* LVT performance */
	{0x350, 0x00010000, 0x0001a7ff}, /* LVT LINT0 */
	{0x360, 0x00010000, 0x0001a7ff}, /* LVT LINT1 */
	{0x370, 0x00010000, 0x000100ff}, /* LVT error */
	{0x380, 0, 0xffffffff},          /* initial count */
	{0x390, 0, 0},                   /* current count */
	{0x3e0, 0, 0xb},                 /* divide configuration */
};

#define N_REGISTERS (sizeof(registers) / sizeof(registers[0]))

Test(lapic, reset_values)
{
	for (size_t i = 0; i < N_REGISTERS; i++)
		cr_expect_eq(get(registers[i].offset), registers[i].reset, "%#x is %#x",
			registers[i].offset, get(registers[i].offset));
	for (unsigned offset = 0x100; offset < 0x280; offset += 0x10)
		cr_expect_eq(get(offset), 0, "%#x", offset);
	cr_expect_eq(lapic_base(lapic), 0xfee00900);
	cr_expect_eq(lapic_base(lapic_bus_get(bus, 1)), 0xfee00800, "not the boot processor");
}

/* Each register alone, on a fresh and software-enabled LAPIC, with every single bit. */
Test(lapic, write_masks)
{
	for (size_t i = 0; i < N_REGISTERS; i++) {
		const struct register_test *r = &registers[i];
		uint32_t fixed = r->writable && r->offset != 0xe0 ? 0 : r->reset & ~r->writable;

		for (unsigned bit = 0; bit < 32; bit++) {
			dev.ops->reset(dev.self, 0);
			enable();
			put(r->offset, 1u << bit);
			cr_expect_eq(get(r->offset), ((1u << bit) & r->writable) | fixed,
				"%#x bit %u reads %#x", r->offset, bit, get(r->offset));
		}
	}
}

Test(lapic, reset_undoes_every_write)
{
	for (size_t i = 0; i < N_REGISTERS; i++)
		if (registers[i].offset != 0x300)
			put(registers[i].offset, 0xffffffff);
	dev.ops->reset(dev.self, 0);
	for (size_t i = 0; i < N_REGISTERS; i++)
		cr_expect_eq(
			get(registers[i].offset), registers[i].reset, "%#x", registers[i].offset);
}

Test(lapic, id_in_xapic_and_x2apic_mode)
{
	struct lapic *second = lapic_bus_get(bus, 1);
	struct device page = lapic_device(second);
	uint64_t value = 0;

	cr_expect_eq(page.ops->read(page.self, 0, 0x20, 4), 0x01000000);
	cr_expect(lapic_wrmsr(second, 0, MSR_APIC_BASE, 0xfee00c00));
	cr_expect(lapic_rdmsr(second, 0, 0x802, &value));
	cr_expect_eq(value, 1);
	cr_expect(lapic_rdmsr(second, 0, 0x80d, &value));
	cr_expect_eq(value, 2, "cluster 0, bit 1");
	cr_expect_null(lapic_bus_get(bus, 2));
}

Test(lapic, access_sizes)
{
	enable();
	put(0x380, 0x12345678);
	cr_expect_eq(dev.ops->read(dev.self, 0, 0x380, 1), 0x78);
	cr_expect_eq(dev.ops->read(dev.self, 0, 0x381, 1), 0x56);
	cr_expect_eq(dev.ops->read(dev.self, 0, 0x382, 2), 0x1234);
	cr_expect_eq(dev.ops->read(dev.self, 0, 0x383, 2), 0xffff);
	cr_expect_eq(dev.ops->read(dev.self, 0, 0x382, 4), 0xffffffff);
	cr_expect_eq(dev.ops->read(dev.self, 0, 0x384, 4), 0xffffffff);
	cr_expect_eq(dev.ops->read(dev.self, 0, 0x380, 8), UINT64_MAX);
	dev.ops->write(dev.self, 0, 0x380, 1, 0);
	dev.ops->write(dev.self, 0, 0x380, 2, 0);
	dev.ops->write(dev.self, 0, 0x380, 8, 0);
	dev.ops->write(dev.self, 0, 0x384, 4, 0);
	cr_expect_eq(get(0x380), 0x12345678);
	put(0x280, 0);
	cr_expect_eq(get(0x280), 0, "an odd size is no illegal register");
}

Test(lapic, reserved_offsets_set_illegal_register)
{
	static const unsigned reserved[] = {
		0x000, 0x010, 0x040, 0x070, 0x290, 0x2f0, 0x3a0, 0x3d0, 0x3f0, 0x400, 0xff0};

	for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++) {
		cr_expect_eq(get(reserved[i]), 0xffffffff, "%#x", reserved[i]);
		put(0x280, 0);
		cr_expect_eq(get(0x280), 0x80, "%#x read", reserved[i]);
		put(reserved[i], 0);
		put(0x280, 0);
		cr_expect_eq(get(0x280), 0x80, "%#x write", reserved[i]);
	}
	put(0x030, 0); /* read-only is not reserved */
	(void)get(0x0b0);
	put(0x280, 0);
	cr_expect_eq(get(0x280), 0);
}

Test(lapic, software_disabled)
{
	enable();
	put(0x320, 0x30);
	put(0x350, 0x700);
	interrupt(0x50, false);
	put(0xf0, 0xff);
	cr_expect_eq(get(0x320), 0x10030, "every LVT entry is masked");
	cr_expect_eq(get(0x350), 0x10700);
	cr_expect_eq(get(0x370), 0x10000);
	put(0x320, 0x31);
	cr_expect_eq(get(0x320), 0x10031, "and stays so");
	interrupt(0x60, false);
	cr_expect_eq(get(0x230), 0, "nothing new");
	cr_expect_eq(lapic_pending(lapic), -1, "the old is held");
	notified = 0;
	enable();
	cr_expect_eq(notified, 1);
	cr_expect_eq(lapic_pending(lapic), 0x50);
}

/* SDM figure 11-27: the four states and which of them can follow which. */
Test(lapic, apic_base_transitions)
{
	enum { DISABLED = 0x000, INVALID = 0x400, XAPIC = 0x800, X2APIC = 0xc00 };
	static const struct {
		uint64_t from, to;
		bool valid;
	} changes[] = {
		{DISABLED, DISABLED, true},
		{DISABLED, INVALID, false},
		{DISABLED, XAPIC, true},
		{DISABLED, X2APIC, false},
		{XAPIC, DISABLED, true},
		{XAPIC, INVALID, false},
		{XAPIC, XAPIC, true},
		{XAPIC, X2APIC, true},
		{X2APIC, DISABLED, true},
		{X2APIC, INVALID, false},
		{X2APIC, XAPIC, false},
		{X2APIC, X2APIC, true},
	};

	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		dev.ops->reset(dev.self, 0);
		cr_assert(wr(MSR_APIC_BASE, 0xfee00100 | changes[i].from));
		cr_expect_eq(wr(MSR_APIC_BASE, 0xfee00100 | changes[i].to), changes[i].valid,
			"%#x to %#x", (unsigned)changes[i].from, (unsigned)changes[i].to);
		cr_expect_eq(rd(MSR_APIC_BASE),
			0xfee00100 | (changes[i].valid ? changes[i].to : changes[i].from));
	}
}

Test(lapic, apic_base_reserved_bits)
{
	cr_expect_not(wr(MSR_APIC_BASE, 0xfee00901));
	cr_expect_not(wr(MSR_APIC_BASE, 0xfee00b00));
	cr_expect_eq(lapic_base(lapic), 0xfee00900);
	cr_expect(wr(MSR_APIC_BASE, 0x00000000fed00900));
	cr_expect_eq(lapic_base(lapic), 0xfed00900);
}

/* SDM 11.4.4: bits from MAXPHYADDR on are reserved. */
Test(lapic, apic_base_ends_where_physical_addresses_do)
{
	for (unsigned bit = 12; bit < 64; bit++) {
		uint64_t value = 1ULL << bit | 0x900;

		cr_expect_eq(wr(MSR_APIC_BASE, value), bit < 40, "bit %u", bit);
		cr_expect_eq(lapic_base(lapic) == value, bit < 40, "bit %u", bit);
	}
}

Test(lapic, who_booted_is_not_for_software_to_say)
{
	struct lapic *second = lapic_bus_get(bus, 1);

	cr_expect(wr(MSR_APIC_BASE, 0xfee00800));
	cr_expect_eq(lapic_base(lapic), 0xfee00900);
	cr_expect(lapic_wrmsr(second, 0, MSR_APIC_BASE, 0xfee00900));
	cr_expect_eq(lapic_base(second), 0xfee00800);
}

Test(lapic, the_page_is_where_the_base_says)
{
	cr_expect_eq(lapic_page(0xfee00900), 0xfee00000);
	cr_expect_eq(lapic_page(0xfffed00800), 0xfffed00000);
	cr_expect_eq(lapic_page(0xfee00100), LAPIC_NO_PAGE, "disabled");
	cr_expect_eq(lapic_page(0xfee00d00), LAPIC_NO_PAGE, "x2APIC");
}

/* SDM 11.4.3: no fixed interrupt, no NMI, no SMI, no INIT, until it is enabled again. */
Test(lapic, a_disabled_one_takes_nothing)
{
	const uint8_t modes[] = {
		APIC_FIXED, APIC_LOWEST, APIC_SMI, APIC_NMI, APIC_INIT, APIC_EXTINT};

	enable();
	cr_expect(wr(MSR_APIC_BASE, 0xfee00100));
	for (size_t i = 0; i < sizeof(modes); i++) {
		const struct apic_msg msg = {
			.dest = 0, .vector = 0x50, .delivery = modes[i], .assert = true};

		cr_expect_eq(lapic_bus_deliver(bus, &msg), 0, "delivery mode %u", modes[i]);
	}
	cr_expect_eq(lapic_pending(lapic), -1);
	cr_expect_eq(inits, 0);
	cr_expect_eq(dev.ops->deadline(dev.self), NSEC_NEVER);
	cr_expect(wr(MSR_TSC_DEADLINE, 1));
	cr_expect_eq(dev.ops->deadline(dev.self), NSEC_NEVER);
}

Test(lapic, disabling_loses_the_state)
{
	enable();
	put(0x80, 0x30);
	cr_expect(wr(MSR_APIC_BASE, 0xfee00100));
	cr_expect_eq(get(0x80), 0xffffffff, "no page");
	put(0x80, 0x40);
	interrupt(0x50, false);
	cr_expect_eq(lapic_pending(lapic), -1);
	cr_expect(wr(MSR_APIC_BASE, 0xfee00900));
	for (size_t i = 0; i < N_REGISTERS; i++)
		cr_expect_eq(
			get(registers[i].offset), registers[i].reset, "%#x", registers[i].offset);
}

/* SDM table 11-6. */
Test(lapic, x2apic_registers)
{
	uint64_t value;

	for (uint32_t msr = MSR_X2APIC_FIRST; msr <= MSR_X2APIC_LAST; msr++) {
		cr_expect_not(lapic_rdmsr(lapic, 0, msr, &value), "%#x in xAPIC mode", msr);
		cr_expect_not(wr(msr, 0), "%#x in xAPIC mode", msr);
	}
	cr_assert(wr(MSR_APIC_BASE, X2APIC_ON));
	for (uint32_t msr = MSR_X2APIC_FIRST; msr <= MSR_X2APIC_LAST; msr++) {
		uint32_t reg = msr & 0xff;
		bool vectors = reg >= 0x10 && reg <= 0x27;
		bool lvt = reg >= 0x32 && reg <= 0x37;
		bool both = reg == 0x08 || reg == 0x0f || reg == 0x28 || reg == 0x30 || lvt ||
			    reg == 0x38 || reg == 0x3e;
		bool read_only = reg == 0x02 || reg == 0x03 || reg == 0x0a || reg == 0x0d ||
				 vectors || reg == 0x39;
		bool write_only = reg == 0x0b || reg == 0x3f;

		cr_expect_eq(
			lapic_rdmsr(lapic, 0, msr, &value), both || read_only, "rdmsr %#x", msr);
		cr_expect_eq(wr(msr, 0), both || write_only, "wrmsr %#x", msr);
	}
	cr_expect_eq(get(0x30), 0xffffffff, "the page is gone");
	put(0x80, 0x50);
	cr_expect_eq(rd(0x808), 0);
	cr_expect_not(lapic_rdmsr(lapic, 0, 0x10, &value), "not ours");
	cr_expect_not(wr(0x10, 0));
}

Test(lapic, x2apic_reserved_bits)
{
	/* Bits an x2APIC write may carry, read-only ones included. */
	static const struct {
		uint32_t msr;
		uint64_t valid;
	} masks[] = {
		{0x808, 0xff},
		{0x80b, 0},
		{0x80f, 0x11ff},
		{0x828, 0},
		{0x830, 0xffffffff000cdfff},
		{0x832, 0x000710ff},
		{0x833, 0x000117ff},
		{0x834, 0x000117ff},
		{0x835, 0x0001f7ff},
		{0x836, 0x0001f7ff},
		{0x837, 0x000110ff},
		{0x838, 0xffffffff},
		{0x83e, 0xb},
		{0x83f, 0xff},
	};

	cr_assert(wr(MSR_APIC_BASE, X2APIC_ON));
	for (size_t i = 0; i < sizeof(masks) / sizeof(masks[0]); i++)
		for (unsigned bit = 0; bit < 64; bit++)
			cr_expect_eq(wr(masks[i].msr, 1ULL << bit), masks[i].valid >> bit & 1,
				"%#x bit %u", masks[i].msr, bit);
}

Test(lapic, x2apic_keeps_the_state)
{
	enable();
	put(0x80, 0x30);
	put(0x310, 0x05000000);
	put(0xd0, 0x80000000);
	interrupt(0x95, false);
	cr_assert(wr(MSR_APIC_BASE, X2APIC_ON));
	cr_expect_eq(rd(0x808), 0x30);
	cr_expect_eq(rd(0x80f), 0x1ff);
	cr_expect_eq(rd(0x824), 1u << 21);
	cr_expect_eq(rd(0x80d), 1, "LDR comes from the ID");
	cr_expect_eq(rd(0x830) >> 32, 0);
	cr_expect_eq(lapic_ack(lapic), 0x95);
	cr_expect_not(wr(0x80b, 1));
	cr_expect_eq(rd(0x80a), 0x90);
	cr_expect(wr(0x80b, 0));
	cr_expect_eq(rd(0x80a), 0x30);
}

Test(lapic, init_keeps_id_and_base)
{
	cr_assert(wr(MSR_APIC_BASE, X2APIC_ON));
	wr(0x80f, 0x1ff);
	wr(0x808, 0x50);
	lapic_init_reset(lapic, 5);
	cr_expect_eq(lapic_base(lapic), X2APIC_ON);
	cr_expect_eq(rd(0x802), 0);
	cr_expect_eq(rd(0x808), 0);
	cr_expect_eq(rd(0x80f), 0xff);
	cr_expect_eq(inits, 0, "the caller knows");
}

Test(lapic, create_rejects_what_it_cannot_be)
{
	const struct lapic_config good = {.bus_hz = 1, .tsc = {0, 1}, .phys_bits = 52};
	const struct lapic_config no_bus = {.bus_hz = 0, .tsc = {0, 1}, .phys_bits = 52};
	const struct lapic_config no_tsc = {.bus_hz = 1, .tsc = {0, 0}, .phys_bits = 52};
	const struct lapic_config narrow = {.bus_hz = 1, .tsc = {0, 1}, .phys_bits = 31};
	const struct lapic_config wide = {.bus_hz = 1, .tsc = {0, 1}, .phys_bits = 53};
	const struct lapic_sink sink = {.notify = on_notify};
	struct lapic_bus *most = lapic_bus_create(LAPIC_MAX, &good, sink);

	cr_expect_not_null(most);
	lapic_bus_destroy(most);
	cr_expect_null(lapic_bus_create(0, &good, sink));
	cr_expect_null(lapic_bus_create(LAPIC_MAX + 1, &good, sink));
	cr_expect_null(lapic_bus_create(1, &no_bus, sink));
	cr_expect_null(lapic_bus_create(1, &no_tsc, sink));
	cr_expect_null(lapic_bus_create(1, &narrow, sink));
	cr_expect_null(lapic_bus_create(1, &wide, sink));
}
