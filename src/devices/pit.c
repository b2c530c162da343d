/* SPDX-License-Identifier: BSD-2-Clause */
/* 8254 interval timer and the PC's port 0x61 in front of counter 2: ports, time, and the interrupt
 * line. Edges are due at multiples of the clock, never counted from "now". It makes no sound and
 * refreshes no memory. */
#include "tickvm/pit.h"
#include "bytewise.h"
#include "pit_channel.h"

#include <stdlib.h>

#define NSEC_PER_SEC 1000000000ULL

#define CHANNELS    3
#define REG_CONTROL 3
#define REG_PORT61  4
#define REGS        5

/* Control word: bits 7:6 select a counter or the read-back command, 5:4 are 0 for a latch. */
#define SELECT_READ_BACK    3
#define READ_BACK_NO_COUNT  0x20
#define READ_BACK_NO_STATUS 0x10
#define CONTROL_RW          0x30

#define PORT61_GATE2   0x01
#define PORT61_STORE   0x03
#define PORT61_REFRESH 0x10
#define PORT61_OUT2    0x20
/* Bit 4 changes with each memory refresh; counter 1 of a PC/AT asks for one every 18 ticks. */
#define REFRESH_TICKS 18

__extension__ typedef unsigned __int128 u128;

struct pit {
	struct pit_channel channels[CHANNELS];
	uint8_t port61;
	uint64_t tick; /* OUT 0 has been delivered up to here */
	struct irq_sink irq;
	unsigned line;
	bool irq_level;
	uint64_t coalesced;
};

static uint64_t ticks_at(nsec_t now)
{
	return mul_div_u64(now, PIT_HZ_NUM, PIT_HZ_DEN * NSEC_PER_SEC);
}

/* The first nanosecond at which ticks_at() has reached tick. */
static nsec_t tick_time(uint64_t tick)
{
	u128 numerator = (u128)tick * PIT_HZ_DEN * NSEC_PER_SEC;
	u128 nsec = (numerator + PIT_HZ_NUM - 1) / PIT_HZ_NUM;

	return nsec > NSEC_NEVER ? NSEC_NEVER : (nsec_t)nsec;
}

static void set_irq(struct pit *pit, bool level)
{
	if (level == pit->irq_level)
		return;
	pit->irq_level = level;
	pit->irq.set(pit->irq.ctx, pit->line, level);
}

/* The only place that drives the line: brings it up to now, and returns the tick. Whoever polls a
 * register gets the interrupts due first. Edges that could not be told apart any more are merged,
 * and counted. */
static uint64_t deliver(struct pit *pit, nsec_t now)
{
	struct pit_channel *ch = &pit->channels[0];
	uint64_t t = ticks_at(now);

	if (t < pit->tick)
		t = pit->tick;
	uint64_t rises = pit_channel_rises(ch, pit->tick, t);

	pit->tick = t;
	if (rises > 0) {
		pit->coalesced += rises - 1;
		set_irq(pit, false);
		set_irq(pit, true);
	}
	set_irq(pit, pit_channel_out(ch, t));
	return t;
}

static void read_back(struct pit *pit, uint64_t t, uint8_t command)
{
	for (unsigned i = 0; i < CHANNELS; i++) {
		struct pit_channel *ch = &pit->channels[i];

		if (!(command & 2u << i))
			continue;
		if (!(command & READ_BACK_NO_COUNT))
			pit_channel_latch_count(ch, t);
		if (!(command & READ_BACK_NO_STATUS))
			pit_channel_latch_status(ch, t);
	}
}

static void write_command(struct pit *pit, uint64_t t, uint8_t value)
{
	unsigned select = value >> 6;

	if (select == SELECT_READ_BACK) {
		read_back(pit, t, value);
		return;
	}
	struct pit_channel *ch = &pit->channels[select];

	if (!(value & CONTROL_RW))
		pit_channel_latch_count(ch, t);
	else
		pit_channel_write_control(ch, t, value);
}

