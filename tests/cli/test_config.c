/* SPDX-License-Identifier: BSD-2-Clause */
/* tickvm config check: every file that is shipped is good, and what is wrong with others is said by
 * file, line and key. That tickvm runs what it calls good is tested elsewhere. */
#include "tickvm_command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char directory[] = "/tmp/tickvm-config-XXXXXX";

static void setup(void)
{
	cr_assert_not_null(mkdtemp(directory));
	cr_assert_eq(setenv("DIR", directory, 1), 0);
}

static void teardown(void)
{
	shell("rm -r \"$DIR\"");
}

TestSuite(config, .init = setup, .fini = teardown);

static struct result check(const char *text)
{
	char path[64];

	snprintf(path, sizeof(path), "%s/x.ini", directory);
	FILE *file = fopen(path, "w");

	cr_assert_not_null(file);
	fputs(text, file);
	fclose(file);
	return shell("PROGRAM=$(readlink -f \"$TICKVM\"); cd \"$DIR\" && exec \"$PROGRAM\" config "
		     "check x.ini");
}

static void is_bad(const char *text, const char *expected)
{
	struct result r = check(text);

	cr_expect_eq(r.status, 1, "%s: %d", text, r.status);
	cr_expect_str_empty(r.out);
	cr_expect(strncmp(r.err, "tickvm config: x.ini", 20) == 0 &&
			  strstr(r.err, expected) != NULL &&
			  strchr(r.err, '\n') == strrchr(r.err, '\n'),
		"%s: %s", text, r.err);
}

static void is_good(const char *text, const char *expected)
{
	struct result r = check(text);

	cr_expect_eq(r.status, 0, "%s: %s", text, r.err);
	cr_expect_str_eq(r.out, expected);
}

Test(config, shipped_machines)
{
	struct result r = shell("\"$TICKVM\" config check machines/*.ini && ls machines/*.ini");

	cr_expect_eq(r.status, 0, "%s", r.err);
	cr_expect_not_null(strstr(r.out, "machines/low-latency.ini: good\n"), "%s", r.out);
}

Test(config, shipped_sweeps)
{
	struct result r = tickvm("config check sweeps/*.ini");

	cr_expect_eq(r.status, 0, "%s", r.err);
	cr_expect_not_null(strstr(r.out, "sweeps/quick.ini: good, a sweep of "), "%s", r.out);
}

/* A comment that names a command is a promise too. */
Test(config, shipped_machines_run)
{
	need_kvm();
	struct result r = shell(
		"for i in machines/*.ini; do \"$TICKVM\" run --config $i --quiet --serial null "
		"--timeout 300 --append test=exits || { echo $i; exit 1; }; done");

	cr_expect_eq(r.status, 0, "%s%s", r.out, r.err);
}

Test(config, install_brings_them)
{
	struct result r =
		shell("make -n install DESTDIR=/nowhere | grep -c 'share/tickvm/machines'");

	cr_expect_str_neq(r.out, "0\n");
	cr_expect_eq(r.status, 0);
}

Test(config, machines)
{
	is_good("", "x.ini: good\n");
	is_good("[machine]\nvcpus = 2\n# one\nmem = 32M ; two\n", "x.ini: good\n");
	is_bad("[machine]\nvcpu = 2\n", "x.ini:2: vcpu = 2: no such option, did you mean --vcpus?");
	is_bad("vcpus = 0\n", "x.ini:1: vcpus = 0: expected a number from 1 to 16");
	is_bad("[machien]\n", "x.ini:1: [machien]: no such section");
	is_bad("vcpus\n", "x.ini:1: ");
	is_bad("config = y.ini\n", "x.ini:1: config = y.ini: belongs on the command line");
	is_bad("quiet = maybe\n", "x.ini:1: quiet = maybe: expected true or false");
}

