/* SPDX-License-Identifier: BSD-2-Clause */
/* The payload's command line, as guest_abi.h documents it: keys, defaults, and what is refused.
 * Builds the payload's own source hosted; runs no guest. */
#include "../../src/guest/guest_text.c"
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
		{"test=bench name=sgdt iterations=0", "iterations=0"},
		{"test=bench name=sgdt round_ns=999", "round_ns=999"},
		{"test=bench name=sgdt cpl=1", "cpl=1"},
		{"test=bench name=sgdt scale=x1", "scale=x1"},
		{"test=bench name=sgdt signals=", "signals="},
		{"test=memory pages=1g", "pages=1g"},
		{"test=memory vcpus=17", "vcpus=17"},
		{"test=memory max_bytes=255", "max_bytes=255"},
		{"test=linpack n=0", "n=0"},
		{"test=linpack simd=avx512", "simd=avx512"},
		{"test=ctx contexts=65", "contexts=65"},
		{"test=ctx stride=7", "stride=7"},
		{"test=disk op=erase", "op=erase"},
		{"test=disk pattern=zigzag", "pattern=zigzag"},
		{"test=disk record=511", "record=511"},
		{"test=disk record=513", "record"},
		{"test=disk record=16777728", "record=16777728"},
		{"test=disk bytes=1000", "bytes"},
		{"test=disk depth=65", "depth=65"},
		{"test=disk depth=0", "depth=0"},
		{"test=disk verify=2", "verify=2"},
		{"test=timer load=cpu", "load=cpu"},
		{"test=timer source=tsc-poll load=io", "load"},
		{"test=timer each=1", "each"},
		{"test=disk each=1", "each"},
		{"test=disk each=2 depth=1", "each=2"},
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

Test(guest_cmdline, bench_keys)
{
	cr_assert(parse("test=bench name=out"));
	cr_expect_eq(cmdline.iterations, 0, "0: a pilot chooses");
	cr_expect_eq(cmdline.cpl, CPL_AUTO);
	cr_expect_not(cmdline.scale);
	cr_expect_not(cmdline.signals);
	cr_assert(parse("test=bench name=set-page-table rounds=5 iterations=7 round_ns=2000000 "
			"scale=1 signals=1 cpl=3"),
		"%s", error);
	cr_expect_str_eq(cmdline.name, "set-page-table");
	cr_expect_eq(cmdline.rounds, 5);
	cr_expect_eq(cmdline.iterations, 7);
	cr_expect_eq(cmdline.round_ns, 2000000);
	cr_expect(cmdline.scale);
	cr_expect(cmdline.signals);
	cr_expect_eq(cmdline.cpl, CPL_3);
}

Test(guest_cmdline, keys_of_the_other_tests)
{
	cr_assert(parse("test=memory vcpus=2 pages=4k max_bytes=65536 touch=1"), "%s", error);
	cr_expect_eq(cmdline.test, TEST_MEMORY);
	cr_expect_eq(cmdline.vcpus, 2);
	cr_expect_eq(cmdline.pages, PAGES_4K);
	cr_expect_eq(cmdline.max_bytes, 65536);
	cr_expect(cmdline.touch);
	cr_assert(parse("test=linpack n=200 simd=avx2"), "%s", error);
	cr_expect_eq(cmdline.n, 200);
	cr_expect_eq(cmdline.simd, SIMD_AVX2);
	cr_assert(parse("test=ctx contexts=8 stride=128"), "%s", error);
	cr_expect_eq(cmdline.contexts, 8);
	cr_expect_eq(cmdline.stride, 128);
}

