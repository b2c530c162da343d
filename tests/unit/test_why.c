/* SPDX-License-Identifier: BSD-2-Clause */
/* why: runs whose truth is known, and whether the causes found are that truth. One tick is one
 * nanosecond here. It measures nothing. */
#include "../../src/bench/why/why_file.h"

#include "tickvm/clock.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#define EVENTS   100
#define INTERVAL 100000
#define WAKE     100
#define INJECT   900
#define DELIVER  3000
#define LATE     (WAKE + INJECT + DELIVER)
#define US       1000

/* A run of a dedicated timer in which every event takes as long as usual. */
static struct {
	struct joined_event events[EVENTS];
	struct host_event timer_events[8], vcpu_events[8];
	struct host_thread threads[2];
	struct host_run runs[8];
	struct host_cpu cpu;
	struct host_task tasks[2];
	struct host_events host;
	struct trace_event exits[8];
	struct why_run run;
} s;

static uint64_t deadline_of(size_t i)
{
	return 1000000 + i * INTERVAL;
}

static void delay_from(size_t i, uint64_t by, uint64_t *first)
{
	struct joined_event *e = &s.events[i];
	uint64_t *const stamps[] = {&e->wake, &e->injected, &e->guest.enter};
	bool found = false;

	for (unsigned k = 0; k < 3; k++) {
		found |= stamps[k] == first;
		*stamps[k] += found ? by : 0;
	}
}

static void setup(void)
{
	clock_set_tsc_hz(1000000000);
	memset(&s, 0, sizeof(s));
	for (size_t i = 0; i < EVENTS; i++) {
		struct joined_event *e = &s.events[i];

		e->has_record = true;
		e->guest.deadline = e->device_deadline = e->target = deadline_of(i);
		e->armed = e->target - 90000;
		e->wake = e->target + WAKE;
		e->injected = e->wake + INJECT;
		e->guest.enter = e->injected + DELIVER;
	}
	s.threads[0] = (struct host_thread){
		.vcpu = HOST_THREAD_TIMER, .until = UINT64_MAX, .events = s.timer_events};
	s.threads[1] =
		(struct host_thread){.vcpu = 0, .until = UINT64_MAX, .events = s.vcpu_events};
	s.tasks[0] = (struct host_task){.tid = 0, .name = "idle"};
	s.tasks[1] = (struct host_task){.tid = 14, .name = "ksoftirqd/0"};
	s.cpu = (struct host_cpu){.runs = s.runs, .until = UINT64_MAX};
	s.host = (struct host_events){.threads = s.threads,
		.n_threads = 2,
		.cpus = &s.cpu,
		.n_cpus = 1,
		.tasks = s.tasks,
		.n_tasks = 2};
	s.run = (struct why_run){.events = s.events,
		.n = EVENTS,
		.vcpus = 1,
		.path = TIMER_PATH_THREAD,
		.offset_verified = true,
		.host = &s.host,
		.exits[0] = {.exit = s.exits}};
}

static void off_cpu(
	struct host_thread *thread, enum host_event_kind kind, uint64_t begin, uint64_t end)
{
	thread->events[thread->n++] = (struct host_event){.begin = begin, .end = end, .kind = kind};
}

static void exit_at(uint64_t begin, uint64_t end, enum exit_kind kind, const char *device)
{
	s.exits[s.run.exits[0].n++] = (struct trace_event){.exit_tsc = begin,
		.entry_tsc = end,
		.model_begin_tsc = begin,
		.model_end_tsc = end,
		.kind = (uint8_t)kind,
		.device = device};
}

static struct why_event worst(void)
{
	struct why_event events[2];
	uint64_t sum = 0;
	size_t n = 1;

	cr_assert_eq(why_explain(&s.run, events, &n), 0);
	cr_assert_eq(n, 1);
	for (unsigned i = 0; i < events[0].n; i++)
		sum += events[0].causes[i].ticks;
	cr_expect_eq(sum, events[0].ticks, "%llu of %llu", (unsigned long long)sum,
		(unsigned long long)events[0].ticks);
	return events[0];
}

static void expect_cause(const struct why_event *event, unsigned i, enum why_kind kind,
	enum why_place place, uint64_t ticks)
{
	cr_assert_gt(event->n, i);
	cr_expect_str_eq(why_kind_names[event->causes[i].kind], why_kind_names[kind]);
	cr_expect_str_eq(why_place_names[event->causes[i].place], why_place_names[place]);
	cr_expect_eq(event->causes[i].ticks, ticks, "%llu ticks",
		(unsigned long long)event->causes[i].ticks);
}