/* What this host lacks is a complaint about a line as well. */
Test(config, machines_for_another_host)
{
	is_bad("\npin = 4000\n", "x.ini:2: pin = 4000: ");
	is_bad("vcpus = 1\ntimer-cpu = 4000\n", "x.ini:2: timer-cpu = 4000: ");
	is_bad("mem = 5000001\n", "x.ini:1: mem = 5000001: ");
	is_bad("disk = none.img,ro\n", "No such file");
	is_bad("disk = /dev/null,ro\n",
		"x.ini:1: disk = /dev/null,ro: --disk: a character device; expected a raw image");
	is_good("disk = x.ini,ro\n", "x.ini: good\n");
}

Test(config, sweeps)
{
	is_good("[sweep]\nrounds = 2\n[cell a]\nbench = exits\n[cell b]\nbench = timer\nvcpus = "
		"2\n",
		"x.ini: good, a sweep of 2 cells\n");
	is_bad("[sweep]\nrounds = many\n[cell a]\nbench = exits\n", "x.ini:2: rounds = many: ");
	is_bad("[sweep]\nname = x\n", "expected a [matrix] or a [cell NAME]");
	is_bad("[cell a]\nbench = exist\n", "x.ini:2: bench = exist: ");
	is_bad("[cell a]\nbench = timer\nsource = sundial\n", "x.ini:");
	is_bad("[machine m]\npin = 4000\n[matrix]\nbenches = exits\nmachines = m\n",
		"x.ini:2: pin = 4000: ");
	is_bad("include = none.ini\n", "x.ini:1: include = none.ini: cannot open");
}

/* A NUL byte has no file to be written by put(): printf has one. */
Test(config, bytes_that_are_no_text)
{
	struct result r = shell("cd \"$DIR\" && printf '[machine]\\nvcpus = 2\\0\\n' >nul.ini && "
				"printf '\\357\\273\\277[machine]\\nvcpus = 2\\n' >bom.ini");

	cr_assert_eq(r.status, 0);
	r = tickvm("config check \"$DIR/nul.ini\"");
	cr_expect_eq(r.status, 1);
	cr_expect_not_null(strstr(r.err, "/nul.ini:2: a NUL byte; expected text\n"), "%s", r.err);
	cr_expect_eq(tickvm("config check \"$DIR/bom.ini\"").status, 0);
}

Test(config, long_values_and_comments)
{
	static char text[20000];

	memset(text, 'x', sizeof(text) - 1);
	memcpy(text, "append = ", 9);
	text[9 + 2047] = '\n';
	text[9 + 2048] = '#';
	is_good(text, "x.ini: good\n");
	text[9 + 2047] = 'x';
	text[9 + 2048] = '\n';
	text[9 + 2049] = '#';
	is_bad(text, ": --append: 2048 bytes; at most 2047 fit");
}

Test(config, given_twice)
{
	is_bad("[machine]\nvcpus = 2\nvcpus = 3\n",
		"x.ini:3: vcpus = 3: given twice; first on line 2");
	is_bad("[machine]\n[machine]\n", "x.ini:2: [machine]: there is one already, on line 1");
}

/* A file may be anybody's: what is written or destroyed is named on the command line. */
Test(config, files_name_nothing_that_is_written)
{
	static const char *const machine[] = {"serial = file:victim", "disk = victim",
		"json = victim", "csv = victim", "markdown = victim", "output = victim",
		"resume = victim", "events = victim", "apply = true"};
	char text[128];

	for (size_t i = 0; i < sizeof(machine) / sizeof(machine[0]); i++) {
		/* Those that run does not take are refused as such. */
		snprintf(text, sizeof(text), "[machine]\n%s\n", machine[i]);
		is_bad(text,
			i < 3 ? ": belongs on the command line: a file may " : ": no such option");
		snprintf(text, sizeof(text), "[cell a]\nbench = exits\n%s\n", machine[i]);
		is_bad(text, ": belongs on the command line: a file may ");
	}
	is_bad("[cell a]\nbench = disk\nop = write\ndestroy-data = true\n",
		"x.ini:4: destroy-data = true: --destroy-data belongs on the command line of "
		"tickvm bench: a file may not say what is destroyed");
	is_good("[machine]\nserial = null\n", "x.ini: good\n");
	is_good("[cell a]\nbench = exits\nserial = stdio\ndisk = x.ini,ro\n",
		"x.ini: good, a sweep of 1 cells\n");
}

