/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads a run with host events back from a results file, which may be anybody's: what is not as
 * why_record.c writes it is refused by its place. */
#include "why_file.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define CPUS_MAX 8192

struct reader {
	uint64_t origin;
	struct diag *diag;
};

static int refuse(const struct reader *r, const char *where, size_t i, const char *expected)
{
	return diag_set(r->diag, -EINVAL, "%s: item %zu: expected %s", where, i, expected);
}

static int no_memory(const struct reader *r)
{
	return diag_set(r->diag, -ENOMEM, "out of memory for host events");
}

static bool is_stamp(const json_t *row, size_t i, const struct reader *r, uint64_t *tsc)
{
	const json_t *value = json_array_get(row, i);

	*tsc = r->origin + (uint64_t)json_integer_value(value);
	return json_is_integer(value);
}

static json_int_t member(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

static uint64_t member_stamp(const json_t *object, const char *key, const struct reader *r)
{
	return r->origin + (uint64_t)member(object, key);
}

/* ---- events of the run ---- */

#define SHORT_ROW 4 /* arm, deadline, enter, done */
#define LONG_ROW  9 /* and armed, device_deadline, target, wake, injected */

static int read_event(
	const json_t *row, size_t i, const struct reader *r, struct joined_event *event)
{
	uint64_t *const to[LONG_ROW] = {&event->guest.arm, &event->guest.deadline,
		&event->guest.enter, &event->guest.done, &event->armed, &event->device_deadline,
		&event->target, &event->wake, &event->injected};
	size_t n = json_array_size(row);

	if (n != SHORT_ROW && n != LONG_ROW)
		return refuse(r, "events", i, "4 or 9 stamps");
	for (size_t k = 0; k < n; k++) {
		if (!is_stamp(row, k, r, to[k]))
			return refuse(r, "events", i, "4 or 9 stamps");
	}
	event->has_record = n == LONG_ROW;
	return 0;
}

static int read_events(struct why_read *read, const json_t *json, struct reader r)
{
	const json_t *rows = json_object_get(json, "rows");
	size_t i;
	json_t *row;
	int err = 0;

	if (!json_is_array(rows))
		return diag_set(r.diag, -EINVAL, "no member \"events\" with rows");
	r.origin = (uint64_t)member(json, "origin_tsc");
	read->events = calloc(json_array_size(rows) + 1, sizeof(*read->events));
	if (read->events == NULL)
		return no_memory(&r);
	json_array_foreach(rows, i, row)
	{
		err = read_event(row, i, &r, &read->events[i]);
		if (err < 0)
			return err;
	}
	read->run.events = read->events;
	read->run.n = i;
	return 0;
}

/* ---- threads ---- */

static int event_kind(const char *name)
{
	for (int kind = 0; kind < HOST_EVENT_KINDS; kind++) {
		if (name != NULL && strcmp(name, host_event_name((enum host_event_kind)kind)) == 0)
			return kind;
	}
	return -1;
}

static int read_host_event(const json_t *row, size_t i, const struct reader *r,
	const struct host_event *before, struct host_event *event)
{
	int kind = event_kind(json_string_value(json_array_get(row, 0)));

	if (kind < 0 || !is_stamp(row, 1, r, &event->begin) || !is_stamp(row, 2, r, &event->end) ||
		event->end < event->begin || (before != NULL && event->begin < before->end))
		return refuse(r, "host_events: events", i,
			"[kind, begin, end, cpu, cpu_after] in the order of time");
	event->kind = (enum host_event_kind)kind;
	event->cpu = (int)json_integer_value(json_array_get(row, 3));
	event->cpu_after = (int)json_integer_value(json_array_get(row, 4));
	return 0;
}

static int read_thread(const json_t *json, const struct reader *r, struct host_thread *thread)
{
	const json_t *rows = json_object_get(json, "events");
	size_t i;
	json_t *row;
	int err = 0;

	*thread = (struct host_thread){.vcpu = (int)member(json, "vcpu"),
		.tid = (int)member(json, "tid"),
		.err = -(int)member(json, "errno"),
		.full = json_is_true(json_object_get(json, "full")),
		.begin = member_stamp(json, "begin", r),
		.until = member_stamp(json, "until", r),
		.faults_lost = (uint64_t)member(json, "faults_lost"),
		.events = calloc(json_array_size(rows) + 1, sizeof(*thread->events))};
	if (thread->events == NULL)
		return no_memory(r);
	json_array_foreach(rows, i, row)
	{
		err = read_host_event(
			row, i, r, i > 0 ? &thread->events[i - 1] : NULL, &thread->events[i]);
		if (err < 0)
			return err;
		thread->n++;
	}
	return 0;
}

static int read_threads(const json_t *json, const struct reader *r, struct host_events *host)
{
	size_t i;
	json_t *thread;

	if (!json_is_array(json) || json_array_size(json) > VM_MAX_VCPUS + 1)
		return diag_set(r->diag, -EINVAL, "host_events: expected the run's threads");
	host->threads = calloc(json_array_size(json) + 1, sizeof(*host->threads));
	if (host->threads == NULL)
		return no_memory(r);
	json_array_foreach(json, i, thread)
	{
		int err = read_thread(thread, r, &host->threads[host->n_threads++]);

		if (err < 0)
			return err;
	}
	return 0;
}

/* ---- who ran ---- */

static int read_cpu(const json_t *json, const struct reader *r, struct host_cpu *cpu)
{
	const json_t *rows = json_object_get(json, "runs");
	size_t i;
	json_t *row;

	*cpu = (struct host_cpu){.cpu = (int)member(json, "cpu"),
		.full = json_is_true(json_object_get(json, "full")),
		.until = member_stamp(json, "until", r),
		.runs = calloc(json_array_size(rows) + 1, sizeof(*cpu->runs))};
	if (cpu->runs == NULL)
		return no_memory(r);
	json_array_foreach(rows, i, row)
	{
		struct host_run *run = &cpu->runs[i];
		json_int_t task = json_integer_value(json_array_get(row, 1));

		if (!is_stamp(row, 0, r, &run->begin) || task < 0 || task > UINT32_MAX ||
			(i > 0 && run->begin < run[-1].begin))
			return refuse(
				r, "host_events: runs", i, "[begin, task] in the order of time");
		run->task = (uint32_t)task;
		cpu->n++;
	}
	return 0;
}

static int read_cpus(const json_t *json, const struct reader *r, struct host_events *host)
{
	size_t i;
	json_t *cpu;

	if (!json_is_array(json) || json_array_size(json) > CPUS_MAX)
		return diag_set(r->diag, -EINVAL, "host_events: expected the host's CPUs");
	host->cpus = calloc(json_array_size(json) + 1, sizeof(*host->cpus));
	if (host->cpus == NULL)
		return no_memory(r);
	json_array_foreach(json, i, cpu)
	{
		int err = read_cpu(cpu, r, &host->cpus[host->n_cpus++]);

		if (err < 0)
			return err;
	}
	return 0;
}

/* Names come to a terminal: no control characters of a stranger's. */
static void copy_name(char to[HOST_TASK_NAME], const char *from)
{
	size_t n = 0;

	for (; from != NULL && from[n] != '\0' && n + 1 < HOST_TASK_NAME; n++)
		to[n] = (char)(from[n] >= ' ' && from[n] <= '~' ? from[n] : '?');
	to[n] = '\0';
}

static int read_tasks(const json_t *json, const struct reader *r, struct host_events *host)
{
	size_t i;
	json_t *task;

	host->tasks = calloc(json_array_size(json) + 1, sizeof(*host->tasks));
	if (host->tasks == NULL)
		return no_memory(r);
	json_array_foreach(json, i, task)
	{
		host->tasks[i].tid = (int)json_integer_value(json_array_get(task, 0));
		copy_name(host->tasks[i].name, json_string_value(json_array_get(task, 1)));
		host->n_tasks++;
	}
	return 0;
}

/* ---- exits ---- */

static int exit_kind(const char *name)
{
	for (int kind = 0; kind < EXIT_KINDS; kind++) {
		if (name != NULL && strcmp(name, exit_kind_name((enum exit_kind)kind)) == 0)
			return kind;
	}
	return -1;
}

static bool printable(const char *text)
{
	for (; text != NULL && *text >= ' ' && *text <= '~'; text++)
		;
	return text != NULL && *text == '\0';
}

static int read_exit(const json_t *row, size_t i, const struct reader *r,
	const struct trace_event *before, struct trace_event *exit)
{
	int kind = exit_kind(json_string_value(json_array_get(row, 4)));

	exit->device = json_string_value(json_array_get(row, 6));
	if (kind < 0 || !printable(exit->device) || !is_stamp(row, 0, r, &exit->exit_tsc) ||
		!is_stamp(row, 1, r, &exit->entry_tsc) ||
		!is_stamp(row, 2, r, &exit->model_begin_tsc) ||
		!is_stamp(row, 3, r, &exit->model_end_tsc) || exit->entry_tsc < exit->exit_tsc ||
		(before != NULL && exit->exit_tsc < before->entry_tsc))
		return refuse(r, "host_events: exits", i,
			"[exit, entry, model_begin, model_end, kind, address, device] in the order "
			"of time");
	exit->kind = (uint8_t)kind;
	exit->address = (uint64_t)json_integer_value(json_array_get(row, 5));
	return 0;
}

static int read_exits(struct why_read *read, const json_t *json, const struct reader *r)
{
	for (unsigned v = 0; v < read->run.vcpus; v++) {
		const json_t *vcpu = json_array_get(json, v), *rows = json_object_get(vcpu, "rows");
		struct trace_event *exits = calloc(json_array_size(rows) + 1, sizeof(*exits));
		size_t i;
		json_t *row;

		read->exits[v] = exits;
		if (exits == NULL)
			return no_memory(r);
		json_array_foreach(rows, i, row)
		{
			int err = read_exit(row, i, r, i > 0 ? &exits[i - 1] : NULL, &exits[i]);

			if (err < 0)
				return err;
		}
		read->run.exits[v] = (struct why_exits){
			.exit = exits, .n = i, .dropped = (uint64_t)member(vcpu, "dropped")};
	}
	return 0;
}

/* ---- the run ---- */

static int read_path(struct why_run *run, const json_t *json, struct diag *diag)
{
	const char *name = json_string_value(json_object_get(json, "source"));

	for (unsigned s = 0; s < TIMER_SOURCES; s++) {
		if (name != NULL && strcmp(name, timer_sources[s].name) == 0 &&
			timer_sources[s].guest != NULL) {
			run->path = timer_sources[s].path;
			return 0;
		}
	}
	return diag_set(diag, -EINVAL, "no source of bench timer's with a guest");
}

int why_read(struct why_read *read, const json_t *run, struct diag *diag)
{
	const json_t *host = json_object_get(run, "host_events"),
		     *offset = json_object_get(run, "tsc_offset"),
		     *spin = json_object_get(json_object_get(run, "machine"), "timer_spin_ns");
	json_int_t vcpus = member(run, "vcpus");
	const struct reader r = {.origin = (uint64_t)member(host, "origin_tsc"), .diag = diag};

	*read = (struct why_read){.json = run};
	if (vcpus < 1 || vcpus > VM_MAX_VCPUS)
		return diag_set(diag, -EINVAL, "vcpus: expected 1 to %d", VM_MAX_VCPUS);
	read->run.vcpus = (unsigned)vcpus;
	read->run.offset_verified = json_is_true(json_object_get(offset, "verified"));
	read->run.tsc_offset = member(offset, "offset_ticks");
	read->run.rt_rest_ticks = (uint64_t)member(host, "rt_rest_ticks");
	read->run.never_spins = json_is_integer(spin) && json_integer_value(spin) == 0;
	read->run.spin_capped =
		(uint64_t)member(json_object_get(run, "timer_thread"), "spin_capped");
	read->host.others_err = -(int)member(host, "others_errno");
	read->host.uncertainty = (uint64_t)member(host, "uncertainty_ticks");
	int err = read_path(&read->run, run, diag);

	if (err == 0)
		err = read_events(read, json_object_get(run, "events"), r);
	if (err == 0)
		err = read_threads(json_object_get(host, "threads"), &r, &read->host);
	if (err == 0)
		err = read_cpus(json_object_get(host, "cpus"), &r, &read->host);
	if (err == 0)
		err = read_tasks(json_object_get(host, "tasks"), &r, &read->host);
	if (err == 0)
		err = read_exits(read, json_object_get(host, "exits"), &r);
	read->run.host = &read->host;
	return err;
}

void why_read_free(struct why_read *read)
{
	for (unsigned v = 0; v < VM_MAX_VCPUS; v++)
		free(read->exits[v]);
	host_events_free(&read->host);
	free(read->events);
	*read = (struct why_read){.json = NULL};
}
