/* SPDX-License-Identifier: BSD-2-Clause */
/* A sweep's file: the cells it makes, and for each mistake one line with file, line, key and what
 * was expected. */
#include "../../src/bench/sweep/sweep_file.h"

#include <criterion/criterion.h>

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- a launcher that knows two machine options ---- */

static bool knows(void *user, const char *key)
{
	(void)user;
	return strcmp(key, "vcpus") == 0 || strcmp(key, "timer-spin") == 0;
}

static int make(void *user, const struct machine_setting *settings, size_t n, struct cell *cell,
	struct diag *diag)
{
	(void)user;
	vm_config_default(&cell->machine);
	for (size_t i = 0; i < n; i++) {
		unsigned value = (unsigned)atoi(settings[i].value);

		if (value > 16)
			return diag_set(diag, -EINVAL, "%s: expected less", settings[i].where);
		if (strcmp(settings[i].key, "vcpus") == 0)
			cell->machine.vcpus = value;
		else
			cell->machine.timer_spin_ns = value;
	}
	return 0;
}

static const struct machine_maker maker = {.knows = knows, .make = make};

/* ---- files in a directory of their own ---- */

static char directory[] = "/tmp/tickvm-sweep-XXXXXX";
static char path[64];
static struct sweep_plan plan;
static struct diag diag;

static void begin(void)
{
	strcpy(directory + sizeof(directory) - 7, "XXXXXX");
	cr_assert_not_null(mkdtemp(directory));
}

static void end(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -r %s", directory);
	cr_assert_eq(system(command), 0);
}

TestSuite(sweep_file, .init = begin, .fini = end);

static void put(const char *name, const char *text)
{
	snprintf(path, sizeof(path), "%s/%s", directory, name);
	FILE *file = fopen(path, "w");

	cr_assert_not_null(file);
	fputs(text, file);
	fclose(file);
}

static int read_text(const char *text)
{
	put("s.ini", text);
	diag.text[0] = '\0';
	return sweep_file_read(&plan, path, &maker, NULL, &diag);
}

static void refused(const char *text, const char *says)
{
	char expected[512];
	int err = read_text(text);

	snprintf(expected, sizeof(expected), "%s%s", path, says);
	cr_expect_eq(err, -EINVAL, "%s: %d", text, err);
	cr_expect_eq(strncmp(diag.text, expected, strlen(expected)), 0, "\"%s\" is not \"%s\"",
		diag.text, expected);
	sweep_file_free(&plan);
}

static void has_option(const struct cell *cell, const char *option)
{
	for (size_t i = 0; i < cell->n_options; i++) {
		if (strcmp(cell->options[i], option) == 0)
			return;
	}
	cr_expect_fail("%s has no %s", cell->name, option);
}

/* ---- cells ---- */

Test(sweep_file, a_matrix_is_a_cross_product)
{
	cr_assert_eq(read_text("[sweep]\nname = n\nrounds = 3\nmark = 5%\nrepeat=50\nrepeats = 1\n"
			       "events = true\n"
			       "[machine one]\n[machine two]\nvcpus = 2\n"
			       "[bench t]\nbench = timer\nsource = dedicated\nresidual = true\n"
			       "[matrix]\nmachines = one, two\nbenches = t,exits\n"
			       "timer-spin = 0 , 5\n"),
		0, "%s", diag.text);
	cr_expect_str_eq(plan.name, "n");
	cr_expect_eq(plan.rounds, 3);
	cr_expect_eq(plan.mark_percent, 5);
	cr_expect_eq(plan.repeat_percent, 50);
	cr_expect_eq(plan.repeats, 1);
	cr_expect(plan.events);
	cr_assert_eq(plan.n, 8);
	cr_expect_str_eq(plan.cells[0].name, "one/t/timer-spin=0");
	cr_expect_str_eq(plan.cells[1].name, "one/t/timer-spin=5");
	cr_expect_str_eq(plan.cells[7].name, "two/exits/timer-spin=5");
	cr_expect_eq(plan.cells[1].machine.timer_spin_ns, 5);
	cr_expect_eq(plan.cells[1].machine.vcpus, 1);
	cr_expect_eq(plan.cells[7].machine.vcpus, 2);
	cr_expect_str_eq(plan.cells[0].bench->name, "timer");
	cr_expect_str_eq(plan.cells[7].bench->name, "exits");
	has_option(&plan.cells[0], "--source=dedicated");
	has_option(&plan.cells[0], "--residual");
	cr_expect_eq(plan.cells[7].n_options, 0);
	sweep_file_free(&plan);
}

