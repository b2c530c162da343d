/* SPDX-License-Identifier: BSD-2-Clause */
/* The 8254 against its data sheet: registers, access modes, latches, port 0x61, the line and its
 * deadlines. Waveforms are in test_pit_modes.c; random programs are the fuzzer's business. */
#include "pit_rig.h"

TestSuite(pit, .init = setup, .fini = teardown);

/* ---- reset and registers ---- */

Test(pit, reset_state)
{
	for (unsigned channel = 0; channel < 3; channel++) {
		cr_assert_eq(status_of(1, channel), 0x40 | WORD(0), "mode 0, null count, OUT low");
		cr_assert_eq(count_of(1, channel), 0);
	}
	cr_assert_eq(in(1, CONTROL), 0xff);
	cr_assert_eq(in(1, PORT61), 0);
	cr_assert_eq(dev.ops->deadline(dev.self), NSEC_NEVER);
	cr_assert(!line);
}

Test(pit, reset_after_use)
{
	program(10, CH0, WORD(2), 100);
	gate2(10, true);
	cr_assert(line);
	dev.ops->reset(dev.self, at(20));
	cr_assert(!line);
	cr_assert_eq(dev.ops->deadline(dev.self), NSEC_NEVER);
	cr_assert_eq(status_of(21, CH0), 0x40 | WORD(0));
	cr_assert_eq(in(21, PORT61) & 0x0f, 0);
}

Test(pit, clock_is_an_exact_ratio)
{
	cr_assert_eq(PIT_HZ_NUM / PIT_HZ_DEN, 1193181);
	cr_assert_eq(PIT_HZ_NUM * 12 * 22, PIT_HZ_DEN * 315000000, "315/88 MHz * 4 / 12");
}

Test(pit, status_returns_the_control_word_as_written)
{
	for (unsigned control = 0x10; control < 0x40; control++) {
		out(1, CONTROL, (uint8_t)control);
		cr_assert_eq(status_of(1, CH0) & 0x3f, control);
	}
}

Test(pit, modes_6_and_7_are_2_and_3)
{
	program(0, CH0, LSB(6), 4);
	expect_wave(CH0, 1, "---_---_");
	program(20, CH0, LSB(7), 4);
	expect_wave(CH0, 21, "--__--__");
}

Test(pit, wide_accesses_are_split_at_consecutive_ports)
{
	/* Ports 0x42, 0x43: a count byte (no effect yet), then a control word. 0x44 is nobody's. */
	dev.ops->write(dev.self, at(1), CH2, 4, 0xffff0000u | LSB(2) << 8 | ON_CH2 << 8);
	cr_assert_eq(status_of(1, CH2) & 0x3f, LSB(2));
	cr_assert_eq(in(1, PORT61) & 0x03, 0);
	cr_assert_eq(dev.ops->read(dev.self, at(1), CONTROL, 4), 0xffffffffu);
}

/* ---- access modes and latches ---- */

Test(pit, lsb_only_and_msb_only)
{
	program(0, CH0, LSB(2), 0x34);
	cr_assert_eq(in(1, CH0), 0x34);
	cr_assert_eq(in(2, CH0), 0x33);
	program(10, CH0, MSB(2), 0x1200);
	cr_assert_eq(in(11, CH0), 0x12);
	cr_assert_eq(in(12, CH0), 0x11);
}

Test(pit, words_go_lsb_first_and_reads_do_not_disturb_writes)
{
	out(0, CONTROL, WORD(2));
	out(0, CH0, 0x34);
	cr_assert_eq(status_of(5, CH0), 0xc0 | WORD(2), "half a count is none");
	out(10, CH0, 0x12);
	cr_assert_eq(in(11, CH0), 0x34);
	cr_assert_eq(in(11, CH0), 0x12);
	out(12, CH0, 0x78); /* LSB, then a read of both, then the MSB */
	cr_assert_eq(in(12, CH0), 0x33);
	cr_assert_eq(in(12, CH0), 0x12);
	out(12, CH0, 0x56);
	cr_assert_eq(count_of(11 + 0x1234, CH0), 0x5678);
}

Test(pit, latch_holds_until_read_and_ignores_a_second)
{
	program(0, CH0, WORD(2), 1000);
	out(101, CONTROL, 0x00);
	out(201, CONTROL, 0x00);
	cr_assert_eq(in(301, CH0), 900 & 0xff);
	cr_assert_eq(in(302, CH0), 900 >> 8);
	cr_assert_eq(count_of(401, CH0), 600);
}

Test(pit, latch_starts_with_the_lsb)
{
	program(0, CH0, WORD(2), 1000);
	in(1, CH0); /* one byte only */
	cr_assert_eq(count_of(101, CH0), 900);
}

