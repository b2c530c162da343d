/* SPDX-License-Identifier: BSD-2-Clause */
/* tickvm why as a user types it: mistakes are one line, a run is explained, and a file of it says
 * the same again. Who is named for what is in tests/integration/test_host_events.c. */
#include "tickvm_command.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

TestSuite(why_command, .timeout = HUNG);

static void refused(const char *line, int status, const char *says)
{
	struct result r = tickvm(line);

	cr_expect_eq(r.status, status, "%s: status %d", line, r.status);
	cr_expect_not_null(
		strstr(r.err, says), "%s: \"%s\" does not say \"%s\"", line, r.err, says);
	cr_expect_eq(strchr(r.err, '\n'), r.err + strlen(r.err) - 1, "%s: %s", line, r.err);
	cr_expect_str_empty(r.out, "%s: %s", line, r.out);
}

Test(why_command, mistakes_are_one_line)
{
	refused("why --worst 0", 2, "--worst: '0' is no number from 1 to 100");
	refused("why --worst", 2, "--worst needs a value");
	refused("why --worst=many", 2, "--worst: 'many'");
	refused("why --source dedicated,kvm-lapic", 2, "one --source");
	refused("why --interval 50us,100us", 2, "one --source, --interval and --load");
	refused("why --runs 2", 2, "one run is explained");
	refused("why --paper", 2, "one run is explained");
	refused("why --source native", 2, "native has no guest");
	refused("why --count 1000000", 2, "--count: at most 100000");
	refused("why --vcpus 4 --count 50000", 2, "--count: at most 100000");
	refused("why --quiet-window on", 2, "--quiet-window: why takes a time");
	refused("why --pin both", 2, "--pin both");
	refused("why --sorce dedicated", 2, "did you mean --source?");
	refused("why results.json --source dedicated", 2, "only --worst goes with it");
}

Test(why_command, files_that_cannot_be_explained_are_refused)
{
	char line[200], path[] = "/tmp/tickvm-why-XXXXXX";
	static const char empty[] = "{\"schema\": \"tickvm-results/1\", \"runs\": [{}]}";
	static const char broken[] = "{\"schema\": \"tickvm-results/1\", \"runs\": [{\"vcpus\": 1, "
				     "\"source\": \"pit\", \"host_events\": {}}]}";
	int fd = mkstemp(path);

	cr_assert_geq(fd, 0);
	snprintf(line, sizeof(line), "why %s", path);
	refused(line, 1, "truncated");
	cr_assert_eq(pwrite(fd, empty, sizeof(empty) - 1, 0), (ssize_t)sizeof(empty) - 1);
	refused(line, 1, "no run in it carries host events");
	cr_assert_eq(pwrite(fd, broken, sizeof(broken) - 1, 0), (ssize_t)sizeof(broken) - 1);
	refused(line, 1, "run 0: no source of bench timer's");
	refused("why /nowhere/results.json", 1, "/nowhere/results.json");
	close(fd);
	unlink(path);
}

/* Up to the end of the table of causes, which is all that a file's explanation rests on. */
static size_t told(const char *text)
{
	const char *end = strstr(text, "the whole run");

	cr_assert_not_null(end, "%s", text);
	return (size_t)(end - text);
}

/* What neither spins nor fires ahead is late each time. */
Test(why_command, a_file_says_what_the_run_said)
{
	char line[200], directory[] = "/tmp/tickvm-why-XXXXXX";
	json_error_t error;

	need_kvm();
	cr_assert_not_null(mkdtemp(directory));
	snprintf(line, sizeof(line),
		"why --count 500 --worst 7 --timer-spin 0 --timer-advance 0 --quiet --json "
		"%s/why.json",
		directory);
	struct result run = tickvm(line);

	cr_assert_eq(run.status, 0, "%s", run.err);
	cr_expect_eq(strncmp(run.out, "WHY THE 7 WORST OF 500 EVENTS WERE LATE: dedicated", 50), 0,
		"%s", run.out);
	snprintf(line, sizeof(line), "why %s/why.json --worst 7", directory);
	struct result again = tickvm(line);

	cr_assert_eq(again.status, 0, "%s", again.err);
	cr_assert_eq(told(again.out), told(run.out), "%s%s", run.out, again.out);
	cr_expect_eq(strncmp(again.out, run.out, told(run.out)), 0, "%s%s", run.out, again.out);
	snprintf(line, sizeof(line), "why --worst=2 %s/why.json --json -", directory);
	struct result json = tickvm(line);
	json_t *root = json_loads(json.out, 0, &error);

	cr_assert_not_null(root, "%s", error.text);
	const json_t *why = json_object_get(root, "why");

	cr_expect_eq(json_array_size(why), 1);
	cr_expect_eq(json_array_size(json_array_get(why, 0)), 2);
	json_decref(root);
	snprintf(line, sizeof(line), "rm -r %s", directory);
	shell(line);
}

Test(why_command, runs_are_flagged_as_recorded)
{
	json_error_t error;
	size_t i;
	json_t *flag;
	bool found = false;

	need_kvm();
	struct result r = tickvm("why --count 100 --source kvm-lapic --quiet --json -");

	cr_assert_eq(r.status, 0, "%s", r.err);
	json_t *root = json_loads(r.out, 0, &error);

	cr_assert_not_null(root, "%s", error.text);
	json_array_foreach(
		json_object_get(json_array_get(json_object_get(root, "runs"), 0), "flags"), i, flag)
		found |= strcmp(json_string_value(flag), "host-events") == 0;
	cr_expect(found);
	json_decref(root);
}

/* Sentences need no right to perf events: what is not known is said once. */
Test(why_command, without_rights_it_says_so)
{
	need_kvm();
	if (shell("test \"$(cat /proc/sys/kernel/perf_event_paranoid)\" -gt 0").status != 0)
		cr_skip_test("perf_event_paranoid permits it to all");
	if (geteuid() == 0 && shell("command -v setpriv").status != 0)
		cr_skip_test("setpriv is not installed (Debian: util-linux)");
	setenv("DROP",
		geteuid() == 0 ? "setpriv --bounding-set=-all --inh-caps=-all --ambient-caps=-all"
			       : "",
		1);
	struct result r = shell("$DROP \"$TICKVM\" why --count 100 --quiet 2>&1");

	cr_assert_eq(r.status, 0, "%s", r.out);
	cr_expect(strstr(r.out, "Not known: who ran instead") != NULL ||
			  strstr(r.out, "Not recorded: what the host did") != NULL,
		"%s", r.out);
}
