/* SPDX-License-Identifier: BSD-2-Clause */
/* The timer thread with real time and real threads: order, wake-ups, watching, stopping; never
 * early. Not tested here: how late it is, which is the host's business and a benchmark's. */
#include "../../src/vmm/timer_thread.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#define MS      1000000ULL
#define CLIENTS 4

static struct vm_clock vm_clock;
static struct timer_thread *thread;

struct client {
	struct timer_client timer;
	_Atomic unsigned fires;
	_Atomic nsec_t fired_at, target;
	unsigned again;  /* re-arm this often from fire() */
	nsec_t interval; /* with this distance; 0: in the past */
	unsigned order;  /* of the last fire among all */
	sem_t fired;
	/* a device with a shared page, in miniature */
	pthread_mutex_t lock; /* guards seen */
	_Atomic uint64_t page_deadline;
	_Atomic uint32_t arm_seq, need_doorbell;
	uint32_t seen;
	_Atomic unsigned looks;
	bool shared, arms_in_the_gap;
};

static struct client clients[CLIENTS];
static _Atomic unsigned sequence;

static void on_fire(void *ctx, nsec_t target, uint64_t wake_tsc)
{
	struct client *client = ctx;

	client->fired_at = vm_clock_from_tsc(&vm_clock, wake_tsc);
	client->target = target;
	client->order = atomic_fetch_add(&sequence, 1);
	client->fires++;
	if (client->again) {
		client->again--;
		timer_thread_arm(
			thread, &client->timer, client->interval ? target + client->interval : 0);
	}
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
		timer_thread_arm(thread, &client->timer, client->page_deadline);
	pthread_mutex_unlock(&client->lock);
	return changed;
}

static void watched(void *ctx, bool watching)
{
	struct client *client = ctx;

	/* The guest still sees that somebody watches, and so rings no doorbell. */
	if (!watching && client->arms_in_the_gap) {
		client->arms_in_the_gap = false;
		client->page_deadline = vm_clock_now(&vm_clock) + MS;
		client->arm_seq++;
	}
	client->need_doorbell = !watching;
}