Test(pit, control_word_drops_latches)
{
	program(0, CH0, WORD(2), 1000);
	out(101, CONTROL, 0xc2); /* count and status */
	program(200, CH0, WORD(2), 500);
	cr_assert_eq(in(201, CH0), 500 & 0xff);
	cr_assert_eq(in(201, CH0), 500 >> 8);
}

Test(pit, read_back_gives_status_before_count)
{
	program(0, CH0, WORD(3), 1000);
	out(11, CONTROL, 0xc2);
	cr_assert_eq(in(50, CH0), 0x80 | WORD(3));
	cr_assert_eq(in(51, CH0), 980 & 0xff);
	cr_assert_eq(in(52, CH0), 980 >> 8);
}

Test(pit, read_back_selects_channels)
{
	program(0, CH0, WORD(2), 1000);
	program(0, CH1, WORD(2), 2000);
	program(0, CH2, WORD(2), 3000);
	out(11, CONTROL, 0xd0 | 0x04); /* count of channel 1 only */
	cr_assert_eq(in(100, CH1), 1990 & 0xff);
	cr_assert_eq(in(100, CH1), 1990 >> 8);
	cr_assert_eq(in(101, CH0), (1000 - 100) & 0xff, "live");
}

Test(pit, second_status_latch_is_ignored)
{
	program(0, CH0, LSB(0), 5);
	out(1, CONTROL, 0xe2);
	out(50, CONTROL, 0xe2);
	cr_assert_eq(in(51, CH0), LSB(0), "OUT was low at the first");
	cr_assert_eq(status_of(52, CH0), 0x80 | LSB(0));
}

Test(pit, null_count_until_the_count_is_in_the_element)
{
	out(0, CONTROL, WORD(2));
	cr_assert(status_of(0, CH0) & 0x40, "control word");
	out(5, CH0, 100);
	cr_assert(status_of(6, CH0) & 0x40, "first of two bytes");
	out(7, CH0, 0);
	cr_assert(status_of(7, CH0) & 0x40, "complete, not loaded");
	cr_assert_not(status_of(8, CH0) & 0x40, "loaded by the next clock");
	out(20, CH0, 50);
	cr_assert_not(status_of(20, CH0) & 0x40);
	out(20, CH0, 0);
	cr_assert(status_of(107, CH0) & 0x40, "waits for the end of the period");
	cr_assert_not(status_of(108, CH0) & 0x40);
}

Test(pit, count_0_is_the_largest)
{
	program(0, CH0, WORD(0), 0);
	EXPECT_COUNTS(CH0, 1, 0, 0xffff);
	cr_assert(!pit_output(pit, 0, at(65536)));
	cr_assert(pit_output(pit, 0, at(65537)));
	program(100000, CH0, WORD(0) | BCD, 0);
	EXPECT_COUNTS(CH0, 100001, 0, 0x9999);
	cr_assert(!pit_output(pit, 0, at(110000)));
	cr_assert(pit_output(pit, 0, at(110001)));
}

Test(pit, bcd)
{
	program(0, CH0, WORD(2) | BCD, 0x1234);
	EXPECT_COUNTS(CH0, 1, 0x1234, 0x1233, 0x1232);
	cr_assert_eq(count_of(1 + 35, CH0), 0x1199);
	cr_assert_eq(count_of(1 + 1234, CH0), 0x1234);
	program(5000, CH0, WORD(0) | BCD, 0x0001);
	EXPECT_COUNTS(CH0, 5001, 1, 0, 0x9999, 0x9998);
}

Test(pit, bcd_digits_that_are_none)
{
	program(0, CH0, WORD(2) | BCD, 0xffff); /* 15 * 1111 */
	cr_assert(pit_output(pit, 0, at(16664)));
	cr_assert(!pit_output(pit, 0, at(16665)));
	cr_assert(pit_output(pit, 0, at(16666)));
	cr_assert_eq(count_of(2, CH0), 0x6664);
}

/* ---- the line and its deadlines ---- */

Test(pit, mode_0_interrupts_once)
{
	program(0, CH0, WORD(0), 100);
	cr_assert_eq(dev.ops->deadline(dev.self), at(101));
	dev.ops->expire(dev.self, at(101) - 1);
	cr_assert(!line);
	dev.ops->expire(dev.self, at(101));
	cr_assert(line);
	cr_assert_eq(dev.ops->deadline(dev.self), NSEC_NEVER);
	dev.ops->expire(dev.self, at(1000000));
	cr_assert_eq(rises, 1);
	program(1000000, CH0, WORD(0), 100);
	cr_assert(!line, "an edge can follow");
}

Test(pit, modes_1_and_5_of_channel_0_have_no_trigger)
{
	for (unsigned mode = 1; mode <= 5; mode += 4) {
		program(mode, CH0, WORD(mode), 5);
		cr_assert_eq(dev.ops->deadline(dev.self), NSEC_NEVER);
		expect_wave(CH0, mode, "----------");
	}
}

