/* SPDX-License-Identifier: BSD-2-Clause */
/* The parent of a command that works on a disk: passes signals on, and ends as it does, or without
 * it. */
#include "supervise.h"

#include "interrupts.h"

#include "tickvm/clock.h"
#include "tickvm/vm.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#define NSEC_PER_SEC 1000000000ULL
#define NOT_TOLD     (-1)
#define TOLD_NS      (5 * NSEC_PER_SEC) /* for a process to end when it has nothing more to do */

/* What the child says when it has nothing more to do. */
struct last_words {
	int status;
	bool hangs; /* a thread in the kernel: it will not end */
};

struct ward {
	pid_t child;
	int signals;   /* a signalfd */
	int status_fd; /* where the child tells the status that it is about to end with */
	int told;      /* that, or NOT_TOLD */
	int asked;     /* the last signal that asked it to end; 0: none */
	enum { RUNNING, ASKED_AGAIN, KILLED } stage;
	uint64_t first_ns;   /* of the first such signal */
	uint64_t give_up_ns; /* what is waited for is not waited for beyond */
	bool has_terminal;
	struct termios modes;
};

static int to_parent = -1; /* the child's end of status_fd */

/* ---- the end ---- */

/* As the child did, but for its core dump. */
_Noreturn static void die_by(int signal_number)
{
	const struct rlimit none = {0, 0};
	sigset_t only;

	setrlimit(RLIMIT_CORE, &none);
	signal(signal_number, SIG_DFL);
	sigemptyset(&only);
	sigaddset(&only, signal_number);
	sigprocmask(SIG_UNBLOCK, &only, NULL);
	raise(signal_number);
	_exit(128 + signal_number);
}

/* A child that was killed could not do it. */
static void restore_terminal(const struct ward *ward)
{
	if (ward->has_terminal && tcgetpgrp(STDIN_FILENO) == getpgrp())
		tcsetattr(STDIN_FILENO, TCSANOW, &ward->modes);
}

static void look_after_child(const struct ward *ward)
{
	int status;

	if (waitpid(ward->child, &status, WNOHANG | WUNTRACED) <= 0)
		return;
	if (WIFSTOPPED(status)) {
		raise(SIGSTOP); /* a shell that waits for this process sees it stop */
		return;
	}
	if (WIFEXITED(status))
		_exit(WEXITSTATUS(status));
	restore_terminal(ward);
	die_by(ward->stage == KILLED ? ward->asked : WTERMSIG(status));
}

/* Asked again it ends at once, but puts right what it can; each step has its second. */
static void go_further(struct ward *ward)
{
	if (ward->told != NOT_TOLD)
		_exit(ward->told);
	ward->give_up_ns = clock_monotonic_ns() + NSEC_PER_SEC;
	switch (ward->stage) {
	case RUNNING:
		kill(ward->child, ward->asked);
		ward->stage = ASKED_AGAIN;
		break;
	case ASKED_AGAIN:
		fprintf(stderr, "tickvm: killed: it had not ended when it was asked to\n");
		kill(ward->child, SIGKILL);
		ward->stage = KILLED;
		break;
	case KILLED:
		restore_terminal(ward);
		die_by(ward->asked);
	}
}

/* ---- waiting ---- */

static void ask_to_end(struct ward *ward, int signal_number, uint64_t now)
{
	enum interrupt what = interrupt_judge(ward->first_ns, now);

	ward->asked = signal_number;
	if (what == INTERRUPT_STOP) {
		ward->first_ns = now;
		ward->give_up_ns = now + SUPERVISE_SECONDS * NSEC_PER_SEC;
	} else if (what == INTERRUPT_DIE && ward->stage == RUNNING) {
		ward->stage = ASKED_AGAIN;
		ward->give_up_ns = now + NSEC_PER_SEC;
	}
}

/* One that the terminal sent to all, and one that this process is sent, arrive as one. */
static void pass_on(struct ward *ward, int signal_number)
{
	switch (signal_number) {
	case SIGCHLD:
		return;
	case SIGINT:
	case SIGTERM:
	case SIGHUP:
		ask_to_end(ward, signal_number, clock_monotonic_ns());
		break;
	default:
		break;
	}
	kill(ward->child, signal_number);
}

