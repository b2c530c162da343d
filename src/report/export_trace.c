/* SPDX-License-Identifier: BSD-2-Clause */
/* The worst events of runs of bench timer as Chrome trace JSON: a process a run, an event's stages
 * nested in it. All are asynchronous spans ("b", "e"), since late events overlap. It does not say
 * why they were late. */
#include "export.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define WORST_MAX 10 /* a run: more than anybody looks at one by one */

enum stamp { ARM, DEADLINE, ENTER, DONE, ARMED, DEVICE_DEADLINE, TARGET, WAKE, INJECTED, STAMPS };

static const char *const stamp_names[STAMPS] = {[ARM] = "arm",
	[DEADLINE] = "deadline",
	[ENTER] = "enter",
	[DONE] = "done",
	[ARMED] = "armed",
	[DEVICE_DEADLINE] = "device_deadline",
	[TARGET] = "target",
	[WAKE] = "wake",
	[INJECTED] = "injected"};

struct writer {
	json_t *events; /* traceEvents */
	size_t runs, spans;
	bool no_memory;
};

struct event {
	size_t number;     /* of the run's rows, from 1 */
	double late_ns;    /* enter - deadline */
	double us[STAMPS]; /* NAN: not known */
};

/* ---- reading ---- */

/* Where each stamp is in a row; SIZE_MAX: not there. */
static void read_columns(const json_t *columns, size_t at[STAMPS])
{
	for (int stamp = 0; stamp < STAMPS; stamp++) {
		const char *name = NULL;
		size_t i = 0;

		for (; i < json_array_size(columns); i++) {
			name = json_string_value(json_array_get(columns, i));
			if (name != NULL && strcmp(name, stamp_names[stamp]) == 0)
				break;
		}
		at[stamp] = i < json_array_size(columns) ? i : SIZE_MAX;
	}
}

static struct event read_event(
	const json_t *row, size_t number, const size_t at[STAMPS], double ns_a_tick)
{
	struct event event = {.number = number};

	for (int stamp = 0; stamp < STAMPS; stamp++) {
		const json_t *ticks = json_array_get(row, at[stamp]);

		event.us[stamp] = json_is_integer(ticks)
					  ? (double)json_integer_value(ticks) * ns_a_tick / 1000
					  : NAN;
	}
	/* A device that repeats by itself is not armed: docs/results.md. */
	if (event.us[ARM] == 0)
		event.us[ARM] = NAN;
	event.late_ns = (event.us[ENTER] - event.us[DEADLINE]) * 1000;
	return event;
}

/* The latest of the run, the least of them first. */
static size_t find_worst(const struct export_run *run, struct event worst[WORST_MAX])
{
	const json_t *events = json_object_get(run->json, "events");
	const json_t *rows = json_object_get(events, "rows");
	size_t at[STAMPS], count = 0, i;
	json_t *row;

	read_columns(json_object_get(events, "columns"), at);
	json_array_foreach(rows, i, row)
	{
		struct event event = read_event(row, i + 1, at, run->ns_a_tick);
		size_t place = 0;

		if (isnan(event.late_ns) || isnan(event.us[DONE]) ||
			(count == WORST_MAX && event.late_ns <= worst[0].late_ns))
			continue;
		while (place < count && worst[place].late_ns < event.late_ns)
			place++;
		if (count == WORST_MAX)
			memmove(worst, worst + 1, --place * sizeof(*worst));
		else
			memmove(worst + place + 1, worst + place,
				(count++ - place) * sizeof(*worst));
		worst[place] = event;
	}
	return count;
}

/* ---- writing ---- */

static void put(struct writer *writer, json_t *event)
{
	if (json_array_append_new(writer->events, event) < 0)
		writer->no_memory = true;
}

/* One of "b", "n", "e", of the span with this number, to the nanosecond. args may be NULL. */
static void put_async(struct writer *writer, const char *phase, size_t span, const char *name,
	double us, json_t *args)
{
	put(writer, json_pack("{s:s, s:s, s:o, s:s, s:I, s:i, s:f, s:o*}", "ph", phase, "cat",
			    "event", "id", json_sprintf("0x%zx", span), "name", name, "pid",
			    (json_int_t)writer->runs, "tid", 1, "ts", round(us * 1000) / 1000,
			    "args", args));
}

