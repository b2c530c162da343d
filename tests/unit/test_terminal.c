/* SPDX-License-Identifier: BSD-2-Clause */
/* The serial line's host end on a pseudo-terminal, a pipe and a file: raw mode, escape, slow
 * guests, slow hosts. No device model and no VM takes part. */
#include "../../src/vmm/terminal.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

TestSuite(terminal, .timeout = 300);

/* What the guest side has seen; at_most: bytes it takes a time. */
struct guest {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	uint8_t got[4096];
	unsigned n, at_most;
	bool quit;
};

static struct guest guest = {
	.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER, .at_most = 4096};

static unsigned on_input(void *ctx, const uint8_t *bytes, unsigned n)
{
	struct guest *g = ctx;
	pthread_mutex_lock(&g->lock);
	unsigned taken = n < g->at_most ? n : g->at_most;
	memcpy(g->got + g->n, bytes, taken);
	g->n += taken;
	pthread_cond_broadcast(&g->changed);
	pthread_mutex_unlock(&g->lock);
	return taken;
}

static void on_quit(void *ctx)
{
	struct guest *g = ctx;
	pthread_mutex_lock(&g->lock);
	g->quit = true;
	pthread_cond_broadcast(&g->changed);
	pthread_mutex_unlock(&g->lock);
}

static void wait_for(unsigned n, bool quit)
{
	pthread_mutex_lock(&guest.lock);
	while (guest.n < n || guest.quit != quit)
		pthread_cond_wait(&guest.changed, &guest.lock);
	pthread_mutex_unlock(&guest.lock);
}

static struct terminal *open_terminal(enum serial_kind kind, const char *path)
{
	struct terminal *terminal;
	struct diag diag = {""};
	cr_assert_eq(terminal_create(&terminal, kind, path, on_input, &guest, on_quit, &diag), 0,
		"%s", diag.text);
	return terminal;
}

static void put_string(struct terminal *terminal, const char *text)
{
	struct byte_sink sink = terminal_sink(terminal);
	for (; *text != '\0'; text++)
		sink.put(sink.ctx, (uint8_t)*text);
}

/* Our standard input becomes a terminal of our own, in the foreground. Returns the user's end. */
static int on_a_terminal(void)
{
	int user = posix_openpt(O_RDWR | O_NOCTTY);
	cr_assert(user >= 0 && grantpt(user) == 0 && unlockpt(user) == 0);
	setsid();
	signal(SIGTTOU, SIG_IGN);
	int ours = open(ptsname(user), O_RDWR);
	cr_assert(ours >= 0);
	ioctl(ours, TIOCSCTTY, 0);
	tcsetpgrp(ours, getpgrp());
	cr_assert_eq(dup2(ours, STDIN_FILENO), STDIN_FILENO);
	return user;
}

static bool is_raw(void)
{
	struct termios modes;
	cr_assert_eq(tcgetattr(STDIN_FILENO, &modes), 0);
	return !(modes.c_lflag & (ICANON | ECHO | ISIG));
}

static void type(int user, const char *text)
{
	cr_assert_eq(write(user, text, strlen(text)), (ssize_t)strlen(text));
}

Test(terminal, raw_mode_comes_and_goes)
{
	on_a_terminal();
	cr_expect_not(is_raw());
	struct terminal *terminal = open_terminal(SERIAL_STDIO, NULL);
	cr_expect(is_raw());
	terminal_destroy(terminal);
	cr_expect_not(is_raw());
}

Test(terminal, escape_quits_and_doubled_is_itself)
{
	int user = on_a_terminal();
	struct terminal *terminal = open_terminal(SERIAL_STDIO, NULL);
	type(user, "a\x03\x01\x01z\x01q");
	wait_for(5, false);
	cr_expect_arr_eq(guest.got, "a\x03\x01zq", 5); /* Ctrl-C is the guest's */
	type(user, "\x01x");
	wait_for(5, true);
	terminal_destroy(terminal);
	cr_expect_eq(guest.n, 5);
}

Test(terminal, escape_reaches_us_past_a_guest_that_does_not_listen)
{
	int user = on_a_terminal();
	guest.at_most = 0;
	struct terminal *terminal = open_terminal(SERIAL_STDIO, NULL);
	for (int i = 0; i < 40; i++)
		type(user, "0123456789abcdef");
	type(user, "\x01x");
	wait_for(0, true);
	terminal_destroy(terminal);
}

