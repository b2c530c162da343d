/* SPDX-License-Identifier: BSD-2-Clause */
/* test=timer: arms a timer count times, and records when each was armed and due, and when its
 * handler ran. It reduces nothing: every event leaves as a record. */
#include "timer.h"

/* Residual ignores the worst wake-ups while warming up: the host took the CPU away. */
#define LATEST 3

/* A run: what to do with each event, and what is known so far. */
struct run {
	const struct cmdline *cmdline;
	const struct timer_source *source;
	struct wait_event event;
	unsigned arm;                   /* WAIT_*, for one deadline */
	uint64_t interval;              /* TSC ticks */
	uint64_t lead;                  /* residual: the device is armed this much early */
	uint64_t latest[LATEST];        /* wake-ups from the device's deadline on, latest first */
	struct guest_timer_event *next; /* NULL while warming up */
};

static void record(struct run *run, const struct guest_timer_event *event)
{
	if (run->next)
		*run->next++ = *event;
}

static void wait(struct run *run, unsigned arm)
{
	run->event.stub = wait_stubs[arm][run->cmdline->wait];
	wait_as(run->cmdline->wait, &run->event);
}

static void note_wakeup(struct run *run, int64_t late)
{
	for (unsigned i = 0; i < LATEST && late > 0; i++) {
		int64_t other = (int64_t)run->latest[i];

		if (late > other) {
			run->latest[i] = (uint64_t)late;
			late = other;
		}
	}
}

static uint64_t spin_until(uint64_t deadline)
{
	uint64_t now;

	do
		now = rdtsc_fenced();
	while ((int64_t)(now - deadline) < 0);
	return now;
}

/* The interrupt came: fill enter and done; with residual, the rest of the time is spun here. */
static void handled(struct run *run, struct guest_timer_event *event)
{
	if (!run->cmdline->residual) {
		run->source->acknowledge(run->event.enter);
		event->enter = run->event.enter;
		event->done = run->event.done;
		return;
	}
	uint64_t ready = rdtsc_fenced();

	run->source->acknowledge(ready);
	note_wakeup(run, (int64_t)(ready + run->lead - event->deadline));
	event->enter = spin_until(event->deadline);
	event->done = rdtsc_fenced();
}

/* Each deadline is one interval after its own arm stamp. */
static void run_oneshot(struct run *run, uint64_t count)
{
	uint64_t ticks = run->interval > run->lead ? run->interval - run->lead : 1;
	struct guest_timer_event event;

	run->event.value = run->source->relative(ticks);
	while (count--) {
		if (run->arm == WAIT_NOTHING) {
			event.arm = rdtsc_fenced();
			run->source->arm(event.arm + ticks);
			wait(run, WAIT_NOTHING);
		} else {
			wait(run, run->arm);
			event.arm = run->event.arm;
		}
		event.deadline = event.arm + run->interval;
		handled(run, &event);
		record(run, &event);
	}
}

/* Deadlines are on a grid; those that have passed before they could be armed are skipped and
 * counted. */
static void run_deadline(struct run *run, uint64_t count)
{
	struct guest_timer_event event = {.deadline = rdtsc_fenced()};

	while (count--) {
		event.arm = rdtsc_fenced();
		event.deadline += run->interval;
		while (event.deadline <= event.arm) {
			event.deadline += run->interval;
			result->missed++;
		}
		run->event.value = event.deadline - run->lead;
		if (run->arm == WAIT_NOTHING) {
			run->source->arm(run->event.value);
			wait(run, WAIT_NOTHING);
		} else {
			wait(run, run->arm);
			event.arm = run->event.arm;
		}
		handled(run, &event);
		record(run, &event);
	}
}

/* a * b / c; the quotient fits. */
static uint64_t mul_div(uint64_t a, uint64_t b, uint64_t c)
{
	__asm__("mulq %1; divq %2" : "+a"(a) : "r"(b), "r"(c) : "rdx");
	return a;
}

/* Ticks of a periodic device, numbered from 1. */
struct ticks {
	struct period period;
	uint64_t start, fired; /* the TSC and the device's own count before the first */
	uint64_t last;         /* residual */
};

static uint64_t tick_time(const struct ticks *ticks, uint64_t tick)
{
	return ticks->start + mul_div(tick * ticks->period.count, clocks.tsc_hz, ticks->period.hz);
}

/* How many ticks were due at tsc. */
static uint64_t ticks_due(const struct ticks *ticks, uint64_t tsc)
{
	return mul_div(tsc - ticks->start, ticks->period.hz, clocks.tsc_hz) / ticks->period.count;
}

/* The tick that came at enter: the latest that was due, and not after what a device that counts
 * had raised when it was read. */
static uint64_t tick_number(
	const struct ticks *ticks, const struct timer_source *source, uint64_t enter)
{
	uint64_t due, fired;

	/* Two clocks, each rounded: a device that does not count may tick a little early. */
	if (!source->fired)
		return ticks_due(ticks, enter + (tick_time(ticks, 1) - ticks->start) / 8);
	due = ticks_due(ticks, enter + source->advance());
	fired = source->fired() - ticks->fired;
	return fired < due ? fired : due;
}

/* Late ticks may be lost, or still come one by one (KVM's PIT replays them): only what came
 * afterwards tells. So, from the end, each interrupt was for the latest tick it can have been for
 * that no later one claims. The records hold tick numbers in place of deadlines. */
