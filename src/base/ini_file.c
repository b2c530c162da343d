/* SPDX-License-Identifier: BSD-2-Clause */
/* Takes INI files apart, and says file and line of what is no part of one.
 * What a section or a key means is its caller's business. */
#include "tickvm/ini_file.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define BLANKS      " \t\v\f\r"
#define PATH_SHOWN  200
#define KEY_SHOWN   40
#define VALUE_SHOWN 80

struct reading {
	FILE *file;
	const char *path;
	ini_file_taker take;
	void *user;
	unsigned line;
	char *text; /* the line, blanks at its ends and comment taken off; INI_TEXT_MAX and a NUL */
	size_t length;
	const char *trouble; /* what the line's bytes are not; NULL: they are good */
	char *section;
	bool skipping; /* a bad section's keys */
	struct ini_complaints *complaints;
	struct diag *diag;
};

int ini_complain(struct ini_complaints *complaints, unsigned line, int err, const struct diag *diag)
{
	if (complaints == NULL || err != -EINVAL)
		return err;
	complaints->n++;
	complaints->take(complaints->user, line, diag->text);
	return 0;
}

static const char *cut(const char *text, size_t most)
{
	return strlen(text) > most ? "..." : "";
}

void ini_place(char place[INI_PLACE_MAX], const char *path, unsigned line, const char *key,
	const char *value)
{
	size_t length = strlen(path);
	int used = snprintf(place, INI_PLACE_MAX, "%s:%u",
		length > PATH_SHOWN ? path + length - PATH_SHOWN : path, line);

	if (key != NULL)
		snprintf(place + used, INI_PLACE_MAX - (size_t)used, ": %.*s%s = %.*s%s", KEY_SHOWN,
			key, cut(key, KEY_SHOWN), VALUE_SHOWN, value, cut(value, VALUE_SHOWN));
}

/* ---- bytes to lines ---- */

static bool is_blank(char c)
{
	return c != '\0' && strchr(BLANKS, c) != NULL;
}

/* A comment begins with the line ('#' too), or behind a blank. */
static bool begins_comment(const struct reading *r, int c)
{
	return (c == '#' && r->length == 0) ||
	       (c == ';' && (r->length == 0 || is_blank(r->text[r->length - 1])));
}

static void take_byte(struct reading *r, int c)
{
	if (r->length == 0 && is_blank((char)c))
		return;
	if (r->length == INI_TEXT_MAX)
		r->trouble = "line too long; expected at most 65535 bytes, comment aside";
	else
		r->text[r->length++] = (char)c;
}

/* False: there is none any more. */
static bool next_line(struct reading *r)
{
	bool comment = false, any = false;
	int c;

	r->length = 0;
	r->trouble = NULL;
	r->line++;
	while ((c = getc_unlocked(r->file)) != EOF && c != '\n') {
		any = true;
		comment = comment || begins_comment(r, c);
		if (c == '\0')
			r->trouble = "a NUL byte; expected text";
		else if (!comment)
			take_byte(r, c);
	}
	while (r->length > 0 && is_blank(r->text[r->length - 1]))
		r->length--;
	r->text[r->length] = '\0';
	return any || c == '\n';
}

/* Unicode 15.0, 23.8: U+FEFF in UTF-8. */
static void skip_byte_order_mark(FILE *file)
{
	char bytes[3];

	if (fread(bytes, 1, sizeof(bytes), file) != sizeof(bytes) ||
		memcmp(bytes, "\xef\xbb\xbf", sizeof(bytes)) != 0)
		rewind(file);
}

/* ---- lines to sections and keys ---- */

static int refuse(const struct reading *r, const char *why)
{
	char place[INI_PLACE_MAX];

	ini_place(place, r->path, r->line, NULL, NULL);
	return diag_set(r->diag, -EINVAL, "%s: %s", place, why);
}

static int is_none(const struct reading *r)
{
	return refuse(r, "expected [section] or key = value");
}

static char *trim_end(char *text, char *end)
{
	while (end > text && is_blank(end[-1]))
		end--;
	*end = '\0';
	return text;
}

/* The ']' that ends the name; NULL: none, or not with the line. */
static char *find_section_end(char *name)
{
	bool quoted = false;
	char *c = name;

	for (; *c != '\0' && (quoted || *c != ']'); c++)
		quoted ^= *c == '"';
	if (*c == '\0')
		return NULL;
	const char *behind = c + 1 + strspn(c + 1, BLANKS);

	return *behind == '\0' || (*behind == '#' && behind > c + 1) ? c : NULL;
}

static int take_section(struct reading *r)
{
	char *name = r->text + 1, *end = find_section_end(name);

	r->skipping = true;
	if (end == NULL)
		return is_none(r);
	*end = '\0';
	free(r->section);
	r->section = strdup(name);
	if (r->section == NULL)
		return diag_set(r->diag, -ENOMEM, "%s: no memory", r->path);
	int err = r->take(r->user,
		&(struct ini_line){.path = r->path, .number = r->line, .section = r->section},
		r->diag);

	r->skipping = err != 0;
	return err;
}

static int take_key(struct reading *r)
{
	char *equals = strchr(r->text, '=');

	if (equals == NULL || equals == r->text)
		return is_none(r);
	if (r->skipping)
		return 0;
	const struct ini_line line = {.path = r->path,
		.number = r->line,
		.section = r->section != NULL ? r->section : "",
		.key = trim_end(r->text, equals),
		.value = equals + 1 + strspn(equals + 1, BLANKS)};

	return r->take(r->user, &line, r->diag);
}

static int take_line(struct reading *r)
{
	if (r->trouble != NULL)
		return refuse(r, r->trouble);
	if (r->length == 0)
		return 0;
	return r->text[0] == '[' ? take_section(r) : take_key(r);
}

int ini_file_read(FILE *file, const char *path, ini_file_taker taker, void *user,
	struct ini_complaints *complaints, struct diag *diag)
{
	struct reading r = {.file = file,
		.path = path,
		.take = taker,
		.user = user,
		.complaints = complaints,
		.diag = diag,
		.text = malloc(INI_TEXT_MAX + 1)};
	int err = 0;

	if (r.text == NULL)
		return diag_set(diag, -ENOMEM, "%s: no memory", path);
	skip_byte_order_mark(file);
	while (err == 0 && next_line(&r))
		err = ini_complain(complaints, r.line, take_line(&r), diag);
	if (err == 0 && ferror(file))
		err = diag_set(diag, -EIO, "%s: cannot read it", path);
	free(r.section);
	free(r.text);
	return err;
}
