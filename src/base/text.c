/* SPDX-License-Identifier: BSD-2-Clause */
/* The one place that says which characters of anybody's text may be shown. What a format gives a
 * meaning to (markup, cells, formulas) that format escapes. */
#include "tickvm/text.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- which characters ---- */

struct range {
	uint32_t first, last;
};

/* Controls and noncharacters; Zl and Zp; Default_Ignorable_Code_Point; the interlinear marks. The
 * directional ones (UAX 9) are among the third. */
static const struct range hidden[] = {{0x00, 0x1f}, {0x7f, 0x9f}, {0xad, 0xad}, {0x34f, 0x34f},
	{0x61c, 0x61c}, {0x115f, 0x1160}, {0x17b4, 0x17b5}, {0x180b, 0x180f}, {0x200b, 0x200f},
	{0x2028, 0x202e}, {0x2060, 0x206f}, {0x3164, 0x3164}, {0xd800, 0xdfff}, {0xfdd0, 0xfdef},
	{0xfe00, 0xfe0f}, {0xfeff, 0xfeff}, {0xffa0, 0xffa0}, {0xfff0, 0xfffb}, {0x1bca0, 0x1bca3},
	{0x1d173, 0x1d17a}, {0xe0000, 0xe0fff}};

static bool is_shown(uint32_t c)
{
	for (size_t i = 0; i < sizeof(hidden) / sizeof(hidden[0]) && c >= hidden[i].first; i++) {
		if (c <= hidden[i].last)
			return false;
	}
	return (c & 0xfffe) != 0xfffe && c <= 0x10ffff;
}

/* GitHub's runner takes "::" behind spaces at the beginning of a line and "##[" anywhere in it;
 * "##vso[" and "##teamcity[" are Azure's and TeamCity's, the sections GitLab's. Where a line begins
 * is known to who prints it, so they are commands everywhere. */
static bool is_command(const char *text)
{
	static const char *const commands[] = {
		"::", "##[", "##vso[", "##teamcity[", "section_start:", "section_end:"};

	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if ((*text | 0x20) == (*commands[i] | 0x20) &&
			strncasecmp(text, commands[i], strlen(commands[i])) == 0)
			return true;
	}
	return false;
}

/* ---- UTF-8 (RFC 3629) ---- */

/* Of a sequence that begins so; 0: none does. */
static size_t sequence_length(unsigned char first)
{
	if (first < 0x80)
		return 1;
	if (first < 0xc2 || first > 0xf4)
		return 0;
	return first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

/* *text's first character is of so many bytes; what is none is of one, and beyond Unicode. */
static size_t decode(const char *text, uint32_t *c)
{
	static const unsigned char first_bits[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	const unsigned char *bytes = (const unsigned char *)text;
	size_t length = sequence_length(*bytes), read = 1;

	*c = *bytes & first_bits[length];
	while (read < length && (bytes[read] & 0xc0) == 0x80)
		*c = *c << 6 | (bytes[read++] & 0x3f);
	if (*c < least[length] || read != length)
		*c = UINT32_MAX;
	return read == length ? length : 1;
}

/* ---- copies ---- */

/* The bytes that stand for text's first character. */
struct part {
	const char *bytes;
	size_t length, taken; /* taken: of text */
};

static struct part next_part(const char *text, enum text_lines lines, const char *replacement)
{
	uint32_t c;
	size_t length = decode(text, &c);

	if (c == '\t' || (c == '\n' && lines == TEXT_LINE))
		return (struct part){" ", 1, 1};
	if (c == '\n' || (is_shown(c) && !is_command(text)))
		return (struct part){text, length, length};
	return (struct part){replacement, strlen(replacement), length};
}

char *text_clean(const char *text, enum text_lines lines)
{
	static const char replacement[] = "\xef\xbf\xbd"; /* U+FFFD */
	/* A byte may become so many. */
	char *clean = malloc((sizeof(replacement) - 1) * strlen(text) + 1), *end = clean;

	if (clean == NULL)
		return NULL;
	while (*text != '\0') {
		struct part part = next_part(text, lines, replacement);

		end = mempcpy(end, part.bytes, part.length);
		text += part.taken;
	}
	*end = '\0';
	char *fitted = realloc(clean, (size_t)(end - clean) + 1);

	return fitted != NULL ? fitted : clean;
}

char *text_line(char *to, size_t size, const char *text)
{
	static const char ellipsis[] = "...";
	size_t used = 0, kept = 0; /* kept: what leaves room for the ellipsis */

	while (*text != '\0') {
		struct part part = next_part(text, TEXT_LINE, "?");

		if (used + part.length >= size) {
			strcpy(to + kept, ellipsis);
			return to;
		}
		memcpy(to + used, part.bytes, part.length);
		used += part.length;
		kept = used + sizeof(ellipsis) <= size ? used : kept;
		text += part.taken;
	}
	to[used] = '\0';
	return to;
}