Test(sweep_file, a_parameter_of_the_experiment_and_what_does_not_vary)
{
	cr_assert_eq(read_text("[bench timer]\ncount = 7\nresidual = false\n"
			       "[matrix]\nbenches = timer\nsource = dedicated, tsc-poll\n"
			       "interval = 1ms\n"),
		0, "%s", diag.text);
	cr_assert_eq(plan.n, 2);
	cr_expect_str_eq(plan.cells[1].name, "timer/source=tsc-poll");
	has_option(&plan.cells[1], "--source=tsc-poll");
	has_option(&plan.cells[1], "--interval=1ms");
	has_option(&plan.cells[1], "--count=7");
	cr_expect_eq(plan.cells[1].n_options, 3);
	sweep_file_free(&plan);
}

Test(sweep_file, a_cell_of_its_own_overrides_its_sections)
{
	cr_assert_eq(read_text("[machine m]\nvcpus = 2\n[bench b]\nbench = timer\ncount = 7\n"
			       "[cell this/one]\nmachine = m\nbench = b\ncount = 8\nvcpus = 3\n"
			       "[cell plain]\nbench = startup\n"),
		0, "%s", diag.text);
	cr_assert_eq(plan.n, 2);
	cr_expect_str_eq(plan.cells[0].name, "this/one");
	cr_expect_eq(plan.cells[0].machine.vcpus, 3);
	cr_expect_eq(plan.cells[0].n_options, 1);
	has_option(&plan.cells[0], "--count=8");
	cr_expect_str_eq(plan.cells[1].bench->name, "startup");
	sweep_file_free(&plan);
}

/* A results file that names them is clean, and must find them again. */
Test(sweep_file, names_of_cells_are_clean)
{
	cr_assert_eq(read_text("[matrix]\nbenches = startup\ntimer-spin = 1\x1b::x\xff, 2\n"), 0,
		"%s", diag.text);
	cr_expect_str_eq(
		plan.cells[0].name, "startup/timer-spin=1\xef\xbf\xbd\xef\xbf\xbd:x\xef\xbf\xbd");
	sweep_file_free(&plan);
}

Test(sweep_file, includes_are_relative_to_their_file_and_later_lines_win)
{
	char sub[96];

	snprintf(sub, sizeof(sub), "mkdir %s/sub", directory);
	cr_assert_eq(system(sub), 0);
	put("sub/machines.ini", "include = more.ini\n[sweep]\nrounds = 2\nname = theirs\n");
	put("sub/more.ini", "[machine m]\nvcpus = 4\n");
	cr_assert_eq(read_text("include = sub/machines.ini\n[sweep]\nname = ours\n"
			       "[matrix]\nmachines = m\nbenches = ipi\n"),
		0, "%s", diag.text);
	cr_expect_str_eq(plan.name, "ours");
	cr_expect_eq(plan.rounds, 2);
	cr_expect_str_eq(plan.cells[0].name, "m/ipi");
	cr_expect_eq(plan.cells[0].machine.vcpus, 4);
	sweep_file_free(&plan);
}

Test(sweep_file, the_built_in_one)
{
	/* This launcher knows few machine options, but what the sweep is called is read before
	 * them. */
	int err = sweep_file_read(&plan, NULL, &maker, NULL, &diag);

	cr_expect(err == 0 || strstr(diag.text, "no machine option") != NULL, "%s", diag.text);
	cr_expect_str_eq(plan.name, "quick");
	sweep_file_free(&plan);
}

/* ---- mistakes ---- */

#define TIMERS "[matrix]\nbenches = timer\n"

Test(sweep_file, what_is_wrong_with_a_line)
{
	refused("nonsense\n", ":1: expected [section] or key = value");
	refused("rounds = 3\n", ":1: rounds = 3: expected a [section] before it");
	refused("[sweep]\nruonds = 3\n", ":2: ruonds = 3: no such key in [sweep]; expected name");
	refused("[sweep]\nrounds = 0\n", ":2: rounds = 0: expected a number from 1 to 1000");
	refused("[sweep]\nrounds = -1\n", ":2: rounds = -1: expected a number from 1 to 1000");
	refused("[sweep]\nmark = 5x\n", ":2: mark = 5x: expected a number from 1 to 1000%");
	refused("[sweep]\nevents = yes\n", ":2: events = yes: expected true or false");
	refused("[sweep]\nrounds = 1\nrounds = 1\n",
		":3: rounds = 1: given twice; first on line 2");
	refused("[machin a]\n", ":1: [machin a]: no such section; expected [sweep], [machine");
	refused("[machine]\n", ":1: [machine]: expected a name of letters, digits");
	refused("[cell a b]\n", ":1: [cell a b]: expected a name");
	refused("[bench b]\n[bench b]\n", ":2: [bench b]: there is one already, ");
	refused("[bench timer]\ncount=1\ncount=2\n", ":3: count = 2: given twice; first on line 2");
}

