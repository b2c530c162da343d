/* SPDX-License-Identifier: BSD-2-Clause */
/* Interrupts beside those that a test measures, on this CPU: of a disk that reads without a pause,
 * or of a line that the monitor raises. */
#ifndef GUEST_LOAD_H
#define GUEST_LOAD_H

#include "guest.h"

/* Ends the run when this machine has not what it takes. */
void load_start(const struct cmdline *cmdline);
/* An interrupt of the load waits to be taken. */
bool load_is_pending(void);
/* Until one does. Interrupts are off, and there is a load. */
void load_wait(void);
/* Between two events: looks at what was read, and draws new places. */
void load_turn(void);
/* Around the measured part: the counters of the result block. */
void load_begin(void);
void load_end(void);
void load_stop(void);

#endif
