/* SPDX-License-Identifier: BSD-2-Clause */
/* What a results file says, safe for other formats: characters, times, JSON.
 * How a format escapes its own marks is its own business. */
#include "export.h"

#include <errno.h>
#include <string.h>

#define REPLACEMENT 0xfffdU

/* What XML 1.0, YAML and terminals all take (XML 1.0, 2.2, without what it discourages). */
static bool is_text(uint32_t c)
{
	if (c < 0xa0)
		return c == '\t' || c == '\n' || (c >= ' ' && c < 0x7f);
	if ((c >= 0xd800 && c < 0xe000) || (c >= 0xfdd0 && c < 0xfdf0) || c > 0x10ffff)
		return false;
	return (c & 0xfffe) != 0xfffe;
}

/* Of a sequence that begins so; 0: none does. */
static size_t sequence_length(unsigned char first)
{
	if (first < 0x80)
		return 1;
	if (first < 0xc2 || first > 0xf4)
		return 0;
	return first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

uint32_t export_next(const char **text)
{
	static const unsigned char first_bits[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	const unsigned char *bytes = (const unsigned char *)*text;
	size_t length = sequence_length(*bytes), read = 1;
	uint32_t c = *bytes & first_bits[length];

	if (*bytes == '\0')
		return 0;
	while (read < length && (bytes[read] & 0xc0) == 0x80)
		c = c << 6 | (bytes[read++] & 0x3f);
	if (read != length) {
		*text += 1;
		return REPLACEMENT;
	}
	*text += length;
	return c >= least[length] && is_text(c) ? c : REPLACEMENT;
}

void export_put(FILE *out, uint32_t c)
{
	if (c < 0x80) {
		fputc((int)c, out);
		return;
	}
	if (c < 0x800) {
		fputc((int)(0xc0 | c >> 6), out);
	} else {
		if (c < 0x10000) {
			fputc((int)(0xe0 | c >> 12), out);
		} else {
			fputc((int)(0xf0 | c >> 18), out);
			fputc((int)(0x80 | (c >> 12 & 0x3f)), out);
		}
		fputc((int)(0x80 | (c >> 6 & 0x3f)), out);
	}
	fputc((int)(0x80 | (c & 0x3f)), out);
}

struct tm export_time(const struct report_file *file)
{
	struct tm tm = {0};
	const char *end = strptime(report_member(file, "time"), "%Y-%m-%dT%H:%M:%SZ", &tm);
	/* There and back: a date that there is none of (30 February) becomes one. */
	time_t seconds = end != NULL && *end == '\0' ? timegm(&tm) : 0;

	if (seconds < 0)
		seconds = 0;
	gmtime_r(&seconds, &tm);
	return tm;
}

double export_duration_ns(const struct report_file *file)
{
	double ns = json_number_value(json_object_get(file->root, "duration_ns"));

	return ns > 0 ? ns : 0;
}

int export_json(json_t *json, size_t flags, FILE *out, struct diag *diag)
{
	if (json == NULL)
		return diag_set(diag, -ENOMEM, "out of memory");
	int err = json_dumpf(json, out, flags | JSON_REAL_PRECISION(15));

	json_decref(json);
	fputc('\n', out);
	return err == 0 || ferror(out) ? 0 : diag_set(diag, -ENOMEM, "out of memory");
}
