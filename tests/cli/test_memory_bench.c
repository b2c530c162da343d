/* SPDX-License-Identifier: BSD-2-Clause */
/* tickvm bench memory as a user types it: mistakes, a short run's tables, its file. */
#include "tickvm_command.h"

#include <string.h>

TestSuite(memory_bench, .timeout = HUNG);

static void refused(const char *line, const char *says)
{
	struct result r = tickvm(line);

	cr_expect_eq(r.status, 2, "%s: status %d", line, r.status);
	cr_expect(strstr(r.err, says) != NULL, "%s: \"%s\" does not say \"%s\"", line, r.err, says);
	cr_expect_str_empty(r.out, "%s: %s", line, r.out);
	cr_expect_eq(strchr(r.err, '\n'), r.err + strlen(r.err) - 1, "%s: %s", line, r.err);
}

Test(memory_bench, mistakes_are_told_before_anything_is_measured)
{
	refused("bench memory --op raed", "did you mean 'read'?");
	refused("bench memory --pages 1g", "2m, 4k");
	refused("bench memory --backing hug", "did you mean 'huge'?");
	refused("bench memory --max lots", "'lots' is no size");
	refused("bench memory --max 3", "out of range");
	refused("bench memory --max 3M", "no power of two");
	refused("bench memory --rounds 0", "no number from 1 to 100");
	refused("bench memory --ful", "did you mean --full?");
	refused("bench memory --mem 16M", "--mem is too small: 1 vCPUs need");
	refused("bench memory --max 1G --vcpus 4", "do not fit in a guest's 3 GiB");
}

#define SHORT "bench memory --quiet --max 4K --rounds 2 --vcpus 1 "

Test(memory_bench, prints_a_summary_first_touch_and_curves)
{
	need_kvm();
	struct result r = tickvm(SHORT "--op read,memcpy --full");

	cr_assert_eq(r.status, 0, "%d: %s", r.status, r.err);
	cr_expect_str_empty(r.err, "%s", r.err);
	cr_expect_not_null(strstr(r.out, "MEMORY BANDWIDTH, guest 2m/huge beside native"));
	cr_expect_not_null(strstr(r.out, "FIRST TOUCH"));
	cr_expect_not_null(strstr(r.out, "guest 4k/ordinary"));
	cr_expect_not_null(strstr(r.out, "read, 1 at once (GB/s)"));
	cr_expect_not_null(strstr(r.out, "memcpy, 1 at once (GB/s)"));
	cr_expect_null(strstr(r.out, "rmw, 1 at once"));
	for (const char *line = r.out; line != NULL; line = strchr(line, '\n')) {
		line += line != r.out;
		cr_expect_leq(strcspn(line, "\n"), 100, "too wide: %.120s", line);
	}
}

static size_t cycles_of(const json_t *run, const char *op, unsigned *cells)
{
	const json_t *cell;
	size_t i, rounds = 0;

	json_array_foreach(json_object_get(run, "cells"), i, cell)
	{
		if (strcmp(json_string_value(json_object_get(cell, "op")), op) != 0)
			continue;
		rounds += json_array_size(json_object_get(cell, "cycles"));
		++*cells;
	}
	return rounds;
}

Test(memory_bench, its_file_has_every_round)
{
	need_kvm();
	struct result r = tickvm(SHORT "--op write --pages 4k --backing ordinary --json -");
	json_t *root = json_loads(r.out, 0, NULL);
	unsigned cells = 0, touches = 0;

	cr_assert_eq(r.status, 0, "%d: %s", r.status, r.err);
	cr_assert_not_null(root, "no JSON: %s", r.out);
	const json_t *runs = json_object_get(root, "runs");

	/* Native and one guest, bandwidth and first touch. */
	cr_assert_eq(json_array_size(runs), 4);
	cr_expect_eq(json_array_size(json_object_get(root, "skipped")), 0);
	for (size_t i = 0; i < 4; i++) {
		const json_t *run = json_array_get(runs, i);
		const char *system = json_string_value(json_object_get(run, "system"));

		cr_expect_str_eq(system, i % 2 == 0 ? "native" : "guest");
		cr_expect_eq(json_object_get(run, "pages") == NULL, i % 2 == 0);
		cr_expect_str_eq(json_string_value(json_object_get(run, "backing")), "ordinary");
		if (i < 2)
			cr_expect_eq(cycles_of(run, "write", &cells), 2 * 5);
		else
			cr_expect_eq(cycles_of(run, "first-touch", &touches), 32);
	}
	cr_expect_eq(cells, 2 * 5);
	cr_expect_eq(touches, 2);
	cr_expect_not_null(json_object_get(root, "page"));
	cr_expect_not_null(json_object_get(root, "caches"));
	json_decref(root);
}

Test(memory_bench, csv_has_whole_curves)
{
	need_kvm();
	struct result r = tickvm(SHORT "--op rmw --pages 2m --backing huge --csv -");

	cr_assert_eq(r.status, 0, "%d: %s", r.status, r.err);
	cr_expect_not_null(strstr(r.out, "rmw-1,256 B,"), "%s", r.out);
	cr_expect_not_null(strstr(r.out, "rmw-1,4 KiB,"), "%s", r.out);
}
