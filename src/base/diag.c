/* SPDX-License-Identifier: BSD-2-Clause */
/* Formats the one sentence a failure leaves for the user. File names and guest text reach it: it is
 * clean (tickvm/text.h), so that whoever prints it may. */
#include "tickvm/diag.h"

#include "tickvm/text.h"

#include <stdio.h>

/* What is too long for a diag must be so when it is clean too: of four bytes one may be left. */
#define WHOLE_MAX (4 * sizeof(((struct diag *)NULL)->text))

int diag_set(struct diag *diag, int err, const char *format, ...)
{
	char whole[WHOLE_MAX] = "";
	va_list args;

	va_start(args, format);
	if (vsnprintf(whole, sizeof(whole), format, args) < 0)
		whole[0] = '\0';
	va_end(args);
	text_line(diag->text, sizeof(diag->text), whole);
	return err;
}
