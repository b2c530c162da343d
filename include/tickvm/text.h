/* SPDX-License-Identifier: BSD-2-Clause */
/* Text that may be anybody's (a results file's, an INI file's, a guest's, a file's name) made fit
 * to be shown: on a terminal, in a log of CI, in XML, in a spreadsheet. */
#ifndef TICKVM_TEXT_H
#define TICKVM_TEXT_H

#include <stddef.h>

enum text_lines {
	TEXT_LINE,  /* one: a newline becomes a space */
	TEXT_LINES, /* newlines stay */
};

/* A copy in which U+FFFD stands for each
 * - byte that is not of UTF-8, and noncharacter (XML 1.0, 2.2 takes none of them);
 * - control character: C0, DEL, C1 (ECMA-48). A tab becomes a space;
 * - character that reorders or hides text: directional marks, embeddings and isolates, line and
 *   paragraph separators, and all others that are shown as nothing (Unicode 15.0,
 *   Default_Ignorable_Code_Point);
 * - first character of what a CI reads as a command in a log ("::", "##[", "section_start:").
 * A clean text stays as it is. free() it; NULL: no memory. */
char *text_clean(const char *text, enum text_lines lines);

/* The same for a buffer of at least 4 bytes: one line, with '?' in place of U+FFFD, so that nothing
 * of it becomes longer; what finds no room is cut at a character and ends with "...". Returns to.
 */
char *text_line(char *to, size_t size, const char *text);

#endif
