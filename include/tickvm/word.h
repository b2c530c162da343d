/* SPDX-License-Identifier: BSD-2-Clause */
/* Interned texts: equal texts are one pointer, which lives until the process ends. For identities,
 * titles and axes' values of datasets, of which few are different. One thread at a time. */
#ifndef TICKVM_WORD_H
#define TICKVM_WORD_H

#include <stddef.h>

/* NULL gives NULL. Without memory the process ends, with a sentence and status 125. */
const char *word(const char *text);
/* Of the first length bytes. */
const char *word_n(const char *text, size_t length);

#endif
