/* SPDX-License-Identifier: BSD-2-Clause */
/* test=timer: each CPU arms a timer of its own count times, and records when each was armed and
 * due, and when its handler ran. It reduces nothing: every event leaves as a record.
 *
 * Interrupts are open only while a CPU waits for its timer. So load, which is on CPU 0 only,
 * reaches it there: what comes while the next event is armed and recorded (or, with residual, while
 * the rest is spun) is pending until the next wait begins, and is taken before it halts. A device
 * that waits for its handler raises nothing more meanwhile. */
#include "guest_load.h"
#include "team.h"
#include "timer.h"

/* Residual ignores the worst wake-ups while warming up: the host took the CPU away. */
#define LATEST 3

/* A CPU's run: what to do with each event, and what is known so far. */
struct run {
	const struct cmdline *cmdline;
	const struct timer_source *source; /* NULL: tsc-poll */
	struct timer timer;
	struct wait_event event;
	unsigned arm;            /* WAIT_*, for one deadline */
	uint64_t interval;       /* TSC ticks */
	uint64_t lead;           /* residual: the device is armed this much early */
	uint64_t latest[LATEST]; /* wake-ups from the device's deadline on, latest first */
	uint64_t missed;
	struct guest_timer_event *next; /* NULL while warming up */
} __attribute__((aligned(64)));

static struct run runs[CPUS_MAX];

/* What is pending in this CPU's local APIC is taken now: an interrupt of lower priority to itself
 * comes after it, and at once. */
static void drain(void)
{
	struct wait_event event = {
		.stub = wait_stubs[WAIT_STORE32][WAIT_USER],
		.value = ICR_SELF | VECTOR_DRAIN,
		.address = LAPIC_ICR_GPA,
	};

	wait_user(&event);
}

/* Before a timer is armed, as every kernel opens interrupts some time: a timer that is due whenever
 * a wait begins, and comes first, would keep the load out for good. */
static void let_load_in(const struct run *run)
{
	if (run->timer.cpu == 0 && load_is_pending())
		drain();
}

/* With each=1 no event is without an interrupt of the load. */
static void await_load(const struct run *run)
{
	if (run->timer.cpu == 0 && run->cmdline->each)
		load_wait();
}

