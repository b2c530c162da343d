/* SPDX-License-Identifier: BSD-2-Clause */
/* The 8254's six modes, clock by clock: data sheet, figures 15 to 20, and what the text says of
 * GATE and new counts. What reaches the interrupt line is in test_pit.c. */
#include "pit_rig.h"

TestSuite(pit_modes, .init = setup, .fini = teardown);

Test(pit_modes, mode_0)
{
	program(0, CH0, WORD(0), 4);
	expect_wave(CH0, 0, "_____------");
	EXPECT_COUNTS(CH0, 1, 4, 3, 2, 1, 0, 0xffff, 0xfffe);
}

Test(pit_modes, mode_0_new_count)
{
	program(0, CH0, LSB(0), 4);
	out(2, CH0, 3); /* loaded at 3 */
	expect_wave(CH0, 2, "____--");
	out(50, CH0, 2);
	expect_wave(CH0, 50, "___-");
}

Test(pit_modes, mode_0_first_byte_stops)
{
	program(0, CH0, WORD(0), 4);
	out(3, CH0, 2);
	expect_wave(CH0, 3, "________");
	EXPECT_COUNTS(CH0, 50, 2, 2);
	out(60, CH0, 0);
	expect_wave(CH0, 60, "___-");
	out(70, CH0, 2);
	expect_wave(CH0, 70, "_");
}

Test(pit_modes, mode_0_gate)
{
	program(0, CH2, WORD(0), 4);
	cr_assert_eq(count_of(10, CH2), 4, "loaded with GATE low");
	gate2(10, true);
	EXPECT_COUNTS(CH2, 10, 4, 3);
	gate2(11, false);
	EXPECT_COUNTS(CH2, 12, 3, 3);
	expect_wave(CH2, 12, "________");
	gate2(20, true);
	expect_wave(CH2, 20, "___--");
	gate2(24, false);
	expect_wave(CH2, 24, "--");
}

Test(pit_modes, mode_1)
{
	gate2(0, true);
	program(1, CH2, WORD(1), 3);
	expect_wave(CH2, 1, "-----"); /* no trigger, no pulse */
	cr_assert(status_of(9, CH2) & 0x40);
	gate2(10, false);
	gate2(10, true);
	expect_wave(CH2, 10, "-___---");
	cr_assert_not(status_of(11, CH2) & 0x40);
	EXPECT_COUNTS(CH2, 11, 3, 2, 1, 0, 0xffff);
	gate2(20, false); /* the level does not matter */
	gate2(21, true);
	gate2(22, false);
	expect_wave(CH2, 22, "___--");
}

Test(pit_modes, mode_1_retrigger_and_new_count)
{
	program(0, CH2, LSB(1), 3);
	gate2(0, true);
	gate2(2, false);
	gate2(2, true);
	expect_wave(CH2, 2, "____-");
	gate2(10, false);
	gate2(10, true);
	out(11, CH2, 5); /* for the next trigger */
	expect_wave(CH2, 11, "___-----");
	gate2(20, false);
	gate2(20, true);
	expect_wave(CH2, 20, "-_____-");
}

Test(pit_modes, mode_2)
{
	program(0, CH0, WORD(2), 3);
	expect_wave(CH0, 0, "---_--_--_");
	EXPECT_COUNTS(CH0, 1, 3, 2, 1, 3, 2, 1, 3);
}

Test(pit_modes, mode_2_new_count_after_the_period)
{
	program(0, CH0, LSB(2), 4);
	out(2, CH0, 3);
	expect_wave(CH0, 2, "--_--_--_");
	program(50, CH0, LSB(2), 4);
	out(54, CH0, 3); /* during the low pulse: the next period already */
	expect_wave(CH0, 54, "_--_--_");
}

Test(pit_modes, mode_2_gate)
{
	gate2(0, true);
	program(0, CH2, WORD(2), 4);
	gate2(2, false);
	expect_wave(CH2, 2, "--------");
	EXPECT_COUNTS(CH2, 10, 3, 3);
	gate2(20, true);
	expect_wave(CH2, 20, "----_---_");
	out(33, CH2, 3), out(33, CH2, 0);
	gate2(33, false);
	cr_assert(status_of(40, CH2) & 0x40, "no end of period, no load");
	gate2(40, true); /* the trigger loads */
	expect_wave(CH2, 40, "---_--_");
}

