/* SPDX-License-Identifier: BSD-2-Clause */
/* INI files line by line: the one way all of tickvm's are read, so that they all mean the same. */
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

#define INI_TEXT_MAX 65535 /* bytes of a section's name, or of a key and its value */

/* Reads file, whose position is its beginning. Lines are `[section]` or `key = value`, with a
 * comment behind a blank and ';', or comments as a whole behind '#' or ';', of any length; blanks
 * around names, keys and values do not count. A section's name may hold ']' between double quotes.
 * A UTF-8 byte order mark at the beginning is passed over; a NUL byte is refused. path is for
 * messages: "FILE:LINE: what was expected". complaints: NULL: the first one ends it. 0, what take
 * returned, or -EINVAL, -EIO, -ENOMEM. What complaints took is in their number only. */
int ini_file_read(FILE *file, const char *path, ini_file_taker take, void *user,
	struct ini_complaints *complaints, struct diag *diag);

#define INI_PLACE_MAX 352

/* "FILE:LINE: KEY = VALUE", what is long cut, so that a reason fits behind it. key NULL:
 * "FILE:LINE". */
void ini_place(char place[INI_PLACE_MAX], const char *path, unsigned line, const char *key,
	const char *value);

#endif
