/* SPDX-License-Identifier: BSD-2-Clause */
/* Results of one sweep joined: its shards, its rounds; and what is refused. */
#include "sweep_rig.h"

#include <unistd.h>

#define FILES 3

static struct sweep_plan plan;
static struct bench_context context;
static struct diag diag;
static char paths[FILES][40];

static void begin(void)
{
	plan = rig_plan();
	context = rig_context();
	for (int i = 0; i < FILES; i++) {
		strcpy(paths[i], "/tmp/tickvm-merge-XXXXXX");
		int fd = mkstemp(paths[i]);

		cr_assert(fd >= 0);
		close(fd);
	}
}

static void end(void)
{
	for (int i = 0; i < FILES; i++)
		unlink(paths[i]);
}

TestSuite(merge, .init = begin, .fini = end);

/* File i: a shard with rounds of p99, begun at begin_ns. */
static void put(int i, unsigned shard, unsigned shards, double p99, int64_t begin_ns)
{
	struct results results;

	sweep_document_begin(&results, &context, &plan, shard, shards);
	results_add(&results, results.root, "interrupted", json_false());
	rig_add_round(&results, &plan, 1, p99, begin_ns);
	rig_add_round(&results, &plan, 2, p99 + 1, begin_ns + 100);
	cr_assert_eq(results_write(&results, paths[i], &diag), 0);
	results_end(&results);
}

static json_t *join(size_t n)
{
	const char *names[FILES] = {paths[0], paths[1], paths[2]};
	json_t *merged;

	diag.text[0] = '\0';
	int err = sweep_merge(names, n, &merged, &diag);

	cr_expect_eq(err == 0, merged != NULL);
	return merged;
}

static void refused(size_t n, const char *says)
{
	json_t *merged = join(n);

	cr_expect_null(merged);
	cr_expect_not_null(strstr(diag.text, says), "\"%s\" does not say \"%s\"", diag.text, says);
	cr_expect_null(strchr(diag.text, '\n'));
	json_decref(merged);
}

/* Changes file i. */
static void change(int i, const char *member, const char *key, json_t *value)
{
	json_t *root = json_load_file(paths[i], 0, NULL);

	cr_assert_not_null(root);
	json_object_set_new(member != NULL ? json_object_get(root, member) : root, key, value);
	cr_assert_eq(json_dump_file(root, paths[i], 0), 0);
	json_decref(root);
}

Test(merge, shards_in_any_order_become_the_sweep)
{
	put(0, 3, 3, 300, 0);
	put(1, 1, 3, 100, 1000);
	put(2, 2, 3, 200, 2000);
	json_t *merged = join(3);

	cr_assert_not_null(merged, "%s", diag.text);
	for (size_t i = 0; i < plan.n; i++) {
		const json_t *cell = json_array_get(json_object_get(merged, "cells"), i);

		cr_expect_str_eq(
			json_string_value(json_object_get(cell, "name")), plan.cells[i].name);
		cr_expect_eq(json_array_size(json_object_get(cell, "rounds")), 2);
	}
	cr_expect_eq(json_array_size(rig_values(merged, "a: timer/x/p99")), 2);
	cr_expect_eq(
		json_number_value(json_array_get(rig_values(merged, "b: timer/x/p99"), 1)), 201);
	cr_expect_eq(sweep_document_check(merged, "merged", &diag), 0, "%s", diag.text);
	cr_expect_not_null(json_object_get(merged, "page"));
	cr_expect(json_is_false(json_object_get(merged, "interrupted")));
	json_decref(merged);
}

Test(merge, rounds_of_the_same_cells_are_numbered_on)
{
	put(0, 0, 0, 100, 0);
	put(1, 0, 0, 500, 1000);
	json_t *merged = join(2);

	cr_assert_not_null(merged, "%s", diag.text);
	const json_t *cell = sweep_document_cell(merged, "c");

	for (unsigned round = 1; round <= 4; round++)
		cr_expect(sweep_cell_has_round(cell, round), "%u", round);
	cr_expect_eq(json_array_size(rig_values(merged, "c: timer/x/p99")), 4);
	cr_expect_eq(
		json_integer_value(json_object_get(json_object_get(merged, "sweep"), "rounds")), 4);
	json_decref(merged);
}

Test(merge, one_file_is_itself)
{
	put(0, 0, 0, 100, 0);
	json_t *merged = join(1);

	cr_assert_not_null(merged, "%s", diag.text);
	cr_expect_eq(json_array_size(rig_values(merged, "a: timer/x/p99")), 2);
	json_decref(merged);
}

Test(merge, what_does_not_belong_together)
{
	put(0, 0, 0, 100, 0);
	put(1, 0, 0, 100, 0);
	refused(2, "is there already");
	put(1, 0, 0, 100, 1000);
	change(1, "host", "kernel", json_string("1.0"));
	refused(2, "it is of another host than");
	put(1, 0, 0, 100, 1000);
	change(1, "sweep", "name", json_string("other"));
	refused(2, "another sweep's name");
	put(1, 0, 0, 100, 1000);
	change(1, "sweep", "cells", json_integer(5));
	refused(2, "another number of cells");
	put(1, 0, 0, 100, 1000);
	plan.cells[2].options[0] = "--count=2";
	put(1, 0, 0, 100, 1000);
	refused(2, "options of cell c");
}

Test(merge, a_cell_of_another_name_at_a_place_that_is_taken)
{
	put(0, 0, 0, 100, 0);
	plan.cells[1].name = "z";
	put(1, 0, 0, 100, 1000);
	refused(2, "index of cell z");
}

Test(merge, files_that_are_none)
{
	put(0, 0, 0, 100, 0);
	change(0, NULL, "bench", json_string("timer"));
	refused(1, "no results of tickvm sweep");
	change(0, NULL, "schema", json_string("tickvm-results/9"));
	refused(1, "made by a later tickvm");
	cr_assert_eq(truncate(paths[0], 100), 0);
	refused(1, "truncated");
	unlink(paths[0]);
	refused(1, "cannot open");
}
