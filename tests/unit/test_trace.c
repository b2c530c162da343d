/* SPDX-License-Identifier: BSD-2-Clause */
/* The event ring and the Chrome trace writer, whose output is read back with jansson.
 * No KVM; files in a directory of their own under /tmp. */
#include "tickvm/trace.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HZ 1000000000ULL /* a tick is a nanosecond */

static struct trace_event event_at(uint64_t begin, uint64_t end)
{
	return (struct trace_event){.exit_tsc = begin,
		.entry_tsc = end,
		.device = "pit",
		.kind = EXIT_KIND_PIO_OUT,
		.address = 0x43,
		.value = 0x34,
		.size = 1,
		.repeats = 1};
}

static void fill(struct trace_ring *ring, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++) {
		struct trace_event event = event_at(1000 * i, 1000 * i + 500);

		trace_ring_add(ring, &event);
	}
}

Test(trace_ring, keeps_the_newest_and_counts_the_rest)
{
	struct trace_ring *ring = trace_ring_create(20); /* rounded up to 32 */

	cr_assert_null(trace_ring_get(ring, 0));
	fill(ring, 32);
	cr_assert_eq(trace_ring_count(ring), 32);
	cr_assert_eq(trace_ring_dropped(ring), 0);
	cr_assert_eq(trace_ring_get(ring, 0)->exit_tsc, 0);
	trace_ring_destroy(ring);

	ring = trace_ring_create(20);
	fill(ring, 100);
	cr_assert_eq(trace_ring_count(ring), 32);
	cr_assert_eq(trace_ring_dropped(ring), 68);
	for (size_t i = 0; i < 32; i++)
		cr_assert_eq(trace_ring_get(ring, i)->exit_tsc, 1000 * (68 + i));
	cr_assert_null(trace_ring_get(ring, 32));
	trace_ring_destroy(ring);
	trace_ring_destroy(NULL);
}

Test(trace_ring, holds_at_least_the_last_16)
{
	struct trace_ring *ring = trace_ring_create(0);

	fill(ring, 40);
	cr_assert_eq(trace_ring_count(ring), 16);
	trace_ring_destroy(ring);
	cr_assert_null(trace_ring_create(SIZE_MAX));
}

/* ---- the file ---- */

static char path[64], temporary[64];

