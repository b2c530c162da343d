/* SPDX-License-Identifier: BSD-2-Clause */
/* Strings in fixed buffers: always terminated, never overrun, cut short when they do not fit.
 * Not a printf. */
#ifndef GUEST_TEXT_H
#define GUEST_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct text {
	char *buffer;
	size_t size, used;
};

struct text text_in(char *buffer, size_t size); /* size is not 0 */
void text_add(struct text *text, const char *string);
void text_add_span(struct text *text, const char *string, size_t length);
void text_add_decimal(struct text *text, uint64_t value);
void text_add_hex(struct text *text, uint64_t value);

size_t text_length(const char *string);
/* Does the span [string, string + length) spell name? */
bool text_is(const char *string, size_t length, const char *name);

#endif
