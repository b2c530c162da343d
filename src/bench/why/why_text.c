/* SPDX-License-Identifier: BSD-2-Clause */
/* Says a late event's causes in one plain sentence, the largest first.
 * It finds none: what it says is in struct why_event. */
#include "why.h"

#include "tickvm/clock.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Less than this share of the lateness, or of a microsecond, is not worth the reading. */
#define LEAST_SHARE 0.005
#define LEAST_US    0.05

/* How much longer or shorter than the throttle's rest still looks like it. */
#define REST_TOLERANCE 0.1

struct text {
	char *to;
	size_t used;
};

__attribute__((format(printf, 2, 3))) static void say(struct text *text, const char *format, ...)
{
	size_t room = WHY_TEXT_MAX - text->used;
	va_list args;

	va_start(args, format);
	int n = vsnprintf(text->to + text->used, room, format, args);
	va_end(args);
	if (n > 0)
		text->used += (size_t)n < room ? (size_t)n : room - 1;
}

static void say_us(struct text *text, uint64_t ticks)
{
	double us = clock_ticks_to_ns_f((int64_t)ticks) / 1000;

	say(text, us < 99.95 ? "%.1f us" : "%.0f us", us);
}

static void say_thread(struct text *text, int thread)
{
	if (thread == HOST_THREAD_TIMER)
		say(text, "the timer thread");
	else
		say(text, "vCPU %d's thread", thread);
}

static void say_who(struct text *text, const struct why_cause *cause)
{
	if (cause->who == NULL)
		return;
	if (cause->who->tid == 0)
		say(text, " (CPU %d was %s)", cause->event->cpu, cause->who->name);
	else
		say(text, " (%s ran on CPU %d)", cause->who->name, cause->event->cpu);
}

static void say_where(struct text *text, enum why_place place)
{
	static const char *const where[] = {[WHY_ARM] = " while the timer was being armed",
		[WHY_WAKE] = "",
		[WHY_INJECT] = " while it injected",
		[WHY_DELIVER] = "",
		[WHY_WHOLE] = ""};

	say(text, "%s", where[place]);
}

static void say_moved(struct text *text, const struct why_cause *cause)
{
	if (cause->event->cpu_after != cause->event->cpu)
		say(text, " and moved from CPU %d to CPU %d", cause->event->cpu,
			cause->event->cpu_after);
}

static bool like_throttle(const struct why_run *run, const struct why_cause *cause)
{
	double rest = (double)run->rt_rest_ticks,
	       length = (double)(cause->event->end - cause->event->begin);

	return cause->thread == HOST_THREAD_TIMER && rest > 0 &&
	       length > rest * (1 - REST_TOLERANCE) && length < rest * (1 + REST_TOLERANCE);
}

static void say_preempted(
	struct text *text, const struct why_run *run, const struct why_cause *cause)
{
	say_thread(text, cause->thread);
	say(text, " was preempted");
	if (cause->count > 1)
		say(text, " %u times", cause->count);
	say(text, " for ");
	say_us(text, cause->ticks);
	say_where(text, cause->place);
	say_moved(text, cause);
	say_who(text, cause);
	if (like_throttle(run, cause))
		say(text, ", as long as real-time throttling lasts");
}

/* A sleep that had begun before: the thread was to be woken, and ran only then. */
static void say_slept(struct text *text, const struct why_run *run, const struct why_cause *cause)
{
	bool before = cause->event->begin < cause->begin;

	say_thread(text, cause->thread);
	if (!before)
		say(text, " slept for ");
	else if (cause->thread == HOST_THREAD_TIMER)
		say(text, " woke late from its sleep, by ");
	else
		say(text, " was asleep, its vCPU halted, and took ");
	say_us(text, cause->ticks);
	if (before && cause->thread != HOST_THREAD_TIMER)
		say(text, " to run again");
	say_where(text, cause->place);
	say_moved(text, cause);
	say_who(text, cause);
	if (before && cause->thread == HOST_THREAD_TIMER && run->never_spins)
		say(text, ", and does not spin: --timer-spin 0 leaves all of a wake-up's lateness");
	else if (cause->thread == HOST_THREAD_TIMER && run->spin_capped > 0)
		say(text,
			", perhaps resting below the real-time limit (%llu spins cut short in this "
			"run)",
			(unsigned long long)run->spin_capped);
}

