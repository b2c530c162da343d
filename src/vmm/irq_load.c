/* SPDX-License-Identifier: BSD-2-Clause */
/* Ticks at a set rate from a thread without any privilege, as other devices' interrupts come.
 * It drives no line itself. */
#include "irq_load.h"

#include "thread.h"
#include "tickvm/clock.h"
#include "tickvm/device.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#define NSEC_PER_SEC 1000000000ULL
#define NAP_NS       10000000ULL /* a long wait is cut up, so that the end is seen */

struct irq_load {
	uint64_t hz;
	void (*tick)(void *ctx);
	void *ctx;
	pthread_t thread;
	_Atomic bool stop;
	bool started;
	uint64_t ticks, missed;
};

/* False: the end came first. */
static bool wait_until(const struct irq_load *n, uint64_t due_ns)
{
	for (;;) {
		uint64_t now_ns = clock_monotonic_ns();

		if (atomic_load(&n->stop))
			return false;
		if (now_ns >= due_ns)
			return true;
		clock_sleep_until_ns(due_ns - now_ns > NAP_NS ? now_ns + NAP_NS : due_ns);
	}
}

static void *irq_load_main(void *arg)
{
	struct irq_load *n = arg;
	uint64_t start_ns = clock_monotonic_ns(), k = 0, passed;

	prctl(PR_SET_TIMERSLACK, 1);
	/* The k-th is due at start + k / hz: rounding does not add up. */
	while (wait_until(n, start_ns + mul_div_u64(++k, NSEC_PER_SEC, n->hz))) {
		n->tick(n->ctx);
		n->ticks++;
		passed = mul_div_u64(clock_monotonic_ns() - start_ns, n->hz, NSEC_PER_SEC);
		/* Those due meanwhile are counted, not made up for. */
		if (passed > k) {
			n->missed += passed - k;
			k = passed;
		}
	}
	return NULL;
}

int irq_load_create(
	struct irq_load **out, uint64_t hz, void (*tick)(void *ctx), void *ctx, struct diag *diag)
{
	struct irq_load *n = calloc(1, sizeof(*n));
	int rc;

	if (!n)
		return diag_set(diag, -ENOMEM, "out of memory for the interrupt load's line");
	n->hz = hz;
	n->tick = tick;
	n->ctx = ctx;
	rc = thread_start(
		&n->thread, -1, &(const struct thread_job){SANDBOX_IRQ_LOAD, 0, irq_load_main, n});
	if (rc) {
		free(n);
		return diag_set(diag, rc, "cannot start the interrupt load's line's thread: %s",
			strerror(-rc));
	}
	n->started = true;
	*out = n;
	return 0;
}

void irq_load_stop(struct irq_load *n)
{
	if (!n || !n->started)
		return;
	atomic_store(&n->stop, true);
	pthread_join(n->thread, NULL);
	n->started = false;
}

void irq_load_destroy(struct irq_load *n)
{
	irq_load_stop(n);
	free(n);
}

uint64_t irq_load_ticks(const struct irq_load *n)
{
	return n->ticks;
}

uint64_t irq_load_missed(const struct irq_load *n)
{
	return n->missed;
}