static void expect_sentence(const struct why_event *event, const char *wanted)
{
	char text[WHY_TEXT_MAX];

	why_sentence(&s.run, event, text);
	cr_expect_str_eq(text, wanted);
}

TestSuite(why, .init = setup);

Test(why, a_preempted_vcpu_is_named_with_who_ran)
{
	uint64_t injected = s.events[40].injected;

	delay_from(40, 1358 * US, &s.events[40].guest.enter);
	off_cpu(&s.threads[1], HOST_PREEMPTED, injected + 10, injected + 10 + 1311 * US);
	s.runs[0] = (struct host_run){.begin = 1000, .task = 0};
	s.runs[1] = (struct host_run){.begin = injected + 20, .task = 1};
	s.runs[2] = (struct host_run){.begin = injected + 1311 * US, .task = 0};
	s.cpu.n = 3;
	struct why_event event = worst();

	cr_expect_eq(event.number, 41);
	expect_cause(&event, 0, WHY_PREEMPTED, WHY_DELIVER, 1311 * US);
	expect_cause(&event, 1, WHY_UNEXPLAINED, WHY_DELIVER, 47 * US);
	expect_sentence(&event,
		"event 41, 1362 us late: vCPU 0's thread was preempted for 1311 us (ksoftirqd/0 "
		"ran on CPU 0); 47.0 us unexplained between injection and handler");
}

Test(why, a_thread_that_is_moved_is_said_to_be)
{
	delay_from(7, 200 * US, &s.events[7].guest.enter);
	off_cpu(&s.threads[1], HOST_PREEMPTED, s.events[7].injected,
		s.events[7].injected + 200 * US);
	s.vcpu_events[0].cpu_after = 1;
	struct why_event event = worst();

	expect_sentence(&event,
		"event 8, 204 us late: vCPU 0's thread was preempted for 200 us and moved from "
		"CPU 0 to CPU 1; 4.0 us as usual");
}

/* It slept since long before: only what is past its target is late. */
Test(why, a_timer_thread_that_wakes_late_is_named)
{
	uint64_t target = s.events[3].target;

	delay_from(3, 24 * US, &s.events[3].wake);
	off_cpu(&s.threads[0], HOST_SLEPT, target - 40 * US, target + 24 * US);
	s.runs[0] = (struct host_run){.begin = 1000, .task = 0};
	s.cpu.n = 1;
	struct why_event event = worst();

	expect_cause(&event, 0, WHY_SLEPT, WHY_WAKE, 24 * US);
	cr_expect_eq(event.causes[0].thread, HOST_THREAD_TIMER);
	expect_sentence(&event,
		"event 4, 28.0 us late: the timer thread woke late from its sleep, by 24.0 us "
		"(CPU 0 was idle); 4.0 us as usual");
}

Test(why, a_timer_thread_that_never_spins_is_told_so)
{
	uint64_t target = s.events[3].target;

	s.run.never_spins = true;
	delay_from(3, 24 * US, &s.events[3].wake);
	off_cpu(&s.threads[0], HOST_SLEPT, target - 40 * US, target + 24 * US);
	struct why_event event = worst();

	expect_sentence(&event,
		"event 4, 28.0 us late: the timer thread woke late from its sleep, by 24.0 us, and "
		"does not spin: --timer-spin 0 leaves all of a wake-up's lateness; 4.0 us as "
		"usual");
}

Test(why, a_timer_thread_that_stood_still_is_named)
{
	uint64_t target = s.events[3].target;

	delay_from(3, 50 * US, &s.events[3].wake);
	off_cpu(&s.threads[0], HOST_STALLED, target - 10 * US, target + 50 * US);
	struct why_event event = worst();

	expect_cause(&event, 0, WHY_STALLED, WHY_WAKE, 50 * US);
	expect_sentence(&event,
		"event 4, 54.0 us late: the timer thread stood still for 50.0 us while it spun on "
		"CPU 0 (taken by an interrupt of this host, or by a hypervisor below it); 4.0 us "
		"as "
		"usual");
}

