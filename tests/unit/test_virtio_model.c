/* SPDX-License-Identifier: BSD-2-Clause */
/* Thousands of random, well-formed requests against a model of an image: whatever the framing, the
 * order of completion and the errors, what was acknowledged is there, and nothing else is; on the
 * medium too, where the driver did not take FLUSH. */
#include "virtio_rig.h"

#include <criterion/criterion.h>

#define SECTORS         32u
#define SLOTS           5u /* requests at once: three descriptors each of sixteen */
#define STEPS           20000u
#define BYTES_MAX       2048u
#define SLOT_DATA(slot) (RIG_DATA + BYTES_MAX * (slot))

static uint8_t image[SECTORS * 512], expected[SECTORS * 512];
static uint64_t seed, features;

static struct slot {
	bool busy, popped, fail;
	uint32_t type;
	uint64_t sector;
	uint32_t bytes;
	struct virtio_blk_request request;
} slots[SLOTS];

static uint32_t below(uint32_t limit)
{
	seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(seed >> 33) % limit;
}

/* Sectors of requests in flight may not overlap: their order is nobody's business. */
static bool overlaps(uint64_t sector, uint32_t bytes)
{
	for (unsigned i = 0; i < SLOTS; i++) {
		const struct slot *s = &slots[i];

		if (s->busy && sector < s->sector + s->bytes / 512 &&
			s->sector < sector + bytes / 512)
			return true;
	}
	return false;
}

static void submit(unsigned i)
{
	struct slot *s = &slots[i];
	uint64_t sector = below(SECTORS);
	uint32_t bytes = 512 * (1 + below(BYTES_MAX / 512));

	if (sector + bytes / 512 > SECTORS || overlaps(sector, bytes))
		return;
	*s = (struct slot){.busy = true,
		.fail = below(10) == 0,
		.type = below(2),
		.sector = sector,
		.bytes = bytes};
	for (uint32_t b = 0; b < bytes; b++)
		rig_ram[SLOT_DATA(i) + b] = (uint8_t)below(256);
	rig_request(i, s->type, sector, SLOT_DATA(i), bytes);
}

/* What the image's thread does. */
static void transfer(const struct virtio_blk_request *request)
{
	uint64_t at = request->offset;

	for (unsigned i = 0; i < request->n; i++) {
		if (request->kind == VIRTIO_BLK_WRITE)
			memcpy(image + at, request->segments[i].base, request->segments[i].len);
		else
			memcpy(request->segments[i].base, image + at, request->segments[i].len);
		at += request->segments[i].len;
	}
}

static void pop(void)
{
	struct virtio_blk_request request;

	if (!virtio_blk_pop(rig_blk, &request))
		return;
	struct slot *s = &slots[request.head / 3];

	cr_assert(s->busy && !s->popped);
	cr_assert_eq(request.offset, s->sector * 512);
	cr_assert_eq(request.bytes, s->bytes);
	cr_assert_eq(request.write_through, s->type == 1 && !(features & F_FLUSH));
	s->popped = true;
	s->request = request;
}

static void complete(unsigned i)
{
	struct slot *s = &slots[i];

	if (!s->popped)
		return;
	if (!s->fail)
		transfer(&s->request);
	virtio_blk_complete(rig_blk, &s->request, s->fail ? 5 : 0);
	virtio_blk_flush_interrupt(rig_blk);
	cr_assert_eq(rig_status(i), s->fail ? 1 : 0);
	cr_assert_eq(rig_used_head((uint16_t)(rig_used() - 1)), 3 * i);
	if (!s->fail && s->type == 0)
		cr_assert_arr_eq(rig_ram + SLOT_DATA(i), expected + s->sector * 512, s->bytes);
	if (!s->fail && s->type == 1)
		memcpy(expected + s->sector * 512, rig_ram + SLOT_DATA(i), s->bytes);
	cr_assert_arr_eq(image, expected, sizeof(image));
	s->busy = s->popped = false;
	cr_assert(rig_seen.level);
	rig_put(INTERRUPT_ACK, 1);
}

static void reset_in_flight(void)
{
	rig_put(STATUS, 0);
	for (unsigned i = 0; i < SLOTS; i++) {
		if (slots[i].popped)
			virtio_blk_complete(rig_blk, &slots[i].request, 5);
		slots[i] = (struct slot){.busy = false};
	}
	cr_assert_eq(rig_get(STATUS), 0);
	features = F_VERSION_1 | (below(2) ? F_FLUSH : 0);
	rig_start(features);
}

Test(virtio_model, what_was_acknowledged_is_there)
{
	unsigned requests = 0;

	cr_assert(rig_create(SECTORS, false));
	features = F_VERSION_1;
	rig_start(features);
	seed = 1;
	for (unsigned step = 0; step < STEPS; step++) {
		unsigned i = below(SLOTS);

		switch (below(3)) {
		case 0:
			if (!slots[i].busy)
				submit(i);
			break;
		case 1:
			pop();
			break;
		default:
			requests += slots[i].popped;
			complete(i);
		}
		if (below(500) == 0)
			reset_in_flight();
	}
	cr_assert_gt(requests, 1000);
	cr_assert_eq(rig_seen.broken, 0);
	virtio_blk_destroy(rig_blk);
}
