/* SPDX-License-Identifier: BSD-2-Clause */
/* Standard input's terminal in raw mode, given back whatever ends or stops the process. */
#ifndef VMM_RAW_MODE_H
#define VMM_RAW_MODE_H

#include <stdbool.h>

/* Main thread. False: standard input is no terminal, or this process is not in its foreground (a
 * background job must touch neither the modes nor the input: either would stop it). Between the
 * two, a stop by SIGTSTP leaves the terminal as it was before, and raw mode is back when the
 * process is continued in the foreground. */
bool raw_mode_enter(void);
void raw_mode_leave(void);
/* The modes alone, from any thread's signal handler, before the process ends at once. */
void raw_mode_restore(void);

/* For who reads the terminal while it is ours. */
bool raw_mode_in_foreground(void);
/* Readable when the process has been continued in the background; read it. */
int raw_mode_away_fd(void);
/* In the foreground again, perhaps without a SIGCONT (bg, then fg): raw mode is back. Any thread.
 */
void raw_mode_returned(void);

#endif
