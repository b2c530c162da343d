/* SPDX-License-Identifier: BSD-2-Clause */
/* The virtio block device against VIRTIO 1.2: registers, negotiation, requests, interrupts, reset.
 * Data is moved by the test: no image is touched. */
#include "virtio_rig.h"

#include <criterion/criterion.h>

#define SECTORS  64u
#define T_IN     0u
#define T_OUT    1u
#define T_FLUSH  4u
#define T_GET_ID 8u
#define ALL      (F_VERSION_1 | F_INDIRECT | F_EVENT_IDX)

static void setup(void)
{
	cr_assert(rig_create(SECTORS, false));
	rig_start(F_VERSION_1);
}

static void teardown(void)
{
	virtio_blk_destroy(rig_blk);
}

TestSuite(virtio_blk, .init = setup, .fini = teardown);

static struct virtio_blk_request pop(void)
{
	struct virtio_blk_request request = {.bytes = 0};

	cr_assert(virtio_blk_pop(rig_blk, &request), "a request");
	return request;
}

static void nothing_to_pop(void)
{
	struct virtio_blk_request request;

	cr_assert_not(virtio_blk_pop(rig_blk, &request));
}

static void complete(const struct virtio_blk_request *request, int error)
{
	virtio_blk_complete(rig_blk, request, error);
	virtio_blk_flush_interrupt(rig_blk);
}

static void is_broken(const char *why)
{
	nothing_to_pop();
	cr_assert_eq(rig_seen.broken, 1);
	cr_assert_str_eq(rig_seen.why, why);
	cr_assert(rig_get(STATUS) & NEEDS_RESET);
	cr_assert_eq(rig_get(INTERRUPT_STATUS), 2, "a configuration change is signalled");
	rig_start(F_VERSION_1);
	cr_assert_not(rig_get(STATUS) & NEEDS_RESET);
	rig_request(0, T_FLUSH, 0, 0, 0);
	struct virtio_blk_request request = pop();
	complete(&request, 0);
	cr_assert_eq(rig_status(0), 0, "usable again after a reset");
}

/* ---- registers ---- */

Test(virtio_blk, identifies_itself)
{
	cr_assert_eq(rig_get(MAGIC), 0x74726976);
	cr_assert_eq(rig_get(VERSION), 2);
	cr_assert_eq(rig_get(DEVICE_ID), 2);
	cr_assert_eq(rig_get(QUEUE_NUM_MAX), VIRTQUEUE_SIZE_MAX);
	rig_put(QUEUE_SEL, 1);
	cr_assert_eq(rig_get(QUEUE_NUM_MAX), 0, "there is one queue");
	cr_assert_eq(rig_get(QUEUE_READY), 0);
	cr_assert_eq(rig_get(0x0b0), UINT32_MAX, "no shared memory");
	cr_assert_eq(rig_get(0x0fc), 0, "the configuration never changes");
	cr_assert_eq(rig_get(0x0c0), 0, "an unknown register");
}

Test(virtio_blk, offers_its_features)
{
	rig_put(DEVICE_FEATURES_SEL, 0);
	cr_assert_eq(rig_get(DEVICE_FEATURES), 1u << 2 | 1u << 6 | 1u << 9 | 1u << 28 | 1u << 29);
	rig_put(DEVICE_FEATURES_SEL, 1);
	cr_assert_eq(rig_get(DEVICE_FEATURES), 1);
	rig_put(DEVICE_FEATURES_SEL, 2);
	cr_assert_eq(rig_get(DEVICE_FEATURES), 0);
}

Test(virtio_blk, configuration_is_read_in_any_size)
{
	cr_assert_eq(rig_dev.ops->read(rig_dev.self, 0, CONFIG, 8), SECTORS);
	cr_assert_eq(rig_dev.ops->read(rig_dev.self, 0, CONFIG, 1), SECTORS);
	cr_assert_eq(rig_get(CONFIG + 12), VIRTQUEUE_SEGMENTS - 2);
	cr_assert_eq(rig_get(CONFIG + 20), 512);
	cr_assert_eq(rig_dev.ops->read(rig_dev.self, 0, CONFIG + 23, 8), 0, "past its end");
	cr_assert_eq(rig_dev.ops->read(rig_dev.self, 0, 0x1ff, 1), 0);
}

