/* SPDX-License-Identifier: BSD-2-Clause */
/* Two 8259As, the slave on IR2 of the master, and the PIIX3's edge/level registers.
 * The MCS-80 mode is left out, and the slave's ICW3 is not compared: no PC is wired otherwise. */
#include "tickvm/pic.h"
#include "bytewise.h"

#include <stdlib.h>

#define CASCADE     2
#define CASCADE_BIT (1u << CASCADE)
#define SPURIOUS    7

#define ICW1      0x10
#define ICW1_IC4  0x01
#define ICW1_SNGL 0x02
#define ICW1_LTIM 0x08
#define ICW4_AEOI 0x02
#define ICW4_SFNM 0x10

#define OCW2_LEVEL  0x07
#define OCW2_EOI    0x20
#define OCW2_SL     0x40
#define OCW2_ROTATE 0x80

#define OCW3      0x08
#define OCW3_RIS  0x01
#define OCW3_RR   0x02
#define OCW3_POLL 0x04
#define OCW3_SMM  0x20
#define OCW3_ESMM 0x40

/* Without the lines that are edge-triggered for ever: 0, 1 and 2; 8 and 13. */
#define ELCR_MASTER 0xf8
#define ELCR_SLAVE  0xde

/* What the next byte to the odd port is. */
enum expect { EXPECT_ICW1, EXPECT_ICW2, EXPECT_ICW3, EXPECT_ICW4, EXPECT_OCW1 };

struct chip {
	uint8_t lines; /* input levels */
	uint8_t edges; /* edge sense latches: risen, and neither taken nor fallen since */
	uint8_t elcr;
	uint8_t imr, isr;
	uint8_t lowest; /* the IR of lowest priority */
	uint8_t base;   /* ICW2 */
	uint8_t icw1, icw3, icw4;
	enum expect expect;
	bool rotate_on_aeoi;
	bool special_mask;
	bool poll;
	bool read_isr;
};

struct pic {
	struct chip master, slave;
	struct irq_sink intr;
	bool intr_level;
};

static uint8_t requests(const struct chip *chip)
{
	uint8_t level = chip->icw1 & ICW1_LTIM ? 0xff : chip->elcr;

	return (uint8_t)((chip->lines & level) | (chip->edges & ~level));
}

static bool is_cascade(const struct chip *chip, unsigned ir)
{
	return ir == CASCADE && !(chip->icw1 & ICW1_SNGL) && chip->icw3 & CASCADE_BIT;
}

/* The request that INT stands for, or -1: the highest priority above everything in service. */
static int pick(const struct chip *chip)
{
	uint8_t wanted = (uint8_t)(requests(chip) & ~chip->imr);
	uint8_t blocking = chip->isr;

	if (chip->expect != EXPECT_OCW1)
		return -1;
	/* Special mask mode: a masked level in service holds back nobody else. */
	if (chip->special_mask)
		blocking &= (uint8_t)~chip->imr;
	for (unsigned i = 1; i <= 8; i++) {
		unsigned ir = (chip->lowest + i) & 7;
		bool served = blocking >> ir & 1;
		bool wants = wanted >> ir & 1;

		/* Special fully nested mode: the slave is not locked out by its own request in
		 * service. */
		if (wants && (!served || (chip->icw4 & ICW4_SFNM && is_cascade(chip, ir))))
			return (int)ir;
		if (served)
			return -1;
	}
	return -1;
}

/* Takes the request INT stands for into service; -1: it went away. */
static int take(struct chip *chip)
{
	int ir = pick(chip);

	if (ir < 0)
		return -1;
	chip->edges &= (uint8_t) ~(1u << ir);
	if (!(chip->icw4 & ICW4_AEOI))
		chip->isr |= (uint8_t)(1u << ir);
	else if (chip->rotate_on_aeoi)
		chip->lowest = (uint8_t)ir;
	return ir;
}

