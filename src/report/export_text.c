/* SPDX-License-Identifier: BSD-2-Clause */
/* What a results file says of itself, as other formats want it: times, and JSON as a whole. */
#include "export.h"

#include <errno.h>
#include <string.h>

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
