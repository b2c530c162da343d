/* SPDX-License-Identifier: BSD-2-Clause */
/* The sentence a failure leaves: formatted, bounded, safe on a terminal.
 * What callers write into it is tested where they are. */
#include "tickvm/diag.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

Test(diag, formats_and_returns_the_error)
{
	struct diag diag = {""};

	cr_assert_eq(diag_set(&diag, -ENOEXEC, "%s: segment %u", "a.elf", 2u), -ENOEXEC);
	cr_assert_str_eq(diag.text, "a.elf: segment 2");
}

Test(diag, replaces_control_characters)
{
	struct diag diag = {""};

	diag_set(&diag, -EINVAL, "%s", "a\x1b[31m\nb\r\t\x7f\x01");
	cr_assert_str_eq(diag.text, "a?[31m b? ??");
}

Test(diag, replaces_c1_controls_and_keeps_other_utf8)
{
	struct diag diag = {""};

	/* U+009B is a control sequence introducer; U+00A0 and U+017C are text. */
	diag_set(&diag, -EINVAL, "%s",
		"\xc2\x9b"
		"31m \xc2\xa0 \xc5\xbc");
	cr_assert_str_eq(diag.text, "?31m \xc2\xa0 \xc5\xbc");
}

Test(diag, a_text_that_fits_exactly_is_kept)
{
	struct diag diag = {""};
	char fits[sizeof(diag.text)];

	memset(fits, 'x', sizeof(fits) - 1);
	fits[sizeof(fits) - 1] = '\0';
	diag_set(&diag, -EINVAL, "%s", fits);
	cr_assert_str_eq(diag.text, fits);
}

Test(diag, shows_that_a_long_text_was_cut)
{
	struct diag diag = {""};
	char longer[sizeof(diag.text) + 1];

	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	diag_set(&diag, -EINVAL, "%s", longer);
	cr_assert_eq(strlen(diag.text), sizeof(diag.text) - 1);
	cr_assert_str_eq(diag.text + sizeof(diag.text) - 5, "x...");
}
