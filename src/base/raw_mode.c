/* SPDX-License-Identifier: BSD-2-Clause */
/* Raw mode of the terminal: entered and left in order, left by a fatal signal, left and entered
 * again by job control. All handlers run on the main thread, one at a time. */
#include "raw_mode.h"

#include "tickvm/farewell.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <termios.h>
#include <unistd.h>

static struct termios cooked, raw;
static volatile sig_atomic_t ours; /* raw mode is wanted; a stopped process may not have it */
static int away_fd = -1;

static void set_modes(const struct termios *modes)
{
	while (tcsetattr(STDIN_FILENO, TCSANOW, modes) < 0 && errno == EINTR)
		;
}

bool raw_mode_in_foreground(void)
{
	return tcgetpgrp(STDIN_FILENO) == getpgrp();
}

int raw_mode_away_fd(void)
{
	return away_fd;
}

/* ---- stopped and continued ---- */

static void resume(void)
{
	uint64_t once = 1;

	if (!ours)
		return;
	if (raw_mode_in_foreground())
		set_modes(&raw);
	else if (write(away_fd, &once, sizeof(once)) < 0)
		return; /* it is readable already */
}

static void on_continue(int signal_number)
{
	int error = errno;

	(void)signal_number;
	resume();
	errno = error;
}

/* Stops as if there were no handler. In an orphaned process group nothing stops: there the signal
 * is over when it has been raised. */
static void on_stop(int signal_number)
{
	struct sigaction standard = {.sa_handler = SIG_DFL}, mine;
	sigset_t only;
	int error = errno;

	if (raw_mode_in_foreground())
		set_modes(&cooked);
	sigaction(signal_number, &standard, &mine);
	sigemptyset(&only);
	sigaddset(&only, signal_number);
	raise(signal_number);
	sigprocmask(SIG_UNBLOCK, &only, NULL);
	sigprocmask(SIG_BLOCK, &only, NULL);
	sigaction(signal_number, &mine, NULL);
	resume();
	errno = error;
}

void raw_mode_returned(void)
{
	kill(getpid(), SIGCONT); /* the handler asks where it is, on the main thread */
}

static const struct {
	int number;
	void (*handler)(int);
} job_control[] = {{SIGTSTP, on_stop}, {SIGCONT, on_continue}};

/* A shell without job control has its children ignore SIGTSTP: that stays. */
static void follow_job_control(bool follow)
{
	for (size_t i = 0; i < sizeof(job_control) / sizeof(job_control[0]); i++) {
		void (*handler)(int) = job_control[i].handler;
		struct sigaction now, action = {.sa_handler = follow ? handler : SIG_DFL};

		action.sa_flags = SA_RESTART;
		sigfillset(&action.sa_mask);
		if (sigaction(job_control[i].number, NULL, &now) == 0 &&
			now.sa_handler == (follow ? SIG_DFL : handler))
			sigaction(job_control[i].number, &action, NULL);
	}
}

/* ---- life ---- */

static void restore(void *ctx)
{
	(void)ctx;
	if (ours && raw_mode_in_foreground())
		set_modes(&cooked);
}

static struct farewell farewell = {.say = restore};

void raw_mode_restore(void)
{
	if (ours)
		set_modes(&cooked);
}

void raw_mode_leave(void)
{
	if (!ours)
		return;
	restore(NULL);
	ours = 0;
	follow_job_control(false);
	farewell_take_back(&farewell);
	close(away_fd);
	away_fd = -1;
}

bool raw_mode_enter(void)
{
	static bool at_exit;

	if (ours || !isatty(STDIN_FILENO) || !raw_mode_in_foreground() ||
		tcgetattr(STDIN_FILENO, &cooked) != 0)
		return false;
	away_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (away_fd < 0)
		return false;
	if (!at_exit)
		at_exit = atexit(raw_mode_leave) == 0;
	raw = cooked;
	cfmakeraw(&raw);
	raw.c_oflag |= OPOST; /* newlines stay readable, ours and the guest's */
	ours = farewell_promise(&farewell);
	follow_job_control(ours);
	if (ours && tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0)
		return true;
	raw_mode_leave();
	return false;
}