Test(pit_modes, mode_2_gate_low_raises_out_at_once)
{
	gate2(0, true);
	program(0, CH2, LSB(2), 4);
	expect_wave(CH2, 4, "_");
	gate2(4, false);
	expect_wave(CH2, 4, "--");
}

Test(pit_modes, mode_3_even)
{
	program(0, CH0, WORD(3), 4);
	expect_wave(CH0, 0, "---__--__");
	EXPECT_COUNTS(CH0, 1, 4, 2, 4, 2, 4);
}

Test(pit_modes, mode_3_odd)
{
	program(0, CH0, WORD(3), 5);
	expect_wave(CH0, 0, "----__---__");
	EXPECT_COUNTS(CH0, 1, 4, 2, 0, 4, 2, 4, 2, 0, 4, 2);
}

Test(pit_modes, mode_3_new_count_after_the_half)
{
	program(0, CH0, LSB(3), 8);
	out(2, CH0, 4); /* in the high half */
	expect_wave(CH0, 1, "----__--__");
	program(50, CH0, LSB(3), 8);
	out(56, CH0, 5); /* in the low half */
	expect_wave(CH0, 51, "----____---__---__");
	program(90, CH0, LSB(3), 8);
	out(91, CH0, 5); /* the odd clock belongs to the high half */
	expect_wave(CH0, 91, "----__---__");
}

Test(pit_modes, mode_3_gate)
{
	gate2(0, true);
	program(0, CH2, LSB(3), 4);
	expect_wave(CH2, 3, "_");
	gate2(3, false);
	expect_wave(CH2, 3, "-----");
	gate2(20, true);
	expect_wave(CH2, 20, "---__--");
}

Test(pit_modes, mode_3_loads_an_even_count_with_gate_low)
{
	program(0, CH2, WORD(3), 7);
	EXPECT_COUNTS(CH2, 1, 6, 6);
	expect_wave(CH2, 1, "--------");
	gate2(10, true);
	expect_wave(CH2, 10, "-----___----___");
}

Test(pit_modes, mode_4)
{
	program(0, CH0, WORD(4), 3);
	expect_wave(CH0, 0, "----_------");
	EXPECT_COUNTS(CH0, 1, 3, 2, 1, 0, 0xffff);
	cr_assert(pit_output(pit, 0, at(4 + 65536)), "one strobe for each count");
	out(100, CH0, 2), out(100, CH0, 0);
	expect_wave(CH0, 100, "---_-");
	out(110, CH0, 9), out(110, CH0, 0);
	out(112, CH0, 2), out(113, CH0, 0); /* loaded at 114, counting until then */
	expect_wave(CH0, 112, "----_-");
}

Test(pit_modes, mode_4_gate)
{
	program(0, CH2, LSB(4), 3);
	expect_wave(CH2, 1, "--------");
	gate2(10, true);
	expect_wave(CH2, 10, "---_--");
	out(20, CH2, 3);
	gate2(22, false);
	expect_wave(CH2, 22, "--------");
	gate2(30, true);
	expect_wave(CH2, 30, "--_-");
}

Test(pit_modes, mode_5)
{
	program(0, CH2, WORD(5), 3);
	expect_wave(CH2, 1, "------");
	gate2(10, true);
	gate2(11, false); /* the level does not matter */
	expect_wave(CH2, 11, "---_---");
	EXPECT_COUNTS(CH2, 11, 3, 2, 1, 0, 0xffff);
	gate2(20, true);
	gate2(21, false);
	gate2(22, true); /* again: 3 is loaded at 23 */
	expect_wave(CH2, 21, "-----_--");
}

Test(pit_modes, count_1_in_modes_2_and_3_is_taken_as_2)
{
	program(0, CH0, LSB(2), 1);
	expect_wave(CH0, 1, "-_-_-_");
	program(20, CH0, LSB(3), 1);
	expect_wave(CH0, 21, "-_-_-_");
}

Test(pit_modes, trigger_without_a_count_does_nothing)
{
	uint64_t t = 10;

	for (unsigned mode = 1; mode <= 5; mode++, t += 10) {
		out(t, CONTROL, ON_CH2 | WORD(mode));
		gate2(t, true);
		out(t + 1, CH2, 2); /* half a count */
		gate2(t + 1, false);
		gate2(t + 2, true);
		expect_wave(CH2, t + 2, "------");
		gate2(t + 3, false);
	}
}
