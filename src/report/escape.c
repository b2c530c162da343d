/* SPDX-License-Identifier: BSD-2-Clause */
/* What Markdown and spreadsheets give a meaning to, in text that is to have none. */
#include "escape.h"

#include <ctype.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

/* ---- Markdown ---- */

static bool is_one_of(char c, const char *set)
{
	return c != '\0' && strchr(set, c) != NULL;
}

/* Letters beyond ASCII may be punctuation, beside which an underscore is mark-up. */
static bool is_word(char c)
{
	return isascii((unsigned char)c) && isalnum((unsigned char)c);
}

/* "/close", as GitLab and others take it in a comment; no path of a file. */
static bool is_quick_action(const char *text)
{
	return *text == '/' && strcspn(text + 1, "/") >= strcspn(text + 1, " \n");
}

/* Where the mark stands that would begin a block with this line: a heading, an entry of a list, the
 * underline of a heading, an action. SIZE_MAX: nowhere. */
static size_t find_block(const char *text)
{
	size_t first = strspn(text, " "), behind = first + strspn(text + first, "0123456789");

	if (is_one_of(text[first], "#+-=:") || is_quick_action(text + first))
		return first;
	return behind > first && is_one_of(text[behind], ".)") ? behind : SIZE_MAX;
}

/* "http://" and "www." are links by themselves. */
static bool completes_link(const char *text, size_t i)
{
	return (i > 0 && text[i] == '/' && text[i - 1] == ':') ||
	       (i > 2 && text[i] == '.' && strncasecmp(text + i - 3, "www", 3) == 0);
}

/* "@name" and "#1" get their meaning behind Markdown, of the text alone. */
static bool completes_reference(const char *text, size_t i)
{
	return i > 0 && ((text[i - 1] == '@' && is_word(text[i])) ||
				(text[i - 1] == '#' && isdigit((unsigned char)text[i])));
}

/* What has to stand before text[i]. */
static const char *mark_before(const char *text, size_t i)
{
	char c = text[i];

	if (is_one_of(c, "\\`*<>[]|&~$") || completes_link(text, i))
		return "\\";
	if (c == '_' && !(i > 0 && is_word(text[i - 1]) && is_word(text[i + 1])))
		return "\\";
	return completes_reference(text, i) ? "<!-- -->" : "";
}

size_t escape_markdown(const char *text, bool block, FILE *out)
{
	size_t columns = 0, begins = block ? find_block(text) : SIZE_MAX;

	for (size_t i = 0; text[i] != '\0' && text[i] != '\n'; i++) {
		const char *mark = i == begins ? "\\" : mark_before(text, i);

		columns += strlen(mark) + ((text[i] & 0xc0) != 0x80);
		if (out != NULL)
			fprintf(out, "%s%c", mark, text[i]);
	}
	return columns;
}

/* ---- CSV ---- */

/* "-1.5", "+12.3 %", "1e-05", and nothing more. */
static bool is_number(const char *text)
{
	static const char digits[] = "0123456789";

	text += is_one_of(*text, "+-");
	size_t whole = strspn(text, digits);

	text += whole;
	if (*text == '.')
		text += 1 + strspn(text + 1, digits);
	if (whole > 0 && is_one_of(*text, "eE")) {
		text += 1 + is_one_of(text[1], "+-");
		text += strspn(text, digits);
	}
	text += strspn(text, " ");
	text += *text == '%';
	return whole > 0 && *text == '\0';
}

/* The four, and as wide as a Chinese character (U+FF1D, FF0B, FF0D, FF20). */
static bool is_formula(const char *text)
{
	static const char *const begins[] = {
		"=", "+", "-", "@", "\xef\xbc\x9d", "\xef\xbc\x8b", "\xef\xbc\x8d", "\xef\xbc\xa0"};

	for (size_t i = 0; i < sizeof(begins) / sizeof(begins[0]); i++) {
		if (strncmp(text, begins[i], strlen(begins[i])) == 0)
			return !is_number(text);
	}
	return false;
}

/* Does cell[i] begin what a spreadsheet takes for a field? Where numbers have a decimal comma, a
 * semicolon separates fields. */
static bool begins_formula(const char *cell, size_t i)
{
	if (!is_formula(cell + i))
		return false;
	while (i > 0 && cell[i - 1] == ' ')
		i--;
	return i == 0 || cell[i - 1] == ';';
}

void escape_csv(const char *cell, FILE *out)
{
	bool quoted = strpbrk(cell, ",\";\n") != NULL || is_formula(cell + strspn(cell, " "));

	fputs(quoted ? "\"" : "", out);
	for (size_t i = 0; cell[i] != '\0'; i++) {
		fputs(begins_formula(cell, i) ? "'" : cell[i] == '"' ? "\"" : "", out);
		fputc(cell[i], out);
	}
	fputs(quoted ? "\"" : "", out);
}
