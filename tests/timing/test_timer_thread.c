/* SPDX-License-Identifier: BSD-2-Clause */
/* How late the timer thread is, how long it stays awake, and what a fire costs it. The limits are
 * tens of times what a host at rest shows: a wake-up that is missed, not a slow host, breaks them.
 */
#include "../unit/timer_rig.h"

#include "tickvm/bare.h"

TestSuite(timer_thread, .init = setup, .fini = teardown, .timeout = 300);

static int by_size(const void *a, const void *b)
{
	const nsec_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

Test(timer_thread, half_of_all_fires_are_less_than_a_millisecond_late)
{
	enum { FIRES = 101 };
	nsec_t late[FIRES];

	for (size_t i = 0; i < FIRES; i++) {
		arm(&clients[1], now() + 2 * MS);
		wait_fired(&clients[1]);
		late[i] = clients[1].fired_at - clients[1].target;
	}
	qsort(late, FIRES, sizeof(late[0]), by_size);
	cr_expect_lt(late[FIRES / 2], MS, "%lu ns", late[FIRES / 2]);
}

Test(timer_thread, a_page_is_given_up_in_time)
{
	clients[0].shared = true;
	arm(&clients[0], now() + MS);
	wait_fired(&clients[0]);
	wait_asleep();
	nsec_t watched_ns = clients[0].given_up_at - clients[0].fired_at;

	cr_expect_lt(watched_ns, 10 * WATCH_NS, "%lu ns", watched_ns);
	cr_expect_gt(clients[0].looks, 100, "%u in %lu ns", clients[0].looks, watched_ns);
}

Test(timer_thread, a_fire_and_two_armings_take_less_than_a_millisecond)
{
	static const unsigned armed[] = {1, 2, 3, 100, 1000};
	struct diag diag = {""};

	for (size_t i = 0; i < sizeof(armed) / sizeof(armed[0]); i++) {
		uint64_t ticks = 0;

		cr_assert_eq(
			vm_bare_timer(armed[i], -1, 0, 200, 5, &ticks, &diag), 0, "%s", diag.text);
		cr_expect_lt(clock_ticks_to_ns(ticks), MS, "%u timers", armed[i]);
	}
}
