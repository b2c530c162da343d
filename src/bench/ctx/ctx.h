/* SPDX-License-Identifier: BSD-2-Clause */
/* bench ctx, for its own files: the ring, the working sets it is measured with, and what a switch
 * costs in it. */
#ifndef BENCH_CTX_H
#define BENCH_CTX_H

#include "../stats.h"

#include "tickvm/guest_abi.h"
#include "tickvm/vm.h"

#define CTX_SET_MIN      4096u
#define CTX_SET_MAX      (16u << 20)
#define CTX_SETS_MAX     14 /* 0, and the powers of two from CTX_SET_MIN to CTX_SET_MAX */
#define CTX_CONTEXTS_MAX 64

struct ctx_ring {
	unsigned contexts;         /* 2 to CTX_CONTEXTS_MAX */
	uint64_t stride;           /* bytes, a multiple of 8 */
	uint64_t max_bytes;        /* of a working set */
	uint64_t rounds, round_ns; /* of each working set; what a round takes, about */
};

/* Working sets of a ring: 0, then CTX_SET_MIN to max_bytes by powers of two. */
unsigned ctx_sets(uint64_t max_bytes);
uint64_t ctx_set_bytes(unsigned set);

/* Of a switch, in TSC ticks: switching less control, by rounds. */
struct ctx_set {
	struct summary total;
	double spread; /* half the distance between the quartiles */
};
struct ctx_figures {
	struct ctx_set sets[CTX_SETS_MAX];
};

/* Rounds a guest left, before they are believed: -EPROTO with diag when they are not ring's. */
int ctx_check(const struct guest_ctx_round *rounds, size_t n, const struct ctx_ring *ring,
	struct diag *diag);
/* 0, or -ENOMEM with diag. */
int ctx_figures(struct ctx_figures *figures, const struct ctx_ring *ring,
	const struct guest_ctx_round *rounds, struct diag *diag);

/* As the payload's test=ctx, but with processes around pipes, all on vCPU 0's CPU, in its
 * real-time class if it has one, else in SCHED_BATCH. rounds: ring->rounds times ctx_sets()
 * records, as the payload orders them. Called while this process has one thread. 0, or a negative
 * errno with diag; it leaves no process behind. */
int ctx_native(const struct ctx_ring *ring, const struct vm_config *machine,
	struct guest_ctx_round *rounds, struct diag *diag);

#endif
