/* SPDX-License-Identifier: BSD-2-Clause */
/* Hostile guests and restless lines on the I/O APIC, then the invariants of every pin.
 * It judges consistency, not behaviour: tests/unit/test_ioapic.c does that. */
#include "tickvm/ioapic.h"

#include <stddef.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct ioapic *io;
static uint64_t known[IOAPIC_PINS]; /* as changed() last let us see them, Remote IRR aside */
static uint32_t high;               /* the lines */

#define REMOTE_IRR (1ULL << 14)

static void require(bool condition)
{
	if (!condition)
		__builtin_trap();
}

static void on_message(void *ctx, const struct apic_msg *msg)
{
	(void)ctx;
	require(msg->delivery <= APIC_EXTINT && msg->delivery != 3 &&
		msg->delivery != APIC_STARTUP);
	require(msg->dest <= 0xff && msg->assert && !msg->x2apic &&
		msg->shorthand == APIC_DEST_FIELD);
	require(!msg->level || msg->delivery <= APIC_LOWEST);
}

static void on_change(void *ctx, unsigned pin)
{
	(void)ctx;
	require(pin < IOAPIC_PINS);
	known[pin] = ioapic_redirection(io, pin) & ~REMOTE_IRR;
}

static void check(void)
{
	for (unsigned pin = 0; pin < IOAPIC_PINS; pin++) {
		uint64_t rte = ioapic_redirection(io, pin);
		bool level = ioapic_message(rte).level, masked = rte & 1u << 16;

		require((rte & ~REMOTE_IRR) == known[pin]);
		require((rte & ~0xff0000000001efffULL) == 0);
		require(level || !(rte & REMOTE_IRR));
		/* An unmasked level that is high has been sent. */
		require(!level || masked || !(high >> pin & 1) || rte & REMOTE_IRR);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct apic_msg_sink out = {on_message, NULL};
	static const uint16_t offsets[] = {0x00, 0x10, 0x40, 0x11, 0x12, 0x13, 0x20, 0xffd};

	io = ioapic_create(0xff, out, on_change, NULL);
	if (!io)
		return 0;
	struct device dev = ioapic_device(io);
	high = 0;
	for (unsigned pin = 0; pin < IOAPIC_PINS; pin++)
		on_change(NULL, pin);
	for (; size >= 6; data += 6, size -= 6) {
		unsigned pin = data[1], bytes = 1u << (data[1] & 3);
		uint64_t offset = offsets[data[1] >> 2 & 7];
		uint32_t value = (uint32_t)(data[2] | data[3] << 8 | data[4] << 16) |
				 (uint32_t)data[5] << 24;

		switch (data[0] & 7) {
		case 0:
		case 1:
			ioapic_set_line(io, pin, data[0] & 1);
			if (pin < IOAPIC_PINS)
				high = data[0] & 1 ? high | 1u << pin : high & ~(1u << pin);
			break;
		case 2:
			ioapic_eoi(io, data[1]);
			break;
		case 3: /* a redirection entry, straight */
			dev.ops->write(dev.self, 0, 0x00, 4, 0x10 + pin % 48);
			dev.ops->write(dev.self, 0, 0x10, 4, value);
			break;
		case 4:
			(void)dev.ops->read(dev.self, 0, offset, bytes);
			break;
		case 5:
			if (data[1] == 0xff)
				dev.ops->reset(dev.self, 0);
			break;
		default:
			dev.ops->write(dev.self, 0, offset, bytes, value);
			break;
		}
		check();
	}
	ioapic_destroy(io);
	return 0;
}
