/* SPDX-License-Identifier: BSD-2-Clause */
/* A timer thread without a VM: what one more armed timer costs it.
 * Lateness is not looked at: every deadline has passed when it is armed. */
#include "tickvm/bare.h"
#include "timer_thread.h"

#include <errno.h>
#include <semaphore.h>
#include <stdlib.h>

#define FAR_NS 3600000000000ULL /* no other timer fires before the end */

struct bare_client {
	struct timer_client client;
	struct bare_timer *bare;
};

struct bare_timer {
	struct vm_clock clock;
	struct timer_thread *thread;
	struct bare_client *clients;
	unsigned armed;
	uint64_t random;
	uint64_t iterations, rounds;
	uint64_t left, round, begin_tsc; /* of the round in progress */
	uint64_t *ticks;                 /* of each round, whole */
	sem_t done;
};

/* xorshift64*: deadlines and timers in no order that caches or branch predictors could learn. */
static uint64_t next_random(struct bare_timer *bare)
{
	bare->random ^= bare->random >> 12;
	bare->random ^= bare->random << 25;
	bare->random ^= bare->random >> 27;
	return bare->random * 2685821657736338717ULL;
}

static void arm_far(struct bare_timer *bare, struct bare_client *client)
{
	timer_thread_arm(bare->thread, &client->client, FAR_NS + next_random(bare) % FAR_NS);
}

static void arm_any_now(struct bare_timer *bare)
{
	uint64_t any = (next_random(bare) >> 32) * bare->armed >> 32;

	timer_thread_arm(bare->thread, &bare->clients[any].client, 1);
}

/* On the timer thread; what is measured is from one call of this to the next. */
static void fire(void *ctx, nsec_t target, uint64_t wake_tsc)
{
	struct bare_client *client = ctx;
	struct bare_timer *bare = client->bare;

	(void)target;
	if (bare->left == 0) {
		bare->ticks[bare->round++] = wake_tsc - bare->begin_tsc;
		bare->left = bare->iterations;
		bare->begin_tsc = wake_tsc;
	}
	if (bare->round == bare->rounds) {
		sem_post(&bare->done);
		return;
	}
	bare->left--;
	arm_far(bare, client);
	arm_any_now(bare);
}

static void measure(struct bare_timer *bare)
{
	for (unsigned i = 0; i < bare->armed; i++) {
		struct bare_client *client = &bare->clients[i];

		client->bare = bare;
		client->client = (struct timer_client){
			.entry = {.deadline = NSEC_NEVER, .index = DEADLINE_IDLE},
			.fire = fire,
			.ctx = client};
		arm_far(bare, client);
	}
	bare->left = bare->iterations;
	bare->begin_tsc = clock_tsc();
	arm_any_now(bare);
	while (sem_wait(&bare->done) < 0)
		;
}

static int compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

int vm_bare_timer(unsigned armed, int cpu, int priority, uint64_t iterations, uint64_t rounds,
	uint64_t *ticks, struct diag *diag)
{
	struct bare_timer bare = {.clock = {.origin_tsc = clock_tsc(), .hz = clock_tsc_hz()},
		.armed = armed,
		.random = 88172645463325252ULL,
		.iterations = iterations,
		.rounds = rounds};
	struct timer_thread_config config = {
		.clock = &bare.clock, .cpu = cpu, .priority = priority, .clients_max = armed};
	int rc;

	if (!armed || !iterations || !rounds)
		return diag_set(diag, -EINVAL, "expected at least one timer, iteration and round");
	bare.clients = calloc(armed, sizeof(*bare.clients));
	bare.ticks = calloc(rounds, sizeof(*bare.ticks));
	rc = bare.clients && bare.ticks
		     ? timer_thread_create(&bare.thread, &config, diag)
		     : diag_set(diag, -ENOMEM, "out of memory for %u timers", armed);
	if (!rc) {
		sem_init(&bare.done, 0, 0);
		measure(&bare);
		timer_thread_destroy(bare.thread);
		sem_destroy(&bare.done);
		qsort(bare.ticks, rounds, sizeof(*bare.ticks), compare);
		*ticks = bare.ticks[rounds / 2] / iterations;
	}
	free(bare.clients);
	free(bare.ticks);
	return rc;
}
