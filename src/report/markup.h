/* SPDX-License-Identifier: BSD-2-Clause */
/* Text inside HTML and SVG, and how much room it takes. It knows no chart and no page. */
#ifndef REPORT_MARKUP_H
#define REPORT_MARKUP_H

#include <stdio.h>

/* Clean text (tickvm/text.h) can be read and do nothing else, in an element and in a quoted
 * attribute. */
void markup_text(FILE *out, const char *text);
/* The same, cut with "…" where it is wider than width at this size of letters. */
void markup_fit(FILE *out, const char *text, double size, double width);
/* How wide text is at most, with letters of this size. */
double markup_width(const char *text, double size);

/* 1234567 as "1,234,567", else three digits that mean something: 12.3, 1.23, 0.0123. */
void markup_figure(char *text, size_t size, double value);
/* The same with so many decimals. */
void markup_fixed(char *text, size_t size, double value, int decimals);

#endif
