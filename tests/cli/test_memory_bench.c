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
	refused("bench memory --batches 0", "no number from 1 to 100");
	refused("bench memory --rounds 0", "no number from 1 to");
	refused("bench memory --ful", "did you mean --full?");
	refused("bench memory --mem 16M", "--mem is too small: 1 vCPUs need");
	refused("bench memory --max 1G --vcpus 4", "do not fit in a guest's 3 GiB");
}

#define SHORT "bench memory --quiet --max 4K --batches 2 --vcpus 1 "

Test(memory_bench, prints_a_summary_first_touch_and_curves)
{
	need_kvm();
	struct result r = tickvm(SHORT "--op read,memcpy --full");

	cr_assert_eq(r.status, 0, "%d: %s", r.status, r.err);
	cr_expect_str_empty(r.err, "%s", r.err);
	cr_expect_not_null(strstr(r.out, "MEMORY BANDWIDTH, guest 2m/huge beside native"));
	cr_expect_not_null(strstr(r.out, "FIRST TOUCH"));
	cr_expect_not_null(strstr(r.out, "guest, 4k"));
	cr_expect_not_null(strstr(r.out, "read, 1 at once, huge (GB/s)"));
	cr_expect_not_null(strstr(r.out, "memcpy, 1 at once, ordinary (GB/s)"));
	cr_expect_null(strstr(r.out, "rmw, 1 at once"));
	for (const char *line = r.out; line != NULL; line = strchr(line, '\n')) {
		line += line != r.out;
		cr_expect_leq(strcspn(line, "\n"), 100, "too wide: %.120s", line);
	}
}

/* Rows of a dataset on one side, and in passes how many passes they have attached. */
static size_t rows_of(const json_t *root, const char *id, const char *side, size_t *passes)
{
	size_t i, j, n = 0;
	json_t *set, *row;

	*passes = 0;
	json_array_foreach(json_object_get(root, "datasets"), i, set)
	{
		if (strcmp(json_string_value(json_object_get(set, "id")), id) != 0)
			continue;
		json_array_foreach(json_object_get(set, "rows"), j, row)
		{
			const json_t *batches = json_object_get(
				json_array_get(json_object_get(row, "attachments"), 0), "batches");

			if (strcmp(json_string_value(
					   json_object_get(json_object_get(row, "at"), "side")),
				    side) != 0)
				continue;
			n++;
			*passes += json_array_size(json_object_get(batches, "rows"));
		}
	}
	return n;
}

Test(memory_bench, its_file_has_every_batch)
{
	need_kvm();
	struct result r = tickvm(SHORT "--op write --pages 4k --backing ordinary --json -");
	json_t *root = json_loads(r.out, 0, NULL);
	static const char *const sides[] = {"native", "guest"};

	cr_assert_eq(r.status, 0, "%d: %s", r.status, r.err);
	cr_assert_not_null(root, "no JSON: %s", r.out);
	cr_expect_eq(json_array_size(json_object_get(root, "skipped")), 0);
	for (size_t i = 0; i < 2; i++) {
		size_t batches;

		/* 256 bytes to 4 KiB, and first touch. */
		cr_expect_eq(rows_of(root, "memory.bandwidth", sides[i], &batches), 5);
		cr_expect_eq(batches, 5 * 2);
		cr_expect_eq(rows_of(root, "memory.first-touch", sides[i], &batches), 1);
		cr_expect_eq(batches, 32);
	}
	json_decref(root);
}

Test(memory_bench, csv_has_whole_curves)
{
	need_kvm();
	struct result r = tickvm(SHORT "--op rmw --pages 2m --backing huge --csv -");

	cr_assert_eq(r.status, 0, "%d: %s", r.status, r.err);
	cr_expect_not_null(strstr(r.out, "memory.bandwidth-rmw-1-huge,256 B,"), "%s", r.out);
	cr_expect_not_null(strstr(r.out, "memory.bandwidth-rmw-1-huge,4 KiB,"), "%s", r.out);
}
