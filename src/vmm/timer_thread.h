/* SPDX-License-Identifier: BSD-2-Clause */
/* The timer thread: sleeps to the earliest deadline, spins the last part, calls the client on time.
 * SCHED_FIFO, pinned, memory locked, /dev/cpu_dma_latency held at 0; never throttled silently.
 *
 * Lock order: a client's own (device) lock, then the thread's queue lock. fire() and watch() are
 * called with neither held, so a client may lock its device in them and arm from there. */
#ifndef VMM_TIMER_THREAD_H
#define VMM_TIMER_THREAD_H

#include "deadline_queue.h"
#include "tickvm/clock.h"
#include "tickvm/diag.h"
#include "tickvm/vm.h"

struct timer_thread;

/* Memory is the client's; it must outlive the thread. */
struct timer_client {
	struct deadline_entry entry; /* the thread's; .index = DEADLINE_IDLE at first */
	uint64_t armed_tsc;          /* the thread's */
	/* The deadline has come. wake_tsc: the thread's stamp, target: the deadline it was armed
	 * with. Re-arm with timer_thread_arm() from inside. */
	void (*fire)(void *ctx, nsec_t target, uint64_t wake_tsc);
	/* Shared-page arming; NULL for clients without. watch(): look at the page once, arm if it
	 * changed, true when it did. watched(): the thread begins (true) or stops (false) to watch;
	 * after a false, which must end with a full fence, it calls watch() once more, so that no
	 * arming is lost in between. wants_watch(): watching makes sense now. */
	bool (*wants_watch)(void *ctx);
	bool (*watch)(void *ctx);
	void (*watched)(void *ctx, bool watching);
	void *ctx;
	/* The thread's, of clients whose page it watches. */
	struct timer_client *next_page;
	bool watching;
	nsec_t watch_end;
};

struct timer_thread_config {
	const struct vm_clock *clock;
	int cpu;           /* -1: not pinned */
	int priority;      /* SCHED_FIFO 1 to 99; 0: SCHED_OTHER */
	int64_t spin_ns;   /* the last part of a wait is spun; VM_AUTO: learned */
	uint64_t watch_ns; /* after a fire, how long it stays awake to see the page's next arming */
	size_t clients_max;
	void (*begin)(void *ctx); /* the first thing the thread does; may be NULL */
	void *ctx;
};

/* Creates the thread and starts it; without the right to SCHED_FIFO it runs as SCHED_OTHER and the
 * stats say so. */
int timer_thread_create(
	struct timer_thread **out, const struct timer_thread_config *config, struct diag *diag);
/* This client's page is watched. Before the first arming. */
void timer_thread_watch(struct timer_thread *thread, struct timer_client *client);
/* From any thread: the client's next deadline (NSEC_NEVER: none). Wakes the thread when it is the
 * earliest. */
void timer_thread_arm(struct timer_thread *thread, struct timer_client *client, nsec_t deadline);
/* Stops and joins; no fire() runs after this returns. */
void timer_thread_stop(struct timer_thread *thread);
void timer_thread_destroy(struct timer_thread *thread);
/* After timer_thread_stop(). */
const struct timer_thread_stats *timer_thread_stats(const struct timer_thread *thread);

#endif
