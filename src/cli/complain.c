/* SPDX-License-Identifier: BSD-2-Clause */
/* How the launcher says that something is wrong: one line on standard error.
 * It decides nothing; exit statuses are the subcommands'. */
#include "cli.h"

#include <stdarg.h>

void complain(const char *command, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	fprintf(stderr, "tickvm %s: ", command);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
}
