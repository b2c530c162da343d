/* SPDX-License-Identifier: BSD-2-Clause */
/* Which signals a thread of the monitor's takes. */
#include "../../src/vmm/thread.h"

#include <criterion/criterion.h>
#include <signal.h>

static void *read_mask(void *mask)
{
	pthread_sigmask(SIG_SETMASK, NULL, mask);
	return NULL;
}

Test(thread, takes_its_own_faults_and_nothing_else)
{
	static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS};
	static const int others[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGPIPE, SIGALRM, SIGCHLD};
	sigset_t mask, before, after;
	const struct thread_job job = {SANDBOX_OUTPUT, 0, read_mask, &mask};
	pthread_t thread;

	pthread_sigmask(SIG_SETMASK, NULL, &before);
	cr_assert_eq(thread_start(&thread, -1, &job), 0);
	cr_assert_eq(pthread_join(thread, NULL), 0);
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		cr_expect_not(sigismember(&mask, faults[i]), "signal %d", faults[i]);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		cr_expect(sigismember(&mask, others[i]), "signal %d", others[i]);
	pthread_sigmask(SIG_SETMASK, NULL, &after);
	for (int i = 1; i < SIGRTMIN; i++)
		cr_expect_eq(sigismember(&after, i), sigismember(&before, i), "signal %d", i);
}