Test(guest_cmdline, disk_keys)
{
	cr_assert(parse("test=disk"), "%s", error);
	cr_expect_eq(cmdline.disk_gpa, 0, "0: no disk");
	cr_expect_eq(cmdline.op, DISK_READ);
	cr_expect_eq(cmdline.pattern, PATTERN_SEQUENTIAL);
	cr_expect_eq(cmdline.record, 4096);
	cr_expect_eq(cmdline.depth, 4);
	cr_expect_eq(cmdline.bytes, 0, "0: all of it");
	cr_assert(parse("test=disk op=write pattern=random bytes=268435456 record=16777216 "
			"depth=64 rounds=3 verify=1"),
		"%s", error);
	cr_expect_eq(cmdline.op, DISK_WRITE);
	cr_expect_eq(cmdline.pattern, PATTERN_RANDOM);
	cr_expect_eq(cmdline.bytes, 268435456);
	cr_expect_eq(cmdline.record, 16777216);
	cr_expect_eq(cmdline.depth, 64);
	cr_expect(cmdline.verify);
	cr_assert(parse("test=timer load=io vcpus=16"), "%s", error);
	cr_expect_eq(cmdline.load, LOAD_IO);
	cr_expect_eq(cmdline.vcpus, 16);
	cr_assert(parse("test=timer source=tsc-poll vcpus=2"), "%s", error);
	cr_expect_not(cmdline.each);
	cr_assert(parse("load=interrupts"), "%s", error);
	cr_expect_eq(cmdline.load, LOAD_INTERRUPTS);
	cr_assert(parse("test=timer load=io each=1"), "%s", error);
	cr_expect(cmdline.each);
	cr_assert(parse("test=disk depth=1 each=1"), "%s", error);
	cr_expect(cmdline.each);
}

/* As Linux, QEMU and Firecracker write it. */
Test(guest_cmdline, virtio_device)
{
	static const char *const good[] = {"virtio_mmio.device=512@0xfeb20000:5",
		"virtio_mmio.device=0x200@4273078272:5", "virtio_mmio.device=4K@0xFEB20000:5",
		"virtio_mmio.device=1m@0xfeb20000:5"};
	static const char *const bad[] = {"", "512", "512@", "512@0xfeb20000",
		"512@0xfeb20000:", "512:5@0xfeb20000", "@0xfeb20000:5", "512@:5",
		"512@0xfeb20000:0", "512@0xfeb20000:24", "512@0xfeb20000:5:1", "512@0x:5",
		"512@0xfeb2000g:5", "512@feb20000:5", "512@0xfeb20002:5", "512@0xbffff000:5",
		"512@0xfffffffc:5", "512@0x1feb20000:5", "512@0xfeb20000K:5", "263@0xfeb20000:5",
		"K@0xfeb20000:5", "-1@0xfeb20000:5", "99999999999999999999@0xfeb20000:5"};
	char text[128];

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		cr_assert(parse(good[i]), "%s: %s", good[i], error);
		cr_expect_eq(cmdline.disk_gpa, 0xfeb20000, "%s", good[i]);
		cr_expect_eq(cmdline.disk_irq, 5, "%s", good[i]);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(text, sizeof(text), "virtio_mmio.device=%s", bad[i]);
		cr_expect_not(parse(text), "%s", text);
		cr_expect_not_null(strstr(error, "SIZE@BASE:IRQ"), "%s: %s", text, error);
		cr_expect_eq(cmdline.disk_gpa, 0, "%s", text);
	}
}

/* Words made of good pieces and noise: either a value within its range, or a message. */
Test(guest_cmdline, any_text_ends_in_a_value_or_a_message)
{
	static const char *const pieces[] = {"test", "=", "bench", " ", "name", "iterations",
		"rounds", "round_ns", "scale", "signals", "cpl", "0", "3", "99999999999999999999",
		"sgdt", "-", "\t", "\xff", "/", "auto", "1", "pio-out", "virtio_mmio.device", "@",
		":", "512", "0xfeb20000", "K"};
	char text[512];
	unsigned seed = 1;

	for (unsigned turn = 0; turn < 20000; turn++) {
		size_t used = 0;

		for (unsigned i = 0; i < turn % 40; i++) {
			seed = seed * 1103515245 + 12345;
			const char *piece =
				pieces[(seed >> 16) % (sizeof(pieces) / sizeof(pieces[0]))];
			used += (size_t)snprintf(text + used, sizeof(text) - used, "%s", piece);
		}
		text[used] = '\0';
		memset(error, 0, sizeof(error));
		if (!parse(text)) {
			cr_assert_neq(error[0], '\0', "%s", text);
			continue;
		}
		cr_assert_lt(cmdline.test, TESTS, "%s", text);
		cr_assert_leq(cmdline.cpl, CPL_3, "%s", text);
		cr_assert_leq(cmdline.iterations, 100000000, "%s", text);
		cr_assert(cmdline.rounds >= 1 && cmdline.round_ns >= 1000, "%s", text);
		cr_assert_lt(strlen(cmdline.name), CMDLINE_NAME_MAX, "%s", text);
		cr_assert(cmdline.disk_gpa == 0 || cmdline.disk_gpa >= 3ULL << 30, "%s", text);
	}
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
