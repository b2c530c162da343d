/* SPDX-License-Identifier: BSD-2-Clause */
/* The timers that test=timer can measure: local APIC (TSC-deadline, count), PIT, dedicated.
 * Set-up and conversions only; the measured accesses are in wait.S. */
#include "timer.h"

#define LVT_PERIODIC      (1u << 17)
#define LVT_TSC_DEADLINE  (1u << 18)
#define MSR_TSC_DEADLINE  0x6e0
#define LAPIC_INITIAL_GPA (GPA_LAPIC + 0x380)
#define PIT_CHANNEL0      0x40
#define PIT_CONTROL       0x43
#define PIT_CH0_MODE0     0x30
#define PIT_CH0_MODE2     0x34
#define PIT_COUNT_MAX     0xffff
#define PIT_IOAPIC_PIN    2 /* a PC's; KVM's default routing leaves IRQ 0 at pin 0 */

/* For ticks_scale(): hz / tsc_hz as a fraction of 2^64. */
static uint64_t ticks_factor(uint64_t hz)
{
	uint64_t factor, rest;

	/* hz < tsc_hz: the quotient fits. */
	__asm__("divq %4" : "=a"(factor), "=d"(rest) : "a"(0ULL), "d"(hz), "r"(clocks.tsc_hz));
	return factor;
}

/* TSC ticks as ticks of a slower clock. */
static uint64_t ticks_scale(uint64_t ticks, uint64_t factor)
{
	uint64_t low, high;

	__asm__("mulq %3" : "=a"(low), "=d"(high) : "a"(ticks), "r"(factor));
	return high;
}

static uint64_t same_ticks(uint64_t ticks)
{
	return ticks;
}

static void no_acknowledge(uint64_t tsc)
{
	(void)tsc;
}

static uint64_t at_least_1(uint64_t count)
{
	return count ? count : 1;
}

/* ---- local APIC ---- */

static uint64_t lapic_factor, lapic_hz;

static unsigned lapic_deadline_setup(const struct cmdline *cmdline, struct wait_event *event)
{
	lapic_timer_mode(VECTOR_TEST | LVT_TSC_DEADLINE, 0);
	event->msr = MSR_TSC_DEADLINE;
	return cmdline->mode == MODE_ONESHOT ? WAIT_WRMSR_RELATIVE : WAIT_WRMSR;
}

static uint64_t write_deadline(uint64_t deadline, uint64_t b, uint64_t c)
{
	(void)b, (void)c;
	wrmsr(MSR_TSC_DEADLINE, deadline);
	return 0;
}

static void lapic_deadline_stop(void)
{
	kernel_call(write_deadline, 0, 0, 0);
}

const struct timer_source timer_lapic_deadline = {
	.setup = lapic_deadline_setup,
	.relative = same_ticks,
	.acknowledge = no_acknowledge,
	.stop = lapic_deadline_stop,
	.vector = VECTOR_TEST,
};

/* The slowest division of the bus clock that is needed to stay below the TSC: most often none. */
static unsigned lapic_count_setup(const struct cmdline *cmdline, struct wait_event *event)
{
	unsigned shift = 0;

	while (clocks.lapic_hz >> shift >= clocks.tsc_hz)
		shift++;
	lapic_hz = clocks.lapic_hz >> shift;
	lapic_factor = ticks_factor(lapic_hz);
	if (ticks_scale(ns_to_tsc(cmdline->interval_ns), lapic_factor) > UINT32_MAX)
		test_cmdline("interval_ns: too long for the local APIC's count");
	lapic_timer_mode(VECTOR_TEST | (cmdline->mode == MODE_PERIODIC ? LVT_PERIODIC : 0), shift);
	event->factor = lapic_factor;
	event->address = LAPIC_INITIAL_GPA;
	return cmdline->mode == MODE_ONESHOT ? WAIT_STORE32 : WAIT_STORE32_SCALED;
}

static uint64_t lapic_relative(uint64_t ticks)
{
	return at_least_1(ticks_scale(ticks, lapic_factor));
}

static struct period lapic_start_periodic(uint64_t now, uint64_t interval)
{
	uint64_t count = lapic_relative(interval);

	(void)now;
	lapic_timer_start((uint32_t)count);
	return (struct period){count, lapic_hz};
}

static void lapic_count_stop(void)
{
	lapic_timer_start(0);
}

const struct timer_source timer_lapic_count = {
	.setup = lapic_count_setup,
	.relative = lapic_relative,
	.start_periodic = lapic_start_periodic,
	.acknowledge = no_acknowledge,
	.stop = lapic_count_stop,
	.vector = VECTOR_TEST,
};

/* ---- PIT, channel 0, IRQ 0 ---- */

static uint64_t pit_factor;

