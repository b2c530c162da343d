/* SPDX-License-Identifier: BSD-2-Clause */
/* The dedicated timer against docs/dedicated-timer.md: registers, deadlines, shared page, advance.
 * Not tested here: the quiet window (test_dedicated_quiet.c). */
#include "tickvm/dedicated_timer.h"

#include <criterion/criterion.h>
#include <string.h>

#define HZ       2000000000ULL /* two ticks a nanosecond */
#define BASE     1000000ULL    /* guest TSC at time 0 */
#define PAGE_GPA 0x10000ULL
#define ALL      (DT_CONTROL_ENABLE | DT_CONTROL_SHARED)

static struct dedicated_timer *timer;
static struct device device;
static struct dedicated_page page;
static unsigned fires, fire_dest, fire_vector;
static uint64_t seq_at_fire, missed_at_fire;

static void on_fire(void *ctx, unsigned dest, uint8_t vector)
{
	(void)ctx;
	fires++;
	fire_dest = dest;
	fire_vector = vector;
	seq_at_fire = page.fire_seq;
	missed_at_fire = page.missed;
}

static void on_release(void *ctx, const struct apic_msg *msg)
{
	(void)ctx;
	(void)msg;
	cr_assert_fail("nothing was held");
}

static struct dedicated_page *on_map(void *ctx, uint64_t gpa)
{
	(void)ctx;
	return gpa / 4096 == PAGE_GPA / 4096 ? &page : NULL;
}

static void create(int64_t advance_ns)
{
	const struct dedicated_timer_config config = {
		.tsc = {BASE, HZ}, .vcpus = 4, .advance_ns = advance_ns, .quiet_cap_ns = 100000};

	dedicated_timer_destroy(timer);
	timer = dedicated_timer_create(
		&config, (struct dedicated_timer_sink){on_fire, on_release, on_map, NULL});
	cr_assert_not_null(timer);
	device = dedicated_timer_device(timer);
	fires = 0;
}

static void setup(void)
{
	memset(&page, 0, sizeof(page));
	create(0);
}

static void teardown(void)
{
	dedicated_timer_destroy(timer);
}

TestSuite(dedicated_timer, .init = setup, .fini = teardown);

static uint64_t tsc(nsec_t t)
{
	return BASE + 2 * t;
}

static void put(nsec_t now, uint64_t reg, uint64_t value)
{
	device.ops->write(device.self, now, reg, 8, value);
}

static uint64_t get(uint64_t reg)
{
	return device.ops->read(device.self, 0, reg, 8);
}

static nsec_t due(void)
{
	return device.ops->deadline(device.self);
}

static void expire(nsec_t now)
{
	device.ops->expire(device.self, now);
}

static struct dedicated_timer_stats stats(void)
{
	return dedicated_timer_stats(timer);
}

static void share(void)
{
	put(0, DT_PAGE, PAGE_GPA);
	put(0, DT_CONTROL, ALL);
}

static void arm_on_page(uint64_t deadline)
{
	page.deadline = deadline;
	page.arm_seq++;
}

/* ---- registers ---- */

Test(dedicated_timer, reset_values)
{
	cr_expect_eq(get(DT_ID), DT_ID_VALUE);
	cr_expect_eq(get(DT_CONTROL), 0);
	cr_expect_eq(get(DT_VECTOR), DT_VECTOR_DEFAULT);
	for (uint64_t reg = DT_DEST; reg <= DT_MISSED; reg += 8)
		cr_expect_eq(get(reg), 0, "register %#lx", reg);
	cr_expect_eq(due(), NSEC_NEVER);
}

Test(dedicated_timer, a_vcpus_own_timer_interrupts_it_after_reset)
{
	const struct dedicated_timer_config config = {
		.tsc = {BASE, HZ}, .vcpus = 4, .dest = 3, .quiet_cap_ns = 100000};

	dedicated_timer_destroy(timer);
	timer = dedicated_timer_create(
		&config, (struct dedicated_timer_sink){on_fire, on_release, on_map, NULL});
	cr_assert_not_null(timer);
	device = dedicated_timer_device(timer);
	cr_expect_eq(get(DT_DEST), 3);
	put(0, DT_DEST, 1);
	device.ops->reset(device.self, 0);
	cr_expect_eq(get(DT_DEST), 3);
}

