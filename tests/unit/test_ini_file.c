/* SPDX-License-Identifier: BSD-2-Clause */
/* The reader of INI files: what a line is, what is no part of a file, and how long things may be.
 */
#include "tickvm/ini_file.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static char seen[4096]; /* "[section]", "key=value", each with '|' behind it */
static struct diag diag;
static char told[512];
static unsigned told_lines[8];

static int take(void *user, const struct ini_line *line, struct diag *why)
{
	size_t used = strlen(seen);

	(void)user;
	if (line->key == NULL)
		snprintf(seen + used, sizeof(seen) - used, "[%s]|", line->section);
	else
		snprintf(
			seen + used, sizeof(seen) - used, "%.40s=%.2100s|", line->key, line->value);
	if (strstr(line->key != NULL ? line->key : line->section, "bad") != NULL)
		return diag_set(why, -EINVAL, "x:%u: bad", line->number);
	return 0;
}

static int read_bytes(const char *bytes, size_t size, struct ini_complaints *complaints)
{
	FILE *file = fmemopen((void *)(uintptr_t)bytes, size, "r");

	cr_assert_not_null(file);
	seen[0] = diag.text[0] = '\0';
	int err = ini_file_read(file, "x", take, NULL, complaints, &diag);

	fclose(file);
	return err;
}

static void reads(const char *text, const char *expected)
{
	cr_expect_eq(read_bytes(text, strlen(text), NULL), 0, "%s: %s", text, diag.text);
	cr_expect_str_eq(seen, expected, "%s: %s", text, seen);
}

static void refused(const char *text, const char *expected)
{
	cr_expect_eq(read_bytes(text, strlen(text), NULL), -EINVAL, "%s", text);
	cr_expect_str_eq(diag.text, expected, "%s", text);
}

Test(ini_file, lines)
{
	reads("\n", "");
	reads("[a]\nk = v\n[b c]\nk=v", "[a]|k=v|[b c]|k=v|");
	reads("  [a]\t\r\n\tk\t=\tv w \r\n\n k2=\n", "[a]|k=v w|k2=|");
	reads("k = a=b\nodd key = [x]\n", "k=a=b|odd key=[x]|");
	reads("[gate \"a]b\"]\n[x] # c\n[y] ; c\n", "[gate \"a]b\"]|[x]|[y]|");
}

Test(ini_file, comments)
{
	reads("# a\n; b\n  # c\n\t; d\n#\n;", "");
	reads("k = v ; c\nk = v\t;c ; d\nk=;v\nk = ;v\n", "k=v|k=v|k=;v|k=|");
	/* Quotes mean nothing, and neither does '#' behind a value. */
	reads("k = a;b #c \"d\"\nk = 'e'\n", "k=a;b #c \"d\"|k='e'|");
}

Test(ini_file, byte_order_mark)
{
	reads("\xef\xbb\xbfk = v\n", "k=v|");
	reads("\xef\xbb\xbf# c\nk = v\n", "k=v|");
	reads("\xef\xbb\xbf[a]\n", "[a]|");
	refused("\xef\xbb", "x:1: expected [section] or key = value");
	reads("k = v\n\xef\xbb\xbfl = w\n", "k=v|\xef\xbb\xbfl=w|");
}

Test(ini_file, what_is_no_part_of_one)
{
	static const char expected[] = "x:2: expected [section] or key = value";

	refused("\nword\n", expected);
	refused("\n= v\n", expected);
	refused("\n[a\n", expected);
	refused("\n[a] b\n", expected);
	refused("\n[a]b\n", expected);
	refused("\n[a \"]\n", expected);
	refused("\nk : v\n", expected);
	refused("\nk ; = v\n", expected);
	refused("\nbad = 1\n", "x:2: bad");
}

Test(ini_file, a_nul_byte)
{
	static const char in_value[] = "[a]\nk = 2\0\n", in_comment[] = "\n# \0\n",
			  alone[] = "\n\n\0";

	cr_expect_eq(read_bytes(in_value, sizeof(in_value) - 1, NULL), -EINVAL);
	cr_expect_str_eq(diag.text, "x:2: a NUL byte; expected text");
	cr_expect_eq(read_bytes(in_comment, sizeof(in_comment) - 1, NULL), -EINVAL);
	cr_expect_str_eq(diag.text, "x:2: a NUL byte; expected text");
	cr_expect_eq(read_bytes(alone, sizeof(alone) - 1, NULL), -EINVAL);
	cr_expect_str_eq(diag.text, "x:3: a NUL byte; expected text");
}

static char *filled(const char *begin, size_t n, const char *end)
{
	char *text = malloc(strlen(begin) + n + strlen(end) + 1);

	cr_assert_not_null(text);
	strcpy(text, begin);
	memset(text + strlen(begin), 'x', n);
	strcpy(text + strlen(begin) + n, end);
	return text;
}

/* A value as the command line takes it, and comments of any length. */
Test(ini_file, long_lines)
{
	char *value = filled("append = ", 2047, "\n"),
	     *comment = filled("# ", 1000000, "\nk = v\n"),
	     *behind = filled("k = v ; ", 1000000, "\nl = w\n"),
	     *section = filled("[", 2000, "]\n"), *key = filled("", INI_TEXT_MAX + 1, "=\n");

	cr_expect_eq(read_bytes(value, strlen(value), NULL), 0, "%s", diag.text);
	cr_expect_eq(strlen(seen), strlen("append=|") + 2047);
	reads(comment, "k=v|");
	reads(behind, "k=v|l=w|");
	cr_expect_eq(read_bytes(section, strlen(section), NULL), 0, "%s", diag.text);
	refused(key, "x:1: line too long; expected at most 65535 bytes, comment aside");
	free(value);
	free(comment);
	free(behind);
	free(section);
	free(key);
}

static void tell(void *user, unsigned line, const char *text)
{
	struct ini_complaints *complaints = user;

	cr_assert_leq(complaints->n, 8);
	told_lines[complaints->n - 1] = line;
	snprintf(told + strlen(told), sizeof(told) - strlen(told), "%s|", text);
}

/* Each wrong line is told, and a bad section's keys are passed over. */
Test(ini_file, complaints)
{
	static const char text[] =
		"word\n[bad]\nk = v\nbad = 2\nword\n[good]\nbad = 1\nk = \0\nl = w\n";
	struct ini_complaints complaints = {.take = tell};

	complaints.user = &complaints;
	cr_expect_eq(read_bytes(text, sizeof(text) - 1, &complaints), 0);
	cr_expect_eq(complaints.n, 5);
	cr_expect_str_eq(told, "x:1: expected [section] or key = value|x:2: bad|x:5: expected "
			       "[section] or key = value|x:7: bad|x:8: a NUL byte; expected text|");
	cr_expect_eq(told_lines[2], 5);
	cr_expect_str_eq(seen, "[bad]|[good]|bad=1|l=w|");
}

Test(ini_file, places_leave_room_for_a_reason)
{
	char *path = filled("/", 4000, ".ini"), *value = filled("", 3000, "");
	char place[INI_PLACE_MAX];

	ini_place(place, "a.ini", 3, "key", "value");
	cr_expect_str_eq(place, "a.ini:3: key = value");
	ini_place(place, "a.ini", 3, NULL, NULL);
	cr_expect_str_eq(place, "a.ini:3");
	ini_place(place, path, 4000000000U, value, value);
	cr_expect_lt(strlen(place), sizeof(place));
	cr_expect_not_null(strstr(place, "x.ini:4000000000: x"), "%s", place);
	cr_expect_str_eq(place + strlen(place) - 4, "x...");
	free(path);
	free(value);
}