/* Early by the learned advance, an event spends what is usual before its deadline. */
Test(why, what_is_usual_is_so_before_the_deadline_too)
{
	for (size_t i = 0; i < EVENTS; i++) {
		s.events[i].target -= LATE;
		s.events[i].wake -= LATE;
		s.events[i].injected -= LATE;
		s.events[i].guest.enter -= LATE;
	}
	/* Woken late: injecting and delivering are late with it, and take no longer than ever. */
	delay_from(3, 40 * US, &s.events[3].wake);
	struct why_event event = worst();

	expect_cause(&event, 0, WHY_UNEXPLAINED, WHY_WAKE, 36 * US + WAKE);
	/* Delivered late, after an injection in time. */
	delay_from(3, (uint64_t)-40 * US, &s.events[3].wake);
	delay_from(5, 40 * US, &s.events[5].guest.enter);
	event = worst();
	expect_cause(&event, 0, WHY_UNEXPLAINED, WHY_DELIVER, 40 * US);
}

Test(why, a_halted_vcpu_that_slept_is_named)
{
	uint64_t injected = s.events[3].injected;

	delay_from(3, 27 * US, &s.events[3].guest.enter);
	off_cpu(&s.threads[1], HOST_SLEPT, injected - 50 * US, injected + 27 * US);
	struct why_event event = worst();

	expect_cause(&event, 0, WHY_SLEPT, WHY_DELIVER, 27 * US);
	expect_sentence(&event,
		"event 4, 31.0 us late: vCPU 0's thread was asleep, its vCPU halted, and took "
		"27.0 us to run again; 4.0 us as usual");
}

Test(why, the_sleep_of_a_thread_nobody_waits_for_is_no_cause)
{
	uint64_t target = s.events[3].target;

	delay_from(3, 50 * US, &s.events[3].wake);
	off_cpu(&s.threads[1], HOST_SLEPT, target - 50 * US, target + 49 * US);
	struct why_event event = worst();

	expect_cause(&event, 0, WHY_UNEXPLAINED, WHY_WAKE, 50 * US);
	expect_sentence(&event,
		"event 4, 54.0 us late: 50.0 us unexplained before the timer thread was ready; "
		"4.0 us as usual");
}

Test(why, an_exit_is_named_and_not_counted_twice_when_preempted_in_it)
{
	uint64_t injected = s.events[9].injected;

	delay_from(9, 100 * US, &s.events[9].guest.enter);
	exit_at(injected, injected + 100 * US, EXIT_KIND_MMIO_WRITE, "disk");
	off_cpu(&s.threads[1], HOST_PREEMPTED, injected + 10 * US, injected + 40 * US);
	struct why_event event = worst();

	expect_cause(&event, 0, WHY_EXITS, WHY_DELIVER, 70 * US);
	expect_cause(&event, 1, WHY_PREEMPTED, WHY_DELIVER, 30 * US);
}

Test(why, a_halt_is_waiting_and_no_cause)
{
	uint64_t injected = s.events[9].injected;

	delay_from(9, 100 * US, &s.events[9].guest.enter);
	exit_at(injected - 50 * US, injected + 100 * US, EXIT_KIND_HLT, "vcpu");
	struct why_event event = worst();

	expect_cause(&event, 0, WHY_UNEXPLAINED, WHY_DELIVER, 100 * US);
}

/* Armed late, the device's deadline is later by as much: what happened while arming is the cause.
 */
Test(why, lateness_of_the_arming_is_looked_for_while_arming)
{
	struct joined_event *e = &s.events[20];

	e->device_deadline = e->target += 300 * US;
	delay_from(20, 300 * US, &e->wake);
	e->armed += 300 * US;
	off_cpu(&s.threads[1], HOST_PREEMPTED, e->armed - 290 * US, e->armed - 10 * US);
	struct why_event event = worst();

	expect_cause(&event, 0, WHY_PREEMPTED, WHY_ARM, 280 * US);
	expect_sentence(&event,
		"event 21, 304 us late: vCPU 0's thread was preempted for 280 us while the timer "
		"was being armed; 20.0 us unexplained before the timer was armed; 4.0 us as usual");
}

Test(why, a_deadline_that_was_past_when_it_was_armed_is_not_the_timer_threads)
{
	struct joined_event *e = &s.events[20];

	e->armed = e->target + 60 * US;
	delay_from(20, 60 * US, &e->wake);
	struct why_event event = worst();

	expect_cause(&event, 0, WHY_UNEXPLAINED, WHY_ARM, 60 * US);
	cr_expect_eq(event.causes[0].thread, 0);
}

