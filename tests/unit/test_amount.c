/* SPDX-License-Identifier: BSD-2-Clause */
/* Amounts as people write them, and words that were mistyped. */
#include "tickvm/amount.h"

#include <criterion/criterion.h>
#include <errno.h>

#define N(ARRAY) (sizeof(ARRAY) / sizeof((ARRAY)[0]))

Test(amount, with_units_and_fractions)
{
	static const struct {
		enum amount_kind kind;
		const char *text;
		uint64_t value;
	} good[] = {{AMOUNT_NSEC, "10us", 10000}, {AMOUNT_NSEC, "1.5ms", 1500000},
		{AMOUNT_NSEC, "2s", 2000000000}, {AMOUNT_NSEC, "800", 800},
		{AMOUNT_NSEC, "800ns", 800}, {AMOUNT_NSEC, "0.000000001s", 1},
		{AMOUNT_SIZE, "512", 512}, {AMOUNT_SIZE, "64K", 65536}, {AMOUNT_SIZE, "1.5K", 1536},
		{AMOUNT_SIZE, "3G", 3ULL << 30}, {AMOUNT_SECONDS, "60", 60000000000},
		{AMOUNT_SECONDS, "0.5", 500000000}, {AMOUNT_SECONDS, "5ms", 5000000},
		{AMOUNT_NUMBER, "0", 0}, {AMOUNT_NUMBER, "18446744073709551615", UINT64_MAX}};
	uint64_t value;

	for (size_t i = 0; i < N(good); i++) {
		cr_expect_eq(
			amount_parse(good[i].kind, good[i].text, &value), 0, "%s", good[i].text);
		cr_expect_eq(
			value, good[i].value, "%s: %llu", good[i].text, (unsigned long long)value);
	}
}

Test(amount, what_is_none)
{
	static const struct {
		enum amount_kind kind;
		const char *text;
		int err;
	} wrong[] = {{AMOUNT_NSEC, "", -EINVAL}, {AMOUNT_NSEC, "us", -EINVAL},
		{AMOUNT_NSEC, "-1us", -EINVAL}, {AMOUNT_NSEC, "+1us", -EINVAL},
		{AMOUNT_NSEC, " 1us", -EINVAL}, {AMOUNT_NSEC, "1 us", -EINVAL},
		{AMOUNT_NSEC, "0x10", -EINVAL}, {AMOUNT_NSEC, "inf", -EINVAL},
		{AMOUNT_NSEC, "1h", -EINVAL}, {AMOUNT_NSEC, "1us2", -EINVAL},
		{AMOUNT_NSEC, "1e30s", -EINVAL}, {AMOUNT_NSEC, "1.5", -EINVAL},
		{AMOUNT_NSEC, "1.5ns", -EINVAL}, {AMOUNT_NSEC, "1.us", -EINVAL},
		{AMOUNT_NSEC, "0.0000000001s", -EINVAL},
		{AMOUNT_NSEC, "1.00000000000000000000000s", -EINVAL},
		{AMOUNT_NSEC, "99999999999s", -ERANGE}, {AMOUNT_SIZE, "1k", -EINVAL},
		{AMOUNT_SIZE, "1KB", -EINVAL}, {AMOUNT_SIZE, "17179869184G", -ERANGE},
		{AMOUNT_NUMBER, "1.0", -EINVAL}, {AMOUNT_NUMBER, "1K", -EINVAL},
		{AMOUNT_NUMBER, "18446744073709551616", -ERANGE}};
	uint64_t value;

	for (size_t i = 0; i < N(wrong); i++)
		cr_expect_eq(amount_parse(wrong[i].kind, wrong[i].text, &value), wrong[i].err,
			"'%s'", wrong[i].text);
}

Test(amount, shown_as_one_would_type_it)
{
	static const struct {
		enum amount_kind kind;
		uint64_t value;
		const char *text;
	} shown[] = {{AMOUNT_NSEC, 0, "0"}, {AMOUNT_NSEC, 1500, "1500"}, {AMOUNT_NSEC, 2000, "2us"},
		{AMOUNT_SIZE, 64 << 20, "64M"}, {AMOUNT_SIZE, 513, "513"},
		{AMOUNT_SECONDS, 60000000000, "60"}, {AMOUNT_SECONDS, 1500000, "1500us"},
		{AMOUNT_SECONDS, 0, "0"}, {AMOUNT_NUMBER, 7, "7"}};
	char text[32];

	for (size_t i = 0; i < N(shown); i++) {
		amount_show(shown[i].kind, shown[i].value, text, sizeof(text));
		cr_expect_str_eq(text, shown[i].text);
	}
}

Test(amount, the_word_that_was_meant)
{
	static const char *const words[] = {"kernel", "split", "user", NULL};

	cr_expect_str_eq(nearest_word("kernle", 6, words), "kernel");
	cr_expect_str_eq(nearest_word("use", 3, words), "user");
	cr_expect_null(nearest_word("xen", 3, words));
	cr_expect_null(nearest_word("1g", 2, (const char *const[]){"2m", "4k", NULL}));
	cr_expect_null(nearest_word("", 0, words));
	cr_expect_null(nearest_word("a-word-of-more-than-31-letters-is-none", 38, words));
}
