/* SPDX-License-Identifier: BSD-2-Clause */
/* compare --live with a runner that draws rounds from recorded ones: false alarms, what is found,
 * and when it ends. Starts no guest. */
#include "../../src/bench/compare/compare.h"
#include "recorded_rounds.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

static struct diag diag;
static struct comparison *comparison;

static void forget(void)
{
	comparison_destroy(comparison);
	comparison = NULL;
}

TestSuite(compare_live, .fini = forget);

/* ---- the runner ---- */

static const struct cell cells[2] = {{.name = "A"}, {.name = "B"}};

static struct {
	double shift;  /* of B: 0.1 is 10 % */
	double noise;  /* 0: recorded rounds; else a share to either side */
	double drift;  /* what every round after the tenth is longer by */
	int others_cs; /* of rounds drawn: CPU time that others took in them at most */
	unsigned rounds, fail_at;
	int err;
	bool lose_one; /* one round has no p50 */
	char order[500];
} world;

static uint64_t state = 1;

static size_t below(size_t n)
{
	state = state * 6364136223846793005 + 1442695040888963407;
	return (size_t)((state >> 32) * n >> 32);
}

static const struct recorded_round *draw(void)
{
	const struct recorded_round *round;

	do {
		round = &recorded_rounds[below(RECORDED_ROUNDS)][0];
	} while (round->others_cs > world.others_cs);
	return round;
}

static void add(json_t *metrics, const char *name, double value)
{
	json_array_append_new(metrics, json_pack("{s:s, s:s, s:s, s:[f]}", "name", name, "unit",
					       "ns", "better", "lower", "values", value));
}

static int run(const struct cell *cell, json_t **document, struct diag *why)
{
	struct recorded_round round = {.mean = 14000, .p50 = 13500, .p99 = 20000};
	double factor = 1 + (cell == &cells[1] ? world.shift : 0);

	if (world.rounds < sizeof(world.order) - 1)
		world.order[world.rounds] = *cell->name;
	if (++world.rounds == world.fail_at)
		return diag_set(why, world.err, "as asked");
	if (world.noise > 0)
		factor *= 1 + world.noise * ((double)below(2001) / 1000 - 1);
	else
		round = *draw();
	if (world.rounds > 10)
		factor *= 1 + world.drift;
	json_t *metrics = json_array();

	add(metrics, "t/mean", round.mean * factor);
	if (!world.lose_one || world.rounds != 3)
		add(metrics, "t/p50", round.p50 * factor);
	add(metrics, "t/p99", round.p99 * factor);
	add(metrics, "t/max", 1e9 * (double)below(100));
	*document = json_pack("{s:o}", "metrics", metrics);
	return 0;
}

static int live(unsigned rounds_max)
{
	static const struct compare_settings settings = {.quiet = true};

	forget();
	world.rounds = 0;
	memset(world.order, 0, sizeof(world.order));
	return compare_live(&comparison, cells, run, rounds_max, &settings, &diag);
}

static enum outcome outcome(const char *name)
{
	for (size_t i = 0; i < comparison->n; i++) {
		if (strcmp(comparison->metrics[i].name, name) == 0)
			return comparison->metrics[i].outcome;
	}
	cr_assert_fail("no metric %s", name);
	return OUTCOME_SHOWN;
}

/* ---- when it ends ---- */

Test(compare_live, turns_and_looks)
{
	world.noise = 0.01;
	world.shift = 0.1;
	cr_assert_eq(live(32), 0, "%s", diag.text);
	cr_expect_str_eq(world.order, "ABBAABBAABBAABBA", "one look, and decided");
	cr_expect_eq(comparison->looks, 1);
	cr_expect_eq(outcome("t/p50"), OUTCOME_WORSE);
	cr_expect_eq(outcome("t/max"), OUTCOME_SHOWN);
	cr_expect_eq(comparison_status(comparison), 1);
}

/* A quiet host shows that there is no difference, and need not go on. */
Test(compare_live, no_difference_is_shown_too)
{
	world.noise = 0.01;
	cr_assert_eq(live(32), 0, "%s", diag.text);
	cr_expect_eq(world.rounds, 16);
	cr_expect_eq(outcome("t/p50"), OUTCOME_SAME);
	cr_expect_eq(outcome("t/mean"), OUTCOME_SAME);
	cr_expect_eq(comparison_status(comparison), 0);
}

