/* SPDX-License-Identifier: BSD-2-Clause */
/* tickvm as a user types it: exit statuses, one line for each mistake, help, guests that end in
 * every way. What the numbers in a trace should be is tested in test_trace.c. */
#include "tickvm_command.h"

#include "tickvm/guest_abi.h"

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
	refused("bench list timer", 2, "timer: list takes nothing more");
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
	refused("trace --csv -", 125, "--csv -: the guest writes to standard output");
	refused("run --csv x", 125, "no such option");
	refused("bench exits --json - --csv -", 2,
		"--json -, --csv -: only one can go to standard output");
	refused("trace --markdown=- --csv - --serial null", 125, "only one can go to standard");
	refused("bench timer --mem 1M", 2, "from 4M to 3G");
	refused("bench ipi --vcpus 1", 2, "--vcpus 1: expected 2, as ipi runs with no other");
	refused("bench scale --vcpus 2", 2, "--vcpus 2: expected 1, as scale runs with no other");
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
	refused("bench timer --csv /nonexistent/x", 2, "cannot write /nonexistent/x: No such");
	refused("trace --markdown /nonexistent/x", 125, "cannot write /nonexistent/x: No such");
	refused("doctor --json /nonexistent/x", 2, "cannot write /nonexistent/x: No such file");
	refused("doctor --json=", 2, "cannot write : No such file");
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
	r = shell("exec unshare -m sh -c 'mount -t tmpfs none /dev && : >/dev/null && "
		  "exec \"$TICKVM\" doctor --require kvm'");
	cr_expect_eq(r.status, 77);
	cr_expect_not_null(strstr(r.err, "--require kvm: "), "%s", r.err);
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

/* A warning is not enough for what is required; what is not named stays as it is. */
Test(cli, doctor_requires)
{
	need_kvm();
	struct result plain = tickvm("doctor --quiet");
	struct result r = tickvm("doctor --quiet --require kvm,api");
	cr_expect_eq(r.status, plain.status, "%s", r.err);
	cr_expect_str_empty(r.err);
	refused("doctor --require fifi", 2, "--require fifi: no such check, did you mean fifo?");
	refused("doctor --require kvm,", 2, "no such check; tickvm doctor lists them");
	refused("doctor --require=", 2, "no such check");
	r = shell("names=$(\"$TICKVM\" doctor | awk '$2 == \"warn\" { print $1 }' | paste -sd, -); "
		  "[ -z \"$names\" ] || exec \"$TICKVM\" doctor --quiet --require \"$names\"");
	cr_expect_eq(r.status, strstr(r.err, "--require ") != NULL, "%d: %s", r.status, r.err);
	r = tickvm("doctor --require kvm --json -");
	json_t *json = json_loads(r.out, 0, NULL);
	cr_expect_eq(json_integer_value(json_object_get(json, "exit_status")), r.status);
	json_decref(json);
}

/* ---- experiments ---- */

#define QUICK                                                                                      \
	"bench exits --quiet --irqchip split --kind pio-out --iterations 10 --batches 3 --rounds " \
	"1 "

static json_t *page_items(const char *text)
{
	json_t *json = json_loads(text, 0, NULL);
	cr_assert_not_null(json, "%s", text);
	json_t *items = json_incref(json_object_get(json, "page"));
	json_decref(json);
	return items;
}

