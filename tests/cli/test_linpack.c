/* SPDX-License-Identifier: BSD-2-Clause */
/* tickvm bench linpack as a user types it: mistakes, a short run, its results.
 * Speeds are not judged: a busy host has others. */
#include "tickvm_command.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

TestSuite(linpack, .timeout = HUNG);

static void refused(const char *line, const char *says)
{
	struct result r = tickvm(line);

	cr_expect_eq(r.status, 2, "%s: status %d", line, r.status);
	cr_expect(strstr(r.err, says) != NULL, "%s: \"%s\" does not say \"%s\"", line, r.err, says);
	cr_expect_str_empty(r.out, "%s: %s", line, r.out);
}

Test(linpack, wrong_options)
{
	refused("bench linpack --n 0", "--n: '0' is no number from 1 to 10000");
	refused("bench linpack --n 100,,200", "single commas");
	refused("bench linpack --n 20000", "'20000' is no number");
	refused("bench linpack --batches 0", "--batches: '0' is no number from 1 to 1000");
	refused("bench linpack --simd avx3", "did you mean 'avx2'?");
	refused("bench linpack --sde guest", "did you mean --side?");
	refused("bench linpack --no-native", "--no-native: the guest alone is --side guest now");
}

Test(linpack, help_names_its_options)
{
	struct result r = tickvm("bench linpack --help");

	cr_expect_eq(r.status, 0);
	cr_expect(strstr(r.out, "--side") != NULL && strstr(r.out, "--simd") != NULL, "%s", r.out);
}

static json_t *results_of(const char *line)
{
	struct result r = tickvm(line);
	json_error_t error;

	if (r.status == 77)
		cr_skip_test("%s", r.err);
	cr_assert_eq(r.status, 0, "%s: %d: %s", line, r.status, r.err);
	json_t *json = json_loads(r.out, 0, &error);

	cr_assert_not_null(json, "%s: %s", error.text, r.out);
	return json;
}

static const char *text_at(const json_t *row, const char *axis)
{
	return json_string_value(json_object_get(json_object_get(row, "at"), axis));
}

static double number_at(const json_t *row, const char *axis)
{
	return json_number_value(json_object_get(json_object_get(row, "at"), axis));
}

/* One system's cycles and residual, for each that was solved. */
static void expect_batch(const json_t *attached, bool guest, size_t systems)
{
	const json_t *solved = json_object_get(json_object_get(attached, "batches"), "rows");

	cr_assert_eq(json_array_size(solved), systems);
	for (size_t i = 0; i < systems; i++) {
		const json_t *system = json_array_get(solved, i);

		cr_expect_gt(json_integer_value(json_array_get(system, 0)), 0);
		cr_expect_lt(json_real_value(json_array_get(system, 1)), 16);
	}
	cr_expect_eq(json_object_get(attached, "exits") != NULL, guest);
}

static const json_t *rows_of(const json_t *json)
{
	const json_t *set = json_array_get(json_object_get(json, "datasets"), 0);

	cr_expect_str_eq(json_string_value(json_object_get(set, "id")), "linpack.speed");
	return json_object_get(set, "rows");
}

static void expect_row(const json_t *row, bool guest, int n, size_t rounds, size_t systems)
{
	const json_t *attachments = json_object_get(row, "attachments");

	cr_expect_eq(number_at(row, "n"), n);
	cr_assert_eq(json_array_size(attachments), rounds);
	for (size_t i = 0; i < rounds; i++)
		expect_batch(json_array_get(attachments, i), guest, systems);
}

/* Each round has both sides of both orders, in an order of its own. */
static void expect_interleaved(const json_t *json)
{
	const json_t *order =
		json_object_get(json_array_get(json_object_get(json, "invocations"), 0), "order");

	cr_assert_eq(json_array_size(order), 48);
	for (size_t i = 0; i < 48; i++)
		cr_expect_eq(json_integer_value(json_array_get(json_array_get(order, i), 2)),
			1 + (int)i / 4);
}

