/* SPDX-License-Identifier: BSD-2-Clause */
/* A guest that writes anything anywhere: registers, rings, descriptors. Whatever it does, requests
 * lie within the image and their buffers within its memory, the interrupt line agrees with
 * InterruptStatus, and a reset ends in status 0. Input: (operation, argument, value) of 1, 2 and 4
 * bytes. */
#include "../unit/virtio_rig.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(what)                                                                                \
	do {                                                                                       \
		if (!(what))                                                                       \
			__builtin_trap();                                                          \
	} while (0)

#define SECTORS   64u
#define IN_FLIGHT 8u

static struct virtio_blk_request in_flight[IN_FLIGHT];
static unsigned flying;

static void check_request(const struct virtio_blk_request *request)
{
	uint64_t bytes = 0;

	CHECK(request->n <= VIRTQUEUE_SEGMENTS);
	for (unsigned i = 0; i < request->n; i++) {
		const struct virtqueue_segment *s = &request->segments[i];

		CHECK(s->len > 0 && s->base >= rig_ram && s->base < rig_ram + RIG_RAM);
		CHECK(s->len <= (size_t)(rig_ram + RIG_RAM - s->base));
		bytes += s->len;
	}
	CHECK(bytes == request->bytes && request->offset % 512 == 0 && bytes % 512 == 0);
	CHECK(request->offset + bytes <= SECTORS * 512);
	CHECK(!request->write_through || request->kind == VIRTIO_BLK_WRITE);
	CHECK(request->status >= rig_ram && request->status < rig_ram + RIG_RAM);
}

static void pop(void)
{
	if (flying == IN_FLIGHT || !virtio_blk_pop(rig_blk, &in_flight[flying]))
		return;
	check_request(&in_flight[flying]);
	flying++;
}

static void complete(unsigned which, int error)
{
	if (flying == 0)
		return;
	which %= flying;
	for (unsigned i = 0; i < in_flight[which].n && in_flight[which].kind == VIRTIO_BLK_READ;
		i++)
		memset(in_flight[which].segments[i].base, 0x5a, in_flight[which].segments[i].len);
	virtio_blk_complete(rig_blk, &in_flight[which], error);
	virtio_blk_flush_interrupt(rig_blk);
	in_flight[which] = in_flight[--flying];
}

static void act(uint8_t op, uint16_t argument, uint32_t value)
{
	static const uint16_t places[] = {RIG_DESC, RIG_AVAIL, RIG_USED, RIG_TABLE, RIG_HEAD};

	switch (op % 10) {
	case 0:
		rig_put(argument & 0x1fc, value);
		break;
	case 1:
		(void)rig_dev.ops->read(rig_dev.self, 0, argument & 0x1ff, 1u << (value & 3));
		break;
	case 2:
		memcpy(rig_ram + places[value % 5] + (argument & 0xff), &value, sizeof(value));
		break;
	case 3:
		rig_offer(argument);
		break;
	case 4:
		rig_request(argument % 5, value & 0xf, value >> 4 & 0x7f, RIG_DATA + (value >> 12),
			512);
		break;
	case 5:
	case 6:
		pop();
		break;
	case 7:
		complete(argument, value & 1 ? 5 : 0);
		break;
	case 8:
		rig_start((value & 1 ? F_VERSION_1 : F_VERSION_1 | F_INDIRECT | F_EVENT_IDX) |
			  (value & 2 ? F_FLUSH : 0));
		break;
	default:
		rig_desc_at(argument & 0x1000 ? RIG_TABLE : RIG_DESC, argument & 0xf,
			value & 0xffffff, value >> 20, (uint16_t)(argument >> 4 & 7),
			(uint16_t)(argument >> 8 & 0x1f));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	flying = 0;
	if (!rig_create(SECTORS, size & 1))
		return 0;
	rig_start(F_VERSION_1 | F_INDIRECT | F_EVENT_IDX);
	for (size_t i = 0; i + 7 <= size; i += 7) {
		uint16_t argument;
		uint32_t value;

		memcpy(&argument, data + i + 1, sizeof(argument));
		memcpy(&value, data + i + 3, sizeof(value));
		act(data[i], argument, value);
		CHECK(rig_seen.level == (rig_get(INTERRUPT_STATUS) != 0));
	}
	rig_put(STATUS, 0);
	while (flying > 0)
		complete(0, 0);
	CHECK(rig_get(STATUS) == 0 && rig_get(QUEUE_READY) == 0 && !rig_seen.level);
	virtio_blk_destroy(rig_blk);
	return 0;
}
