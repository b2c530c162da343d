/* SPDX-License-Identifier: BSD-2-Clause */
/* tickvm sweep and merge as a user types them: mistakes, a short sweep, its file, an interruption
 * and what follows, shards, a gate; and that every shipped file is one. What is done with figures
 * is tested with those of tests/model. */
#include "tickvm_command.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char directory[] = "/tmp/tickvm-sweep-cli-XXXXXX";
static char line[1024];

#define SMALL                                                                                      \
	"[sweep]\nname = small\nrounds = 2\nrepeats = 0\n[bench t]\nbench = timer\ncount = 50\n"   \
	"interval = 100us\nsource = dedicated\n[matrix]\nbenches = t\ntimer-spin = 0, 60us\n"      \
	"[cell poll]\nbench = t\nsource = tsc-poll\n"
#define MODEL                                                                                      \
	"[sweep]\nname = small\nrounds = 2\n[matrix]\nbenches = model\ntimer-spin = 0, 60us\n"     \
	"[cell other]\nbench = model\nname = other\n"

static const char *in(const char *name)
{
	static char paths[4][96];
	static unsigned next;
	char *path = paths[next++ % 4];

	snprintf(path, sizeof(paths[0]), "%s/%s", directory, name);
	return path;
}

static void put(const char *name, const char *text)
{
	FILE *file = fopen(in(name), "w");

	cr_assert_not_null(file);
	fputs(text, file);
	fclose(file);
}

static void begin(void)
{
	strcpy(directory + sizeof(directory) - 7, "XXXXXX");
	cr_assert_not_null(mkdtemp(directory));
	put("small.ini", SMALL);
	put("model.ini", MODEL);
}

static void end(void)
{
	snprintf(line, sizeof(line), "rm -rf %s", directory);
	cr_assert_eq(system(line), 0);
}

TestSuite(sweep_command, .init = begin, .fini = end, .timeout = HUNG);

static void check_refused(const struct result *result, const char *words, const char *says)
{
	struct result r = *result;

	cr_expect_eq(r.status, 2, "%s: status %d", words, r.status);
	cr_expect(
		strstr(r.err, says) != NULL, "%s: \"%s\" does not say \"%s\"", words, r.err, says);
	cr_expect_str_empty(r.out, "%s: %s", words, r.out);
	cr_expect_eq(strchr(r.err, '\n'), r.err + strlen(r.err) - 1, "%s: %s", words, r.err);
}

static void refused(const char *words, const char *says)
{
	struct result r = tickvm(words);

	check_refused(&r, words, says);
}

Test(sweep_command, mistakes_are_told_before_anything_is_run)
{
	refused("sweep /nonexistent.ini", "/nonexistent.ini: cannot open it: No such file");
	refused("sweep a.ini b.ini", "there is one FILE already: a.ini");
	refused("sweep --shard 3/2", "expected I/N");
	refused("sweep --shard 1/2/3", "expected I/N");
	refused("sweep --shard 9/99", "the sweep has 5 cells");
	refused("sweep --rounds 0", "expected a number from 1 to 1000");
	refused("sweep --gate rules.ini", "expected --baseline FILE with it");
	refused("sweep -o /nonexistent/x.json", "/nonexistent/x.json");
	refused("sweep --resume /nonexistent.json", "cannot open /nonexistent.json");
	refused("sweep --baseline /nonexistent.json", "cannot open /nonexistent.json");
	refused("merge", "expected FILE... -o FILE");
	refused("merge x.json", "expected FILE... -o FILE");
	put("wrong.ini", "[cell c]\nbench = timer\npin = 4095\n");
	snprintf(line, sizeof(line), "sweep %s", in("wrong.ini"));
	refused(line, "wrong.ini:3: pin = 4095: --pin: CPU 4095 is not online here");
	put("wrong.ini", "[machine m]\nirqchip = best\n[matrix]\nmachines = m\nbenches = ipi\n");
	refused(line, "wrong.ini:2: irqchip = best: expected kernel|split|user");
	put("wrong.ini", "[cell c]\nbench = timer\nquiet-window = on\n[cell d]\nbench = ipi\n"
			 "quiet-window = on\n");
	refused(line, "wrong.ini:4: cell d: --quiet-window: ipi takes a time in ns");
}

