/* SPDX-License-Identifier: BSD-2-Clause */
/* Promises for the end by a signal, and the handlers that keep them. */
#include "tickvm/farewell.h"

#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <unistd.h>

#define PROMISES 16 /* a terminal, and the files that are open at once */

static struct farewell *_Atomic promises[PROMISES];
static unsigned promised;
static _Atomic pid_t owner; /* a child of fork() has what its parent promised to put right */

static const int deadly[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGPIPE, SIGALRM, SIGXCPU, SIGABRT,
	SIGSEGV, SIGBUS, SIGFPE, SIGILL};
#define DEADLY (sizeof(deadly) / sizeof(deadly[0]))

void farewell_die(int signal_number)
{
	struct sigaction standard = {.sa_handler = SIG_DFL};
	sigset_t only;

	for (size_t i = 0; i < PROMISES && atomic_load(&owner) == getpid(); i++) {
		struct farewell *farewell = atomic_exchange(&promises[i], NULL);

		if (farewell)
			farewell->say(farewell->ctx);
	}
	sigaction(signal_number, &standard, NULL);
	sigemptyset(&only);
	sigaddset(&only, signal_number);
	sigprocmask(SIG_UNBLOCK, &only, NULL);
	raise(signal_number);
	_exit(128 + signal_number);
}

/* Only signals nobody else handles: the launcher's own handlers end what runs in order. */
static void guard(void (*from)(int), void (*to)(int))
{
	struct sigaction action = {.sa_handler = to}, now;

	sigfillset(&action.sa_mask);
	for (size_t i = 0; i < DEADLY; i++)
		if (sigaction(deadly[i], NULL, &now) == 0 && now.sa_handler == from)
			sigaction(deadly[i], &action, NULL);
}

static void die(int signal_number)
{
	farewell_die(signal_number);
}

bool farewell_promise(struct farewell *farewell)
{
	struct farewell *none = NULL;
	size_t i = 0;

	while (i < PROMISES && !atomic_compare_exchange_strong(&promises[i], &none, farewell)) {
		none = NULL;
		i++;
	}
	if (i == PROMISES)
		return false;
	atomic_store(&owner, getpid());
	if (promised++ == 0)
		guard(SIG_DFL, die);
	return true;
}

void farewell_take_back(struct farewell *farewell)
{
	for (size_t i = 0; i < PROMISES; i++) {
		struct farewell *mine = farewell;

		if (!atomic_compare_exchange_strong(&promises[i], &mine, NULL))
			continue;
		if (--promised == 0)
			guard(die, SIG_DFL);
	}
}
