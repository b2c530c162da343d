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
	refused("bench linpack --rounds 0", "--rounds: '0' is no number from 1 to 1000");
	refused("bench linpack --simd avx3", "did you mean 'avx2'?");
	refused("bench linpack --nonative", "did you mean --no-native?");
}

Test(linpack, help_names_its_options)
{
	struct result r = tickvm("bench linpack --help");

	cr_expect_eq(r.status, 0);
	cr_expect(strstr(r.out, "--no-native") != NULL && strstr(r.out, "--simd") != NULL, "%s",
		r.out);
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

static const char *text_of(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

static void expect_run(const json_t *run, const char *system, int n, int vcpus, size_t rounds)
{
	const json_t *cycles = json_object_get(run, "cycles");
	const json_t *residuals = json_object_get(run, "residuals");

	cr_expect_str_eq(text_of(run, "system"), system);
	cr_expect_str_eq(text_of(run, "simd"), "sse2");
	cr_expect_eq(json_integer_value(json_object_get(run, "n")), n);
	cr_expect_eq(json_integer_value(json_object_get(run, "vcpus")), vcpus);
	cr_assert_eq(json_array_size(cycles), rounds);
	cr_assert_eq(json_array_size(residuals), rounds);
	for (size_t i = 0; i < rounds; i++) {
		cr_expect_gt(json_integer_value(json_array_get(cycles, i)), 0);
		cr_expect_lt(json_real_value(json_array_get(residuals, i)), 16);
	}
	cr_expect_eq(json_is_object(json_object_get(run, "machine")), strcmp(system, "guest") == 0,
		"the guest alone has a machine");
}

Test(linpack, batches_are_interleaved)
{
	static const char *const systems[] = {"native", "guest", "guest", "native"};

	need_kvm();
	json_t *json = results_of("bench linpack --quiet --n 60,7 --rounds 3 --simd sse2 --vcpus 1 "
				  "--json -");
	const json_t *runs = json_object_get(json, "runs");

	cr_assert_eq(json_array_size(runs), 48);
	for (size_t i = 0; i < 48; i++)
		expect_run(json_array_get(runs, i), systems[i % 4], i < 24 ? 60 : 7, 1, 3);
	cr_expect_eq(json_array_size(json_object_get(json, "skipped")), 0);
	cr_expect(json_is_object(json_object_get(json, "page")));
	json_decref(json);
}

Test(linpack, two_vcpus_without_native)
{
	need_kvm();
	json_t *json = results_of("bench linpack --quiet --n 150 --rounds 2 --simd sse2 --vcpus 2 "
				  "--no-native --json -");
	const json_t *runs = json_object_get(json, "runs");

	cr_assert_eq(json_array_size(runs), 12);
	for (size_t i = 0; i < 12; i++)
		expect_run(json_array_get(runs, i), "guest", 150, 2, 2);
	json_decref(json);
}

Test(linpack, more_vcpus_than_cpus_are_marked)
{
	need_kvm();
	struct result r = shell("exec taskset -c 0 \"$TICKVM\" bench linpack --quiet --n 10 "
				"--rounds 1 --vcpus 2 --no-native");

	if (r.status == 127 || r.status == 77)
		cr_skip_test("%s", r.err);
	cr_expect_eq(r.status, 0, "%d: %s", r.status, r.err);
	cr_expect(strstr(r.out, "! 2") != NULL && strstr(r.out, "!: more threads") != NULL, "%s",
		r.out);
}

Test(linpack, too_little_memory_is_said)
{
	need_kvm();
	struct result r = tickvm("bench linpack --quiet --n 1500 --rounds 1 --vcpus 1 --simd sse2 "
				 "--no-native --mem 16M");

	if (r.status == 77)
		cr_skip_test("%s", r.err);
	cr_expect_eq(r.status, 1, "%d", r.status);
	cr_expect(strstr(r.out, "Not measured: n = 1500, 1 thread") != NULL &&
			  strstr(r.out, "--mem") != NULL,
		"%s", r.out);
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
		"exec \"$TICKVM\" bench linpack --n 3000 --vcpus 3 --rounds 1000 --json %s %s",
		path, options);
	struct result r = shell_signalled(line, "n = 3000, 3 threads", SIGINT);

	if (r.status == 77)
		cr_skip_test("%s", r.err);
	cr_expect_eq(r.status, 130, "%s: %d: %s", options, r.status, r.err);
	json_t *root = json_load_file(path, 0, NULL);

	cr_expect(json_is_true(json_object_get(root, "interrupted")));
	cr_expect_eq(json_array_size(json_object_get(root, "runs")), 0);
	json_decref(root);
	unlink(path);
}

Test(linpack, an_interrupt_ends_a_batch)
{
	need_kvm();
	interrupted("");
	interrupted("--no-native");
}
