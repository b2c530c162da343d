/* SPDX-License-Identifier: BSD-2-Clause */
/* The ring of processes: a switch a pass, everything as it was afterwards, and a process that
 * dies is an error and no hang. */
#include "../../src/bench/ctx/ctx.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

TestSuite(ctx_native, .timeout = 300);

static struct vm_config machine(void)
{
	struct vm_config config;

	vm_config_default(&config);
	config.vcpu_cpu[0] = -1; /* whichever CPU this runs on */
	return config;
}

Test(ctx_native, every_round_is_there_and_a_pass_is_a_switch)
{
	const struct ctx_ring ring = {
		.contexts = 4, .stride = 64, .max_bytes = 8192, .rounds = 20, .round_ns = 2000000};
	const struct vm_config config = machine();
	struct guest_ctx_round rounds[20 * 3];
	struct diag diag = {""};
	int policy = sched_getscheduler(0);
	cpu_set_t before, after;
	struct rusage usage;
	uint64_t turns = 0;

	cr_assert_eq(sched_getaffinity(0, sizeof(before), &before), 0);
	cr_assert_eq(ctx_native(&ring, &config, rounds, &diag), 0, "%s", diag.text);
	cr_assert_eq(getrusage(RUSAGE_SELF, &usage), 0);
	for (unsigned i = 0; i < sizeof(rounds) / sizeof(rounds[0]); i++) {
		cr_expect_eq(rounds[i].contexts, 4);
		cr_expect_eq(rounds[i].stride, 64);
		cr_expect_eq(rounds[i].bytes, ctx_set_bytes(i % 3));
		cr_expect_gt(rounds[i].switches, 0);
		cr_expect_eq(rounds[i].switches % 4, 0);
		cr_expect_gt(rounds[i].control_cycles, 0);
		cr_expect_gt(rounds[i].switch_cycles, 0);
		turns += rounds[i].switches / 4;
	}
	/* Once a turn at least this process gives way to another: all are on one CPU. */
	cr_expect_geq((uint64_t)(usage.ru_nvcsw + usage.ru_nivcsw), turns);
	cr_assert_eq(sched_getaffinity(0, sizeof(after), &after), 0);
	cr_expect(CPU_EQUAL(&before, &after));
	cr_expect_eq(sched_getscheduler(0), policy);
	cr_expect_eq(waitpid(-1, NULL, 0), -1);
	cr_expect_eq(errno, ECHILD, "a process was left behind");
}

/* Kills a child of the test's process that is not this one, once there is one. False: this kernel
 * does not list children (CONFIG_PROC_CHILDREN). */
static bool kill_a_sibling(void)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", getppid(), getppid());
	for (;;) {
		char line[256] = "";
		FILE *file = fopen(path, "r");

		if (file == NULL)
			return false;
		if (fgets(line, sizeof(line), file) == NULL)
			line[0] = '\0';
		fclose(file);
		char *end = line;
		long pid;

		while ((pid = strtol(end, &end, 10)) > 0) {
			if (pid != getpid())
				return kill((pid_t)pid, SIGKILL) == 0;
		}
		usleep(1000);
	}
}

Test(ctx_native, a_process_that_is_killed_is_an_error)
{
	/* Longer than the watchdog, if nobody were killed. */
	const struct ctx_ring ring = {
		.contexts = 8, .stride = 64, .max_bytes = 0, .rounds = 500, .round_ns = 1000000000};
	const struct vm_config config = machine();
	static struct guest_ctx_round rounds[500];
	struct diag diag = {""};
	int status;
	pid_t killer = fork();

	if (killer == 0)
		_exit(kill_a_sibling() ? 0 : 1);
	int err = ctx_native(&ring, &config, rounds, &diag);

	cr_assert_eq(waitpid(killer, &status, 0), killer);
	if (status != 0)
		cr_skip_test("this kernel has no /proc/PID/task/TID/children");
	cr_expect_eq(err, -EPIPE, "%d: %s", err, diag.text);
	cr_expect_str_eq(diag.text, "a process of the native ring died");
	cr_expect_eq(waitpid(-1, NULL, 0), -1);
	cr_expect_eq(errno, ECHILD, "a process was left behind");
}