Test(why, a_rest_as_long_as_the_throttle_is_said_to_be)
{
	uint64_t target = s.events[50].target;

	s.run.rt_rest_ticks = 50000 * US;
	delay_from(50, 49000 * US, &s.events[50].wake);
	off_cpu(&s.threads[0], HOST_PREEMPTED, target, target + 49000 * US);
	struct why_event event = worst();
	char text[WHY_TEXT_MAX];

	why_sentence(&s.run, &event, text);
	cr_expect_not_null(strstr(text, "preempted for 49000 us, as long as real-time throttling"),
		"%s", text);
}

Test(why, page_faults_are_said_and_explain_no_time)
{
	uint64_t wake = s.events[50].wake;

	delay_from(50, 12 * US, &s.events[50].injected);
	off_cpu(&s.threads[0], HOST_FAULT, wake + 5 * US, wake + 5 * US);
	struct why_event event = worst();

	expect_cause(&event, 0, WHY_UNEXPLAINED, WHY_INJECT, 12 * US);
	expect_sentence(&event,
		"event 51, 16.0 us late: 12.0 us unexplained while the timer thread injected, "
		"with 1 page fault of the thread in it; 4.0 us as usual");
}

Test(why, without_host_events_it_stays_unexplained)
{
	s.run.host = NULL;
	delay_from(50, 12 * US, &s.events[50].guest.enter);
	struct why_event event = worst();

	expect_sentence(&event,
		"event 51, 16.0 us late: 12.0 us unexplained between injection and handler, where "
		"nothing is known of the thread; 4.0 us as usual");
}

Test(why, behind_the_end_of_a_full_record_nothing_is_known)
{
	s.threads[1].full = true;
	s.threads[1].until = s.events[50].injected;
	delay_from(50, 12 * US, &s.events[50].guest.enter);
	struct why_event event = worst();

	cr_expect_not(event.causes[0].known);
}

Test(why, a_device_of_kvms_has_the_vcpu_alone)
{
	uint64_t deadline = deadline_of(5);

	s.run.path = TIMER_PATH_KERNEL;
	delay_from(5, 500 * US, &s.events[5].guest.enter);
	off_cpu(&s.threads[0], HOST_SLEPT, deadline, deadline + 500 * US);
	off_cpu(&s.threads[1], HOST_PREEMPTED, deadline - 10 * US, deadline + 499 * US);
	struct why_event event = worst();

	expect_cause(&event, 0, WHY_PREEMPTED, WHY_WHOLE, 499 * US);
	cr_expect_eq(event.causes[0].thread, 0);
}

Test(why, guest_stamps_are_moved_to_the_hosts_clock)
{
	uint64_t injected = s.events[40].injected;

	delay_from(40, 100 * US, &s.events[40].guest.enter);
	off_cpu(&s.threads[1], HOST_PREEMPTED, injected, injected + 100 * US);
	s.run.tsc_offset = -777777;
	for (size_t i = 0; i < EVENTS; i++) {
		struct joined_event *e = &s.events[i];
		uint64_t *const stamps[] = {&e->guest.deadline, &e->guest.enter, &e->armed,
			&e->device_deadline, &e->target, &e->wake, &e->injected};

		for (unsigned k = 0; k < 7; k++)
			*stamps[k] -= 777777;
	}
	struct why_event event = worst();

	expect_cause(&event, 0, WHY_PREEMPTED, WHY_DELIVER, 100 * US);
}

Test(why, the_latest_come_first_and_those_on_time_never)
{
	struct why_event events[6];
	size_t n = 5;

	for (size_t i = 0; i < EVENTS; i++)
		s.events[i].guest.enter = s.events[i].guest.deadline;
	s.events[70].guest.enter += 5;
	s.events[10].guest.enter += 9;
	s.events[80].guest.enter += 9;
	cr_assert_eq(why_explain(&s.run, events, &n), 0);
	cr_assert_eq(n, 3);
	cr_expect_eq(events[0].number, 11);
	cr_expect_eq(events[1].number, 81);
	cr_expect_eq(events[2].number, 71);
}

Test(why, events_of_the_second_vcpu_ask_its_thread)
{
	static struct host_thread threads[3];
	uint64_t injected = s.events[60].injected;

	threads[0] = s.threads[0];
	threads[1] = threads[2] = s.threads[1];
	threads[2].vcpu = 1;
	threads[1].events = s.timer_events;
	threads[1].n = 0;
	s.host.threads = threads;
	s.host.n_threads = 3;
	s.run.vcpus = 2;
	delay_from(60, 100 * US, &s.events[60].guest.enter);
	off_cpu(&threads[2], HOST_PREEMPTED, injected, injected + 100 * US);
	struct why_event event = worst();

	cr_expect_eq(event.vcpu, 1);
	expect_cause(&event, 0, WHY_PREEMPTED, WHY_DELIVER, 100 * US);
	cr_expect_eq(event.causes[0].thread, 1);
}