Test(virtio_blk, registers_are_words)
{
	cr_assert_eq(rig_dev.ops->read(rig_dev.self, 0, MAGIC, 1), 0);
	cr_assert_eq(rig_dev.ops->read(rig_dev.self, 0, MAGIC + 2, 4), 0);
	rig_dev.ops->write(rig_dev.self, 0, STATUS, 1, 0);
	cr_assert_neq(rig_get(STATUS), 0, "a byte does not reset it");
}

Test(virtio_blk, refuses_features_it_did_not_offer)
{
	rig_put(STATUS, 0);
	rig_put(STATUS, ACKNOWLEDGE | DRIVER);
	rig_features(F_VERSION_1 | 1ULL << 40);
	rig_put(STATUS, ACKNOWLEDGE | DRIVER | FEATURES_OK);
	cr_assert_eq(rig_get(STATUS), ACKNOWLEDGE | DRIVER);
	rig_features(0);
	rig_put(STATUS, ACKNOWLEDGE | DRIVER | FEATURES_OK);
	cr_assert_eq(rig_get(STATUS), ACKNOWLEDGE | DRIVER, "version 1 is required");
	rig_features(F_VERSION_1);
	rig_put(STATUS, ACKNOWLEDGE | DRIVER | FEATURES_OK);
	cr_assert(rig_get(STATUS) & FEATURES_OK);
}

Test(virtio_blk, a_queue_outside_memory_breaks_it)
{
	rig_put(STATUS, 0);
	rig_put(STATUS, ACKNOWLEDGE | DRIVER);
	rig_features(F_VERSION_1);
	rig_put(STATUS, ACKNOWLEDGE | DRIVER | FEATURES_OK);
	rig_put(QUEUE_NUM, RIG_SIZE);
	rig_put(QUEUE_DESC, RIG_RAM);
	rig_put(QUEUE_READY, 1);
	cr_assert_eq(rig_get(QUEUE_READY), 0);
	cr_assert(rig_get(STATUS) & NEEDS_RESET);
	cr_assert_eq(rig_seen.broken, 1);
}

Test(virtio_blk, a_queue_size_that_is_no_power_of_two_breaks_it)
{
	rig_put(STATUS, 0);
	rig_features(F_VERSION_1);
	rig_put(STATUS, FEATURES_OK);
	rig_put(QUEUE_NUM, 12);
	rig_put(QUEUE_DESC, RIG_DESC);
	rig_put(QUEUE_DRIVER, RIG_AVAIL);
	rig_put(QUEUE_DEVICE, RIG_USED);
	rig_put(QUEUE_READY, 1);
	cr_assert_eq(rig_get(QUEUE_READY), 0);
	cr_assert_eq(rig_seen.broken, 1);
}

/* ---- requests ---- */

Test(virtio_blk, a_read_is_handed_out_checked_and_answered)
{
	rig_request(1, T_IN, 3, RIG_DATA, 1024);
	rig_put(QUEUE_NOTIFY, 0);
	cr_assert_geq(rig_seen.notified, 1);
	struct virtio_blk_request request = pop();
	cr_assert_eq(request.kind, VIRTIO_BLK_READ);
	cr_assert_eq(request.offset, 3 * 512);
	cr_assert_eq(request.bytes, 1024);
	cr_assert_eq(request.n, 1);
	cr_assert_eq(request.segments[0].base, rig_ram + RIG_DATA);
	cr_assert_eq(rig_used(), 0);
	complete(&request, 0);
	cr_assert_eq(rig_used(), 1);
	cr_assert_eq(rig_used_head(0), 3);
	cr_assert_eq(rig_used_len(0), 1025, "data and status");
	cr_assert_eq(rig_status(1), 0);
	cr_assert(rig_seen.level);
	cr_assert_eq(rig_get(INTERRUPT_STATUS), 1);
	rig_put(INTERRUPT_ACK, 1);
	cr_assert_not(rig_seen.level);
	nothing_to_pop();
}

