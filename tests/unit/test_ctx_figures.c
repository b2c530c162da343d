/* SPDX-License-Identifier: BSD-2-Clause */
/* From rounds to figures, and records that are not to be believed. */
#include "../../src/bench/ctx/ctx.h"

#include <criterion/criterion.h>
#include <errno.h>

static const struct ctx_ring ring = {
	.contexts = 4, .stride = 64, .max_bytes = 4096, .rounds = 4, .round_ns = 1};

/* Two sets; in round i a switch costs 100 + i ticks with none, 300 + 10 i with 4 KiB. */
static void fill(struct guest_ctx_round rounds[8])
{
	for (unsigned i = 0; i < 8; i++) {
		unsigned round = i / 2, set = i % 2;

		rounds[i] = (struct guest_ctx_round){
			.contexts = 4,
			.stride = 64,
			.bytes = set * 4096,
			.switches = 40,
			.control_cycles = 1000 + i,
		};
		rounds[i].switch_cycles =
			rounds[i].control_cycles + 40 * (set == 0 ? 100 + round : 300 + 10 * round);
	}
}

Test(ctx_figures, sets_are_none_and_the_powers_of_two)
{
	cr_expect_eq(ctx_sets(0), 1);
	cr_expect_eq(ctx_sets(CTX_SET_MIN - 1), 1);
	cr_expect_eq(ctx_sets(CTX_SET_MIN), 2);
	cr_expect_eq(ctx_sets(1 << 20), 10);
	cr_expect_eq(ctx_sets(CTX_SET_MAX), CTX_SETS_MAX);
	cr_expect_eq(ctx_sets(UINT64_MAX), CTX_SETS_MAX);
	cr_expect_eq(ctx_set_bytes(0), 0);
	cr_expect_eq(ctx_set_bytes(1), CTX_SET_MIN);
	cr_expect_eq(ctx_set_bytes(9), 1 << 20);
}

Test(ctx_figures, a_switch_costs_what_the_control_did_not)
{
	struct ctx_figures figures;
	struct guest_ctx_round rounds[8];
	struct diag diag = {""};

	fill(rounds);
	cr_assert_eq(ctx_figures(&figures, &ring, rounds, &diag), 0);
	cr_expect_eq(figures.sets[0].total.n, 4);
	cr_expect_eq(figures.sets[0].total.min, 100);
	cr_expect_eq(figures.sets[0].total.p50, 101);
	cr_expect_eq(figures.sets[0].total.max, 103);
	cr_expect_eq(figures.sets[0].spread, 1); /* quartiles 100 and 102 */
	cr_expect_eq(figures.sets[1].total.p50, 310);
	cr_expect_eq(figures.sets[1].spread, 10);
}

/* Noise may make the control the slower one. */
Test(ctx_figures, a_cost_may_be_negative)
{
	struct ctx_figures figures;
	struct guest_ctx_round rounds[8];
	struct diag diag = {""};

	fill(rounds);
	for (unsigned i = 0; i < 8; i++)
		rounds[i].switch_cycles = rounds[i].control_cycles - 400;
	cr_assert_eq(ctx_figures(&figures, &ring, rounds, &diag), 0);
	cr_expect_eq(figures.sets[0].total.max, -10);
}

static void expect_refused(const struct guest_ctx_round *rounds, size_t n, const char *why)
{
	struct diag diag = {""};

	cr_expect_eq(ctx_check(rounds, n, &ring, &diag), -EPROTO, "%s", why);
	cr_expect_str_eq(diag.text, "the guest's records are not those of the ring it was told");
}

Test(ctx_figures, records_of_another_ring_are_refused)
{
	struct guest_ctx_round rounds[8];
	struct diag diag = {""};

	fill(rounds);
	cr_expect_eq(ctx_check(rounds, 8, &ring, &diag), 0);
	expect_refused(rounds, 7, "too few");
	rounds[7].switches = 0;
	expect_refused(rounds, 8, "nothing done");
	rounds[7].switches = 1ULL << 40;
	expect_refused(rounds, 8, "too many switches");
	fill(rounds);
	rounds[3].bytes = 8192;
	expect_refused(rounds, 8, "another set");
	fill(rounds);
	rounds[0].contexts = 2;
	expect_refused(rounds, 8, "another ring");
	fill(rounds);
	rounds[0].stride = 8;
	expect_refused(rounds, 8, "another stride");
	fill(rounds);
	rounds[0].control_cycles = UINT64_MAX;
	expect_refused(rounds, 8, "an absurd time");
}