static uint64_t random_below(uint64_t *state, uint64_t below)
{
	*state = *state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (*state >> 33) % below;
}

/* Whatever happened: the causes sum to the lateness, and none is more than the whole. */
Test(why, causes_always_sum_to_the_lateness)
{
	static struct host_event random_events[2][400];
	static struct trace_event random_exits[400];
	uint64_t state = 42;

	for (unsigned round = 0; round < 50; round++) {
		struct why_event events[21];
		size_t n = 20;

		setup();
		for (unsigned t = 0; t < 2; t++) {
			uint64_t at = deadline_of(0);

			s.threads[t].events = random_events[t];
			for (s.threads[t].n = 0; s.threads[t].n < 400;) {
				at += random_below(&state, 40000);
				off_cpu(&s.threads[t],
					(enum host_event_kind)random_below(
						&state, HOST_EVENT_KINDS),
					at, at);
				struct host_event *e = &s.threads[t].events[s.threads[t].n - 1];

				if (e->kind != HOST_FAULT)
					at = e->end += random_below(&state, 20000);
			}
		}
		s.run.exits[0] = (struct why_exits){.exit = random_exits, .n = 400};
		for (uint64_t i = 0, at = deadline_of(0); i < 400; i++) {
			at += random_below(&state, 40000);
			random_exits[i] = (struct trace_event){.exit_tsc = at,
				.kind = (uint8_t)random_below(&state, EXIT_KINDS),
				.device = "x"};
			random_exits[i].entry_tsc = at += random_below(&state, 10000);
		}
		for (size_t i = 0; i < EVENTS; i++) {
			delay_from(i, random_below(&state, 20000), &s.events[i].wake);
			delay_from(i, random_below(&state, 20000), &s.events[i].guest.enter);
			s.events[i].target += random_below(&state, 9000);
		}
		cr_assert_eq(why_explain(&s.run, events, &n), 0);
		for (size_t i = 0; i < n; i++) {
			char text[WHY_TEXT_MAX];
			uint64_t sum = 0;

			for (unsigned c = 0; c < events[i].n; c++)
				sum += events[i].causes[c].ticks;
			cr_assert_eq(sum, events[i].ticks, "round %u event %zu", round,
				events[i].number);
			why_sentence(&s.run, &events[i], text);
			cr_assert_lt(strlen(text), WHY_TEXT_MAX);
		}
	}
}

/* ---- files ---- */

static const char good[] =
	"{'source': 'dedicated', 'vcpus': 1, 'tsc_offset': {'verified': true, 'offset_ticks': 0},"
	" 'events': {'origin_tsc': 1000, 'rows': [[0, 0, 40, 50, 1, 2, 3, 4, 5], [0, 100, 110, "
	"120]]},"
	" 'host_events': {'origin_tsc': 900, 'threads': [{'vcpu': -1, 'events': ["
	"['slept', 1, 5, 0, 1], ['fault', 7, 7, 1, 1]]}], 'cpus': [{'cpu': 0, 'runs': [[1, 0]]}],"
	" 'tasks': [[7, 'x\\u001by']], 'exits': [{'rows': [[1, 2, 1, 1, 'hlt', 0, 'vcpu']]}]}}";

static int read_text(const char *text, struct why_read *read, json_t **json, struct diag *diag)
{
	char quoted[sizeof(good) + 64];

	snprintf(quoted, sizeof(quoted), "%s", text);
	for (char *c = quoted; *c != '\0'; c++)
		*c = (char)(*c == '\'' ? '"' : *c);
	*json = json_loads(quoted, 0, NULL);
	cr_assert_not_null(*json, "%s", quoted);
	return why_read(read, *json, diag);
}

Test(why, a_run_is_read_back)
{
	struct why_read read;
	struct diag diag = {""};
	json_t *json;

	cr_assert_eq(read_text(good, &read, &json, &diag), 0, "%s", diag.text);
	cr_expect_eq(read.run.n, 2);
	cr_expect(read.events[0].has_record && !read.events[1].has_record);
	cr_expect_eq(read.events[1].guest.enter, 1110);
	cr_expect_eq(read.host.threads[0].events[0].kind, HOST_SLEPT);
	cr_expect_eq(read.host.threads[0].events[0].end, 905);
	cr_expect_eq(read.host.threads[0].events[0].cpu_after, 1);
	cr_expect_str_eq(read.host.tasks[0].name, "x?y");
	cr_expect_eq(read.run.exits[0].exit[0].kind, EXIT_KIND_HLT);
	why_read_free(&read);
	json_decref(json);
}

