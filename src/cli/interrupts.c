/* SPDX-License-Identifier: BSD-2-Clause */
/* The handler of signals that ask a command to stop. What stopping means is the command's. */
#include "interrupts.h"

#include "tickvm/clock.h"
#include "tickvm/farewell.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#define SAME_NS 1000000000ULL

static void (*stop_command)(void);
static _Atomic uint64_t first_ns;

enum interrupt interrupt_judge(uint64_t first, uint64_t now)
{
	if (first == 0)
		return INTERRUPT_STOP;
	return now - first < SAME_NS ? INTERRUPT_SAME : INTERRUPT_DIE;
}

static void on_interrupt(int signal_number)
{
	uint64_t first = 0, now = clock_monotonic_ns();
	int error = errno;

	atomic_compare_exchange_strong(&first_ns, &first, now);
	switch (interrupt_judge(first, now)) {
	case INTERRUPT_STOP:
		stop_command();
		break;
	case INTERRUPT_DIE:
		farewell_die(signal_number);
	case INTERRUPT_SAME:
		break;
	}
	errno = error;
}

void interrupts_catch(void (*stop)(void))
{
	static const int caught[] = {SIGINT, SIGTERM, SIGHUP};
	struct sigaction now, action = {.sa_handler = on_interrupt};

	stop_command = stop;
	action.sa_flags = SA_RESTART; /* stdio would lose what it was writing */
	sigemptyset(&action.sa_mask);
	for (size_t i = 0; i < sizeof(caught) / sizeof(caught[0]); i++)
		sigaddset(&action.sa_mask, caught[i]);
	for (size_t i = 0; i < sizeof(caught) / sizeof(caught[0]); i++) {
		bool ignored = sigaction(caught[i], NULL, &now) == 0 && now.sa_handler == SIG_IGN;

		if (caught[i] != SIGHUP || !ignored)
			sigaction(caught[i], &action, NULL);
	}
}
