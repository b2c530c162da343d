/* SPDX-License-Identifier: BSD-2-Clause */
/* How soon tickvm is done: with what a cell takes beyond its events, with a large report, after an
 * interruption. */
#include "../cli/tickvm_command.h"

#include "tickvm/clock.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char directory[] = "/tmp/tickvm-timing-XXXXXX";

static void setup(void)
{
	need_kvm();
	cr_assert_not_null(mkdtemp(directory));
	cr_assert_eq(setenv("DIR", directory, 1), 0);
}

static void teardown(void)
{
	shell("rm -rf \"$DIR\"");
}

TestSuite(promptness, .init = setup, .fini = teardown, .timeout = HUNG);

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Starting, stopping and analysing may take 50 ms: the median, since what else runs here delays
 * some. */
Test(promptness, a_cell_costs_little_beyond_its_events)
{
	double cost[32];
	size_t n = 0;
	struct result r = tickvm("sweep sweeps/quick.ini --rounds 4 --verbose");

	cr_assert_eq(r.status, 0, "%d: %s", r.status, r.err);
	for (const char *at = r.err; n < 32 && (at = strstr(at, " ms, of them ")) != NULL; at++)
		cost[n++] = atof(at + strlen(" ms, of them "));
	cr_assert_geq(n, 20, "%s", r.err);
	qsort(cost, n, sizeof(cost[0]), by_size);
	cr_log_info("median of %zu cells: %.1f ms", n, cost[n / 2]);
	cr_expect_lt(cost[n / 2], 50, "%s", r.err);
}

/* As large as a nightly sweep's: 60 cells of 8 rounds, made of one of 3 by jq. */
Test(promptness, a_report_of_many_cells)
{
	if (shell("command -v jq").status != 0)
		cr_skip_test("jq is not installed");
	struct result r = shell(
		"printf '[sweep]\\nrounds = 2\\nrepeats = 0\\n[bench t]\\nbench = timer\\ncount = "
		"50\\n"
		"interval = 100us\\nsource = dedicated\\n[matrix]\\nbenches = t\\ntimer-spin = 0, "
		"60us\\n[cell poll]\\nbench = t\\nsource = tsc-poll\\n' >$DIR/small.ini && "
		"\"$TICKVM\" sweep $DIR/small.ini --quiet -o $DIR/r.json && "
		"jq 'def times(n): . as $a | [range(n) | $a[]]; .cells[].rounds |= times(4) | "
		".cells |= times(20) | .metrics |= times(20) | (.page.items[].table | "
		"select(.) | .rows) |= times(20)' $DIR/r.json >$DIR/big.json");

	cr_assert_eq(r.status, 0, "%s", r.err);
	uint64_t begin_ns = clock_monotonic_ns();

	r = tickvm("report $DIR/big.json -o $DIR/big.html");
	double seconds = (double)(clock_monotonic_ns() - begin_ns) / 1e9;

	cr_expect_eq(r.status, 0, "%s", r.err);
	cr_expect_lt(seconds, 2, "%.1f s", seconds);
}

/* Threads that spin for each other on too few CPUs take seconds a system, which is not waited for.
 */
Test(promptness, an_interrupted_linpack)
{
	static const char *const options[] = {"", "--side guest"};

	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		char line[400];

		snprintf(line, sizeof(line),
			"\"$TICKVM\" bench linpack --quiet --n 3000 --vcpus 3 %s & sleep 1; kill "
			"-INT $!; begin=$(date +%%s%%N); wait $!; echo \"status $?\"; "
			"test $(( $(date +%%s%%N) - begin )) -lt 4000000000 && echo soon",
			options[i]);
		struct result r = shell(line);

		if (strstr(r.out, "status 77") != NULL)
			cr_skip_test("%s", r.err);
		cr_expect(
			strstr(r.out, "status 130") != NULL, "%s: %s%s", options[i], r.out, r.err);
		cr_expect(strstr(r.out, "soon") != NULL, "%s: %s", options[i], r.out);
	}
}