static void set_input(struct chip *chip, unsigned ir, bool level)
{
	uint8_t bit = (uint8_t)(1u << ir);

	if (!level) {
		/* A request must stay up until it is taken ("Edge and Level Triggered Modes"). */
		chip->lines &= (uint8_t)~bit;
		chip->edges &= (uint8_t)~bit;
	} else if (!(chip->lines & bit)) {
		chip->lines |= bit;
		chip->edges |= bit;
	}
}

static void set_intr(struct pic *pic, bool level)
{
	if (level == pic->intr_level)
		return;
	pic->intr_level = level;
	pic->intr.set(pic->intr.ctx, 0, level);
}

/* The only place that drives both INT outputs. */
static void update(struct pic *pic)
{
	if (pick(&pic->slave) >= 0)
		set_input(&pic->master, CASCADE, true);
	else /* The master's latch stays: it is answered by IR15, and IR2 is in service, as guests
		expect. */
		pic->master.lines &= (uint8_t)~CASCADE_BIT;
	set_intr(pic, pick(&pic->master) >= 0);
}

/* INTA or a poll makes a chip drop INT, so that a further request is a new edge. */
static int take_slave(struct pic *pic)
{
	int ir = take(&pic->slave);

	pic->master.lines &= (uint8_t)~CASCADE_BIT;
	return ir;
}

static int take_master(struct pic *pic)
{
	int ir = take(&pic->master);

	set_intr(pic, false);
	return ir;
}

static uint8_t vector(const struct chip *chip, int ir)
{
	return (uint8_t)(chip->base | (ir < 0 ? SPURIOUS : ir));
}

uint8_t pic_ack(struct pic *pic)
{
	int ir = take_master(pic);
	uint8_t answer = ir >= 0 && is_cascade(&pic->master, (unsigned)ir)
				 ? vector(&pic->slave, take_slave(pic))
				 : vector(&pic->master, ir);

	update(pic);
	return answer;
}

static uint8_t poll(struct pic *pic, struct chip *chip)
{
	int ir = chip == &pic->master ? take_master(pic) : take_slave(pic);

	chip->poll = false;
	return ir < 0 ? 0 : (uint8_t)(0x80 | ir);
}

static void write_icw1(struct chip *chip, uint8_t value)
{
	chip->icw1 = value;
	chip->icw4 = 0;
	chip->edges = 0;
	chip->imr = chip->isr = 0;
	chip->lowest = 7;
	chip->rotate_on_aeoi = chip->special_mask = chip->poll = chip->read_isr = false;
	chip->expect = EXPECT_ICW2;
}

/* The level an EOI without one means: the highest priority in service, in special mask mode not a
 * masked one. */
static int highest_in_service(const struct chip *chip)
{
	uint8_t isr = chip->special_mask ? (uint8_t)(chip->isr & ~chip->imr) : chip->isr;

	for (unsigned i = 1; i <= 8; i++) {
		unsigned ir = (chip->lowest + i) & 7;

		if (isr >> ir & 1)
			return (int)ir;
	}
	return -1;
}

static void write_ocw2(struct chip *chip, uint8_t value)
{
	int ir = value & OCW2_SL ? value & OCW2_LEVEL : highest_in_service(chip);

	switch (value & (OCW2_ROTATE | OCW2_SL | OCW2_EOI)) {
	case 0:
		chip->rotate_on_aeoi = false;
		break;
	case OCW2_ROTATE:
		chip->rotate_on_aeoi = true;
		break;
	case OCW2_ROTATE | OCW2_SL:
		chip->lowest = (uint8_t)ir;
		break;
	case OCW2_SL: /* no operation */
		break;
	default: /* the four kinds of EOI */
		if (ir < 0)
			break;
		chip->isr &= (uint8_t) ~(1u << ir);
		if (value & OCW2_ROTATE)
			chip->lowest = (uint8_t)ir;
	}
}

static void write_ocw3(struct chip *chip, uint8_t value)
{
	if (value & OCW3_ESMM)
		chip->special_mask = value & OCW3_SMM;
	if (value & OCW3_POLL)
		chip->poll = true;
	else if (value & OCW3_RR)
		chip->read_isr = value & OCW3_RIS;
}

