/* SPDX-License-Identifier: BSD-2-Clause */
/* --sandbox as a user types it: what is confined by default, that it works all the same, and that
 * results say so. What is then stopped is tests/unit/test_sandbox.c's. */
#include "tickvm_command.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static char directory[] = "/tmp/tickvm-sandbox-XXXXXX";

/* A line in $DIR, which has results in r.json and an empty folder out, and what it may use:
 * until_filtered PID: waits for the process' filter; until_running PID: for the first vCPU's
 * thread, and prints every thread's name and how many filters it has; sandbox_of FILE: the sandbox
 * that results are of. All end when the process does. */
static struct result in_directory(const char *line)
{
	char script[2048];

	snprintf(script, sizeof(script),
		"until_filtered() { until grep -q 'Seccomp:.2' /proc/$1/status; do\n"
		"	kill -0 $1 || return 1; done; }\n"
		"until_running() { until grep -qs tickvm-vcpu-0 /proc/$1/task/*/comm; do\n"
		"	kill -0 $1 || return 1; done\n"
		"	for t in /proc/$1/task/*; do echo \"$(cat $t/comm)\" \\\n"
		"		$(sed -n 's/Seccomp_filters:.//p' $t/status); done; }\n"
		"sandbox_of() { jq -c .host.sandbox \"$1\"; }\n"
		"image=${TICKVM%%/*}/tickvm-guest; cd \"$DIR\" && %s",
		line);
	return shell(script);
}

static void setup(void)
{
	char program[4096];

	cr_assert_not_null(mkdtemp(directory));
	cr_assert_eq(setenv("DIR", directory, 1), 0);
	setenv("TICKVM", "build/tickvm", 0);
	cr_assert_not_null(realpath(getenv("TICKVM"), program));
	cr_assert_eq(setenv("TICKVM", program, 1), 0);
	struct result r =
		in_directory("mkdir out && echo '{\"schema\": \"tickvm-results/1\", "
			     "\"bench\": \"exits\", \"metrics\": [], "
			     "\"page\": {\"items\": [{\"note\": \"as it was\"}]}}' >r.json");
	cr_assert_eq(r.status, 0, "%s", r.err);
}

static void teardown(void)
{
	shell("rm -r \"$DIR\"");
}

TestSuite(sandbox, .init = setup, .fini = teardown);

static void need_filters(void)
{
	if (shell("grep -q ^Seccomp_filters: /proc/self/status").status != 0)
		cr_skip_test("this kernel has no seccomp filters, or does not count them");
	if (shell("grep -q '__[at]san_init' \"$TICKVM\"").status == 0)
		cr_skip_test("sanitizers make calls of their own: such a build has no filters");
}

static void expect(const char *line, int status, const char *out)
{
	struct result r = in_directory(line);

	cr_expect_eq(r.status, status, "%s: status %d: %s", line, r.status, r.err);
	cr_expect_not_null(strstr(r.out, out), "%s: %s", line, r.out);
	cr_expect_str_empty(r.err, "%s: %s", line, r.err);
}

static void refused(const char *line, int status, const char *says)
{
	struct result r = in_directory(line);

	cr_expect_eq(r.status, status, "%s: status %d", line, r.status);
	cr_expect_not_null(strstr(r.err, says), "%s: %s", line, r.err);
}

/* ---- without a guest ---- */

Test(sandbox, wrong_words)
{
	refused("exec \"$TICKVM\" run --sandbox maybe", 125,
		"--sandbox maybe: expected on|off|auto");
	refused("exec \"$TICKVM\" sweep --sandbox on", 2, "no such option");
	refused("exec \"$TICKVM\" why --sandbox on", 2, "watches the whole host");
	refused("exec \"$TICKVM\" compare --live --sandbox on a b", 2, "--live runs experiments");
	refused("echo 'sandbox = off' >m.ini && exec \"$TICKVM\" run --config m.ini", 125,
		"m.ini:1: sandbox = off: belongs on the command line");
}

Test(sandbox, report_is_confined)
{
	need_filters();
	expect("mkfifo in && { \"$TICKVM\" report - -o out/r.txt <in & } && exec 3>in && "
	       "until_filtered $! && cat r.json >&3 && exec 3>&- && wait $! && cat out/r.txt && ls "
	       "out",
		0, "as it was\nr.txt\n");
}