Test(sweep_file, what_is_wrong_with_cells)
{
	refused("", ": expected a [matrix] or a [cell NAME]");
	refused("[machine a]\n", ": expected a [matrix] or a [cell NAME]");
	refused("[matrix]\nmachines = a\n", ":1: [matrix]: expected a line benches = NAME");
	refused("[cell c]\ncount = 1\n", ":1: [cell c]: expected a line bench = NAME");
	refused("[matrix]\nbenches = a,,b\n", ":2: benches = a,,b: expected values with single");
	refused("[matrix]\nbenches = tmier\n",
		":2: benches = tmier: there is no [bench tmier] and no such experiment");
	refused(TIMERS "machines = m\n", ":3: machines = m: there is no [machine m]");
	refused("[bench b]\n[matrix]\nbenches = b\n", ":1: [bench b]: no such experiment");
	refused("[bench b]\nbench = x\n[matrix]\nbenches = b\n",
		":2: bench = x: no such experiment");
	refused(TIMERS "[cell timer]\nbench = timer\n", ":3: cell timer: there is one already");
	refused("[machine m]\ncount = 3\n" TIMERS "machines = m\n",
		":2: count = 3: no machine option");
}

Test(sweep_file, what_is_wrong_with_options)
{
	refused("[bench timer]\nsource = dedicated\ninterval = often\n" TIMERS,
		":3: interval = often: --interval: 'often' is no duration");
	refused(TIMERS "coutn = 3\n", ":3: coutn = 3: unknown option --coutn; did you mean");
	refused("[cell c]\nbench = memory\nmax = 3M\n", ":3: max = 3M: --max: ");
	refused(TIMERS "residual = maybe\n", ":3: residual = maybe: --residual takes no value");
	refused("[machine m]\nvcpus = 99\n" TIMERS "machines = m\n",
		":2: vcpus = 99: expected less");
	refused("[cell c]\nbench = disk\ndestroy-data = true\n",
		":3: destroy-data = true: --destroy-data belongs on the command line of tickvm "
		"bench: a file may not say what is destroyed");
	refused("[cell c]\nbench = timer\nof-file = true\n",
		":3: of-file = true: unknown option '--of-file'");
	/* Only together they are wrong. */
	refused("[cell c]\nbench = timer\npaper = true\nscale = true\n",
		":1: cell c: --paper and --scale: one or the other");
}

Test(sweep_file, includes_that_cannot_be)
{
	char self[96];

	refused("[sweep]\n[matrix]\nbenches = timer\n[sweep]\n",
		":4: [sweep]: there is one already, on line 1");
	refused("include = none.ini\n", ":1: include = none.ini: cannot open ");
	refused("include = s.ini\n", ":1: include = s.ini: ");
	cr_expect_not_null(strstr(diag.text, "includes itself that way"));
	refused("include = .\n", ":1: include = .: ");
	cr_expect_not_null(strstr(diag.text, "a directory; expected a regular file"));
	put("other.ini", "include = s.ini\n");
	cr_expect_eq(read_text("include = other.ini\n"), -EINVAL);
	snprintf(self, sizeof(self), "%s/other.ini:1: ... includes itself that way", directory);
	cr_expect_eq(strncmp(diag.text, self, strlen(self)), 0, "%s", diag.text);
	sweep_file_free(&plan);
	cr_expect_eq(sweep_file_read(&plan, "/nonexistent.ini", &maker, NULL, &diag), -ENOENT);
	cr_expect_str_eq(diag.text, "/nonexistent.ini: cannot open it: No such file or directory");
	sweep_file_free(&plan);
}

/* Neither the file nor its existence is of anybody's interest there. */
static void outside(const char *include)
{
	char text[128], says[192];

	snprintf(text, sizeof(text), "include = %s\n", include);
	snprintf(says, sizeof(says), ":1: include = %s: cannot open ", include);
	refused(text, says);
	cr_expect_not_null(
		strstr(diag.text, ": it lies outside of the file's directory"), "%s", diag.text);
}

