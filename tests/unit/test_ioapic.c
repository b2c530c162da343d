/* SPDX-License-Identifier: BSD-2-Clause */
/* The I/O APIC against the 82093AA data sheet, section 3, and the EOI register of 0x20 parts.
 * Where a message goes is the LAPICs' business: test_lapic_bus.c. */
#include "tickvm/ioapic.h"

#include <criterion/criterion.h>
#include <string.h>

#define LEVEL      0x8000u
#define REMOTE_IRR 0x4000u
#define MASKED     0x10000u

static struct {
	unsigned messages, changes, changed_pin;
	struct apic_msg last;
} seen;

static struct ioapic *io;
static struct device dev;

static void on_message(void *ctx, const struct apic_msg *msg)
{
	(void)ctx;
	seen.messages++;
	seen.last = *msg;
}

static void on_change(void *ctx, unsigned pin)
{
	(void)ctx;
	seen.changes++;
	seen.changed_pin = pin;
}

static void setup(void)
{
	const struct apic_msg_sink out = {on_message, NULL};

	memset(&seen, 0, sizeof(seen));
	io = ioapic_create(5, out, on_change, NULL);
	cr_assert_not_null(io);
	dev = ioapic_device(io);
}

static void teardown(void)
{
	ioapic_destroy(io);
}

TestSuite(ioapic, .init = setup, .fini = teardown);

static uint32_t get(unsigned reg)
{
	dev.ops->write(dev.self, 0, 0x00, 4, reg);
	return (uint32_t)dev.ops->read(dev.self, 0, 0x10, 4);
}

static void put(unsigned reg, uint32_t value)
{
	dev.ops->write(dev.self, 0, 0x00, 4, reg);
	dev.ops->write(dev.self, 0, 0x10, 4, value);
}

static void set_pin(unsigned pin, uint32_t low)
{
	put(0x10 + 2 * pin, low);
}

static uint32_t pin_low(unsigned pin)
{
	return get(0x10 + 2 * pin);
}

static void pulse(unsigned pin)
{
	ioapic_set_line(io, pin, true);
	ioapic_set_line(io, pin, false);
}

Test(ioapic, reset_values)
{
	cr_expect_eq(dev.ops->read(dev.self, 0, 0x00, 4), 0);
	cr_expect_eq(get(0x00), 0x05000000);
	cr_expect_eq(get(0x01), 0x00170020, "24 entries, version 0x20");
	cr_expect_eq(get(0x02), 0x05000000);
	for (unsigned pin = 0; pin < IOAPIC_PINS; pin++) {
		cr_expect_eq(get(0x10 + 2 * pin), MASKED, "pin %u", pin);
		cr_expect_eq(get(0x11 + 2 * pin), 0, "pin %u", pin);
		cr_expect_eq(ioapic_redirection(io, pin), MASKED);
	}
	cr_expect_eq(get(0x03), 0xffffffff);
	cr_expect_eq(get(0x0f), 0xffffffff);
	cr_expect_eq(get(0x40), 0xffffffff);
	cr_expect_eq(get(0xff), 0xffffffff);
	cr_expect_eq(seen.changes, 0);
}

Test(ioapic, write_masks)
{
	put(0x00, 0xffffffff);
	cr_expect_eq(get(0x00), 0x0f000000);
	cr_expect_eq(get(0x02), 0x0f000000, "arbitration is loaded with the ID");
	put(0x02, 0);
	cr_expect_eq(get(0x02), 0x0f000000, "read-only");
	put(0x01, 0xffffffff);
	cr_expect_eq(get(0x01), 0x00170020);
	for (unsigned pin = 0; pin < IOAPIC_PINS; pin++)
		for (unsigned bit = 0; bit < 32; bit++) {
			set_pin(pin, 1u << bit);
			cr_expect_eq(
				pin_low(pin), (1u << bit) & 0x1afff, "pin %u bit %u", pin, bit);
			put(0x11 + 2 * pin, 1u << bit);
			cr_expect_eq(get(0x11 + 2 * pin), (1u << bit) & 0xff000000);
		}
	put(0x50, 0);
	put(0xff, 0);
}

Test(ioapic, reset_undoes_writes)
{
	for (unsigned reg = 0; reg < 0x40; reg++)
		put(reg, 0xffffffff);
	dev.ops->write(dev.self, 0, 0x00, 4, 0x12);
	dev.ops->reset(dev.self, 0);
	cr_expect_eq(dev.ops->read(dev.self, 0, 0x00, 4), 0);
	cr_expect_eq(get(0x00), 0x05000000);
	for (unsigned pin = 0; pin < IOAPIC_PINS; pin++)
		cr_expect_eq(ioapic_redirection(io, pin), MASKED);
}

