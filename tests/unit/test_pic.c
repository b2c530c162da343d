/* SPDX-License-Identifier: BSD-2-Clause */
/* The pair of 8259As against the data sheet: initialization, priorities, EOIs, modes, poll,
 * triggers, cascade. Who listens to INTR is not its business. */
#include "tickvm/pic.h"

#include <criterion/criterion.h>

enum { CMD1, DATA1, CMD2, DATA2, ELCR1, ELCR2 };

#define EOI       0x20
#define EOI_OF(n) ((uint8_t)(0x60 | (n)))
#define READ_IRR  0x0a
#define READ_ISR  0x0b
#define POLL      0x0c
#define AEOI      0x02
#define SFNM      0x10

static struct pic *pic;
static struct device dev;
static bool intr;
static unsigned rises;

static void record(void *ctx, unsigned n, bool level)
{
	(void)ctx;
	cr_assert_eq(n, 0);
	cr_assert_neq(level, intr, "INTR is told changes only");
	intr = level;
	rises += level;
}

static void out(unsigned port, uint8_t value)
{
	dev.ops->write(dev.self, 0, port, 1, value);
}

static uint8_t in(unsigned port)
{
	return (uint8_t)dev.ops->read(dev.self, 0, port, 1);
}

/* As a PC does it: vectors 0x20 and 0x28, cascade on IR2. */
static void init(uint8_t master_icw4, uint8_t slave_icw4)
{
	out(CMD1, 0x11), out(DATA1, 0x20), out(DATA1, 0x04), out(DATA1, 0x01 | master_icw4);
	out(CMD2, 0x11), out(DATA2, 0x28), out(DATA2, 0x02), out(DATA2, 0x01 | slave_icw4);
}

static void setup(void)
{
	intr = false;
	rises = 0;
	pic = pic_create((struct irq_sink){.set = record});
	cr_assert_not_null(pic);
	dev = pic_device(pic);
	init(0, 0);
}

static void teardown(void)
{
	pic_destroy(pic);
}

TestSuite(pic, .init = setup, .fini = teardown);

static uint8_t irr(unsigned cmd)
{
	out(cmd, READ_IRR);
	return in(cmd);
}

static uint8_t isr(unsigned cmd)
{
	out(cmd, READ_ISR);
	return in(cmd);
}

static void raise_line(unsigned line)
{
	pic_set_line(pic, line, true);
}

static void pulse_away(unsigned line)
{
	pic_set_line(pic, line, true);
	pic_set_line(pic, line, false);
}

static void expect_ack(unsigned vector)
{
	cr_assert(intr, "INTR for vector 0x%x", vector);
	cr_assert_eq(pic_intr(pic), intr);
	uint8_t got = pic_ack(pic);

	cr_assert_eq(got, vector, "vector 0x%x, not 0x%x", got, vector);
}

/* ---- reset and initialization ---- */

Test(pic, reset_state)
{
	out(DATA1, 0x55);
	out(ELCR1, 0xff);
	raise_line(3);
	dev.ops->reset(dev.self, 0);
	cr_assert(!intr);
	for (unsigned port = CMD1; port <= ELCR2; port++)
		cr_assert_eq(in(port), 0, "port %u", port);
}

Test(pic, nothing_passes_before_initialization)
{
	dev.ops->reset(dev.self, 0);
	raise_line(1);
	raise_line(9);
	cr_assert(!intr);
	out(DATA1, 0x12);
	cr_assert_eq(in(DATA1), 0x12, "the mask can be set");
}

Test(pic, icw1_starts_over)
{
	out(DATA1, 0xfe);
	raise_line(0);
	expect_ack(0x20);
	raise_line(4);
	out(CMD1, 0xc1); /* lowest = 1 */
	out(CMD1, 0x68); /* special mask mode */
	out(CMD1, READ_ISR);
	out(CMD1, 0x11);
	cr_assert_eq(in(DATA1), 0, "IMR is cleared");
	cr_assert_eq(in(CMD1), 0, "IRR is read, and edges are forgotten");
	cr_assert_eq(isr(CMD1), 0);
	cr_assert(!intr);
	out(DATA1, 0x43), out(DATA1, 0x04);
	raise_line(1);
	cr_assert(!intr, "ICW4 is missing");
	out(DATA1, 0x01);
	raise_line(5);
	expect_ack(0x41);
	cr_assert(!intr, "IR0 to IR7 again, fully nested");
	out(CMD1, EOI);
	expect_ack(0x45);
	cr_assert(!intr, "line 4 was up all the time: no edge");
}

