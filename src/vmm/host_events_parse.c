/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads perf's records: a switch out and the next switch in become one event, a sample a page
 * fault. It opens nothing and knows no name of a task. */
#include "host_events_parse.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Larger than any record that is asked for: with less room than this one may have been lost. */
#define RECORD_MAX 64

const char *host_event_name(enum host_event_kind kind)
{
	static const char *const names[] = {"preempted", "slept", "fault", "stalled"};

	_Static_assert(sizeof(names) / sizeof(names[0]) == HOST_EVENT_KINDS, "one name each");
	return (unsigned)kind < HOST_EVENT_KINDS ? names[kind] : "unknown";
}

uint64_t host_time_tsc(const struct host_time *time, uint64_t raw_ns)
{
	const struct clock_pair *a = &time->before, *b = &time->after;

	if (raw_ns <= a->raw_ns || b->raw_ns <= a->raw_ns)
		return a->tsc;
	return a->tsc + mul_div_u64(raw_ns - a->raw_ns, b->tsc - a->tsc, b->raw_ns - a->raw_ns);
}

/* How every record ends. */
struct stamp {
	uint32_t pid, tid;
	uint64_t raw_ns;
	uint32_t cpu, reserved;
};
_Static_assert(sizeof(struct stamp) == 24, "perf_event_open(2): struct sample_id");

struct record {
	uint32_t type;
	uint16_t misc;
	const uint8_t *body; /* what is between header and stamp, and the stamp */
	struct stamp stamp;
};

/* The record at *offset, which then is behind it. False: there is none. */
static bool next_record(const struct host_ring *ring, uint64_t *offset, struct record *record)
{
	struct perf_event_header header;

	if (ring->head > ring->size || ring->head - *offset < sizeof(header))
		return false;
	memcpy(&header, ring->data + *offset, sizeof(header));
	if (header.size < sizeof(header) + sizeof(record->stamp) ||
		header.size > ring->head - *offset)
		return false;
	record->body = ring->data + *offset + sizeof(header);
	*offset += header.size;
	memcpy(&record->stamp, ring->data + *offset - sizeof(record->stamp), sizeof(record->stamp));
	record->type = header.type;
	record->misc = header.misc;
	return true;
}

/* Room for one more, by doubling. 0 or -ENOMEM. */
static int grow(void **items, size_t n, size_t size)
{
	if (n & (n - 1))
		return 0;
	void *more = realloc(*items, (n == 0 ? 1 : 2 * n) * size);

	if (more == NULL)
		return -ENOMEM;
	*items = more;
	return 0;
}

static int add_event(struct host_thread *thread, const struct host_event *event)
{
	int err = grow((void **)&thread->events, thread->n, sizeof(*event));

	if (err == 0)
		thread->events[thread->n++] = *event;
	return err;
}

int host_parse_thread(
	const struct host_ring *ring, const struct host_time *time, struct host_thread *thread)
{
	struct host_event away = {.begin = 0};
	uint64_t offset = 0, last = thread->begin;
	bool is_away = false;
	struct record r;
	int err = 0;

	while (err == 0 && next_record(ring, &offset, &r)) {
		uint64_t tsc = last = host_time_tsc(time, r.stamp.raw_ns);

		if (r.type == PERF_RECORD_SAMPLE) {
			err = add_event(thread, &(struct host_event){.begin = tsc,
							.end = tsc,
							.kind = HOST_FAULT,
							.cpu = (int)r.stamp.cpu,
							.cpu_after = (int)r.stamp.cpu});
		} else if (r.type == PERF_RECORD_SWITCH && r.misc & PERF_RECORD_MISC_SWITCH_OUT) {
			bool preempted = r.misc & PERF_RECORD_MISC_SWITCH_OUT_PREEMPT;

			is_away = true;
			away = (struct host_event){.begin = tsc,
				.kind = preempted ? HOST_PREEMPTED : HOST_SLEPT,
				.cpu = (int)r.stamp.cpu};
		} else if (r.type == PERF_RECORD_SWITCH && is_away) {
			is_away = false;
			away.end = tsc;
			away.cpu_after = (int)r.stamp.cpu;
			err = add_event(thread, &away);
		}
	}
	thread->full = ring->head + RECORD_MAX > ring->size;
	if (thread->full)
		thread->until = last;
	return err;
}

