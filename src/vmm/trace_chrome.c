/* SPDX-License-Identifier: BSD-2-Clause */
/* Writes event rings as Chrome trace JSON (the Trace Event Format's object form), one stream, no
 * tree. It escapes nothing: every string in it is one of ours, never the guest's. */
#include "tickvm/trace.h"

#include "tickvm/device.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NSEC_PER_SEC 1000000000ULL

/* err is the first failure's negative errno; after it nothing more is written. */
struct writer {
	FILE *file;
	int err;
	const char *separator; /* before the next event */
	uint64_t origin_tsc, hz;
};

__attribute__((format(printf, 2, 3))) static void put(struct writer *w, const char *format, ...)
{
	va_list args;

	if (w->err != 0)
		return;
	va_start(args, format);
	if (vfprintf(w->file, format, args) < 0)
		w->err = -errno;
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
	for (size_t i = 0; i < count && w->err == 0; i++)
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

static void flush(struct writer *w)
{
	if (w->err == 0 && fflush(w->file) != 0)
		w->err = -errno;
}

/* Writes to path itself, then closes it. */
static int write_file(struct writer *w, const char *path, int flags, bool sync,
	struct trace_ring *const *rings, unsigned vcpus)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | flags, 0666);

	if (fd < 0)
		return -errno;
	w->file = fdopen(fd, "w");
	if (w->file == NULL) {
		w->err = -errno;
		close(fd);
		return w->err;
	}
	put_trace(w, rings, vcpus);
	flush(w);
	if (w->err == 0 && sync && fsync(fd) != 0)
		w->err = -errno;
	if (fclose(w->file) != 0 && w->err == 0)
		w->err = -errno;
	return w->err;
}

/* The old file stays whole until the new one is. */
static int replace_file(
	struct writer *w, const char *path, struct trace_ring *const *rings, unsigned vcpus)
{
	char *temporary;

	if (asprintf(&temporary, "%s.tmp", path) < 0)
		return -ENOMEM;
	int err = write_file(w, temporary, O_NOFOLLOW, true, rings, vcpus);
	if (err == 0 && rename(temporary, path) != 0)
		err = -errno;
	if (err != 0)
		unlink(temporary);
	free(temporary);
	return err;
}

/* A device, a pipe or a symbolic link (/dev/null, /dev/stdout) is written through: renaming over it
 * would replace it. */
static bool is_special(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 && !S_ISREG(st.st_mode);
}

int trace_write_chrome(const char *path, struct trace_ring *const *rings, unsigned vcpus,
	uint64_t tsc_hz, struct diag *diag)
{
	struct writer w = {.separator = "", .origin_tsc = earliest(rings, vcpus), .hz = tsc_hz};
	int err;

	if (tsc_hz == 0)
		return diag_set(diag, -EINVAL, "%s: the TSC's frequency is not known", path);
	if (strcmp(path, "-") == 0) {
		w.file = stdout;
		put_trace(&w, rings, vcpus);
		flush(&w);
		err = w.err;
	} else if (is_special(path)) {
		err = write_file(&w, path, 0, false, rings, vcpus);
	} else {
		err = replace_file(&w, path, rings, vcpus);
	}
	if (err != 0)
		return diag_set(diag, err, "cannot write the trace to %s: %s%s", path,
			strerror(-err),
			err == -ENOSPC ? "; free some space, record fewer events, or name "
					 "another file with --events"
				       : "; name a file that can be written with --events");
	return 0;
}
