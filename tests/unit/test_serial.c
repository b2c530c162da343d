/* SPDX-License-Identifier: BSD-2-Clause */
/* The 16550A against the PC16550D data sheet: reset values, write masks, FIFO, interrupt
 * priorities, loopback, modem. The terminal behind it is somebody else's. */
#include "tickvm/serial.h"

#include <criterion/criterion.h>
#include <string.h>

enum { DATA, IER, IIR, LCR, MCR, LSR, MSR, SCR, FCR = IIR, DLL = DATA, DLM = IER };

#define LINE 4

static struct serial *serial;
static struct device dev;
static bool line;
static unsigned rises;
static uint8_t sent[64];
static unsigned sent_count;

static void record_irq(void *ctx, unsigned n, bool level)
{
	(void)ctx;
	cr_assert_eq(n, LINE);
	cr_assert_neq(level, line, "the line is told changes only");
	line = level;
	rises += level;
}

static void record_byte(void *ctx, uint8_t byte)
{
	(void)ctx;
	sent[sent_count++ % sizeof(sent)] = byte;
}

static void setup(void)
{
	line = false;
	rises = sent_count = 0;
	serial = serial_create(
		(struct irq_sink){.set = record_irq}, LINE, (struct byte_sink){.put = record_byte});
	cr_assert_not_null(serial);
	dev = serial_device(serial);
}

static void teardown(void)
{
	serial_destroy(serial);
}

TestSuite(serial, .init = setup, .fini = teardown);

static void out(unsigned reg, uint8_t value)
{
	dev.ops->write(dev.self, 0, reg, 1, value);
}

static uint8_t in(unsigned reg)
{
	return (uint8_t)dev.ops->read(dev.self, 0, reg, 1);
}

static unsigned receive(const char *text)
{
	return serial_receive(serial, 0, (const uint8_t *)text, (unsigned)strlen(text));
}

/* ---- registers ---- */

Test(serial, reset_state)
{
	for (unsigned round = 0; round < 2; round++) {
		cr_assert_eq(in(IER), 0x00);
		cr_assert_eq(in(IIR), 0x01);
		cr_assert_eq(in(LCR), 0x00);
		cr_assert_eq(in(MCR), 0x00);
		cr_assert_eq(in(LSR), 0x60);
		cr_assert_eq(in(MSR), 0xb0, "no deltas; a host that is there");
		cr_assert(!line);

		receive("x");
		out(IER, 0x0f);
		out(FCR, 0xc1);
		out(LCR, 0x1b);
		out(MCR, 0x1f);
		cr_assert(line);
		dev.ops->reset(dev.self, 0);
	}
}

Test(serial, reset_keeps_scratch_and_divisor)
{
	out(SCR, 0x5a);
	out(LCR, 0x80);
	out(DLL, 0x0c);
	out(DLM, 0x12);
	dev.ops->reset(dev.self, 0);
	cr_assert_eq(in(SCR), 0x5a);
	out(LCR, 0x80);
	cr_assert_eq(in(DLL), 0x0c);
	cr_assert_eq(in(DLM), 0x12);
}

Test(serial, write_masks)
{
	for (unsigned value = 0; value < 256; value++) {
		out(LCR, 0x03);
		out(IER, (uint8_t)value);
		cr_assert_eq(in(IER), value & 0x0f);
		out(IER, 0);
		out(MCR, (uint8_t)value);
		cr_assert_eq(in(MCR), value & 0x1f);
		out(SCR, (uint8_t)value);
		cr_assert_eq(in(SCR), value);
		out(LCR, (uint8_t)value);
		cr_assert_eq(in(LCR), value);
	}
}

Test(serial, status_registers_are_read_only)
{
	out(LSR, 0xff);
	out(MSR, 0xff);
	cr_assert_eq(in(LSR), 0x60);
	cr_assert_eq(in(MSR), 0xb0);
}

Test(serial, divisor_latch_hides_data_and_ier)
{
	out(IER, 0x05);
	out(LCR, 0x83);
	out(DLL, 0x34);
	out(DLM, 0xff);
	cr_assert_eq(sent_count, 0);
	cr_assert_eq(in(DLL), 0x34);
	cr_assert_eq(in(DLM), 0xff);
	receive("q");
	cr_assert_eq(in(DLL), 0x34);
	out(LCR, 0x03);
	cr_assert_eq(in(IER), 0x05);
	cr_assert_eq(in(DATA), 'q');
}

Test(serial, wide_accesses_are_split)
{
	out(LCR, 0x80);
	dev.ops->write(dev.self, 0, DLL, 2, 0x1234);
	cr_assert_eq(in(DLL), 0x34);
	cr_assert_eq(in(DLM), 0x12);
	cr_assert_eq(dev.ops->read(dev.self, 0, DLL, 2), 0x1234);
	dev.ops->write(dev.self, 0, SCR, 4, 0xffffff77);
	cr_assert_eq(dev.ops->read(dev.self, 0, SCR, 4), 0xffffff77, "nothing beyond the last");
}

