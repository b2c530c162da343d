/* SPDX-License-Identifier: BSD-2-Clause */
/* bench hyperbench and bench native as typed: every row a figure or a reason, one exit an access,
 * refusals, and a guest that dies in one row of several. That costs are linear is tests/timing's.
 */
#include "tickvm_command.h"

#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ROWS 17

TestSuite(hyperbench, .timeout = HUNG);

static json_t *run_json(const char *line, int status)
{
	struct result r = tickvm(line);
	json_error_t error;

	cr_assert_eq(r.status, status, "%s: %d: %s", line, r.status, r.err);
	json_t *root = json_loads(r.out, 0, &error);

	cr_assert_not_null(root, "%s: %s: %.200s", line, error.text, r.out);
	return root;
}

static const char *text(const json_t *object, const char *key)
{
	const char *value = json_string_value(json_object_get(object, key));

	return value != NULL ? value : "";
}

static json_t *row_of(const json_t *root, const char *name)
{
	size_t i;
	json_t *row;

	json_array_foreach(json_object_get(root, "rows"), i, row)
	{
		if (strcmp(text(row, "row"), name) == 0)
			return row;
	}
	cr_assert_fail("no row %s", name);
	return NULL;
}

static bool is_finite(const json_t *row, const char *key)
{
	const json_t *value = json_object_get(row, key);

	return json_is_number(value) && isfinite(json_number_value(value));
}

/* A figure, with what explains it, or a reason. */
static void check_row(const json_t *row)
{
	const char *name = text(row, "row"), *state = text(row, "state");

	if (strcmp(state, "n/a") == 0) {
		cr_expect_str_not_empty(text(row, "reason"), "%s", name);
		return;
	}
	cr_expect_str_eq(state, "measured", "%s: %s", name, text(row, "reason"));
	cr_expect(is_finite(row, "cycles"), "%s", name);
	cr_expect(is_finite(row, "external_cycles"), "%s", name);
	cr_expect(
		is_finite(row, "native_cycles") || text(row, "native_note")[0] != '\0', "%s", name);
	const json_t *cost = json_object_get(row, "cost");
	double known = json_number_value(json_object_get(cost, "cpu")) +
		       json_number_value(json_object_get(cost, "memory")) +
		       json_number_value(json_object_get(cost, "io"));
	double virt = json_number_value(json_object_get(cost, "virt"));
	const json_t *rest = json_object_get(cost, "unattributed");

	/* What two vCPUs do at once adds up to nothing. */
	if (strncmp(name, "ipi-", 4) == 0) {
		cr_expect(json_is_null(rest) && json_is_null(json_object_get(cost, "explained")),
			"%s", name);
		return;
	}
	double unattributed = json_number_value(rest);

	cr_expect_float_eq(known + unattributed, virt, fabs(virt) * 1e-9 + 1e-6, "%s", name);
}

Test(hyperbench, every_row_has_a_figure_or_a_reason)
{
	need_kvm();
	json_t *root = run_json("bench hyperbench --rounds 2 --quiet --json -", 0);
	json_t *rows = json_object_get(root, "rows"), *row;
	size_t i;

	cr_assert_eq(json_array_size(rows), ROWS);
	json_array_foreach(rows, i, row) check_row(row);
	cr_expect_eq(json_array_size(json_object_get(root, "units")), 1);
	cr_expect_not_null(json_object_get(root, "page"));
	/* Each exit that a port access makes is one access's. */
	const json_t *counts = json_object_get(row_of(root, "out"), "counts");

	cr_expect_float_eq(
		json_number_value(json_object_get(counts, "user_exits")), 1, 0.001, "exits of OUT");
	json_decref(root);
}

/* The row's own run, none that calibrates. */
static const json_t *run_of(const json_t *root, const char *name)
{
	size_t i;
	json_t *run;

	json_array_foreach(json_object_get(root, "runs"), i, run)
	{
		if (strcmp(text(run, "row"), name) == 0 && text(run, "calibrates")[0] == '\0')
			return run;
	}
	cr_assert_fail("no run of %s", name);
	return NULL;
}

