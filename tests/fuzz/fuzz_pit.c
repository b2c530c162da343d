/* SPDX-License-Identifier: BSD-2-Clause */
/* Random programs on the PIT, beside a naive 8254 that is stepped clock by clock: outputs, counts,
 * status, interrupt edges and deadlines must agree. Input: pairs of (operation, argument). */
#include "tickvm/pit.h"

#include <limits.h>
#include <stddef.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(what)                                                                                \
	do {                                                                                       \
		if (!(what))                                                                       \
			__builtin_trap();                                                          \
	} while (0)

/* ---- the reference: one 8254 counter, as the data sheet tells it ---- */

struct counter {
	uint8_t control;
	unsigned mode, rw, modulus;
	bool gate, out;
	unsigned cr, ce;
	bool ready, null;     /* a whole count was written; it is not in ce */
	bool load, trigger;   /* for the next clock */
	bool loaded, running; /* ce counts; modes 2 and 3: enabled */
	bool done;            /* the one edge of modes 0, 1, 4 and 5 is over */
	bool odd;
	uint8_t lsb;
	bool write_msb, read_msb, latched, status_latched;
	unsigned latch;
	uint8_t status;
};

static unsigned from_bcd(const struct counter *c, unsigned raw)
{
	unsigned n = raw;

	if (c->control & 1)
		n = (raw >> 12) * 1000 + (raw >> 8) % 16 * 100 + (raw >> 4) % 16 * 10 + raw % 16;
	return n ? n : c->modulus;
}

static unsigned to_bcd(const struct counter *c, unsigned n)
{
	n %= c->modulus;
	if (!(c->control & 1))
		return n;
	return n / 1000 * 4096 + n / 100 % 10 * 256 + n / 10 % 10 * 16 + n % 10;
}

static void take_cr(struct counter *c)
{
	unsigned n = c->cr < 2 && (c->mode == 2 || c->mode == 3) ? 2 : c->cr;

	c->odd = n % 2;
	c->ce = c->mode == 3 ? n - n % 2 : n;
	c->null = false;
}

static void count_down(struct counter *c, bool level)
{
	c->ce = (c->ce == 0 ? c->modulus : c->ce) - 1;
	if (c->ce == 0 && !c->done) {
		c->done = true;
		c->out = level;
	}
}

static void clock_periodic(struct counter *c)
{
	if (c->load || c->trigger) {
		c->load = c->trigger = false;
		take_cr(c);
		c->running = c->gate;
		c->out = true;
	} else if (c->running && c->mode == 2) {
		if (c->ce == 1)
			take_cr(c);
		else
			c->ce--;
		c->out = c->ce != 1;
	} else if (c->running) {
		if (c->ce == (c->out && c->odd ? 0 : 2)) {
			take_cr(c);
			c->out = !c->out;
		} else {
			c->ce -= 2;
		}
	}
}

static void clock_counter(struct counter *c)
{
	bool by_trigger = c->mode == 1 || c->mode == 5;

	if (c->mode == 2 || c->mode == 3) {
		clock_periodic(c);
		return;
	}
	if (c->mode >= 4)
		c->out = true;
	if (by_trigger ? c->trigger : c->load) {
		c->load = c->trigger = c->done = false;
		c->loaded = true;
		take_cr(c);
		if (c->mode == 1)
			c->out = false;
	} else if (c->loaded && (c->gate || by_trigger)) {
		count_down(c, c->mode < 4);
	}
}

static bool counts(const struct counter *c)
{
	if (c->mode == 2 || c->mode == 3)
		return c->running;
	return c->loaded && (c->gate || c->mode == 1 || c->mode == 5);
}

/* How many clocks from here on do nothing but count. */
static unsigned quiet_clocks(const struct counter *c)
{
	unsigned last = c->mode == 2 || !(c->out && c->odd) ? 2 : 0;

	if (c->load || c->trigger || (!c->out && (c->mode == 2 || c->mode > 3)))
		return 0;
	if (!counts(c))
		return UINT_MAX;
	if (c->mode == 2 || c->mode == 3)
		return c->ce > last ? (c->ce - last) / (c->mode - 1) : 0;
	return c->done ? UINT_MAX : (c->ce == 0 ? c->modulus : c->ce) - 1;
}

