/* SPDX-License-Identifier: BSD-2-Clause */
/* The payload's command line, as guest_abi.h documents it: keys, defaults, and what is refused.
 * Builds the payload's own source hosted; runs no guest. */
#include "../../src/guest/text.c"
#include "../../src/guest/cmdline.c"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static struct cmdline cmdline;
static char error[160];

static bool parse(const char *text)
{
	return cmdline_parse(&cmdline, text, error, sizeof(error));
}

Test(guest_cmdline, empty_is_hello_with_defaults)
{
	cr_assert(parse(""));
	cr_expect_eq(cmdline.test, TEST_HELLO);
	cr_expect_eq(cmdline.warmup, 16);
	cr_expect_eq(cmdline.wait, WAIT_HLT);
	cr_expect_eq(cmdline.arm, ARM_MMIO);
	cr_expect_eq(cmdline.lapic_timer, LAPIC_TIMER_AUTO);
	cr_expect_not(cmdline.residual);
	cr_expect_not(cmdline.hypercalls);
	cr_expect_eq(cmdline.tsc_hz, 0, "0: to be measured");
	cr_expect_str_eq(error, "");
}

Test(guest_cmdline, timer_keys)
{
	cr_assert(parse("test=timer source=dedicated mode=deadline interval_ns=50000 count=7 "
			"warmup=0 "
			"wait=user arm=shared residual=1 tsc_hz=2596000000 lapic_hz=1000000000 "
			"console=serial"),
		"%s", error);
	cr_expect_eq(cmdline.test, TEST_TIMER);
	cr_expect_eq(cmdline.source, SOURCE_DEDICATED);
	cr_expect_eq(cmdline.mode, MODE_DEADLINE);
	cr_expect_eq(cmdline.interval_ns, 50000);
	cr_expect_eq(cmdline.count, 7);
	cr_expect_eq(cmdline.warmup, 0);
	cr_expect_eq(cmdline.wait, WAIT_USER);
	cr_expect_eq(cmdline.arm, ARM_SHARED);
	cr_expect(cmdline.residual);
	cr_expect_eq(cmdline.tsc_hz, 2596000000);
	cr_expect_eq(cmdline.lapic_hz, 1000000000);
	cr_expect_eq(cmdline.console, CONSOLE_SERIAL);
}

Test(guest_cmdline, ipi_defaults_to_pingpong)
{
	cr_assert(parse("test=ipi apic=x2apic"));
	cr_expect_eq(cmdline.mode, MODE_PINGPONG);
	cr_expect_eq(cmdline.apic, APIC_X2APIC);
	cr_assert(parse("mode=oneway test=ipi"));
	cr_expect_eq(cmdline.mode, MODE_ONEWAY);
}

Test(guest_cmdline, every_exit_kind_is_a_key)
{
	static const char *const names[] = GUEST_EXIT_NAMES;
	char text[64];

	for (unsigned i = 0; i < GUEST_EXIT_KINDS; i++) {
		snprintf(text, sizeof(text), "test=exits %s=%u", names[i], i + 1);
		cr_assert(parse(text), "%s: %s", text, error);
		for (unsigned j = 0; j < GUEST_EXIT_KINDS; j++)
			cr_expect_eq(cmdline.exits[j], j == i ? i + 1 : 0, "%s", text);
	}
	cr_expect(parse("hypercalls=1 hypercall=3"), "a permission and a count, two keys");
	cr_expect(cmdline.hypercalls);
	cr_expect_eq(cmdline.exits[GUEST_EXIT_HYPERCALL], 3);
}

Test(guest_cmdline, words_may_be_spaced_anyhow)
{
	cr_assert(parse("  test=exits \t pio-in=2\n"));
	cr_expect_eq(cmdline.test, TEST_EXITS);
	cr_expect_eq(cmdline.exits[GUEST_EXIT_PIO_IN], 2);
}

/* Multiboot loaders put the image's path first. */
Test(guest_cmdline, first_word_may_be_the_image)
{
	cr_expect(parse("/boot/tickvm-guest test=timer"));
	cr_expect_eq(cmdline.test, TEST_TIMER);
	cr_expect(parse("/srv/a=b/tickvm-guest test=ipi"));
	cr_expect_eq(cmdline.test, TEST_IPI);
	cr_expect_not(parse("test=timer /boot/tickvm-guest"));
}

Test(guest_cmdline, refusals_name_the_word)
{
	static const char *const bad[][2] = {
		{"test=hello colour=red", "colour"},
		{"test=nothing", "test=nothing"},
		{"test=hell", "test=hell"},
		{"test=", "test="},
		{"test=timer count=", "count="},
		{"test=timer count=0", "count=0"},
		{"test=timer count=-1", "count=-1"},
		{"test=timer count=1x", "count=1x"},
		{"test=timer interval_ns=999", "interval_ns=999"},
		{"test=timer interval_ns=18446744073709551617", "interval_ns="},
		{"test=timer residual=2", "residual=2"},
		{"test=timer wait", "wait"},
		{"test=timer mode=pingpong", "mode"},
		{"test=ipi mode=periodic", "mode"},
		{"test=timer source=tsc-poll mode=periodic", "mode"},
		{"test=exits pio-in=x", "pio-in=x"},
		{"test=exits hlt=18446744073709551617", "hlt="},
		{"test=bench", "name"},
		{"test=bench name=", "name="},
		{"test=bench name=0123456789012345678901234567890123", "name="},
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		cr_expect_not(parse(bad[i][0]), "%s", bad[i][0]);
		cr_expect_not_null(strstr(error, bad[i][1]), "%s: %s", bad[i][0], error);
	}
}

Test(guest_cmdline, bad_value_says_what_was_expected)
{
	cr_assert_not(parse("wait=sleep"));
	cr_expect_str_eq(error, "bad value: wait=sleep: expected hlt, user");
	cr_assert_not(parse("warmup=many"));
	cr_expect_str_eq(error, "bad value: warmup=many: expected 0 to 100000000");
}

Test(guest_cmdline, longest_name_fits)
{
	cr_assert(parse("test=bench name=0123456789012345678901234567890"));
	cr_expect_str_eq(cmdline.name, "0123456789012345678901234567890");
}

Test(guest_cmdline, messages_are_cut_not_overrun)
{
	char small[16];

	memset(small, 'x', sizeof(small));
	cr_expect_not(cmdline_parse(&cmdline, "no_such_key_whatever=1", small, 8));
	cr_expect_eq(strlen(small), 7);
	cr_expect_eq(small[8], 'x');
}

Test(guest_cmdline, text_is_read_up_to_the_maximum_only)
{
	static char text[GUEST_CMDLINE_MAX + 64];

	memset(text, ' ', sizeof(text));
	memcpy(text, "test=ipi", 8);
	memcpy(text + GUEST_CMDLINE_MAX, "test=bench", 10);
	cr_assert(parse(text), "%s", error);
	cr_expect_eq(cmdline.test, TEST_IPI);
}
