/* SPDX-License-Identifier: BSD-2-Clause */
/* When the dedicated timer's quiet window holds, and that it lets everything go again.
 * Not tested here: which messages can be held at all (test_quiet_window.c). */
#include "tickvm/dedicated_timer.h"

#include <criterion/criterion.h>
#include <string.h>

#define HZ       1000000000ULL /* a tick is a nanosecond */
#define PAGE_GPA 0x10000ULL
#define WINDOW   20000
#define CAP      50000

static struct dedicated_timer *timer;
static struct device device;
static struct dedicated_page page;
static unsigned fires, releases;
static struct apic_msg released;

static void on_fire(void *ctx, unsigned dest, uint8_t vector)
{
	(void)ctx;
	(void)dest;
	(void)vector;
	fires++;
}

static void on_release(void *ctx, const struct apic_msg *msg)
{
	(void)ctx;
	releases++;
	released = *msg;
}

static struct dedicated_page *on_map(void *ctx, uint64_t gpa)
{
	(void)ctx;
	return gpa == PAGE_GPA ? &page : NULL;
}

static void create(uint64_t window_ns)
{
	const struct dedicated_timer_config config = {.tsc = {0, HZ},
		.vcpus = 2,
		.advance_ns = 4000,
		.quiet_window_ns = window_ns,
		.quiet_cap_ns = CAP};

	dedicated_timer_destroy(timer);
	timer = dedicated_timer_create(
		&config, (struct dedicated_timer_sink){on_fire, on_release, on_map, NULL});
	cr_assert_not_null(timer);
	device = dedicated_timer_device(timer);
}

static void put(nsec_t now, uint64_t reg, uint64_t value)
{
	device.ops->write(device.self, now, reg, 8, value);
}

/* Enabled, with a page, armed for 100 us. */
static void setup(void)
{
	memset(&page, 0, sizeof(page));
	create(WINDOW);
	put(0, DT_PAGE, PAGE_GPA);
	put(0, DT_CONTROL, DT_CONTROL_ENABLE);
	put(0, DT_DEADLINE, 100000);
}

static void teardown(void)
{
	dedicated_timer_destroy(timer);
}

TestSuite(dedicated_quiet, .init = setup, .fini = teardown);

static nsec_t due(void)
{
	return device.ops->deadline(device.self);
}

static void expire(nsec_t now)
{
	device.ops->expire(device.self, now);
}

static bool hold(nsec_t now, uint8_t vector)
{
	const struct apic_msg msg = {
		.dest = 0, .vector = vector, .delivery = APIC_FIXED, .assert = true};

	return dedicated_timer_hold(timer, now, &msg);
}

Test(dedicated_quiet, opens_window_before_the_deadline)
{
	cr_expect_not(hold(79999, 0x30));
	cr_expect(hold(80000, 0x30));
	cr_expect_eq(due(), 96000, "held until after the interrupt: nothing to look for before it");
	cr_expect_eq(dedicated_timer_stats(timer).held, 1);
}

Test(dedicated_quiet, acknowledgement_register_releases)
{
	hold(90000, 0x30);
	expire(96000);
	cr_expect_eq(fires, 1);
	cr_expect_eq(releases, 0);
	cr_expect(hold(98000, 0x31));
	put(100100, DT_ACK, 99500);
	cr_expect_eq(releases, 2);
	cr_expect_not(hold(100200, 0x30));
	cr_expect_eq(dedicated_timer_stats(timer).longest_hold, 10100);
	cr_expect_eq(dedicated_timer_stats(timer).released_by_cap, 0);
	cr_expect_eq(due(), NSEC_NEVER);
}

Test(dedicated_quiet, acknowledgement_on_the_page_is_looked_for)
{
	hold(90000, 0x30);
	expire(96000);
	cr_expect_eq(due(), 98000, "a first look 2 us after the interrupt");
	expire(98000);
	cr_expect_eq(due(), 100000);
	cr_expect_eq(releases, 0);
	page.ack_tsc = 99000;
	page.ack_seq++;
	expire(100000);
	cr_expect_eq(releases, 1);
	cr_expect_eq(released.vector, 0x30);
	cr_expect_eq(due(), NSEC_NEVER);
}

Test(dedicated_quiet, message_after_the_interrupt_is_held_and_looked_after)
{
	expire(96000);
	cr_expect_eq(due(), NSEC_NEVER, "nothing held, nothing to do");
	cr_expect(hold(97000, 0x30));
	cr_expect_eq(due(), 99000);
}

Test(dedicated_quiet, acknowledged_before_the_message_is_not_held)
{
	expire(96000);
	page.ack_tsc = 99000;
	page.ack_seq++;
	cr_expect_not(hold(99500, 0x30));
}

Test(dedicated_quiet, nothing_is_held_past_the_cap)
{
	hold(90000, 0x30);
	expire(96000);
	for (nsec_t now = due(); now != NSEC_NEVER; now = due()) {
		cr_assert_leq(now, 100000 + CAP);
		expire(now);
	}
	cr_expect_eq(releases, 1);
	cr_expect_eq(dedicated_timer_stats(timer).released_by_cap, 1);
	cr_expect_eq(dedicated_timer_stats(timer).longest_hold, 10000 + CAP);
	cr_expect_not(hold(100000 + CAP, 0x30), "the window is closed for good");
}

