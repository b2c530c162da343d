/* SPDX-License-Identifier: BSD-2-Clause */
/* The timer thread with real time and real threads: order, wake-ups, watching, stopping; never
 * early. Verdicts are orders and counts, which no pause of the host changes. */
#include "timer_rig.h"

#include <errno.h>

TestSuite(timer_thread, .init = setup, .fini = teardown, .timeout = 300);

static const struct timer_thread_stats *stop(void)
{
	timer_thread_stop(thread);
	return timer_thread_stats(thread);
}

Test(timer_thread, fires_once_and_not_early)
{
	nsec_t deadline = now() + 2 * MS;

	arm(&clients[1], deadline);
	wait_fired(&clients[1]);
	arm(&clients[2], now());
	wait_fired(&clients[2]);
	cr_assert_eq(stop()->expiries, 2);
	cr_assert_geq(clients[1].fired_at, deadline);
	cr_assert_eq(clients[1].target, deadline);
	cr_assert_eq(clients[1].fires, 1);
	cr_assert_eq(timer_thread_stats(thread)->wake_error.count, 2);
	cr_assert_eq(timer_thread_stats(thread)->early, 0);
}

Test(timer_thread, the_lateness_of_a_deadline_in_the_past_counts_from_its_arming)
{
	uint64_t before = clock_tsc();

	cr_assert_gt(before, vm_clock_to_tsc(&vm_clock, 1));
	arm(&clients[1], 1);
	wait_fired(&clients[1]);
	cr_assert_leq(stop()->wake_error.max, clients[1].wake_tsc - before,
		"the armer's lateness is not the thread's");
}

Test(timer_thread, an_earlier_deadline_wakes_it_from_a_long_sleep)
{
	arm(&clients[1], now() + HOUR);
	wait_asleep();
	arm(&clients[2], now() + MS);
	wait_fired(&clients[2]);
	cr_assert_geq(stop()->wakeups, 1);
	cr_assert_eq(clients[1].fires, 0);
}

/* ---- several armings before the thread looks again ---- */

static void disarm(struct client *script)
{
	nsec_t time = now();

	(void)script;
	arm(&clients[1], time + MS);
	arm(&clients[2], time + 2 * MS);
	arm(&clients[1], NSEC_NEVER);
}

Test(timer_thread, a_disarmed_deadline_does_not_fire)
{
	on_thread(disarm);
	wait_fired(&clients[2]);
	stop();
	cr_assert_eq(clients[1].fires, 0);
}

static nsec_t later;

static void postpone(struct client *script)
{
	(void)script;
	later = now() + 2 * MS;
	arm(&clients[1], later - MS);
	arm(&clients[1], later);
	arm(&clients[2], later + 1);
}

Test(timer_thread, a_postponed_deadline_fires_at_its_new_time)
{
	on_thread(postpone);
	wait_fired(&clients[2]);
	stop();
	cr_assert_geq(clients[1].fired_at, later);
	cr_assert_eq(clients[1].target, later);
	cr_assert_eq(clients[1].fires, 1);
}

static nsec_t base;

static void arm_backwards(struct client *script)
{
	(void)script;
	base += now();
	arm(&clients[1], base + 20);
	arm(&clients[2], base + 10);
	arm(&clients[3], base);
}

/* Due together, as after a pause, and one after the other. */
Test(timer_thread, earliest_first)
{
	static const nsec_t away[] = {0, MS};

	for (size_t i = 0; i < sizeof(away) / sizeof(away[0]); i++) {
		base = away[i];
		on_thread(arm_backwards);
		for (size_t c = 1; c <= 3; c++)
			wait_fired(&clients[c]);
		cr_assert_lt(clients[3].order, clients[2].order);
		cr_assert_lt(clients[2].order, clients[1].order);
	}
}

/* For ever; the tenth time another deadline has passed as well. */
static void arm_in_the_past(struct client *self)
{
	if (self->fires == 10)
		arm(&clients[2], 0);
	arm(self, 0);
}

Test(timer_thread, a_client_that_arms_in_the_past_starves_nobody)
{
	clients[1].then = arm_in_the_past;
	arm(&clients[1], 0);
	wait_fired(&clients[2]);
	stop(); /* and the loop can be ended */
	/* Fires are counted from 0: the tenth has number 9. */
	cr_assert_leq(clients[2].order, 11, "%u others came first", clients[2].order - 10);
}