static json_t *args_of(const struct event *event)
{
	json_t *args = json_pack(
		"{s:I, s:f}", "event", (json_int_t)event->number, "late_ns", round(event->late_ns));

	/* What is no stretch of time: how far the targets are apart. */
	if (!isnan(event->us[TARGET]) && !isnan(event->us[DEVICE_DEADLINE])) {
		double program = event->us[DEVICE_DEADLINE] - event->us[DEADLINE];
		double advance = event->us[TARGET] - event->us[DEVICE_DEADLINE];

		json_object_set_new(args, "program_ns", json_real(round(program * 1000)));
		json_object_set_new(args, "advance_ns", json_real(round(advance * 1000)));
	}
	return args;
}

/* Stages in the order of time, from one known stamp to the next; the first that has its end. They
 * never overlap, whatever the stamps say. */
static void put_stages(struct writer *writer, size_t span, const struct event *event, double begin)
{
	bool recorded = !isnan(event->us[INJECTED]);
	const struct {
		const char *name;
		enum stamp end;
		bool there;
	} stages[] = {{"arm", ARMED, !isnan(event->us[ARM])}, {"wait", TARGET, true},
		{"wake", WAKE, true}, {"inject", INJECTED, true}, {"wait", DEADLINE, !recorded},
		{recorded ? "deliver" : "kernel", ENTER, true}, {"handler", DONE, true}};
	double last = fmax(begin, event->us[DONE]);

	for (size_t i = 0; i < sizeof(stages) / sizeof(stages[0]); i++) {
		double end = fmin(last, event->us[stages[i].end]);

		if (!stages[i].there || isnan(event->us[stages[i].end]) || end <= begin)
			continue;
		put_async(writer, "b", span, stages[i].name, begin, NULL);
		put_async(writer, "e", span, stages[i].name, end, NULL);
		begin = end;
	}
}

static double begin_us(const struct event *event)
{
	double begin = fmin(event->us[DEADLINE], event->us[TARGET]);

	return fmin(event->us[ARM], begin);
}

static void put_event(struct writer *writer, const struct event *event, double origin_us)
{
	struct event e = *event;
	char name[64];
	size_t span = ++writer->spans;

	for (int stamp = 0; stamp < STAMPS; stamp++)
		e.us[stamp] -= origin_us;
	double begin = begin_us(&e);

	snprintf(name, sizeof(name), "event %zu: %.1f us late", e.number, e.late_ns / 1000);
	put_async(writer, "b", span, name, begin, args_of(&e));
	put_stages(writer, span, &e, begin);
	put_async(writer, "n", span, "deadline", e.us[DEADLINE], NULL);
	put_async(writer, "e", span, name, fmax(begin, e.us[DONE]), NULL);
}

static json_t *process_name(const struct export_run *run)
{
	const char *source = json_string_value(json_object_get(run->json, "source"));
	json_int_t interval = json_integer_value(json_object_get(run->json, "interval_ns"));

	return json_sprintf("%s%srun %zu: %s every %g us", run->cell != NULL ? run->cell : "",
		run->cell != NULL ? ", " : "", run->number, source != NULL ? source : "timer",
		(double)interval / 1000);
}

static int put_run(void *context, const struct export_run *run, struct diag *diag)
{
	struct writer *writer = context;
	struct event worst[WORST_MAX];
	size_t count = find_worst(run, worst);
	double origin_us = INFINITY;

	if (count == 0)
		return 0;
	writer->runs++;
	put(writer, json_pack("{s:s, s:I, s:i, s:s, s:{s:o}}", "ph", "M", "pid",
			    (json_int_t)writer->runs, "tid", 0, "name", "process_name", "args",
			    "name", process_name(run)));
	for (size_t i = 0; i < count; i++)
		origin_us = fmin(origin_us, begin_us(&worst[i]));
	for (size_t i = count; i-- > 0;)
		put_event(writer, &worst[i], origin_us);
	return writer->no_memory ? diag_set(diag, -ENOMEM, "out of memory") : 0;
}

int export_trace(const struct report_file *files, size_t n, FILE *out, struct diag *diag)
{
	struct writer writer = {.events = json_array()};
	int err = 0;

	for (size_t i = 0; i < n && err == 0; i++)
		err = export_runs(&files[i], put_run, &writer, diag);
	if (err == 0 && writer.runs == 0)
		err = diag_set(diag, -EINVAL,
			"no run with events, as bench timer keeps them (not with --paper or "
			"--scale; a sweep's with events = true)");
	if (err == 0)
		err = export_json(
			json_pack("{s:s, s:O, s:{s:s}}", "displayTimeUnit", "ns", "traceEvents",
				writer.events, "otherData", "made_by", "tickvm " TICKVM_VERSION),
			JSON_COMPACT, out, diag);
	json_decref(writer.events);
	return err;
}
