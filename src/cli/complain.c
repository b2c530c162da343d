/* SPDX-License-Identifier: BSD-2-Clause */
/* How the launcher says that something is wrong: clean text on standard error, whatever names are
 * in it. */
#include "cli.h"

#include "tickvm/text.h"

#include <stdarg.h>
#include <stdlib.h>

void complain(const char *command, const char *format, ...)
{
	char *text = NULL, *clean = NULL;
	va_list args;
	va_start(args, format);
	if (vasprintf(&text, format, args) >= 0)
		clean = text_clean(text, TEXT_LINES);
	else
		text = NULL;
	va_end(args);
	fprintf(stderr, "tickvm %s: %s\n", command, clean != NULL ? clean : "out of memory");
	free(text);
	free(clean);
}