Test(dedicated_timer, only_aligned_eight_byte_accesses)
{
	for (unsigned size = 1; size <= 4; size *= 2) {
		cr_expect_eq(device.ops->read(device.self, 0, DT_ID, size), (1ULL << 8 * size) - 1,
			"size %u", size);
		device.ops->write(device.self, 0, DT_CONTROL, size, DT_CONTROL_ENABLE);
	}
	cr_expect_eq(get(DT_VECTOR + 4), UINT64_MAX);
	put(0, DT_CONTROL + 1, DT_CONTROL_ENABLE);
	cr_expect_eq(get(DT_CONTROL), 0);
	cr_expect_eq(stats().bad_writes, 4);
}

Test(dedicated_timer, nothing_beyond_the_registers)
{
	cr_expect_eq(get(DT_MISSED + 8), UINT64_MAX);
	cr_expect_eq(get(UINT64_MAX - 7), UINT64_MAX);
	put(0, DT_MISSED + 8, 1);
	cr_expect_eq(stats().bad_writes, 1);
}

Test(dedicated_timer, read_only_registers_stay)
{
	put(0, DT_ID, 0);
	put(0, DT_ADVANCE, 77);
	put(0, DT_MISSED, 77);
	cr_expect_eq(get(DT_ID), DT_ID_VALUE);
	cr_expect_eq(get(DT_ADVANCE), 0);
	cr_expect_eq(get(DT_MISSED), 0);
	cr_expect_eq(stats().bad_writes, 3);
}

Test(dedicated_timer, write_masks)
{
	put(0, DT_CONTROL, UINT64_MAX);
	cr_expect_eq(get(DT_CONTROL), 15);
	put(0, DT_VECTOR, 31);
	put(0, DT_VECTOR, 256);
	cr_expect_eq(get(DT_VECTOR), DT_VECTOR_DEFAULT);
	put(0, DT_DEST, 4);
	cr_expect_eq(get(DT_DEST), 0);
	put(0, DT_PERIOD, 1999);
	cr_expect_eq(get(DT_PERIOD), 0, "999.5 ns is below 1 us");
	cr_expect_eq(stats().bad_writes, 5);
	put(0, DT_VECTOR, 32);
	cr_expect_eq(get(DT_VECTOR), 32);
	put(0, DT_VECTOR, 255);
	cr_expect_eq(get(DT_VECTOR), 255);
	put(0, DT_DEST, 3);
	cr_expect_eq(get(DT_DEST), 3);
	put(0, DT_PERIOD, 2000);
	cr_expect_eq(get(DT_PERIOD), 2000);
	cr_expect_eq(stats().bad_writes, 5);
}

Test(dedicated_timer, page_must_be_aligned_ram)
{
	put(0, DT_PAGE, PAGE_GPA);
	cr_expect_eq(get(DT_PAGE), PAGE_GPA);
	put(0, DT_PAGE, 0x20000);
	cr_expect_eq(get(DT_PAGE), 0, "not RAM");
	put(0, DT_PAGE, PAGE_GPA + 64);
	cr_expect_eq(get(DT_PAGE), 0, "not aligned");
	cr_expect_eq(stats().bad_writes, 2);
	put(0, DT_PAGE, 0);
	cr_expect_eq(stats().bad_writes, 2, "0 takes the page away");
}

/* ---- one-shot ---- */

Test(dedicated_timer, fires_once_at_the_deadline)
{
	put(0, DT_CONTROL, DT_CONTROL_ENABLE);
	put(0, DT_DEST, 2);
	put(0, DT_VECTOR, 0xf5);
	put(100, DT_DEADLINE, tsc(50000));
	cr_expect_eq(get(DT_DEADLINE), tsc(50000));
	cr_expect_eq(due(), 50000);
	expire(49999);
	cr_expect_eq(fires, 0);
	expire(50000);
	cr_expect_eq(fires, 1);
	cr_expect_eq(fire_dest, 2);
	cr_expect_eq(fire_vector, 0xf5);
	cr_expect_eq(get(DT_DEADLINE), 0);
	cr_expect_eq(due(), NSEC_NEVER);
	cr_expect_eq(dedicated_timer_last_deadline(timer), 50000);
	cr_expect_eq(dedicated_timer_last_armed(timer), 100);
	expire(60000);
	cr_expect_eq(fires, 1);
}

