/* SPDX-License-Identifier: BSD-2-Clause */
/* Runs of bench timer as cyclictest --json writes its threads (rt-tests, file_version 1), member
 * for member, so that its readers take them; a run is a thread. Their rounding to microseconds is
 * the layout's, not ours. */
#include "export.h"

#include "tickvm/facts_json.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

struct writer {
	json_t *threads;
	size_t count;
};

/* Down, so that a negative lateness (early) stays one. */
static json_int_t whole_us(double ns)
{
	return json_whole(floor(ns / 1000));
}

static int add_count(json_t *histogram, json_int_t us, json_int_t count)
{
	char key[32];

	snprintf(key, sizeof(key), "%" JSON_INTEGER_FORMAT, us);
	json_int_t before = json_integer_value(json_object_get(histogram, key)), sum;

	if (__builtin_add_overflow(before, count, &sum))
		sum = INT64_MAX;
	return json_object_set_new(histogram, key, json_integer(sum));
}

/* A bin is counted where its middle is, and never outside of what was measured. NULL: no memory, or
 * (*broken) not [low, high, count]. */
static json_t *histogram_us(
	const json_t *bins, double ns_a_tick, double min_ns, double max_ns, bool *broken)
{
	json_t *histogram = json_object(), *bin;
	size_t i;

	json_array_foreach(bins, i, bin)
	{
		const json_t *low = json_array_get(bin, 0), *high = json_array_get(bin, 1);
		const json_t *count = json_array_get(bin, 2);

		*broken = !json_is_number(low) || !json_is_number(high) ||
			  !json_is_integer(count) || json_integer_value(count) < 0;
		double ns = (json_number_value(low) / 2 + json_number_value(high) / 2) * ns_a_tick;

		if (*broken || add_count(histogram, whole_us(fmax(min_ns, fmin(max_ns, ns))),
				       json_integer_value(count)) < 0) {
			json_decref(histogram);
			return NULL;
		}
	}
	return histogram;
}

static json_int_t first_cpu(const json_t *run)
{
	const json_t *machine = json_object_get(run, "machine");
	const json_t *cpu = json_array_get(json_object_get(machine, "vcpu_cpu"), 0);

	return json_is_integer(cpu) ? json_integer_value(cpu) : -1;
}

/* Runs that are not of bench timer have no lateness or no histogram. */
static int add_thread(void *context, const struct export_run *run, struct diag *diag)
{
	struct writer *writer = context;
	const json_t *lateness = json_object_get(run->json, "lateness");
	const json_t *bins = json_object_get(run->json, "histogram");
	const json_t *n = json_object_get(lateness, "n");
	const json_t *sum = json_object_get(lateness, "sum_ticks");
	const json_t *min = json_object_get(lateness, "min_ns");
	const json_t *max = json_object_get(lateness, "max_ns");
	bool broken = false;
	char key[32];

	if (lateness == NULL || bins == NULL || (json_is_integer(n) && json_integer_value(n) == 0))
		return 0;
	if (!json_is_integer(n) || json_integer_value(n) < 0 || !json_is_integer(sum) ||
		!json_is_integer(min) || !json_is_integer(max) || !json_is_array(bins))
		return diag_set(diag, -EINVAL,
			"%s: run %zu: expected lateness with n, sum_ticks, min_ns and max_ns, and "
			"an array histogram",
			run->file->path, run->number);
	double min_ns = (double)json_integer_value(min), max_ns = (double)json_integer_value(max);
	double mean_ns =
		(double)json_integer_value(sum) / (double)json_integer_value(n) * run->ns_a_tick;
	json_t *histogram = histogram_us(bins, run->ns_a_tick, min_ns, max_ns, &broken);

	if (broken)
		return diag_set(diag, -EINVAL,
			"%s: run %zu: expected histogram of [low, high, count]", run->file->path,
			run->number);
	/* Two decimals, as there. */
	json_t *thread = json_pack("{s:o, s:I, s:I, s:I, s:f, s:I, s:i}", "histogram", histogram,
		"cycles", json_integer_value(n), "min", whole_us(min_ns), "max", whole_us(max_ns),
		"avg", round(mean_ns / 10) / 100, "cpu", first_cpu(run->json), "node", -1);

	snprintf(key, sizeof(key), "%zu", writer->count++);
	if (json_object_set_new(writer->threads, key, thread) < 0)
		return diag_set(diag, -ENOMEM, "out of memory");
	return 0;
}

static json_t *timestamp(const struct report_file *file, double after_ns)
{
	char text[64];
	struct tm tm = export_time(file);
	/* A century is enough, and gmtime_r() takes it. */
	time_t seconds = timegm(&tm) + (time_t)fmin(after_ns / 1e9, 3.2e9);

	gmtime_r(&seconds, &tm);
	strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S +0000", &tm);
	return json_string(text);
}

/* "6.1.0 #1 SMP PREEMPT_RT ...": uname's release and version. The host's name is in no results
 * file. */
static json_t *sysinfo(const struct report_file *file)
{
	const json_t *host = json_object_get(file->root, "host");
	const char *kernel = json_string_value(json_object_get(host, "kernel"));
	const char *preempt = json_string_value(json_object_get(host, "preempt"));
	const char *text = kernel != NULL ? kernel : "";
	size_t release = strcspn(text, " ");

	return json_pack("{s:s, s:s, s:s%, s:s, s:s, s:i}", "sysname", "Linux", "nodename",
		"localhost", "release", text, release, "version",
		text + release + strspn(text + release, " "), "machine", "x86_64", "realtime",
		preempt != NULL && strcmp(preempt, "rt") == 0);
}

/* Two keys have a colon there too, and its readers expect it. */
static json_t *document(const struct report_file *file, const struct writer *writer)
{
	return json_pack("{s:i, s:s, s:s+, s:o, s:o, s:i, s:o, s:I, s:i, s:O}", "file_version", 1,
		"cmdline:", report_member(file, "command_line"), "rt_test_version:", "tickvm ",
		report_member(file, "tickvm_version"), "start_time", timestamp(file, 0), "end_time",
		timestamp(file, export_duration_ns(file)), "return_code",
		json_is_true(json_object_get(file->root, "interrupted")) ? 130 : 0, "sysinfo",
		sysinfo(file), "num_threads", (json_int_t)writer->count, "resolution_in_ns", 0,
		"thread", writer->threads);
}

int export_cyclictest(const struct report_file *files, size_t n, FILE *out, struct diag *diag)
{
	struct writer writer = {.threads = json_object()};

	if (n != 1) {
		json_decref(writer.threads);
		return diag_set(diag, -EINVAL,
			"cyclictest's layout has room for one results file, not for %zu", n);
	}
	int err = export_runs(files, add_thread, &writer, diag);

	if (err == 0 && writer.count == 0)
		err = diag_set(diag, -EINVAL,
			"%s: no run with a histogram of lateness, as bench timer makes them",
			files->path);
	if (err == 0)
		err = export_json(document(files, &writer), JSON_INDENT(1), out, diag);
	json_decref(writer.threads);
	return err;
}
