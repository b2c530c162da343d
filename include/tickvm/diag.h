/* SPDX-License-Identifier: BSD-2-Clause */
/* One sentence for the user, carried from where a thing failed to where it is printed. */
#ifndef TICKVM_DIAG_H
#define TICKVM_DIAG_H

#include <stdarg.h>
#include <stdint.h>

/* Why a call failed. Functions that take a struct diag return 0 or a negative errno:
 * -ENOTSUP means this host cannot do it (exit status 77), -EINVAL the caller's options, the rest a
 * failure. */
struct diag {
	char text[512]; /* one line, clean (tickvm/text.h), says what was expected */
};

/* Sets the text (first failure wins is the caller's business) and returns err unchanged. */
__attribute__((format(printf, 3, 4))) int diag_set(
	struct diag *diag, int err, const char *format, ...);

#endif
