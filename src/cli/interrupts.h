/* SPDX-License-Identifier: BSD-2-Clause */
/* Signals that ask a command to stop: SIGINT, SIGTERM and SIGHUP, all alike. */
#ifndef CLI_INTERRUPTS_H
#define CLI_INTERRUPTS_H

#include <stdint.h>

enum interrupt {
	INTERRUPT_STOP, /* the first: the command ends in order */
	INTERRUPT_SAME, /* the same request again: timeout(1) sends each signal twice */
	INTERRUPT_DIE,  /* whoever sent it waits no longer */
};

/* Of a signal at now_ns, when the first one came at first_ns (0: this is the first). */
enum interrupt interrupt_judge(uint64_t first_ns, uint64_t now_ns);

/* From here on a first signal calls stop(), which does only what a signal handler may, and one a
 * second or more after it ends the process at once, by that signal. SIGHUP stays ignored where it
 * is (nohup(1)). */
void interrupts_catch(void (*stop)(void));

#endif