static void count_quietly(struct counter *c, unsigned clocks)
{
	if (!counts(c))
		return;
	if (c->mode == 2 || c->mode == 3)
		c->ce -= clocks * (c->mode - 1);
	else if (clocks <= c->ce) /* a count that is no BCD may be above the modulus */
		c->ce -= clocks;
	else
		c->ce = (c->modulus - (clocks - c->ce) % c->modulus) % c->modulus;
}

static void power_up(struct counter *c, bool gate)
{
	*c = (struct counter){
		.control = 0x30, .rw = 3, .modulus = 65536, .gate = gate, .null = true};
}

static void control(struct counter *c, uint8_t value)
{
	unsigned ce = c->ce;

	*c = (struct counter){.control = value & 0x3f, .gate = c->gate, .null = true};
	c->mode = value >> 1 & 7;
	if (c->mode > 5)
		c->mode -= 4;
	c->rw = value >> 4 & 3;
	c->modulus = value & 1 ? 10000 : 65536;
	c->ce = ce;
	c->out = c->mode != 0;
}

static void whole_count(struct counter *c, unsigned raw)
{
	c->cr = from_bcd(c, raw);
	c->ready = c->null = true;
	if (c->mode == 0)
		c->out = false;
	if (c->mode == 0 || c->mode == 4 || ((c->mode == 2 || c->mode == 3) && !c->running))
		c->load = true;
}

static void write_counter(struct counter *c, uint8_t byte)
{
	if (c->rw == 1) {
		whole_count(c, byte);
	} else if (c->rw == 2) {
		whole_count(c, byte * 256u);
	} else if (c->write_msb) {
		c->write_msb = false;
		whole_count(c, byte * 256u + c->lsb);
	} else {
		c->write_msb = true;
		c->lsb = byte;
		if (c->mode == 0)
			c->out = c->loaded = c->load = c->ready = false;
	}
}

static void latch_count(struct counter *c)
{
	if (!c->latched) {
		c->latched = true;
		c->read_msb = false;
		c->latch = to_bcd(c, c->ce);
	}
}

static void latch_status(struct counter *c)
{
	if (!c->status_latched)
		c->status = (uint8_t)(c->out * 128 + c->null * 64 + c->control);
	c->status_latched = true;
}

static uint8_t read_counter(struct counter *c)
{
	if (c->status_latched) {
		c->status_latched = false;
		return c->status;
	}
	unsigned value = c->latched ? c->latch : to_bcd(c, c->ce);
	bool msb = c->rw == 2 || (c->rw == 3 && c->read_msb);

	c->read_msb = c->rw == 3 && !msb;
	if (c->rw != 3 || msb)
		c->latched = false;
	return (uint8_t)(msb ? value / 256 : value % 256);
}

static void gate(struct counter *c, bool level)
{
	if (level && !c->gate && c->ready && c->mode != 0 && c->mode != 4)
		c->trigger = true;
	if (!level && (c->mode == 2 || c->mode == 3)) {
		c->running = false;
		c->out = true;
	}
	c->gate = level;
}

/* ---- both side by side ---- */

static struct counter counters[3];
static struct pit *pit;
static struct device dev;
static uint64_t tick;
static unsigned steps; /* of this input that were taken one by one */
#define STEPS_MAX 4000 /* time stands still then */
static bool line;
static uint64_t line_rises, out_rises;

static void set_line(void *ctx, unsigned n, bool level)
{
	(void)ctx;
	CHECK(n == 7 && level != line);
	line = level;
	line_rises += level;
}

/* First nanosecond of a tick: 88000 / 105 ns each. */
static nsec_t time_of(uint64_t t)
{
	return (t * 88000 + 104) / 105;
}

static void compare_outputs(void)
{
	for (unsigned i = 0; i < 3; i++)
		CHECK(pit_output(pit, i, time_of(tick)) == counters[i].out);
}

static void step_reference(void)
{
	tick++;
	steps++;
	for (unsigned i = 0; i < 3; i++) {
		bool before = counters[i].out;

		clock_counter(&counters[i]);
		if (i == 0 && !before && counters[0].out)
			out_rises++;
	}
}

