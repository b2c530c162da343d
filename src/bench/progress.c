/* SPDX-License-Identifier: BSD-2-Clause */
/* Progress: a line that rewrites itself on a terminal, one line a step elsewhere.
 * It is called between runs only: nothing is printed while something is measured. */
#include "progress.h"

#include "tickvm/text.h"

#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define LEAST 8 /* columns: on a terminal with fewer of them nothing is cut */

struct progress progress_begin(unsigned steps, bool quiet)
{
	return (struct progress){.out = quiet ? NULL : stderr,
		.terminal = isatty(STDERR_FILENO) == 1,
		.steps = steps};
}

/* A line that is wider than the terminal would be two, of which one alone is erased. */
static size_t columns_of(const struct progress *progress)
{
	struct winsize size;

	return progress->terminal && ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1
		       ? size.ws_col - 1u
		       : SIZE_MAX;
}

void progress_step(struct progress *progress, const char *format, ...)
{
	char count[32], text[512], clean[sizeof(text)];
	va_list args;

	progress->step++;
	if (progress->out == NULL)
		return;
	if (progress->steps > 0)
		snprintf(count, sizeof(count), "[%u/%u] ", progress->step, progress->steps);
	else
		snprintf(count, sizeof(count), "[%u] ", progress->step);
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	size_t left = columns_of(progress) - strlen(count), room = sizeof(clean);

	/* A byte takes no more than a column. */
	text_line(clean, left > LEAST && left < room ? left + 1 : room, text);
	/* Carriage return, then erase to the end of the line (ECMA-48, EL). */
	fprintf(progress->out, "%s%s%s", progress->terminal ? "\r\033[K" : "", count, clean);
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
