/* SPDX-License-Identifier: BSD-2-Clause */
/* Looks through what was printed for what drives a terminal, a log of CI or a spreadsheet: written
 * from the standards, not from the code that is to keep it out. It holds no tests. */
#ifndef TESTS_HARM_H
#define TESTS_HARM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

/* The character that *text begins with (RFC 3629, 4), which *text then is behind; UINT32_MAX: none.
 */
static inline uint32_t harm_character(const char **text)
{
	const unsigned char *b = (const unsigned char *)*text;
	unsigned more = b[0] < 0x80 ? 0 : b[0] < 0xe0 ? 1 : b[0] < 0xf0 ? 2 : 3;
	uint32_t c = more == 0 ? b[0] : b[0] & (0x3fU >> more);
	static const uint32_t least[] = {0, 0x80, 0x800, 0x10000};

	if (b[0] >= 0x80 && (b[0] < 0xc0 || b[0] > 0xf7))
		return UINT32_MAX;
	for (unsigned i = 1; i <= more; i++) {
		if ((b[i] & 0xc0) != 0x80)
			return UINT32_MAX;
		c = c << 6 | (b[i] & 0x3f);
	}
	*text += more + 1;
	return c >= least[more] && c <= 0x10ffff && (c < 0xd800 || c > 0xdfff) ? c : UINT32_MAX;
}

/* Why a character must not be shown; NULL: it may. */
static inline const char *harm_of(uint32_t c)
{
	if (c == UINT32_MAX)
		return "no UTF-8";
	if (c < 0x20 && c != '\n' && c != '\t')
		return "C0";
	if (c == 0x7f)
		return "DEL";
	if (c >= 0x80 && c <= 0x9f)
		return "C1";
	/* UAX 9, 2.1 to 2.6 */
	if ((c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0x200e ||
		c == 0x200f || c == 0x61c)
		return "bidirectional control";
	if (c == 0x2028 || c == 0x2029)
		return "line or paragraph separator";
	if ((c >= 0x200b && c <= 0x200d) || c == 0x2060 || c == 0xfeff || c == 0xad ||
		c == 0x180e || (c >= 0xe0000 && c <= 0xe007f))
		return "zero width";
	if ((c & 0xffff) >= 0xfffe || (c >= 0xfdd0 && c <= 0xfdef))
		return "noncharacter";
	return NULL;
}

/* .NET's Char.IsWhiteSpace, which GitHub's runner trims, as far as harm_of() lets it pass. */
static inline bool harm_is_space(uint32_t c)
{
	return c == ' ' || c == '\n' || c == '\t' || c == 0xa0 || c == 0x1680 ||
	       (c >= 0x2000 && c <= 0x200a) || c == 0x202f || c == 0x205f || c == 0x3000;
}

/* Does a line that begins here give a command, or one that stands anywhere in a line? */
static inline bool harm_is_command(const char *text, bool begins)
{
	static const struct {
		const char *text;
		bool anywhere;
	} commands[] = {{"::", false}, {"##[", true}, {"##vso[", true}, {"##teamcity[", true},
		{"section_start:", false}, {"section_end:", false}};

	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if ((begins || commands[i].anywhere) &&
			(*text | 0x20) == (*commands[i].text | 0x20) &&
			strncasecmp(text, commands[i].text, strlen(commands[i].text)) == 0)
			return true;
	}
	return false;
}

/* The first harm in a text of several lines, and where it is; NULL: none. crlf: lines end so. */
static inline const char *harm_in(const char *text, bool crlf, const char **where)
{
	bool begins = true;

	while (*text != '\0') {
		*where = text;
		if (harm_is_command(text, begins))
			return "command of a log";
		if (crlf && strncmp(text, "\r\n", 2) == 0)
			text++;
		uint32_t c = harm_character(&text);

		if (harm_of(c) != NULL)
			return harm_of(c);
		begins = c == '\n' || (begins && harm_is_space(c));
	}
	return NULL;
}

/* ---- a spreadsheet ---- */

static inline bool harm_is_number(const char *cell)
{
	char digits[32];
	size_t n = 0;

	for (const char *c = cell; *c != '\0' && n + 1 < sizeof(digits); c++)
		digits[n++] = *c;
	digits[n] = '\0';
	return n > 1 && strlen(cell) < sizeof(digits) &&
	       strpbrk(digits + 1, "0123456789") != NULL &&
	       strspn(digits + 1, "0123456789.eE+- %") == n - 1 &&
	       strpbrk(digits + 1, "+-") == strpbrk(strpbrk(digits, "0123456789"), "+-") &&
	       (strpbrk(digits + 1, "+-") == NULL || strpbrk(digits + 1, "eE") != NULL);
}

/* OWASP, "CSV Injection". */
static inline bool harm_is_formula(const char *cell)
{
	static const char *const begins[] = {
		"=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20"};

	cell += strspn(cell, " ");
	for (size_t i = 0; i < sizeof(begins) / sizeof(begins[0]); i++) {
		if (strncmp(cell, begins[i], strlen(begins[i])) == 0)
			return !harm_is_number(cell);
	}
	return false;
}

#endif