Test(terminal, fatal_signal_restores_the_modes)
{
	on_a_terminal();
	pid_t child = fork();
	if (child == 0) {
		signal(SIGSEGV, SIG_DFL);
		struct terminal *terminal;
		struct diag diag;
		terminal_create(&terminal, SERIAL_STDIO, NULL, on_input, &guest, on_quit, &diag);
		if (!is_raw())
			_exit(1);
		raise(SIGSEGV);
		_exit(2);
	}
	int status;
	cr_assert_eq(waitpid(child, &status, 0), child);
	cr_expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV, "status %x", status);
	cr_expect_not(is_raw());
}

/* ---- job control: this process is the shell, its child has a guest on the terminal ---- */

/* A step that a condition ends; a hang is the test's timeout. */
static void wait_until_raw(bool raw)
{
	while (is_raw() != raw)
		usleep(1000);
}

/* Runs until 'q' is typed, as a job of its own in the foreground. */
static pid_t start_job(void)
{
	pid_t child = fork();
	if (child == 0) {
		setpgid(0, 0);
		signal(SIGTTOU, SIG_IGN);
		tcsetpgrp(STDIN_FILENO, getpid());
		signal(SIGTTOU, SIG_DFL);
		struct terminal *terminal;
		struct diag diag;
		if (terminal_create(
			    &terminal, SERIAL_STDIO, NULL, on_input, &guest, on_quit, &diag) < 0)
			_exit(1);
		pthread_mutex_lock(&guest.lock);
		while (guest.n == 0 || guest.got[guest.n - 1] != 'q')
			pthread_cond_wait(&guest.changed, &guest.lock);
		pthread_mutex_unlock(&guest.lock);
		terminal_destroy(terminal);
		_exit(is_raw() ? 2 : (int)guest.n);
	}
	wait_until_raw(true);
	return child;
}

static void wait_until_stopped(pid_t child)
{
	int status;
	cr_assert_eq(waitpid(child, &status, WUNTRACED), child);
	cr_assert(WIFSTOPPED(status), "status %x", status);
}

static void to_foreground(pid_t group)
{
	cr_assert_eq(tcsetpgrp(STDIN_FILENO, group), 0);
}

static void ends_after(pid_t child, int user, const char *typed, int bytes)
{
	int status;
	type(user, typed);
	cr_assert_eq(waitpid(child, &status, 0), child);
	cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == bytes, "status %x", status);
	cr_expect_not(is_raw());
}

Test(terminal, stopped_it_is_cooked_and_in_the_foreground_raw_again, .timeout = 300)
{
	int user = on_a_terminal();
	pid_t child = start_job();
	for (int i = 0; i < 3; i++) {
		cr_assert_eq(kill(child, SIGTSTP), 0);
		wait_until_stopped(child);
		cr_expect_not(is_raw());
		to_foreground(getpgrp());
		to_foreground(child);
		cr_assert_eq(kill(child, SIGCONT), 0);
		wait_until_raw(true);
	}
	ends_after(child, user, "xq", 2);
}

/* SIGSTOP cannot be caught: the shell makes the terminal its own, and gets it back. */
Test(terminal, stopped_unawares_it_is_raw_again_too, .timeout = 300)
{
	struct termios modes;
	int user = on_a_terminal();
	cr_assert_eq(tcgetattr(STDIN_FILENO, &modes), 0);
	pid_t child = start_job();
	cr_assert_eq(kill(child, SIGSTOP), 0);
	wait_until_stopped(child);
	to_foreground(getpgrp());
	cr_assert_eq(tcsetattr(STDIN_FILENO, TCSANOW, &modes), 0);
	to_foreground(child);
	cr_assert_eq(kill(child, SIGCONT), 0);
	wait_until_raw(true);
	ends_after(child, user, "q", 1);
}

/* What fg sends to a job that runs already is nothing. */
Test(terminal, in_the_background_it_leaves_the_terminal_alone, .timeout = 300)
{
	int user = on_a_terminal(), status;
	pid_t child = start_job();
	cr_assert_eq(kill(child, SIGTSTP), 0);
	wait_until_stopped(child);
	to_foreground(getpgrp());
	cr_assert_eq(kill(child, SIGCONT), 0);
	cr_assert_eq(waitpid(child, &status, WCONTINUED), child);
	cr_expect_not(is_raw());
	char line[8] = "";
	type(user, "ls\n");
	cr_expect_eq(read(STDIN_FILENO, line, sizeof(line)), 3, "the shell's own input");
	cr_expect_not(is_raw());
	to_foreground(child);
	wait_until_raw(true);
	ends_after(child, user, "q", 1);
}

Test(terminal, a_job_that_is_ended_while_stopped_leaves_the_modes, .timeout = 300)
{
	on_a_terminal();
	pid_t child = start_job();
	int status;
	cr_assert_eq(kill(child, SIGTSTP), 0);
	wait_until_stopped(child);
	to_foreground(getpgrp());
	kill(child, SIGTERM);
	kill(child, SIGCONT);
	cr_assert_eq(waitpid(child, &status, 0), child);
	cr_expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM, "status %x", status);
	cr_expect_not(is_raw());
}