Test(pic, single_mode_has_no_icw3_and_no_slave)
{
	out(CMD1, 0x12), out(DATA1, 0x30); /* no ICW4 either */
	raise_line(9);
	expect_ack(0x32);
	out(CMD1, EOI);
	out(DATA1, 0xa5);
	cr_assert_eq(in(DATA1), 0xa5);
}

Test(pic, icw4_bits_go_without_icw4)
{
	init(AEOI, 0);
	out(CMD1, 0x10), out(DATA1, 0x20), out(DATA1, 0x04);
	raise_line(1);
	expect_ack(0x21);
	cr_assert_eq(isr(CMD1), 0x02, "no automatic EOI left");
}

Test(pic, vectors_take_five_bits_of_icw2)
{
	out(CMD1, 0x11), out(DATA1, 0x5f), out(DATA1, 0x04), out(DATA1, 0x01);
	raise_line(6);
	expect_ack(0x5e);
}

Test(pic, elcr_write_masks)
{
	out(ELCR1, 0xff);
	out(ELCR2, 0xff);
	cr_assert_eq(in(ELCR1), 0xf8);
	cr_assert_eq(in(ELCR2), 0xde);
	init(0, 0);
	cr_assert_eq(in(ELCR1), 0xf8, "not part of the 8259A");
}

Test(pic, imr_reads_back)
{
	for (unsigned value = 0; value < 256; value++) {
		out(DATA1, (uint8_t)value);
		out(DATA2, (uint8_t)~value);
		cr_assert_eq(in(DATA1), value);
		cr_assert_eq(in(DATA2), (uint8_t)~value);
	}
}

Test(pic, wide_accesses_are_split)
{
	dev.ops->write(dev.self, 0, CMD2, 4, 0xff00a500u | EOI);
	cr_assert_eq(in(DATA2), 0xa5);
	cr_assert_eq(in(ELCR1), 0, "0x4d0 does not follow 0xa1");
	cr_assert_eq(dev.ops->read(dev.self, 0, DATA1, 2), 0xff00);
	cr_assert_eq(dev.ops->read(dev.self, 0, 6, 1), 0xff);
}

/* ---- requests ---- */

Test(pic, edge_needs_a_rise)
{
	raise_line(1);
	cr_assert_eq(irr(CMD1), 0x02);
	expect_ack(0x21);
	cr_assert(!intr);
	cr_assert_eq(irr(CMD1), 0);
	cr_assert_eq(isr(CMD1), 0x02);
	out(CMD1, EOI);
	raise_line(1);
	cr_assert(!intr, "still up");
	pic_set_line(pic, 1, false);
	raise_line(1);
	expect_ack(0x21);
}

Test(pic, level_by_elcr_and_by_ltim)
{
	out(ELCR1, 0x20);
	for (unsigned round = 0; round < 2; round++) {
		raise_line(5);
		expect_ack(0x25);
		cr_assert(!intr);
		out(CMD1, EOI);
		expect_ack(0x25);
		pic_set_line(pic, 5, false);
		out(CMD1, EOI);
		cr_assert(!intr);
		out(ELCR1, 0);
		out(CMD1, 0x19), out(DATA1, 0x20), out(DATA1, 0x04), out(DATA1, 0x01);
	}
}

Test(pic, ltim_makes_the_timer_level_triggered)
{
	raise_line(0);
	out(CMD1, 0x19), out(DATA1, 0x20), out(DATA1, 0x04), out(DATA1, 0x01);
	expect_ack(0x20);
}

Test(pic, masked_requests_wait)
{
	out(DATA1, 0x02);
	raise_line(1);
	cr_assert(!intr);
	cr_assert_eq(irr(CMD1), 0x02, "IRR shows masked requests");
	out(DATA1, 0x00);
	expect_ack(0x21);
}

Test(pic, a_request_that_goes_away_is_spurious)
{
	pulse_away(1);
	cr_assert(!intr);
	cr_assert_eq(pic_ack(pic), 0x27);
	cr_assert_eq(isr(CMD1), 0, "IR7 is not in service");
	raise_line(7);
	expect_ack(0x27);
	cr_assert_eq(isr(CMD1), 0x80, "a real one is");
}

Test(pic, a_slave_request_that_goes_away_is_spurious)
{
	pulse_away(12);
	expect_ack(0x2f);
	cr_assert_eq(isr(CMD1), 0x04, "the master took it for real");
	cr_assert_eq(isr(CMD2), 0);
}

