/* SPDX-License-Identifier: BSD-2-Clause */
/* tickvm bench timer under load, with several vCPUs and several machines, as a user types it: what
 * is in the results. How much load there was, a busy host decides: tests/timing. */
#include "tickvm_command.h"

#include <string.h>

TestSuite(timer_load_cli, .timeout = HUNG);

static void refused(const char *line, const char *says)
{
	struct result r = tickvm(line);

	cr_expect_eq(r.status, 2, "%s: status %d", line, r.status);
	cr_expect(strstr(r.err, says) != NULL, "%s: \"%s\" does not say \"%s\"", line, r.err, says);
	cr_expect_eq(strchr(r.err, '\n'), r.err + strlen(r.err) - 1, "%s: %s", line, r.err);
	cr_expect_str_empty(r.out, "%s: %s", line, r.out);
}

Test(timer_load_cli, mistakes_are_one_line)
{
	refused("bench timer --load cpu:0", "--load: 'cpu:0': expected idle, cpu:PERCENT, io or");
	refused("bench timer --load", "--load needs a value");
	refused("bench timer --vms 65", "--vms: '65' is no number from 1 to 64");
	refused("bench timer --vcpus 17", "--vcpus");
	refused("bench timer --quiet-window of", "--quiet-window of: expected NS|on,off");
	refused("bench timer --quiet-window on,", "expected NS|on,off");
	refused("bench timer --quiet-window 2s", "expected NS|on,off");
	refused("bench exits --quiet-window on", "--quiet-window: exits takes a time in ns");
	refused("bench timer --load io --disk /nonexistent/disk --source dedicated",
		"/nonexistent/disk");
}

static json_t *run_json(const char *line)
{
	json_error_t error;
	struct result r = tickvm(line);

	cr_assert_eq(r.status, 0, "%s: status %d: %s", line, r.status, r.err);
	json_t *root = json_loads(r.out, 0, &error);

	cr_assert_not_null(root, "%s: %s", line, error.text);
	return root;
}

static json_t *run_of(json_t *root, const char *source, const char *load)
{
	size_t i;
	json_t *run;

	json_array_foreach(json_object_get(root, "runs"), i, run)
	{
		if (strcmp(json_string_value(json_object_get(run, "source")), source) == 0 &&
			strcmp(json_string_value(json_object_get(run, "load")), load) == 0)
			return run;
	}
	cr_assert_fail("no run of %s under %s", source, load);
	return NULL;
}

static double figure(const json_t *run, const char *object, const char *key)
{
	const json_t *value = json_object_get(json_object_get(run, object), key);

	cr_assert(json_is_number(value), "%s.%s", object, key);
	return json_number_value(value);
}

/* Under each load its own figures are there, and no others. */
static void expect_seen(json_t *root, const char *source, const char *load, const char *expected)
{
	static const char *const members[] = {
		"busy_percent", "interrupts_hz", "reads_hz", "read_errors"};
	const json_t *seen = json_object_get(run_of(root, source, load), "load_seen");

	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		const json_t *value = json_object_get(seen, members[i]);
		bool wanted = strstr(expected, members[i]) != NULL;

		cr_expect_eq(value != NULL, wanted, "%s, %s: %s", source, load, members[i]);
		cr_expect(!wanted || json_number_value(value) >= 0, "%s, %s: %s", source, load,
			members[i]);
	}
}

Test(timer_load_cli, each_load_is_measured)
{
	need_kvm();
	json_t *root = run_json("bench timer --quiet --json - --count 100 --interval 500us "
				"--source kvm-lapic,native --load idle,cpu:50,io,interrupts:2000");

	expect_seen(root, "kvm-lapic", "idle", "");
	expect_seen(root, "native", "idle", "");
	expect_seen(root, "kvm-lapic", "cpu:50", "busy_percent");
	expect_seen(root, "native", "cpu:50", "busy_percent");
	expect_seen(root, "kvm-lapic", "io", "interrupts_hz reads_hz read_errors");
	cr_expect_eq(figure(run_of(root, "kvm-lapic", "io"), "load_seen", "read_errors"), 0);
	expect_seen(root, "native", "io", "reads_hz");
	expect_seen(root, "kvm-lapic", "interrupts:2000", "interrupts_hz");
	json_decref(root);
}

Test(timer_load_cli, a_quiet_window_loses_nothing)
{
	need_kvm();
	json_t *root =
		run_json("bench timer --quiet --json - --count 500 --interval 200us "
			 "--source dedicated --load interrupts:2000 --quiet-window off,100us");
	const json_t *runs = json_object_get(root, "runs");

	cr_assert_eq(json_array_size(runs), 2);
	cr_expect_eq(
		json_integer_value(json_object_get(json_array_get(runs, 0), "quiet_window_ns")), 0);
	cr_expect_null(
		json_object_get(json_object_get(json_array_get(runs, 0), "load_seen"), "lost"));
	const json_t *held = json_array_get(runs, 1);

	cr_expect_eq(json_integer_value(json_object_get(held, "quiet_window_ns")), 100000);
	cr_expect_geq(figure(held, "dedicated", "held"), 0);
	cr_expect_leq(figure(held, "dedicated", "held"), figure(held, "load_seen", "sent"));
	cr_expect_leq(figure(held, "load_seen", "taken"), figure(held, "load_seen", "sent"));
	cr_expect_eq(figure(held, "load_seen", "lost"), 0);
	json_decref(root);
}

Test(timer_load_cli, timers_on_vcpus_and_machines)
{
	need_kvm();
	json_t *root = run_json("bench timer --quiet --json - --count 100 --interval 1ms "
				"--source dedicated,kvm-pit --vcpus 3 --mode deadline");

	cr_expect_eq(figure(run_of(root, "dedicated", "idle"), "lateness", "n"), 300);
	cr_expect_eq(json_array_size(json_object_get(root, "skipped")), 1, "one PIT a machine");
	cr_expect(json_is_real(json_object_get(run_of(root, "dedicated", "idle"), "worst_p99_ns")));
	json_decref(root);
	root = run_json("bench timer --quiet --json - --count 100 --interval 1ms "
			"--source dedicated,kvm-pit --vms 4 --mode deadline");
	cr_expect_eq(figure(run_of(root, "dedicated", "idle"), "lateness", "n"), 400);
	cr_expect_eq(figure(run_of(root, "kvm-pit", "idle"), "lateness", "n"), 400);
	json_decref(root);
}
