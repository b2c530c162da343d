/* SPDX-License-Identifier: BSD-2-Clause */
/* A PIT on a bench: its line recorded, ports written and waves compared at tick numbers.
 * It holds no tests. */
#ifndef TESTS_PIT_RIG_H
#define TESTS_PIT_RIG_H

#include "tickvm/pit.h"

#include <criterion/criterion.h>

enum { CH0, CH1, CH2, CONTROL, PORT61 };

/* Control words: RW in bits 5:4, mode in 3:1. */
#define LSB(mode)  ((uint8_t)(0x10 | (mode) << 1))
#define MSB(mode)  ((uint8_t)(0x20 | (mode) << 1))
#define WORD(mode) ((uint8_t)(0x30 | (mode) << 1))
#define BCD        0x01
#define ON_CH2     0x80

static struct pit *pit;
static struct device dev;
static bool line;
static unsigned rises;

static inline void record(void *ctx, unsigned n, bool level)
{
	(void)ctx;
	cr_assert_eq(n, 0);
	cr_assert_neq(level, line, "the line is told changes only");
	line = level;
	rises += level;
}

static inline void setup(void)
{
	line = false;
	rises = 0;
	pit = pit_create((struct irq_sink){.set = record}, 0);
	cr_assert_not_null(pit);
	dev = pit_device(pit);
}

static inline void teardown(void)
{
	pit_destroy(pit);
}

/* First nanosecond of a tick: 88000 / 105 ns each. */
static inline nsec_t at(uint64_t tick)
{
	return (tick * 88000 + 104) / 105;
}

static inline void out(uint64_t tick, unsigned port, uint8_t value)
{
	dev.ops->write(dev.self, at(tick), port, 1, value);
}

static inline uint8_t in(uint64_t tick, unsigned port)
{
	return (uint8_t)dev.ops->read(dev.self, at(tick), port, 1);
}

/* A count through a latch and two reads; the channel is programmed for words. */
static inline unsigned count_of(uint64_t tick, unsigned channel)
{
	out(tick, CONTROL, (uint8_t)(channel << 6));
	unsigned low = in(tick, channel);

	return low | (unsigned)in(tick, channel) << 8;
}

static inline uint8_t status_of(uint64_t tick, unsigned channel)
{
	out(tick, CONTROL, (uint8_t)(0xe0 | 2u << channel));
	return in(tick, channel);
}

/* OUT of a channel from a tick on, one character each tick: '-' high, '_' low. */
static inline void expect_wave(unsigned channel, uint64_t tick, const char *wave)
{
	for (unsigned i = 0; wave[i]; i++)
		cr_assert_eq(pit_output(pit, channel, at(tick + i)), wave[i] == '-',
			"channel %u, tick %llu + %u of %s", channel, (unsigned long long)tick, i,
			wave);
}

static inline void expect_counts(
	unsigned channel, uint64_t tick, const unsigned *counts, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		cr_assert_eq(count_of(tick + i, channel), counts[i], "tick +%u: %x, not %x (hex)",
			i, count_of(tick + i, channel), counts[i]);
}
#define EXPECT_COUNTS(channel, tick, ...)                                                          \
	expect_counts(channel, tick, (const unsigned[]){__VA_ARGS__},                              \
		sizeof((unsigned[]){__VA_ARGS__}) / sizeof(unsigned))

static inline void program(uint64_t tick, unsigned channel, uint8_t control, unsigned count)
{
	out(tick, CONTROL, (uint8_t)(channel << 6 | control));
	if (control & 0x10)
		out(tick, channel, (uint8_t)count);
	if (control & 0x20)
		out(tick, channel, (uint8_t)(count >> 8));
}

static inline void gate2(uint64_t tick, bool level)
{
	out(tick, PORT61, level);
}

#endif
