/* SPDX-License-Identifier: BSD-2-Clause */
/* Random register accesses and host bytes on the serial port. The interrupt line always agrees with
 * IIR, an interrupt handler comes to an end, and what the host sends arrives in order. Input: pairs
 * of (operation, argument). */
#include "tickvm/serial.h"

#include <stddef.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(what)                                                                                \
	do {                                                                                       \
		if (!(what))                                                                       \
			__builtin_trap();                                                          \
	} while (0)

enum { DATA, IER, IIR, LCR, MCR, LSR, MSR };

static const uint8_t typed[20] = "typed at a keyboard";
static struct device dev;
static bool line;

static void set_line(void *ctx, unsigned n, bool level)
{
	(void)ctx;
	CHECK(n == 4 && level != line);
	line = level;
}

static void ignore_byte(void *ctx, uint8_t byte)
{
	(void)ctx;
	(void)byte;
}

static uint8_t in(unsigned reg)
{
	uint64_t value = dev.ops->read(dev.self, 0, reg, 1);

	CHECK(value <= 0xff);
	return (uint8_t)value;
}

static void out(unsigned reg, uint8_t value)
{
	dev.ops->write(dev.self, 0, reg, 1, value);
}

static uint8_t checked_iir(void)
{
	bool asserted = line;
	uint8_t iir = in(IIR), code = iir & 0x0f;

	CHECK(asserted == !(iir & 1));
	CHECK((iir & 0xf0) == 0x00 || (iir & 0xf0) == 0xc0);
	CHECK(code == 0x00 || code == 0x01 || code == 0x02 || code == 0x04 || code == 0x06 ||
		code == 0x0c);
	CHECK(code != 0x0c || iir & 0xc0);
	return code;
}

/* What a driver's handler does; at most 16 bytes and one of each other kind. */
static void handle(void)
{
	unsigned turns = 0;

	out(LCR, 3);
	while (line) {
		CHECK(turns++ < 20);
		switch (checked_iir()) {
		case 0x06:
			CHECK(in(LSR)&0x02);
			break;
		case 0x04:
		case 0x0c:
			CHECK(in(LSR)&0x01);
			in(DATA);
			break;
		case 0x00:
			CHECK(in(MSR)&0x0f);
			break;
		default:
			break;
		}
	}
}

/* Host bytes in a row are read back as they came. */
static void pass_through(struct serial *serial, uint8_t first)
{
	uint8_t bytes[20];

	for (unsigned i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(first + i);
	out(LCR, 3);
	out(MCR, in(MCR)&0x0f);
	while (in(LSR)&0x01)
		in(DATA);
	unsigned room = serial_receive_room(serial);

	CHECK(room == 1 || room == 16);
	CHECK(serial_receive(serial, 0, bytes, sizeof(bytes)) == room);
	CHECK(serial_receive_room(serial) == 0);
	for (unsigned i = 0; i < room; i++)
		CHECK(in(DATA) == bytes[i]);
	CHECK(!(in(LSR)&0x01));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct serial *serial = serial_create(
		(struct irq_sink){.set = set_line}, 4, (struct byte_sink){.put = ignore_byte});

	if (!serial)
		return 0;
	dev = serial_device(serial);
	line = false;
	for (size_t i = 0; i + 1 < size; i += 2) {
		uint8_t op = data[i], argument = data[i + 1];

		switch (op & 7) {
		case 0:
		case 1:
		case 2:
			out(op >> 3 & 7, argument);
			break;
		case 3:
			in(op >> 3 & 7);
			break;
		case 4:
			dev.ops->write(
				dev.self, 0, op >> 3 & 7, 8, argument * 0x0101010101010101ULL);
			break;
		case 5:
			serial_receive(serial, 0, typed, argument % sizeof(typed));
			break;
		case 6:
			handle();
			break;
		default:
			pass_through(serial, argument);
			break;
		}
		CHECK(serial_receive_room(serial) <= 16);
		CHECK((in(LSR) & ~0x63) == 0 && (in(LSR)&0x60) == 0x60);
	}
	checked_iir();
	dev.ops->reset(dev.self, 0);
	CHECK(!line && in(IIR) == 0x01 && in(LSR) == 0x60 && in(MSR) == 0xb0);
	serial_destroy(serial);
	return 0;
}