Test(ioapic, access_sizes)
{
	dev.ops->write(dev.self, 0, 0x00, 1, 0x10);
	cr_expect_eq(dev.ops->read(dev.self, 0, 0x00, 1), 0x10);
	cr_expect_eq(dev.ops->read(dev.self, 0, 0x00, 2), 0x10);
	cr_expect_eq(dev.ops->read(dev.self, 0, 0x00, 4), 0x10);
	dev.ops->write(dev.self, 0, 0x10, 4, 0xa1c8);
	dev.ops->write(dev.self, 0, 0x10, 1, 0x42);
	cr_expect_eq(dev.ops->read(dev.self, 0, 0x10, 4), 0xa142, "one byte");
	dev.ops->write(dev.self, 0, 0x12, 1, 0x01);
	cr_expect_eq(dev.ops->read(dev.self, 0, 0x10, 4), 0x1a142);
	dev.ops->write(dev.self, 0, 0x10, 2, 0x0043);
	cr_expect_eq(dev.ops->read(dev.self, 0, 0x10, 4), 0x10043);
	cr_expect_eq(dev.ops->read(dev.self, 0, 0x11, 1), 0x00);
	cr_expect_eq(dev.ops->read(dev.self, 0, 0x12, 2), 0x0001);
	dev.ops->write(dev.self, 0, 0x10, 8, 0);
	dev.ops->write(dev.self, 0, 0x12, 4, 0);
	dev.ops->write(dev.self, 0, 0x20, 4, 0);
	dev.ops->write(dev.self, 0, 0x01, 1, 0);
	cr_expect_eq(dev.ops->read(dev.self, 0, 0x10, 4), 0x10043);
	cr_expect_eq(dev.ops->read(dev.self, 0, 0x10, 8), UINT64_MAX);
	cr_expect_eq(dev.ops->read(dev.self, 0, 0x12, 4), 0xffffffff);
	cr_expect_eq(dev.ops->read(dev.self, 0, 0x20, 2), 0xffff);
	cr_expect_eq(dev.ops->read(dev.self, 0, 0x100000000, 4), 0xffffffff);
}

Test(ioapic, edge)
{
	put(0x11 + 2 * 4, 0x03000000);
	set_pin(4, 0x34);
	ioapic_set_line(io, 4, true);
	cr_expect_eq(seen.messages, 1);
	cr_expect_eq(seen.last.vector, 0x34);
	cr_expect_eq(seen.last.dest, 3);
	cr_expect_eq(seen.last.delivery, APIC_FIXED);
	cr_expect_not(seen.last.level);
	cr_expect_not(seen.last.logical);
	cr_expect(seen.last.assert);
	cr_expect_not(seen.last.x2apic);
	cr_expect_eq(pin_low(4), 0x34, "no Remote IRR");
	ioapic_set_line(io, 4, true);
	cr_expect_eq(seen.messages, 1, "still high");
	ioapic_set_line(io, 4, false);
	ioapic_set_line(io, 4, true);
	cr_expect_eq(seen.messages, 2);
	ioapic_set_line(io, IOAPIC_PINS, true);
	ioapic_set_line(io, UINT32_MAX, true);
	cr_expect_eq(seen.messages, 2);
}

Test(ioapic, masked_edge_is_lost)
{
	pulse(4);
	ioapic_set_line(io, 4, true);
	set_pin(4, 0x34);
	cr_expect_eq(seen.messages, 0);
	ioapic_set_line(io, 4, false);
	ioapic_set_line(io, 4, true);
	cr_expect_eq(seen.messages, 1);
}

Test(ioapic, level)
{
	set_pin(9, 0x39 | LEVEL);
	ioapic_set_line(io, 9, true);
	cr_expect_eq(seen.messages, 1);
	cr_expect(seen.last.level);
	cr_expect_eq(pin_low(9), 0x39 | LEVEL | REMOTE_IRR);
	ioapic_set_line(io, 9, false);
	ioapic_set_line(io, 9, true);
	cr_expect_eq(seen.messages, 1, "in service");
	ioapic_eoi(io, 0x38);
	cr_expect_eq(seen.messages, 1, "another vector");
	ioapic_eoi(io, 0x39);
	cr_expect_eq(seen.messages, 2, "still high: again");
	ioapic_set_line(io, 9, false);
	dev.ops->write(dev.self, 0, 0x40, 4, 0x39); /* the EOI register */
	cr_expect_eq(seen.messages, 2);
	cr_expect_eq(pin_low(9), 0x39 | LEVEL);
	ioapic_set_line(io, 9, true);
	cr_expect_eq(seen.messages, 3);
	cr_expect_eq(dev.ops->read(dev.self, 0, 0x40, 4), 0, "write-only");
}

