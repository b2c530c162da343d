/* SPDX-License-Identifier: BSD-2-Clause */
/* The timers that test=timer can measure: local APIC (TSC-deadline, count), PIT, dedicated.
 * Set-up and conversions only; the measured accesses are in wait.S. */
#include "timer.h"

#define LVT_TSC_DEADLINE  (1u << 18)
#define MSR_TSC_DEADLINE  0x6e0
#define LAPIC_INITIAL_GPA (GPA_LAPIC + 0x380)
#define PIT_CHANNEL0      0x40
#define PIT_CONTROL       0x43
#define PIT_CH0_MODE0     0x30
#define PIT_CH0_MODE2     0x34
#define PIT_COUNT_MAX     0xffff
#define PIT_IOAPIC_PIN    2 /* a PC's; KVM's default routing leaves IRQ 0 at pin 0 */

/* hz / tsc_hz as a fraction of 2^64. */
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

static uint64_t same_ticks(const struct timer *timer, uint64_t ticks)
{
	(void)timer;
	return ticks;
}

static uint64_t count_relative(const struct timer *timer, uint64_t ticks)
{
	uint64_t count = ticks_scale(ticks, timer->factor);

	return count ? count : 1;
}

/* ---- local APIC ---- */

/* CPUID.01H:ECX[24]; at CPL 0, where the monitor answers. */
static uint64_t has_tsc_deadline(uint64_t a, uint64_t b, uint64_t c)
{
	uint32_t eax = 1, ebx, ecx = 0, edx;

	(void)a, (void)b, (void)c;
	__asm__ volatile("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
	return ecx >> 24 & 1;
}

const struct timer_source *timer_lapic(const struct cmdline *cmdline)
{
	bool supported;

	if (cmdline->mode == MODE_PERIODIC || cmdline->lapic_timer == LAPIC_TIMER_ONESHOT)
		return &timer_lapic_count;
	supported = kernel_call(has_tsc_deadline, 0, 0, 0);
	if (cmdline->lapic_timer == LAPIC_TIMER_TSC_DEADLINE && !supported)
		test_unavailable("this CPU's local APIC has no TSC-deadline mode", "");
	return supported ? &timer_lapic_deadline : &timer_lapic_count;
}

static unsigned lapic_deadline_setup(
	struct timer *timer, const struct cmdline *cmdline, struct wait_event *event)
{
	(void)timer;
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

static void lapic_deadline_stop(const struct timer *timer)
{
	(void)timer;
	kernel_call(write_deadline, 0, 0, 0);
}

const struct timer_source timer_lapic_deadline = {
	.setup = lapic_deadline_setup,
	.relative = same_ticks,
	.stop = lapic_deadline_stop,
	.vector = VECTOR_TEST,
};

/* The slowest division of the bus clock that is needed to stay below the TSC: most often none. */
static unsigned lapic_shift(void)
{
	unsigned shift = 0;

	while (clocks.lapic_hz >> shift >= clocks.tsc_hz)
		shift++;
	return shift;
}

static void lapic_count_require(const struct cmdline *cmdline)
{
	uint64_t factor = ticks_factor(clocks.lapic_hz >> lapic_shift());

	if (ticks_scale(ns_to_tsc(cmdline->interval_ns), factor) > UINT32_MAX)
		test_cmdline("interval_ns: too long for the local APIC's count");
}

static unsigned lapic_count_setup(
	struct timer *timer, const struct cmdline *cmdline, struct wait_event *event)
{
	unsigned shift = lapic_shift();

	timer->hz = clocks.lapic_hz >> shift;
	timer->factor = ticks_factor(timer->hz);
	lapic_timer_mode(VECTOR_TEST | (cmdline->mode == MODE_PERIODIC ? LVT_PERIODIC : 0), shift);
	event->factor = timer->factor;
	event->address = LAPIC_INITIAL_GPA;
	return cmdline->mode == MODE_ONESHOT ? WAIT_STORE32 : WAIT_STORE32_SCALED;
}

static struct period lapic_start_periodic(
	const struct timer *timer, uint64_t now, uint64_t interval)
{
	uint64_t count = count_relative(timer, interval);

	(void)now;
	lapic_timer_start((uint32_t)count);
	return (struct period){count, timer->hz};
}

static void lapic_count_stop(const struct timer *timer)
{
	(void)timer;
	lapic_timer_start(0);
}

const struct timer_source timer_lapic_count = {
	.require = lapic_count_require,
	.setup = lapic_count_setup,
	.relative = count_relative,
	.start_periodic = lapic_start_periodic,
	.stop = lapic_count_stop,
	.vector = VECTOR_TEST,
};

/* ---- PIT, channel 0, IRQ 0 ---- */

static void pit_require(const struct cmdline *cmdline)
{
	if (cmdline->vcpus > 1)
		test_unavailable("source=pit: there is one PIT for all CPUs", "");
	if (ticks_scale(ns_to_tsc(cmdline->interval_ns), ticks_factor(PIT_HZ)) > PIT_COUNT_MAX)
		test_cmdline("interval_ns: source=pit counts to 54900000 at most");
}

static unsigned pit_setup(
	struct timer *timer, const struct cmdline *cmdline, struct wait_event *event)
{
	timer->hz = PIT_HZ;
	timer->factor = ticks_factor(PIT_HZ);
	/* Written once: mode 0 starts again with each new count (82C54 data sheet, Mode 0). The
	 * control word of mode 2 raises OUT: that edge is here, to be drained, and is no tick
	 * later. */
	out8(PIT_CONTROL, cmdline->mode == MODE_PERIODIC ? PIT_CH0_MODE2 : PIT_CH0_MODE0);
	ioapic_route(0, VECTOR_TEST, lapic_id());
	ioapic_route(PIT_IOAPIC_PIN, VECTOR_TEST, lapic_id());
	event->factor = timer->factor;
	return cmdline->mode == MODE_ONESHOT ? WAIT_PIT : WAIT_PIT_SCALED;
}

/* Mode 2 repeats every count, which is at least 2. */
static struct period pit_start_periodic(const struct timer *timer, uint64_t now, uint64_t interval)
{
	uint64_t count = ticks_scale(interval, timer->factor);

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
static void pit_stop(const struct timer *timer)
{
	(void)timer;
	out8(PIT_CONTROL, PIT_CH0_MODE0);
	out8(PIT_CHANNEL0, PIT_COUNT_MAX & 0xff);
	out8(PIT_CHANNEL0, PIT_COUNT_MAX >> 8);
}

const struct timer_source timer_pit = {
	.require = pit_require,
	.setup = pit_setup,
	.relative = count_relative,
	.start_periodic = pit_start_periodic,
	.stop = pit_stop,
	.vector = VECTOR_TEST,
};

/* ---- dedicated: one for each CPU ---- */

#define DEDICATED_BYTES 0x1000

/* On pages of their own: the monitor watches them. */
static volatile struct {
	struct dedicated_page page;
} __attribute__((aligned(4096))) pages[CPUS_MAX];

static void dt_write(const struct timer *timer, uint64_t reg, uint64_t value)
{
	mmio_write64(timer->registers + reg, value);
}

static void dedicated_require(const struct cmdline *cmdline)
{
	for (uint64_t cpu = 0; cpu < cmdline->vcpus; cpu++)
		if (mmio_read64(GPA_DEDICATED + cpu * DEDICATED_BYTES + DT_ID) != DT_ID_VALUE)
			test_unavailable(cpu ? "this machine has not a dedicated timer for each CPU"
					     : "this machine has no dedicated timer",
				"");
}

static unsigned dedicated_setup(
	struct timer *timer, const struct cmdline *cmdline, struct wait_event *event)
{
	uint64_t control = DT_CONTROL_ENABLE;

	if (cmdline->mode == MODE_PERIODIC)
		control |= DT_CONTROL_PERIODIC;
	if (cmdline->arm == ARM_SHARED)
		control |= DT_CONTROL_SHARED;
	if (cmdline->residual)
		control |= DT_CONTROL_RESIDUAL;
	timer->registers = GPA_DEDICATED + (uint64_t)timer->cpu * DEDICATED_BYTES;
	timer->page = &pages[timer->cpu].page;
	timer->through_page = cmdline->arm != ARM_MMIO;
	timer->ring_always = cmdline->arm == ARM_IOEVENTFD;
	dt_write(timer, DT_VECTOR, DT_VECTOR_DEFAULT);
	dt_write(timer, DT_DEST, lapic_id());
	dt_write(timer, DT_PAGE, (uintptr_t)timer->page);
	dt_write(timer, DT_CONTROL, control);
	if (timer->through_page)
		return WAIT_NOTHING;
	event->address = timer->registers + DT_DEADLINE;
	return cmdline->mode == MODE_ONESHOT ? WAIT_STORE64_RELATIVE : WAIT_STORE64;
}

static void dedicated_arm(const struct timer *timer, uint64_t deadline)
{
	timer->page->deadline = deadline;
	timer->page->arm_seq++;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (timer->ring_always || timer->page->need_doorbell)
		dt_write(timer, DT_DOORBELL, 1);
}

static struct period dedicated_start_periodic(
	const struct timer *timer, uint64_t now, uint64_t interval)
{
	dt_write(timer, DT_PERIOD, interval);
	if (timer->through_page)
		dedicated_arm(timer, now + interval);
	else
		dt_write(timer, DT_DEADLINE, now + interval);
	return (struct period){interval, clocks.tsc_hz};
}

static void dedicated_acknowledge(const struct timer *timer, uint64_t tsc)
{
	timer->page->ack_tsc = tsc;
	timer->page->ack_seq++;
}

static uint64_t dedicated_fired(const struct timer *timer)
{
	return timer->page->fire_seq + timer->page->missed;
}

static uint64_t dedicated_advance(const struct timer *timer)
{
	return timer->page->advance;
}

static void dedicated_stop(const struct timer *timer)
{
	dt_write(timer, DT_CONTROL, 0);
}

const struct timer_source timer_dedicated = {
	.require = dedicated_require,
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
