/* SPDX-License-Identifier: BSD-2-Clause */
/* Comparisons with a file to which rounds are added until all is decided: when that ends, false
 * alarms at any look, and what is found, in rounds drawn from recorded sweeps. Starts no guest. */
#include "../../src/bench/compare/compare.h"
#include "recorded_sweeps.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <math.h>
#include <string.h>

static struct diag diag;
static struct comparison *comparison;
static json_t *documents[2];

static void forget(void)
{
	comparison_destroy(comparison);
	comparison = NULL;
	for (int side = 0; side < 2; side++) {
		json_decref(documents[side]);
		documents[side] = NULL;
	}
}

TestSuite(compare_growing, .fini = forget);

/* ---- rounds ---- */

static struct {
	size_t sweep; /* both sides are drawn from this one: nothing changed */
	double shift; /* of fresh's metric: 0.1 is 10 % */
	size_t metric;
	double noise; /* not 0: instead of recorded rounds, 1000 ns and a share to either side */
	unsigned rounds, fail_at;
	unsigned asked[8], n_asked;
	bool alarm; /* a gated metric was significant at a look */
} world;

static uint64_t state = 1;

static size_t below(size_t n)
{
	state = state * 6364136223846793005 + 1442695040888963407;
	return (size_t)((state >> 32) * n >> 32);
}

static json_t *new_document(void)
{
	json_t *document = json_pack("{s:{s:s}, s:[]}", "host", "kernel", "6.18", "metrics");

	for (size_t m = 0; m < SWEEP_METRICS; m++)
		json_array_append_new(json_object_get(document, "metrics"),
			json_pack("{s:s, s:s, s:s, s:[]}", "name", sweep_metrics[m], "unit", "ns",
				"better", "lower", "values"));
	return document;
}

/* A whole round at once, as metrics of a round go together. */
static void add_round(int side)
{
	const double *round = recorded_sweeps[world.sweep][below(SWEEP_ROUNDS)];

	for (size_t m = 0; m < SWEEP_METRICS; m++) {
		const json_t *metric =
			json_array_get(json_object_get(documents[side], "metrics"), m);
		double value = world.noise > 0
				       ? 1000 * (1 + world.noise * ((double)below(2001) / 1000 - 1))
				       : round[m];

		if (side == 1 && m == world.metric)
			value *= 1 + world.shift;
		json_array_append_new(json_object_get(metric, "values"), json_real(value));
	}
}

static void note_alarm(void)
{
	for (size_t m = 0; comparison != NULL && m < comparison->n; m++)
		world.alarm |= comparison->metrics[m].gated &&
			       comparison->metrics[m].p <= comparison->alpha;
}

static int reach(void *user, unsigned rounds, struct diag *why)
{
	(void)user;
	note_alarm();
	world.asked[world.n_asked++] = rounds;
	for (; world.rounds < rounds; world.rounds++) {
		if (world.rounds == world.fail_at)
			return diag_set(why, -ECANCELED, "as asked");
		add_round(1);
	}
	return 0;
}

static int grow(unsigned first, unsigned max)
{
	static const struct compare_settings settings = {.quiet = true};
	static const char *const names[2] = {"old", "new"};
	const struct looks looks = {.first = first, .max = max, .reach = reach};

	forget();
	world.rounds = world.n_asked = 0;
	world.alarm = false;
	for (int side = 0; side < 2; side++)
		documents[side] = new_document();
	for (unsigned i = 0; i < first; i++)
		add_round(0);
	int err = compare_growing(&comparison, documents, names, &looks, &settings, &diag);

	note_alarm();
	return err;
}

static enum outcome outcome(size_t metric)
{
	return comparison->metrics[metric].outcome;
}

static void begin(void)
{
	memset(&world, 0, sizeof(world));
	world.fail_at = 1000;
}

/* ---- when it ends ---- */

Test(compare_growing, what_is_decided_gets_no_more_rounds, .init = begin)
{
	world.noise = 0.01;
	world.shift = 0.3;
	cr_assert_eq(grow(24, 48), 0, "%s", diag.text);
	cr_expect_eq(world.n_asked, 1);
	cr_expect_eq(world.rounds, 24);
	cr_expect_eq(outcome(0), OUTCOME_WORSE);
	cr_expect_eq(outcome(1), OUTCOME_SAME);
	cr_expect_eq(comparison_status(comparison), 1);
}