static json_t *load(const char *name)
{
	json_error_t error;
	json_t *root = json_load_file(in(name), 0, &error);

	cr_assert_not_null(root, "%s: %s", name, error.text);
	return root;
}

static size_t rounds_of(const json_t *root)
{
	size_t i, rounds = 0;
	json_t *cell;

	json_array_foreach(json_object_get(root, "cells"), i, cell) rounds +=
		json_array_size(json_object_get(cell, "rounds"));
	return rounds;
}

/* --verbose: what each cell took, and how much of it without its guest. */
static void check_costs(const char *text, size_t cells)
{
	double wall, rest;
	size_t n = 0;

	for (const char *at = text; (at = strstr(at, "tickvm sweep: ")) != NULL; at++, n++) {
		cr_assert_eq(
			sscanf(strchr(at + strlen("tickvm sweep: "), ':'),
				": %lf ms, of them %lf ms with no guest running", &wall, &rest),
			2, "%s", at);
		cr_expect_gt(rest, 0, "%s", at);
		cr_expect_gt(wall, rest, "%s", at);
	}
	cr_expect_eq(n, cells, "%s", text);
}

Test(sweep_command, a_small_sweep_and_its_file)
{
	need_kvm();
	snprintf(line, sizeof(line), "sweep %s --verbose -o %s", in("small.ini"), in("r.json"));
	struct result r = tickvm(line);

	cr_assert_eq(r.status, 0, "%d: %s", r.status, r.err);
	cr_expect_not_null(strstr(r.out, "SWEEP small: 3 CELLS, 2 ROUNDS"), "%s", r.out);
	/* A B B A. */
	const char *steps[] = {"[1/6] round 1: t/timer-spin=0\n", "[3/6] round 1: poll",
		"[4/6] round 2: poll", "[6/6] round 2: t/timer-spin=0"};

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		cr_expect_not_null(strstr(r.err, steps[i]), "%s: %s", steps[i], r.err);
	check_costs(r.err, 6);
	json_t *root = load("r.json");
	const json_t *metrics = json_object_get(root, "metrics");

	cr_expect_eq(rounds_of(root), 6);
	cr_expect(json_is_false(json_object_get(root, "interrupted")));
	cr_expect_eq(json_array_size(metrics), 27);
	cr_expect_str_eq(json_string_value(json_object_get(json_array_get(metrics, 3), "name")),
		"t/timer-spin=0: timer/dedicated/100us/p99");
	cr_expect_eq(json_array_size(json_object_get(json_array_get(metrics, 3), "values")), 2);
	json_decref(root);
	snprintf(line, sizeof(line), "report %s", in("r.json"));
	cr_expect_eq(tickvm(line).status, 0);
}

Test(sweep_command, the_command_line_wins_in_every_cell)
{
	need_kvm();
	snprintf(line, sizeof(line), "sweep %s --quiet --rounds 1 --timer-spin 7us --json -",
		in("small.ini"));
	struct result r = tickvm(line);
	json_t *root = json_loads(r.out, 0, NULL), *cell;
	size_t i;

	cr_assert_eq(r.status, 0, "%d: %s", r.status, r.err);
	json_array_foreach(json_object_get(root, "cells"), i, cell) cr_expect_eq(
		json_integer_value(
			json_object_get(json_object_get(cell, "machine"), "timer_spin_ns")),
		7000);
	cr_expect_eq(i, 3);
	json_decref(root);
}