Test(dedicated_quiet, moving_the_deadline_does_not_move_the_cap)
{
	hold(90000, 0x30);
	for (nsec_t now = 91000; now < 200000 && releases == 0; now += 1000)
		put(now, DT_DEADLINE, now + 10000);
	cr_expect_eq(releases, 1);
	cr_expect_leq(dedicated_timer_stats(timer).longest_hold, WINDOW + CAP);
}

Test(dedicated_quiet, windows_without_a_gap_let_go_at_each_acknowledgement)
{
	put(0, DT_CONTROL, DT_CONTROL_ENABLE | DT_CONTROL_PERIODIC);
	put(0, DT_PERIOD, 10000);
	hold(90000, 0x30);
	expire(96000);
	cr_expect_eq(releases, 0);
	put(96500, DT_ACK, 96400);
	cr_expect_eq(releases, 1);
	cr_expect(hold(97000, 0x30), "the next window is open");
	expire(106000);
	put(106500, DT_ACK, 106400);
	cr_expect_eq(releases, 2);
	cr_expect_eq(dedicated_timer_stats(timer).released_by_cap, 0);
}

Test(dedicated_quiet, arming_again_releases_what_the_acknowledgement_before_it_should_have)
{
	hold(90000, 0x30);
	expire(96000);
	page.ack_tsc = 99000;
	page.ack_seq++;
	put(101000, DT_DEADLINE, 110000);
	cr_expect_eq(releases, 1, "though the new deadline's window is open");
	cr_expect(hold(101500, 0x30));
}

Test(dedicated_quiet, every_message_is_accounted_for)
{
	hold(10000, 0x30);
	hold(90000, 0x30);
	hold(90100, 0x30);
	hold(90200, 0x31);
	struct dedicated_timer_stats stats = dedicated_timer_stats(timer);

	cr_expect_eq(stats.offered, 4);
	cr_expect_eq(stats.held, 3);
	cr_expect_eq(stats.merged, 1);
	cr_expect_eq(stats.waiting, 2);
	cr_expect_eq(stats.released, 0);
	expire(96000);
	put(97000, DT_ACK, 96500);
	stats = dedicated_timer_stats(timer);
	cr_expect_eq(stats.waiting, 0);
	cr_expect_eq(stats.released, 2);
}

Test(dedicated_quiet, disarming_releases)
{
	hold(90000, 0x30);
	put(91000, DT_DEADLINE, 0);
	cr_expect_eq(releases, 1);
	cr_expect_not(hold(91000, 0x30));
}

Test(dedicated_quiet, disarming_after_the_interrupt_releases)
{
	expire(96000);
	hold(97000, 0x30);
	put(97500, DT_DEADLINE, 0);
	cr_expect_eq(releases, 1);
}

Test(dedicated_quiet, moving_the_deadline_away_releases)
{
	hold(90000, 0x30);
	put(91000, DT_DEADLINE, 500000);
	cr_expect_eq(releases, 1);
}

Test(dedicated_quiet, disabling_releases)
{
	hold(90000, 0x30);
	put(91000, DT_CONTROL, 0);
	cr_expect_eq(releases, 1);
}

Test(dedicated_quiet, reset_releases)
{
	hold(90000, 0x30);
	device.ops->reset(device.self, 91000);
	cr_expect_eq(releases, 1);
}

Test(dedicated_quiet, another_destination_releases)
{
	hold(90000, 0x30);
	put(91000, DT_DEST, 0);
	cr_expect_eq(releases, 0, "the same one");
	put(91000, DT_DEST, 1);
	cr_expect_eq(releases, 1);
	cr_expect_not(hold(91000, 0x30), "vCPU 0 no longer waits for this timer");
}

Test(dedicated_quiet, merges_like_an_irr)
{
	cr_expect(hold(90000, 0x30));
	cr_expect(hold(91000, 0x30));
	put(92000, DT_DEADLINE, 0);
	cr_expect_eq(releases, 1);
	cr_expect_eq(dedicated_timer_stats(timer).held, 2);
}

Test(dedicated_quiet, other_vcpus_and_nmi_pass)
{
	struct apic_msg msg = {.dest = 1, .vector = 0x30, .delivery = APIC_FIXED, .assert = true};

	cr_expect_not(dedicated_timer_hold(timer, 90000, &msg));
	msg.dest = 0;
	msg.delivery = APIC_NMI;
	cr_expect_not(dedicated_timer_hold(timer, 90000, &msg));
}

Test(dedicated_quiet, no_window_holds_nothing)
{
	create(0);
	put(0, DT_CONTROL, DT_CONTROL_ENABLE);
	put(0, DT_DEADLINE, 100000);
	cr_expect_not(hold(99999, 0x30));
	expire(96000);
	cr_expect_not(hold(97000, 0x30));
}
