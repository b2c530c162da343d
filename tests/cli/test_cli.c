/* SPDX-License-Identifier: BSD-2-Clause */
/* tickvm as a user types it: exit statuses, one line for each mistake, help, guests that end in
 * every way. What the numbers in a trace should be is tested in test_trace.c. */
#include "tickvm_command.h"

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* One line on stderr, that begins with "tickvm" and contains says; nothing on stdout. */
static void refused(const char *line, int status, const char *says)
{
	struct result r = tickvm(line);
	size_t length = strlen(r.err);
	cr_expect_eq(r.status, status, "%s: status %d", line, r.status);
	cr_expect(strstr(r.err, says) != NULL, "%s: \"%s\" does not say \"%s\"", line, r.err, says);
	cr_expect_eq(strncmp(r.err, "tickvm", 6), 0, "%s: %s", line, r.err);
	cr_expect(length > 0 && strchr(r.err, '\n') == r.err + length - 1, "%s: not one line: %s",
		line, r.err);
	cr_expect_str_empty(r.out, "%s: %s", line, r.out);
}

static void prints(const char *line, const char *says)
{
	struct result r = tickvm(line);
	cr_expect_eq(r.status, 0, "%s: status %d: %s", line, r.status, r.err);
	cr_expect(strstr(r.out, says) != NULL, "%s: %s", line, r.out);
	cr_expect_str_empty(r.err, "%s: %s", line, r.err);
}

Test(cli, help_everywhere)
{
	prints("--help", "usage: tickvm COMMAND");
	prints("run --help", "usage: tickvm run [options] [KERNEL]");
	prints("run -h", "--irqchip kernel|split|user");
	prints("trace --help", "--events FILE");
	prints("bench --help", "timer");
	prints("bench timer --help", "--interval");
	prints("bench list", "timer");
	prints("doctor --help", "--json FILE");
	prints("--version", "tickvm 0.");
}

Test(cli, commands_that_do_not_exist)
{
	struct result r = tickvm("");
	cr_expect_eq(r.status, 2);
	cr_expect(strstr(r.err, "usage: tickvm") == r.err, "%s", r.err);
	refused("tarce", 2, "no such command, did you mean trace?");
	refused("bench", 2, "which experiment?");
	refused("bench tiemr", 2, "did you mean timer?");
	refused("bench timer --no-such", 2, "--no-such");
	refused("doctor --vcpus 1", 2, "no such option");
	refused("doctor now", 2, "doctor takes options only");
}

Test(cli, wrong_options)
{
	refused("run --vcpus 0", 125, "--vcpus 0: expected a number from 1 to 16");
	refused("run --irqchip=none", 125, "expected kernel|split|user");
	refused("trace --evnts x", 125, "did you mean --events?");
	refused("run --pin 4000", 125, "CPU 4000 is not online here; online: 0");
	refused("run --timer-cpu 4000", 125, "CPU 4000 is not online");
	refused("run --mem 1M", 125, "from 4M to 3G");
	refused("run --mem 5000001 --serial null", 125, "multiple of 4K");
	refused("run --config /nonexistent.ini", 125, "/nonexistent.ini: cannot open");
	refused("run --json -", 125, "use --serial null or --serial file:PATH");
	refused("bench timer --mem 1M", 2, "from 4M to 3G");
}

/* Before anything is measured: there is no output, and a quarter of an hour is not lost to a typo.
 */
Test(cli, files_that_cannot_be_written)
{
	refused("run --json /nonexistent/x", 125, "cannot write /nonexistent/x: No such file");
	refused("run --serial null --json /tmp", 125, "cannot write /tmp: Is a directory");
	refused("trace --json /nonexistent/x", 125, "name a file that can be written");
	refused("trace --events /nonexistent/x", 125, "cannot write /nonexistent/x: No such file");
	refused("bench timer --json /nonexistent/x", 2, "cannot write /nonexistent/x: No such");
	refused("doctor --json /nonexistent/x", 2, "cannot write /nonexistent/x: No such file");
	refused("doctor --json=", 2, "cannot write : No such file");
}

static void refused_output(const char *line, int status)
{
	char command[128];
	snprintf(command, sizeof(command), "\"$TICKVM\" %s >/dev/full", line);
	struct result r = shell(command);
	cr_expect_eq(r.status, status, "%s: %d", line, r.status);
	cr_expect_str_eq(r.err, "tickvm: cannot write standard output\n");
}

Test(cli, output_that_cannot_be_written)
{
	refused_output("--help", 1);
	refused_output("bench list", 1);
	refused_output("run --help", 125);
}

Test(cli, closed_standard_files)
{
	need_kvm();
	struct result r = shell("\"$TICKVM\" run --serial null <&- >&-");
	cr_expect_eq(r.status, 0, "%d: %s", r.status, r.err);
}