Test(dedicated_timer, a_deadline_in_the_past_is_due_at_once)
{
	put(0, DT_CONTROL, DT_CONTROL_ENABLE);
	put(70000, DT_DEADLINE, 1);
	cr_expect_leq(due(), 70000);
	expire(70000);
	cr_expect_eq(fires, 1);
	cr_expect_eq(stats().missed, 0);
}

Test(dedicated_timer, the_last_tick_of_the_counter_is_a_deadline)
{
	put(0, DT_CONTROL, DT_CONTROL_ENABLE);
	put(0, DT_DEADLINE, UINT64_MAX);
	cr_expect_gt(due(), 1ULL << 62);
	expire(1ULL << 60);
	cr_expect_eq(fires, 0);
}

Test(dedicated_timer, zero_disarms)
{
	put(0, DT_CONTROL, DT_CONTROL_ENABLE);
	put(0, DT_DEADLINE, tsc(50000));
	put(10, DT_DEADLINE, 0);
	cr_expect_eq(due(), NSEC_NEVER);
	expire(60000);
	cr_expect_eq(fires, 0);
	cr_expect_eq(stats().armed, 1);
	cr_expect_eq(stats().replaced, 0);
}

Test(dedicated_timer, arming_again_replaces)
{
	put(0, DT_CONTROL, DT_CONTROL_ENABLE);
	put(0, DT_DEADLINE, tsc(50000));
	put(0, DT_DEADLINE, tsc(20000));
	put(0, DT_DEADLINE, tsc(20000));
	cr_expect_eq(due(), 20000);
	expire(60000);
	expire(60000);
	cr_expect_eq(fires, 1);
	cr_expect_eq(stats().replaced, 2);
	cr_expect_eq(stats().armed, 3);
}

Test(dedicated_timer, disabled_neither_arms_nor_fires)
{
	put(0, DT_DEADLINE, tsc(50000));
	cr_expect_eq(stats().bad_writes, 1);
	put(0, DT_CONTROL, DT_CONTROL_ENABLE);
	put(0, DT_DEADLINE, tsc(50000));
	put(0, DT_CONTROL, 0);
	cr_expect_eq(due(), NSEC_NEVER);
	expire(60000);
	cr_expect_eq(fires, 0);
}

/* ---- periodic ---- */

static void start_periodic(uint64_t first, uint64_t period)
{
	put(0, DT_CONTROL, get(DT_CONTROL) | DT_CONTROL_ENABLE | DT_CONTROL_PERIODIC);
	put(0, DT_PERIOD, period);
	put(0, DT_DEADLINE, first);
}

Test(dedicated_timer, does_not_drift_over_a_million_periods)
{
	/* A period that is no whole number of nanoseconds, and a waker that is a little late. */
	const uint64_t period = 20001, first = tsc(5000);

	start_periodic(first, period);
	for (uint64_t k = 0; k <= 1000000; k++) {
		nsec_t ideal = (first + k * period - BASE + 1) / 2;

		cr_assert_eq(due(), ideal, "period %lu", k);
		expire(ideal + k % 5000);
	}
	cr_expect_eq(fires, 1000001);
	cr_expect_eq(get(DT_MISSED), 0);
}

Test(dedicated_timer, late_periods_make_one_interrupt_and_are_counted)
{
	share();
	start_periodic(tsc(10000), 2 * 10000);
	expire(45000); /* 10, 20, 30 and 40 us are due */
	cr_expect_eq(fires, 1);
	cr_expect_eq(missed_at_fire, 3, "on the page before the interrupt");
	cr_expect_eq(get(DT_MISSED), 3);
	cr_expect_eq(stats().missed, 3);
	cr_expect_eq(dedicated_timer_last_deadline(timer), 40000);
	cr_expect_eq(due(), 50000, "back on the grid");
	expire(50000);
	cr_expect_eq(fires, 2);
	cr_expect_eq(get(DT_MISSED), 3);
}