/* VIRTIO 1.2, 5.2.6.2: offered and not taken, a write is stable when it is completed. */
Test(virtio_blk, without_flush_each_write_goes_through)
{
	static const uint64_t features[] = {F_VERSION_1, F_VERSION_1 | F_FLUSH};

	for (unsigned i = 0; i < 2; i++) {
		rig_start(features[i]);
		rig_request(0, T_OUT, 3, RIG_DATA, 512);
		rig_request(1, T_IN, 3, RIG_DATA, 512);
		rig_request(2, T_FLUSH, 0, 0, 0);
		for (unsigned kind = 0; kind < 3; kind++) {
			struct virtio_blk_request request = pop();

			cr_expect_eq(request.write_through, kind == 0 && i == 0);
			complete(&request, 0);
		}
	}
}

/* CONFIG_WCE is not offered: there is no writeback field to choose by (5.2.4). */
Test(virtio_blk, the_cache_mode_is_not_the_drivers_to_choose)
{
	rig_start(F_VERSION_1 | F_FLUSH);
	cr_expect_not(rig_get(DEVICE_FEATURES) & 1u << 11);
	rig_dev.ops->write(rig_dev.self, 0, CONFIG + 32, 1, 0);
	cr_expect_eq(rig_dev.ops->read(rig_dev.self, 0, CONFIG + 32, 1), 0);
	rig_request(0, T_OUT, 3, RIG_DATA, 512);
	cr_expect_not(pop().write_through);
}

Test(virtio_blk, a_write_and_a_flush)
{
	rig_request(0, T_OUT, SECTORS - 1, RIG_DATA, 512);
	rig_request(1, T_FLUSH, 0, 0, 0);
	struct virtio_blk_request write = pop(), flush = pop();
	cr_assert_eq(write.kind, VIRTIO_BLK_WRITE);
	cr_assert_eq(write.offset, (SECTORS - 1) * 512);
	cr_assert_eq(flush.kind, VIRTIO_BLK_FLUSH);
	complete(&flush, 0);
	complete(&write, 0);
	cr_assert_eq(rig_used_head(0), 3);
	cr_assert_eq(rig_used_head(1), 0);
	cr_assert_eq(rig_used_len(1), 1);
	cr_assert_eq(virtio_blk_stats(rig_blk).bytes_written, 512);
}

Test(virtio_blk, a_host_error_is_an_io_error_for_the_guest)
{
	rig_request(0, T_IN, 0, RIG_DATA, 512);
	struct virtio_blk_request request = pop();
	complete(&request, 5);
	cr_assert_eq(rig_status(0), 1);
	cr_assert_eq(rig_used_len(0), 1);
	cr_assert_eq(virtio_blk_stats(rig_blk).failed, 1);
	cr_assert_eq(virtio_blk_stats(rig_blk).bytes_read, 0);
}

Test(virtio_blk, what_lies_outside_the_image_never_reaches_it)
{
	static const struct {
		uint64_t sector;
		uint32_t bytes;
	} bad[] = {{SECTORS, 512}, {SECTORS - 1, 1024}, {UINT64_MAX, 512}, {UINT64_MAX / 512, 512},
		{0, 100}};

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		rig_request(0, T_OUT, bad[i].sector, RIG_DATA, bad[i].bytes);
		nothing_to_pop();
		cr_assert_eq(rig_status(0), 1, "case %u", i);
	}
	cr_assert_eq(rig_used(), 5);
	cr_assert_eq(rig_seen.broken, 0);
}

Test(virtio_blk, an_empty_transfer_is_done_at_once)
{
	rig_request(0, T_IN, 0, 0, 0);
	nothing_to_pop();
	cr_assert_eq(rig_status(0), 0);
}

Test(virtio_blk, a_read_only_image_is_not_written)
{
	virtio_blk_destroy(rig_blk);
	cr_assert(rig_create(SECTORS, true));
	rig_put(DEVICE_FEATURES_SEL, 0);
	cr_assert(rig_get(DEVICE_FEATURES) & F_RO);
	rig_start(F_VERSION_1 | F_RO);
	rig_request(0, T_OUT, 0, RIG_DATA, 512);
	nothing_to_pop();
	cr_assert_eq(rig_status(0), 1);
}

Test(virtio_blk, an_unknown_request_is_unsupported)
{
	rig_request(0, 99, 0, RIG_DATA, 512);
	nothing_to_pop();
	cr_assert_eq(rig_status(0), 2);
}