Test(cli, without_the_right_to_kvm)
{
	struct stat kvm;
	if (geteuid() != 0 || stat("/dev/kvm", &kvm) != 0 || (kvm.st_mode & 06) != 0)
		cr_skip_test("needs root and a /dev/kvm that others may not open");
	struct result r = shell("exec setpriv --reuid 65534 --clear-groups -- \"$TICKVM\" run");
	if (r.status == 127 || strstr(r.err, "setpriv") != NULL)
		cr_skip_test("needs setpriv");
	cr_expect_eq(r.status, 125);
	cr_expect(strstr(r.err, "/dev/kvm") != NULL && strchr(r.err, '\n') == strrchr(r.err, '\n'),
		"%s", r.err);
	r = shell("exec setpriv --reuid 65534 --clear-groups -- \"$TICKVM\" doctor");
	cr_expect_eq(r.status, 77);
}

Test(cli, without_kvm)
{
	struct result r = shell("unshare -m sh -c 'mount -t tmpfs none /dev' 2>&1");
	if (r.status != 0)
		cr_skip_test("needs the right to mount, to hide /dev/kvm");
	r = shell("exec unshare -m sh -c 'mount -t tmpfs none /dev && : >/dev/null && "
		  "exec \"$TICKVM\" run'");
	cr_expect_eq(r.status, 125, "%d", r.status);
	cr_expect(strstr(r.err, "/dev/kvm") != NULL && strchr(r.err, '\n') == strrchr(r.err, '\n'),
		"%s", r.err);
	r = shell("exec unshare -m sh -c 'mount -t tmpfs none /dev && : >/dev/null && "
		  "exec \"$TICKVM\" doctor'");
	cr_expect_eq(r.status, 77);
	cr_expect(strstr(r.out, "kvm") != NULL, "%s", r.out);
}

Test(cli, doctor_agrees_with_itself)
{
	need_kvm();
	struct result r = tickvm("doctor");
	cr_expect(r.status == 0 || r.status == 1, "%d", r.status);
	cr_expect_eq(strstr(r.out, " FAIL ") != NULL, r.status == 1, "%s", r.out);
	r = tickvm("doctor --json -");
	json_t *json = json_loads(r.out, 0, NULL);
	cr_assert_not_null(json, "%s", r.out);
	cr_expect_str_eq(json_string_value(json_object_get(json, "schema")), "tickvm-doctor/1");
	cr_expect_eq(json_integer_value(json_object_get(json, "exit_status")), r.status);
	cr_expect_gt(json_array_size(json_object_get(json, "checks")), 5);
	json_t *host = json_object_get(json, "host"), *kvm = json_object_get(host, "kvm");
	cr_expect(json_is_string(json_object_get(host, "kvm_backend")));
	cr_expect_eq(json_integer_value(json_object_get(kvm, "errno")), 0);
	cr_expect_gt(json_integer_value(json_object_get(kvm, "max_vcpus")), 0);
	json_decref(json);
}

/* ---- guests ---- */

#define EXIT_WITH(status) 0xb0, (status), 0xe6, 0xf4 /* mov al, status; out 0xf4, al */
#define HALT              0xfa, 0xf4, 0xeb, 0xfd     /* cli; hlt; jmp hlt */

static int run_guest(const unsigned char *code, size_t size, const char *options, struct result *r)
{
	char line[512];
	const char *path = write_guest(code, size);
	snprintf(line, sizeof(line), "run --timeout 20 %s %s", options, path);
	*r = tickvm(line);
	unlink(path);
	return r->status;
}

Test(guest, status_is_passed_on)
{
	static const unsigned char code[] = {EXIT_WITH(42), HALT};
	struct result r;
	need_kvm();
	cr_expect_eq(run_guest(code, sizeof(code), "", &r), 42, "%d: %s", r.status, r.err);
	cr_expect_str_empty(r.err, "%s", r.err);
	cr_expect_eq(run_guest(code, sizeof(code), "--irqchip user --vcpus 3", &r), 42);
	cr_expect_eq(
		run_guest(code, sizeof(code), "--irqchip kernel --mem 4M", &r), 42, "%s", r.err);
}

Test(guest, great_status_is_clamped_and_said)
{
	static const unsigned char code[] = {EXIT_WITH(200), HALT};
	struct result r;
	need_kvm();
	cr_expect_eq(run_guest(code, sizeof(code), "", &r), 123);
	cr_expect_str_eq(r.err, "tickvm run: the guest's status 200 is passed on as 123\n");
}

Test(guest, timeout)
{
	static const unsigned char code[] = {HALT};
	struct result r;
	need_kvm();
	cr_expect_eq(run_guest(code, sizeof(code), "--timeout 200ms", &r), 124, "%d: %s", r.status,
		r.err);
	cr_expect_str_eq(r.err, "tickvm run: stopped by --timeout after 0.2 s\n");
	cr_expect_eq(run_guest(code, sizeof(code), "--timeout 200ms --irqchip user", &r), 124);
}

