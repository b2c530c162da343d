/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads a run with host events back from a results file, which may be anybody's: what is not as
 * why_record.c writes it is refused by its place. */
#include "why_file.h"

#include "tickvm/facts_json.h"
#include "tickvm/text.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define CPUS_MAX  8192
#define ERRNO_MAX 4095                  /* Linux: MAX_ERRNO */
#define STAMP_MAX ((json_int_t)1 << 61) /* from the origin: what lies between two is an int64_t */

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
	json_int_t stamp = 0;
	bool good = json_within(json_array_get(row, i), -STAMP_MAX, STAMP_MAX, &stamp);

	*tsc = r->origin + (uint64_t)stamp;
	return good;
}

/* Is element i of row a number that an int holds, from least up? */
static bool is_int(const json_t *row, size_t i, int least, int *to)
{
	json_int_t number = 0;
	bool good = json_within(json_array_get(row, i), least, INT_MAX, &number);

	*to = (int)number;
	return good;
}

/* A member of an object; where it is missing the number stays as it is. */
struct member {
	const char *key;
	json_int_t least, most, *to;
};

static int read_members(
	const struct reader *r, const json_t *object, const struct member *members, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct member *m = &members[i];
		const json_t *value = json_object_get(object, m->key);

		if (value != NULL && !json_within(value, m->least, m->most, m->to))
			return diag_set(r->diag, -EINVAL,
				"%s: expected a number from %" JSON_INTEGER_FORMAT
				" to %" JSON_INTEGER_FORMAT,
				m->key, m->least, m->most);
	}
	return 0;
}
#define READ_MEMBERS(r, object, members)                                                           \
	read_members(r, object, members, sizeof(members) / sizeof((members)[0]))

#define COUNT(key, to)                                                                             \
	{                                                                                          \
		key, 0, INT64_MAX, to                                                              \
	}
#define STAMP(key, to)                                                                             \
	{                                                                                          \
		key, -STAMP_MAX, STAMP_MAX, to                                                     \
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
	json_int_t origin = 0;
	const struct member members[] = {COUNT("origin_tsc", &origin)};
	size_t i;
	json_t *row;
	int err = 0;

	if (!json_is_array(rows))
		return diag_set(r.diag, -EINVAL, "no member \"events\" with rows");
	err = READ_MEMBERS(&r, json, members);
	if (err < 0)
		return err;
	r.origin = (uint64_t)origin;
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
		!is_int(row, 3, -1, &event->cpu) || !is_int(row, 4, -1, &event->cpu_after) ||
		event->end < event->begin || (before != NULL && event->begin < before->end))
		return refuse(r, "host_events: events", i,
			"[kind, begin, end, cpu, cpu_after] in the order of time");
	event->kind = (enum host_event_kind)kind;
	return 0;
}

