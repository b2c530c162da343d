/* SPDX-License-Identifier: BSD-2-Clause */
/* Numbers as people write them: "64M", "1.5ms", "800"; and the word that a mistyped one was to be.
 * One parser for options, files and experiments. */
#ifndef TICKVM_AMOUNT_H
#define TICKVM_AMOUNT_H

#include <stddef.h>
#include <stdint.h>

enum amount_kind {
	AMOUNT_NUMBER,
	/* bytes; or with K, M or G, powers of 1024 */
	AMOUNT_SIZE,
	/* nanoseconds; or with ns, us, ms or s */
	AMOUNT_NSEC,
	/* nanoseconds as well, but without a unit it is seconds */
	AMOUNT_SECONDS,
};

/* -EINVAL: it is none, has a sign, another unit, or a fraction of a byte, nanosecond or piece;
 * -ERANGE: more than UINT64_MAX. */
int amount_parse(enum amount_kind kind, const char *text, uint64_t *value);
/* With the largest unit that leaves a whole number, as one would type it. */
void amount_show(enum amount_kind kind, uint64_t value, char *text, size_t size);

/* The word of words (ends with NULL) that looks most like name, of length bytes; NULL: none is
 * close. Levenshtein's distance. */
const char *nearest_word(const char *name, size_t length, const char *const *words);

#endif
