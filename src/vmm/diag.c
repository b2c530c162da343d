/* SPDX-License-Identifier: BSD-2-Clause */
/* Formats the one sentence a failure leaves for the user, safe to print on a terminal.
 * It prints nothing itself and decides nothing about exit statuses. */
#include "tickvm/diag.h"

#include <stdio.h>
#include <string.h>

/* File names and guest text reach these lines: a control character (C0, DEL, or C1 in UTF-8) could
 * drive the terminal or break the line. */
static void make_printable(char *text)
{
	for (unsigned char *p = (unsigned char *)text; *p; p++) {
		if (*p < 0x20 || *p == 0x7f) {
			*p = '?';
		} else if (p[0] == 0xc2 && p[1] >= 0x80 && p[1] <= 0x9f) {
			p[0] = '?';
			p[1] = '?';
		}
	}
}

int diag_set(struct diag *diag, int err, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	int length = vsnprintf(diag->text, sizeof(diag->text), format, args);
	va_end(args);
	if (length < 0)
		diag->text[0] = '\0';
	else if ((size_t)length >= sizeof(diag->text))
		memcpy(diag->text + sizeof(diag->text) - sizeof("..."), "...", sizeof("..."));
	make_printable(diag->text);
	return err;
}