Test(terminal, a_pipe_is_passed_on_whole_and_unchanged)
{
	int ends[2];
	char sent[1000];
	cr_assert_eq(pipe(ends), 0);
	cr_assert_eq(dup2(ends[0], STDIN_FILENO), STDIN_FILENO);
	for (unsigned i = 0; i < sizeof(sent); i++)
		sent[i] = "\x01xyz"[i % 4];
	cr_assert_eq(write(ends[1], sent, sizeof(sent)), (ssize_t)sizeof(sent));
	close(ends[1]);
	guest.at_most = 16; /* a 16550A's FIFO */
	struct terminal *terminal = open_terminal(SERIAL_STDIO, NULL);
	wait_for(sizeof(sent), false);
	terminal_destroy(terminal);
	cr_expect_arr_eq(guest.got, sent, sizeof(sent));
}

static char directory[] = "/tmp/tickvm-terminal-XXXXXX";

static const char *in_directory(const char *name)
{
	static char path[64];
	cr_assert_not_null(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/%s", directory, name);
	return path;
}

static void remove_directory(const char *path)
{
	unlink(path);
	rmdir(directory);
}

Test(terminal, file_holds_everything_after_destroy)
{
	const char *path = in_directory("out");
	char got[64] = "";
	struct terminal *terminal = open_terminal(SERIAL_FILE, path);
	put_string(terminal, "hello\r\nworld\r\n");
	terminal_destroy(terminal);
	FILE *file = fopen(path, "r");
	cr_assert_not_null(file);
	cr_expect_eq(fread(got, 1, sizeof(got), file), 14);
	fclose(file);
	cr_expect_str_eq(got, "hello\r\nworld\r\n");
	remove_directory(path);
}

Test(terminal, file_that_cannot_be_created)
{
	struct terminal *terminal;
	struct diag diag = {""};
	int err = terminal_create(
		&terminal, SERIAL_FILE, "/nonexistent/out", on_input, &guest, on_quit, &diag);
	cr_expect_lt(err, 0);
	cr_expect_str_eq(diag.text, "--serial file:/nonexistent/out: cannot create it: No such "
				    "file or directory");
}

Test(terminal, null_takes_everything)
{
	struct terminal *terminal = open_terminal(SERIAL_NULL, NULL);
	put_string(terminal, "hello");
	terminal_destroy(terminal);
	terminal_destroy(NULL);
}

/* Nobody reads: put() must return all the same, and destroy must end. */
Test(terminal, a_host_that_does_not_read_costs_bytes_and_no_time)
{
	const char *path = in_directory("fifo");
	cr_assert_eq(mkfifo(path, 0600), 0);
	int reader = open(path, O_RDONLY | O_NONBLOCK);
	cr_assert(reader >= 0);
	int err[2];
	cr_assert_eq(pipe(err), 0);
	cr_assert_eq(dup2(err[1], STDERR_FILENO), STDERR_FILENO);

	struct terminal *terminal = open_terminal(SERIAL_FILE, path);
	struct byte_sink sink = terminal_sink(terminal);
	unsigned sent = TERMINAL_QUEUE + (1u << 18), got = 0;
	for (unsigned i = 0; i < sent; i++)
		sink.put(sink.ctx, (uint8_t)(i % 251));
	terminal_destroy(terminal);

	uint8_t byte;
	for (; read(reader, &byte, 1) == 1; got++)
		cr_assert_eq(byte, got % 251, "byte %u: what is there is the beginning", got);
	char said[256] = "";
	unsigned lost = 0;
	cr_assert(read(err[0], said, sizeof(said) - 1) > 0);
	cr_expect_eq(sscanf(said, "tickvm: %u bytes", &lost), 1, "%s", said);
	cr_expect_eq(got + lost, sent, "%u arrived, %u lost", got, lost);
	close(reader);
	remove_directory(path);
}

Test(terminal, a_reader_that_went_away_ends_the_run)
{
	int ends[2];
	cr_assert_eq(pipe(ends), 0);
	cr_assert_eq(dup2(ends[1], STDOUT_FILENO), STDOUT_FILENO);
	close(ends[0]);
	close(ends[1]);
	cr_assert_eq(dup2(open("/dev/null", O_RDWR), STDERR_FILENO), STDERR_FILENO);
	struct terminal *terminal = open_terminal(SERIAL_STDIO, NULL);
	put_string(terminal, "x");
	wait_for(0, true);
	terminal_destroy(terminal);
}