/* ---- transmitter ---- */

Test(serial, bytes_leave_at_once)
{
	out(DATA, 'h');
	out(DATA, 'i');
	cr_assert_eq(sent_count, 2);
	cr_assert_arr_eq(sent, "hi", 2);
	cr_assert_eq(in(LSR), 0x60);
}

Test(serial, transmitter_interrupt)
{
	out(IER, 0x02);
	cr_assert(line, "enabled while empty");
	cr_assert_eq(in(IIR), 0x02);
	cr_assert(!line, "reading the code takes it back");
	cr_assert_eq(in(IIR), 0x01);
	out(DATA, 'x');
	cr_assert(line, "empty again");
	rises = 0;
	out(DATA, 'y');
	cr_assert(line);
	cr_assert_eq(rises, 1, "an edge for each byte");
	in(IIR);
	out(IER, 0x02);
	cr_assert(!line, "already enabled");
	out(IER, 0x00);
	out(IER, 0x02);
	cr_assert(line, "enabled anew");
	out(IER, 0x00);
	cr_assert(!line);
}

Test(serial, reading_a_higher_code_keeps_the_transmitter_interrupt)
{
	out(IER, 0x03);
	receive("a");
	cr_assert_eq(in(IIR), 0x04);
	in(DATA);
	cr_assert_eq(in(IIR), 0x02);
	cr_assert_eq(in(IIR), 0x01);
}

/* ---- receiver ---- */

Test(serial, character_mode_holds_one)
{
	cr_assert_eq(serial_receive_room(serial), 1);
	cr_assert_eq(receive("ab"), 1);
	cr_assert_eq(serial_receive_room(serial), 0);
	cr_assert_eq(in(LSR), 0x61);
	cr_assert_eq(in(DATA), 'a');
	cr_assert_eq(in(LSR), 0x60);
	out(IER, 0x01);
	cr_assert(!line);
	receive("c");
	cr_assert(line);
	cr_assert_eq(in(IIR), 0x04);
	cr_assert_eq(in(IIR), 0x04, "reading the code does not serve it");
	in(DATA);
	cr_assert(!line);
}

Test(serial, fifo_holds_sixteen_in_order)
{
	out(FCR, 0x01);
	cr_assert_eq(in(IIR), 0xc1);
	cr_assert_eq(serial_receive_room(serial), 16);
	for (unsigned round = 0; round < 3; round++) {
		cr_assert_eq(receive("0123456789abcdefgh"), 16);
		cr_assert_eq(serial_receive_room(serial), 0);
		cr_assert_eq(receive("z"), 0);
		for (unsigned i = 0; i < 11; i++)
			cr_assert_eq(in(DATA), "0123456789a"[i]);
		cr_assert_eq(serial_receive_room(serial), 11);
		cr_assert_eq(receive("Z"), 1);
		for (unsigned i = 0; i < 6; i++)
			cr_assert_eq(in(DATA), "bcdefZ"[i]);
		cr_assert_eq(in(LSR), 0x60);
	}
}

Test(serial, trigger_levels_and_timeout)
{
	static const unsigned levels[4] = {1, 4, 8, 14};

	out(IER, 0x01);
	for (unsigned i = 0; i < 4; i++) {
		out(FCR, (uint8_t)(i << 6 | 0x03));
		for (unsigned n = 1; n <= 16; n++) {
			receive("x");
			cr_assert(line);
			cr_assert_eq(
				in(IIR), n >= levels[i] ? 0xc4 : 0xcc, "%u of %u", n, levels[i]);
		}
		for (unsigned n = 15; n > 0; n--) {
			in(DATA);
			cr_assert_eq(in(IIR), n >= levels[i] ? 0xc4 : 0xcc);
		}
		in(DATA);
		cr_assert_eq(in(IIR), 0xc1);
		cr_assert(!line);
	}
}

Test(serial, fifo_reset_and_mode_change_empty_it)
{
	out(FCR, 0x01);
	receive("abc");
	out(FCR, 0x05); /* the transmitter's reset is not ours */
	cr_assert_eq(in(LSR), 0x61);
	out(FCR, 0x03);
	cr_assert_eq(in(LSR), 0x60);
	receive("abc");
	out(FCR, 0x81);
	cr_assert_eq(in(LSR), 0x61, "the reset bit clears itself");
	out(FCR, 0x00);
	cr_assert_eq(in(LSR), 0x60);
	cr_assert_eq(in(IIR), 0x01);
	receive("d");
	out(FCR, 0x01);
	cr_assert_eq(in(LSR), 0x60);
}

Test(serial, fcr_needs_its_enable_bit)
{
	receive("a");
	out(FCR, 0xc2); /* reset and trigger level without it */
	cr_assert_eq(in(LSR), 0x61);
	cr_assert_eq(in(IIR), 0x01);
}

