/* SPDX-License-Identifier: BSD-2-Clause */
/* INI files line by line, through inih: the one way all of tickvm's are read, so that they all mean
 * the same. It knows no key. */
#ifndef TICKVM_INI_FILE_H
#define TICKVM_INI_FILE_H

#include "tickvm/diag.h"

#include <stdio.h>

/* A section begins (key NULL), or a key has a value. section: "" before the first. */
struct ini_line {
	const char *path;
	unsigned number; /* from 1 */
	const char *section, *key, *value;
};

/* 0, or a negative errno with diag set, which ends the reading. */
typedef int (*ini_file_taker)(void *user, const struct ini_line *line, struct diag *diag);

/* Who wants to hear of all that is wrong: each complaint goes to take(), with the line it is about,
 * and the reading goes on behind it, behind a bad section's keys too. */
struct ini_complaints {
	void (*take)(void *user, unsigned line, const char *text);
	void *user;
	unsigned n;
};
/* err, unless it is -EINVAL and complaints (may be NULL) took it. */
int ini_complain(
	struct ini_complaints *complaints, unsigned line, int err, const struct diag *diag);

/* Comments begin with '#' or ';' at the start of a line, or with a blank and ';' behind a value;
 * blanks around keys and values do not count. path is for messages: "FILE:LINE: what was expected".
 * complaints: NULL: the first one ends it. 0, what take returned, or -EINVAL, -EIO. What complaints
 * took is in their number only. (Of lines that are neither a section nor a key, the first alone is
 * told.) */
int ini_file_read(FILE *file, const char *path, ini_file_taker take, void *user,
	struct ini_complaints *complaints, struct diag *diag);

#endif
