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
	refused("bench ctx --batches 0", "--batches: '0' is no number from 1 to 1000");
	refused("bench ctx --sid guest", "did you mean --side?");
	refused("bench ctx --side host", "unknown 'host'; expected one of: native, guest");
	refused("bench ctx --no-native", "--no-native: the guest alone is --side guest now");
	refused("bench ctx 16", "unknown argument '16'");
}

static const char *text_at(const json_t *row, const char *axis)
{
	return json_string_value(json_object_get(json_object_get(row, "at"), axis));
}

/* Its batches, and exits of a guest's last row. */
static void expect_row(const json_t *row, size_t number)
{
	const json_t *at = json_object_get(row, "at");
	const json_t *attached = json_array_get(json_object_get(row, "attachments"), 0);
	const json_t *batches = json_object_get(attached, "batches");
	bool guest = number / 4 % 2 == 1;

	cr_expect_str_eq(text_at(row, "side"), guest ? "guest" : "native");
	cr_expect_str_eq(text_at(row, "irqchip"), guest ? "split" : "-");
	cr_expect_eq(json_number_value(json_object_get(at, "contexts")), number < 8 ? 2 : 4);
	cr_expect_eq(
		json_number_value(json_object_get(at, "set")), (double)ctx_set_bytes(number % 4));
	cr_expect_eq(json_array_size(json_object_get(batches, "rows")), 5);
	cr_expect_eq(json_array_size(json_object_get(json_object_get(row, "figures"), "p50")), 1);
	cr_expect_eq(json_object_get(attached, "exits") != NULL, guest && number % 4 == 3);
}

Test(ctx, guest_and_native_rings_are_in_the_results)
{
	json_error_t error;

	need_kvm();
	struct result r = tickvm(
		"bench ctx --contexts 2,4 --stride 64 --max 16K --batches 5 --quiet --json -");

	cr_assert_eq(r.status, 0, "%s", r.err);
	json_t *root = json_loads(r.out, 0, &error);

	cr_assert_not_null(root, "%s", error.text);
	const json_t *set = json_array_get(json_object_get(root, "datasets"), 0);
	const json_t *rows = json_object_get(set, "rows");

	cr_expect_str_eq(json_string_value(json_object_get(set, "id")), "ctx.switch");
	cr_assert_eq(json_array_size(rows), 16);
	for (size_t i = 0; i < 16; i++)
		expect_row(json_array_get(rows, i), i);
	cr_expect_eq(json_array_size(json_object_get(root, "skipped")), 0);
	json_decref(root);
}

/* As gates and old baselines name them. */
Test(ctx, the_metrics_have_their_names)
{
	need_kvm();
	struct result r = shell("f=$(mktemp) && \"$TICKVM\" bench ctx --contexts 2 --stride 64 "
				"--max 4K --batches 5 --quiet --irqchip kernel,split --json $f "
				">/dev/null && \"$TICKVM\" report --format metrics $f | "
				"cut -d, -f5 | sort -u; rm $f");

	cr_expect_eq(r.status, 0, "%s", r.err);
	cr_expect_str_eq(r.out, "ctx/guest/contexts2/stride64/set0+irqchip=kernel/p50\n"
				"ctx/guest/contexts2/stride64/set0+irqchip=split/p50\n"
				"ctx/guest/contexts2/stride64/set4096+irqchip=kernel/p50\n"
				"ctx/guest/contexts2/stride64/set4096+irqchip=split/p50\n"
				"ctx/native/contexts2/stride64/set0/p50\n"
				"ctx/native/contexts2/stride64/set4096/p50\nmetric\n");
}

Test(ctx, the_table_has_a_row_for_each_ring_and_set_and_says_what_it_is_not)
{
	need_kvm();
	struct result r = tickvm(
		"bench ctx --contexts 2 --stride 64,512 --max 4K --batches 5 --quiet --side guest");

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
		tickvm("bench ctx --contexts 16 --stride 64 --batches 2 --quiet --mem 16M");

	cr_expect_eq(r.status, 1, "status %d", r.status);
	cr_expect(strstr(r.out, "n/a: guest: ") != NULL, "%s", r.out);
	cr_expect(strstr(r.out, "--mem") != NULL, "%s", r.out);
	cr_expect(strstr(r.out, "1 MiB") != NULL, "%s", r.out);
}

/* A ring whose rounds take minutes, stopped when it has begun. The lock is held as long as any of
 * its processes has the file open. */
static void interrupted(const char *options, const char *begun)
{
	char line[256], path[] = "/tmp/tickvm-ctx-XXXXXX";

	cr_assert_geq(mkstemp(path), 0);
	snprintf(line, sizeof(line),
		"exec 9>%s && flock -n 9 && exec \"$TICKVM\" bench ctx --batches 1000 %s", path,
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
	interrupted("--contexts 8 --stride 64,72,80,88,96 --side guest", "[1/5] ");
}

Test(ctx, an_interrupt_ends_the_native_ring)
{
	interrupted("--contexts 16 --stride 64,72 --side native", "[1/2] ");
}
