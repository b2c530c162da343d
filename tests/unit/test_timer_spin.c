/* SPDX-License-Identifier: BSD-2-Clause */
/* The learner of the timer thread's spin, fed with sleeps as hosts end them.
 * Not tested here: which sleeps it is told of (timer_thread.c). */
#include "../../src/vmm/timer_spin.h"
#include "tickvm/vm.h"

#include <criterion/criterion.h>

static struct timer_spin spin;

static void learn(void)
{
	timer_spin_init(&spin, VM_AUTO);
}

TestSuite(timer_spin, .init = learn);

static void sleeps(unsigned n, uint64_t late_ns)
{
	while (n--)
		timer_spin_slept(&spin, late_ns);
}

Test(timer_spin, does_as_it_is_told)
{
	timer_spin_init(&spin, 7000);
	sleeps(300, 25000);
	timer_spin_spun(&spin);
	cr_expect_eq(spin.ns, 7000);
	timer_spin_init(&spin, 0);
	sleeps(300, 25000);
	timer_spin_spun(&spin);
	cr_expect_eq(spin.ns, 0);
}

Test(timer_spin, covers_twice_what_sleeps_are_late)
{
	sleeps(1, 3000);
	cr_expect_eq(spin.ns, 11000);
	sleeps(300, 3000);
	cr_expect_eq(spin.ns, 11000);
}

Test(timer_spin, is_bounded_on_a_host_that_wakes_late)
{
	sleeps(300, 25000);
	cr_expect_eq(spin.ns, 55000);
	sleeps(300, 5000000);
	cr_expect_eq(spin.ns, VM_TIMER_SPIN_AUTO_MAX_NS);
	sleeps(300, UINT64_MAX);
	cr_expect_eq(spin.ns, VM_TIMER_SPIN_AUTO_MAX_NS);
}

Test(timer_spin, rare_outliers_do_not_move_it)
{
	for (unsigned i = 0; i < 600; i++)
		sleeps(1, i % 20 == 0 ? 400000 : 3000);
	cr_expect_eq(spin.ns, 11000);
}

Test(timer_spin, follows_a_host_that_changed)
{
	sleeps(300, 20000);
	sleeps(300, 3000);
	cr_expect_eq(spin.ns, 11000);
}

/* Deadlines 30 us apart never leave room for a sleep while it spins 55. */
Test(timer_spin, looks_again_where_it_always_spins)
{
	unsigned spun = 0;

	sleeps(1, 25000);
	while (spin.ns >= 30000 && spun < 10000) {
		timer_spin_spun(&spin);
		spun++;
	}
	cr_expect(spun > 100 && spun < 1000, "%u", spun);
	sleeps(256, 3000);
	cr_expect_eq(spin.ns, 11000);
}