static void make_directory(void)
{
	char directory[] = "/tmp/test_trace.XXXXXX";

	cr_assert_not_null(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/trace.json", directory);
	snprintf(temporary, sizeof(temporary), "%s/trace.json.tmp", directory);
}

static void remove_directory(void)
{
	unlink(path);
	unlink(temporary);
	*strrchr(path, '/') = '\0';
	cr_assert_eq(rmdir(path), 0, "nothing else was left behind");
}

TestSuite(trace_chrome, .init = make_directory, .fini = remove_directory);

static json_t *write_and_load(struct trace_ring *const *rings, unsigned vcpus, uint64_t hz)
{
	struct diag diag = {""};
	json_error_t error;

	cr_assert_eq(trace_write_chrome(path, rings, vcpus, hz, &diag), 0, "%s", diag.text);
	cr_assert_neq(access(temporary, F_OK), 0);
	json_t *root = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
	cr_assert_not_null(root, "line %d: %s", error.line, error.text);
	return root;
}

static const char *text(const json_t *object, const char *key)
{
	const char *value = json_string_value(json_object_get(object, key));

	return value != NULL ? value : "(none)";
}

static double number(const json_t *object, const char *key)
{
	return json_number_value(json_object_get(object, key));
}

/* The nth event of this category (or, with cat NULL, of this phase "M"). */
static json_t *nth(const json_t *root, const char *cat, int n)
{
	json_t *events = json_object_get(root, "traceEvents"), *event;
	size_t i;

	json_array_foreach(events, i, event)
	{
		bool match = cat != NULL ? strcmp(text(event, "cat"), cat) == 0
					 : strcmp(text(event, "ph"), "M") == 0;

		if (match && n-- == 0)
			return event;
	}
	return NULL;
}

Test(trace_chrome, an_exit_becomes_a_complete_event)
{
	struct trace_ring *ring = trace_ring_create(16);
	struct trace_event first = event_at(5000, 5100), second = event_at(1234567, 1239999);

	second.model_begin_tsc = 1235000;
	second.model_end_tsc = 1236001;
	trace_ring_add(ring, &first);
	trace_ring_add(ring, &second);
	json_t *root = write_and_load(&ring, 1, HZ);
	const json_t *exit = nth(root, "exit", 1), *model = nth(root, "model", 0);

	cr_assert_str_eq(text(exit, "ph"), "X");
	cr_assert_str_eq(text(exit, "name"), "pio-out");
	/* Microseconds from the first exit. */
	cr_assert_float_eq(number(exit, "ts"), 1229.567, 1e-9);
	cr_assert_float_eq(number(exit, "dur"), 5.432, 1e-9);
	const json_t *args = json_object_get(exit, "args");
	cr_assert_str_eq(text(args, "address"), "0x43");
	cr_assert_str_eq(text(args, "value"), "0x34");
	cr_assert_str_eq(text(args, "device"), "pit");
	cr_assert_eq(number(args, "size"), 1);

	cr_assert_str_eq(text(model, "ph"), "X");
	cr_assert_str_eq(text(model, "name"), "pit");
	cr_assert_float_eq(number(model, "ts"), 1230.000, 1e-9);
	cr_assert_float_eq(number(model, "dur"), 1.001, 1e-9);
	cr_assert_null(nth(root, "model", 1), "the first exit had no model");
	json_decref(root);
	trace_ring_destroy(ring);
}

Test(trace_chrome, every_vcpu_has_a_named_track)
{
	struct trace_ring *rings[3] = {trace_ring_create(16), NULL, trace_ring_create(16)};

	fill(rings[0], 1);
	fill(rings[2], 20);
	json_t *root = write_and_load(rings, 3, HZ);
	const json_t *two = nth(root, NULL, 2);
	cr_assert_str_eq(text(two, "name"), "thread_name");
	cr_assert_str_eq(text(json_object_get(two, "args"), "name"), "vCPU 2");
	cr_assert_null(nth(root, NULL, 3));
	cr_assert_eq(number(nth(root, "exit", 1), "tid"), number(two, "tid"));
	cr_assert_neq(number(nth(root, "exit", 0), "tid"), number(two, "tid"));

	const json_t *other = json_object_get(root, "otherData");
	cr_assert_eq(number(other, "dropped"), 4);
	cr_assert_eq(number(other, "tsc_hz"), (double)HZ);
	const json_t *by_vcpu = json_object_get(other, "dropped_by_vcpu");
	cr_assert_eq(json_array_size(by_vcpu), 3);
	cr_assert_eq(json_integer_value(json_array_get(by_vcpu, 2)), 4);
	json_decref(root);
	trace_ring_destroy(rings[0]);
	trace_ring_destroy(rings[2]);
}

static int64_t nanoseconds(const json_t *event, const char *key)
{
	return llround(number(event, key) * 1000);
}

/* At an odd frequency, with stamps a tick apart, rounding must not break the nesting. */
Test(trace_chrome, models_nest_and_exits_do_not_overlap)
{
	struct trace_ring *ring = trace_ring_create(1024);
	uint64_t tsc = 0x7fffffff12345678ULL;

	for (uint64_t i = 0; i < 1000; i++) {
		struct trace_event event = event_at(tsc, tsc + 7 + i);

		event.model_begin_tsc = tsc + i % 5;
		event.model_end_tsc = event.entry_tsc - i % 3;
		trace_ring_add(ring, &event);
		tsc = event.entry_tsc + i % 2;
	}
	json_t *root = write_and_load(&ring, 1, 2596138000), *event;
	int64_t exit_begin = -1, exit_end = 0, models = 0;
	size_t i;
	json_array_foreach(json_object_get(root, "traceEvents"), i, event)
	{
		int64_t begin = nanoseconds(event, "ts");
		int64_t end = begin + nanoseconds(event, "dur");

		if (strcmp(text(event, "cat"), "exit") == 0) {
			cr_assert_geq(begin, exit_end);
			exit_begin = begin;
			exit_end = end;
		} else if (strcmp(text(event, "cat"), "model") == 0) {
			cr_assert_geq(begin, exit_begin);
			cr_assert_leq(end, exit_end);
			models++;
		}
	}
	cr_assert_eq(models, 1000);
	json_decref(root);
	trace_ring_destroy(ring);
}

/* The last exit of a run is never followed by an entry. */
Test(trace_chrome, strange_stamps_stay_inside_their_exit)
{
	struct trace_ring *ring = trace_ring_create(16);
	struct trace_event event = event_at(5000, 0);

	event.model_begin_tsc = 1;
	event.model_end_tsc = UINT64_MAX;
	event.kind = 200;
	event.device = NULL;
	event.value = UINT64_MAX;
	event.address = UINT64_MAX;
	event.repeats = 9;
	trace_ring_add(ring, &event);
	json_t *root = write_and_load(&ring, 1, HZ);
	cr_assert_eq(number(nth(root, "exit", 0), "dur"), 0);
	cr_assert_eq(number(nth(root, "model", 0), "dur"), 0);
	cr_assert_eq(number(nth(root, "model", 0), "ts"), 0);
	const json_t *args = json_object_get(nth(root, "exit", 0), "args");
	cr_assert_str_eq(text(args, "value"), "0xffffffffffffffff");
	cr_assert_eq(number(args, "repeats"), 9);
	json_decref(root);
	trace_ring_destroy(ring);
}

Test(trace_chrome, nothing_recorded_is_still_a_trace)
{
	struct trace_ring *none = NULL;
	json_t *root = write_and_load(&none, 1, HZ);

	cr_assert(json_is_array(json_object_get(root, "traceEvents")));
	json_decref(root);
}

Test(trace_chrome, an_unknown_frequency_is_refused)
{
	struct trace_ring *none = NULL;
	struct diag diag = {""};

	cr_assert_eq(trace_write_chrome(path, &none, 1, 0, &diag), -EINVAL);
	cr_assert_str_neq(diag.text, "");
	cr_assert_neq(access(path, F_OK), 0);
}

Test(trace_chrome, a_full_device_is_reported)
{
	struct trace_ring *ring = trace_ring_create(16);
	struct diag diag = {""};

	fill(ring, 1);
	/* By a link: a writer that wrongly renamed would replace the link, not the device. */
	cr_assert_eq(symlink("/dev/full", path), 0);
	cr_assert_eq(trace_write_chrome(path, &ring, 1, HZ, &diag), -ENOSPC);
	cr_assert_not_null(strstr(diag.text, "No space left"), "%s", diag.text);
	trace_ring_destroy(ring);
}