/* Of all lengths together, without the control loops. */
static void check_one_exit_each(const json_t *run)
{
	const json_t *exits = json_object_get(json_object_get(run, "counters"), "user_exits");
	json_int_t accesses = 0, n[] = {20, 80, 320};
	size_t i;
	json_t *round;

	json_array_foreach(json_object_get(run, "rounds"), i, round)
	{
		json_int_t iterations = json_integer_value(json_array_get(round, 0));

		cr_expect_eq(iterations, n[i % 3], "round %zu", i);
		accesses += iterations;
	}
	cr_expect_eq(i, 3 * 3);
	cr_expect_eq(json_integer_value(json_array_get(exits, 0)) -
			     json_integer_value(json_array_get(exits, 1)),
		accesses);
}

/* The word is what the figures beside it say. */
static void check_verdict(const json_t *scale)
{
	double tolerance = json_number_value(json_object_get(scale, "tolerance"));
	bool linear = true, decided = tolerance < 1;
	const char *verdict = text(scale, "verdict");
	size_t i;
	json_t *point;

	json_array_foreach(json_object_get(scale, "points"), i, point)
	{
		linear &= fabs(json_number_value(json_object_get(point, "ratio")) - 1) <= tolerance;
		decided &= i > 0 || json_number_value(json_object_get(point, "cycles")) > 0;
	}
	cr_expect_eq(i, 3);
	cr_expect_str_eq(verdict, !decided ? "undecided" : linear ? "linear" : "not linear");
}

Test(hyperbench, port_accesses_are_one_exit_each_at_every_length)
{
	need_kvm();
	json_t *root = run_json("bench hyperbench --row in,out --scale --iterations 20 --rounds 3 "
				"--no-native --quiet --json -",
		0);
	const char *const rows[] = {"in", "out"};

	for (unsigned i = 0; i < 2; i++) {
		check_one_exit_each(run_of(root, rows[i]));
		check_verdict(json_object_get(row_of(root, rows[i]), "scale"));
	}
	json_decref(root);
}

Test(hyperbench, levels_and_placements)
{
	need_kvm();
	json_t *root = run_json("bench hyperbench --row smsw,lgdt --cpl 3 --rounds 2 --no-native "
				"--quiet --json -",
		0);

	cr_expect_str_eq(text(row_of(root, "smsw"), "state"), "measured");
	cr_expect_str_eq(text(row_of(root, "lgdt"), "state"), "n/a");
	cr_expect(strstr(text(row_of(root, "lgdt"), "reason"), "CPL 0 only") != NULL);
	json_decref(root);
	root = run_json("bench hyperbench --row smsw,lgdt --cpl both --pin both --rounds 2 "
			"--no-native --quiet --json -",
		0);
	const json_t *rows = json_object_get(root, "rows");

	/* smsw twice and lgdt once, unpinned and pinned. */
	cr_assert_eq(json_array_size(rows), 6);
	cr_expect_str_eq(text(json_array_get(rows, 0), "pin"), "none");
	cr_expect_str_eq(text(json_array_get(rows, 5), "pin"), "each");
	json_decref(root);
}

static void refused(const char *line, const char *says)
{
	struct result r = tickvm(line);

	cr_expect_eq(r.status, 2, "%s: status %d", line, r.status);
	cr_expect(strstr(r.err, says) != NULL, "%s: \"%s\" does not say \"%s\"", line, r.err, says);
	cr_expect_str_empty(r.out, "%s: %s", line, r.out);
}

Test(hyperbench, mistakes)
{
	refused("bench hyperbench --row sgd", "did you mean 'sgdt'?");
	refused("bench hyperbench --row xyzzy", "expected one of: idle, sgdt");
	refused("bench hyperbench --row sgdt --iterations 5", "sgdt takes 10 to 10000000");
	refused("bench hyperbench --iterations 1000", "set-page-table takes 1 to 100");
	refused("bench hyperbench --row sgdt --scale --iterations 1000000", "10 to 625000");
	refused("bench hyperbench --rounds 0", "no number from 1 to 1000");
	refused("bench hyperbench --cpl 1", "--cpl: unknown '1'");
	refused("bench hyperbench --pin some", "expected CPU,CPU...|each|none|both");
	refused("bench native --row print --iterations 0", "no number from 1");
	refused("bench timer --pin both", "--pin both: timer takes each, none or CPUs");
}

