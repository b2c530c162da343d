/* SPDX-License-Identifier: BSD-2-Clause */
/* The local APIC's priorities, EOI, LINT pins and errors against Intel SDM vol. 3, 11.5 and 11.8.
 * Registers and modes are in test_lapic.c, messages between LAPICs in test_lapic_bus.c. */
#include "tickvm/lapic.h"

#include <criterion/criterion.h>
#include <string.h>

static struct {
	unsigned notify, nmi, smi, init, extint, eoi;
	uint8_t eoi_vector;
} seen;

static void on_notify(void *ctx, unsigned id)
{
	(void)ctx, (void)id;
	seen.notify++;
}

static void on_nmi(void *ctx, unsigned id)
{
	(void)ctx, (void)id;
	seen.nmi++;
}

static void on_smi(void *ctx, unsigned id)
{
	(void)ctx, (void)id;
	seen.smi++;
}

static void on_init(void *ctx, unsigned id)
{
	(void)ctx, (void)id;
	seen.init++;
}

static void on_sipi(void *ctx, unsigned id, uint8_t vector)
{
	(void)ctx, (void)id, (void)vector;
}

static void on_extint(void *ctx, unsigned id)
{
	(void)ctx, (void)id;
	seen.extint++;
}

static void on_eoi(void *ctx, uint8_t vector)
{
	(void)ctx;
	seen.eoi++;
	seen.eoi_vector = vector;
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
		.nmi = on_nmi,
		.smi = on_smi,
		.init = on_init,
		.sipi = on_sipi,
		.extint = on_extint,
		.eoi = on_eoi,
	};

	memset(&seen, 0, sizeof(seen));
	bus = lapic_bus_create(1, &config, sink);
	cr_assert_not_null(bus);
	lapic = lapic_bus_get(bus, 0);
	dev = lapic_device(lapic);
}

static void teardown(void)
{
	lapic_bus_destroy(bus);
}

TestSuite(lapic_interrupt, .init = setup, .fini = teardown);

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

Test(lapic_interrupt, priorities)
{
	enable();
	cr_expect_eq(lapic_pending(lapic), -1);
	interrupt(0x41, false);
	interrupt(0x52, false);
	interrupt(0xff, false);
	cr_expect_eq(seen.notify, 3);
	cr_expect_eq(get(0x220), 1u << 1 | 1u << 18);
	cr_expect_eq(get(0x270), 1u << 31);
	cr_expect_eq(lapic_pending(lapic), 0xff);
	cr_expect_eq(lapic_ack(lapic), 0xff);
	cr_expect_eq(get(0x270), 0);
	cr_expect_eq(get(0x170), 1u << 31);
	cr_expect_eq(get(0xa0), 0xf0);
	cr_expect_eq(lapic_pending(lapic), -1, "0x52 waits");
	cr_expect_eq(lapic_ack(lapic), -1);
	put(0xb0, 0);
	cr_expect_eq(lapic_ack(lapic), 0x52);
	interrupt(0x5f, false);
	cr_expect_eq(lapic_pending(lapic), -1, "the same class does not nest");
	interrupt(0x60, false);
	cr_expect_eq(lapic_ack(lapic), 0x60, "a higher class does");
	put(0xb0, 0);
	cr_expect_eq(get(0xa0), 0x50, "EOI ends the highest");
	put(0xb0, 0);
	cr_expect_eq(lapic_ack(lapic), 0x5f);
	put(0xb0, 0);
	cr_expect_eq(lapic_ack(lapic), 0x41);
	put(0xb0, 0);
	cr_expect_eq(get(0xa0), 0);
	put(0xb0, 0); /* nothing in service: nothing happens */
	cr_expect_eq(seen.eoi, 0);
}

Test(lapic_interrupt, one_in_service_and_one_requested)
{
	enable();
	interrupt(0x80, false);
	cr_expect_eq(lapic_ack(lapic), 0x80);
	interrupt(0x80, false);
	interrupt(0x80, false);
	put(0xb0, 0);
	cr_expect_eq(lapic_ack(lapic), 0x80);
	put(0xb0, 0);
	cr_expect_eq(lapic_ack(lapic), -1);
}

