/* SPDX-License-Identifier: BSD-2-Clause */
/* A sweep's document: begun, grown, gone on with; shards; the sentinel; the page. */
#include "sweep_rig.h"

#include "../../src/bench/sweep/sweep_sentinel.h"

#include "tickvm/report.h"

#include <stdio.h>

static struct sweep_plan plan;
static struct bench_context context;
static struct results results;
static struct diag diag;

static void begin(void)
{
	plan = rig_plan();
	context = rig_context();
	sweep_document_begin(&results, &context, &plan, 0, 0);
}

static void end(void)
{
	results_end(&results);
}

TestSuite(sweep, .init = begin, .fini = end);

Test(sweep, a_round_of_a_cell)
{
	struct sweep_round round = {.number = 2,
		.repeats = 1,
		.sentinel = {{7000, (double)NAN}},
		.moved = {[SENTINEL_EXIT] = true}};
	struct sweep_cell_run run = {.begin_ns = 5, .document = rig_document(4000)};

	sweep_document_add(&results, &plan.cells[1], &round, &run, false);
	json_decref(run.document);
	cr_assert_not(results.no_memory);
	cr_expect_eq(sweep_document_check(results.root, "x", &diag), 0, "%s", diag.text);
	const json_t *cell = sweep_document_cell(results.root, "b");

	cr_expect(sweep_cell_has_round(cell, 2));
	cr_expect_not(sweep_cell_has_round(cell, 1));
	const json_t *kept = json_array_get(json_object_get(cell, "rounds"), 0);
	json_t *expected = json_pack("{s:i, s:i, s:{s:i}, s:b, s:[s, s], s:i, s:[{s:s, s:i}], s:i}",
		"round", 2, "begin_ns", 5, "sentinel", "bare_exit_ns", 7000, "marked", 1, "flags",
		"bare-exit-moved", "repeated", "status", 0, "run", "source", "x", "missed", 0,
		"repeats", 1);

	cr_expect(json_equal(kept, expected), "%s", json_dumps(kept, 0));
	json_decref(expected);
	/* The experiment made three runs; the round's figure is their median. */
	const json_t *values = rig_values(results.root, "b: timer/x/p99");

	cr_assert_eq(json_array_size(values), 1);
	cr_expect_float_eq(json_number_value(json_array_get(values, 0)), 4000, 1e-9);
}

Test(sweep, events_are_kept_when_asked_for)
{
	struct sweep_round round = rig_round(1);
	struct sweep_cell_run run = {.document = rig_document(1)};

	sweep_document_add(&results, &plan.cells[0], &round, &run, true);
	json_decref(run.document);
	const json_t *cell = sweep_document_cell(results.root, "a");
	const json_t *kept = json_array_get(
		json_object_get(json_array_get(json_object_get(cell, "rounds"), 0), "run"), 0);

	cr_expect_not_null(json_object_get(kept, "events"));
}

Test(sweep, what_failed_and_what_this_host_cannot_run)
{
	struct sweep_round round = rig_round(1);
	struct sweep_cell_run failed = {.err = -EIO, .diag = {"a: broke"}};
	struct sweep_cell_run unfit = {.err = -ENOTSUP, .diag = {"b: no such thing here"}};

	cr_expect_not(sweep_document_failed(results.root));
	cr_expect_not(sweep_document_measured(results.root));
	sweep_document_add(&results, &plan.cells[0], &round, &failed, false);
	sweep_document_add(&results, &plan.cells[1], &round, &unfit, false);
	cr_expect(sweep_document_failed(results.root));
	cr_expect_not(sweep_document_measured(results.root));
	cr_expect(sweep_document_skips(results.root, "b"));
	cr_expect_not(sweep_document_skips(results.root, "a"));
	cr_expect_eq(
		json_array_size(json_object_get(sweep_document_cell(results.root, "b"), "rounds")),
		0);
	cr_expect_eq(json_array_size(results.metrics), 0);
}

Test(sweep, shards_take_each_cell_once)
{
	unsigned cells = 0;

	for (unsigned shard = 1; shard <= 3; shard++) {
		struct results part;

		sweep_document_begin(&part, &context, &plan, shard, 3);
		for (size_t i = 0; i < plan.n; i++) {
			bool has = sweep_document_cell(part.root, plan.cells[i].name) != NULL;

			cr_expect_eq(has, i % 3 + 1 == shard, "%zu in %u", i, shard);
			cells += has;
		}
		results_end(&part);
	}
	cr_expect_eq(cells, plan.n);
}

/* ---- going on ---- */

static int resume(json_t *root)
{
	struct results again;
	int err = sweep_document_resume(&again, &context, &plan, 0, 0, root, "old.json", &diag);

	if (err == 0)
		cr_expect(sweep_cell_has_round(sweep_document_cell(again.root, "a"), 1));
	results_end(&again);
	return err;
}

Test(sweep, going_on_needs_the_same_cells_and_host)
{
	rig_add_round(&results, &plan, 1, 100, 0);
	cr_expect_eq(resume(json_deep_copy(results.root)), 0, "%s", diag.text);

	json_t *other = json_deep_copy(results.root);

	json_object_set_new(json_object_get(other, "host"), "cpu_model", json_string("abacus"));
	cr_expect_eq(resume(other), -EINVAL);
	cr_expect_not_null(strstr(diag.text, "old.json: it is of another host: CPU abacus and"),
		"%s", diag.text);

	other = json_deep_copy(results.root);
	json_object_set_new(sweep_document_cell(other, "c"), "options", json_pack("[s]", "--x"));
	cr_expect_eq(resume(other), -EINVAL);
	cr_expect_str_eq(
		diag.text, "old.json: cells[2].options is not that of this sweep's cell c");

	other = json_deep_copy(results.root);
	json_array_remove(json_object_get(other, "cells"), 3);
	cr_expect_eq(resume(other), -EINVAL);
	cr_expect_str_eq(diag.text, "old.json: it has 3 cells, this sweep has 4");
}

