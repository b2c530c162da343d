/* SPDX-License-Identifier: BSD-2-Clause */
/* bench timer: loads load, a quiet window holds, and figures are of the size of what they measure.
 */
#include "../cli/tickvm_command.h"

#include <string.h>

TestSuite(timer_command, .timeout = HUNG);

static json_t *run_json(const char *line)
{
	struct result r = tickvm(line);

	cr_assert_eq(r.status, 0, "%s: status %d: %s", line, r.status, r.err);
	json_t *root = json_loads(r.out, 0, NULL);

	cr_assert_not_null(root, "%s: %.200s", line, r.out);
	return root;
}

static double seen(const json_t *root, const char *source, const char *load, const char *member)
{
	size_t i;
	json_t *run;

	json_array_foreach(json_object_get(root, "runs"), i, run)
	{
		if (strcmp(json_string_value(json_object_get(run, "source")), source) == 0 &&
			strcmp(json_string_value(json_object_get(run, "load")), load) == 0)
			return json_number_value(
				json_object_get(json_object_get(run, "load_seen"), member));
	}
	cr_assert_fail("no run of %s under %s", source, load);
	return 0;
}

Test(timer_command, each_load_is_there)
{
	need_kvm();
	json_t *root = run_json("bench timer --quiet --json - --count 300 --interval 500us "
				"--source kvm-lapic,native --load cpu:50,io,interrupts:2000");

	cr_expect_gt(seen(root, "kvm-lapic", "cpu:50", "busy_percent"), 1);
	cr_expect_gt(seen(root, "native", "cpu:50", "busy_percent"), 1);
	cr_expect_gt(seen(root, "kvm-lapic", "io", "interrupts_hz"), 1);
	cr_expect_gt(seen(root, "kvm-lapic", "io", "reads_hz"), 1);
	cr_expect_gt(seen(root, "native", "io", "reads_hz"), 1);
	cr_expect_gt(seen(root, "kvm-lapic", "interrupts:2000", "interrupts_hz"), 100);
	json_decref(root);
}

Test(timer_command, a_quiet_window_holds)
{
	need_kvm();
	json_t *root =
		run_json("bench timer --quiet --json - --count 500 --interval 200us "
			 "--source dedicated --load interrupts:2000 --quiet-window off,100us");
	const json_t *run = json_array_get(json_object_get(root, "runs"), 1);
	const json_t *dedicated = json_object_get(run, "dedicated");

	cr_expect_gt(json_number_value(json_object_get(dedicated, "held")), 0);
	json_decref(root);
}

/* A timer that fires early by what it has learned may be early on average; KVM's never is. */
Test(timer_command, averages_are_microseconds)
{
	char path[] = "/tmp/tickvm-timing-XXXXXX", line[400];

	need_kvm();
	if (shell("command -v jq").status != 0)
		cr_skip_test("jq is not installed");
	cr_assert_geq(mkstemp(path), 0);
	snprintf(line, sizeof(line),
		"\"$TICKVM\" bench timer --interval 100us --count 300 --quiet --json %s >/dev/null "
		"&& "
		"\"$TICKVM\" report %s --format cyclictest | jq -e 'all(.thread[]; .avg > -100 and "
		".avg < 1e4) and any(.thread[]; .avg > 0)'; status=$?; rm %s; exit $status",
		path, path, path);
	struct result r = shell(line);

	cr_expect_eq(r.status, 0, "%d: %s%s", r.status, r.out, r.err);
}
