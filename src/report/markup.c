/* SPDX-License-Identifier: BSD-2-Clause */
/* Escaping, widths and figures for HTML and SVG.
 * Widths are those of a wide font, not the reader's: what fits by them fits by any usual one. */
#include "markup.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

static void put_byte(FILE *out, unsigned char byte)
{
	switch (byte) {
	case '&':
		fputs("&amp;", out);
		break;
	case '<':
		fputs("&lt;", out);
		break;
	case '>':
		fputs("&gt;", out);
		break;
	case '"':
		fputs("&quot;", out);
		break;
	case '\'':
		fputs("&#39;", out);
		break;
	default:
		fputc(byte, out);
	}
}

void markup_text(FILE *out, const char *text)
{
	for (; *text != '\0'; text++)
		put_byte(out, (unsigned char)*text);
}

/* DejaVu Sans, Verdana's like and the widest of the usual ones, in hundredths of the size. */
static const unsigned char widths[] = {32, 41, 46, 84, 64, 96, 78, 28, 40, 40, 50, 84, 32, 37, 32,
	34, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 34, 34, 84, 84, 84, 54, 100, 69, 69, 70, 78, 64,
	58, 78, 76, 30, 30, 66, 56, 87, 75, 79, 61, 79, 70, 64, 62, 74, 69, 99, 69, 62, 69, 40, 34,
	40, 84, 50, 50, 62, 64, 55, 64, 62, 36, 64, 64, 28, 28, 58, 28, 98, 64, 62, 64, 64, 42, 53,
	40, 64, 60, 82, 60, 60, 53, 64, 34, 64, 84};
_Static_assert(sizeof(widths) == 0x7f - ' ', "printable ASCII");

/* Of the character that begins with byte; those of more than two bytes may be CJK. */
static double byte_width(unsigned char byte, double size)
{
	if (byte >= ' ' && byte < 0x7f)
		return widths[byte - ' '] * size / 100;
	if ((byte & 0xc0) == 0x80)
		return 0;
	return byte >= 0xe0 ? 1.05 * size : 0.8 * size;
}

double markup_width(const char *text, double size)
{
	double width = 0;

	for (; *text != '\0'; text++)
		width += byte_width((unsigned char)*text, size);
	return width;
}

void markup_fit(FILE *out, const char *text, double size, double width)
{
	double ellipsis = size, used = 0;

	if (markup_width(text, size) <= width) {
		markup_text(out, text);
		return;
	}
	for (; *text != '\0'; text++) {
		used += byte_width((unsigned char)*text, size);
		if (used + ellipsis > width && (*text & 0xc0) != 0x80)
			break;
		put_byte(out, (unsigned char)*text);
	}
	fputs("…", out);
}

void markup_fixed(char *text, size_t size, double value, int decimals)
{
	char plain[64];
	double magnitude = fabs(value);

	if (magnitude != 0 && (magnitude >= 1e15 || magnitude < 1e-6)) {
		snprintf(text, size, "%.3g", value);
		return;
	}
	snprintf(plain, sizeof(plain), "%.*f", decimals, magnitude);
	size_t whole = strcspn(plain, "."), used = 0;
	bool zero = strspn(plain, "0.") == strlen(plain);

	if (value < 0 && !zero)
		used += (size_t)snprintf(text, size, "−");
	for (size_t i = 0; plain[i] != '\0' && used + 2 < size; i++) {
		if (i > 0 && i < whole && (whole - i) % 3 == 0)
			text[used++] = ',';
		text[used++] = plain[i];
	}
	text[used] = '\0';
}

void markup_figure(char *text, size_t size, double value)
{
	double magnitude = fabs(value);
	int digits = magnitude > 0 ? (int)floor(log10(magnitude)) + 1 : 3;

	markup_fixed(text, size, value, digits < 3 ? 3 - digits : 0);
}
