/* SPDX-License-Identifier: BSD-2-Clause */
/* What the quiet window may hold, that it merges as an IRR does, and that it gives everything back.
 * Not tested here: when the window is open (test_dedicated_timer.c). */
#include "../../src/devices/quiet_window.h"

#include <criterion/criterion.h>

struct released {
	struct apic_msg msg[QUIET_VECTORS];
	unsigned count;
};

static void record(void *ctx, const struct apic_msg *msg)
{
	struct released *released = ctx;

	released->msg[released->count++] = *msg;
}

static struct apic_msg fixed(uint32_t dest, uint8_t vector)
{
	return (struct apic_msg){
		.dest = dest, .vector = vector, .delivery = APIC_FIXED, .assert = true};
}

Test(quiet_window, physical_destination_must_be_the_vcpu)
{
	struct apic_msg msg = fixed(1, 0x30);

	cr_expect(quiet_window_holdable(&msg, 1));
	cr_expect_not(quiet_window_holdable(&msg, 0));
	msg.dest = APIC_BROADCAST_XAPIC;
	cr_expect_not(quiet_window_holdable(&msg, 1));
	msg.dest = APIC_BROADCAST_X2APIC;
	msg.x2apic = true;
	cr_expect_not(quiet_window_holdable(&msg, 1));
}

Test(quiet_window, logical_destination_must_be_that_vcpu_alone)
{
	struct apic_msg msg = fixed(1u << 3, 0x30);

	msg.logical = true;
	cr_expect(quiet_window_holdable(&msg, 3));
	cr_expect_not(quiet_window_holdable(&msg, 2));
	msg.dest = 1u << 3 | 1u << 2;
	cr_expect_not(quiet_window_holdable(&msg, 3), "two vCPUs");
	msg.dest = 0;
	cr_expect_not(quiet_window_holdable(&msg, 3), "nobody");
	msg.dest = 1u << 8;
	cr_expect_not(quiet_window_holdable(&msg, 8), "flat logical IDs have eight bits");
}

Test(quiet_window, x2apic_logical_ids_come_from_the_apic_id)
{
	struct apic_msg msg = fixed(0, 0x30);

	/* SDM vol. 3, 11.12.10.2: (ID[31:4] << 16) | (1 << ID[3:0]) */
	msg.logical = msg.x2apic = true;
	msg.dest = 1u << 9;
	cr_expect(quiet_window_holdable(&msg, 9));
	msg.dest = 0x10000u | 1u << 2;
	cr_expect(quiet_window_holdable(&msg, 18));
	cr_expect_not(quiet_window_holdable(&msg, 2));
}

Test(quiet_window, only_fixed_and_lowest_priority_wait)
{
	struct apic_msg msg = fixed(0, 0x30);

	for (unsigned mode = 0; mode < 8; mode++) {
		msg.delivery = (uint8_t)mode;
		cr_expect_eq(quiet_window_holdable(&msg, 0),
			mode == APIC_FIXED || mode == APIC_LOWEST, "mode %u", mode);
	}
}

Test(quiet_window, shorthands_and_illegal_vectors_pass)
{
	struct apic_msg msg = fixed(0, 0x30);

	for (unsigned shorthand = APIC_DEST_SELF; shorthand <= APIC_DEST_OTHERS; shorthand++) {
		msg.shorthand = (uint8_t)shorthand;
		cr_expect_not(quiet_window_holdable(&msg, 0));
	}
	msg = fixed(0, 15);
	cr_expect_not(quiet_window_holdable(&msg, 0));
	msg.vector = 16;
	cr_expect(quiet_window_holdable(&msg, 0));
}

Test(quiet_window, everything_comes_back_once_highest_first)
{
	struct quiet_window quiet;
	struct released released = {.count = 0};
	struct quiet_sink sink = {record, &released};

	quiet_window_init(&quiet);
	for (unsigned vector = 16; vector < 256; vector++) {
		struct apic_msg msg = fixed(0, (uint8_t)vector);

		quiet_window_hold(&quiet, 100, 1000, &msg);
	}
	quiet_window_release(&quiet, 400, true, sink);
	cr_assert_eq(released.count, 240);
	for (unsigned i = 0; i < 240; i++)
		cr_assert_eq(released.msg[i].vector, 255 - i);
	quiet_window_release(&quiet, 500, true, sink);
	cr_assert_eq(released.count, 240, "nothing twice");
	cr_assert_eq(quiet.longest, 300);
	cr_assert_eq(quiet.by_cap, 0);
	cr_assert_eq(quiet.first_until, NSEC_NEVER);
}

Test(quiet_window, same_vector_merges_newest_message_oldest_times)
{
	struct quiet_window quiet;
	struct released released = {.count = 0};
	struct quiet_sink sink = {record, &released};
	struct apic_msg msg = fixed(0, 0x41);

	quiet_window_init(&quiet);
	quiet_window_hold(&quiet, 100, 1000, &msg);
	msg.level = true;
	quiet_window_hold(&quiet, 900, 5000, &msg);
	cr_assert_eq(quiet.count, 1);
	cr_assert_eq(quiet.first_until, 1000);
	quiet_window_release(&quiet, 1000, false, sink);
	cr_assert_eq(released.count, 1);
	cr_assert(released.msg[0].level);
	cr_assert_eq(quiet.longest, 900);
}

Test(quiet_window, cap_releases_exactly_what_is_due)
{
	struct quiet_window quiet;
	struct released released = {.count = 0};
	struct quiet_sink sink = {record, &released};
	struct apic_msg early = fixed(0, 0x40), late = fixed(0, 0x90);

	quiet_window_init(&quiet);
	quiet_window_hold(&quiet, 0, 2000, &late);
	quiet_window_hold(&quiet, 0, 1000, &early);
	quiet_window_release(&quiet, 999, false, sink);
	cr_assert_eq(released.count, 0);
	quiet_window_release(&quiet, 1000, false, sink);
	cr_assert_eq(released.count, 1);
	cr_assert_eq(released.msg[0].vector, 0x40);
	cr_assert_eq(quiet.first_until, 2000);
	quiet_window_release(&quiet, 2000, false, sink);
	cr_assert_eq(released.count, 2);
	cr_assert_eq(quiet.by_cap, 2);
	cr_assert_eq(quiet.count, 0);
}