static unsigned pit_setup(const struct cmdline *cmdline, struct wait_event *event)
{
	pit_factor = ticks_factor(PIT_HZ);
	if (ticks_scale(ns_to_tsc(cmdline->interval_ns), pit_factor) > PIT_COUNT_MAX)
		test_cmdline("interval_ns: source=pit counts to 54900000 at most");
	/* Written once: mode 0 starts again with each new count (82C54 data sheet, Mode 0). The
	 * control word of mode 2 raises OUT: that edge is here, to be drained, and is no tick
	 * later. */
	out8(PIT_CONTROL, cmdline->mode == MODE_PERIODIC ? PIT_CH0_MODE2 : PIT_CH0_MODE0);
	ioapic_route(0, VECTOR_TEST, lapic_id());
	ioapic_route(PIT_IOAPIC_PIN, VECTOR_TEST, lapic_id());
	event->factor = pit_factor;
	return cmdline->mode == MODE_ONESHOT ? WAIT_PIT : WAIT_PIT_SCALED;
}

static uint64_t pit_relative(uint64_t ticks)
{
	return at_least_1(ticks_scale(ticks, pit_factor));
}

/* Mode 2 repeats every count, which is at least 2. */
static struct period pit_start_periodic(uint64_t now, uint64_t interval)
{
	uint64_t count = ticks_scale(interval, pit_factor);

	(void)now;
	if (count < 2)
		count = 2;
	out8(PIT_CONTROL,
		PIT_CH0_MODE2); /* a new count alone would wait for the old period's end */
	out8(PIT_CHANNEL0, (uint8_t)count);
	out8(PIT_CHANNEL0, (uint8_t)(count >> 8));
	return (struct period){count, PIT_HZ};
}

/* The control word alone stops the chip, but not every model of it; the longest count does. */
static void pit_stop(void)
{
	out8(PIT_CONTROL, PIT_CH0_MODE0);
	out8(PIT_CHANNEL0, PIT_COUNT_MAX & 0xff);
	out8(PIT_CHANNEL0, PIT_COUNT_MAX >> 8);
}

const struct timer_source timer_pit = {
	.setup = pit_setup,
	.relative = pit_relative,
	.start_periodic = pit_start_periodic,
	.acknowledge = no_acknowledge,
	.stop = pit_stop,
	.vector = VECTOR_TEST,
};

/* ---- dedicated ---- */

static volatile struct dedicated_page page __attribute__((aligned(4096)));
static bool through_page, ring_always;

static void dt_write(uint64_t reg, uint64_t value)
{
	mmio_write64(GPA_DEDICATED + reg, value);
}

static unsigned dedicated_setup(const struct cmdline *cmdline, struct wait_event *event)
{
	uint64_t control = DT_CONTROL_ENABLE;

	if (mmio_read64(GPA_DEDICATED + DT_ID) != DT_ID_VALUE)
		test_unavailable("this machine has no dedicated timer", "");
	if (cmdline->mode == MODE_PERIODIC)
		control |= DT_CONTROL_PERIODIC;
	if (cmdline->arm == ARM_SHARED)
		control |= DT_CONTROL_SHARED;
	if (cmdline->residual)
		control |= DT_CONTROL_RESIDUAL;
	through_page = cmdline->arm != ARM_MMIO;
	ring_always = cmdline->arm == ARM_IOEVENTFD;
	dt_write(DT_VECTOR, DT_VECTOR_DEFAULT);
	dt_write(DT_DEST, lapic_id());
	dt_write(DT_PAGE, (uintptr_t)&page);
	dt_write(DT_CONTROL, control);
	if (through_page)
		return WAIT_NOTHING;
	event->address = GPA_DEDICATED + DT_DEADLINE;
	return cmdline->mode == MODE_ONESHOT ? WAIT_STORE64_RELATIVE : WAIT_STORE64;
}

static void dedicated_arm(uint64_t deadline)
{
	page.deadline = deadline;
	page.arm_seq++;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (ring_always || page.need_doorbell)
		dt_write(DT_DOORBELL, 1);
}

static struct period dedicated_start_periodic(uint64_t now, uint64_t interval)
{
	dt_write(DT_PERIOD, interval);
	if (through_page)
		dedicated_arm(now + interval);
	else
		dt_write(DT_DEADLINE, now + interval);
	return (struct period){interval, clocks.tsc_hz};
}

static void dedicated_acknowledge(uint64_t tsc)
{
	page.ack_tsc = tsc;
	page.ack_seq++;
}

static uint64_t dedicated_fired(void)
{
	return page.fire_seq + page.missed;
}

static uint64_t dedicated_advance(void)
{
	return page.advance;
}

static void dedicated_stop(void)
{
	dt_write(DT_CONTROL, 0);
}

const struct timer_source timer_dedicated = {
	.setup = dedicated_setup,
	.relative = same_ticks,
	.arm = dedicated_arm,
	.start_periodic = dedicated_start_periodic,
	.acknowledge = dedicated_acknowledge,
	.fired = dedicated_fired,
	.advance = dedicated_advance,
	.stop = dedicated_stop,
	.vector = DT_VECTOR_DEFAULT,
	.wakes_early = true,
};