Test(dedicated_timer, next_period_is_always_ahead)
{
	nsec_t now;

	/* Mostly late, by up to three periods, with an advance of three. */
	create(3000);
	start_periodic(tsc(10000), 2 * 1000 + 1);
	for (now = 7000; now < 200000; now += 3137) {
		expire(now);
		cr_assert_gt(due(), now);
	}
	cr_expect_eq(fires + get(DT_MISSED), 2 * (now - 3137 - 7000) / 2001 + 1);
}

Test(dedicated_timer, periodic_without_a_period_is_one_shot)
{
	start_periodic(tsc(10000), 0);
	expire(10000);
	cr_expect_eq(fires, 1);
	cr_expect_eq(due(), NSEC_NEVER);
}

Test(dedicated_timer, series_ends_with_the_counter)
{
	start_periodic(tsc(10000), UINT64_MAX - BASE);
	expire(10000);
	cr_expect_eq(fires, 1);
	cr_expect_eq(due(), NSEC_NEVER);
}

/* ---- the shared page ---- */

Test(dedicated_timer, page_arms_when_its_sequence_changes)
{
	share();
	cr_expect(dedicated_timer_shared(timer));
	cr_expect_not(dedicated_timer_poll(timer, 10));
	page.deadline = tsc(30000);
	cr_expect_not(dedicated_timer_poll(timer, 20), "no new sequence number");
	page.arm_seq++;
	cr_expect(dedicated_timer_poll(timer, 30));
	cr_expect_not(dedicated_timer_poll(timer, 40));
	cr_expect_eq(due(), 30000);
	expire(30000);
	cr_expect_eq(fires, 1);
	cr_expect_eq(dedicated_timer_last_armed(timer), 30);
	arm_on_page(0);
	cr_expect(dedicated_timer_poll(timer, 30001), "a disarming is news as well");
	cr_expect_eq(due(), NSEC_NEVER);
}

Test(dedicated_timer, doorbell_register_looks_at_the_page)
{
	share();
	arm_on_page(tsc(30000));
	put(5, DT_DOORBELL, 0);
	cr_expect_eq(due(), 30000);
}

Test(dedicated_timer, page_can_move_a_deadline_until_the_last_moment)
{
	share();
	arm_on_page(tsc(30000));
	dedicated_timer_poll(timer, 0);
	arm_on_page(tsc(90000));
	expire(30000);
	cr_expect_eq(fires, 0);
	cr_expect_eq(due(), 90000);
	cr_expect_eq(stats().replaced, 1);
}

Test(dedicated_timer, what_stood_on_the_page_before_is_no_arming)
{
	arm_on_page(tsc(30000));
	put(0, DT_PAGE, PAGE_GPA);
	arm_on_page(tsc(31000));
	cr_expect_not(dedicated_timer_poll(timer, 0), "not enabled yet");
	put(0, DT_CONTROL, ALL);
	cr_expect_not(dedicated_timer_poll(timer, 0));
	cr_expect_eq(due(), NSEC_NEVER);
	arm_on_page(tsc(32000));
	put(0, DT_CONTROL, ALL | DT_CONTROL_RESIDUAL);
	cr_expect(dedicated_timer_poll(timer, 0), "a control write loses no arming");
}

Test(dedicated_timer, without_shared_the_doorbell_arms_from_the_page)
{
	put(0, DT_PAGE, PAGE_GPA);
	put(0, DT_CONTROL, DT_CONTROL_ENABLE);
	cr_expect_not(dedicated_timer_shared(timer), "nobody needs to watch");
	arm_on_page(tsc(30000));
	put(0, DT_DOORBELL, 0);
	cr_expect_eq(due(), 30000);
}

