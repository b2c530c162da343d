/* SPDX-License-Identifier: BSD-2-Clause */
/* A file that is whole or absent: who reads it sees the old one or the whole new one. */
#ifndef TICKVM_OUTPUT_H
#define TICKVM_OUTPUT_H

#include "tickvm/diag.h"

#include <stdbool.h>
#include <stdio.h>

struct output;

/* Begins path (which must live until the end) beside it, in path.XXXXXXXX.tmp. "-" is standard
 * output, and what is no regular file is written through: a device, a pipe, a symbolic link to
 * anything. 0 or a negative errno. */
int output_open(struct output **out, const char *path, struct diag *diag);
/* Errors of writing to it may be ignored: output_commit() reports them. */
FILE *output_stream(struct output *output);
/* Synced and renamed; after an error the old file is as it was. Either frees output. */
int output_commit(struct output *output, struct diag *diag);
void output_discard(struct output *output);

/* Standard output cannot be written, and who calls this has said so: once is enough. An
 * output_commit() of "-" that fails is one of them. */
void output_stdout_lost(void);
bool output_stdout_is_lost(void);

/* Could path be written? For a look before a long run; leaves no trace. */
int output_check(const char *path, struct diag *diag);

#endif