/* thread's events before *at are in merged already, and all that end before the stall are. */
static int add_stall(const struct host_thread *thread, size_t *at, const struct host_event *stall,
	struct host_thread *merged)
{
	struct host_event part = *stall;
	size_t end = *at;
	int err = 0;

	while (end < thread->n && thread->events[end].begin < stall->end) {
		if (thread->events[end++].kind != HOST_FAULT)
			return 0;
	}
	for (; *at < end && err == 0; ++*at) {
		part.end = thread->events[*at].begin;
		err = add_event(merged, &part);
		if (err == 0)
			err = add_event(merged, &thread->events[*at]);
		part.begin = part.end;
	}
	part.end = stall->end;
	return err == 0 ? add_event(merged, &part) : err;
}

int host_add_stalls(struct host_thread *thread, const struct host_event *stalls, size_t n)
{
	struct host_thread merged = {.n = 0};
	size_t at = 0;
	int err = 0;

	for (size_t i = 0; i < n && stalls[i].end <= thread->until && err == 0; i++) {
		while (at < thread->n && thread->events[at].end <= stalls[i].begin && err == 0)
			err = add_event(&merged, &thread->events[at++]);
		if (err == 0)
			err = add_stall(thread, &at, &stalls[i], &merged);
	}
	while (at < thread->n && err == 0)
		err = add_event(&merged, &thread->events[at++]);
	free(err == 0 ? thread->events : merged.events);
	if (err == 0) {
		thread->events = merged.events;
		thread->n = merged.n;
	}
	return err;
}

/* The last one used first: a few tasks take turns. */
static int find_task(struct host_events *tasks, int tid, uint32_t *index)
{
	for (size_t i = tasks->n_tasks; i-- > 0;) {
		if (tasks->tasks[i].tid == tid) {
			*index = (uint32_t)i;
			return 0;
		}
	}
	int err = grow((void **)&tasks->tasks, tasks->n_tasks, sizeof(*tasks->tasks));

	if (err < 0)
		return err;
	*index = (uint32_t)tasks->n_tasks;
	tasks->tasks[tasks->n_tasks++] = (struct host_task){.tid = tid};
	return 0;
}

/* PERF_RECORD_COMM: pid, tid, and a name that may come from anyone. */
static int name_task(const struct record *r, struct host_events *tasks)
{
	const char *name = (const char *)r->body + 8;
	uint32_t task, tid;

	memcpy(&tid, r->body + 4, sizeof(tid));
	int err = find_task(tasks, (int)tid, &task);

	if (err == 0)
		host_task_name(&tasks->tasks[task], name, strnlen(name, 16));
	return err;
}

void host_task_name(struct host_task *task, const char *comm, size_t length)
{
	size_t n = 0;

	for (; n < length && n + 1 < sizeof(task->name) && comm[n] != '\0'; n++)
		task->name[n] = (char)(comm[n] > ' ' && comm[n] <= '~' ? comm[n] : '?');
	task->name[n] = '\0';
}

int host_parse_cpu(const struct host_ring *ring, const struct host_time *time, struct host_cpu *cpu,
	struct host_events *tasks)
{
	uint64_t offset = 0, last = time->before.tsc;
	struct record r;
	int err = 0;

	while (err == 0 && next_record(ring, &offset, &r)) {
		struct host_run run = {.begin = host_time_tsc(time, r.stamp.raw_ns)};

		last = run.begin;
		if (r.type == PERF_RECORD_COMM)
			err = name_task(&r, tasks);
		if (r.type != PERF_RECORD_SWITCH_CPU_WIDE || r.misc & PERF_RECORD_MISC_SWITCH_OUT)
			continue;
		err = find_task(tasks, (int)r.stamp.tid, &run.task);
		if (err == 0)
			err = grow((void **)&cpu->runs, cpu->n, sizeof(run));
		if (err == 0)
			cpu->runs[cpu->n++] = run;
	}
	cpu->full = ring->head + RECORD_MAX > ring->size;
	if (cpu->full)
		cpu->until = last;
	return err;
}