Test(pic, odd_lines_are_ignored)
{
	raise_line(2);
	raise_line(16);
	raise_line(~0u);
	cr_assert(!intr);
	cr_assert_eq(irr(CMD1), 0);
}

/* ---- priorities ---- */

Test(pic, fully_nested)
{
	for (unsigned n = 0; n < 8; n++)
		if (n != 2)
			raise_line(n);
	for (unsigned n = 0; n < 8; n++) {
		if (n == 2)
			continue;
		expect_ack(0x20 + n);
		cr_assert(!intr, "lower ones wait");
		out(CMD1, EOI);
	}
	cr_assert(!intr);
}

Test(pic, higher_interrupts_lower)
{
	raise_line(5);
	expect_ack(0x25);
	raise_line(6);
	cr_assert(!intr);
	raise_line(3);
	expect_ack(0x23);
	cr_assert_eq(isr(CMD1), 0x28);
	out(CMD1, EOI);
	cr_assert_eq(isr(CMD1), 0x20, "the highest in service ends first");
	out(CMD1, EOI);
	expect_ack(0x26);
}

Test(pic, specific_eoi)
{
	raise_line(5);
	expect_ack(0x25);
	raise_line(3);
	expect_ack(0x23);
	out(CMD1, EOI_OF(5));
	cr_assert_eq(isr(CMD1), 0x08);
	out(CMD1, EOI_OF(1));
	cr_assert_eq(isr(CMD1), 0x08);
}

Test(pic, eoi_with_nothing_in_service)
{
	out(CMD1, EOI);
	out(CMD1, 0xa0);
	raise_line(0);
	raise_line(7);
	expect_ack(0x20);
}

Test(pic, set_priority)
{
	out(CMD1, 0xc4); /* lowest 4, highest 5 */
	raise_line(0);
	raise_line(4);
	raise_line(5);
	expect_ack(0x25);
	out(CMD1, EOI);
	expect_ack(0x20);
	cr_assert(!intr);
	out(CMD1, EOI);
	expect_ack(0x24);
}

Test(pic, rotate_on_nonspecific_eoi)
{
	raise_line(3);
	expect_ack(0x23);
	out(CMD1, 0xa0);
	cr_assert_eq(isr(CMD1), 0);
	pic_set_line(pic, 3, false);
	raise_line(3);
	raise_line(4);
	expect_ack(0x24);
}

Test(pic, rotate_on_specific_eoi)
{
	raise_line(3);
	expect_ack(0x23);
	out(CMD1, 0xe3);
	cr_assert_eq(isr(CMD1), 0);
	raise_line(0);
	raise_line(5);
	expect_ack(0x25);
}

Test(pic, ocw2_no_operation)
{
	raise_line(3);
	expect_ack(0x23);
	out(CMD1, 0x43);
	cr_assert_eq(isr(CMD1), 0x08);
	raise_line(1);
	expect_ack(0x21);
}

/* ---- modes ---- */

Test(pic, automatic_eoi)
{
	init(AEOI, 0);
	raise_line(3);
	raise_line(5);
	expect_ack(0x23);
	cr_assert_eq(isr(CMD1), 0);
	expect_ack(0x25);
	cr_assert_eq(rises, 2, "INTA drops INTR, the next request raises it");
}

Test(pic, rotate_in_automatic_eoi)
{
	init(AEOI, 0);
	out(CMD1, 0x80);
	raise_line(3);
	expect_ack(0x23);
	raise_line(0);
	raise_line(4);
	expect_ack(0x24);
	out(CMD1, 0x00); /* stop rotating: 4 stays lowest */
	expect_ack(0x20);
	raise_line(1);
	raise_line(5);
	expect_ack(0x25);
}

Test(pic, special_mask_mode)
{
	raise_line(3);
	expect_ack(0x23);
	raise_line(5);
	out(DATA1, 0x08);
	cr_assert(!intr, "masking alone does not let lower ones through");
	out(CMD1, 0x68);
	expect_ack(0x25);
	out(CMD1, EOI);
	cr_assert_eq(isr(CMD1), 0x08, "a masked level is not ended without its name");
	out(CMD1, EOI);
	cr_assert_eq(isr(CMD1), 0x08);
	out(CMD1, 0x28); /* SMM without ESMM changes nothing */
	raise_line(6);
	expect_ack(0x26);
	out(CMD1, EOI_OF(6));
	out(CMD1, 0x48); /* back to normal */
	raise_line(7);
	cr_assert(!intr);
	out(CMD1, EOI_OF(3));
	expect_ack(0x27);
}