Test(sweep_command, an_interruption_leaves_what_was_measured_and_can_be_gone_on_with)
{
	snprintf(line, sizeof(line),
		"MODEL_STOP_AT=5 exec \"$TICKVM_MODEL\" sweep %s --rounds 500 -o %s",
		in("model.ini"), in("r.json"));
	struct result r = shell_signalled(line, "model: run 5 waits", SIGINT);

	cr_assert_eq(r.status, 130, "%d: %s", r.status, r.err);
	json_t *root = load("r.json");

	cr_expect(json_is_true(json_object_get(root, "interrupted")));
	cr_expect_eq(rounds_of(root), 4);
	json_decref(root);
	/* What is missing of so many rounds, and no more. */
	snprintf(line, sizeof(line), "sweep %s --quiet --rounds 3 --resume %s", in("model.ini"),
		in("r.json"));
	r = model(line);
	cr_assert_eq(r.status, 0, "%d: %s", r.status, r.err);
	root = load("r.json");
	cr_expect_eq(rounds_of(root), 9);
	cr_expect(json_is_false(json_object_get(root, "interrupted")));
	json_decref(root);
	snprintf(line, sizeof(line), "sweep %s --resume %s --timer-spin 1us", in("model.ini"),
		in("r.json"));
	r = model(line);
	check_refused(
		&r, line, "cells[0].machine is not that of this sweep's cell model/timer-spin=0");
}

/* The second cell's guest would take an hour and more. */
Test(sweep_command, an_interruption_ends_a_guest)
{
	need_kvm();
	put("long.ini", "[sweep]\nrounds = 1\n[cell short]\nbench = timer\nsource = tsc-poll\n"
			"interval = 100us\ncount = 10\n[cell long]\nbench = timer\nsource = "
			"dedicated\ninterval = 1s\ncount = 4500\n");
	snprintf(line, sizeof(line), "exec \"$TICKVM\" sweep %s -o %s", in("long.ini"),
		in("r.json"));
	struct result r = shell_signalled(line, "[2/2] round 1: long", SIGINT);

	cr_assert_eq(r.status, 130, "%d: %s", r.status, r.err);
	json_t *root = load("r.json");

	cr_expect(json_is_true(json_object_get(root, "interrupted")));
	cr_expect_eq(rounds_of(root), 1);
	json_decref(root);
}

/* The sentinel is looked at before the first round and behind the second: of that one the host was
 * slower. It is run again, and counts once. */
Test(sweep_command, a_disturbed_round_is_run_again)
{
	snprintf(line, sizeof(line), "MODEL_DISTURBED=2 exec \"$TICKVM_MODEL\" sweep %s -o %s",
		in("model.ini"), in("r.json"));
	struct result r = shell(line);

	cr_assert_eq(r.status, 0, "%d: %s", r.status, r.err);
	cr_expect_not_null(strstr(r.err, "[9/9] round 2: model/timer-spin=0"), "%s", r.err);
	json_t *root = load("r.json");

	cr_expect_eq(rounds_of(root), 6);
	json_decref(root);
}

Test(sweep_command, shards_are_merged_into_the_whole)
{
	for (int shard = 1; shard <= 2; shard++) {
		char name[32];

		snprintf(name, sizeof(name), "%d.json", shard);
		snprintf(line, sizeof(line), "sweep %s --quiet --shard %d/2 -o %s", in("model.ini"),
			shard, in(name));
		struct result r = model(line);

		cr_assert_eq(r.status, 0, "%d: %s", r.status, r.err);
	}
	snprintf(line, sizeof(line), "merge %s %s -o %s", in("2.json"), in("1.json"),
		in("all.json"));
	struct result r = model(line);

	cr_assert_eq(r.status, 0, "%d: %s", r.status, r.err);
	json_t *root = load("all.json");

	cr_expect_eq(rounds_of(root), 6);
	cr_expect_eq(json_array_size(json_object_get(root, "metrics")), 6);
	json_decref(root);
	snprintf(line, sizeof(line), "merge %s %s -o %s", in("2.json"), in("2.json"),
		in("all.json"));
	r = model(line);
	cr_expect_eq(r.status, 1);
	cr_expect_not_null(strstr(r.err, "is it the same file twice?"), "%s", r.err);
}