static void say_stalled(struct text *text, const struct why_cause *cause)
{
	say_thread(text, cause->thread);
	say(text, " stood still for ");
	say_us(text, cause->ticks);
	if (cause->count > 1)
		say(text, " in %u pieces", cause->count);
	say(text,
		" while it spun on CPU %d (taken by an interrupt of this host, or by a hypervisor "
		"below it)",
		cause->event->cpu);
}

static void say_exits(struct text *text, const struct why_cause *cause)
{
	say(text, "vCPU %d was out of the guest for ", cause->thread);
	say_us(text, cause->ticks);
	say_where(text, cause->place);
	say(text, " (");
	if (cause->count > 1)
		say(text, "%u times ", cause->count);
	say(text, "%s, %s", exit_kind_name((enum exit_kind)cause->exit->kind),
		cause->exit->device != NULL ? cause->exit->device : "vcpu");
	if (cause->model_ticks > 0) {
		say(text, ", of it in the device model ");
		say_us(text, cause->model_ticks);
	}
	say(text, ")");
}

static void say_unexplained(struct text *text, const struct why_cause *cause)
{
	static const char *const where[] = {[WHY_ARM] = " before the timer was armed",
		[WHY_WAKE] = " before the timer thread was ready",
		[WHY_INJECT] = " while the timer thread injected",
		[WHY_DELIVER] = " between injection and handler",
		[WHY_WHOLE] = " between deadline and handler"};

	say_us(text, cause->ticks);
	say(text, " unexplained%s", where[cause->place]);
	if (!cause->known)
		say(text, ", where nothing is known of the thread");
	if (cause->faults > 0)
		say(text, ", with %u page fault%s of the thread in it", cause->faults,
			cause->faults > 1 ? "s" : "");
}

static void say_cause(struct text *text, const struct why_run *run, const struct why_cause *cause)
{
	switch (cause->kind) {
	case WHY_PREEMPTED:
		say_preempted(text, run, cause);
		break;
	case WHY_SLEPT:
		say_slept(text, run, cause);
		break;
	case WHY_STALLED:
		say_stalled(text, cause);
		break;
	case WHY_EXITS:
		say_exits(text, cause);
		break;
	case WHY_UNEXPLAINED:
		say_unexplained(text, cause);
		break;
	case WHY_USUAL:
	case WHY_KINDS:
		break;
	}
}

static bool worth_saying(const struct why_event *event, uint64_t ticks)
{
	return clock_ticks_to_ns_f((int64_t)ticks) / 1000 >= LEAST_US &&
	       (double)ticks >= LEAST_SHARE * (double)event->ticks;
}

/* Sums, where there is something worth saying. */
static void say_sum(struct text *text, const struct why_event *event, uint64_t ticks,
	const char *what, const char **separator)
{
	if (!worth_saying(event, ticks))
		return;
	say(text, "%s", *separator);
	say_us(text, ticks);
	say(text, " %s", what);
	*separator = "; ";
}

void why_sentence(const struct why_run *run, const struct why_event *event, char text[WHY_TEXT_MAX])
{
	struct text out = {.to = text};
	uint64_t small[WHY_KINDS] = {0};
	const char *separator = ": ";

	say(&out, "event %zu", event->number);
	if (run->vcpus > 1)
		say(&out, " of vCPU %u", event->vcpu);
	say(&out, ", ");
	say_us(&out, event->ticks);
	say(&out, " late");
	for (unsigned i = 0; i < event->n; i++) {
		const struct why_cause *cause = &event->causes[i];

		if (cause->kind == WHY_USUAL || !worth_saying(event, cause->ticks)) {
			small[cause->kind] += cause->ticks;
			continue;
		}
		say(&out, "%s", separator);
		say_cause(&out, run, cause);
		separator = "; ";
	}
	say_sum(&out, event, small[WHY_UNEXPLAINED], "unexplained", &separator);
	say_sum(&out, event,
		small[WHY_PREEMPTED] + small[WHY_SLEPT] + small[WHY_STALLED] + small[WHY_EXITS],
		"in small parts", &separator);
	say_sum(&out, event, small[WHY_USUAL], "as usual", &separator);
}
