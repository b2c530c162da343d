/* SPDX-License-Identifier: BSD-2-Clause */
/* Attributes lateness: each event's wait is cut into places, each with the thread that was waited
 * for, and what is known of that thread covers its part. What nothing covers stays unexplained. */
#include "why.h"

#include "../stats.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

const char *const why_place_names[] = {"arm", "wake", "inject", "deliver", "whole"};
const char *const why_kind_names[] = {
	"preempted", "slept", "stalled", "exits", "unexplained", "usual"};
_Static_assert(sizeof(why_place_names) / sizeof(why_place_names[0]) == WHY_PLACES &&
		       sizeof(why_kind_names) / sizeof(why_kind_names[0]) == WHY_KINDS,
	"one name each");

/* A part of the wait for one event, in host TSC. */
struct segment {
	enum why_place place;
	int thread;
	uint64_t begin, end;
};
#define SEGMENTS_MAX 5

struct segments {
	struct segment item[SEGMENTS_MAX];
	unsigned n;
};

static uint64_t min(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t overlap(uint64_t a_begin, uint64_t a_end, uint64_t b_begin, uint64_t b_end)
{
	uint64_t begin = a_begin > b_begin ? a_begin : b_begin, end = min(a_end, b_end);

	return end > begin ? end - begin : 0;
}

/* ---- which thread was waited for, and when ---- */

/* From *at on to a stamp, or to the handler if that came first. */
static void cut(struct segments *segments, uint64_t *at, uint64_t to, uint64_t enter,
	enum why_place place, int thread)
{
	to = min(to, enter);
	if (to <= *at)
		return;
	segments->item[segments->n++] = (struct segment){place, thread, *at, to};
	*at = to;
}

/* From the deadline on; where the timer thread means to be early, from its target. */
static struct segments split(const struct why_run *run, const struct joined_event *e, int vcpu)
{
	uint64_t offset = (uint64_t)run->tsc_offset, enter = e->guest.enter - offset,
		 at = e->guest.deadline - offset;
	struct segments s = {.n = 0};

	if (run->path != TIMER_PATH_THREAD || !e->has_record) {
		cut(&s, &at, enter, enter, WHY_WHOLE, vcpu);
		return s;
	}
	uint64_t armed = e->armed - offset, wake = e->wake - offset;

	at = min(at, e->target - offset);
	cut(&s, &at, e->target - offset, enter, WHY_ARM, vcpu);
	/* The device's deadline came that much later since the arming did: there is the cause. */
	if (s.n == 1) {
		uint64_t length = s.item[0].end - s.item[0].begin;

		s.item[0].begin = armed - length;
		s.item[0].end = armed;
	}
	cut(&s, &at, min(armed, wake), enter, WHY_ARM, vcpu);
	cut(&s, &at, wake, enter, WHY_WAKE, HOST_THREAD_TIMER);
	cut(&s, &at, e->injected - offset, enter, WHY_INJECT, HOST_THREAD_TIMER);
	cut(&s, &at, enter, enter, WHY_DELIVER, vcpu);
	return s;
}

/* As many events of each; where some are missing, what is left over is the last one's. */
static int vcpu_of(const struct why_run *run, size_t event)
{
	size_t vcpus = run->vcpus > 0 ? run->vcpus : 1, each = run->n / vcpus;
	size_t vcpu = each > 0 ? event / each : 0;

	return (int)(vcpu < vcpus ? vcpu : vcpus - 1);
}

/* ---- what is known of it ---- */

const struct host_thread *why_thread(const struct why_run *run, int vcpu)
{
	for (size_t i = 0; run->host != NULL && i < run->host->n_threads; i++) {
		const struct host_thread *thread = &run->host->threads[i];

		if (thread->vcpu == vcpu)
			return thread->err == 0 ? thread : NULL;
	}
	return NULL;
}

/* The first event that ends behind a stamp. */
static size_t first_event(const struct host_thread *thread, uint64_t tsc)
{
	size_t low = 0, high = thread->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (thread->events[middle].end <= tsc)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static size_t first_exit(const struct why_exits *exits, uint64_t tsc)
{
	size_t low = 0, high = exits->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (exits->exit[middle].entry_tsc <= tsc)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Ticks of [begin, end) that a thread was off its CPU. */
static uint64_t away(const struct host_thread *thread, uint64_t begin, uint64_t end)
{
	uint64_t ticks = 0;

	if (thread == NULL)
		return 0;
	for (size_t i = first_event(thread, begin); i < thread->n && thread->events[i].begin < end;
		i++)
		ticks += overlap(thread->events[i].begin, thread->events[i].end, begin, end);
	return ticks;
}

/* ---- causes ---- */

static bool same_exit(const struct trace_event *a, const struct trace_event *b)
{
	return a == b ||
	       (a != NULL && b != NULL && a->kind == b->kind && strcmp(a->device, b->device) == 0);
}

/* The cause that what is like this one belongs to; NULL: there are too many. */
static struct why_cause *find_cause(struct why_event *event, const struct why_cause *like)
{
	for (unsigned i = 0; i < event->n; i++) {
		struct why_cause *cause = &event->causes[i];

		if (cause->kind == like->kind && cause->place == like->place &&
			cause->thread == like->thread && same_exit(cause->exit, like->exit))
			return cause;
	}
	/* What is left has a place in every place. */
	if (event->n >= WHY_CAUSES_MAX - 2 * WHY_PLACES && like->kind < WHY_UNEXPLAINED)
		return NULL;
	event->causes[event->n] = *like;
	return &event->causes[event->n++];
}

static uint64_t add_absence(const struct why_run *run, const struct segment *s,
	const struct host_event *e, struct why_event *event)
{
	uint64_t begin = e->begin > s->begin ? e->begin : s->begin, end = min(e->end, s->end);
	static const enum why_kind kinds[HOST_EVENT_KINDS] = {[HOST_PREEMPTED] = WHY_PREEMPTED,
		[HOST_SLEPT] = WHY_SLEPT,
		[HOST_STALLED] = WHY_STALLED};
	const struct why_cause like = {
		.kind = kinds[e->kind], .place = s->place, .thread = s->thread, .known = true};
	struct why_cause *cause;

	if (end <= begin)
		return 0;
	cause = event != NULL ? find_cause(event, &like) : NULL;
	if (event != NULL && cause == NULL)
		return 0;
	if (cause != NULL) {
		cause->ticks += end - begin;
		cause->count++;
		if (end - begin > cause->end - cause->begin) {
			cause->event = e;
			cause->begin = begin;
			cause->end = end;
			/* A thread that stood still had its CPU: nobody ran instead. */
			cause->who = e->kind != HOST_STALLED
					     ? why_who_ran(run->host, e->cpu, begin, end)
					     : NULL;
		}
	}
	return end - begin;
}

/* A halt is waiting, not work: what ended it late shows in the thread. */
static uint64_t add_exit(const struct host_thread *thread, const struct segment *s,
	const struct trace_event *exit, struct why_event *event)
{
	uint64_t begin = exit->exit_tsc > s->begin ? exit->exit_tsc : s->begin,
		 end = min(exit->entry_tsc, s->end);
	const struct why_cause like = {.kind = WHY_EXITS,
		.place = s->place,
		.thread = s->thread,
		.known = true,
		.exit = exit};
	struct why_cause *cause;

	if (exit->kind == EXIT_KIND_HLT || end <= begin)
		return 0;
	uint64_t ticks = end - begin - away(thread, begin, end);

	cause = event != NULL ? find_cause(event, &like) : NULL;
	if (event != NULL && cause == NULL)
		return 0;
	if (cause != NULL) {
		cause->ticks += ticks;
		cause->count++;
		cause->model_ticks +=
			overlap(exit->model_begin_tsc, exit->model_end_tsc, begin, end);
	}
	return ticks;
}

/* Adds the causes of a segment to event (NULL: to nothing). Returns what they leave; *faults: page
 * faults in it. */
static uint64_t cover(const struct why_run *run, const struct segment *s, struct why_event *event,
	unsigned *faults)
{
	const struct host_thread *thread = why_thread(run, s->thread);
	uint64_t left = s->end - s->begin;

	*faults = 0;
	if (s->end <= s->begin)
		return 0;
	for (size_t i = thread != NULL ? first_event(thread, s->begin) : 0;
		thread != NULL && i < thread->n && thread->events[i].begin < s->end; i++) {
		*faults += thread->events[i].kind == HOST_FAULT;
		left -= add_absence(run, s, &thread->events[i], event);
	}
	if (s->thread == HOST_THREAD_TIMER)
		return left;
	const struct why_exits *exits = &run->exits[s->thread];

	for (size_t i = first_exit(exits, s->begin);
		i < exits->n && exits->exit[i].exit_tsc < s->end; i++)
		left -= add_exit(thread, s, &exits->exit[i], event);
	return left;
}

/* Was the thread watched all that time? */
static bool watched(const struct why_run *run, const struct segment *s)
{
	const struct host_thread *thread = why_thread(run, s->thread);

	return thread != NULL && s->begin >= thread->begin && s->end <= thread->until;
}

static void add_rest(const struct why_run *run, const struct segment *s, enum why_kind kind,
	uint64_t ticks, unsigned faults, struct why_event *event)
{
	const struct why_cause like = {
		.kind = kind, .place = s->place, .thread = s->thread, .known = watched(run, s)};
	struct why_cause *cause = ticks > 0 ? find_cause(event, &like) : NULL;

	if (cause == NULL)
		return;
	cause->ticks += ticks;
	cause->faults += faults;
	cause->known &= like.known;
}

static int by_size(const void *a, const void *b)
{
	const struct why_cause *x = a, *y = b;
	bool x_usual = x->kind == WHY_USUAL, y_usual = y->kind == WHY_USUAL;

	if (x_usual != y_usual)
		return x_usual ? 1 : -1;
	return x->ticks < y->ticks ? 1 : x->ticks > y->ticks ? -1 : 0;
}

/* What lies before the deadline is no lateness, but has its part of what is usual there. (Arming
 * stands for time behind the deadline, wherever it was.) */
static void take_early(
	const struct why_run *run, struct segment *s, uint64_t deadline, uint64_t *allowed)
{
	struct segment early = *s;
	unsigned faults;

	if (s->place == WHY_ARM || s->begin >= deadline)
		return;
	s->begin = early.end = min(s->end, deadline);
	*allowed -= min(*allowed, cover(run, &early, NULL, &faults));
}

static void explain(
	const struct why_run *run, const uint64_t usual[WHY_PLACES], struct why_event *event)
{
	const struct joined_event *e = &run->events[event->number - 1];
	struct segments s = split(run, e, (int)event->vcpu);
	uint64_t allowed[WHY_PLACES];

	memcpy(allowed, usual, sizeof(allowed));
	for (unsigned i = 0; i < s.n; i++) {
		struct segment *segment = &s.item[i];
		unsigned faults;

		take_early(run, segment, event->deadline, &allowed[segment->place]);
		uint64_t left = cover(run, segment, event, &faults);
		uint64_t as_usual = min(left, allowed[segment->place]);

		allowed[segment->place] -= as_usual;
		add_rest(run, segment, WHY_USUAL, as_usual, 0, event);
		add_rest(run, segment, WHY_UNEXPLAINED, left - as_usual, faults, event);
	}
	qsort(event->causes, event->n, sizeof(event->causes[0]), by_size);
}

/* ---- the whole run ---- */

/* The median over all events of what no cause covers there; who does not wait there counts 0. */
static uint64_t usual_at(const struct why_run *run, enum why_place place, int64_t *scratch)
{
	for (size_t i = 0; i < run->n; i++) {
		const struct segments s = split(run, &run->events[i], vcpu_of(run, i));
		uint64_t uncovered = 0;

		for (unsigned k = 0; k < s.n; k++) {
			unsigned faults;

			if (s.item[k].place == place)
				uncovered += cover(run, &s.item[k], NULL, &faults);
		}
		scratch[i] = (int64_t)uncovered;
	}
	return run->n > 0 ? (uint64_t)stats_summarize(scratch, run->n).p50 : 0;
}

static struct why_event late_event(const struct why_run *run, size_t i)
{
	const struct guest_timer_event *e = &run->events[i].guest;
	int64_t late = (int64_t)(e->enter - e->deadline);

	return (struct why_event){.number = i + 1,
		.vcpu = (unsigned)vcpu_of(run, i),
		.deadline = e->deadline - (uint64_t)run->tsc_offset,
		.enter = e->enter - (uint64_t)run->tsc_offset,
		.ticks = late > 0 ? (uint64_t)late : 0};
}

/* The latest first, and of equals the first. */
static size_t find_worst(const struct why_run *run, struct why_event *out, size_t wanted)
{
	size_t n = 0;

	for (size_t i = 0; i < run->n; i++) {
		const struct why_event event = late_event(run, i);
		size_t at = n;

		while (at > 0 && out[at - 1].ticks < event.ticks)
			at--;
		if (event.ticks == 0 || at == wanted)
			continue;
		n += n < wanted;
		memmove(&out[at + 1], &out[at], (n - 1 - at) * sizeof(*out));
		out[at] = event;
	}
	return n;
}

int why_explain(const struct why_run *run, struct why_event *out, size_t *n)
{
	int64_t *scratch = calloc(run->n + 1, sizeof(*scratch));
	uint64_t usual[WHY_PLACES];

	if (scratch == NULL)
		return -ENOMEM;
	for (unsigned place = 0; place < WHY_PLACES; place++)
		usual[place] = usual_at(run, (enum why_place)place, scratch);
	free(scratch);
	*n = find_worst(run, out, *n);
	for (size_t i = 0; i < *n; i++)
		explain(run, usual, &out[i]);
	return 0;
}
