/* SPDX-License-Identifier: BSD-2-Clause */
/* Frequencies of the TSC and of the local APIC's timer: as told on the command line, or measured
 * against channel 2 of the PIT. */
#include "guest.h"

#define PIT_CHANNEL2      0x42
#define PIT_CONTROL       0x43
#define PIT_CH2_MODE0     0xb0
#define PORT_B            0x61
#define PORT_B_GATE       0x01 /* channel 2's */
#define PORT_B_SPEAKER    0x02
#define PORT_B_OUT        0x20  /* channel 2's */
#define MEASURE_PIT_TICKS 11932 /* 10 ms */
#define MEASURE_ROUNDS    9
#define POLLS_MAX         10000000
#define LAPIC_COUNT_MAX   0xffffffff
#define NSEC_PER_SEC      1000000000

struct clocks clocks;

struct sample {
	uint64_t tsc;
	uint32_t lapic;
};

/* Mode 0: the output rises one tick after the count. */
static struct sample measure_once(void)
{
	struct sample begin, end;
	uint64_t polls = 0;

	out8(PIT_CONTROL, PIT_CH2_MODE0);
	out8(PIT_CHANNEL2, (MEASURE_PIT_TICKS - 1) & 0xff);
	out8(PIT_CHANNEL2, (MEASURE_PIT_TICKS - 1) >> 8);
	begin = (struct sample){rdtsc_fenced(), lapic_timer_count()};
	while (!(in8(PORT_B) & PORT_B_OUT))
		if (++polls == POLLS_MAX)
			test_failed(
				"no tsc_hz= or lapic_hz= given and no PIT to measure against", "");
	end = (struct sample){rdtsc_fenced(), lapic_timer_count()};
	return (struct sample){end.tsc - begin.tsc, begin.lapic - end.lapic};
}

/* The median by TSC: a round in which the host took this CPU away is too long or too short. */
static struct sample measure(void)
{
	struct sample samples[MEASURE_ROUNDS] = {{0}};

	out8(PORT_B, (uint8_t)((in8(PORT_B) & ~PORT_B_SPEAKER) | PORT_B_GATE));
	lapic_timer_mode(LVT_MASKED, 0);
	lapic_timer_start(LAPIC_COUNT_MAX);
	for (unsigned i = 0; i < MEASURE_ROUNDS; i++) {
		struct sample sample = measure_once();
		unsigned at = i;

		for (; at && samples[at - 1].tsc > sample.tsc; at--)
			samples[at] = samples[at - 1];
		samples[at] = sample;
	}
	lapic_timer_start(0);
	return samples[MEASURE_ROUNDS / 2];
}

void clocks_init(const struct cmdline *cmdline)
{
	clocks = (struct clocks){cmdline->tsc_hz, cmdline->lapic_hz};
	if (!clocks.tsc_hz || !clocks.lapic_hz) {
		struct sample sample = measure();

		if (!clocks.tsc_hz)
			clocks.tsc_hz = sample.tsc * PIT_HZ / MEASURE_PIT_TICKS;
		if (!clocks.lapic_hz)
			clocks.lapic_hz = (uint64_t)sample.lapic * PIT_HZ / MEASURE_PIT_TICKS;
	}
	result->tsc_hz = clocks.tsc_hz;
}

uint64_t ns_to_tsc(uint64_t ns)
{
	/* Frequencies are at most 10^10: neither product overflows within a minute. */
	return ns / NSEC_PER_SEC * clocks.tsc_hz + ns % NSEC_PER_SEC * clocks.tsc_hz / NSEC_PER_SEC;
}

void tsc_delay_ns(uint64_t ns)
{
	uint64_t end = rdtsc_fenced() + ns_to_tsc(ns);

	while (rdtsc_fenced() < end)
		cpu_relax();
}
