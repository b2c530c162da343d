/* SPDX-License-Identifier: BSD-2-Clause */
/* One counter of an 8254: six modes, binary and BCD, latches, GATE.
 * OUT and what comes next are computed, never stepped: a late caller sees what a prompt one would
 * have seen. */
#include "pit_channel.h"

#define CONTROL_BCD   0x01
#define CONTROL_STORE 0x3f
enum rw { RW_LSB = 1, RW_MSB, RW_WORD };

#define STATUS_OUT  0x80
#define STATUS_NULL 0x40

struct pit_channel pit_channel_power_up(bool gate)
{
	return (struct pit_channel){
		.control = RW_WORD << 4,
		.gate = gate,
		.null_count = true,
		.load_at = TICK_NEVER,
		.zero_at = TICK_NEVER,
	};
}

/* ---- a channel as a function of the tick ---- */

static unsigned mode_of(const struct pit_channel *ch)
{
	unsigned mode = ch->control >> 1 & 7;

	return mode > 5 ? mode - 4 : mode; /* the top bit of 2 and 3 is "don't care" */
}

static bool is_periodic(const struct pit_channel *ch)
{
	return mode_of(ch) == 2 || mode_of(ch) == 3;
}

static uint32_t modulus(const struct pit_channel *ch)
{
	return ch->control & CONTROL_BCD ? 10000 : 65536;
}

/* Ticks of a period for which OUT is high; mode 3 gives the odd one to the high half. */
static uint32_t high_ticks(const struct pit_channel *ch)
{
	return mode_of(ch) == 2 ? ch->count - 1 : (ch->count + 1) / 2;
}

static uint32_t position(const struct pit_channel *ch, uint64_t t)
{
	return (uint32_t)((t - ch->start) % ch->count);
}

/* From here to channel_at(), no load is due at t. */

static bool out_at(const struct pit_channel *ch, uint64_t t)
{
	switch (mode_of(ch)) {
	case 0:
	case 1:
		return t >= ch->zero_at;
	case 2:
	case 3:
		return !ch->counting || position(ch, t) < high_ticks(ch);
	default:
		return t != ch->zero_at;
	}
}

/* CE at tick t. Modes 0, 1, 4 and 5 go on below 0 from the highest count; mode 3 counts by twos. */
static uint32_t element_at(const struct pit_channel *ch, uint64_t t)
{
	if (!ch->counting)
		return ch->count;
	if (mode_of(ch) == 2)
		return ch->count - position(ch, t);
	if (mode_of(ch) == 3) {
		uint32_t pos = position(ch, t), high = high_ticks(ch);

		return (ch->count & ~1u) - 2 * (pos < high ? pos : pos - high);
	}
	uint64_t elapsed = t - ch->start;

	if (elapsed < ch->count)
		return ch->count - (uint32_t)elapsed;
	return (modulus(ch) - (uint32_t)((elapsed - ch->count) % modulus(ch))) % modulus(ch);
}

/* The next change of OUT after t that the count in force makes. */
static uint64_t next_change_of_count(const struct pit_channel *ch, uint64_t t)
{
	if (is_periodic(ch)) {
		if (!ch->counting)
			return TICK_NEVER;
		uint32_t pos = position(ch, t), high = high_ticks(ch);

		return t + (pos < high ? high : ch->count) - pos;
	}
	if (mode_of(ch) >= 4 && t == ch->zero_at)
		return t + 1;
	return ch->zero_at > t ? ch->zero_at : TICK_NEVER;
}

/* CE keeps what it holds. */
static void stop(struct pit_channel *ch, uint64_t t)
{
	ch->count = element_at(ch, t);
	ch->counting = false;
}

/* GATE is low: modes 1 and 5 do not mind. */
static void gate_falls(struct pit_channel *ch, uint64_t t)
{
	unsigned mode = mode_of(ch);

	if (!ch->counting || mode == 1 || mode == 5)
		return;
	stop(ch, t);
	if (is_periodic(ch))
		ch->load_at = TICK_NEVER; /* this period will not end */
	else if (ch->zero_at > t)
		ch->zero_at = TICK_NEVER;
}