Test(pic, poll_command)
{
	raise_line(4);
	out(CMD1, POLL);
	cr_assert_eq(in(CMD1), 0x84);
	cr_assert(!intr);
	cr_assert_eq(isr(CMD1), 0x10, "a poll acknowledges");
	out(CMD1, POLL);
	cr_assert_eq(in(CMD1), 0x00, "nothing to report");
	cr_assert_eq(in(CMD1), 0x10, "one read, then registers again");
	out(CMD1, EOI);
	raise_line(6);
	out(CMD1, POLL | 0x03); /* poll wins over read register */
	cr_assert_eq(in(DATA1), 0x86, "either port");
}

Test(pic, poll_of_the_slave)
{
	raise_line(9);
	out(CMD1, POLL);
	cr_assert_eq(in(CMD1), 0x82);
	out(CMD2, POLL);
	cr_assert_eq(in(CMD2), 0x81);
	cr_assert_eq(isr(CMD2), 0x02);
	out(CMD2, EOI);
	out(CMD1, EOI);
	cr_assert(!intr);
	raise_line(10);
	expect_ack(0x2a);
}

Test(pic, register_reads_are_remembered)
{
	raise_line(1);
	out(CMD1, READ_IRR);
	cr_assert_eq(in(CMD1), 0x02);
	expect_ack(0x21);
	cr_assert_eq(in(CMD1), 0x00);
	out(CMD1, 0x08); /* OCW3 without RR */
	cr_assert_eq(in(CMD1), 0x00);
	out(CMD1, READ_ISR);
	out(CMD1, 0x08);
	cr_assert_eq(in(CMD1), 0x02);
}

/* ---- cascade ---- */

Test(pic, slave_through_the_master)
{
	raise_line(12);
	cr_assert_eq(irr(CMD1), 0x04);
	cr_assert_eq(irr(CMD2), 0x10);
	raise_line(3);
	expect_ack(0x2c);
	cr_assert_eq(isr(CMD1), 0x04);
	cr_assert_eq(isr(CMD2), 0x10);
	cr_assert(!intr, "IR3 is below IR2");
	raise_line(1);
	expect_ack(0x21);
	out(CMD1, EOI);
	out(CMD2, EOI);
	out(CMD1, EOI);
	expect_ack(0x23);
}

Test(pic, each_slave_request_reaches_the_master_as_an_edge)
{
	raise_line(12);
	raise_line(14);
	expect_ack(0x2c);
	out(CMD2, EOI);
	cr_assert_eq(irr(CMD1), 0x04);
	cr_assert(!intr, "the master is still serving IR2");
	out(CMD1, EOI);
	expect_ack(0x2e);
	out(CMD2, EOI), out(CMD1, EOI);
	cr_assert(!intr);
}

Test(pic, special_fully_nested)
{
	init(SFNM, 0);
	raise_line(12);
	expect_ack(0x2c);
	raise_line(9);
	expect_ack(0x29);
	raise_line(3);
	cr_assert(!intr, "lower levels of the master still wait");
	raise_line(13);
	cr_assert(!intr, "and lower ones of the slave");
}

Test(pic, without_special_fully_nested_the_slave_is_locked_out)
{
	raise_line(12);
	expect_ack(0x2c);
	raise_line(9);
	cr_assert(!intr);
}

Test(pic, special_fully_nested_is_for_the_cascade_only)
{
	init(SFNM, 0);
	raise_line(3);
	expect_ack(0x23);
	pulse_away(3);
	raise_line(3);
	cr_assert(!intr);
}

Test(pic, an_acknowledged_slave_drops_its_output)
{
	init(AEOI, AEOI);
	raise_line(12);
	raise_line(14);
	expect_ack(0x2c);
	expect_ack(0x2e);
	cr_assert(!intr);
}

Test(pic, masked_cascade)
{
	out(DATA1, 0x04);
	raise_line(12);
	cr_assert(!intr);
	out(DATA1, 0x00);
	expect_ack(0x2c);
}

Test(pic, master_without_a_slave_on_ir2_answers_itself)
{
	out(CMD1, 0x11), out(DATA1, 0x20), out(DATA1, 0x00), out(DATA1, 0x01);
	raise_line(12);
	expect_ack(0x22);
	cr_assert_eq(isr(CMD2), 0);
}
