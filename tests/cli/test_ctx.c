/* SPDX-License-Identifier: BSD-2-Clause */
/* tickvm bench ctx as a user types it. */
#include "tickvm_command.h"

#include "../../src/bench/ctx/ctx.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

TestSuite(ctx, .timeout = HUNG);

static void refused(const char *line, const char *says)
{
	struct result r = tickvm(line);

	cr_expect_eq(r.status, 2, "%s: status %d", line, r.status);
	cr_expect(strstr(r.err, says) != NULL, "%s: \"%s\" does not say \"%s\"", line, r.err, says);
	cr_expect_eq(strchr(r.err, '\n'), r.err + strlen(r.err) - 1, "%s: %s", line, r.err);
	cr_expect_str_empty(r.out, "%s: %s", line, r.out);
}

Test(ctx, mistakes_are_one_line)
{
	refused("bench ctx --contexts 1", "--contexts: '1' is no number from 2 to 64");
	refused("bench ctx --contexts 2,,4", "--contexts: expected values with single commas");
	refused("bench ctx --stride 12", "--stride: 12 is no multiple of 8");
	refused("bench ctx --stride 4", "--stride: '4' is no number from 8 to 1048576");
	refused("bench ctx --max 32M", "--max: 32M is out of range: 4096 to 16777216 bytes");
	refused("bench ctx --max 1X", "--max: '1X' is no size");
	refused("bench ctx --max 99999999999999999999G", "is no size");
	refused("bench ctx --rounds 0", "--rounds: '0' is no number from 1 to 1000");
	refused("bench ctx --no-natve", "did you mean --no-native?");
	refused("bench ctx 16", "unknown argument '16'");
}

static json_int_t number(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	cr_assert(json_is_integer(value), "%s", key);
	return json_integer_value(value);
}

static void expect_run(const json_t *run, const char *system, json_int_t contexts, size_t sets)
{
	const json_t *all = json_object_get(run, "sets");

	cr_expect_str_eq(json_string_value(json_object_get(run, "system")), system);
	cr_expect_eq(number(run, "contexts"), contexts);
	cr_expect_eq(number(run, "stride"), 64);
	cr_assert_eq(json_array_size(all), sets);
	cr_expect_eq(json_array_size(json_object_get(run, "rounds")), sets * 5);
	for (size_t i = 0; i < sets; i++) {
		const json_t *set = json_array_get(all, i);

		cr_expect_eq(number(set, "bytes"), (json_int_t)ctx_set_bytes((unsigned)i));
		cr_expect_eq(number(json_object_get(set, "total"), "n"), 5);
	}
}

Test(ctx, guest_and_native_rings_are_in_the_results)
{
	json_error_t error;

	need_kvm();
	struct result r = tickvm(
		"bench ctx --contexts 2,4 --stride 64 --max 16K --rounds 5 --quiet --json -");

	cr_assert_eq(r.status, 0, "%s", r.err);
	json_t *root = json_loads(r.out, 0, &error);

	cr_assert_not_null(root, "%s", error.text);
	const json_t *runs = json_object_get(root, "runs");

	cr_assert_eq(json_array_size(runs), 4);
	for (size_t i = 0; i < 4; i++)
		expect_run(
			json_array_get(runs, i), i % 2 == 0 ? "guest" : "native", i < 2 ? 2 : 4, 4);
	cr_expect_eq(json_array_size(json_object_get(root, "skipped")), 0);
	json_decref(root);
}

Test(ctx, the_table_has_a_row_for_each_ring_and_set_and_says_what_it_is_not)
{
	need_kvm();
	struct result r = tickvm(
		"bench ctx --contexts 2 --stride 64,512 --max 4K --rounds 5 --quiet --no-native");

	cr_assert_eq(r.status, 0, "%s", r.err);
	cr_expect(strstr(r.out, "a word every 64 bytes") != NULL, "%s", r.out);
	cr_expect(strstr(r.out, "a word every 512 bytes") != NULL, "%s", r.out);
	cr_expect(strstr(r.out, "4 KiB") != NULL, "%s", r.out);
	cr_expect(strstr(r.out, "not the same thing.") != NULL, "%s", r.out);
	cr_expect_str_empty(r.err);
}

Test(ctx, too_little_memory_is_said_and_the_native_ring_measured)
{
	need_kvm();
	struct result r =
		tickvm("bench ctx --contexts 16 --stride 64 --rounds 2 --quiet --mem 16M");

	cr_expect_eq(r.status, 1, "status %d", r.status);
	cr_expect(strstr(r.out, "not measured: guest, ring of 16") != NULL, "%s", r.out);
	cr_expect(strstr(r.out, "--mem") != NULL, "%s", r.out);
	cr_expect(strstr(r.out, "1024 KiB") != NULL, "%s", r.out);
}

/* A ring whose rounds take minutes, stopped when it has begun. The lock is held as long as any of
 * its processes has the file open. */
static void interrupted(const char *options, const char *begun)
{
	char line[256], path[] = "/tmp/tickvm-ctx-XXXXXX";

	cr_assert_geq(mkstemp(path), 0);
	snprintf(line, sizeof(line),
		"exec 9>%s && flock -n 9 && exec \"$TICKVM\" bench ctx --rounds 1000 %s", path,
		options);
	struct result r = shell_signalled(line, begun, SIGINT);

	cr_expect_eq(r.status, 130, "%d: %s%s", r.status, r.out, r.err);
	cr_expect_not_null(strstr(r.out, ": interrupted"), "%s", r.out);
	snprintf(line, sizeof(line), "flock -n %s rm %s", path, path);
	cr_expect_eq(shell(line).status, 0, "a process of the ring is left");
}

Test(ctx, an_interrupt_ends_the_guest)
{
	need_kvm();
	interrupted("--contexts 8 --stride 64,72,80,88,96 --no-native", "guest, ring of 8");
}

/* Without a guest: none has so little memory. */
Test(ctx, an_interrupt_ends_the_native_ring)
{
	interrupted("--contexts 16 --stride 64,72 --mem 16M", "native, ring of 16");
}