Test(sandbox, report_says_the_same_without)
{
	expect("\"$TICKVM\" report r.json -o out/on.html && "
	       "\"$TICKVM\" report --sandbox off r.json -o out/off.html && "
	       "cmp out/on.html out/off.html && ls out",
		0, "off.html\non.html\n");
	expect("\"$TICKVM\" report r.json | cat", 0, "as it was");
	expect("\"$TICKVM\" report r.json -o /dev/stdout --format text", 0, "as it was");
	refused("\"$TICKVM\" report missing.json", 1, "No such file or directory");
	refused("\"$TICKVM\" report r.json -o no/such/r.txt", 1, "cannot write no/such/r.txt");
}

/* ---- with one ---- */

static void make_guest(void)
{
	static const unsigned char jump_to_itself[] = {0xeb, 0xfe};

	need_kvm();
	cr_assert_eq(setenv("GUEST", write_guest(jump_to_itself, sizeof(jump_to_itself)), 1), 0);
}

static void remove_guest(void)
{
	const char *guest = getenv("GUEST");

	if (guest != NULL)
		unlink(guest);
}

#define RUN_AND_LOOK(options)                                                                      \
	"{ \"$TICKVM\" run --quiet --serial null " options " & } && until_running $!; "            \
	"kill -TERM $!; wait $!"

Test(sandbox, a_guest_that_is_not_ours_is_confined)
{
	make_guest();
	need_filters();
	expect(RUN_AND_LOOK("$GUEST"), 130, "tickvm-vcpu-0 2\n");
	expect(RUN_AND_LOOK("$GUEST"), 130, "tickvm 1\n");
	expect(RUN_AND_LOOK("--sandbox off $GUEST"), 130, "tickvm-vcpu-0 0\n");
	remove_guest();
}

Test(sandbox, results_say_which_it_was)
{
	static const char confined[] = "{\"on\":true,\"landlock_abi\":";
	const char *trace = "\"$TICKVM\" trace --serial file:out/serial --json out/t.json "
			    "--csv out/t.csv --events out/e.json --append test=hello ";
	char line[512];

	need_kvm();
	snprintf(line, sizeof(line), "%s $image >/dev/null; sandbox_of out/t.json; ls out", trace);
	expect(line, 0, confined);
	expect(line, 0, "\ne.json\nserial\nt.csv\nt.json\n");
	snprintf(line, sizeof(line), "%s --sandbox off $image >/dev/null; sandbox_of out/t.json",
		trace);
	expect(line, 0, "{\"on\":false}\n");
	snprintf(line, sizeof(line), "%s >/dev/null; sandbox_of out/t.json", trace);
	expect(line, 0, "{\"on\":false}\n");
	expect("\"$TICKVM\" bench ipi --quiet --irqchip split --apic x2apic --wait hlt --count 10 "
	       "--sandbox on --json out/b.json >/dev/null; sandbox_of out/b.json",
		0, confined);
}

/* As on a kernel that has no io_uring. */
static void forbid_io_uring(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | 38 /* ENOSYS */),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {.len = sizeof(filter) / sizeof(filter[0]), .filter = filter};

	cr_assert_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	cr_assert_eq(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
}

Test(sandbox, disks_by_both_ways)
{
	const char *line = "truncate -s 1M disk.img && \"$TICKVM\" trace --verbose --serial null "
			   "--disk disk.img --append 'test=disk op=write rounds=1' $image";

	need_kvm();
	need_filters();
	struct result r = in_directory(line);

	cr_expect_eq(r.status, 0, "%s", r.err);
	cr_expect(strstr(r.err, "disk: io_uring") || strstr(r.err, "no io_uring"), "%s", r.err);
	forbid_io_uring();
	r = in_directory(line);
	cr_expect_eq(r.status, 0, "%s", r.err);
	cr_expect_not_null(strstr(r.err, "disk: no io_uring here: preadv"), "%s", r.err);
}

/* Processes, scratch files, and tickvm itself. */
Test(sandbox, experiments_that_do_more_than_run_guests)
{
	need_kvm();
	need_filters();
	expect("\"$TICKVM\" bench ctx --quiet --contexts 2 --stride 64 --max 4K --batches 1 --mem "
	       "16M "
	       "--sandbox on",
		0, "native");
	expect("\"$TICKVM\" bench disk --quiet --file 1M --record 64K --op read --rounds 1 --dir "
	       "out "
	       "--sandbox on --json out/d.json >/dev/null; jq .runs[0].io_uring out/d.json",
		0, "false\n");
	expect("\"$TICKVM\" bench startup --quiet --irqchip split --runs 1 --sandbox on --json "
	       "out/s.json "
	       ">/dev/null; jq -c '[.runs[].start]' out/s.json",
		0, "[\"split\",\"bare\",\"split-confined\"]\n");
}