static void broken(const char *says, json_t *root)
{
	cr_expect_eq(sweep_document_check(root, "f", &diag), -EINVAL, "%s", says);
	cr_expect_eq(
		strncmp(diag.text, says, strlen(says)), 0, "\"%s\" is not \"%s\"", diag.text, says);
	json_decref(root);
}

static json_t *damaged(const char *member, size_t i, const char *key, json_t *value)
{
	json_t *root = json_deep_copy(results.root);

	json_object_set_new(json_array_get(json_object_get(root, member), i), key, value);
	return root;
}

Test(sweep, a_foreign_document_is_refused_by_position)
{
	rig_add_round(&results, &plan, 1, 100, 0);
	cr_expect_eq(sweep_document_check(results.root, "f", &diag), 0, "%s", diag.text);
	broken("f: no results of tickvm sweep", json_pack("{s:s}", "bench", "timer"));
	broken("f: no results of tickvm sweep", json_pack("[]"));
	broken("f: cells: expected an array", json_pack("{s:s}", "bench", "sweep"));
	broken("f: cells[1].name: expected a name",
		damaged("cells", 1, "name", json_string("\x1b[1m")));
	broken("f: cells[1].name: expected a name that no other cell has",
		damaged("cells", 1, "name", json_string("a")));
	broken("f: cells[3].rounds: expected an array",
		damaged("cells", 3, "rounds", json_integer(1)));
	broken("f: cells[0].rounds[0].round: expected a number from 1",
		damaged("cells", 0, "rounds", json_pack("[{}]")));
	broken("f: cells[2].index: expected a number", damaged("cells", 2, "index", json_null()));
	broken("f: metrics[0].values: expected an array",
		damaged("metrics", 0, "values", json_null()));
	broken("f: metrics[0].values[1]: expected a number",
		damaged("metrics", 0, "values", json_pack("[i, s]", 1, "x")));
	broken("f: metrics[0].better: expected \"lower\"",
		damaged("metrics", 0, "better", json_string("left")));
}

/* ---- the sentinel ---- */

Test(sweep, how_far_the_sentinel_moved)
{
	struct sweep_sentinel before[] = {{{7000, 300}}, {{7200, 320}}, {{9000, (double)NAN}}};
	struct sweep_sentinel same = {{7300, 900}}, slow = {{10800, 4310}}, fast = {{3600, 1}};
	struct sweep_sentinel silent = {{(double)NAN, (double)NAN}};

	/* The median of those before is 7200, and 310. */
	cr_expect_eq(sweep_sentinel_moved(before, 0, &slow, SENTINEL_EXIT), 0);
	/* 100 ns, 590 ns: not more than is resolved. */
	cr_expect_eq(sweep_sentinel_moved(before, 3, &same, SENTINEL_EXIT), 0);
	cr_expect_eq(sweep_sentinel_moved(before, 3, &same, SENTINEL_TSC_POLL), 0);
	cr_expect_float_eq(sweep_sentinel_moved(before, 3, &slow, SENTINEL_EXIT), 50, 1e-9);
	cr_expect_float_eq(
		sweep_sentinel_moved(before, 3, &slow, SENTINEL_TSC_POLL), 100 * 4000. / 310, 1e-6);
	cr_expect_float_eq(sweep_sentinel_moved(before, 3, &fast, SENTINEL_EXIT), -50, 1e-9);
	cr_expect_eq(sweep_sentinel_moved(before, 3, &silent, SENTINEL_EXIT), 0);
}

Test(sweep, sentinels_are_read_back)
{
	struct sweep_sentinel values[8];

	rig_add_round(&results, &plan, 1, 100, 0);
	rig_add_round(&results, &plan, 2, 100, 10);
	cr_assert_eq(sweep_document_sentinels(results.root, values, 8), 2);
	cr_expect_eq(values[1].ns[SENTINEL_EXIT], 7000);
	cr_expect_eq(values[1].ns[SENTINEL_TSC_POLL], 300);
	cr_expect_eq(sweep_document_sentinels(results.root, values, 1), 1);
}

/* ---- the page ---- */

Test(sweep, the_page_shows_medians_and_what_is_marked)
{
	struct sweep_round marked = rig_round(3);
	struct sweep_cell_run failed = {.err = -EIO, .diag = {"d: it broke"}};
	char *text = NULL;
	size_t size;

	rig_add_round(&results, &plan, 1, 1000, 0);
	rig_add_round(&results, &plan, 2, 3000, 10);
	marked.moved[SENTINEL_TSC_POLL] = true;
	sweep_document_add(&results, &plan.cells[3], &marked, &failed, false);
	FILE *out = open_memstream(&text, &size);
	struct page *page = sweep_page(results.root);

	page_print(page, PAGE_TEXT, out);
	fclose(out);
	page_destroy(page);
	cr_expect_not_null(strstr(text, "SWEEP rig: 4 CELLS, 3 ROUNDS"), "%s", text);
	cr_expect_not_null(strstr(text, "\na\n\n"
					"figure       median  least   most  unit  rounds\n"
					"timer/x/p99   2.000  1.000  3.000  us         2\n"),
		"%s", text);
	cr_expect_not_null(strstr(text, "1 round is marked"), "%s", text);
	cr_expect_not_null(strstr(text, "round 3: d: it broke"), "%s", text);
	free(text);
}
