/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of interned texts: open addressing, FNV-1a. */
#include "tickvm/word.h"

#include "need.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define SIZE_FIRST 1024 /* a power of two */

static const char **table;
static size_t size, used;

static uint64_t hash(const char *text, size_t length)
{
	uint64_t h = 14695981039346656037ULL;

	for (size_t i = 0; i < length; i++)
		h = (h ^ (unsigned char)text[i]) * 1099511628211ULL;
	return h;
}

static const char **place(const char *text, size_t length)
{
	size_t i = hash(text, length) & (size - 1);

	while (table[i] != NULL &&
		(strncmp(table[i], text, length) != 0 || table[i][length] != '\0'))
		i = (i + 1) & (size - 1);
	return &table[i];
}

/* Half empty at least, so that a search ends soon. */
static void make_room(void)
{
	const char **before = table;
	size_t was = size;

	if (2 * (used + 1) <= size)
		return;
	size = size > 0 ? 2 * size : SIZE_FIRST;
	table = need(size, sizeof(*table));
	for (size_t i = 0; i < was; i++)
		if (before[i] != NULL)
			*place(before[i], strlen(before[i])) = before[i];
	free(before);
}

const char *word_n(const char *text, size_t length)
{
	const char **found;

	length = strnlen(text, length);
	make_room();
	found = place(text, length);
	if (*found == NULL) {
		char *copy = need(length + 1, 1);

		memcpy(copy, text, length);
		*found = copy;
		used++;
	}
	return *found;
}

const char *word(const char *text)
{
	return text != NULL ? word_n(text, strlen(text)) : NULL;
}