Test(bench, one_page_in_every_format)
{
	need_kvm();
	struct result r = tickvm(QUICK);
	cr_expect_eq(r.status, 0, "%s", r.err);
	cr_expect_not_null(strstr(r.out, "COST OF AN EXIT, irqchip split"), "%s", r.out);
	cr_expect_not_null(strstr(r.out, "\nexit "), "%s", r.out);
	cr_expect_not_null(strstr(r.out, "(limit 10 %)"), "%s", r.out);
	cr_expect_str_empty(r.err);
	r = tickvm(QUICK "--markdown -");
	cr_expect_eq(strncmp(r.out, "## PIO OUT BESIDE A BARE KVM_RUN LOOP", 37), 0, "%s", r.out);
	cr_expect_not_null(strstr(r.out, "\n| pio-out |"), "%s", r.out);
	r = tickvm(QUICK "--csv -");
	cr_expect_eq(strncmp(r.out, "table,loop,", 11), 0, "%s", r.out);
	cr_expect_not_null(strstr(r.out, "\nexits.cost-split,pio-out,"), "%s", r.out);
	cr_expect_null(strstr(r.out, "limit"), "%s", r.out);
	r = tickvm(QUICK "--json -");
	json_t *items = page_items(r.out), *item;
	size_t i, views = 0, verdicts = 0;
	json_array_foreach(items, i, item)
	{
		views += json_object_get(item, "view") != NULL;
		verdicts += json_object_get(item, "verdict") != NULL;
	}
	cr_expect_eq(views, 3); /* two tables and a chart */
	cr_expect_eq(verdicts, 2);
	json_decref(items);
}

Test(bench, text_stays_when_files_are_named)
{
	need_kvm();
	char path[] = "/tmp/tickvm-md-XXXXXX", line[256], text[64] = "";
	close(mkstemp(path));
	snprintf(line, sizeof(line), QUICK "--markdown %s", path);
	struct result r = tickvm(line);
	cr_expect_eq(r.status, 0, "%s", r.err);
	cr_expect_not_null(strstr(r.out, "COST OF AN EXIT"), "%s", r.out);
	FILE *file = fopen(path, "r");
	cr_assert_not_null(fgets(text, sizeof(text), file));
	cr_expect_eq(strncmp(text, "## PIO OUT", 10), 0, "%s", text);
	fclose(file);
	unlink(path);
}

/* Machines that run at once are one round. */
Test(bench, many_machines_are_one_round)
{
	need_kvm();
	struct result r = shell(
		"\"$TICKVM\" bench scale --quiet --vms 3 --seconds 1 --interval 10ms --rounds 2 "
		"--json - | jq -c '[.datasets[] | [.id, (.rows | length)]], (.datasets | "
		"(.[0].rows | map(.figures.expected) | transpose | map(add)) == "
		".[1].rows[0].figures.expected), (.datasets[0].axes | "
		"map(select(.id == \"pin\" or .id == \"vcpus\").value))'");
	cr_expect_str_eq(r.out,
		"[[\"scale.ticks\",3],[\"scale.lateness\",1]]\ntrue\n[1,\"none\"]\n", "%s%s", r.out,
		r.err);
}

/* Each experiment says why it measured nothing, and that it is this host's fault. */
Test(bench, without_kvm)
{
	static const char *const guests[] = {"exits", "ipi", "startup", "scale", "memory --max 4K",
		"linpack --n 10", "ctx --contexts 2 --max 4K", "timer", "hyperbench", "disk"};
	struct result r = shell("unshare -m sh -c 'mount -t tmpfs none /dev' 2>&1");
	char line[300];

	if (r.status != 0)
		cr_skip_test("needs the right to mount, to hide /dev/kvm");
	for (size_t i = 0; i < sizeof(guests) / sizeof(guests[0]); i++) {
		snprintf(line, sizeof(line),
			"exec unshare -m sh -c 'mount -t tmpfs none /dev && : >/dev/null && "
			"exec \"$TICKVM\" bench %s --quiet'",
			guests[i]);
		r = shell(line);
		cr_expect_eq(r.status, 77, "%s: status %d: %s", guests[i], r.status, r.err);
		cr_expect(strstr(r.out, "/dev/kvm") || strstr(r.err, "/dev/kvm"), "%s: %s%s",
			guests[i], r.out, r.err);
	}
}

