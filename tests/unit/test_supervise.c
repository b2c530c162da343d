/* SPDX-License-Identifier: BSD-2-Clause */
/* The parent of a command that works on a disk. Each test forks the process that would have been
 * tickvm, which is supervised there; what the kernel cannot end is a process that hangs on a frozen
 * file system, where the test may freeze one. */
#include "../../src/cli/supervise.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

TestSuite(supervise, .timeout = 60);

static int said[2]; /* a pipe from the command to the test */

static void say(char byte)
{
	(void)!write(said[1], &byte, 1);
}

static char hear(void)
{
	char byte = 0;

	cr_assert_eq(read(said[0], &byte, 1), 1);
	return byte;
}

/* Runs command() in a supervised process; returns the supervisor. */
static pid_t start(void (*command)(void))
{
	cr_assert_eq(pipe2(said, O_CLOEXEC), 0);
	pid_t supervisor = fork();

	if (supervisor == 0) {
		setpgid(0, 0); /* nothing stops in an orphaned process group */
		signal(SIGTERM, SIG_DFL);
		signal(SIGHUP, SIG_DFL);
		supervise();
		command();
		_exit(99);
	}
	return supervisor;
}

static int status_of(pid_t supervisor)
{
	int status;

	cr_assert_eq(waitpid(supervisor, &status, 0), supervisor);
	return status;
}

static void ends_well(void)
{
	exit(supervise_end(42));
}

Test(supervise, ends_as_the_command_does)
{
	int status = status_of(start(ends_well));

	cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 42, "%x", status);
}

/* A sanitizer's finding, for one, comes after what was told. */
static void ends_otherwise(void)
{
	supervise_end(0);
	_exit(23);
}

Test(supervise, how_it_ended_counts_more_than_what_it_told)
{
	int status = status_of(start(ends_otherwise));

	cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 23, "%x", status);
}

static void crashes(void)
{
	signal(SIGSEGV, SIG_DFL);
	raise(SIGSEGV);
}

Test(supervise, dies_as_the_command_does)
{
	int status = status_of(start(crashes));

	cr_expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV, "%x", status);
}

/* What has told its status and does not end for a thread in the kernel. */
static void hangs_at_its_end(void)
{
	supervise_end(7);
	for (;;)
		pause();
}

Test(supervise, does_not_wait_for_an_end_that_does_not_come)
{
	int status = status_of(start(hangs_at_its_end));

	cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 7, "%x", status);
}

static volatile sig_atomic_t got;

static void on_signal(int signal_number)
{
	got = signal_number;
}

static void waits_for_a_signal(void)
{
	sigset_t all, none;

	sigfillset(&all);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &all, NULL);
	signal(SIGTERM, on_signal);
	signal(SIGHUP, on_signal);
	say('r');
	while (!got)
		sigsuspend(&none);
	exit(supervise_end(got));
}

Test(supervise, passes_signals_on)
{
	pid_t supervisor = start(waits_for_a_signal);

	hear();
	kill(supervisor, SIGTERM);
	int status = status_of(supervisor);

	cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == SIGTERM, "%x", status);
	supervisor = start(waits_for_a_signal);
	hear();
	kill(supervisor, SIGHUP);
	status = status_of(supervisor);
	cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == SIGHUP, "%x", status);
}

static void takes_no_notice(void)
{
	signal(SIGTERM, SIG_IGN);
	say('r');
	for (;;)
		pause();
}

/* The second signal is a second later, as interrupt_judge() has it. */
Test(supervise, a_second_signal_is_the_last)
{
	pid_t supervisor = start(takes_no_notice);

	hear();
	kill(supervisor, SIGTERM);
	sleep(2);
	kill(supervisor, SIGTERM);
	int status = status_of(supervisor);

	cr_expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM, "%x", status);
}

static void tells_its_process(void)
{
	pid_t self = getpid();

	(void)!write(said[1], &self, sizeof(self));
	for (;;)
		pause();
}

/* Whoever kills what they started must not leave a guest running. */
Test(supervise, the_command_does_not_outlive_it)
{
	pid_t command, supervisor;

	cr_assert_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	supervisor = start(tells_its_process);
	cr_assert_eq(read(said[0], &command, sizeof(command)), sizeof(command));
	kill(supervisor, SIGKILL);
	cr_expect(WIFSIGNALED(status_of(supervisor)));
	int status = status_of(command);

	cr_expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "%x", status);
}

Test(supervise, stops_and_goes_on_with_the_command)
{
	pid_t command, supervisor = start(tells_its_process);
	int status;

	cr_assert_eq(read(said[0], &command, sizeof(command)), sizeof(command));
	kill(supervisor, SIGTSTP);
	cr_assert_eq(waitpid(supervisor, &status, WUNTRACED), supervisor);
	cr_expect(WIFSTOPPED(status), "%x", status);
	kill(supervisor, SIGCONT);
	cr_assert_eq(waitpid(supervisor, &status, WCONTINUED), supervisor);
	kill(supervisor, SIGTERM);
	status = status_of(supervisor);
	cr_expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM, "%x", status);
}

/* ---- a thread that nothing ends ---- */

static void *write_to_frozen(void *arg)
{
	int fd = open(arg, O_RDWR | O_CLOEXEC);

	say('r');
	(void)!pwrite(fd, "x", 1, 0);
	return NULL;
}

static char frozen[64]; /* a file */

static void hangs_in_the_kernel(void)
{
	pthread_t thread;

	pthread_create(&thread, NULL, write_to_frozen, frozen);
	pthread_join(thread, NULL);
}

static bool shell(const char *line)
{
	return system(line) == 0;
}

static void remove_file_system(void)
{
	shell("umount $DIR/m 2>/dev/null; rm -rf $DIR");
}

static void freeze_a_file_system(void)
{
	char directory[] = "/tmp/tickvm-frozen-XXXXXX";

	cr_assert_not_null(mkdtemp(directory));
	cr_assert_eq(setenv("DIR", directory, 1), 0);
	snprintf(frozen, sizeof(frozen), "%s/m/file", directory);
	if (shell("exec 2>/dev/null; cd $DIR && truncate -s 16M i && mkfs.ext4 -q -F i && "
		  "mkdir m && mount -o loop i m && echo data >m/file && fsfreeze -f m"))
		return;
	remove_file_system();
	cr_skip_test("needs root and a loop device, to freeze a file system");
}

Test(supervise, a_process_that_cannot_end_is_left)
{
	freeze_a_file_system();
	pid_t supervisor = start(hangs_in_the_kernel);

	hear();
	kill(supervisor, SIGTERM);
	sleep(2);
	kill(supervisor, SIGTERM);
	int status = status_of(supervisor);

	cr_expect(shell("fsfreeze -u $DIR/m"));
	cr_expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM, "%x", status);
	while (!shell("umount $DIR/m 2>/dev/null")) /* until the thread has come back */
		usleep(10000);
	remove_file_system();
}
