/* SPDX-License-Identifier: BSD-2-Clause */
/* Output that cannot be written, of every command: status 1 and one line, and nothing dies of a
 * signal. /dev/full is the full disk, ulimit -f the full file. */
#include "tickvm_command.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char directory[] = "/tmp/tickvm-lost-XXXXXX";

static void write_results(void)
{
	char path[64];
	json_t *root = json_pack("{s:s, s:s, s:{s:s}, s:[{s:s, s:s, s:s, s:[i,i,i,i]}], "
				 "s:{s:[{s:s, s:b}]}}",
		"schema", "tickvm-results/1", "bench", "timer", "host", "cpu_model", "C", "metrics",
		"name", "timer/dedicated/100us/p50", "unit", "ns", "better", "lower", "values", 1,
		2, 3, 4, "page", "items", "verdict", "all is well", "good", 1);

	snprintf(path, sizeof(path), "%s/r", directory);
	cr_assert_eq(json_dump_file(root, path, 0), 0);
	json_decref(root);
}

static void setup(void)
{
	cr_assert_not_null(mkdtemp(directory));
	cr_assert_eq(setenv("DIR", directory, 1), 0);
	write_results();
}

static void teardown(void)
{
	shell("rm -r \"$DIR\"");
}

TestSuite(lost_output, .init = setup, .fini = teardown, .timeout = 600);

/* line with what the shell is to do with its output: one line on standard error is about it. */
static void fails(const char *line, const char *redirection, const char *says)
{
	char command[512];

	snprintf(command, sizeof(command), "exec \"$TICKVM\" %s %s", line, redirection);
	struct result r = shell(command);
	const char *about = strstr(r.err, says);

	cr_expect_eq(r.status, 1, "%s: status %d: %s", command, r.status, r.err);
	cr_expect_not_null(about, "%s: \"%s\" does not say \"%s\"", command, r.err, says);
	cr_expect(
		about == NULL || strstr(about + 1, says) == NULL, "%s: twice: %s", command, r.err);
}

static void fails_full_and_closed(const char *line)
{
	fails(line, ">/dev/full", "cannot write standard output");
	fails(line, ">&-", "cannot write standard output");
}

Test(lost_output, of_what_needs_no_guest)
{
	static const char *const lines[] = {"--help", "--version", "run --help", "trace --help",
		"bench --help", "bench list", "report --help", "sweep --help", "merge --help",
		"compare --help", "bisect-run --help", "why --help", "tune --help", "config --help",
		"doctor --help", "doctor --quiet --json -", "config check machines/quiet.ini",
		"report $DIR/r", "report $DIR/r -o - --format markdown",
		"report $DIR/r --format html", "compare $DIR/r $DIR/r",
		"compare $DIR/r $DIR/r --json -", "compare $DIR/r $DIR/r --markdown -"};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		fails_full_and_closed(lines[i]);
}

Test(lost_output, of_each_experiments_help)
{
	struct result r = tickvm("bench list | awk '{ print $1 }'");

	for (char *name = strtok(r.out, "\n"); name != NULL; name = strtok(NULL, "\n")) {
		char line[64];

		snprintf(line, sizeof(line), "bench %s --help", name);
		fails_full_and_closed(line);
	}
}

Test(lost_output, in_files_of_what_needs_no_guest)
{
	fails("report $DIR/r --format html -o /dev/full", "", "cannot write /dev/full: No space");
	fails("compare $DIR/r $DIR/r --json /dev/full", "", "cannot write /dev/full: No space");
	fails("doctor --quiet --json /dev/full", "", "cannot write /dev/full: No space");
}

/* Of 512 bytes, or 1,024: what is said fits. */
static void fails_at_limit(const char *line)
{
	char command[512];

	snprintf(command, sizeof(command), "ulimit -f 1; exec \"$TICKVM\" %s", line);
	struct result r = shell(command);

	cr_expect_eq(r.status, 1, "%s: status %d: %s", line, r.status, r.err);
	cr_expect_not_null(strstr(r.err, "File too large"), "%s: %s", line, r.err);
}