Test(hyperbench, native_alone)
{
	json_t *root =
		run_json("bench native --row idle,pushf-popf,lgdt --rounds 2 --quiet --json -", 0);

	cr_expect(is_finite(row_of(root, "pushf-popf"), "native_cycles"));
	const json_t *skipped = json_array_get(json_object_get(root, "skipped"), 0);

	cr_expect_str_eq(text(skipped, "row"), "lgdt");
	cr_expect_str_not_empty(text(skipped, "reason"));
	json_decref(root);
}

/* ---- a guest that dies ---- */

static unsigned char *read_program(size_t *size)
{
	const char *path = getenv("TICKVM");
	int fd = open(path != NULL ? path : "build/tickvm", O_RDONLY);
	struct stat stat;

	cr_assert(fd >= 0 && fstat(fd, &stat) == 0);
	unsigned char *bytes = malloc((size_t)stat.st_size);

	cr_assert_not_null(bytes);
	cr_assert_eq(read(fd, bytes, (size_t)stat.st_size), (ssize_t)stat.st_size);
	close(fd);
	*size = (size_t)stat.st_size;
	return bytes;
}

/* tickvm whose payload's SGDT loop loads a page table root of 0 in place of SGDT: nothing can
 * run after that. Returns the program's path; unlink() it. */
static const char *deadly_tickvm(void)
{
	static const unsigned char sgdt[] = {0x0f, 0x01, 0x02, 0x48, 0x83, 0xef, 0x01, 0x75};
	static const unsigned char mov_rax_cr3[] = {0x0f, 0x22, 0xd8};
	static char path[] = "/tmp/tickvm-deadly-XXXXXX";
	size_t size;
	unsigned char *bytes = read_program(&size);
	unsigned char *end = bytes + size, *at = bytes;
	unsigned found = 0;

	while ((at = memmem(at, (size_t)(end - at), sgdt, sizeof(sgdt))) != NULL) {
		memcpy(at, mov_rax_cr3, sizeof(mov_rax_cr3));
		found++;
	}
	cr_assert_gt(found, 0, "no SGDT loop in tickvm");
	int fd = mkstemp(path);

	cr_assert(fd >= 0 && fchmod(fd, 0700) == 0);
	cr_assert_eq(write(fd, bytes, size), (ssize_t)size);
	close(fd);
	free(bytes);
	return path;
}

Test(hyperbench, a_guest_that_dies_is_named_and_the_others_print)
{
	need_kvm();
	const char *path = deadly_tickvm();
	char line[256];

	snprintf(line, sizeof(line),
		"exec %s bench hyperbench --row sgdt,smsw --rounds 2 --no-native --quiet", path);
	struct result r = shell(line);

	unlink(path);
	cr_expect_eq(r.status, 1, "%d: %s", r.status, r.err);
	cr_expect(strstr(r.err, "bench hyperbench: sgdt at CPL 0: the guest crashed") != NULL, "%s",
		r.err);
	cr_expect(strstr(r.err, "rip") != NULL || strstr(r.err, "RIP") != NULL, "%s", r.err);
	cr_expect(strstr(r.out, "failed: sgdt at CPL 0: the guest crashed") != NULL, "%s", r.out);
	cr_expect(strstr(r.out, "1 of 2 rows measured") != NULL, "%s", r.out);
	cr_expect(strstr(r.out, "smsw") != NULL, "%s", r.out);
}

/* The user's own words come last: each row's guest runs a benchmark that no guest survives. */
Test(hyperbench, a_guest_that_dies_is_named_with_its_registers)
{
	need_kvm();
	struct result r = tickvm("bench hyperbench --row sgdt,in --append name=fault --quiet "
				 "--no-native");

	cr_expect_eq(r.status, 1);
	cr_expect_not_null(
		strstr(r.err, "sgdt at CPL 0: the guest failed: fault: unexpected"), "%s", r.err);
	cr_expect_not_null(strstr(r.err, "in at CPL 0: the guest failed"), "%s", r.err);
	cr_expect_not_null(strstr(r.err, "rdx 0000010000000000"), "%s", r.err);
	cr_expect_not_null(strstr(r.out, "0 of 2 rows measured"), "%s", r.out);
}
