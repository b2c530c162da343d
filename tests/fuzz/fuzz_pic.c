/* SPDX-License-Identifier: BSD-2-Clause */
/* Random writes, lines and acknowledgements on the PIC pair. Vectors come from ICW2 and from a line
 * that was not masked, INTR is told changes only and agrees with the registers, and a handler comes
 * to an end. Input: pairs of (operation, argument). */
#include "tickvm/pic.h"

#include <stddef.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(what)                                                                                \
	do {                                                                                       \
		if (!(what))                                                                       \
			__builtin_trap();                                                          \
	} while (0)

/* What a driver would remember of one chip. */
struct shadow {
	unsigned icw; /* the ICW expected next: 2, 3 or 4; 0: none was ever begun; 5: ready */
	bool icw4, single;
	uint8_t base, imr;
};

static struct shadow chips[2];
static struct pic *pic;
static struct device dev;
static bool intr;

static void set_intr(void *ctx, unsigned n, bool level)
{
	(void)ctx;
	CHECK(n == 0 && level != intr);
	intr = level;
}

static uint8_t in(unsigned port)
{
	uint64_t value = dev.ops->read(dev.self, 0, port, 1);

	CHECK(value <= 0xff);
	return (uint8_t)value;
}

static void write_data(struct shadow *chip, uint8_t value)
{
	switch (chip->icw) {
	case 2:
		chip->base = value & 0xf8;
		chip->icw = chip->single ? chip->icw4 ? 4 : 5 : 3;
		break;
	case 3:
		chip->icw = chip->icw4 ? 4 : 5;
		break;
	case 4:
		chip->icw = 5;
		break;
	default:
		chip->imr = value;
		break;
	}
}

static void out(unsigned port, uint8_t value)
{
	struct shadow *chip = &chips[port >> 1 & 1];

	dev.ops->write(dev.self, 0, port, 1, value);
	if (port < 4 && port & 1)
		write_data(chip, value);
	else if (port < 4 && value & 0x10)
		*chip = (struct shadow){
			.icw = 2, .icw4 = value & 1, .single = value & 2, .base = chip->base};
}

static void acknowledge(void)
{
	bool asked = intr;
	uint8_t vector = pic_ack(pic), base = vector & 0xf8, bit = (uint8_t)(1u << (vector & 7));
	bool by_master = base == chips[0].base && !(chips[0].imr & bit);
	bool by_slave = base == chips[1].base && (!(chips[1].imr & bit) || (vector & 7) == 7);

	if (!asked)
		CHECK(vector == (chips[0].base | 7) && !intr);
	else
		CHECK(chips[0].icw == 5 && (by_master || by_slave));
}

/* The registers, read in an order that leaves no poll pending. */
static void compare_registers(void)
{
	for (unsigned i = 0; i < 2; i++) {
		in(2 * i);
		CHECK(in(2 * i + 1) == chips[i].imr);
	}
	out(0, 0x0a);
	uint8_t wanted = in(0) & (uint8_t)~chips[0].imr;

	CHECK(!intr || (wanted != 0 && chips[0].icw == 5));
	out(0, 0x0b);
	CHECK(chips[0].icw != 5 || in(0) != 0 || intr == (wanted != 0));
	if (chips[0].icw == 5) { /* writing what is there changes nothing */
		bool before = intr;

		out(1, chips[0].imr);
		CHECK(intr == before);
	}
}

static void handle(void)
{
	unsigned turns = 0;

	for (unsigned n = 0; n < 16; n++)
		pic_set_line(pic, n, false);
	while (intr) {
		CHECK(turns++ < 2); /* the slave's latch, at most */
		uint8_t vector = pic_ack(pic);

		out(2, 0x60 | (vector & 7));
		out(0, 0x62);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	pic = pic_create((struct irq_sink){.set = set_intr});
	if (!pic)
		return 0;
	dev = pic_device(pic);
	intr = false;
	chips[0] = chips[1] = (struct shadow){0};
	for (size_t i = 0; i + 1 < size; i += 2) {
		uint8_t op = data[i], argument = data[i + 1];

		switch (op & 7) {
		case 0:
		case 1:
			out((op >> 3) % 6, argument);
			break;
		case 2:
			in((op >> 3) % 8);
			break;
		case 3:
		case 4:
			pic_set_line(pic, argument % 18, op & 0x80);
			break;
		case 5:
			acknowledge();
			break;
		case 6:
			compare_registers();
			break;
		default:
			handle();
			break;
		}
		CHECK(pic_intr(pic) == intr);
	}
	dev.ops->reset(dev.self, 0);
	CHECK(!intr && in(1) == 0 && in(5) == 0);
	pic_destroy(pic);
	return 0;
}
