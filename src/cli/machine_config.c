/* SPDX-License-Identifier: BSD-2-Clause */
/* --config FILE.ini: options by their names, through inih; every complaint says file, line and key.
 * It knows no option itself: the table in options.c does. */
#include "options.h"

#include <errno.h>
#include <ini.h>
#include <stdio.h>
#include <string.h>

struct reading {
	struct options *options;
	enum command command;
	const char *path;
	FILE *file;
	unsigned line;     /* last line handed to inih */
	unsigned too_long; /* first line that does not fit inih's buffer; 0: none */
	int err;
	struct diag *diag;
};

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
	size_t blanks = strspn(text, " \t");
	memmove(text, text + blanks, strlen(text + blanks) + 1);
	return text;
}

static int set_flag(
	struct reading *r, const struct option_spec *spec, const char *value, const char *where)
{
	if (strcmp(value, "false") == 0)
		return 0;
	if (strcmp(value, "true") != 0)
		return diag_set(r->diag, -EINVAL, "%s: expected true or false", where);
	return cli_options_set(r->options, spec, "", where, r->diag);
}

/* inih's convention: 1 is good, 0 an error. */
static int handle(void *user, const char *section, const char *key, const char *value)
{
	struct reading *r = user;
	char where[300];
	snprintf(where, sizeof(where), "%s:%u: %s = %s", r->path, r->line, key, value);
	if (r->err != 0)
		return 0;
	if (*section != '\0' && strcmp(section, "machine") != 0) {
		r->err = diag_set(r->diag, -EINVAL,
			"%s:%u: [%s]: no such section; machine options stand in [machine]", r->path,
			r->line, section);
		return 0;
	}
	const struct option_spec *spec =
		cli_options_find(r->command, key, strlen(key), where, r->diag);
	if (spec == NULL) {
		r->err = -EINVAL;
		return 0;
	}
	if (strcmp(key, "config") == 0 || strcmp(key, "help") == 0) {
		r->err = diag_set(r->diag, -EINVAL, "%s: belongs on the command line", where);
		return 0;
	}
	if (spec->kind == OPTION_FLAG) {
		r->err = set_flag(r, spec, value, where);
		return r->err == 0;
	}
	const char *kept = cli_options_keep(r->options, value);
	r->err = kept == NULL ? diag_set(r->diag, -ENOMEM, "%s: no memory", where)
			      : cli_options_set(r->options, spec, kept, where, r->diag);
	return r->err == 0;
}

int machine_config_read(
	struct options *options, enum command command, const char *path, struct diag *diag)
{
	struct reading r = {.options = options, .command = command, .path = path, .diag = diag};
	r.file = fopen(path, "r");
	if (r.file == NULL)
		return diag_set(
			diag, -errno, "--config %s: cannot open it: %s", path, strerror(errno));
	int line = ini_parse_stream(next_line, &r, handle, &r);
	bool failed = ferror(r.file) != 0;
	fclose(r.file);
	if (r.err != 0)
		return r.err;
	if (failed)
		return diag_set(diag, -EIO, "--config %s: cannot read it", path);
	if (r.too_long != 0)
		return diag_set(diag, -EINVAL, "%s:%u: line too long", path, r.too_long);
	if (line != 0)
		return diag_set(
			diag, -EINVAL, "%s:%d: expected [machine] or key = value", path, line);
	return 0;
}