Test(guest, crash_is_reported)
{
	static const unsigned char code[] = {0x0f, 0x0b, HALT}; /* ud2, and there is no IDT */
	struct result r;
	need_kvm();
	cr_expect_eq(run_guest(code, sizeof(code), "", &r), 126, "%d: %s", r.status, r.err);
	cr_expect(strstr(r.err, "tickvm run: the guest crashed") == r.err, "%s", r.err);
	cr_expect(strstr(r.err, "rip") != NULL, "%s", r.err);
	cr_expect(strstr(r.err, "0f 0b") != NULL, "%s", r.err);
}

Test(guest, serial_output)
{
	static const unsigned char code[] = {0xba, 0xf8, 0x03, 0, 0, /* mov edx, 0x3f8 */
		0xb0, 'o', 0xee, 0xb0, 'k', 0xee, EXIT_WITH(0), HALT};
	struct result r;
	need_kvm();
	cr_expect_eq(run_guest(code, sizeof(code), "", &r), 0);
	cr_expect_str_eq(r.out, "ok");
	cr_expect_eq(run_guest(code, sizeof(code), "--serial null", &r), 0);
	cr_expect_str_empty(r.out);
	cr_expect_eq(run_guest(code, sizeof(code), "--serial file:/dev/stderr", &r), 0);
	cr_expect_str_empty(r.out);
	cr_expect_str_eq(r.err, "ok");
}

/* Exits with the first byte that arrives. */
static const unsigned char echo[] = {0xba, 0xfd, 0x03, 0, 0, /* mov edx, 0x3fd */
	0xec, 0xa8, 0x01, 0x74, 0xfb,                        /* in al, dx; test al, 1; jz */
	0xba, 0xf8, 0x03, 0, 0, 0xec, 0xe6, 0xf4, HALT};     /* in al, 0x3f8; out 0xf4, al */

Test(guest, serial_input)
{
	need_kvm();
	char line[256];
	const char *path = write_guest(echo, sizeof(echo));
	snprintf(line, sizeof(line), "printf A | \"$TICKVM\" run --timeout 20 %s", path);
	struct result r = shell(line);
	unlink(path);
	cr_expect_eq(r.status, 'A', "%d: %s", r.status, r.err);
}

Test(guest, signal_ends_the_run_in_order)
{
	static const unsigned char code[] = {HALT};
	need_kvm();
	char line[256];
	const char *path = write_guest(code, sizeof(code));
	snprintf(line, sizeof(line),
		"timeout -s TERM --preserve-status 0.5 \"$TICKVM\" run --timeout 20 %s", path);
	struct result r = shell(line);
	unlink(path);
	cr_expect_eq(r.status, 130, "%d", r.status);
	cr_expect_str_eq(r.err, "tickvm run: stopped by the user\n");
}

Test(guest, built_in_payload)
{
	need_kvm();
	struct result r = tickvm("run --timeout 20");
	cr_expect_eq(r.status, 0, "%d: %s", r.status, r.err);
	cr_expect(strstr(r.out, "hello") != NULL, "%s", r.out);
	r = tickvm("run --timeout 20 --append no-such-key=1");
	cr_expect_eq(r.status, 2);
	cr_expect(strstr(r.err, "no-such-key") != NULL, "%s", r.err);
}

/* Every timer source and IPIs, on every back end: all threads take part (make check-tsan runs this
 * too). */
Test(guest, built_in_tests_on_every_back_end)
{
	static const char *const irqchips[] = {"kernel", "split", "user"};
	static const char *const tests[] = {
		"test=timer source=dedicated mode=deadline arm=mmio",
		"test=timer source=dedicated mode=periodic arm=shared",
		"test=timer source=lapic mode=oneshot",
		"test=timer source=pit mode=oneshot",
		"test=ipi mode=pingpong",
	};
	need_kvm();
	for (size_t i = 0; i < sizeof(irqchips) / sizeof(irqchips[0]); i++)
		for (size_t t = 0; t < sizeof(tests) / sizeof(tests[0]); t++) {
			char line[256];
			snprintf(line, sizeof(line),
				"run --timeout 30 --vcpus 2 --irqchip %s --append '%s count=100%s'",
				irqchips[i], tests[t], t < 4 ? " interval_ns=1000000" : "");
			struct result r = tickvm(line);
			if (r.status == 125)
				cr_skip_test("%s", r.err);
			cr_expect_eq(r.status, 0, "%s: %d: %s", line, r.status, r.err);
		}
}

Test(guest, files_that_are_none)
{
	need_kvm();
	refused("run /nonexistent", 125, "/nonexistent");
	refused("run /etc/passwd", 125, "/etc/passwd");
	refused("run /tmp", 125, "/tmp");
	refused("run /dev/null", 125, "/dev/null");
	refused("run --serial file:/nonexistent/x", 125, "/nonexistent/x");
}