/* More events than a whole number of each vCPU: the last one has them. */
Test(why, events_that_are_left_over_have_a_vcpu)
{
	struct why_event events[EVENTS + 1];
	size_t n = EVENTS;

	setup();
	s.run.vcpus = VM_MAX_VCPUS;
	s.run.n = 2 * VM_MAX_VCPUS - 1 < EVENTS ? 2 * VM_MAX_VCPUS - 1 : EVENTS;
	cr_assert_eq(why_explain(&s.run, events, &n), 0);
	cr_expect_gt(n, 0);
	for (size_t i = 0; i < n; i++)
		cr_expect_lt(events[i].vcpu, VM_MAX_VCPUS);
}

/* What stands for the good text's piece, and what must be said of it. */
Test(why, what_is_no_such_run_is_refused_by_its_place)
{
	static const struct {
		const char *piece, *instead, *says;
	} cases[] = {
		{"'dedicated'", "'native'", "source"},
		{"'vcpus': 1", "'vcpus': 17", "vcpus"},
		{"[0, 100, 110, 120]", "[0, 100, 110]", "events: item 1"},
		{"[0, 100, 110, 120]", "[0, 100, 110, {}]", "events: item 1"},
		{"'slept', 1, 5", "'slept', 5, 1", "events: item 0"},
		{"'slept', 1, 5", "'napped', 1, 5", "events: item 0"},
		{"'fault', 7", "'fault', 4", "events: item 1"},
		{"[[1, 0]]", "[[1, -1]]", "runs: item 0"},
		{"'hlt'", "'halt'", "exits: item 0"},
		{"'vcpu']", "7]", "exits: item 0"},
		{"[1, 2, 1, 1", "[2, 1, 1, 1", "exits: item 0"},
		{"'vcpus': 1", "'vcpus': 4294967297", "vcpus"},
		{"'vcpu': -1", "'vcpu': 16", "vcpu: expected"},
		{"'vcpu': -1", "'vcpu': 0, 'tid': 2147483648", "tid: expected"},
		{"'vcpu': -1", "'vcpu': 0, 'errno': -2147483648", "errno: expected"},
		{"'vcpu': -1", "'vcpu': 0, 'errno': 4096", "errno: expected"},
		{"'vcpu': -1", "'vcpu': 0, 'errno': 1.0", "errno: expected"},
		{"'vcpu': -1", "'vcpu': 0, 'faults_lost': -1", "faults_lost: expected"},
		{"'vcpu': -1", "'vcpu': 0, 'until': 9223372036854775807", "until: expected"},
		{"1, 5, 0, 1]", "1, 5, 2147483648, 1]", "events: item 0"},
		{"1, 5, 0, 1]", "1, 5, 0, -2]", "events: item 0"},
		{"1, 5, 0, 1]", "1, 5, 0]", "events: item 0"},
		{"'cpu': 0", "'cpu': 2147483648", "cpu: expected"},
		{"[[1, 0]]", "[[1, 4294967296]]", "runs: item 0"},
		{"[[7, ", "[[-2, ", "tasks: item 0"},
		{"'origin_tsc': 900", "'others_errno': -2147483648", "others_errno: expected"},
		{"'origin_tsc': 900", "'rt_rest_ticks': -1", "rt_rest_ticks: expected"},
		{"'origin_tsc': 1000", "'origin_tsc': -1", "origin_tsc: expected"},
		{"[0, 0, 40,", "[0, -9223372036854775807, 40,", "events: item 0"},
		{"'exits': [{", "'exits': [{'dropped': '4', ", "dropped: expected"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[sizeof(good) + 64];
		const char *at = strstr(good, cases[i].piece);
		struct why_read read;
		struct diag diag = {""};
		json_t *json;

		cr_assert_not_null(at, "%s", cases[i].piece);
		snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - good), good, cases[i].instead,
			at + strlen(cases[i].piece));
		cr_expect_eq(read_text(text, &read, &json, &diag), -EINVAL, "%s", cases[i].instead);
		cr_expect_not_null(strstr(diag.text, cases[i].says), "%s", diag.text);
		why_read_free(&read);
		json_decref(json);
	}
}
