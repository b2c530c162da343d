/* SPDX-License-Identifier: BSD-2-Clause */
/* Signals that ask a command to stop: which is the first, which the same again, and which ends the
 * process. */
#include "../../src/cli/interrupts.h"

#include "tickvm/clock.h"
#include "tickvm/farewell.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#define SECOND 1000000000ULL

static volatile sig_atomic_t stops;

static void stop(void)
{
	stops++;
}

Test(interrupts, what_comes_within_a_second_is_the_same_request)
{
	const uint64_t first = 5 * SECOND;

	cr_expect_eq(interrupt_judge(0, first), INTERRUPT_STOP);
	cr_expect_eq(interrupt_judge(first, first), INTERRUPT_SAME);
	cr_expect_eq(interrupt_judge(first, first + SECOND - 1), INTERRUPT_SAME);
	cr_expect_eq(interrupt_judge(first, first + SECOND), INTERRUPT_DIE);
	cr_expect_eq(interrupt_judge(first, first + 3600 * SECOND), INTERRUPT_DIE);
}

Test(interrupts, all_three_are_alike_and_stop_once)
{
	static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
	sigset_t all, old;

	signal(SIGHUP, SIG_DFL);
	interrupts_catch(stop);
	/* At once, as far as the handler sees: pending, then let through. */
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &old);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		raise(numbers[i]);
	cr_expect_eq(stops, 0);
	sigprocmask(SIG_SETMASK, &old, NULL);
	cr_expect_eq(stops, 1);
}

/* nohup(1) */
Test(interrupts, a_hangup_that_is_ignored_stays_ignored)
{
	signal(SIGHUP, SIG_IGN);
	interrupts_catch(stop);
	raise(SIGHUP);
	cr_expect_eq(stops, 0);
	raise(SIGTERM);
	cr_expect_eq(stops, 1);
}

static void say(void *ctx)
{
	(void)!write(*(int *)ctx, "x", 1);
}

Test(interrupts, a_later_one_ends_the_process_after_its_farewells)
{
	int ends[2], status;
	char said = 0;

	cr_assert_eq(pipe(ends), 0);
	pid_t child = fork();

	if (child == 0) {
		struct farewell farewell = {.say = say, .ctx = &ends[1]};

		interrupts_catch(stop);
		farewell_promise(&farewell);
		raise(SIGINT);
		clock_sleep_until_ns(clock_monotonic_ns() + SECOND);
		raise(SIGTERM);
		_exit(0);
	}
	cr_assert_eq(waitpid(child, &status, 0), child);
	cr_expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM, "%x", status);
	cr_expect_eq(read(ends[0], &said, 1), 1);
	cr_expect_eq(said, 'x');
}
