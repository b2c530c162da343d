/* SPDX-License-Identifier: BSD-2-Clause */
/* A process that can end whatever the kernel does to the command's own. */
#ifndef CLI_SUPERVISE_H
#define CLI_SUPERVISE_H

#include "options.h"

/* Goes on in a child, whose end is this process's: a thread that hangs in the kernel (a file on a
 * frozen file system) keeps its process from ending, and who waits for it waiting. Signals are
 * passed on; when one has not ended the child in SUPERVISE_SECONDS, or a second one in one, it is
 * killed, and left if that does not end it either. Before any thread exists. Without a right to
 * fork it goes on here. */
void supervise(void);
#define SUPERVISE_SECONDS 30
/* The same where options or words (an experiment's, or lines of them) name a disk or its load. */
void supervise_disks(const struct options *options, int argc, char **argv);

/* The last thing a command does: what its process ends with. Returns status. */
int supervise_end(int status);

#endif