Test(virtio_blk, tells_its_serial_number)
{
	memset(rig_ram + RIG_DATA, 0xaa, 32);
	rig_request(0, T_GET_ID, 0, RIG_DATA, 20);
	nothing_to_pop();
	cr_assert_eq(rig_status(0), 0);
	cr_assert_str_eq((const char *)rig_ram + RIG_DATA, "rig");
	cr_assert_eq(rig_ram[RIG_DATA + 20], 0xaa);
	rig_request(1, T_GET_ID, 0, RIG_DATA, 19);
	nothing_to_pop();
	cr_assert_eq(rig_status(1), 1, "no room for it");
}

/* 2.7.4.1: framing is the driver's choice. */
Test(virtio_blk, framing_does_not_matter)
{
	rig_header(0, T_OUT, 2);
	rig_desc_at(RIG_DESC, 0, RIG_HEAD, 7, NEXT, 1);
	rig_desc_at(RIG_DESC, 1, RIG_HEAD + 7, 9, NEXT, 2);
	rig_desc_at(RIG_DESC, 2, RIG_DATA, 500, NEXT, 3);
	rig_desc_at(RIG_DESC, 3, RIG_DATA + 4096, 12, NEXT, 4);
	rig_desc_at(RIG_DESC, 4, RIG_STAT, 1, WRITE, 0);
	rig_offer(0);
	struct virtio_blk_request request = pop();
	cr_assert_eq(request.n, 2);
	cr_assert_eq(request.bytes, 512);
	cr_assert_eq(request.segments[1].len, 12);
	complete(&request, 0);
	cr_assert_eq(rig_status(0), 0);
}

Test(virtio_blk, data_and_status_may_share_a_buffer)
{
	rig_header(0, T_IN, 0);
	rig_desc_at(RIG_DESC, 0, RIG_HEAD, 16, NEXT, 1);
	rig_desc_at(RIG_DESC, 1, RIG_DATA, 513, WRITE, 0);
	rig_offer(0);
	struct virtio_blk_request request = pop();
	cr_assert_eq(request.bytes, 512);
	rig_ram[RIG_DATA + 512] = 0xee;
	complete(&request, 0);
	cr_assert_eq(rig_ram[RIG_DATA + 512], 0);
	cr_assert_eq(rig_used_len(0), 513);
}

Test(virtio_blk, indirect_descriptors)
{
	rig_start(ALL);
	rig_header(0, T_IN, 1);
	rig_desc_at(RIG_TABLE, 0, RIG_HEAD, 16, NEXT, 2);
	rig_desc_at(RIG_TABLE, 2, RIG_DATA, 512, WRITE | NEXT, 1);
	rig_desc_at(RIG_TABLE, 1, RIG_STAT, 1, WRITE, 0);
	rig_desc_at(RIG_DESC, 5, RIG_TABLE, 48, INDIRECT, 0);
	rig_offer(5);
	struct virtio_blk_request request = pop();
	cr_assert_eq(request.offset, 512);
	complete(&request, 0);
	cr_assert_eq(rig_used_head(0), 5);
	cr_assert_eq(rig_status(0), 0);
}

/* ---- hostile rings ---- */

Test(virtio_blk, a_loop_breaks_the_ring)
{
	rig_header(0, T_IN, 0);
	rig_desc_at(RIG_DESC, 0, RIG_HEAD, 16, NEXT, 1);
	rig_desc_at(RIG_DESC, 1, RIG_DATA, 512, WRITE | NEXT, 2);
	rig_desc_at(RIG_DESC, 2, RIG_DATA, 512, WRITE | NEXT, 1);
	rig_offer(0);
	is_broken("a chain of descriptors is a loop");
}

Test(virtio_blk, a_chain_that_begins_out_of_range_breaks_the_ring)
{
	rig_offer(RIG_SIZE);
	is_broken("a chain begins out of range");
}

Test(virtio_blk, an_index_out_of_range_breaks_the_ring)
{
	rig_desc_at(RIG_DESC, 0, RIG_HEAD, 16, NEXT, RIG_SIZE);
	rig_offer(0);
	is_broken("a descriptor index out of range");
}