/* A0 = 0. */
static void write_command(struct chip *chip, uint8_t value)
{
	if (value & ICW1)
		write_icw1(chip, value);
	else if (value & OCW3)
		write_ocw3(chip, value);
	else
		write_ocw2(chip, value);
}

/* A0 = 1: the rest of an initialization sequence, or the mask. */
static void write_data(struct chip *chip, uint8_t value)
{
	enum expect after_icw3 = chip->icw1 & ICW1_IC4 ? EXPECT_ICW4 : EXPECT_OCW1;

	switch (chip->expect) {
	case EXPECT_ICW2:
		chip->base = value & 0xf8;
		chip->expect = chip->icw1 & ICW1_SNGL ? after_icw3 : EXPECT_ICW3;
		break;
	case EXPECT_ICW3:
		chip->icw3 = value;
		chip->expect = after_icw3;
		break;
	case EXPECT_ICW4:
		chip->icw4 = value;
		chip->expect = EXPECT_OCW1;
		break;
	default: /* before any ICW1, too: guests mask first */
		chip->imr = value;
		break;
	}
}

static struct chip *chip_at(struct pic *pic, unsigned offset)
{
	return offset == 0 || offset == 1 || offset == 4 ? &pic->master : &pic->slave;
}

static uint8_t read_byte(void *self, nsec_t now, unsigned offset)
{
	struct pic *pic = self;
	struct chip *chip = chip_at(pic, offset);
	uint8_t value;

	(void)now;
	if (offset >= 4)
		return chip->elcr;
	if (chip->poll)
		value = poll(pic, chip);
	else if (offset & 1)
		value = chip->imr;
	else
		value = chip->read_isr ? chip->isr : requests(chip);
	update(pic);
	return value;
}

static void write_byte(void *self, nsec_t now, unsigned offset, uint8_t value)
{
	struct pic *pic = self;
	struct chip *chip = chip_at(pic, offset);

	(void)now;
	if (offset >= 4)
		chip->elcr = value & (offset == 4 ? ELCR_MASTER : ELCR_SLAVE);
	else if (offset & 1)
		write_data(chip, value);
	else
		write_command(chip, value);
	update(pic);
}

/* Each chip, and the pair of ELCRs, has two consecutive ports. */
static uint64_t pic_read(void *self, nsec_t now, uint64_t offset, unsigned size)
{
	uint64_t end = offset < 6 ? (offset | 1) + 1 : 0;

	return bytewise_read(self, now, offset, size, end, read_byte);
}

static void pic_write(void *self, nsec_t now, uint64_t offset, unsigned size, uint64_t value)
{
	uint64_t end = offset < 6 ? (offset | 1) + 1 : 0;

	bytewise_write(self, now, offset, size, value, end, write_byte);
}

/* The data sheet has no reset: the chips wait for ICW1 and pass no request. Input levels are not
 * ours to reset. */
static void power_up(struct chip *chip)
{
	*chip = (struct chip){.lines = chip->lines, .lowest = 7, .expect = EXPECT_ICW1};
}

static void pic_reset(void *self, nsec_t now)
{
	struct pic *pic = self;

	(void)now;
	power_up(&pic->master);
	power_up(&pic->slave);
	update(pic);
}

static const struct device_ops pic_ops = {
	.name = "pic",
	.read = pic_read,
	.write = pic_write,
	.reset = pic_reset,
};

struct pic *pic_create(struct irq_sink intr)
{
	struct pic *pic = calloc(1, sizeof(*pic));

	if (!pic)
		return NULL;
	pic->intr = intr;
	pic_reset(pic, 0);
	return pic;
}

void pic_destroy(struct pic *pic)
{
	free(pic);
}

struct device pic_device(struct pic *pic)
{
	return (struct device){.ops = &pic_ops, .self = pic};
}

void pic_set_line(struct pic *pic, unsigned line, bool level)
{
	if (line > 15 || line == CASCADE)
		return;
	set_input(line < 8 ? &pic->master : &pic->slave, line & 7, level);
	update(pic);
}

bool pic_intr(const struct pic *pic)
{
	return pic->intr_level;
}
