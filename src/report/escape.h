/* SPDX-License-Identifier: BSD-2-Clause */
/* Clean text (tickvm/text.h) as Markdown and as CSV, where it can be read and do nothing else. For
 * HTML: markup.h. */
#ifndef REPORT_ESCAPE_H
#define REPORT_ESCAPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Text up to its end or a newline: no mark-up, HTML, link or mention (GitHub Flavored Markdown).
 * block: it stands at the beginning of a line, where lists and headings begin. Returns how many
 * columns it takes; out NULL: nothing is printed. */
size_t escape_markdown(const char *text, bool block, FILE *out);

/* A field (RFC 4180). What a spreadsheet would compute begins with an apostrophe, as OWASP advises
 * ("CSV Injection"); numbers, also of percent, stay numbers. */
void escape_csv(const char *cell, FILE *out);

#endif