Test(compare_growing, what_is_not_gets_them_up_to_the_limit, .init = begin)
{
	world.noise = 0.9;
	cr_assert_eq(grow(12, 24), 0, "%s", diag.text);
	cr_assert_eq(world.n_asked, 4);
	cr_expect_eq(world.asked[0], 12);
	cr_expect_eq(world.asked[1], 16);
	cr_expect_eq(world.asked[2], 20);
	cr_expect_eq(world.asked[3], 24);
	cr_expect_eq(outcome(0), OUTCOME_INCONCLUSIVE);
	cr_expect_float_eq(comparison->alpha, 0.05 / 4, 1e-12);
	cr_expect_eq(comparison_status(comparison), 0);
	comparison->strict = true;
	cr_expect_eq(comparison_status(comparison), 1);
}

/* One look has the whole level. */
Test(compare_growing, without_more_rounds_it_looks_once, .init = begin)
{
	world.noise = 0.9;
	cr_assert_eq(grow(12, 12), 0, "%s", diag.text);
	cr_expect_eq(world.n_asked, 1);
	cr_expect_float_eq(comparison->alpha, 0.05, 1e-12);
}

Test(compare_growing, rounds_that_fail_end_it, .init = begin)
{
	world.noise = 0.9;
	world.fail_at = 3;
	cr_expect_eq(grow(12, 24), -ECANCELED);
	cr_expect_null(comparison);
	world.fail_at = 14;
	cr_expect_eq(grow(12, 24), -ECANCELED);
	cr_assert_not_null(comparison);
	cr_expect_eq(comparison->looks, 1);
}

/* ---- on recorded rounds ---- */

/* Significance counts, whatever the floors hide; all looks are taken unless all is decided. */
Test(compare_growing, false_alarms, .init = begin)
{
	int alarms = 0;

	for (int i = 0; i < 1000; i++) {
		world.sweep = (size_t)i % SWEEPS;
		cr_assert_eq(grow(12, 24), 0, "%s", diag.text);
		alarms += world.alarm;
	}
	cr_log_info("%d of 1000", alarms);
	cr_expect_leq(alarms, 50);
	cr_expect_geq(alarms, 2, "too few to be true");
}

/* With the rounds of sweeps/quick.ini, at its first look and by itself. */
static int found(const char *name, double shift, int trials)
{
	int n = 0;

	for (world.metric = 0; strcmp(sweep_metrics[world.metric], name) != 0;)
		world.metric++;
	world.shift = shift;
	for (int i = 0; i < trials; i++) {
		world.sweep = (size_t)i % SWEEPS;
		cr_assert_eq(grow(SWEEP_ROUNDS, SWEEP_ROUNDS), 0, "%s", diag.text);
		n += outcome(world.metric) == OUTCOME_WORSE;
	}
	cr_log_info("%s %+.0f %%: %d of %d", name, 100 * shift, n, trials);
	return n;
}

Test(compare_growing, finds_ten_percent, .init = begin)
{
	static const char *const names[] = {"timer/source=kvm-lapic: timer/kvm-lapic/100us/p50",
		"dedicated-no-advance: timer/dedicated/100us/p50", "exits: exits/split/pio-out",
		"exits: exits/split/mmio-write"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		cr_expect_geq(found(names[i], 0.1, 200), 190, "%s", names[i]);
}

/* Tails have other noise: docs/compare.md says what of them is found. */
Test(compare_growing, finds_a_longer_tail, .init = begin)
{
	static const char *const lapic = "timer/source=kvm-lapic: timer/kvm-lapic/100us/p99";

	cr_expect_lt(found(lapic, 0.1, 100), 5, "below what is gated");
	cr_expect_geq(found(lapic, 0.5, 200), 190);
	/* One of the four sweeps was disturbed in its second half, which makes for a high floor. */
	cr_expect_geq(found("dedicated-no-advance: timer/dedicated/100us/p99", 1, 200), 170);
	cr_expect_geq(found("timer/source=dedicated: timer/dedicated/100us/p99", 2, 100), 90);
}