Test(ioapic, masked_level_waits)
{
	set_pin(9, 0x39 | LEVEL | MASKED);
	ioapic_set_line(io, 9, true);
	cr_expect_eq(seen.messages, 0);
	set_pin(9, 0x39 | LEVEL);
	cr_expect_eq(seen.messages, 1);
	set_pin(9, 0x39 | LEVEL | MASKED);
	cr_expect_eq(pin_low(9), 0x39 | LEVEL | MASKED | REMOTE_IRR, "masking ends nothing");
	ioapic_eoi(io, 0x39);
	cr_expect_eq(seen.messages, 1, "masked");
	set_pin(9, 0x39 | LEVEL);
	cr_expect_eq(seen.messages, 2);
}

Test(ioapic, shared_vector)
{
	set_pin(9, 0x39 | LEVEL);
	set_pin(10, 0x39 | LEVEL);
	ioapic_set_line(io, 9, true);
	ioapic_set_line(io, 10, true);
	cr_expect_eq(seen.messages, 2);
	ioapic_set_line(io, 10, false);
	ioapic_eoi(io, 0x39);
	cr_expect_eq(seen.messages, 3);
	cr_expect_eq(pin_low(9) & REMOTE_IRR, REMOTE_IRR);
	cr_expect_eq(pin_low(10) & REMOTE_IRR, 0);
}

Test(ioapic, switching_to_edge_clears_remote_irr)
{
	set_pin(9, 0x39 | LEVEL);
	ioapic_set_line(io, 9, true);
	set_pin(9, 0x39 | MASKED);
	cr_expect_eq(pin_low(9), 0x39 | MASKED);
	set_pin(9, 0x39 | LEVEL);
	cr_expect_eq(seen.messages, 2, "high and not in service: sent again");
}

/* Data sheet 3.2.4: NMI, SMI, INIT and ExtINT are edges; nobody EOIs them. */
Test(ioapic, other_delivery_modes)
{
	static const uint8_t modes[] = {APIC_SMI, APIC_NMI, APIC_INIT, APIC_EXTINT};

	for (size_t i = 0; i < sizeof(modes); i++) {
		set_pin(2, 0x20 | (uint32_t)modes[i] << 8 | LEVEL);
		pulse(2);
		cr_expect_eq(seen.messages, i + 1);
		cr_expect_eq(seen.last.delivery, modes[i]);
		cr_expect_not(seen.last.level);
		cr_expect_eq(pin_low(2) & REMOTE_IRR, 0);
	}
	set_pin(2, 0x320);
	pulse(2);
	set_pin(2, 0x620);
	pulse(2);
	cr_expect_eq(seen.messages, 4, "reserved modes are not sent");
	set_pin(2, 0x120 | LEVEL);
	pulse(2);
	cr_expect_eq(seen.last.delivery, APIC_LOWEST);
	cr_expect(seen.last.level);
	cr_expect_eq(pin_low(2) & REMOTE_IRR, REMOTE_IRR);
}

Test(ioapic, polarity_is_stored_only)
{
	set_pin(3, 0x2033);
	cr_expect_eq(pin_low(3), 0x2033);
	cr_expect_eq(seen.messages, 0);
	ioapic_set_line(io, 3, true);
	cr_expect_eq(seen.messages, 1, "true is asserted");
}

Test(ioapic, changed_follows_alterations)
{
	set_pin(7, 0x37);
	cr_expect_eq(seen.changes, 1);
	cr_expect_eq(seen.changed_pin, 7);
	set_pin(7, 0x37);
	cr_expect_eq(seen.changes, 1, "nothing altered");
	put(0x11 + 2 * 7, 0x01000000);
	cr_expect_eq(seen.changes, 2);
	pulse(7);
	ioapic_eoi(io, 0x37);
	cr_expect_eq(seen.changes, 2, "not a write");
	dev.ops->reset(dev.self, 0);
	cr_expect_eq(seen.changes, 3);
	put(0x00, 0);
	cr_expect_eq(seen.changes, 3);
}

Test(ioapic, message)
{
	struct apic_msg msg = ioapic_message(0xab00000000000000 | 0x0800 | 0x0100 | LEVEL | 0x61);

	cr_expect_eq(msg.dest, 0xab);
	cr_expect_eq(msg.vector, 0x61);
	cr_expect_eq(msg.delivery, APIC_LOWEST);
	cr_expect_eq(msg.shorthand, APIC_DEST_FIELD);
	cr_expect(msg.logical);
	cr_expect(msg.level);
	cr_expect(msg.assert);
}

Test(ioapic, no_changed_callback)
{
	const struct apic_msg_sink out = {on_message, NULL};
	struct ioapic *plain = ioapic_create(0, out, NULL, NULL);
	struct device d = ioapic_device(plain);

	d.ops->write(d.self, 0, 0x00, 4, 0x10);
	d.ops->write(d.self, 0, 0x10, 4, 0x30);
	ioapic_set_line(plain, 0, true);
	cr_expect_eq(seen.messages, 1);
	cr_expect_eq(ioapic_redirection(plain, IOAPIC_PINS), MASKED);
	ioapic_destroy(plain);
}