Test(pit, mode_4_tells_its_strobe_at_the_rise)
{
	program(0, CH0, LSB(4), 5);
	cr_assert(line);
	cr_assert_eq(dev.ops->deadline(dev.self), at(7));
	dev.ops->expire(dev.self, at(7));
	cr_assert(line);
	cr_assert_eq(rises, 2);
	cr_assert_eq(dev.ops->deadline(dev.self), NSEC_NEVER);
}

Test(pit, mode_3_follows_both_edges)
{
	program(0, CH0, LSB(3), 10);
	cr_assert_eq(dev.ops->deadline(dev.self), at(6));
	dev.ops->expire(dev.self, at(6));
	cr_assert(!line);
	cr_assert_eq(dev.ops->deadline(dev.self), at(11));
	dev.ops->expire(dev.self, at(11));
	cr_assert(line);
}

/* A million periods, each expired late by an amount that varies: due times come from the count
 * alone. */
static void expect_no_drift(uint8_t control, unsigned count, unsigned deadlines_each)
{
	const unsigned periods = 1000000;
	nsec_t due = 0;

	program(0, CH0, control, count);
	rises = 0;
	for (unsigned k = 1; k <= periods; k++) {
		for (unsigned i = 0; i < deadlines_each; i++) {
			due = dev.ops->deadline(dev.self);
			dev.ops->expire(dev.self, due + k % 400);
		}
		if (due != at(1 + (uint64_t)k * count))
			cr_assert_fail("period %u is due at %llu", k, (unsigned long long)due);
	}
	cr_assert_eq(rises, periods);
	cr_assert_eq(pit_coalesced(pit), 0);
}

Test(pit, mode_2_does_not_drift)
{
	expect_no_drift(WORD(2), 1193, 1);
}

Test(pit, mode_3_does_not_drift)
{
	expect_no_drift(WORD(3), 1193, 2);
}

Test(pit, late_periods_are_merged_and_counted)
{
	program(0, CH0, WORD(2), 100);
	rises = 0;
	dev.ops->expire(dev.self, at(1 + 100));
	cr_assert_eq(rises, 1);
	cr_assert_eq(pit_coalesced(pit), 0);
	dev.ops->expire(dev.self, at(1 + 750)); /* 200, 300, ..., 700 */
	cr_assert_eq(rises, 2);
	cr_assert_eq(pit_coalesced(pit), 5);
	cr_assert_eq(dev.ops->deadline(dev.self), at(1 + 800), "from the theoretical edge");
}

Test(pit, merging_counts_across_a_new_count)
{
	program(0, CH0, LSB(2), 100);
	out(1, CH0, 50); /* edges at 101, 151, 201 */
	rises = 0;
	dev.ops->expire(dev.self, at(210));
	cr_assert_eq(rises, 1);
	cr_assert_eq(pit_coalesced(pit), 2);
}

Test(pit, an_access_delivers_what_is_due)
{
	program(0, CH0, WORD(2), 100);
	rises = 0;
	in(105, CH0);
	cr_assert_eq(rises, 1);
	program(250, CH0, WORD(0), 100);
	cr_assert_eq(rises, 2);
	cr_assert(!line);
}

Test(pit, time_that_stands_still_or_ends)
{
	program(100, CH0, WORD(2), 100);
	dev.ops->expire(dev.self, at(50));
	cr_assert_eq(dev.ops->deadline(dev.self), at(201));
	dev.ops->expire(dev.self, NSEC_NEVER - 1);
	cr_assert_eq(dev.ops->deadline(dev.self), NSEC_NEVER);
}

/* ---- port 0x61 ---- */

Test(pit, port61_write_mask)
{
	out(0, PORT61, 0xff);
	cr_assert_eq(in(0, PORT61), 0x03);
	out(0, PORT61, 0x02);
	cr_assert_eq(in(0, PORT61), 0x02);
}

Test(pit, port61_shows_refresh_and_out2)
{
	cr_assert_eq(in(17, PORT61) & 0x10, 0);
	cr_assert_eq(in(18, PORT61) & 0x10, 0x10);
	cr_assert_eq(in(36, PORT61) & 0x10, 0);
	gate2(40, true);
	program(40, CH2, WORD(0), 10);
	cr_assert_eq(in(50, PORT61) & 0x20, 0);
	cr_assert_eq(in(51, PORT61) & 0x20, 0x20);
}

Test(pit, channels_are_independent)
{
	gate2(0, true);
	program(0, CH0, LSB(2), 5);
	program(0, CH1, LSB(3), 6);
	program(0, CH2, LSB(0), 7);
	expect_wave(CH0, 1, "----_----_");
	expect_wave(CH1, 1, "---___---___");
	expect_wave(CH2, 1, "_______---");
}