/* ---- interrupt code ---- */

Test(serial, priorities)
{
	out(FCR, 0x81); /* trigger level 8 */
	out(IER, 0x0f);
	out(MCR, 0x10); /* into loopback: modem inputs fall */
	cr_assert_eq(in(IIR)&0x0f, 0x02);
	cr_assert_eq(in(IIR)&0x0f, 0x00, "modem status is the lowest");
	for (unsigned i = 0; i < 17; i++)
		out(DATA, 'x'); /* looped back: one too many */
	cr_assert_eq(in(IIR)&0x0f, 0x06);
	cr_assert_eq(in(LSR)&0x02, 0x02);
	cr_assert_eq(in(IIR)&0x0f, 0x04);
	for (unsigned i = 0; i < 9; i++)
		in(DATA);
	cr_assert_eq(in(IIR)&0x0f, 0x0c);
	for (unsigned i = 0; i < 7; i++)
		in(DATA);
	cr_assert_eq(in(IIR)&0x0f, 0x02);
	cr_assert_eq(in(IIR)&0x0f, 0x00);
	in(MSR);
	cr_assert_eq(in(IIR)&0x0f, 0x01);
	cr_assert(!line);
}

Test(serial, each_interrupt_has_its_enable)
{
	out(MCR, 0x10);
	out(DATA, 'x');
	out(DATA, 'y'); /* overrun, data, transmitter, modem */
	static const struct {
		uint8_t ier, code;
	} cases[] = {{0x01, 0x04}, {0x02, 0x02}, {0x04, 0x06}, {0x08, 0x00}};

	for (unsigned i = 0; i < 4; i++) {
		out(IER, 0);
		cr_assert(!line);
		cr_assert_eq(in(IIR), 0x01);
		out(IER, cases[i].ier);
		cr_assert(line);
		cr_assert_eq(in(IIR), cases[i].code);
	}
}

/* ---- loopback and modem lines ---- */

Test(serial, loopback_data)
{
	out(MCR, 0x10);
	out(DATA, 'L');
	cr_assert_eq(sent_count, 0, "nothing leaves");
	cr_assert_eq(in(DATA), 'L');
	cr_assert_eq(serial_receive_room(serial), 0);
	cr_assert_eq(receive("a"), 0, "the host's bytes wait");
	out(MCR, 0x00);
	cr_assert_eq(receive("a"), 1);
}

Test(serial, overrun)
{
	out(MCR, 0x10);
	out(DATA, 'a');
	out(DATA, 'b');
	cr_assert_eq(in(LSR), 0x63);
	cr_assert_eq(in(LSR), 0x61, "reading LSR clears it");
	cr_assert_eq(in(DATA), 'b', "the receive buffer is overwritten");
	out(FCR, 0x01);
	for (unsigned i = 0; i < 17; i++)
		out(DATA, (uint8_t)('a' + i));
	cr_assert_eq(in(LSR), 0x63);
	for (unsigned i = 0; i < 16; i++)
		cr_assert_eq(in(DATA), 'a' + i, "a full FIFO keeps its contents");
	cr_assert_eq(in(LSR), 0x60);
}

Test(serial, loopback_modem_lines)
{
	for (unsigned out_lines = 0; out_lines < 16; out_lines++) {
		out(MCR, (uint8_t)(0x10 | out_lines));
		unsigned expected = (out_lines & 2 ? 0x10u : 0) | (out_lines & 1 ? 0x20u : 0) |
				    (out_lines & 4 ? 0x40u : 0) | (out_lines & 8 ? 0x80u : 0);

		cr_assert_eq(in(MSR)&0xf0, expected);
	}
	out(MCR, 0x00);
	cr_assert_eq(in(MSR)&0xf0, 0xb0);
}

Test(serial, modem_deltas_last_until_read)
{
	out(MCR, 0x10);
	cr_assert_eq(in(MSR), 0x0b, "CTS, DSR and DCD fell");
	cr_assert_eq(in(MSR), 0x00);
	out(MCR, 0x12);
	out(MCR, 0x10);
	cr_assert_eq(in(MSR), 0x01, "back where it was, but it changed");
	out(MCR, 0x14);
	cr_assert_eq(in(MSR), 0x40, "the leading edge of RI is no event");
	out(MCR, 0x10);
	cr_assert_eq(in(MSR), 0x04, "its trailing edge is");
}

Test(serial, modem_interrupt)
{
	out(IER, 0x08);
	cr_assert(!line);
	out(MCR, 0x10);
	cr_assert(line);
	cr_assert_eq(in(IIR), 0x00);
	in(MSR);
	cr_assert(!line);
	out(MCR, 0x14);
	cr_assert(!line);
	out(MCR, 0x10);
	cr_assert(line);
}

Test(serial, empty_receiver_reads_as_zero)
{
	cr_assert_eq(in(DATA), 0);
	cr_assert_eq(in(LSR), 0x60);
}