Test(virtio_blk, an_address_outside_memory_breaks_the_ring)
{
	rig_request(0, T_IN, 0, RIG_RAM - 511, 512);
	is_broken("a buffer is not in memory");
}

Test(virtio_blk, an_address_that_wraps_breaks_the_ring)
{
	rig_request(0, T_IN, 0, UINT64_MAX - 100, 512);
	is_broken("a buffer is not in memory");
}

Test(virtio_blk, a_huge_length_breaks_the_ring)
{
	rig_request(0, T_IN, 0, RIG_DATA, UINT32_MAX);
	is_broken("a chain of 4 GiB or more");
}

Test(virtio_blk, an_empty_buffer_breaks_the_ring)
{
	rig_desc_at(RIG_DESC, 0, RIG_HEAD, 0, NEXT, 1);
	rig_offer(0);
	is_broken("a buffer of no length");
}

Test(virtio_blk, an_index_that_runs_ahead_breaks_the_ring)
{
	rig_store16(RIG_AVAIL + 2, RIG_SIZE + 1);
	is_broken("the driver's index ran ahead of its ring");
}

Test(virtio_blk, readable_after_writable_breaks_the_ring)
{
	rig_desc_at(RIG_DESC, 0, RIG_HEAD, 16, WRITE | NEXT, 1);
	rig_desc_at(RIG_DESC, 1, RIG_DATA, 512, 0, 0);
	rig_offer(0);
	is_broken("a readable buffer follows a writable one");
}

Test(virtio_blk, a_request_without_a_header_breaks_the_ring)
{
	rig_desc_at(RIG_DESC, 0, RIG_HEAD, 15, NEXT, 1);
	rig_desc_at(RIG_DESC, 1, RIG_STAT, 1, WRITE, 0);
	rig_offer(0);
	is_broken("a request without a header");
}

Test(virtio_blk, a_request_without_room_for_its_status_breaks_the_ring)
{
	rig_header(0, T_FLUSH, 0);
	rig_desc_at(RIG_DESC, 0, RIG_HEAD, 16, 0, 0);
	rig_offer(0);
	is_broken("a request without room for its status");
}

Test(virtio_blk, indirect_without_negotiation_breaks_the_ring)
{
	rig_desc_at(RIG_DESC, 0, RIG_TABLE, 48, INDIRECT, 0);
	rig_offer(0);
	is_broken("an indirect descriptor that was not negotiated");
}

Test(virtio_blk, nested_indirect_tables_break_the_ring)
{
	rig_start(ALL);
	rig_desc_at(RIG_DESC, 0, RIG_TABLE, 16, INDIRECT, 0);
	rig_desc_at(RIG_TABLE, 0, RIG_TABLE, 16, INDIRECT, 0);
	rig_offer(0);
	is_broken("an indirect descriptor inside a chain");
}

Test(virtio_blk, a_malformed_indirect_table_breaks_the_ring)
{
	rig_start(ALL);
	rig_desc_at(RIG_DESC, 0, RIG_TABLE, 40, INDIRECT, 0);
	rig_offer(0);
	is_broken("a malformed indirect descriptor");
}

Test(virtio_blk, too_many_buffers_break_the_ring)
{
	rig_start(ALL);
	for (unsigned i = 0; i < 200; i++)
		rig_desc_at(RIG_TABLE, i, RIG_HEAD, 16, NEXT, (uint16_t)(i + 1));
	rig_desc_at(RIG_DESC, 0, RIG_TABLE, 200 * 16, INDIRECT, 0);
	rig_offer(0);
	is_broken("a chain has too many buffers");
}

Test(virtio_blk, a_broken_ring_still_gets_the_answers_in_flight)
{
	rig_request(0, T_IN, 0, RIG_DATA, 512);
	struct virtio_blk_request request = pop();
	rig_offer(RIG_SIZE);
	nothing_to_pop();
	cr_assert_eq(rig_seen.broken, 1);
	complete(&request, 0);
	cr_assert_eq(rig_status(0), 0);
	nothing_to_pop();
	cr_assert_eq(rig_seen.broken, 1, "said once");
}

/* ---- interrupts and notifications ---- */