Test(lapic_interrupt, ppr_is_the_higher_of_tpr_and_isr)
{
	enable();
	interrupt(0x65, false);
	cr_expect_eq(lapic_ack(lapic), 0x65);
	put(0x80, 0x5f);
	cr_expect_eq(get(0xa0), 0x60);
	put(0x80, 0x73);
	cr_expect_eq(get(0xa0), 0x73);
	put(0xb0, 0);
	put(0x80, 0x0f);
	cr_expect_eq(get(0xa0), 0x0f);
}

Test(lapic_interrupt, lowering_tpr_notifies)
{
	enable();
	put(0x80, 0x90);
	interrupt(0x95, false);
	cr_expect_eq(seen.notify, 0);
	cr_expect_eq(lapic_pending(lapic), -1);
	put(0x80, 0x8f);
	cr_expect_eq(seen.notify, 1);
	cr_expect_eq(lapic_pending(lapic), 0x95);
}

Test(lapic_interrupt, cr8_is_tpr)
{
	enable();
	put(0x80, 0x93);
	interrupt(0x95, false);
	cr_expect_eq(lapic_cr8(lapic), 9);
	lapic_set_cr8(lapic, 9);
	cr_expect_eq(get(0x80), 0x93, "the same class is no write");
	lapic_set_cr8(lapic, 8);
	cr_expect_eq(get(0x80), 0x80);
	cr_expect_eq(seen.notify, 1);
	lapic_set_cr8(lapic, 0xf7);
	cr_expect_eq(get(0x80), 0x70, "four bits");
}

Test(lapic_interrupt, level_triggered_eoi_is_broadcast)
{
	enable();
	interrupt(0x30, true);
	interrupt(0x31, false);
	cr_expect_eq(get(0x190), 1u << 16);
	lapic_ack(lapic);
	put(0xb0, 0);
	cr_expect_eq(seen.eoi, 0, "an edge is not");
	lapic_ack(lapic);
	put(0xb0, 0);
	cr_expect_eq(seen.eoi, 1);
	cr_expect_eq(seen.eoi_vector, 0x30);
	interrupt(0x30, false);
	cr_expect_eq(get(0x190), 0, "TMR follows the latest");
	put(0xf0, 0x11ff); /* suppression */
	interrupt(0x30, true);
	lapic_ack(lapic);
	put(0xb0, 0);
	cr_expect_eq(seen.eoi, 1);
}

Test(lapic_interrupt, vectors_below_16_are_errors)
{
	enable();
	interrupt(0x0f, false);
	interrupt(0x00, true);
	cr_expect_eq(get(0x200), 0);
	cr_expect_eq(get(0x280), 0, "not before a write");
	put(0x280, 0xffffffff);
	cr_expect_eq(get(0x280), 0x40);
	interrupt(0x10, false);
	cr_expect_eq(get(0x200), 1u << 16, "0x10 can be requested");
	cr_expect_eq(lapic_pending(lapic), 0x10);
	put(0x280, 0);
	cr_expect_eq(get(0x280), 0);
}

Test(lapic_interrupt, error_interrupt_once_until_esr_is_written)
{
	enable();
	put(0x370, 0xe0);
	interrupt(3, false);
	cr_expect_eq(lapic_ack(lapic), 0xe0);
	put(0xb0, 0);
	interrupt(3, false);
	(void)get(0x0);
	cr_expect_eq(lapic_pending(lapic), -1);
	put(0x280, 0);
	cr_expect_eq(get(0x280), 0xc0);
	interrupt(3, false);
	cr_expect_eq(lapic_ack(lapic), 0xe0);
	put(0x280, 0);
	put(0xb0, 0);
	put(0x370, 0x05); /* the error's own vector is illegal: collected, no recursion */
	(void)get(0x0);
	put(0x280, 0);
	cr_expect_eq(get(0x280), 0xc0);
}

