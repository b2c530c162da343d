/* SPDX-License-Identifier: BSD-2-Clause */
/* What is put right when a signal ends this process: a terminal's modes, a file half written. */
#ifndef TICKVM_FAREWELL_H
#define TICKVM_FAREWELL_H

#include <stdbool.h>

/* Memory is the caller's, until it is taken back. say() does only what a signal handler may
 * (POSIX.1-2008, 2.4.3). */
struct farewell {
	void (*say)(void *ctx);
	void *ctx;
};

/* From here on until farewell_take_back(), signals that end a process and that nobody handles or
 * ignores end it after say(). False: there is no room, and nothing was done. Main thread. */
bool farewell_promise(struct farewell *farewell);
/* Not promised: nothing happens. */
void farewell_take_back(struct farewell *farewell);

/* Ends this process as the signal would have, after all that was promised. For signal handlers. */
_Noreturn void farewell_die(int signal_number);

#endif