static void record(struct run *run, const struct guest_timer_event *event)
{
	if (run->timer.cpu == 0)
		load_turn();
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

static void acknowledge(const struct run *run, uint64_t tsc)
{
	if (run->source->acknowledge)
		run->source->acknowledge(&run->timer, tsc);
}

/* The interrupt came: fill enter and done; with residual, the rest of the time is spun here. */
static void handled(struct run *run, struct guest_timer_event *event)
{
	if (!run->cmdline->residual) {
		acknowledge(run, run->event.enter);
		event->enter = run->event.enter;
		event->done = run->event.done;
		return;
	}
	uint64_t ready = rdtsc_fenced();

	acknowledge(run, ready);
	note_wakeup(run, (int64_t)(ready + run->lead - event->deadline));
	event->enter = spin_until(event->deadline);
	event->done = rdtsc_fenced();
}

/* Each deadline is one interval after its own arm stamp. */
static void run_oneshot(struct run *run, uint64_t count)
{
	uint64_t ticks = run->interval > run->lead ? run->interval - run->lead : 1;
	struct guest_timer_event event;

	run->event.value = run->source->relative(&run->timer, ticks);
	while (count--) {
		await_load(run);
		let_load_in(run);
		if (run->arm == WAIT_NOTHING) {
			event.arm = rdtsc_fenced();
			run->source->arm(&run->timer, event.arm + ticks);
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
		await_load(run);
		let_load_in(run);
		event.arm = rdtsc_fenced();
		event.deadline += run->interval;
		while (event.deadline <= event.arm) {
			event.deadline += run->interval;
			run->missed++;
		}
		run->event.value = event.deadline - run->lead;
		if (run->arm == WAIT_NOTHING) {
			run->source->arm(&run->timer, run->event.value);
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
static uint64_t tick_number(const struct ticks *ticks, const struct run *run, uint64_t enter)
{
	const struct timer_source *source = run->source;
	uint64_t due, fired;

	/* Two clocks, each rounded: a device that does not count may tick a little early. */
	if (!source->fired)
		return ticks_due(ticks, enter + (tick_time(ticks, 1) - ticks->start) / 8);
	due = ticks_due(ticks, enter + source->advance(&run->timer));
	fired = source->fired(&run->timer) - ticks->fired;
	return fired < due ? fired : due;
}

/* Late ticks may be lost, or still come one by one (KVM's PIT replays them): only what came
 * afterwards tells. So, from the end, each interrupt was for the latest tick it can have been for
 * that no later one claims. The records hold tick numbers in place of deadlines. Returns how many
 * were lost. */
static uint64_t renumber(
	const struct ticks *ticks, struct guest_timer_event *events, uint64_t count)
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
	return last - count;
}

/* Residual spins to a deadline, so it must be known at once: late ticks are taken for lost. */
static void run_periodic(struct run *run, uint64_t count)
{
	const struct timer_source *source = run->source;
	struct guest_timer_event event;
	struct ticks ticks = {.fired = source->fired ? source->fired(&run->timer) : 0};
	struct guest_timer_event *first = run->next;

	ticks.start = event.arm = rdtsc_fenced();
	ticks.period = source->start_periodic(&run->timer, ticks.start, run->interval);
	for (uint64_t i = 0; i < count; i++) {
		await_load(run);
		wait(run, WAIT_NOTHING);
		event.deadline = tick_number(&ticks, run, run->event.enter);
		if (run->cmdline->residual) {
			if (event.deadline <= ticks.last)
				event.deadline = ticks.last + 1;
			run->missed += event.deadline - ticks.last - 1;
			ticks.last = event.deadline;
			event.deadline = tick_time(&ticks, ticks.last) + run->lead;
		}
		handled(run, &event);
		record(run, &event);
		event.arm = 0;
	}
	if (first && !run->cmdline->residual)
		run->missed = renumber(&ticks, first, count);
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
			run->missed++;
		}
		event.deadline = deadline;
		event.enter = spin_until(deadline);
		event.done = rdtsc_fenced();
		record(run, &event);
	}
}

static const struct timer_source *choose_source(const struct cmdline *cmdline)
{
	switch (cmdline->source) {
	case SOURCE_LAPIC:
		return timer_lapic(cmdline);
	case SOURCE_PIT:
		return &timer_pit;
	case SOURCE_DEDICATED:
		return &timer_dedicated;
	default:
		return NULL;
	}
}

/* The interrupt table is everybody's: it changes when nobody waits for a timer. */
static void interrupts_go_to(const struct run *run, void (*handler)(void))
{
	team_meet();
	if (run->timer.cpu == 0) {
		idt_set(run->source->vector, handler);
		irq_spurious_count = 0;
	}
	team_meet();
}

/* What a device that was stopped or set up left pending goes to a handler that only counts. */
static void prepare(struct run *run)
{
	run->arm = run->source->setup(&run->timer, run->cmdline, &run->event);
	interrupts_go_to(run, irq_spurious);
	drain();
	interrupts_go_to(run, irq_stamp);
}

/* Warming up also shows how late this source wakes a guest: with residual, it is armed that much
 * early, and a quarter more. */
static void warm_up(struct run *run)
{
	run_events(run, run->cmdline->warmup);
	run->source->stop(&run->timer);
	if (run->cmdline->residual && !run->source->wakes_early)
		run->lead = run->latest[LATEST - 1] / 4 * 5;
	run->missed = 0;
}

/* Each CPU, at CPL 3. */
static void run_on(unsigned cpu)
{
	struct run *run = &runs[cpu];
	uint64_t count = run->cmdline->count;

	lapic_init();
	if (run->source) {
		prepare(run);
		warm_up(run);
		prepare(run);
	}
	run->next = (struct guest_timer_event *)result->record_gpa + cpu * count;
	if (cpu == 0) {
		measure_begin();
		load_begin();
	}
	team_meet();
	if (run->source) {
		run_events(run, count);
		run->source->stop(&run->timer);
		/* Periodic ticks that were due at every wait have kept it out, and one that is
		 * still pending ends the first drain. */
		for (unsigned i = 0; i < 2 && run->cmdline->each; i++)
			let_load_in(run);
	} else {
		poll_tsc(run, count);
	}
	team_part(cpu);
}

void test_timer(const struct cmdline *cmdline)
{
	const struct timer_source *source = choose_source(cmdline);
	unsigned cpus = (unsigned)cmdline->vcpus;

	records_prepare(cpus * cmdline->count, sizeof(struct guest_timer_event));
	lapic_init();
	clocks_init(cmdline);
	if (source && source->require)
		source->require(cmdline);
	for (unsigned cpu = 0; cpu < cpus; cpu++)
		runs[cpu] = (struct run){
			.cmdline = cmdline,
			.source = source,
			.timer.cpu = cpu,
			.interval = ns_to_tsc(cmdline->interval_ns),
		};
	stamp_cost(!source || cmdline->residual);
	load_start(cmdline);
	team_start(cpus, run_on);
	load_end();
	measure_end();
	load_stop();
	for (unsigned cpu = 0; cpu < cpus; cpu++)
		result->missed += runs[cpu].missed;
	result->record_count = (uint32_t)(cpus * cmdline->count);
}
