/* SPDX-License-Identifier: BSD-2-Clause */
/* Guest stamps and timer thread stamps, joined by order in time and split into stages.
 * It judges nothing: an event without a record stays unattributed. */
#include "timer_join.h"

#include <string.h>

const char *const stage_names[] = {
	"program", "advance", "wake", "inject", "deliver", "kernel", "poll", "unattributed"};
_Static_assert(sizeof(stage_names) / sizeof(stage_names[0]) == STAGES, "one name each");

static uint64_t magnitude(uint64_t a, uint64_t b)
{
	return a > b ? a - b : b - a;
}

/* Signed difference of two stamps, modulo 2^64 as the counter. */
static int64_t since(uint64_t later, uint64_t earlier)
{
	return (int64_t)(later - earlier);
}

static void take(struct joined_event *event, const struct timer_record *record, uint64_t offset)
{
	event->has_record = true;
	event->armed = record->armed + offset;
	event->device_deadline = record->deadline + offset;
	event->target = record->target + offset;
	event->wake = record->wake + offset;
	event->injected = record->injected + offset;
}

static bool nearer(
	const struct joined_event *event, const struct timer_record *record, uint64_t offset)
{
	return !event->has_record ||
	       magnitude(record->deadline + offset, event->guest.deadline) <=
		       magnitude(event->device_deadline, event->guest.deadline);
}

size_t timer_join(const struct timer_join *join, struct joined_event *out)
{
	uint64_t offset = (uint64_t)join->tsc_offset;
	size_t r = 0, joined = 0;

	for (size_t i = 0; i < join->n; i++) {
		struct joined_event *event = &out[i];

		*event = (struct joined_event){.guest = join->events[i]};
		for (; r < join->n_records; r++) {
			const struct timer_record *record = &join->records[r];
			uint64_t wake = record->wake + offset;

			if (since(wake, event->guest.enter) > 0)
				break;
			/* Warm-up events come before the first arming that was recorded. */
			bool too_early = i == 0 && event->guest.arm != 0 &&
					 since(wake, event->guest.arm) < 0;
			if (!too_early && record->vcpu == join->vcpu &&
				strcmp(record->device, join->device) == 0 &&
				nearer(event, record, offset))
				take(event, record, offset);
		}
		joined += event->has_record;
	}
	return joined;
}

static void add_thread_stages(const struct joined_event *event, int64_t sums[STAGES])
{
	uint64_t enter = event->guest.enter;
	/* The call may return after the handler has begun on the other CPU. */
	uint64_t injected = since(event->injected, enter) > 0 ? enter : event->injected;

	sums[STAGE_PROGRAM] += since(event->device_deadline, event->guest.deadline);
	sums[STAGE_ADVANCE] += since(event->target, event->device_deadline);
	sums[STAGE_WAKE] += since(event->wake, event->target);
	sums[STAGE_INJECT] += since(injected, event->wake);
	sums[STAGE_DELIVER] += since(enter, injected);
}

void timer_stages(const struct joined_event *event, enum timer_path path, int64_t sums[STAGES])
{
	int64_t lateness = since(event->guest.enter, event->guest.deadline);

	switch (path) {
	case TIMER_PATH_KERNEL:
		sums[STAGE_KERNEL] += lateness;
		return;
	case TIMER_PATH_POLL:
		sums[STAGE_POLL] += lateness;
		return;
	case TIMER_PATH_HOST:
		sums[STAGE_WAKE] += lateness;
		return;
	case TIMER_PATH_THREAD:
		if (event->has_record)
			add_thread_stages(event, sums);
		else
			sums[STAGE_UNATTRIBUTED] += lateness;
		return;
	}
}