Test(sweep_command, a_baseline_is_compared_with_at_the_end)
{
	snprintf(line, sizeof(line), "sweep %s --quiet --rounds 1 -o %s", in("model.ini"),
		in("old.json"));
	cr_assert_eq(model(line).status, 0);
	snprintf(line, sizeof(line), "sweep %s --quiet --rounds 1 --baseline %s -o %s",
		in("model.ini"), in("old.json"), in("new.json"));
	struct result r = model(line);

	/* One round shows nothing, nor do two: rounds are added up to twice as many. */
	cr_expect_eq(r.status, 0, "%d: %s", r.status, r.err);
	cr_expect_not_null(strstr(r.out, "inconclusive"), "%s", r.out);
	json_t *root = load("new.json");

	cr_expect_not_null(json_object_get(root, "comparison"));
	cr_expect_eq(rounds_of(root), 6);
	cr_expect_eq(
		json_integer_value(json_object_get(json_object_get(root, "sweep"), "rounds")), 2);
	json_decref(root);
	strcat(line, " --strict");
	cr_expect_eq(model(line).status, 1);
}

Test(sweep_command, a_full_disk_leaves_the_old_file)
{
	put("r.json", "old\n");
	snprintf(line, sizeof(line),
		"ulimit -f 1; \"$TICKVM_MODEL\" sweep %s --quiet --rounds 1 -o %s", in("model.ini"),
		in("r.json"));
	struct result r = shell(line);

	cr_expect_neq(r.status, 0);
	snprintf(line, sizeof(line), "cat %s", in("r.json"));
	cr_expect_str_eq(shell(line).out, "old\n");
}

/* Of a file: each member of an array so many times over. */
static void repeat(json_t *array, size_t times)
{
	json_t *all = json_array();

	for (size_t i = 0; i < times; i++)
		json_array_extend(all, array);
	json_array_clear(array);
	json_array_extend(array, all);
	json_decref(all);
}

/* As large as a nightly sweep's: 45 cells and more, 8 rounds. How soon it is there: tests/timing.
 */
Test(sweep_command, a_report_of_many_cells_is_small)
{
	snprintf(line, sizeof(line), "sweep %s --quiet --rounds 2 -o %s", in("model.ini"),
		in("r.json"));
	cr_assert_eq(model(line).status, 0);
	json_t *root = load("r.json"), *item, *cell;
	size_t i;

	json_array_foreach(json_object_get(json_object_get(root, "page"), "items"), i, item)
	{
		if (json_object_get(item, "table") != NULL)
			repeat(json_object_get(json_object_get(item, "table"), "rows"), 100);
	}
	json_array_foreach(json_object_get(root, "cells"), i, cell)
		repeat(json_object_get(cell, "rounds"), 4);
	repeat(json_object_get(root, "cells"), 20);
	repeat(json_object_get(root, "metrics"), 100);
	cr_assert_eq(json_dump_file(root, in("big.json"), 0), 0);
	json_decref(root);
	snprintf(line, sizeof(line),
		"\"$TICKVM\" report %s -o %s && test $(stat -c %%s %s) -lt 5000000", in("big.json"),
		in("big.html"), in("big.html"));
	struct result r = shell(line);

	cr_expect_eq(r.status, 0, "%s", r.err);
}

/* Every cell of every shipped file is what this tickvm takes: of each the last shard, one round, is
 * stopped as soon as the cells have been checked. */
Test(sweep_command, shipped_files_are_right)
{
	const char *names[] = {"quick", "irqchips", "paper-table1", "nightly"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(line, sizeof(line), "sweep sweeps/%s.ini --shard 4096/4096", names[i]);
		refused(line, "--shard 4096/4096: the sweep has ");
	}
}