Test(lost_output, beyond_a_files_limit)
{
	fails_at_limit("report $DIR/r --format html -o $DIR/page");
	fails_at_limit("compare $DIR/r $DIR/r --json $DIR/page");
	struct result r = shell("ls $DIR");

	cr_expect_str_eq(r.out, "r\n");
	r = shell("ulimit -f 1; exec \"$TICKVM\" run --help >$DIR/help");
	cr_expect_eq(r.status, 1, "%d: %s", r.status, r.err);
	cr_expect_str_eq(r.err, "tickvm: cannot write standard output\n");
}

/* ---- guests ---- */

#define SHORT "--quiet --rounds 1 "

static const char *const measured[] = {
	"trace --timeout 60 --serial null",
	"trace --timeout 60 --serial null --csv -",
	"bench timer --quiet --source dedicated --interval 1ms --count 20 --json -",
	"bench timer --quiet --source native --interval 1ms --count 20",
	"bench hyperbench " SHORT "--row idle --iterations 10 --no-native",
	"bench native " SHORT "--row idle --iterations 10",
	"bench memory " SHORT "--series bandwidth --op read --pages 4k --backing ordinary --max 4K",
	"bench linpack " SHORT "--n 10 --batches 1 --side guest",
	"bench ctx " SHORT "--contexts 2 --stride 4096 --max 4K --batches 1 --side guest",
	"bench disk " SHORT "--op read --file 1M --record 64K --depth 1",
	"bench exits " SHORT "--irqchip split --kind pio-out --iterations 10 --series cost",
	"bench ipi --quiet --irqchip split --count 10 --apic xapic --wait hlt",
	"bench startup --quiet --rounds 1 --irqchip user",
	"bench scale --quiet --vms 1 --seconds 1",
	"why --quiet --count 50 --interval 1ms",
	"compare --live --quiet 'exits --irqchip split --kind pio-out --series cost --iterations "
	"9' "
	"'exits --irqchip split --kind pio-out --series cost --iterations 9' --max-rounds 8",
};

Test(lost_output, of_what_is_measured)
{
	need_kvm();
	for (size_t i = 0; i < sizeof(measured) / sizeof(measured[0]); i++)
		fails(measured[i], i % 2 == 0 ? ">/dev/full" : ">&-",
			"cannot write standard output");
}

Test(lost_output, of_a_sweep)
{
	need_kvm();
	shell("printf '[sweep]\\nrounds = 1\\n[cell e]\\nbench = exits\\nirqchip = split\\n"
	      "kind = pio-out\\niterations = 9\\nseries = cost\\n' >\"$DIR/s.ini\"");
	fails("sweep --quiet $DIR/s.ini", ">/dev/full", "cannot write standard output");
	/* After the round, and at the end. */
	struct result r = tickvm("sweep --quiet $DIR/s.ini --json /dev/full");

	cr_expect_eq(r.status, 1, "%d", r.status);
	cr_expect_not_null(strstr(r.err, "cannot write /dev/full: No space"), "%s", r.err);
	fails("sweep --quiet $DIR/s.ini --json -", ">&-", "cannot write standard output");
}

/* What the guest printed is lost too, and said to be. */
Test(lost_output, of_a_guest)
{
	need_kvm();
	fails("run --timeout 60", ">/dev/full",
		"serial output were lost: standard output No space");
	fails("run --timeout 60", ">&-", "serial output were lost: standard output Bad file");
	fails("trace --timeout 60", ">/dev/full", "serial output were lost: standard output");
	fails("run --timeout 60 --serial file:/dev/full", "",
		"serial output were lost: /dev/full No space");
	fails("run --timeout 60 --json /dev/full --serial null", "",
		"cannot write /dev/full: No space");
	fails("trace --timeout 60 --json - --serial null", ">/dev/full",
		"cannot write standard output");
	fails("trace --timeout 60 --events /dev/full --serial null", "",
		"cannot write /dev/full: No space");
	fails_at_limit("run --timeout 60 --json $DIR/json --serial null");
	struct result r = shell("exec \"$TICKVM\" run --timeout 60 --serial null >&-");

	cr_expect_eq(r.status, 0, "nothing was to be written: %d: %s", r.status, r.err);
}