/* CR goes into CE at tick ch->load_at. */
static void load(struct pit_channel *ch)
{
	uint64_t at = ch->load_at;
	bool low_half = mode_of(ch) == 3 && ch->counting && out_at(ch, at - 1);

	ch->count = ch->reload;
	ch->start = at;
	ch->null_count = false;
	ch->load_at = TICK_NEVER;
	ch->counting = true;
	if (is_periodic(ch)) {
		if (ch->count < 2) /* illegal; undefined on the chip */
			ch->count = 2;
		if (low_half)
			ch->start -= high_ticks(ch); /* modulo 2^64, like position() */
	} else {
		ch->zero_at = at + ch->count;
	}
	if (!ch->gate)
		gate_falls(ch, at);
}

/* The channel in force at tick t: a pending load is done if it is due. */
static struct pit_channel channel_at(const struct pit_channel *from, uint64_t t)
{
	struct pit_channel ch = *from;

	if (ch.load_at <= t)
		load(&ch);
	return ch;
}

bool pit_channel_out(const struct pit_channel *from, uint64_t t)
{
	struct pit_channel ch = channel_at(from, t);

	return out_at(&ch, t);
}

bool pit_channel_strobes(const struct pit_channel *ch)
{
	return mode_of(ch) == 2 || mode_of(ch) >= 4;
}

uint64_t pit_channel_next_change(const struct pit_channel *from, uint64_t t)
{
	struct pit_channel ch = channel_at(from, t);
	uint64_t change = next_change_of_count(&ch, t);

	if (change < ch.load_at || ch.load_at == TICK_NEVER)
		return change;
	struct pit_channel loaded = channel_at(&ch, ch.load_at);

	if (out_at(&ch, ch.load_at - 1) != out_at(&loaded, ch.load_at))
		return ch.load_at;
	return next_change_of_count(&loaded, ch.load_at);
}

/* Rising edges of OUT in (from, to] that the count in force makes. */
static uint64_t rises_of_count(const struct pit_channel *ch, uint64_t from, uint64_t to)
{
	if (is_periodic(ch)) {
		if (!ch->counting)
			return 0;
		return (to - ch->start) / ch->count - (from - ch->start) / ch->count;
	}
	if (ch->zero_at == TICK_NEVER)
		return 0;
	uint64_t rise = mode_of(ch) >= 4 ? ch->zero_at + 1 : ch->zero_at;

	return rise > from && rise <= to;
}

uint64_t pit_channel_rises(const struct pit_channel *start, uint64_t from, uint64_t to)
{
	struct pit_channel ch = channel_at(start, from);

	if (ch.load_at > to)
		return rises_of_count(&ch, from, to);
	struct pit_channel loaded = channel_at(&ch, ch.load_at);
	bool rise = !out_at(&ch, ch.load_at - 1) && out_at(&loaded, ch.load_at);

	return rises_of_count(&ch, from, ch.load_at - 1) + rise +
	       rises_of_count(&loaded, ch.load_at, to);
}

/* ---- what a guest does to a channel, between tick t and t + 1 ---- */

void pit_channel_write_control(struct pit_channel *ch, uint64_t t, uint8_t value)
{
	*ch = channel_at(ch, t);
	stop(ch, t);
	ch->control = value & CONTROL_STORE;
	ch->reload_ready = false;
	ch->null_count = true;
	ch->load_at = TICK_NEVER;
	ch->zero_at = mode_of(ch) == 1 ? 0 : TICK_NEVER; /* OUT: low in mode 0, else high */
	ch->write_msb = ch->read_msb = false;
	ch->count_latched = ch->status_latched = false;
}

static uint32_t decode_count(const struct pit_channel *ch, uint16_t raw)
{
	uint32_t count = raw;

	if (ch->control & CONTROL_BCD)
		count = (raw >> 12) * 1000u + (raw >> 8 & 15) * 100u + (raw >> 4 & 15) * 10u +
			(raw & 15);
	return count == 0 ? modulus(ch) : count;
}

static uint16_t encode_count(const struct pit_channel *ch, uint32_t count)
{
	uint32_t n = count % modulus(ch);

	if (ch->control & CONTROL_BCD)
		n = n / 1000 << 12 | n / 100 % 10 << 8 | n / 10 % 10 << 4 | n % 10;
	return (uint16_t)n;
}