Test(compare_live, noise_is_inconclusive)
{
	int open = 0;

	world.noise = 0.9;
	for (int i = 0; i < 200; i++) {
		cr_assert_eq(live(13), 0, "%s", diag.text);
		bool is_open = outcome("t/p50") == OUTCOME_INCONCLUSIVE;

		open += is_open;
		if (!is_open)
			continue;
		cr_expect_eq(world.rounds, 24, "whole A B B A only");
		cr_expect_eq(comparison->looks, 4);
		cr_expect_eq(comparison_status(comparison), 0);
		comparison->strict = true;
		cr_expect_eq(comparison_status(comparison), 1);
	}
	cr_expect_geq(open, 190, "%d of 200", open);
}

/* The host becomes a half slower in the third A B B A. */
Test(compare_live, a_host_that_drifts)
{
	world.noise = 0.01;
	world.drift = 0.5;
	world.shift = 0.1;
	cr_assert_eq(live(32), 0, "%s", diag.text);
	cr_expect_eq(outcome("t/p50"), OUTCOME_WORSE);
	world.shift = 0;
	cr_assert_eq(live(32), 0, "%s", diag.text);
	cr_expect_eq(outcome("t/p50"), OUTCOME_SAME);
}

Test(compare_live, a_runner_that_fails)
{
	world.noise = 0.01;
	world.fail_at = 5;
	world.err = -ENOTSUP;
	cr_expect_eq(live(32), -ENOTSUP);
	cr_expect_str_eq(diag.text, "as asked");
	cr_expect_null(comparison);
	/* Interrupted between looks: the last one is there. */
	world.noise = 0.9;
	world.fail_at = 20;
	world.err = -EINTR;
	cr_expect_eq(live(32), -EINTR);
	cr_assert_not_null(comparison);
	cr_expect_eq(comparison->looks, 1);
	cr_expect_eq(comparison->rounds, 8);
}

Test(compare_live, a_round_without_a_figure)
{
	world.noise = 0.01;
	world.lose_one = true;
	cr_assert_eq(live(8), 0, "%s", diag.text);
	cr_expect_eq(outcome("t/p50"), OUTCOME_INCONCLUSIVE);
	cr_expect_eq(outcome("t/mean"), OUTCOME_SAME);
}

/* ---- on recorded rounds ---- */

/* Of 1000 comparisons of equals, at any look; without floors, which would hide some. */
Test(compare_live, false_alarms)
{
	static const struct compare_settings settings = {
		.quiet = true, .floor_relative = "0", .floor_absolute = "0ns"};
	int alarms = 0;

	world.others_cs = 10000;
	for (int i = 0; i < 1000; i++) {
		bool alarm = false;

		forget();
		world.rounds = 0;
		cr_assert_eq(compare_live(&comparison, cells, run, COMPARE_ROUNDS_DEFAULT,
				     &settings, &diag),
			0);
		for (size_t m = 0; m < comparison->n; m++)
			alarm |= comparison->metrics[m].gated &&
				 (comparison->metrics[m].outcome == OUTCOME_WORSE ||
					 comparison->metrics[m].outcome == OUTCOME_BETTER);
		alarms += alarm;
	}
	cr_log_info("%d of 1000", alarms);
	cr_expect_leq(alarms, 50);
	cr_expect_geq(alarms, 2, "too few to be true");
}

static int found(const char *name, double shift, int others_cs)
{
	int n = 0;

	world.shift = shift;
	world.others_cs = others_cs;
	for (int i = 0; i < 500; i++) {
		cr_assert_eq(live(COMPARE_ROUNDS_DEFAULT), 0);
		n += outcome(name) == OUTCOME_WORSE;
	}
	cr_log_info("%s %+.0f %%: %d of 500", name, 100 * shift, n);
	return n;
}

Test(compare_live, finds_ten_percent)
{
	cr_expect_geq(found("t/p50", 0.1, 10000), 475);
	cr_expect_geq(found("t/p50", 0.1, 10), 475);
	cr_expect_geq(found("t/mean", 0.1, 10), 475);
}