static void arm_next_period(struct client *self)
{
	if (self->fires < 1000)
		arm(self, self->target + 50000);
}

Test(timer_thread, a_thousand_periods_all_fire)
{
	nsec_t first = now() + MS;

	clients[1].then = arm_next_period;
	arm(&clients[1], first);
	for (unsigned i = 0; i < 1000; i++)
		wait_fired(&clients[1]);
	cr_assert_eq(stop()->early, 0);
	cr_assert_eq(clients[1].fires, 1000);
	cr_assert_eq(clients[1].target, first + 999 * 50000);
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
			clock_sleep_until_ns(clock_monotonic_ns() + i % 16 * 10000);
		arm_on_page(client, now() + 30000);
		wait_fired(client);
	}
	return NULL;
}

Test(timer_thread, no_arming_on_the_page_is_lost)
{
	pthread_t vcpu;

	create_anew(0, SPIN_NS, 100000);
	clients[0].shared = true;
	cr_assert_eq(pthread_create(&vcpu, NULL, guest, &clients[0]), 0);
	pthread_join(vcpu, NULL);
	cr_assert_eq(clients[0].fires, 300);
}

Test(timer_thread, no_arming_on_any_of_several_pages_is_lost)
{
	pthread_t vcpus[3];

	create_anew(0, SPIN_NS, 100000);
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
	wait_asleep();
	for (size_t i = 0; i < 3; i++)
		cr_assert_eq(clients[i].need_doorbell, 1, "page %zu is given up", i);
}

static void wait_looks(unsigned looks)
{
	while (clients[0].looks < looks)
		sched_yield();
}

Test(timer_thread, a_page_is_watched_after_a_fire)
{
	create_anew(0, SPIN_NS, HOUR);
	clients[0].shared = true;
	arm(&clients[0], now() + MS);
	wait_fired(&clients[0]);
	wait_looks(10);
	cr_assert_eq(clients[0].need_doorbell, 0);
	clients[0].page_deadline = now() + MS;
	clients[0].arm_seq++; /* and nobody rings */
	wait_fired(&clients[0]);
	cr_assert_eq(clients[0].fires, 2);
}

static void nothing(struct client *script)
{
	(void)script;
}

Test(timer_thread, a_page_is_given_up_later)
{
	clients[0].shared = true;
	arm(&clients[0], now() + MS);
	wait_fired(&clients[0]);
	wait_asleep();
	unsigned looks = clients[0].looks;

	cr_assert_geq(looks, 1, "once more, at the end");
	cr_assert_eq(clients[0].need_doorbell, 1);
	cr_assert_geq(clients[0].given_up_at - clients[0].fired_at, WATCH_NS);
	for (unsigned i = 0; i < 3; i++) {
		on_thread(nothing);
		wait_asleep();
	}
	cr_assert_eq(clients[0].looks, looks, "another's fire is no reason to look");
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
	wait_asleep();
	cr_assert_eq(clients[0].looks, 0);
}

/* ---- life ---- */

static void stop_for_good(void)
{
	unsigned fires = clients[1].fires;

	stop();
	stop();
	arm(&clients[1], 0);
	cr_assert_eq(clients[1].fires, fires);
}

Test(timer_thread, stops_while_it_sleeps_and_fires_no_more)
{
	arm(&clients[1], now() + HOUR);
	wait_asleep();
	stop_for_good();
	cr_assert_eq(clients[1].fires, 0);
}

/* The looks at the page are those of the spinning to the other client's deadline. */
Test(timer_thread, stops_while_it_spins_and_fires_no_more)
{
	create_anew(0, HOUR, HOUR);
	arm(&clients[1], now() + HOUR / 2);
	clients[0].shared = true;
	arm(&clients[0], 0);
	wait_looks(10);
	stop_for_good();
	cr_assert_eq(clients[1].fires, 0);
}

Test(timer_thread, other_policy_is_no_fifo)
{
	cr_assert_not(stop()->fifo);
	cr_assert_eq(timer_thread_stats(thread)->fifo_errno, 0, "it was not asked for");
}

Test(timer_thread, fifo_or_the_reason_why_not)
{
	create_anew(10, SPIN_NS, 0);
	arm(&clients[1], now() + MS);
	wait_fired(&clients[1]);
	const struct timer_thread_stats *stats = stop();

	cr_assert(stats->fifo != (stats->fifo_errno != 0));
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
