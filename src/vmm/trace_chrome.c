/* SPDX-License-Identifier: BSD-2-Clause */
/* Writes event rings as Chrome trace JSON (the Trace Event Format's object form), one stream, no
 * tree. It escapes nothing: every string in it is one of ours, never the guest's. */
#include "tickvm/trace.h"

#include "tickvm/device.h"
#include "tickvm/output.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#define NSEC_PER_SEC 1000000000ULL

struct writer {
	FILE *file;
	const char *separator; /* before the next event */
	uint64_t origin_tsc, hz;
};

__attribute__((format(printf, 2, 3))) static void put(struct writer *w, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vfprintf(w->file, format, args);
	va_end(args);
}

/* Begin and end are each rounded down to a nanosecond, never the duration: what was nested in ticks
 * stays nested in the file. Microseconds, as the format wants them. */
static void put_span(struct writer *w, uint64_t begin_tsc, uint64_t end_tsc)
{
	uint64_t begin = mul_div_u64(begin_tsc - w->origin_tsc, NSEC_PER_SEC, w->hz);
	uint64_t length = mul_div_u64(end_tsc - w->origin_tsc, NSEC_PER_SEC, w->hz) - begin;

	put(w, "\"ts\":%" PRIu64 ".%03" PRIu64 ",\"dur\":%" PRIu64 ".%03" PRIu64, begin / 1000,
		begin % 1000, length / 1000, length % 1000);
}

static void put_head(struct writer *w, const char *phase, unsigned tid, const char *name)
{
	put(w, "%s{\"ph\":\"%s\",\"pid\":1,\"tid\":%u,\"name\":\"%s\",", w->separator, phase, tid,
		name);
	w->separator = ",\n";
}

static uint64_t clamp(uint64_t value, uint64_t low, uint64_t high)
{
	return value < low ? low : value > high ? high : value;
}

/* 64-bit numbers are strings in hexadecimal: a JSON number is a double to most readers. An exit
 * that was never followed by an entry has no length. */
static void put_exit(struct writer *w, unsigned tid, const struct trace_event *event)
{
	const char *device = event->device != NULL ? event->device : "unknown";
	uint64_t end = clamp(event->entry_tsc, event->exit_tsc, UINT64_MAX);

	put_head(w, "X", tid, exit_kind_name(event->kind));
	put(w, "\"cat\":\"exit\",");
	put_span(w, event->exit_tsc, end);
	put(w, ",\"args\":{\"device\":\"%s\",\"address\":\"0x%" PRIx64 "\"", device,
		event->address);
	if (event->size != 0)
		put(w, ",\"value\":\"0x%" PRIx64 "\",\"size\":%u", event->value, event->size);
	if (event->repeats > 1)
		put(w, ",\"repeats\":%u", event->repeats);
	put(w, "}}");
	if (event->model_begin_tsc == event->model_end_tsc)
		return;

	uint64_t model_begin = clamp(event->model_begin_tsc, event->exit_tsc, end);
	put_head(w, "X", tid, device);
	put(w, "\"cat\":\"model\",");
	put_span(w, model_begin, clamp(event->model_end_tsc, model_begin, end));
	put(w, "}");
}

/* Track 0 is the idle thread to some readers: vCPU n is thread n + 1. */
static void put_ring(struct writer *w, const struct trace_ring *ring, unsigned vcpu)
{
	size_t count = trace_ring_count(ring);

	put_head(w, "M", vcpu + 1, "thread_name");
	put(w, "\"args\":{\"name\":\"vCPU %u\"}}", vcpu);
	for (size_t i = 0; i < count && !ferror(w->file); i++)
		put_exit(w, vcpu + 1, trace_ring_get(ring, i));
}

static void put_trace(struct writer *w, struct trace_ring *const *rings, unsigned vcpus)
{
	uint64_t dropped = 0;

	put(w, "{\"displayTimeUnit\":\"ns\",\"traceEvents\":[\n");
	put_head(w, "M", 0, "process_name");
	put(w, "\"args\":{\"name\":\"tickvm\"}}");
	for (unsigned i = 0; i < vcpus; i++)
		if (rings[i] != NULL)
			put_ring(w, rings[i], i);
	put(w,
		"\n],\"otherData\":{\"tsc_hz\":%" PRIu64 ",\"origin_tsc\":\"0x%" PRIx64
		"\",\"dropped_by_vcpu\":[",
		w->hz, w->origin_tsc);
	for (unsigned i = 0; i < vcpus; i++) {
		uint64_t n = rings[i] != NULL ? trace_ring_dropped(rings[i]) : 0;

		put(w, "%s%" PRIu64, i == 0 ? "" : ",", n);
		dropped += n;
	}
	put(w, "],\"dropped\":%" PRIu64 "}}\n", dropped);
}

/* The earliest exit that is left: time 0 of the file. */
static uint64_t earliest(struct trace_ring *const *rings, unsigned vcpus)
{
	uint64_t origin = UINT64_MAX;

	for (unsigned i = 0; i < vcpus; i++) {
		const struct trace_event *first =
			rings[i] != NULL ? trace_ring_get(rings[i], 0) : NULL;

		if (first != NULL && first->exit_tsc < origin)
			origin = first->exit_tsc;
	}
	return origin == UINT64_MAX ? 0 : origin;
}

int trace_write_chrome(const char *path, struct trace_ring *const *rings, unsigned vcpus,
	uint64_t tsc_hz, struct diag *diag)
{
	struct writer w = {.separator = "", .origin_tsc = earliest(rings, vcpus), .hz = tsc_hz};
	struct output *output;

	if (tsc_hz == 0)
		return diag_set(diag, -EINVAL, "%s: the TSC's frequency is not known", path);
	int err = output_open(&output, path, diag);
	if (err < 0)
		return err;
	w.file = output_stream(output);
	put_trace(&w, rings, vcpus);
	return output_commit(output, diag);
}
