/* SPDX-License-Identifier: BSD-2-Clause */
/* The words by which tickvm-results/2 says enumerations; writer and reader share them. */
#ifndef DATA_SCHEMA_WORDS_H
#define DATA_SCHEMA_WORDS_H

#include "tickvm/document.h"

#define RESULTS_2 "tickvm-results/2"
#define FAILED    "failed" /* the flag of a round that has no figures */

/* Each list ends with NULL; "": left out in files, and what is meant where there is nothing. */
extern const char *const words_of_good[],
	*const words_of_over[], *const words_of_level[], *const words_of_outcome[],
								 *const words_of_skip[];

/* Bits that are members of their own, true or left out. */
struct bit_word {
	unsigned bit;
	const char *key;
};
extern const struct bit_word bits_of_axis[], bits_of_figure[], bits_of_view[]; /* end with bit 0 */

/* The texts of a view, by their member's name; in the order of files. */
struct view_text {
	const char *key;
	size_t offset;
};
extern const struct view_text view_texts[]; /* ends with a NULL key */

#endif