Test(lapic_interrupt, lint_delivery_modes)
{
	enable();
	put(0x350, 0x00000044);
	lapic_set_lint(lapic, 0, true);
	lapic_set_lint(lapic, 0, true);
	cr_expect_eq(lapic_ack(lapic), 0x44);
	put(0xb0, 0);
	cr_expect_eq(lapic_pending(lapic), -1, "an edge, once");
	lapic_set_lint(lapic, 0, false);
	put(0x360, 0x400);
	lapic_set_lint(lapic, 1, true);
	lapic_set_lint(lapic, 1, false);
	cr_expect_eq(seen.nmi, 1);
	put(0x360, 0x200);
	lapic_set_lint(lapic, 1, true);
	lapic_set_lint(lapic, 1, false);
	cr_expect_eq(seen.smi, 1);
	put(0x360, 0x10400);
	lapic_set_lint(lapic, 1, true);
	lapic_set_lint(lapic, 1, false);
	cr_expect_eq(seen.nmi, 1, "masked");
	put(0x360, 0x300);
	lapic_set_lint(lapic, 1, true);
	lapic_set_lint(lapic, 1, false);
	lapic_set_lint(lapic, 2, true); /* no such pin */
	put(0x360, 0x500);
	lapic_set_lint(lapic, 1, true);
	cr_expect_eq(seen.init, 1);
	cr_expect_eq(get(0x360), 0x10000, "INIT has reset it");
}

Test(lapic_interrupt, lint0_level_triggered)
{
	enable();
	put(0x350, 0x8044);
	lapic_set_lint(lapic, 0, true);
	cr_expect_eq(get(0x350), 0xc044, "Remote IRR");
	cr_expect_eq(lapic_ack(lapic), 0x44);
	cr_expect_eq(lapic_pending(lapic), -1);
	put(0xb0, 0);
	cr_expect_eq(lapic_ack(lapic), 0x44, "still high: again");
	lapic_set_lint(lapic, 0, false);
	put(0xb0, 0);
	cr_expect_eq(get(0x350), 0x8044);
	cr_expect_eq(lapic_pending(lapic), -1);
	put(0x350, 0x18044);
	lapic_set_lint(lapic, 0, true);
	cr_expect_eq(lapic_pending(lapic), -1);
	put(0x350, 0x8044);
	cr_expect_eq(lapic_pending(lapic), 0x44, "unmasked while high");
	lapic_set_lint(lapic, 0, false);
	put(0x350, 0x8044);
	cr_expect_eq(get(0x350), 0xc044, "Remote IRR is read-only");
	interrupt(0x99, true);
	cr_expect_eq(lapic_ack(lapic), 0x99);
	put(0xb0, 0);
	cr_expect_eq(get(0x350), 0xc044, "another vector's EOI");
	put(0x350, 0x0044);
	cr_expect_eq(get(0x350), 0x0044, "no Remote IRR for an edge");
	put(0x360, 0x8045);
	lapic_set_lint(lapic, 1, true);
	lapic_ack(lapic);
	cr_expect_eq(get(0x360), 0x8045, "LINT1 is an edge always");
}

Test(lapic_interrupt, extint_and_the_pic)
{
	cr_expect_not(lapic_accepts_pic(lapic), "masked after power-up");
	enable();
	put(0x350, 0x700);
	cr_expect(lapic_accepts_pic(lapic));
	lapic_set_lint(lapic, 0, true);
	cr_expect_eq(seen.extint, 1);
	put(0x350, 0x10700);
	cr_expect_not(lapic_accepts_pic(lapic));
	put(0x350, 0x700);
	cr_expect_eq(seen.extint, 2, "the PIC still asks");
	put(0x350, 0x044);
	cr_expect_not(lapic_accepts_pic(lapic));
	cr_expect(wr(MSR_APIC_BASE, 0xfee00100));
	cr_expect(lapic_accepts_pic(lapic), "disabled: LINT0 is INTR");
	cr_expect_eq(seen.extint, 3);
	lapic_set_lint(lapic, 1, true);
	cr_expect_eq(seen.nmi, 1, "disabled: LINT1 is NMI");
}
