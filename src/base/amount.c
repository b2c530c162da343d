/* SPDX-License-Identifier: BSD-2-Clause */
/* Amounts from words and back. */
#include "tickvm/amount.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORD_MAX 31 /* letters of a word that another may be near to */

struct suffix {
	const char *name;
	uint64_t factor;
};
static const struct suffix no_units[] = {{"", 1}, {NULL, 0}};
static const struct suffix sizes[] = {
	{"", 1}, {"K", 1 << 10}, {"M", 1 << 20}, {"G", 1 << 30}, {NULL, 0}};
static const struct suffix times[] = {
	{"", 1}, {"ns", 1}, {"us", 1000}, {"ms", 1000000}, {"s", 1000000000}, {NULL, 0}};
static const struct suffix seconds[] = {
	{"", 1000000000}, {"ns", 1}, {"us", 1000}, {"ms", 1000000}, {"s", 1000000000}, {NULL, 0}};
static const struct suffix *const suffixes[] = {[AMOUNT_NUMBER] = no_units,
	[AMOUNT_SIZE] = sizes,
	[AMOUNT_NSEC] = times,
	[AMOUNT_SECONDS] = seconds};

/* Digits behind the point, exactly: whole/scale of a unit. */
static int parse_fraction(const char **text, uint64_t *whole, uint64_t *scale)
{
	*whole = 0;
	*scale = 1;
	if (**text != '.')
		return 0;
	for (++*text; **text >= '0' && **text <= '9'; ++*text) {
		if (*scale > UINT64_MAX / 1000)
			return -EINVAL;
		*whole = 10 * *whole + (uint64_t)(**text - '0');
		*scale *= 10;
	}
	return *scale > 1 ? 0 : -EINVAL;
}

int amount_parse(enum amount_kind kind, const char *text, uint64_t *value)
{
	const struct suffix *suffix = suffixes[kind];
	uint64_t fraction, scale, part;
	char *end;

	if (*text < '0' || *text > '9') /* strtoull() would take blanks and signs */
		return -EINVAL;
	errno = 0;
	unsigned long long number = strtoull(text, &end, 10);
	const char *rest = end;

	if (errno != 0)
		return -ERANGE;
	if (parse_fraction(&rest, &fraction, &scale) < 0)
		return -EINVAL;
	while (suffix->name != NULL && strcmp(suffix->name, rest) != 0)
		suffix++;
	if (suffix->name == NULL || (scale > 1 && suffix->factor == 1))
		return -EINVAL;
	if (__builtin_mul_overflow(fraction, suffix->factor, &part) || part % scale != 0)
		return -EINVAL;
	if (__builtin_mul_overflow(number, suffix->factor, value) ||
		__builtin_add_overflow(*value, part / scale, value))
		return -ERANGE;
	return 0;
}

void amount_show(enum amount_kind kind, uint64_t value, char *text, size_t size)
{
	const struct suffix *best = NULL;

	for (const struct suffix *unit = suffixes[kind]; unit->name != NULL; unit++)
		if (value != 0 && value % unit->factor == 0 &&
			(best == NULL || unit->factor > best->factor))
			best = unit;
	if (best == NULL)
		snprintf(text, size, "0");
	else
		snprintf(text, size, "%llu%s", (unsigned long long)(value / best->factor),
			best->name);
}

/* ---- words ---- */

static unsigned distance(const char *a, size_t a_length, const char *b)
{
	unsigned row[WORD_MAX + 1];
	size_t b_length = strlen(b);

	if (a_length > WORD_MAX || b_length > WORD_MAX)
		return WORD_MAX + 1;
	for (unsigned j = 0; j <= b_length; j++)
		row[j] = j;
	for (size_t i = 1; i <= a_length; i++) {
		unsigned diagonal = row[0];

		row[0] = (unsigned)i;
		for (size_t j = 1; j <= b_length; j++) {
			unsigned best = diagonal + (a[i - 1] != b[j - 1]);

			diagonal = row[j];
			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
		}
	}
	return row[b_length];
}

const char *nearest_word(const char *name, size_t length, const char *const *words)
{
	const char *best = NULL;
	/* Words that share no letter are never near. */
	unsigned least = length < 3 ? (unsigned)length : length < 6 ? 3 : 4;

	for (; *words != NULL; words++) {
		unsigned d = length >= 3 && strncmp(name, *words, length) == 0
				     ? 1
				     : distance(name, length, *words);

		if (d < least) {
			least = d;
			best = *words;
		}
	}
	return best;
}
