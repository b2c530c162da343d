/* SPDX-License-Identifier: BSD-2-Clause */
/* hot-memory is the one row whose guest and native figures should be the same. One VM beside one
 * native run shows 3 % only on the quietest host: so there are pairs of them, in turn. */
#include "hyperbench.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#define PAIRS    40 /* short ones, of 4 % each */
#define ROUNDS   11
#define ROUND_NS 1000000

static int guest_cycles(const struct hyper_session *session, double *cycles)
{
	const struct hyper_shot shot = {.name = hyper_rows[HYPERBENCH_HOT_MEMORY].name,
		.cpl = 3,
		.vcpus = 1,
		.rounds = ROUNDS,
		.round_ns = ROUND_NS};
	struct hyper_round *rounds = NULL;
	struct launch launch;
	struct diag diag;
	size_t n = 0;
	int err = hyper_shoot(session, &shot, &launch, &rounds, &n, &diag);

	if (err < 0)
		return err;
	*cycles = hyper_figures(rounds, n, 0, 1).cycles;
	free(rounds);
	launch_end(&launch);
	return 0;
}

static double native_cycles(const struct hyper_session *session)
{
	const struct hyper_plan plan = {.rounds = ROUNDS};
	struct hyper_native native;

	hyper_measure_native(&session->context, &plan, HYPERBENCH_HOT_MEMORY, 0, &native);
	return native.cycles;
}

int hyper_agree(struct hyper_session *session, struct hyper_table *table)
{
	double ratios[PAIRS];

	progress_step(&session->progress, "hot-memory, CPL 3, %d pairs with native", PAIRS);
	for (size_t pair = 0; pair < PAIRS; pair++) {
		double guest = (double)NAN, native = (double)NAN;
		bool swapped = agreement_swapped(pair);

		if (!swapped)
			native = native_cycles(session);
		int err = guest_cycles(session, &guest);

		if (bench_interrupted)
			return -EINTR;
		if (swapped && err == 0)
			native = native_cycles(session);
		ratios[pair] = err == 0 ? guest / native : (double)NAN;
	}
	table->hot = agreement_of(ratios, PAIRS);
	return 0;
}
