/* SPDX-License-Identifier: BSD-2-Clause */
/* tickvm tune as typed: what it refuses, a short search, and its files read by others.
 * It never passes --apply where that could succeed. */
#include "tickvm_command.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char directory[] = "/tmp/tickvm-tune-XXXXXX";

static void setup(void)
{
	cr_assert_not_null(mkdtemp(directory));
	cr_assert_eq(setenv("DIR", directory, 1), 0);
}

static void teardown(void)
{
	shell("rm -r \"$DIR\"");
}

TestSuite(tune, .init = setup, .fini = teardown);

static void refuses(const char *line, const char *what)
{
	struct result r = tickvm(line);

	cr_expect_eq(r.status, 2, "%s: status %d", line, r.status);
	cr_expect_not_null(strstr(r.err, what), "%s: %s", line, r.err);
	cr_expect_str_empty(r.out);
}

Test(tune, refuses_what_it_cannot_search)
{
	refuses("tune --source tsc-poll", "--source tsc-poll: expected one of kvm-lapic");
	refuses("tune --source dedicated,kvm-lapic", "expected one of");
	refuses("tune --interval 10us,20us", "--interval 10us,20us: expected one from 1us to 1s");
	refuses("tune --load cpu:30", "--load cpu:30: expected one of idle, io");
	refuses("tune --load noise", "--load: ");
	refuses("tune --interval 100ms", "--budget: 1000 events every 100ms");
	refuses("tune --budget 0", "--budget 0: expected a number from 1 to 86400");
	refuses("tune kernel.elf", "kernel.elf: tune takes options only");
	refuses("tune -o /nonexistent/m.ini", "/nonexistent/m.ini");
	refuses("tune --source kvm-lapic --halt-poll 1us --pin 0 --vcpu-priority 1",
		"nothing is left to search");
}

Test(tune, apply_is_for_root)
{
	if (geteuid() == 0 && shell("command -v setpriv").status != 0)
		cr_skip_test("setpriv is not installed (Debian: util-linux)");
	struct result r =
		shell(geteuid() == 0 ? "cp \"$TICKVM\" \"$DIR/tickvm\" && chmod 755 \"$DIR\" && "
				       "setpriv --reuid 65534 --clear-groups \"$DIR/tickvm\" tune "
				       "--apply"
				     : "\"$TICKVM\" tune --apply");

	cr_expect_eq(r.status, 2, "status %d", r.status);
	cr_expect_not_null(strstr(r.err, "--apply: only root may write"), "%s", r.err);
}

/* Two knobs at most. The budget is never reached: the search is interrupted when the first three
 * rounds are done, after which a point may be on the front. What it finds in the end is
 * tests/unit's matter. */
#define FOURTH                                                                                     \
	"exec \"$TICKVM\" tune --budget 600 --interval 50us --pin each --timer-spin 10us "         \
	"--timer-priority 0 --halt-poll 200us --json $DIR/t.json -o $DIR/m.ini"

static void check_points(const json_t *points)
{
	size_t i, front = 0, recommended = 0;
	json_t *point;

	json_array_foreach(points, i, point)
	{
		bool on = json_is_true(json_object_get(point, "front"));

		front += on;
		recommended += json_is_true(json_object_get(point, "recommended"));
		cr_expect(!on || json_array_size(json_object_get(point, "p999_ns")) >= 3,
			"point %zu is on the front too early", i);
	}
	cr_expect_geq(front, 1);
	cr_expect_eq(recommended, 1);
}

Test(tune, interrupted_leaves_a_machine_that_config_takes, .timeout = HUNG)
{
	need_kvm();
	struct result r = shell_signalled(FOURTH, "round 4, ", SIGINT);

	if (r.status == 77)
		cr_skip_test("%s", r.err);
	cr_assert_eq(r.status, 130, "%d: %s", r.status, r.err);
	cr_expect_not_null(strstr(r.err, "interrupted"), "%s", r.err);
	cr_expect_not_null(strstr(r.out, "RECOMMENDED MACHINE"), "%s", r.out);
	cr_expect_not_null(strstr(r.out, "HOST SETTINGS"), "%s", r.out);
	r = tickvm("config check $DIR/m.ini");
	cr_expect_eq(r.status, 0, "%s", r.err);
	r = shell("grep -x 'timer-spin = 10us' $DIR/m.ini");
	cr_expect_eq(r.status, 0, "the user's own option is not in the file");
	json_error_t error;
	char path[64];

	snprintf(path, sizeof(path), "%s/t.json", directory);
	json_t *root = json_load_file(path, 0, &error);

	cr_assert_not_null(root, "%s", error.text);
	cr_expect(json_is_true(json_object_get(root, "interrupted")));
	check_points(json_object_get(json_object_get(root, "tune"), "points"));
	json_decref(root);
	r = tickvm("report $DIR/t.json -o $DIR/t.html");
	cr_expect_eq(r.status, 0, "%s", r.err);
}
