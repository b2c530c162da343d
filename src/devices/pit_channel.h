/* SPDX-License-Identifier: BSD-2-Clause */
/* One counter of an 8254, in units of its CLK pulses. Its state changes only when a guest touches
 * it; everything in between is a pure function of (state, tick). It knows no nanoseconds, no ports
 * but its own, and no interrupt. */
#ifndef DEVICES_PIT_CHANNEL_H
#define DEVICES_PIT_CHANNEL_H

#include <stdbool.h>
#include <stdint.h>

#define TICK_NEVER UINT64_MAX

/* Names are the data sheet's: CR is the count register a guest writes, CE the counting element.
 * Tick t is the t-th CLK pulse; what a guest does between two ticks reaches CE at the second. */
struct pit_channel {
	uint8_t control; /* RW, mode and BCD, as last written */
	bool gate;

	/* CR. */
	uint32_t reload;   /* 1 to 65536 */
	bool reload_ready; /* complete since the last control word */
	bool null_count;   /* and not yet in CE */
	uint64_t load_at;  /* the tick that moves it there, or TICK_NEVER */

	/* CE holds count at tick start and counts from there, or, not counting, holds count. */
	bool counting;
	uint64_t start;
	uint32_t count;
	/* Modes 0 and 1: OUT is high from here on. Modes 4 and 5: OUT is low at this tick. */
	uint64_t zero_at;

	/* The byte port. */
	uint8_t lsb;
	bool write_msb, read_msb; /* RW_WORD: the MSB is next */
	bool count_latched, status_latched;
	uint16_t latched_count;
	uint8_t latched_status;
};

/* Undefined on the chip at power-up. Ours: mode 0 without a count, OUT low. */
struct pit_channel pit_channel_power_up(bool gate);

/* OUT at tick t, not before the last access. */
bool pit_channel_out(const struct pit_channel *from, uint64_t t);
/* The low pulses of this mode last one tick. */
bool pit_channel_strobes(const struct pit_channel *ch);
/* The next change of OUT after t, or TICK_NEVER. */
uint64_t pit_channel_next_change(const struct pit_channel *from, uint64_t t);
/* Rising edges of OUT in (from, to]. */
uint64_t pit_channel_rises(const struct pit_channel *start, uint64_t from, uint64_t to);

/* What a guest does between ticks t and t + 1. */
void pit_channel_write_control(struct pit_channel *ch, uint64_t t, uint8_t value);
void pit_channel_write(struct pit_channel *ch, uint64_t t, uint8_t byte);
uint8_t pit_channel_read(struct pit_channel *ch, uint64_t t);
void pit_channel_latch_count(struct pit_channel *ch, uint64_t t);
void pit_channel_latch_status(struct pit_channel *ch, uint64_t t);
void pit_channel_set_gate(struct pit_channel *ch, uint64_t t, bool level);

#endif