static void listen_to(struct ward *ward)
{
	/* Without a word it died on its way: how, waitpid() says. */
	struct last_words words = {.status = 128};

	(void)!read(ward->status_fd, &words, sizeof(words));
	ward->told = words.status;
	ward->give_up_ns = words.hangs ? 0 : clock_monotonic_ns() + TOLD_NS;
}

static int milliseconds_left(const struct ward *ward, uint64_t now)
{
	if (ward->give_up_ns == UINT64_MAX)
		return -1;
	return now >= ward->give_up_ns ? 0 : (int)((ward->give_up_ns - now) / 1000000) + 1;
}

_Noreturn static void watch(struct ward *ward)
{
	struct signalfd_siginfo signal;

	for (;;) {
		struct pollfd fds[] = {{.fd = ward->signals, .events = POLLIN},
			{.fd = ward->told == NOT_TOLD ? ward->status_fd : -1, .events = POLLIN}};
		int ready = poll(fds, 2, milliseconds_left(ward, clock_monotonic_ns()));

		if (ready > 0 && fds[0].revents &&
			read(ward->signals, &signal, sizeof(signal)) == sizeof(signal))
			pass_on(ward, (int)signal.ssi_signo);
		if (ready > 0 && fds[1].revents)
			listen_to(ward);
		look_after_child(ward);
		if (clock_monotonic_ns() >= ward->give_up_ns)
			go_further(ward);
	}
}

/* ---- the beginning ---- */

static void fill_with_what_is_passed_on(sigset_t *set)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGCONT, SIGUSR1,
		SIGUSR2, SIGALRM, SIGCHLD};
	struct sigaction now;

	sigemptyset(set);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		if (sigaction(signals[i], NULL, &now) == 0 && now.sa_handler != SIG_IGN)
			sigaddset(set, signals[i]);
	sigaddset(set, SIGCHLD);
}

static void be_child(const int *fds, const sigset_t *before, pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(128 + SIGKILL);
	close(fds[0]);
	to_parent = fds[1];
	sigprocmask(SIG_SETMASK, before, NULL);
}

void supervise(void)
{
	struct ward ward = {.told = NOT_TOLD, .give_up_ns = UINT64_MAX};
	sigset_t passed_on, before;
	pid_t parent = getpid();
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return;
	signal(SIGCHLD, SIG_DFL); /* a child of one that ignores it cannot be waited for */
	fill_with_what_is_passed_on(&passed_on);
	sigprocmask(SIG_BLOCK, &passed_on, &before);
	ward.signals = signalfd(-1, &passed_on, SFD_CLOEXEC);
	ward.status_fd = fds[0];
	ward.has_terminal = tcgetattr(STDIN_FILENO, &ward.modes) == 0;
	fflush(NULL);
	ward.child = ward.signals < 0 ? -1 : fork();
	if (ward.child > 0) {
		close(fds[1]);
		watch(&ward);
	}
	if (ward.signals >= 0)
		close(ward.signals);
	if (ward.child == 0) {
		be_child(fds, &before, parent);
		return;
	}
	close(fds[0]);
	close(fds[1]);
	sigprocmask(SIG_SETMASK, &before, NULL);
}

/* "disk" or "io" in a word, or a word of a line. */
static bool names_disk(const char *words)
{
	while (*words != '\0') {
		size_t length = strcspn(words, " \t\n=,");

		if ((length == 2 && memcmp(words, "io", 2) == 0) ||
			(length >= 4 && memcmp(words + length - 4, "disk", 4) == 0))
			return true;
		words += length + (words[length] != '\0');
	}
	return false;
}

void supervise_disks(const struct options *options, int argc, char **argv)
{
	bool disk = options->machine.disk_path != NULL ||
		    (options->tune.load != NULL && names_disk(options->tune.load));

	for (int i = 0; i < argc && !disk; i++)
		disk = names_disk(argv[i]);
	if (disk)
		supervise();
}

int supervise_end(int status)
{
	struct last_words words = {.status = status, .hangs = vm_left_threads()};

	if (to_parent < 0)
		return status;
	fflush(NULL);
	/* Who reads them is not to wait for a thread that hangs. */
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO && words.hangs; fd++)
		close(fd);
	while (write(to_parent, &words, sizeof(words)) < 0 && errno == EINTR)
		;
	return status;
}
