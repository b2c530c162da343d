/* SPDX-License-Identifier: BSD-2-Clause */
/* A timer thread and clients that record what it does to them. For one suite a file. */
#ifndef TIMER_RIG_H
#define TIMER_RIG_H

#include "../../src/vmm/timer_thread.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MS      1000000ULL
#define HOUR    (3600000 * MS) /* longer than any watchdog: it does not come */
#define CLIENTS 5
#define SCRIPT  4 /* the client that runs scripts */

static struct vm_clock vm_clock;
static struct timer_thread *thread;
static _Atomic pid_t timer_tid;

struct client {
	struct timer_client timer;
	_Atomic unsigned fires;
	_Atomic nsec_t fired_at, target;
	uint64_t wake_tsc;
	unsigned order;                      /* of the last fire among all */
	void (*then)(struct client *client); /* on the timer thread, after each fire; may be NULL */
	sem_t fired;
	/* a device with a shared page, in miniature */
	pthread_mutex_t lock; /* guards seen */
	_Atomic uint64_t page_deadline;
	_Atomic uint32_t arm_seq, need_doorbell;
	uint32_t seen;
	_Atomic unsigned looks;
	_Atomic nsec_t given_up_at;
	bool shared, arms_in_the_gap;
};

static struct client clients[CLIENTS];
static _Atomic unsigned sequence;

static inline nsec_t now(void)
{
	return vm_clock_now(&vm_clock);
}

static inline void arm(struct client *client, nsec_t deadline)
{
	timer_thread_arm(thread, &client->timer, deadline);
}

/* ---- what the thread calls ---- */

static void on_begin(void *ctx)
{
	(void)ctx;
	timer_tid = gettid();
}

static void on_fire(void *ctx, nsec_t target, uint64_t wake_tsc)
{
	struct client *client = ctx;

	client->wake_tsc = wake_tsc;
	client->fired_at = vm_clock_from_tsc(&vm_clock, wake_tsc);
	client->target = target;
	client->order = atomic_fetch_add(&sequence, 1);
	client->fires++;
	if (client->then)
		client->then(client);
	sem_post(&client->fired);
}

static bool wants_watch(void *ctx)
{
	return ((struct client *)ctx)->shared;
}

static bool watch(void *ctx)
{
	struct client *client = ctx;

	pthread_mutex_lock(&client->lock);
	uint32_t seq = client->arm_seq;
	bool changed = seq != client->seen;

	client->seen = seq;
	client->looks++;
	if (changed)
		arm(client, client->page_deadline);
	pthread_mutex_unlock(&client->lock);
	return changed;
}

static void watched(void *ctx, bool watching)
{
	struct client *client = ctx;

	/* The guest still sees that somebody watches, and so rings no doorbell. */
	if (!watching && client->arms_in_the_gap) {
		client->arms_in_the_gap = false;
		client->page_deadline = now() + MS;
		client->arm_seq++;
	}
	if (!watching)
		client->given_up_at = now();
	client->need_doorbell = !watching;
}

/* ---- life ---- */

static void create(int priority, int64_t spin_ns, uint64_t watch_ns)
{
	struct diag diag = {""};
	const struct timer_thread_config config = {.clock = &vm_clock,
		.cpu = -1,
		.priority = priority,
		.spin_ns = spin_ns,
		.watch_ns = watch_ns,
		.clients_max = CLIENTS,
		.begin = on_begin};

	vm_clock = (struct vm_clock){.origin_tsc = clock_tsc(), .hz = clock_tsc_hz()};
	timer_tid = 0;
	for (size_t i = 0; i < CLIENTS; i++) {
		clients[i].timer = (struct timer_client){.entry.index = DEADLINE_IDLE,
			.fire = on_fire,
			.wants_watch = wants_watch,
			.watch = watch,
			.watched = watched,
			.ctx = &clients[i]};
		clients[i].need_doorbell = 1;
		pthread_mutex_init(&clients[i].lock, NULL);
		sem_init(&clients[i].fired, 0, 0);
	}
	cr_assert_eq(timer_thread_create(&thread, &config, &diag), 0, "%s", diag.text);
	timer_thread_watch(thread, &clients[0].timer);
}

#define SPIN_NS  60000
#define WATCH_NS (2 * MS)

static void setup(void)
{
	create(0, SPIN_NS, WATCH_NS);
}

static void teardown(void)
{
	timer_thread_destroy(thread);
}

/* Another thread than setup()'s. */
static inline void create_anew(int priority, int64_t spin_ns, uint64_t watch_ns)
{
	teardown();
	create(priority, spin_ns, watch_ns);
}

/* ---- conditions, however long they take: the suite's watchdog ends a hang ---- */

static void wait_fired(struct client *client)
{
	while (sem_wait(&client->fired) < 0)
		;
}

/* proc(5): the letter behind the name. */
static char timer_thread_state(void)
{
	char path[64], line[512] = "";
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", timer_tid);
	file = fopen(path, "r");
	cr_assert_not_null(file, "%s", path);
	cr_assert_not_null(fgets(line, sizeof(line), file));
	fclose(file);
	return strrchr(line, ')')[2];
}

/* The thread sleeps. For who holds no lock that it may wait for. */
static inline void wait_asleep(void)
{
	while (timer_tid == 0 || timer_thread_state() != 'S')
		sched_yield();
}

/* Runs a script on the thread, which fires nothing before it has ended, whatever its deadlines. */
static inline void on_thread(void (*script)(struct client *client))
{
	clients[SCRIPT].then = script;
	arm(&clients[SCRIPT], 0);
	wait_fired(&clients[SCRIPT]);
}

#endif
