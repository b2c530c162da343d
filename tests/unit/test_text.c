/* SPDX-License-Identifier: BSD-2-Clause */
/* Anybody's text made fit to be shown. What each form of a report makes of it is in
 * test_harmless.c.
 */
#include "tickvm/text.h"

#include "harm.h"

#include <criterion/criterion.h>

#include <stdlib.h>

#define R "\xef\xbf\xbd" /* U+FFFD */

static void reads_as(const char *text, const char *expected)
{
	char *clean = text_clean(text, TEXT_LINES);

	cr_expect_str_eq(clean, expected);
	free(clean);
}

Test(text, stays_as_it_is)
{
	reads_as("", "");
	reads_as("a\nb\n~ <&> : # [", "a\nb\n~ <&> : # [");
	reads_as("µs … \U0001f600 \ud7ff \ue000 \u00a0 \U0010fffd",
		"µs … \U0001f600 \ud7ff \ue000 \u00a0 \U0010fffd");
}

Test(text, controls_are_replaced)
{
	reads_as("\x01\x1b[31m\r\x7f", R R "[31m" R R);
	reads_as("\xc2\x80\xc2\x9f\xc2\xa0", R R "\xc2\xa0");
	reads_as("a\tb", "a b");
}

Test(text, what_is_no_utf8_is_replaced)
{
	reads_as("\xed\xa0\x80\xf4\x90\x80\x80", R R);       /* a surrogate; above U+10FFFF */
	reads_as("\xc0\xaf\xe0\x80\xaf\xf8\xff", R R R R R); /* too long; no beginnings */
	reads_as("\x80-\xe2\x82", R "-" R R);                /* a middle; cut short */
	reads_as("\xef\xbf\xbe\xef\xbf\xbf\xef\xb7\x90\xf4\x8f\xbf\xbf", R R R R);
}

Test(text, what_reorders_or_hides_is_replaced)
{
	reads_as("a\u202eb\u2066c\u2069\u200e\u200f\u061c", "a" R "b" R "c" R R R R);
	reads_as("\u2028\u2029\u200b\u200d\u2060\ufeff\u00ad\U000e0041", R R R R R R R R);
}

Test(text, commands_of_logs_lose_their_first_character)
{
	reads_as("::error::x", R ":error" R ":x");
	reads_as("a\n  ::x", "a\n  " R ":x");
	reads_as(":::", R R ":");
	reads_as("##[error]", R "#[error]");
	reads_as("####[", "##" R "#[");
	reads_as("x ##VSO[task] ##teamcity[", "x " R "#VSO[task] " R "#teamcity[");
	reads_as("section_start:1:a section_end:", R "ection_start:1:a " R "ection_end:");
	reads_as("## a: b section ##", "## a: b section ##");
}

Test(text, a_line_stays_one)
{
	char *clean = text_clean("a\nb\r\nc\td", TEXT_LINE);

	cr_expect_str_eq(clean, "a b" R " c d");
	free(clean);
}

Test(text, what_has_no_room_is_cut_at_a_character)
{
	static const struct {
		size_t size;
		const char *text, *expected;
	} cases[] = {
		{6, "abcde", "abcde"},
		{6, "abcdef", "ab..."},
		{6, "aéé", "aéé"},
		{6, "aééé", "a..."},
		{7, "aééé", "aé..."},
		{4, "", ""},
		{4, "abcd", "..."},
		{6, "\x01\x02\x03\x04\x05", "?????"},
		{6, "a\n\u202e::", "a ??:"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char to[16];

		memset(to, '#', sizeof(to));
		cr_expect_eq(text_line(to, cases[i].size, cases[i].text), to);
		cr_expect_str_eq(to, cases[i].expected, "%s", cases[i].text);
		cr_expect_eq(to[cases[i].size], '#', "%s", cases[i].text);
	}
}

/* Pieces from which anything harmful can come together. */
static const char *const pieces[] = {":", "#", "[", "vso", "section_start", "\n", "\r", "\t", " ",
	"\x1b", "\x7f", "\xc2", "\x85", "\xe2\x80", "\xae", "\u2066", "\u200b", "\ufeff", "é",
	"\xf0\x9f", "\xff", "a"};

Test(text, of_any_pieces_is_harmless_and_clean_for_good)
{
	uint32_t random = 1;

	for (unsigned round = 0; round < 20000; round++) {
		char text[64] = "";
		const char *where;

		for (unsigned i = 0; i < 5; i++) {
			random = random * 1664525 + 1013904223;
			strcat(text, pieces[(random >> 16) % (sizeof(pieces) / sizeof(pieces[0]))]);
		}
		char *clean = text_clean(text, TEXT_LINES), *again = text_clean(clean, TEXT_LINES);
		const char *harm = harm_in(clean, false, &where);

		cr_assert_null(harm, "round %u: %s at \"%s\"", round, harm, where);
		cr_assert_str_eq(again, clean, "round %u", round);
		free(clean);
		free(again);
	}
}