Test(virtio_blk, no_interrupt_where_none_is_wanted)
{
	rig_store16(RIG_AVAIL, 1);
	rig_request(0, T_FLUSH, 0, 0, 0);
	struct virtio_blk_request request = pop();
	complete(&request, 0);
	cr_assert_eq(rig_used(), 1);
	cr_assert_not(rig_seen.level);
}

Test(virtio_blk, one_interrupt_for_a_batch)
{
	rig_request(0, T_FLUSH, 0, 0, 0);
	rig_request(1, T_FLUSH, 0, 0, 0);
	struct virtio_blk_request first = pop(), second = pop();
	virtio_blk_complete(rig_blk, &first, 0);
	virtio_blk_complete(rig_blk, &second, 0);
	cr_assert_eq(rig_seen.raised, 0);
	virtio_blk_flush_interrupt(rig_blk);
	cr_assert_eq(rig_seen.raised, 1);
}

/* 2.7.10: an interrupt when the used index passes used_event, and only then. */
Test(virtio_blk, event_index_of_the_driver)
{
	rig_start(ALL);
	rig_store16(RIG_AVAIL + 4 + 2 * RIG_SIZE, 1);
	for (unsigned i = 0; i < 3; i++) {
		rig_request(i, T_FLUSH, 0, 0, 0);
		struct virtio_blk_request request = pop();
		complete(&request, 0);
		cr_assert_eq(rig_seen.level, i == 1, "after %u", i + 1);
		rig_put(INTERRUPT_ACK, 1);
	}
}

Test(virtio_blk, event_index_of_the_device)
{
	rig_start(ALL);
	nothing_to_pop();
	cr_assert_eq(rig_load16(RIG_USED + 4 + 8 * RIG_SIZE), 0);
	rig_request(0, T_FLUSH, 0, 0, 0);
	struct virtio_blk_request request = pop();
	complete(&request, 0);
	nothing_to_pop();
	cr_assert_eq(rig_load16(RIG_USED + 4 + 8 * RIG_SIZE), 1, "notify me of what comes next");
}

Test(virtio_blk, no_notifications_while_it_looks_anyway)
{
	rig_request(0, T_FLUSH, 0, 0, 0);
	struct virtio_blk_request request = pop();
	cr_assert_eq(rig_load16(RIG_USED), 1);
	complete(&request, 0);
	nothing_to_pop();
	cr_assert_eq(rig_load16(RIG_USED), 0);
}

Test(virtio_blk, nothing_is_popped_before_driver_ok)
{
	rig_put(STATUS, 0);
	rig_put(STATUS, ACKNOWLEDGE | DRIVER);
	rig_request(0, T_FLUSH, 0, 0, 0);
	rig_seen.notified = 0;
	rig_put(QUEUE_NOTIFY, 0);
	cr_assert_eq(rig_seen.notified, 0);
	nothing_to_pop();
}

/* ---- reset ---- */

Test(virtio_blk, a_reset_waits_for_requests_in_flight)
{
	rig_request(0, T_IN, 0, RIG_DATA, 512);
	struct virtio_blk_request request = pop();
	rig_put(STATUS, 0);
	cr_assert_neq(rig_get(STATUS), 0, "not yet");
	rig_put(STATUS, ACKNOWLEDGE);
	nothing_to_pop();
	complete(&request, 0);
	cr_assert_eq(rig_get(STATUS), 0, "now");
	cr_assert_eq(rig_get(QUEUE_READY), 0);
	cr_assert_eq(rig_status(0), 0xee, "the old queue was not touched");
	cr_assert_not(rig_seen.level);
}

Test(virtio_blk, a_queue_stops_when_its_requests_are_done)
{
	rig_request(0, T_IN, 0, RIG_DATA, 512);
	rig_request(1, T_IN, 0, RIG_DATA, 512);
	struct virtio_blk_request request = pop();
	rig_put(QUEUE_READY, 0);
	cr_assert_eq(rig_get(QUEUE_READY), 1, "not yet");
	nothing_to_pop();
	complete(&request, 0);
	cr_assert_eq(rig_get(QUEUE_READY), 0);
	cr_assert_eq(rig_status(0), 0);
	cr_assert_eq(rig_used(), 1);
}