Test(dedicated_timer, shared_needs_enable_and_page)
{
	put(0, DT_CONTROL, ALL);
	cr_expect_not(dedicated_timer_shared(timer));
	put(0, DT_PAGE, PAGE_GPA);
	cr_expect(dedicated_timer_shared(timer));
	put(0, DT_CONTROL, DT_CONTROL_SHARED);
	cr_expect_not(dedicated_timer_shared(timer));
	arm_on_page(tsc(1));
	cr_expect_not(dedicated_timer_poll(timer, 0));
}

Test(dedicated_timer, doorbell_is_needed_until_somebody_watches)
{
	share();
	cr_expect_neq(page.need_doorbell, 0);
	dedicated_timer_need_doorbell(timer, false);
	cr_expect_eq(page.need_doorbell, 0);
	dedicated_timer_need_doorbell(timer, true);
	cr_expect_neq(page.need_doorbell, 0);
}

Test(dedicated_timer, ticks_are_numbered_before_they_arrive)
{
	share();
	page.fire_seq = 1234; /* the guest's scribble does not count */
	for (unsigned k = 1; k <= 3; k++) {
		put(0, DT_DEADLINE, tsc(1000 * k));
		expire(1000 * k);
		cr_expect_eq(seq_at_fire, k);
	}
	put(0, DT_PAGE, 0);
	put(0, DT_DEADLINE, tsc(5000));
	expire(5000);
	cr_expect_eq(page.fire_seq, 3, "a page that was taken away is left alone");
}

/* ---- advance ---- */

/* One event, handled latency_ns after the thread's aim; wake_ns: the thread's own lateness. */
static void event(nsec_t deadline, uint64_t wake_ns, uint64_t latency_ns)
{
	put(deadline - 50000, DT_DEADLINE, tsc(deadline));

	nsec_t aim = due();

	expire(aim + wake_ns);
	put(aim + latency_ns, DT_ACK, tsc(aim + latency_ns));
}

Test(dedicated_timer, fixed_advance_fires_early_by_it)
{
	create(4000);
	put(0, DT_CONTROL, DT_CONTROL_ENABLE);
	cr_expect_eq(get(DT_ADVANCE), 8000);
	put(0, DT_DEADLINE, tsc(50000));
	cr_expect_eq(due(), 46000);
	put(0, DT_DEADLINE, tsc(3000));
	cr_expect_eq(due(), 0);
	expire(0);
	put(3000, DT_ACK, tsc(3000));
	cr_expect_eq(stats().advance_samples, 0, "nothing to learn");
}

Test(dedicated_timer, advance_converges_within_the_warm_up)
{
	create(DEDICATED_ADVANCE_AUTO);
	put(0, DT_CONTROL, DT_CONTROL_ENABLE);
	cr_expect_eq(stats().advance_ns, 0);
	event(1000000, 100, 60000); /* cold */
	for (nsec_t k = 2; k <= 16; k++)
		event(k * 1000000, 100, 3200 + k % 3 * 100);
	cr_expect(stats().advance_ns >= 3200 && stats().advance_ns <= 3400, "%lu",
		stats().advance_ns);
	cr_expect_eq(get(DT_ADVANCE), 2 * stats().advance_ns);
	cr_expect_eq(stats().advance_samples, 16);
	put(17000000, DT_DEADLINE, tsc(18000000));
	cr_expect_eq(due(), 18000000 - stats().advance_ns);
}

Test(dedicated_timer, residual_covers_and_mode_changes_at_once)
{
	create(DEDICATED_ADVANCE_AUTO);
	put(0, DT_CONTROL, DT_CONTROL_ENABLE);
	for (nsec_t k = 1; k <= 100; k++)
		event(k * 1000000, 0, k % 20 == 0 ? 4500 : 3200);
	cr_expect_lt(stats().advance_ns, 3400);
	put(0, DT_CONTROL, DT_CONTROL_ENABLE | DT_CONTROL_RESIDUAL);
	cr_expect_geq(stats().advance_ns, 4500);
	cr_expect_leq(stats().advance_ns, 5500);
}

