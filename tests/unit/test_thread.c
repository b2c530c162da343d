/* SPDX-License-Identifier: BSD-2-Clause */
/* Which signals a thread of the monitor's takes, and threads that wait for their job. */
#include "../../src/vmm/thread.h"

#include <criterion/criterion.h>
#include <sched.h>
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

/* ---- threads that wait ---- */

static void *read_cpus(void *cpus)
{
	sched_getaffinity(0, sizeof(cpu_set_t), cpus);
	return NULL;
}

static cpu_set_t cpus_of(unsigned vcpu, const pthread_attr_t *attr)
{
	cpu_set_t cpus;
	const struct thread_job job = {SANDBOX_VCPU, vcpu, read_cpus, &cpus};
	pthread_t thread;

	cr_assert_eq(thread_create(&thread, attr, &job), 0);
	cr_assert_eq(pthread_join(thread, NULL), 0);
	return cpus;
}

static cpu_set_t first_of(const cpu_set_t *all)
{
	cpu_set_t one;
	size_t cpu = 0;

	while (!CPU_ISSET(cpu, all))
		cpu++;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	return one;
}

/* A thread has its maker's CPUs: those of before, if it has waited. */
Test(thread, those_of_vcpus_wait_for_a_first_job)
{
	pthread_attr_t attr;
	cpu_set_t all, one, cpus;

	cr_assert_eq(sched_getaffinity(0, sizeof(all), &all), 0);
	if (CPU_COUNT(&all) < 2)
		cr_skip_test("one CPU: threads cannot be told apart by theirs");
	one = first_of(&all);
	pthread_attr_init(&attr);
	cr_assert_eq(sched_setaffinity(0, sizeof(one), &one), 0);
	cr_assert_eq(thread_park_vcpus(2), 0);
	cr_assert_eq(sched_setaffinity(0, sizeof(all), &all), 0);
	cpus = cpus_of(0, &attr);
	cr_expect(CPU_EQUAL(&cpus, &one), "waited, and was told no CPU");
	cpus = cpus_of(0, &attr);
	cr_expect(CPU_EQUAL(&cpus, &all), "the second of its number");
	cpus = cpus_of(2, NULL);
	cr_expect(CPU_EQUAL(&cpus, &all), "none waited");
	pthread_attr_setaffinity_np(&attr, sizeof(all), &all);
	cpus = cpus_of(1, &attr);
	cr_expect(CPU_EQUAL(&cpus, &all), "waited, and was told");
	pthread_attr_destroy(&attr);
}