Test(sweep_file, includes_stay_below_the_files_directory)
{
	char command[256];

	snprintf(command, sizeof(command),
		"cd %s && mkdir sub && ln -s /etc/passwd link.ini && ln -s / root && "
		"ln -s sub/in.ini good.ini && mkfifo fifo.ini",
		directory);
	cr_assert_eq(system(command), 0);
	outside("/etc/passwd");
	outside("/nonexistent.ini");
	outside("../../etc/passwd");
	outside("../nonexistent.ini");
	outside("sub/../../x");
	outside("link.ini");
	outside("root/etc/passwd");
	refused("include = fifo.ini\n", ":1: include = fifo.ini: cannot open ");
	cr_expect_not_null(strstr(diag.text, "a FIFO; expected a regular file"), "%s", diag.text);
	/* Up and down again, or by a link that stays, it is below. */
	put("sub/in.ini", "include = ../more.ini\n");
	put("more.ini", "[sweep]\nname = more\n");
	cr_expect_eq(read_text("include = good.ini\n" TIMERS), -EINVAL);
	cr_expect_not_null(strstr(diag.text, "good.ini:1: cannot open ...: "), "%s", diag.text);
	sweep_file_free(&plan);
	cr_expect_eq(read_text("include = sub/in.ini\n" TIMERS), 0, "%s", diag.text);
	cr_expect_str_eq(plan.name, "more");
	sweep_file_free(&plan);
}

/* A message names the line, and says nothing of what stands there. */
Test(sweep_file, what_an_included_file_says_is_not_shown)
{
	static const char *const texts[] = {"secret\n", "[secret]\n", "[cell secret secret]\n",
		"secret = 1\n", "a = secret\n", "[sweep]\nsecret = 1\n",
		"[sweep]\nrounds = secret\n", "[matrix]\nbenches = secret\n",
		"[bench secret]\n[bench secret]\n", "[bench secret]\n[matrix]\nbenches = secret\n",
		"[bench b]\nbench = secret\n[matrix]\nbenches = b\n",
		"[matrix]\nbenches = timer\nmachines = secret\n",
		"[machine m]\nsecret = 1\n[matrix]\nmachines = m\nbenches = timer\n",
		"[machine m]\nvcpus = 99secret\n[matrix]\nmachines = m\nbenches = timer\n",
		"[cell secret]\nbench = timer\nvcpus = 99secret\n",
		"[cell secret]\nsource = secret\n",
		"[cell secret]\nbench = timer\nsource = secret\n",
		"[cell secret]\nbench = timer\nsecret = 1\n",
		"[cell secret]\nbench = timer\npaper = true\nscale = true\n",
		"[matrix secret]\nbenches = timer\nload = secret, x\n", "include = secret\n",
		"include = /secret\n", "[sweep]\ninclude = secret\n",
		"[cell secret]\nbench = timer\nsource = dedicated\nsource = dedicated\n"};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		char expected[96];

		put("in.ini", texts[i]);
		cr_expect_eq(read_text("include = in.ini\n"), -EINVAL, "%s", texts[i]);
		snprintf(expected, sizeof(expected), "%s/in.ini:", directory);
		cr_expect_eq(strncmp(diag.text, expected, strlen(expected)), 0, "%s: %s", texts[i],
			diag.text);
		cr_expect_null(strstr(diag.text, "secret"), "%s: %s", texts[i], diag.text);
		sweep_file_free(&plan);
	}
	/* Used by a cell of the file itself. */
	put("in.ini", "[bench b]\nbench = timer\nsource = secret\n");
	cr_expect_eq(read_text("include = in.ini\n[cell a]\nbench = b\n"), -EINVAL);
	cr_expect_null(strstr(diag.text, "secret"), "%s", diag.text);
	cr_expect_not_null(
		strstr(diag.text, "in.ini:3: the experiment does not take it"), "%s", diag.text);
	sweep_file_free(&plan);
}

Test(sweep_file, there_are_limits)
{
	char text[2048] = TIMERS;

	/* 8^5 cells */
	for (int i = 0; i < 5; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s = 1,2,3,4,5,6,7,8\n",
			((const char *[]){"count", "runs", "depth", "vms", "vcpus"})[i]);
	cr_expect_eq(read_text(text), -EINVAL);
	cr_expect_not_null(strstr(diag.text, "more than 4096 cells"), "%s", diag.text);
	sweep_file_free(&plan);

	strcpy(text, "[cell c]\nbench = timer\n");
	for (int i = 0; i < 40; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "o%d = 1\n", i);
	cr_expect_eq(read_text(text), -EINVAL);
	cr_expect_not_null(strstr(diag.text, "too many options"), "%s", diag.text);
	sweep_file_free(&plan);

	/* What is too long to be shown leaves the reason. */
	memset(text, 'a', 1000);
	strcpy(text + 1000, " = 1\n");
	refused(text, ":1: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa... = 1: expected a [section]");
}