Test(dedicated_timer, stamps_on_the_page_teach_too)
{
	create(DEDICATED_ADVANCE_AUTO);
	share();
	arm_on_page(tsc(50000));
	dedicated_timer_poll(timer, 0);
	expire(50000);
	page.ack_tsc = tsc(53000);
	page.ack_seq++;
	dedicated_timer_poll(timer, 55000);
	cr_expect_eq(stats().advance_samples, 1);
	cr_expect_eq(page.advance, 6000);
	dedicated_timer_poll(timer, 56000);
	cr_expect_eq(stats().advance_samples, 1, "one event, one sample");
}

Test(dedicated_timer, a_stamp_on_the_page_serves_the_very_next_deadline)
{
	create(DEDICATED_ADVANCE_AUTO);
	put(0, DT_PAGE, PAGE_GPA);
	put(0, DT_CONTROL, DT_CONTROL_ENABLE);
	put(0, DT_DEADLINE, tsc(50000));
	expire(50000);
	page.ack_tsc = tsc(53000);
	page.ack_seq++;
	put(54000, DT_DEADLINE, tsc(100000));
	cr_expect_eq(due(), 97000);
}

Test(dedicated_timer, hostile_stamps_teach_nothing)
{
	const uint64_t lies[] = {0, 1, tsc(49999), tsc(50000 + DEDICATED_ADVANCE_MAX_NS + 1),
		UINT64_MAX, UINT64_MAX / 2};

	create(DEDICATED_ADVANCE_AUTO);
	put(0, DT_CONTROL, DT_CONTROL_ENABLE);
	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		put(0, DT_DEADLINE, tsc(50000));
		expire(50000);
		put(51000, DT_ACK, lies[i]);
	}
	put(0, DT_DEADLINE, tsc(50000));
	expire(52000);
	put(52000, DT_ACK, tsc(51000)); /* after the time aimed at, before the interrupt */
	put(52000, DT_ACK, tsc(52000)); /* nothing fired since the last one */
	cr_expect_eq(stats().advance_samples, 0);
	cr_expect_eq(stats().advance_ns, 0);
}

Test(dedicated_timer, advance_is_bounded)
{
	create(DEDICATED_ADVANCE_AUTO);
	put(0, DT_CONTROL, DT_CONTROL_ENABLE | DT_CONTROL_RESIDUAL);
	for (nsec_t k = 1; k <= 40; k++)
		event(k * 1000000, 0, DEDICATED_ADVANCE_MAX_NS);
	cr_expect_eq(stats().advance_ns, DEDICATED_ADVANCE_MAX_NS);
}

Test(dedicated_timer, late_arming_counts_from_the_injection)
{
	create(DEDICATED_ADVANCE_AUTO);
	put(0, DT_CONTROL, DT_CONTROL_ENABLE);
	/* Armed 40 us after its deadline: the delivery took 3 us, not 45. */
	put(90000, DT_DEADLINE, tsc(50000));
	expire(92000);
	put(95000, DT_ACK, tsc(95000));
	cr_expect_eq(stats().advance_ns, 3000);
}

Test(dedicated_timer, an_armed_deadline_keeps_its_time)
{
	create(DEDICATED_ADVANCE_AUTO);
	put(0, DT_CONTROL, DT_CONTROL_ENABLE);
	put(0, DT_DEADLINE, tsc(50000));
	expire(50000);
	put(51000, DT_DEADLINE, tsc(90000));
	put(53000, DT_ACK, tsc(53000));
	cr_expect_eq(due(), 90000, "what the queue was told still holds");
}

Test(dedicated_timer, reset_returns_to_power_up)
{
	create(DEDICATED_ADVANCE_AUTO);
	share();
	put(0, DT_VECTOR, 0x50);
	put(0, DT_DEST, 1);
	start_periodic(tsc(60000), 20000);
	event(100000, 0, 3000);
	device.ops->reset(device.self, 200000);
	cr_expect_eq(due(), NSEC_NEVER);
	cr_expect_eq(stats().advance_ns, 0);
	cr_expect_eq(get(DT_CONTROL), 0);
	cr_expect_eq(get(DT_VECTOR), DT_VECTOR_DEFAULT);
	for (uint64_t reg = DT_DEST; reg <= DT_MISSED; reg += 8)
		cr_expect_eq(get(reg), 0, "register %#lx", reg);
	cr_expect_not(dedicated_timer_shared(timer));
}
