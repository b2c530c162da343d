/* SPDX-License-Identifier: BSD-2-Clause */
/* Feeds inih and says file and line of what it does not take.
 * What a section or a key means is its caller's business. */
#include "tickvm/ini_file.h"

#include <errno.h>
#include <ini.h>
#include <string.h>

/* inih cuts longer ones off, silently. */
#define NAME_MAX_LENGTH 49

struct reading {
	FILE *file;
	const char *path;
	ini_file_taker take;
	void *user;
	unsigned line;     /* last line handed to inih */
	unsigned too_long; /* first line that does not fit inih's buffer; 0: none */
	int err;
	struct diag *diag;
};

/* inih names no section without keys. */
static void begin_section(struct reading *r, const char *text)
{
	char name[NAME_MAX_LENGTH + 1];
	size_t length = strcspn(text, "]");

	if (text[length] == '\0')
		return; /* inih will complain */
	if (length > NAME_MAX_LENGTH) {
		r->err = diag_set(r->diag, -EINVAL,
			"%s:%u: the section's name is too long; expected at most %d bytes", r->path,
			r->line, NAME_MAX_LENGTH);
		return;
	}
	memcpy(name, text, length);
	name[length] = '\0';
	r->err = r->take(r->user,
		&(struct ini_line){.path = r->path, .number = r->line, .section = name}, r->diag);
}

/* inih counts lines for its caller only when built to; this reader counts them itself. Leading
 * blanks are taken off, so that an indented key is a key and not the line above continued. */
static char *next_line(char *text, int size, void *stream)
{
	struct reading *r = stream;

	if (r->err != 0 || fgets(text, size, r->file) == NULL)
		return NULL;
	r->line++;
	if (strchr(text, '\n') == NULL && !feof(r->file)) {
		r->too_long = r->line;
		return NULL;
	}
	size_t blanks = strspn(text, " \t\v\f\r"); /* as inih has it */

	memmove(text, text + blanks, strlen(text + blanks) + 1);
	if (text[0] == '[')
		begin_section(r, text + 1);
	return r->err == 0 ? text : NULL;
}

/* inih's convention: 1 is good, 0 an error. */
static int take(void *user, const char *section, const char *key, const char *value)
{
	struct reading *r = user;

	if (r->err != 0)
		return 0;
	if (strlen(key) >= NAME_MAX_LENGTH)
		r->err = diag_set(r->diag, -EINVAL,
			"%s:%u: the key is too long; expected an option's name", r->path, r->line);
	else
		r->err = r->take(r->user,
			&(struct ini_line){.path = r->path,
				.number = r->line,
				.section = section,
				.key = key,
				.value = value},
			r->diag);
	return r->err == 0;
}

int ini_file_read(FILE *file, const char *path, ini_file_taker taker, void *user, struct diag *diag)
{
	struct reading r = {.file = file, .path = path, .take = taker, .user = user, .diag = diag};
	int line = ini_parse_stream(next_line, &r, take, &r);

	if (r.err != 0)
		return r.err;
	if (ferror(file))
		return diag_set(diag, -EIO, "%s: cannot read it", path);
	if (r.too_long != 0)
		return diag_set(diag, -EINVAL, "%s:%u: line too long", path, r.too_long);
	if (line != 0)
		return diag_set(
			diag, -EINVAL, "%s:%d: expected [section] or key = value", path, line);
	return 0;
}