static void renumber(const struct ticks *ticks, struct guest_timer_event *events, uint64_t count)
{
	uint64_t next = UINT64_MAX, last = 0;

	for (uint64_t i = count; i--;) {
		next = events[i].deadline < next ? events[i].deadline : next - (next != 0);
		events[i].deadline = next;
	}
	for (uint64_t i = 0; i < count; i++) {
		last = events[i].deadline > last ? events[i].deadline : last + 1;
		events[i].deadline = tick_time(ticks, last);
	}
	result->missed = last - count;
}

/* Residual spins to a deadline, so it must be known at once: late ticks are taken for lost. */
static void run_periodic(struct run *run, uint64_t count)
{
	const struct timer_source *source = run->source;
	struct guest_timer_event event;
	struct ticks ticks = {.fired = source->fired ? source->fired() : 0};
	struct guest_timer_event *first = run->next;

	ticks.start = event.arm = rdtsc_fenced();
	ticks.period = source->start_periodic(ticks.start, run->interval);
	for (uint64_t i = 0; i < count; i++) {
		wait(run, WAIT_NOTHING);
		event.deadline = tick_number(&ticks, source, run->event.enter);
		if (run->cmdline->residual) {
			if (event.deadline <= ticks.last)
				event.deadline = ticks.last + 1;
			result->missed += event.deadline - ticks.last - 1;
			ticks.last = event.deadline;
			event.deadline = tick_time(&ticks, ticks.last) + run->lead;
		}
		handled(run, &event);
		record(run, &event);
		event.arm = 0;
	}
	if (first && !run->cmdline->residual)
		renumber(&ticks, first, count);
}

static void run_events(struct run *run, uint64_t count)
{
	switch (run->cmdline->mode) {
	case MODE_ONESHOT:
		run_oneshot(run, count);
		break;
	case MODE_DEADLINE:
		run_deadline(run, count);
		break;
	default:
		run_periodic(run, count);
	}
}

/* No timer: what a guest can do at best by reading the TSC. */
static void poll_tsc(struct run *run, uint64_t count)
{
	struct guest_timer_event event;
	uint64_t deadline = rdtsc_fenced();

	while (count--) {
		event.arm = rdtsc_fenced();
		deadline =
			(run->cmdline->mode == MODE_ONESHOT ? event.arm : deadline) + run->interval;
		while (deadline <= event.arm) {
			deadline += run->interval;
			result->missed++;
		}
		event.deadline = deadline;
		event.enter = spin_until(deadline);
		event.done = rdtsc_fenced();
		record(run, &event);
	}
}

/* CPUID.01H:ECX[24]; at CPL 0, where the monitor answers. */
static uint64_t has_tsc_deadline(uint64_t a, uint64_t b, uint64_t c)
{
	uint32_t eax = 1, ebx, ecx = 0, edx;

	(void)a, (void)b, (void)c;
	__asm__ volatile("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
	return ecx >> 24 & 1;
}

static const struct timer_source *choose_lapic(const struct cmdline *cmdline)
{
	bool supported;

	if (cmdline->mode == MODE_PERIODIC || cmdline->lapic_timer == LAPIC_TIMER_ONESHOT)
		return &timer_lapic_count;
	supported = kernel_call(has_tsc_deadline, 0, 0, 0);
	if (cmdline->lapic_timer == LAPIC_TIMER_TSC_DEADLINE && !supported)
		test_unavailable("this CPU's local APIC has no TSC-deadline mode", "");
	return supported ? &timer_lapic_deadline : &timer_lapic_count;
}

static const struct timer_source *choose_source(const struct cmdline *cmdline)
{
	switch (cmdline->source) {
	case SOURCE_LAPIC:
		return choose_lapic(cmdline);
	case SOURCE_PIT:
		return &timer_pit;
	case SOURCE_DEDICATED:
		return &timer_dedicated;
	default:
		return NULL;
	}
}

/* What a device that was stopped or set up left pending in the local APIC is taken now, by a
 * handler that only counts: an interrupt of lower priority from this CPU to itself comes after it.
 */
static void drain(struct run *run)
{
	struct wait_event event = {
		.stub = wait_stubs[WAIT_STORE32][WAIT_HLT],
		.value = ICR_SELF | VECTOR_DRAIN,
		.address = LAPIC_ICR_GPA,
	};

	idt_set(run->source->vector, irq_spurious);
	idt_set(VECTOR_DRAIN, irq_stamp);
	wait_hlt(&event);
	irq_spurious_count = 0;
}

static void prepare(struct run *run)
{
	run->arm = run->source->setup(run->cmdline, &run->event);
	drain(run);
	idt_set(run->source->vector, irq_stamp);
}

/* Warming up also shows how late this source wakes a guest: with residual, it is armed that much
 * early, and a quarter more. */
static void warm_up(struct run *run)
{
	run_events(run, run->cmdline->warmup);
	run->source->stop();
	if (run->cmdline->residual && !run->source->wakes_early)
		run->lead = run->latest[LATEST - 1] / 4 * 5;
	result->missed = 0;
}

void test_timer(const struct cmdline *cmdline)
{
	struct run run = {.cmdline = cmdline, .source = choose_source(cmdline)};
	void *records = records_prepare(cmdline->count, sizeof(struct guest_timer_event));

	lapic_init();
	clocks_init(cmdline);
	run.interval = ns_to_tsc(cmdline->interval_ns);
	stamp_cost(!run.source || cmdline->residual);
	if (run.source) {
		prepare(&run);
		warm_up(&run);
		prepare(&run);
	}
	run.next = records;
	measure_begin();
	if (run.source) {
		run_events(&run, cmdline->count);
		run.source->stop();
	} else {
		poll_tsc(&run, cmdline->count);
	}
	measure_end();
	result->record_count = (uint32_t)cmdline->count;
}