Test(linpack, sides_are_interleaved)
{
	need_kvm();
	json_t *json = results_of("bench linpack --quiet --n 60,7 --batches 3 --simd sse2 --vcpus "
				  "1 --json -");
	const json_t *rows = rows_of(json);

	cr_assert_eq(json_array_size(rows), 4);
	for (size_t i = 0; i < 4; i++) {
		const json_t *row = json_array_get(rows, i);
		bool guest = i % 2 == 1;

		expect_row(row, guest, i < 2 ? 60 : 7, 12, 3);
		cr_expect_str_eq(text_at(row, "side"), guest ? "guest" : "native");
		cr_expect_eq(number_at(row, "mem") > 0, guest, "the guest alone has a machine");
	}
	expect_interleaved(json);
	cr_expect_eq(json_array_size(json_object_get(json, "skipped")), 0);
	json_decref(json);
}

Test(linpack, two_vcpus_without_native)
{
	need_kvm();
	json_t *json = results_of("bench linpack --quiet --n 150,7 --rounds 2 --batches 2 --simd "
				  "sse2 --vcpus 2 --side guest --json -");
	const json_t *rows = rows_of(json);

	cr_assert_eq(json_array_size(rows), 2);
	expect_row(json_array_get(rows, 0), true, 150, 2, 2);
	expect_row(json_array_get(rows, 1), true, 7, 2, 2);
	json_decref(json);
}

/* As gates and old baselines name them: how many systems an order has is no part of that. */
Test(linpack, the_metrics_have_their_names)
{
	need_kvm();
	struct result r = shell("f=$(mktemp) && \"$TICKVM\" bench linpack --quiet --n 600,900 "
				"--simd sse2 --vcpus 1 --rounds 1 --json $f >/dev/null && "
				"\"$TICKVM\" report --format metrics $f | cut -d, -f5-6 | sort -u; "
				"rm $f");

	cr_expect_eq(r.status, 0, "%s", r.err);
	cr_expect_str_eq(r.out, "linpack/guest/n600/threads1/sse2,GFLOP/s\n"
				"linpack/guest/n900/threads1/sse2,GFLOP/s\n"
				"linpack/native/n600/threads1/sse2,GFLOP/s\n"
				"linpack/native/n900/threads1/sse2,GFLOP/s\nmetric,unit\n");
}

Test(linpack, more_vcpus_than_cpus_are_marked)
{
	need_kvm();
	struct result r = shell("exec taskset -c 0 \"$TICKVM\" bench linpack --quiet --n 10 "
				"--rounds 1 --batches 1 --vcpus 2 --side guest");

	if (r.status == 127 || r.status == 77)
		cr_skip_test("%s", r.err);
	cr_expect_eq(r.status, 0, "%d: %s", r.status, r.err);
	cr_expect(strstr(r.out, "10        2  !  ") != NULL &&
			  strstr(r.out, "!: more threads than the 1 CPUs") != NULL,
		"%s", r.out);
}

Test(linpack, too_little_memory_is_said)
{
	need_kvm();
	struct result r = tickvm("bench linpack --quiet --n 1500 --batches 1 --vcpus 1 --simd sse2 "
				 "--side guest --mem 16M");

	if (r.status == 77)
		cr_skip_test("%s", r.err);
	cr_expect_eq(r.status, 1, "%d", r.status);
	cr_expect(strstr(r.out, "n/a: speed: ") != NULL && strstr(r.out, "--mem") != NULL, "%s",
		r.out);
}

/* A batch of 1,000 systems takes an hour here and minutes anywhere: it is given up, not waited for.
 * How soon: tests/timing. */
static void interrupted(const char *options)
{
	char line[256], path[] = "/tmp/tickvm-linpack-XXXXXX";
	int fd = mkstemp(path);

	cr_assert_geq(fd, 0);
	close(fd);
	snprintf(line, sizeof(line),
		"exec \"$TICKVM\" bench linpack --n 3000 --vcpus 3 --batches 1000 --json %s %s",
		path, options);
	struct result r = shell_signalled(line, "[1/", SIGINT);

	if (r.status == 77)
		cr_skip_test("%s", r.err);
	cr_expect_eq(r.status, 130, "%s: %d: %s", options, r.status, r.err);
	json_t *root = json_load_file(path, 0, NULL);

	cr_expect(json_is_true(json_object_get(root, "interrupted")));
	cr_expect_eq(json_array_size(rows_of(root)), 0);
	json_decref(root);
	unlink(path);
}

Test(linpack, an_interrupt_ends_a_batch)
{
	need_kvm();
	interrupted("");
	interrupted("--side guest");
}