static uint8_t read_port61(const struct pit *pit, uint64_t t)
{
	bool refresh = t / REFRESH_TICKS % 2;
	bool out2 = pit_channel_out(&pit->channels[2], t);

	return (uint8_t)(pit->port61 | (refresh ? PORT61_REFRESH : 0) | (out2 ? PORT61_OUT2 : 0));
}

static uint8_t read_byte(void *self, nsec_t now, unsigned offset)
{
	struct pit *pit = self;
	uint64_t t = deliver(pit, now);

	if (offset == REG_PORT61)
		return read_port61(pit, t);
	if (offset == REG_CONTROL)
		return 0xff; /* write only: the chip leaves the bus alone */
	return pit_channel_read(&pit->channels[offset], t);
}

static void write_byte(void *self, nsec_t now, unsigned offset, uint8_t value)
{
	struct pit *pit = self;
	uint64_t t = deliver(pit, now);

	if (offset == REG_PORT61) {
		pit->port61 = value & PORT61_STORE;
		pit_channel_set_gate(&pit->channels[2], t, value & PORT61_GATE2);
	} else if (offset == REG_CONTROL) {
		write_command(pit, t, value);
	} else {
		pit_channel_write(&pit->channels[offset], t, value);
	}
	set_irq(pit, pit_channel_out(&pit->channels[0], t));
}

/* Ports 0x40 to 0x43 are consecutive; 0x61 stands alone. */
static uint64_t run_end(uint64_t offset)
{
	return offset <= REG_CONTROL ? REG_CONTROL + 1 : REGS;
}

static uint64_t pit_read(void *self, nsec_t now, uint64_t offset, unsigned size)
{
	return bytewise_read(self, now, offset, size, run_end(offset), read_byte);
}

static void pit_write(void *self, nsec_t now, uint64_t offset, unsigned size, uint64_t value)
{
	bytewise_write(self, now, offset, size, value, run_end(offset), write_byte);
}

/* The next change of OUT 0. The low pulse of modes 2, 4 and 5 lasts one tick: it is delivered with
 * the edge that ends it, since waking up twice within 838 ns would only make that edge late. */
static nsec_t pit_deadline(const void *self)
{
	const struct pit *pit = self;
	const struct pit_channel *ch = &pit->channels[0];
	uint64_t change = pit_channel_next_change(ch, pit->tick);

	if (change == TICK_NEVER)
		return NSEC_NEVER;
	if (pit_channel_strobes(ch) && !pit_channel_out(ch, change))
		change++;
	return tick_time(change);
}

static void pit_expire(void *self, nsec_t now)
{
	deliver(self, now);
}

static void power_up(struct pit *pit)
{
	for (unsigned i = 0; i < CHANNELS; i++)
		pit->channels[i] = pit_channel_power_up(i != 2); /* GATE 0 and 1 are tied high */
	pit->port61 = 0;
}

static void pit_reset(void *self, nsec_t now)
{
	struct pit *pit = self;

	deliver(pit, now);
	power_up(pit);
	set_irq(pit, false);
}

static void pit_counters(const void *self, struct counter_sink sink)
{
	const struct pit *pit = self;

	sink.put(sink.ctx, "coalesced", pit->coalesced);
}

static const struct device_ops pit_ops = {
	.name = "pit",
	.read = pit_read,
	.write = pit_write,
	.deadline = pit_deadline,
	.expire = pit_expire,
	.reset = pit_reset,
	.counters = pit_counters,
};

struct pit *pit_create(struct irq_sink irq, unsigned line)
{
	struct pit *pit = calloc(1, sizeof(*pit));

	if (!pit)
		return NULL;
	pit->irq = irq;
	pit->line = line;
	power_up(pit);
	return pit;
}

void pit_destroy(struct pit *pit)
{
	free(pit);
}

struct device pit_device(struct pit *pit)
{
	return (struct device){.ops = &pit_ops, .self = pit};
}

bool pit_output(const struct pit *pit, unsigned channel, nsec_t now)
{
	return pit_channel_out(&pit->channels[channel], ticks_at(now));
}

uint64_t pit_coalesced(const struct pit *pit)
{
	return pit->coalesced;
}
