/* SPDX-License-Identifier: BSD-2-Clause */
/* Strings in fixed buffers: always terminated, never overrun, cut short when they do not fit.
 * Not a printf. */
#include "guest_text.h"

struct text text_in(char *buffer, size_t size)
{
	buffer[0] = '\0';
	return (struct text){.buffer = buffer, .size = size};
}

void text_add_span(struct text *text, const char *string, size_t length)
{
	for (size_t i = 0; i < length && text->used + 1 < text->size; i++)
		text->buffer[text->used++] = string[i];
	text->buffer[text->used] = '\0';
}

void text_add(struct text *text, const char *string)
{
	text_add_span(text, string, text_length(string));
}

static void add_number(struct text *text, uint64_t value, unsigned base)
{
	char digits[20];
	size_t n = sizeof(digits);

	do {
		digits[--n] = "0123456789abcdef"[value % base];
		value /= base;
	} while (value);
	text_add_span(text, digits + n, sizeof(digits) - n);
}

void text_add_decimal(struct text *text, uint64_t value)
{
	add_number(text, value, 10);
}

void text_add_hex(struct text *text, uint64_t value)
{
	text_add(text, "0x");
	add_number(text, value, 16);
}

size_t text_length(const char *string)
{
	size_t n = 0;

	while (string[n])
		n++;
	return n;
}

bool text_is(const char *string, size_t length, const char *name)
{
	for (size_t i = 0; i < length; i++)
		if (name[i] == '\0' || name[i] != string[i])
			return false;
	return name[length] == '\0';
}