static void create(int priority, uint64_t watch_ns)
{
	struct diag diag = {""};
	const struct timer_thread_config config = {.clock = &vm_clock,
		.cpu = -1,
		.priority = priority,
		.spin_ns = 60000,
		.watch_ns = watch_ns,
		.clients_max = CLIENTS};

	vm_clock = (struct vm_clock){.origin_tsc = clock_tsc(), .hz = clock_tsc_hz()};
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

static void setup(void)
{
	create(0, 2 * MS);
}

static void teardown(void)
{
	timer_thread_destroy(thread);
}

TestSuite(timer_thread, .init = setup, .fini = teardown, .timeout = 20);

static void wait_fired(struct client *client)
{
	struct timespec limit;

	clock_gettime(CLOCK_REALTIME, &limit);
	limit.tv_sec += 5;
	cr_assert_eq(sem_timedwait(&client->fired, &limit), 0, "it never fired");
}

/* Deadlines that must not come before their test is ready are 100 ms away: hosts pause. */
static void nap(uint64_t ns)
{
	clock_sleep_until_ns(clock_monotonic_ns() + ns);
}

static nsec_t now(void)
{
	return vm_clock_now(&vm_clock);
}

static void arm(struct client *client, nsec_t deadline)
{
	timer_thread_arm(thread, &client->timer, deadline);
}

Test(timer_thread, fires_once_and_not_early)
{
	nsec_t deadline = now() + 2 * MS;

	arm(&clients[1], deadline);
	wait_fired(&clients[1]);
	cr_assert_geq(clients[1].fired_at, deadline);
	cr_assert_eq(clients[1].target, deadline);
	nap(2 * MS);
	timer_thread_stop(thread);
	cr_assert_eq(clients[1].fires, 1);
	cr_assert_eq(timer_thread_stats(thread)->expiries, 1);
	cr_assert_eq(timer_thread_stats(thread)->wake_error.count, 1);
	cr_assert_eq(timer_thread_stats(thread)->early, 0);
}

Test(timer_thread, a_deadline_in_the_past_fires)
{
	nap(500 * MS);
	arm(&clients[1], 1);
	wait_fired(&clients[1]);
	timer_thread_stop(thread);
	cr_assert_lt(timer_thread_stats(thread)->wake_error.max, clock_ns_to_ticks(400 * MS),
		"the armer's lateness is not the thread's");
}

Test(timer_thread, an_earlier_deadline_wakes_it_from_a_long_sleep)
{
	arm(&clients[1], now() + 3600000 * MS);
	nap(2 * MS); /* asleep by now */
	arm(&clients[2], now() + MS);
	wait_fired(&clients[2]);
	cr_assert_eq(clients[1].fires, 0);
}

Test(timer_thread, a_disarmed_deadline_does_not_fire)
{
	arm(&clients[1], now() + 200 * MS);
	arm(&clients[2], now() + 210 * MS);
	arm(&clients[1], NSEC_NEVER);
	wait_fired(&clients[2]);
	timer_thread_stop(thread);
	cr_assert_eq(clients[1].fires, 0);
}

Test(timer_thread, a_postponed_deadline_fires_at_its_new_time)
{
	nsec_t later = now() + 210 * MS;

	arm(&clients[1], now() + 200 * MS);
	arm(&clients[1], later);
	wait_fired(&clients[1]);
	cr_assert_geq(clients[1].fired_at, later);
	timer_thread_stop(thread);
	cr_assert_eq(clients[1].fires, 1);
}

Test(timer_thread, earliest_first)
{
	nsec_t base = now() + 100 * MS;

	arm(&clients[1], base + 20);
	arm(&clients[2], base + 10);
	arm(&clients[3], base);
	for (size_t i = 1; i < CLIENTS; i++)
		wait_fired(&clients[i]);
	cr_assert_lt(clients[3].order, clients[2].order);
	cr_assert_lt(clients[2].order, clients[1].order);
}

Test(timer_thread, a_client_that_arms_in_the_past_starves_nobody)
{
	clients[1].again = 1000000;
	arm(&clients[2], now() + 2 * MS);
	arm(&clients[1], 0);
	wait_fired(&clients[2]);
	timer_thread_stop(thread); /* and the loop can be ended */
	cr_assert_gt(clients[1].fires, 1);
}

Test(timer_thread, a_thousand_periods_all_fire)
{
	clients[1].again = 999;
	clients[1].interval = 50000;
	arm(&clients[1], now() + MS);
	for (unsigned i = 0; i < 1000; i++)
		wait_fired(&clients[1]);
	timer_thread_stop(thread);
	cr_assert_eq(clients[1].fires, 1000);
	cr_assert_eq(timer_thread_stats(thread)->early, 0);
}

/* ---- arming from other threads ---- */

static void *arm_many(void *arg)
{
	struct client *client = arg;

	for (unsigned i = 0; i < 300; i++) {
		arm(client, now() + 20000 + i * 400);
		wait_fired(client);
	}
	return NULL;
}

Test(timer_thread, no_arming_is_lost_between_threads)
{
	pthread_t armers[CLIENTS];

	for (size_t i = 1; i < CLIENTS; i++)
		cr_assert_eq(pthread_create(&armers[i], NULL, arm_many, &clients[i]), 0);
	for (size_t i = 1; i < CLIENTS; i++)
		pthread_join(armers[i], NULL);
	for (size_t i = 1; i < CLIENTS; i++)
		cr_assert_eq(clients[i].fires, 300);
}

/* ---- the shared page ---- */

/* As docs/dedicated-timer.md tells a guest to; the atomics are sequentially consistent. */
static void arm_on_page(struct client *client, nsec_t deadline)
{
	client->page_deadline = deadline;
	client->arm_seq++;
	if (client->need_doorbell)
		watch(client);
}

static void *guest(void *arg)
{
	struct client *client = arg;

	for (unsigned i = 0; i < 300; i++) {
		/* From well inside the watch to well past it. */
		if (i % 8 == 0)
			nap(i % 16 * 10000);
		arm_on_page(client, now() + 30000);
		wait_fired(client);
	}
	return NULL;
}

Test(timer_thread, no_arming_on_the_page_is_lost)
{
	pthread_t vcpu;

	timer_thread_destroy(thread);
	create(0, 100000);
	clients[0].shared = true;
	cr_assert_eq(pthread_create(&vcpu, NULL, guest, &clients[0]), 0);
	pthread_join(vcpu, NULL);
	cr_assert_eq(clients[0].fires, 300);
}

Test(timer_thread, no_arming_on_any_of_several_pages_is_lost)
{
	pthread_t vcpus[3];

	timer_thread_destroy(thread);
	create(0, 100000);
	timer_thread_watch(thread, &clients[1].timer);
	timer_thread_watch(thread, &clients[2].timer);
	for (size_t i = 0; i < 3; i++) {
		clients[i].shared = true;
		cr_assert_eq(pthread_create(&vcpus[i], NULL, guest, &clients[i]), 0);
	}
	for (size_t i = 0; i < 3; i++)
		pthread_join(vcpus[i], NULL);
	for (size_t i = 0; i < 3; i++)
		cr_assert_eq(clients[i].fires, 300);
	nap(5 * MS);
	for (size_t i = 0; i < 3; i++)
		cr_assert_eq(clients[i].need_doorbell, 1, "page %zu is given up", i);
}

Test(timer_thread, page_is_watched_after_a_fire_and_given_up_later)
{
	clients[0].shared = true;
	arm(&clients[0], now() + MS);
	wait_fired(&clients[0]);
	nap(20 * MS); /* the watch lasts 2 ms */
	unsigned looks = clients[0].looks;
	cr_assert_gt(looks, 1);
	cr_assert_eq(clients[0].need_doorbell, 1);
	nap(5 * MS);
	cr_assert_eq(clients[0].looks, looks, "asleep");
}

Test(timer_thread, an_arming_just_before_the_thread_sleeps_is_seen)
{
	clients[0].shared = true;
	clients[0].arms_in_the_gap = true;
	arm(&clients[0], now() + MS);
	wait_fired(&clients[0]);
	wait_fired(&clients[0]);
}

Test(timer_thread, an_unshared_page_is_not_watched)
{
	arm(&clients[0], now() + MS);
	wait_fired(&clients[0]);
	nap(5 * MS);
	cr_assert_eq(clients[0].looks, 0);
}

/* ---- life ---- */

Test(timer_thread, stops_from_any_state_and_fires_no_more)
{
	arm(&clients[1], now() + 20 * MS);
	timer_thread_stop(thread);
	timer_thread_stop(thread);
	arm(&clients[1], 0);
	nap(25 * MS);
	cr_assert_eq(clients[1].fires, 0);
}

Test(timer_thread, other_policy_is_no_fifo)
{
	timer_thread_stop(thread);
	cr_assert_not(timer_thread_stats(thread)->fifo);
	cr_assert_eq(timer_thread_stats(thread)->fifo_errno, 0, "it was not asked for");
}

Test(timer_thread, fifo_or_the_reason_why_not)
{
	timer_thread_destroy(thread);
	create(10, 0);
	arm(&clients[1], now() + MS);
	wait_fired(&clients[1]);
	timer_thread_stop(thread);
	cr_assert(
		timer_thread_stats(thread)->fifo != (timer_thread_stats(thread)->fifo_errno != 0));
}

Test(timer_thread, a_cpu_that_does_not_exist_is_named)
{
	struct timer_thread *none = NULL;
	struct diag diag = {""};
	struct timer_thread_config config = {
		.clock = &vm_clock, .cpu = CPU_SETSIZE - 1, .clients_max = 1};

	cr_assert_eq(timer_thread_create(&none, &config, &diag), -EINVAL);
	cr_assert_neq(strstr(diag.text, "1023"), NULL);
	config.cpu = CPU_SETSIZE;
	cr_assert_eq(timer_thread_create(&none, &config, &diag), -EINVAL);
	cr_assert_eq(none, NULL);
}