/* The reason is on standard error where standard output is for data. */
Test(bench, data_do_not_hide_the_reason)
{
	struct result r = shell("unshare -m sh -c 'mount -t tmpfs none /dev' 2>&1");
	if (r.status != 0)
		cr_skip_test("needs the right to mount, to hide /dev/kvm");
	r = shell("exec unshare -m sh -c 'mount -t tmpfs none /dev && : >/dev/null && "
		  "exec \"$TICKVM\" bench ipi --quiet --csv -'");
	cr_expect_eq(r.status, 77, "%d", r.status);
	cr_expect_not_null(strstr(r.err, "/dev/kvm"), "%s", r.err);
	cr_expect_str_empty(r.out);
}

/* ---- guests ---- */

#define EXIT_WITH(status) 0xb0, (status), 0xe6, 0xf4 /* mov al, status; out 0xf4, al */
#define HALT              0xfa, 0xf4, 0xeb, 0xfd     /* cli; hlt; jmp hlt */

static int run_guest(const unsigned char *code, size_t size, const char *options, struct result *r)
{
	char line[512];
	const char *path = write_guest(code, size);
	snprintf(line, sizeof(line), "run --timeout 300 %s %s", options, path);
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

/* cld; mov esi, block; mov edi, GUEST_RESULT_GPA; mov ecx, words; rep movsd; exit with 1 */
Test(guest, message_drives_no_terminal)
{
	static const unsigned char code[] = {0xfc, 0xbe, 0x37, 0, 0x10, 0, 0xbf, 0, 0, 0x40, 0,
		0xb9, sizeof(struct guest_result) / 4 & 0xff, sizeof(struct guest_result) / 1024, 0,
		0, 0xf3, 0xa5, EXIT_WITH(1), 0xf4};
	struct guest_result block = {.magic = GUEST_RESULT_MAGIC,
		.version = GUEST_ABI_VERSION,
		.size = sizeof(block),
		.status = GUEST_FAILED,
		.message = "one\ntwo \x1b]0;three\a"};
	unsigned char image[sizeof(code) + sizeof(block)];
	struct result r;
	need_kvm();
	memcpy(image, code, sizeof(code));
	memcpy(image + sizeof(code), &block, sizeof(block));
	cr_expect_eq(run_guest(image, sizeof(image), "", &r), 1, "%d: %s", r.status, r.err);
	cr_expect_str_eq(r.err, "tickvm run: the guest says: one two ?]0;three?\n");
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
	snprintf(line, sizeof(line), "printf A | \"$TICKVM\" run --timeout 300 %s", path);
	struct result r = shell(line);
	unlink(path);
	cr_expect_eq(r.status, 'A', "%d: %s", r.status, r.err);
}

/* When the guest has said something, it runs. */
Test(guest, signal_ends_the_run_in_order)
{
	static const unsigned char code[] = {0xba, 0xf8, 0x03, 0, 0, /* mov edx, 0x3f8 */
		0xb0, 'o', 0xee, 0xb0, 'k', 0xee, HALT};
	need_kvm();
	char line[256];
	const char *path = write_guest(code, sizeof(code));
	snprintf(line, sizeof(line), "exec \"$TICKVM\" run --timeout 300 %s", path);
	struct result r = shell_signalled(line, "ok", SIGTERM);
	unlink(path);
	cr_expect_eq(r.status, 130, "%d", r.status);
	cr_expect_str_eq(r.out, "ok");
	cr_expect_str_eq(r.err, "tickvm run: stopped by the user\n");
}

Test(guest, built_in_payload)
{
	need_kvm();
	struct result r = tickvm("run --timeout 300");
	cr_expect_eq(r.status, 0, "%d: %s", r.status, r.err);
	cr_expect(strstr(r.out, "hello") != NULL, "%s", r.out);
	r = tickvm("run --timeout 300 --append no-such-key=1");
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
				"run --timeout 300 --vcpus 2 --irqchip %s --append '%s "
				"count=100%s'",
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
