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
 * until_filtered PID: waits for the process' filter; until_running PID: for a vCPU's
 * thread and the handler of SIGTERM, and prints every thread's name and how many filters it has;
 * sandbox_of FILE: the sandbox that results are of. All end when the process does. */
static struct result in_directory(const char *line)
{
	char script[2048];

	snprintf(script, sizeof(script),
		"until_filtered() { until grep -q 'Seccomp:.2' /proc/$1/status; do\n"
		"	kill -0 $1 || return 1; done; }\n"
		"is_running() { grep -qs tickvm-vcpu-0 /proc/$1/task/*/comm &&\n"
		"	grep -qs 'SigCgt:.*[4-7c-f]...$' /proc/$1/status; }\n"
		"until_running() { until is_running $1; do kill -0 $1 || return 1; done\n"
		"	for t in /proc/$1/task/*; do echo \"$(cat $t/comm)\" \\\n"
		"		$(sed -n 's/Seccomp_filters:.//p' $t/status); done; }\n"
		"sandbox_of() { jq -c '(.invocations[0] // .).host.sandbox' \"$1\"; }\n"
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

static const char *const irqchips[] = {"kernel", "split", "user"};
#define IRQCHIPS (sizeof(irqchips) / sizeof(irqchips[0]))

static void make_guest_of(const unsigned char *code, size_t size)
{
	need_kvm();
	cr_assert_eq(setenv("GUEST", write_guest(code, size), 1), 0);
}

static void make_guest(void)
{
	static const unsigned char jump_to_itself[] = {0xeb, 0xfe};

	make_guest_of(jump_to_itself, sizeof(jump_to_itself));
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
	/* The vCPU's thread has its own filter alone, the others have the process's too. */
	expect(RUN_AND_LOOK("--vcpus 2 $GUEST"), 130, "tickvm-vcpu-0 1\ntickvm-vcpu-1 1\n");
	expect(RUN_AND_LOOK("$GUEST"), 130, "tickvm-timer 2\n");
	expect(RUN_AND_LOOK("$GUEST"), 130, "tickvm 1\n");
	expect(RUN_AND_LOOK("--sandbox off $GUEST"), 130, "tickvm-vcpu-0 0\n");
	remove_guest();
}

/* The line with each back end's name for its %s. */
static void expect_on_each(const char *format, int status, const char *out)
{
	for (size_t i = 0; i < IRQCHIPS; i++) {
		char line[1024];

		snprintf(line, sizeof(line), format, irqchips[i]);
		expect(line, status, out);
	}
}

/* Whether it runs or halts, and where it does either. */
static void expect_stopped(void)
{
	expect_on_each("\"$TICKVM\" run --irqchip %s --timeout 100ms $GUEST 2>said; echo $?; "
		       "cat said",
		0, "124\ntickvm run: stopped by --timeout after 0.1 s\n");
	expect_on_each(RUN_AND_LOOK("--irqchip %s $GUEST"), 130, "tickvm-vcpu-0");
}

Test(sandbox, a_guest_that_runs_is_stopped)
{
	make_guest();
	need_filters();
	expect_stopped();
	remove_guest();
}

Test(sandbox, a_guest_that_halts_is_stopped)
{
	static const unsigned char halt[] = {0xf4, 0xeb, 0xfd};

	make_guest_of(halt, sizeof(halt));
	need_filters();
	expect_stopped();
	remove_guest();
}

/* Registers, code, 16 exits: the same as without, but for the times. */
Test(sandbox, a_triple_fault_is_reported_whole)
{
	static const unsigned char code[] = {0xb1, 20, /* mov cl, 20 */
		0xe6, 0x80, 0xfe, 0xc9, 0x75, 0xfa,    /* out 0x80, al; dec cl; jnz */
		0x0f, 0x0b};                           /* ud2, and there is no IDT */

	make_guest_of(code, sizeof(code));
	expect_on_each("for s in on off; do \"$TICKVM\" run --irqchip %s --sandbox $s $GUEST "
		       "2>$s; echo $?; sed -i 's/ *[0-9.]* us before/us before/' $s; done; "
		       "cmp on off && grep -c 'us before' on && grep 'triple fault' on",
		0, "126\n126\n16\nguest crashed: triple fault on vCPU 0\n");
	remove_guest();
}

Test(sandbox, experiments_on_each_back_end)
{
	need_kvm();
	need_filters();
	expect_on_each("\"$TICKVM\" bench ipi --quiet --count 10 --wait hlt --apic x2apic "
		       "--sandbox on --irqchip %s",
		0, "one way");
	expect_on_each("\"$TICKVM\" bench timer --quiet --count 10 --interval 1ms --sandbox on "
		       "--irqchip %s",
		0, "LATENESS");
	expect_on_each("\"$TICKVM\" bench exits --quiet --iterations 50 --batches 3 --rounds 1 "
		       "--sandbox on --irqchip %s",
		0, "pio-out");
}

/* With /dev/kvm as one who may use it finds it, in a mount namespace of the test's own. */
static struct result as_nobody(const char *line)
{
	setenv("LINE", line, 1);
	return in_directory(
		"chmod 755 . && mkdir -p -m 777 open && rm -f kvm && mknod -m 666 kvm c 10 232 && "
		"cp \"$TICKVM\" tickvm && cp \"${GUEST:-$image}\" guest && chmod 755 tickvm guest "
		"&& "
		"unshare -m sh -c 'mount --bind kvm /dev/kvm && cd open && exec setpriv "
		"--reuid 65534 --regid 65534 --clear-groups --inh-caps=-all sh -c \"$LINE\"'");
}

Test(sandbox, without_any_right)
{
	need_filters();
	make_guest();
	if (as_nobody("test -w /dev/kvm").status != 0)
		cr_skip_test("no right to a mount namespace with /dev/kvm for everybody");
	struct result r = as_nobody("../tickvm run --timeout 100ms ../guest");

	cr_expect_eq(r.status, 124, "%d: %s", r.status, r.err);
	remove_guest();
	unsetenv("GUEST");
	r = as_nobody("truncate -s 1M disk && ../tickvm trace --serial null --disk disk --json "
		      "t.json --append 'test=disk op=write rounds=1' ../guest");
	cr_expect_eq(r.status, 0, "%d: %s", r.status, r.err);
	expect("sandbox_of open/t.json", 0, "{\"on\":true,");
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

/* The payload reads and writes a disk; how is said. */
static void expect_disk(const char *irqchip, const char *way)
{
	char line[400];

	snprintf(line, sizeof(line),
		"truncate -s 1M disk.img && for op in read write; do \"$TICKVM\" trace --verbose "
		"--irqchip %s --serial null --disk disk.img --append \"test=disk op=$op rounds=1\" "
		"$image || exit; done",
		irqchip);
	struct result r = in_directory(line);

	cr_expect_eq(r.status, 0, "%s: %s", irqchip, r.err);
	cr_expect_not_null(strstr(r.err, way), "%s: %s", irqchip, r.err);
}

Test(sandbox, disks_by_both_ways)
{
	need_kvm();
	need_filters();
	for (size_t i = 0; i < IRQCHIPS; i++)
		expect_disk(irqchips[i], "io_uring");
	forbid_io_uring();
	for (size_t i = 0; i < IRQCHIPS; i++)
		expect_disk(irqchips[i], "disk: no io_uring here: preadv");
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
	       "--sandbox on --json out/d.json >/dev/null; jq -c "
	       "'[.datasets[0].rows[].flags[0]|index(\"one-at-a-time\")!=null]' "
	       "out/d.json",
		0, "[true,true]\n");
	expect("\"$TICKVM\" bench startup --quiet --irqchip split --rounds 1 --sandbox on --json "
	       "out/s.json "
	       ">/dev/null; jq -c '[.datasets[0].rows[].at.start]' out/s.json",
		0, "[\"bare\",\"split\",\"split-confined\"]\n");
}