static int read_thread(const json_t *json, const struct reader *r, struct host_thread *thread)
{
	const json_t *rows = json_object_get(json, "events");
	json_int_t vcpu = 0, tid = 0, error = 0, begin = 0, until = 0, lost = 0;
	const struct member members[] = {{"vcpu", HOST_THREAD_TIMER, VM_MAX_VCPUS - 1, &vcpu},
		{"tid", 0, INT_MAX, &tid}, {"errno", 0, ERRNO_MAX, &error}, STAMP("begin", &begin),
		STAMP("until", &until), COUNT("faults_lost", &lost)};
	size_t i;
	json_t *row;
	int err = READ_MEMBERS(r, json, members);

	if (err < 0)
		return err;
	*thread = (struct host_thread){.vcpu = (int)vcpu,
		.tid = (int)tid,
		.err = -(int)error,
		.full = json_is_true(json_object_get(json, "full")),
		.begin = r->origin + (uint64_t)begin,
		.until = r->origin + (uint64_t)until,
		.faults_lost = (uint64_t)lost,
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
	json_int_t number = 0, until = 0;
	const struct member members[] = {{"cpu", 0, INT_MAX, &number}, STAMP("until", &until)};
	size_t i;
	json_t *row;
	int err = READ_MEMBERS(r, json, members);

	if (err < 0)
		return err;
	*cpu = (struct host_cpu){.cpu = (int)number,
		.full = json_is_true(json_object_get(json, "full")),
		.until = r->origin + (uint64_t)until,
		.runs = calloc(json_array_size(rows) + 1, sizeof(*cpu->runs))};
	if (cpu->runs == NULL)
		return no_memory(r);
	json_array_foreach(rows, i, row)
	{
		struct host_run *run = &cpu->runs[i];
		json_int_t task = 0;

		if (!is_stamp(row, 0, r, &run->begin) ||
			!json_within(json_array_get(row, 1), 0, UINT32_MAX, &task) ||
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

static int read_tasks(const json_t *json, const struct reader *r, struct host_events *host)
{
	size_t i;
	json_t *task;

	host->tasks = calloc(json_array_size(json) + 1, sizeof(*host->tasks));
	if (host->tasks == NULL)
		return no_memory(r);
	json_array_foreach(json, i, task)
	{
		const char *name = json_string_value(json_array_get(task, 1));

		if (name == NULL || !is_int(task, 0, -1, &host->tasks[i].tid))
			return refuse(r, "host_events: tasks", i, "[tid, name]");
		text_line(host->tasks[i].name, sizeof(host->tasks[i].name), name);
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
	/* Of 64 bits: the upper half was written as negative. */
	exit->address = (uint64_t)json_integer_value(json_array_get(row, 5));
	return 0;
}

static int read_exits(struct why_read *read, const json_t *json, const struct reader *r)
{
	for (unsigned v = 0; v < read->run.vcpus; v++) {
		const json_t *vcpu = json_array_get(json, v), *rows = json_object_get(vcpu, "rows");
		struct trace_event *exits = calloc(json_array_size(rows) + 1, sizeof(*exits));
		json_int_t dropped = 0;
		const struct member members[] = {COUNT("dropped", &dropped)};
		size_t i;
		json_t *row;
		int err = READ_MEMBERS(r, vcpu, members);

		read->exits[v] = exits;
		if (exits == NULL)
			return no_memory(r);
		if (err < 0)
			return err;
		json_array_foreach(rows, i, row)
		{
			err = read_exit(row, i, r, i > 0 ? &exits[i - 1] : NULL, &exits[i]);
			if (err < 0)
				return err;
		}
		read->run.exits[v] =
			(struct why_exits){.exit = exits, .n = i, .dropped = (uint64_t)dropped};
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

/* What is no array. */
static int read_numbers(struct why_read *read, const json_t *json, struct reader *r)
{
	const json_t *host = json_object_get(json, "host_events"),
		     *offset = json_object_get(json, "tsc_offset"),
		     *spin = json_object_get(json_object_get(json, "machine"), "timer_spin_ns");
	json_int_t vcpus, ticks = 0, capped = 0, origin = 0, rest = 0, uncertainty = 0, error = 0;
	const struct member of_offset[] = {{"offset_ticks", INT64_MIN, INT64_MAX, &ticks}};
	const struct member of_thread[] = {COUNT("spin_capped", &capped)};
	const struct member of_host[] = {COUNT("origin_tsc", &origin),
		COUNT("rt_rest_ticks", &rest), COUNT("uncertainty_ticks", &uncertainty),
		{"others_errno", 0, ERRNO_MAX, &error}};

	if (!json_within(json_object_get(json, "vcpus"), 1, VM_MAX_VCPUS, &vcpus))
		return diag_set(r->diag, -EINVAL, "vcpus: expected 1 to %d", VM_MAX_VCPUS);
	int err = READ_MEMBERS(r, offset, of_offset);

	if (err == 0)
		err = READ_MEMBERS(r, json_object_get(json, "timer_thread"), of_thread);
	if (err == 0)
		err = READ_MEMBERS(r, host, of_host);
	if (err < 0)
		return err;
	r->origin = (uint64_t)origin;
	read->run.vcpus = (unsigned)vcpus;
	read->run.offset_verified = json_is_true(json_object_get(offset, "verified"));
	read->run.tsc_offset = ticks;
	read->run.rt_rest_ticks = (uint64_t)rest;
	read->run.never_spins = json_is_integer(spin) && json_integer_value(spin) == 0;
	read->run.spin_capped = (uint64_t)capped;
	read->host.others_err = -(int)error;
	read->host.uncertainty = (uint64_t)uncertainty;
	return 0;
}

int why_read(struct why_read *read, const json_t *run, struct diag *diag)
{
	const json_t *host = json_object_get(run, "host_events");
	struct reader r = {.diag = diag};

	*read = (struct why_read){.json = run};
	int err = read_numbers(read, run, &r);

	if (err == 0)
		err = read_path(&read->run, run, diag);
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