/* What only counts for a while is not stepped: counts up to the highest are worth the waiting. */
static unsigned skip_reference(unsigned most)
{
	for (unsigned i = 0; i < 3; i++) {
		unsigned quiet = quiet_clocks(&counters[i]);

		most = quiet < most ? quiet : most;
	}
	for (unsigned i = 0; i < 3; i++)
		count_quietly(&counters[i], most);
	tick += most;
	return most;
}

/* The owner keeps time: each deadline is met, and between them OUT 0 does not rise. */
static void run_promptly(unsigned ticks)
{
	nsec_t due = dev.ops->deadline(dev.self);

	for (unsigned i = 0; i < ticks && steps < STEPS_MAX; i++) {
		bool before = counters[0].out;
		uint64_t merged = pit_coalesced(pit);

		CHECK(due > time_of(tick));
		step_reference();
		compare_outputs();
		CHECK(time_of(tick) <= due);
		if (time_of(tick) < due) {
			CHECK(before || !counters[0].out);
			continue;
		}
		CHECK(pit_output(pit, 0, due - 1) != counters[0].out);
		dev.ops->expire(dev.self, due);
		CHECK(line == counters[0].out && pit_coalesced(pit) == merged);
		due = dev.ops->deadline(dev.self);
	}
}

/* The owner comes late: no edge is lost, merged ones are counted. */
static void run_late(unsigned ticks)
{
	while (ticks > 0 && steps < STEPS_MAX) {
		unsigned skipped = skip_reference(ticks);

		ticks -= skipped;
		if (ticks > 0 && skipped == 0) {
			step_reference();
			ticks--;
		}
	}
	compare_outputs();
}

static void write_port(unsigned port, uint8_t value)
{
	bool before = counters[0].out;

	dev.ops->write(dev.self, time_of(tick), port, 1, value);
	if (port == 4)
		gate(&counters[2], value & 1);
	else if (port < 3)
		write_counter(&counters[port], value);
	else if (value >> 6 == 3)
		for (unsigned i = 0; i < 3; i++) {
			if (!(value >> (i + 1) & 1))
				continue;
			if (!(value & 0x20))
				latch_count(&counters[i]);
			if (!(value & 0x10))
				latch_status(&counters[i]);
		}
	else if (value & 0x30)
		control(&counters[value >> 6], value);
	else
		latch_count(&counters[value >> 6]);
	out_rises += !before && counters[0].out;
	compare_outputs();
}

static void read_port(unsigned port)
{
	uint64_t value = dev.ops->read(dev.self, time_of(tick), port, 1);

	if (port < 3)
		CHECK(value == read_counter(&counters[port]));
	else if (port == 3)
		CHECK(value == 0xff);
	else
		CHECK((value & 0xec) == (counters[2].out ? 0x20 : 0) &&
			(value & 1) == counters[2].gate);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	pit = pit_create((struct irq_sink){.set = set_line}, 7);
	if (!pit)
		return 0;
	dev = pit_device(pit);
	tick = line_rises = out_rises = 0;
	steps = 0;
	line = false;
	for (unsigned i = 0; i < 3; i++)
		power_up(&counters[i], i != 2);
	for (size_t i = 0; i + 1 < size && i < 256; i += 2) {
		uint8_t op = data[i], argument = data[i + 1];

		switch (op & 7) {
		case 0:
		case 1:
			write_port(op >> 3 & 3, argument);
			break;
		case 2:
			write_port(3, argument);
			break;
		case 3:
			write_port(4, argument);
			break;
		case 4:
			read_port((op >> 3) % 5);
			break;
		case 5:
			run_late(argument);
			break;
		case 6: /* past the highest count */
			run_late(argument * 300u);
			break;
		default:
			run_promptly(argument % 16);
			break;
		}
		dev.ops->expire(dev.self, time_of(tick));
		CHECK(line == counters[0].out);
		CHECK(line_rises + pit_coalesced(pit) == out_rises);
	}
	pit_destroy(pit);
	return 0;
}
