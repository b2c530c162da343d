/* SPDX-License-Identifier: BSD-2-Clause */
/* tickvm sweep and merge as a user types them: mistakes, a short sweep, its file, an interruption
 * and what follows, shards, a gate; and that every shipped file is one. */
#include "tickvm_command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char directory[] = "/tmp/tickvm-sweep-cli-XXXXXX";
static char line[1024];

#define SMALL                                                                                      \
	"[sweep]\nname = small\nrounds = 2\nrepeats = 0\n[bench t]\nbench = timer\ncount = 50\n"   \
	"interval = 100us\nsource = dedicated\n[matrix]\nbenches = t\ntimer-spin = 0, 60us\n"      \
	"[cell poll]\nbench = t\nsource = tsc-poll\n"

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
}

static void end(void)
{
	snprintf(line, sizeof(line), "rm -rf %s", directory);
	cr_assert_eq(system(line), 0);
}

TestSuite(sweep_command, .init = begin, .fini = end, .timeout = 300);

static void refused(const char *words, const char *says)
{
	struct result r = tickvm(words);

	cr_expect_eq(r.status, 2, "%s: status %d", words, r.status);
	cr_expect(
		strstr(r.err, says) != NULL, "%s: \"%s\" does not say \"%s\"", words, r.err, says);
	cr_expect_str_empty(r.out, "%s: %s", words, r.out);
	cr_expect_eq(strchr(r.err, '\n'), r.err + strlen(r.err) - 1, "%s: %s", words, r.err);
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

Test(sweep_command, a_small_sweep_and_its_file)
{
	need_kvm();
	snprintf(line, sizeof(line), "sweep %s -o %s", in("small.ini"), in("r.json"));
	struct result r = tickvm(line);

	cr_assert_eq(r.status, 0, "%d: %s", r.status, r.err);
	cr_expect_not_null(strstr(r.out, "SWEEP small: 3 CELLS, 2 ROUNDS"), "%s", r.out);
	/* A B B A. */
	const char *steps[] = {"[1/6] round 1: t/timer-spin=0\n", "[3/6] round 1: poll",
		"[4/6] round 2: poll", "[6/6] round 2: t/timer-spin=0"};

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		cr_expect_not_null(strstr(r.err, steps[i]), "%s: %s", steps[i], r.err);
	json_t *root = load("r.json");
	const json_t *metrics = json_object_get(root, "metrics");

	cr_expect_eq(rounds_of(root), 6);
	cr_expect(json_is_false(json_object_get(root, "interrupted")));
	cr_expect_eq(json_array_size(metrics), 24);
	cr_expect_str_eq(json_string_value(json_object_get(json_array_get(metrics, 2), "name")),
		"t/timer-spin=0: timer/dedicated/100us/p99");
	cr_expect_eq(json_array_size(json_object_get(json_array_get(metrics, 2), "values")), 2);
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
	need_kvm();
	snprintf(line, sizeof(line),
		"timeout --foreground --preserve-status -s INT 2 \"$TICKVM\" sweep %s --rounds 500 "
		"-o %s",
		in("small.ini"), in("r.json"));
	struct result r = shell(line);

	cr_assert_eq(r.status, 130, "%d: %s", r.status, r.err);
	json_t *root = load("r.json");
	size_t before = rounds_of(root);

	cr_expect(json_is_true(json_object_get(root, "interrupted")));
	cr_expect_gt(before, 0);
	json_decref(root);
	/* What is missing of so many rounds, and no more. */
	unsigned rounds = (unsigned)(before + 2) / 3 + 1;

	snprintf(line, sizeof(line), "sweep %s --quiet --rounds %u --resume %s", in("small.ini"),
		rounds, in("r.json"));
	r = tickvm(line);
	cr_assert_eq(r.status, 0, "%d: %s", r.status, r.err);
	root = load("r.json");
	cr_expect_eq(rounds_of(root), 3 * rounds);
	cr_expect(json_is_false(json_object_get(root, "interrupted")));
	json_decref(root);
	snprintf(line, sizeof(line), "sweep %s --resume %s --timer-spin 1us", in("small.ini"),
		in("r.json"));
	refused(line, "cells[0].machine is not that of this sweep's cell t/timer-spin=0");
}

Test(sweep_command, shards_are_merged_into_the_whole)
{
	need_kvm();
	for (int shard = 1; shard <= 2; shard++) {
		char name[32];

		snprintf(name, sizeof(name), "%d.json", shard);
		snprintf(line, sizeof(line), "sweep %s --quiet --shard %d/2 -o %s", in("small.ini"),
			shard, in(name));
		struct result r = tickvm(line);

		cr_assert_eq(r.status, 0, "%d: %s", r.status, r.err);
	}
	snprintf(line, sizeof(line), "merge %s %s -o %s", in("2.json"), in("1.json"),
		in("all.json"));
	struct result r = tickvm(line);

	cr_assert_eq(r.status, 0, "%d: %s", r.status, r.err);
	json_t *root = load("all.json");

	cr_expect_eq(rounds_of(root), 6);
	cr_expect_eq(json_array_size(json_object_get(root, "metrics")), 24);
	json_decref(root);
	snprintf(line, sizeof(line), "merge %s %s -o %s", in("2.json"), in("2.json"),
		in("all.json"));
	r = tickvm(line);
	cr_expect_eq(r.status, 1);
	cr_expect_not_null(strstr(r.err, "is it the same file twice?"), "%s", r.err);
}

Test(sweep_command, a_baseline_is_compared_with_at_the_end)
{
	need_kvm();
	snprintf(line, sizeof(line), "sweep %s --quiet --rounds 1 -o %s", in("small.ini"),
		in("old.json"));
	cr_assert_eq(tickvm(line).status, 0);
	snprintf(line, sizeof(line), "sweep %s --quiet --rounds 1 --baseline %s -o %s",
		in("small.ini"), in("old.json"), in("new.json"));
	struct result r = tickvm(line);

	/* One round shows nothing. */
	cr_expect_eq(r.status, 0, "%d: %s", r.status, r.err);
	cr_expect_not_null(strstr(r.out, "inconclusive"), "%s", r.out);
	json_t *root = load("new.json");

	cr_expect_not_null(json_object_get(root, "comparison"));
	json_decref(root);
	strcat(line, " --strict");
	cr_expect_eq(tickvm(line).status, 1);
}

Test(sweep_command, a_full_disk_leaves_the_old_file)
{
	need_kvm();
	put("r.json", "old\n");
	snprintf(line, sizeof(line), "ulimit -f 1; \"$TICKVM\" sweep %s --quiet --rounds 1 -o %s",
		in("small.ini"), in("r.json"));
	struct result r = shell(line);

	cr_expect_neq(r.status, 0);
	snprintf(line, sizeof(line), "cat %s", in("r.json"));
	cr_expect_str_eq(shell(line).out, "old\n");
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
