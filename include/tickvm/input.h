/* SPDX-License-Identifier: BSD-2-Clause */
/* The one door to files that are read: what would block, or do something when it is opened, is
 * refused before that. Anybody may have put the file there. */
#ifndef TICKVM_INPUT_H
#define TICKVM_INPUT_H

#include "tickvm/diag.h"

#include <stdio.h>
#include <sys/stat.h>

/* What path must be. */
enum input_kind {
	INPUT_FILE, /* a regular file */
	INPUT_DISK, /* the same, or a block device */
};

/* In each: 0 or more, or a negative errno with the reason alone in why: "No such file or
 * directory", "a FIFO; expected a regular file" (-EINVAL). */

/* Without opening it. */
int input_look(const char *path, enum input_kind kind, struct stat *st, struct diag *why);
/* A descriptor, as by open(2) with these flags; O_CLOEXEC is given. */
int input_open(const char *path, int flags, enum input_kind kind, struct diag *why);
/* The whole of a regular file, to read. */
int input_stream(FILE **stream, const char *path, struct diag *why);
/* The same of a file below a directory (""; "sub/"), which neither "..", an absolute path nor a
 * symbolic link may leave (openat2(2)). */
int input_stream_below(FILE **stream, const char *directory, const char *path, struct diag *why);

#endif
