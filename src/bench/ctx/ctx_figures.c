/* SPDX-License-Identifier: BSD-2-Clause */
/* From the rounds of a ring to what a switch costs. It measures nothing and prints nothing. */
#include "ctx.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

/* No honest round has more; sums over all rounds stay far from overflow. */
#define CYCLES_BITS   50
#define SWITCHES_BITS 40

unsigned ctx_sets(uint64_t max_bytes)
{
	unsigned n = 1;

	while (n < CTX_SETS_MAX && ctx_set_bytes(n) <= max_bytes)
		n++;
	return n;
}

uint64_t ctx_set_bytes(unsigned set)
{
	return set == 0 ? 0 : (uint64_t)CTX_SET_MIN << (set - 1);
}

static bool round_is(const struct guest_ctx_round *round, const struct ctx_ring *ring, unsigned set)
{
	return round->contexts == ring->contexts && round->stride == ring->stride &&
	       round->bytes == ctx_set_bytes(set) && round->switches > 0 &&
	       round->switches >> SWITCHES_BITS == 0 &&
	       (round->switch_cycles | round->control_cycles) >> CYCLES_BITS == 0;
}

int ctx_check(const struct guest_ctx_round *rounds, size_t n, const struct ctx_ring *ring,
	struct diag *diag)
{
	unsigned sets = ctx_sets(ring->max_bytes);
	bool good = n == ring->rounds * sets;

	for (size_t i = 0; good && i < n; i++)
		good = round_is(&rounds[i], ring, (unsigned)(i % sets));
	return good ? 0
		    : diag_set(diag, -EPROTO,
			      "the guest's records are not those of the ring it was told");
}

int ctx_figures(struct ctx_figures *figures, const struct ctx_ring *ring,
	const struct guest_ctx_round *rounds, struct diag *diag)
{
	unsigned sets = ctx_sets(ring->max_bytes);
	size_t n = ring->rounds;
	int64_t *samples = calloc(n, sizeof(*samples));

	if (samples == NULL)
		return diag_set(diag, -ENOMEM, "out of memory for %zu rounds", n);
	for (unsigned set = 0; set < sets; set++) {
		for (size_t i = 0; i < n; i++) {
			const struct guest_ctx_round *round = &rounds[i * sets + set];

			samples[i] = (int64_t)(round->switch_cycles - round->control_cycles) /
				     (int64_t)round->switches;
		}
		figures->sets[set].total = stats_summarize(samples, n);
		figures->sets[set].spread = (double)(stats_percentile(samples, n, 0.75) -
						     stats_percentile(samples, n, 0.25)) /
					    2;
	}
	free(samples);
	return 0;
}
