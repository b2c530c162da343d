/* SPDX-License-Identifier: BSD-2-Clause */
/* Progress: a line that rewrites itself on a terminal, one line a step elsewhere.
 * It is called between runs only: nothing is printed while something is measured. */
#include "progress.h"

#include <stdarg.h>
#include <unistd.h>

struct progress progress_begin(unsigned steps, bool quiet)
{
	return (struct progress){.out = quiet ? NULL : stderr,
		.terminal = isatty(STDERR_FILENO) == 1,
		.steps = steps};
}

void progress_step(struct progress *progress, const char *format, ...)
{
	va_list args;

	progress->step++;
	if (progress->out == NULL)
		return;
	/* Carriage return, then erase to the end of the line (ECMA-48, EL). */
	fprintf(progress->out, "%s[%u/%u] ", progress->terminal ? "\r\033[K" : "", progress->step,
		progress->steps);
	va_start(args, format);
	vfprintf(progress->out, format, args);
	va_end(args);
	if (!progress->terminal)
		fputc('\n', progress->out);
	fflush(progress->out);
}

void progress_end(struct progress *progress)
{
	if (progress->out == NULL || !progress->terminal)
		return;
	fputs("\r\033[K", progress->out);
	fflush(progress->out);
}