static void write_count(struct pit_channel *ch, uint64_t t, uint16_t raw)
{
	ch->reload = decode_count(ch, raw);
	ch->reload_ready = true;
	ch->null_count = true;
	switch (mode_of(ch)) {
	case 0:
		ch->zero_at = TICK_NEVER; /* OUT goes low at once */
		ch->load_at = t + 1;
		break;
	case 2: /* at the end of the period */
		ch->load_at = ch->counting ? t + ch->count - position(ch, t) : t + 1;
		break;
	case 3: /* at the end of the half */
		ch->load_at = ch->counting ? next_change_of_count(ch, t) : t + 1;
		break;
	case 4:
		ch->load_at = t + 1;
		break;
	default: /* modes 1 and 5: at the next trigger */
		break;
	}
}

void pit_channel_write(struct pit_channel *ch, uint64_t t, uint8_t byte)
{
	enum rw rw = ch->control >> 4 & 3;

	*ch = channel_at(ch, t);
	if (rw == RW_LSB) {
		write_count(ch, t, byte);
	} else if (rw == RW_MSB) {
		write_count(ch, t, (uint16_t)(byte << 8));
	} else if (ch->write_msb) {
		ch->write_msb = false;
		write_count(ch, t, (uint16_t)(byte << 8 | ch->lsb));
	} else {
		ch->write_msb = true;
		ch->lsb = byte;
		if (mode_of(ch) == 0) { /* the first byte stops the count */
			stop(ch, t);
			ch->reload_ready = false;
			ch->load_at = ch->zero_at = TICK_NEVER;
		}
	}
}

static uint8_t read_count_byte(struct pit_channel *ch, uint64_t t)
{
	enum rw rw = ch->control >> 4 & 3;
	uint16_t value =
		ch->count_latched ? ch->latched_count : encode_count(ch, element_at(ch, t));
	bool msb = rw == RW_MSB || (rw == RW_WORD && ch->read_msb);

	if (rw == RW_WORD)
		ch->read_msb = !ch->read_msb;
	if (rw != RW_WORD || msb)
		ch->count_latched = false;
	return (uint8_t)(msb ? value >> 8 : value);
}

/* A second latch before the first is read is ignored. The data sheet is silent on a latch between
 * two bytes: here it starts over with the LSB. */
void pit_channel_latch_count(struct pit_channel *ch, uint64_t t)
{
	if (ch->count_latched)
		return;
	*ch = channel_at(ch, t);
	ch->count_latched = true;
	ch->latched_count = encode_count(ch, element_at(ch, t));
	ch->read_msb = false;
}

void pit_channel_latch_status(struct pit_channel *ch, uint64_t t)
{
	if (ch->status_latched)
		return;
	*ch = channel_at(ch, t);
	ch->status_latched = true;
	ch->latched_status = (uint8_t)(ch->control | (out_at(ch, t) ? STATUS_OUT : 0) |
				       (ch->null_count ? STATUS_NULL : 0));
}

static void gate_rises(struct pit_channel *ch, uint64_t t)
{
	unsigned mode = mode_of(ch);

	if (!ch->reload_ready)
		return;
	if (mode != 0 && mode != 4) { /* a trigger */
		ch->load_at = t + 1;
		return;
	}
	if (ch->counting || ch->load_at != TICK_NEVER)
		return;
	ch->counting = true;
	ch->start = t;
	if (ch->zero_at == TICK_NEVER)
		ch->zero_at = t + ch->count;
}

uint8_t pit_channel_read(struct pit_channel *ch, uint64_t t)
{
	*ch = channel_at(ch, t);
	if (ch->status_latched) { /* status goes first */
		ch->status_latched = false;
		return ch->latched_status;
	}
	return read_count_byte(ch, t);
}

void pit_channel_set_gate(struct pit_channel *ch, uint64_t t, bool level)
{
	if (level == ch->gate)
		return;
	*ch = channel_at(ch, t);
	ch->gate = level;
	if (level)
		gate_rises(ch, t);
	else
		gate_falls(ch, t);
}