/* As they came: an image and a file that must be left alone. */
Test(config, sweeps_destroy_nothing)
{
	struct result r =
		shell("PROGRAM=$(readlink -f \"$TICKVM\"); cd \"$DIR\" && echo precious >victim && "
		      "printf '[cell a]\\nbench = exits\\nserial = file:victim\\n' >a.ini && "
		      "printf '[cell a]\\nbench = disk\\nop = write\\nfile = 1M\\nrecord = 4K\\n"
		      "destroy-data = true\\ndisk = victim\\n' >b.ini && "
		      "\"$PROGRAM\" sweep a.ini; \"$PROGRAM\" sweep b.ini; "
		      "\"$PROGRAM\" run --config a.ini; cat victim");

	cr_expect_str_eq(r.out, "precious\n", "%s", r.err);
	cr_expect_not_null(strstr(r.err, "a.ini:3: serial = file:victim: belongs on"), "%s", r.err);
	cr_expect_not_null(strstr(r.err, "b.ini:7: disk = victim: belongs on"), "%s", r.err);
}

/* The whole list at once, those of the host behind those of the file. */
static void complains(const char *text, const char *expected)
{
	struct result r = check(text);

	cr_expect_eq(r.status, 1, "%s: %d", text, r.status);
	cr_expect_str_eq(r.err, expected);
}

Test(config, all_complaints)
{
	complains("vcpu = 2\n[machien]\nfoo = 1\n[machine]\nvcpus = 99\nmem = 5000001\n"
		  "disk = none.img,ro\n",
		"tickvm config: x.ini:1: vcpu = 2: no such option, did you mean --vcpus?; --help "
		"lists them\n"
		"tickvm config: x.ini:2: [machien]: no such section; machine options stand in "
		"[machine]\n"
		"tickvm config: x.ini:5: vcpus = 99: expected a number from 1 to 16\n"
		"tickvm config: x.ini:6: mem = 5000001: --mem 5000001: expected a multiple of 4K\n"
		"tickvm config: x.ini:7: disk = none.img,ro: --disk: cannot open it: No such file "
		"or directory\n");
	complains("[sweep]\nrounds = many\nnmae = x\n[cell a]\nbench = exist\n[cell b]\nbench = "
		  "timer\ninterval = never\n[cell c d]\nbench = timer\n",
		"tickvm config: x.ini:2: rounds = many: expected a number from 1 to 1000\n"
		"tickvm config: x.ini:3: nmae = x: no such key in [sweep]; expected name, rounds, "
		"mark, repeat, repeats, events or include\n"
		"tickvm config: x.ini:9: [cell c d]: expected a name of letters, digits and any of "
		"_ . + - /\n"
		"tickvm config: x.ini:5: bench = exist: there is no [bench exist] and no such "
		"experiment (tickvm bench list)\n"
		"tickvm config: x.ini:8: interval = never: --interval: 'never' is no duration; "
		"write for example 100us, 1ms or 2s\n");
}

Test(config, several_and_none)
{
	struct result r = tickvm(
		"config check machines/smp.ini /nonexistent.ini \"$DIR\" machines/quiet.ini");

	cr_expect_eq(r.status, 1);
	cr_expect_str_eq(r.out, "machines/smp.ini: good\nmachines/quiet.ini: good\n");
	cr_expect_not_null(
		strstr(r.err, "/nonexistent.ini: cannot open it: No such file"), "%s", r.err);
	cr_expect_not_null(strstr(r.err, "cannot open it: a directory"), "%s", r.err);
	cr_expect_eq(tickvm("config").status, 2);
	cr_expect_eq(tickvm("config check").status, 2);
	cr_expect_eq(tickvm("config chekc machines/smp.ini").status, 2);
	r = tickvm("config check --help");
	cr_expect_eq(r.status, 0);
	cr_expect(strncmp(r.out, "usage: tickvm config check", 26) == 0, "%s", r.out);
	cr_expect_eq(shell("\"$TICKVM\" config check machines/smp.ini >/dev/full").status, 1);
}
