/* SPDX-License-Identifier: BSD-2-Clause */
/* virtio-mmio registers of a block device: identification, negotiation, one queue, the interrupt.
 * Requests are in virtio_blk_request.c; it moves no data. VIRTIO 1.2, 4.2.2. */
#include "virtio_blk_internal.h"

#include <stdlib.h>
#include <string.h>

/* 4.2.2, table 4.1. */
#define REG_VENDOR_ID           0x00c /* from 0 on: magic, version, device, vendor */
#define REG_DEVICE_FEATURES     0x010
#define REG_DEVICE_FEATURES_SEL 0x014
#define REG_DRIVER_FEATURES     0x020
#define REG_DRIVER_FEATURES_SEL 0x024
#define REG_QUEUE_SEL           0x030
#define REG_QUEUE_NUM_MAX       0x034
#define REG_QUEUE_NUM           0x038
#define REG_QUEUE_READY         0x044
#define REG_QUEUE_NOTIFY        VIRTIO_BLK_NOTIFY
#define REG_INTERRUPT_STATUS    0x060
#define REG_INTERRUPT_ACK       0x064
#define REG_STATUS              0x070
#define REG_QUEUE_DESC          0x080
#define REG_QUEUE_DRIVER        0x090
#define REG_QUEUE_DEVICE        0x0a0
#define REG_SHM_LEN             0x0b0
#define REG_SHM_BASE_HIGH       0x0bc
#define REG_CONFIG_GENERATION   0x0fc
#define REG_CONFIG              0x100

#define MAGIC           0x74726976u /* "virt" */
#define VERSION         2u
#define DEVICE_ID_BLOCK 2u
#define VENDOR_ID       0x4d564b54u /* "TKVM" */

/* 5.2.4. */
struct config_space {
	uint64_t capacity;
	uint32_t size_max, seg_max;
	uint16_t cylinders;
	uint8_t heads, sectors;
	uint32_t blk_size;
};

static uint64_t offered(const struct virtio_blk *blk)
{
	return FEATURE_SEG_MAX | FEATURE_BLK_SIZE | FEATURE_FLUSH | FEATURE_INDIRECT_DESC |
	       FEATURE_EVENT_IDX | FEATURE_VERSION_1 | (blk->config.read_only ? FEATURE_RO : 0);
}

void virtio_blk_update_interrupt(struct virtio_blk *blk)
{
	bool level = blk->interrupt_status != 0;

	if (level == blk->level)
		return;
	blk->level = level;
	blk->stats.interrupts += level;
	blk->sink.interrupt(blk->sink.ctx, level);
}

void virtio_blk_break(struct virtio_blk *blk, const char *why)
{
	blk->broken = true;
	blk->stats.broken++;
	blk->status |= STATUS_NEEDS_RESET;
	if (blk->status & STATUS_DRIVER_OK) { /* 2.1.2 */
		blk->interrupt_status |= INTERRUPT_CONFIG;
		virtio_blk_update_interrupt(blk);
	}
	blk->sink.broken(blk->sink.ctx, why);
}

/* 2.4: the driver reads a status of 0 when the reset is complete: the queue's memory is its own
 * again. */
void virtio_blk_finish_reset(struct virtio_blk *blk)
{
	blk->resetting = blk->stopping = false;
	blk->status = 0;
	blk->broken = false;
	blk->driver_features = 0;
	blk->device_features_sel = blk->driver_features_sel = blk->queue_sel = 0;
	blk->queue_ready = false;
	blk->queue = (struct virtqueue){.memory = blk->sink.memory, .size = VIRTQUEUE_SIZE_MAX};
}

static void start_reset(struct virtio_blk *blk)
{
	blk->stats.resets++;
	blk->resetting = true;
	blk->interrupt_status = 0;
	virtio_blk_update_interrupt(blk);
	if (blk->in_flight == 0)
		virtio_blk_finish_reset(blk);
}

/* 3.1.1, step 5: what was not offered cannot be accepted; this device speaks version 1 only. */
static bool features_good(const struct virtio_blk *blk)
{
	return !(blk->driver_features & ~offered(blk)) &&
	       (blk->driver_features & FEATURE_VERSION_1);
}

static void write_status(struct virtio_blk *blk, uint32_t value)
{
	uint32_t device_bits = blk->status & STATUS_NEEDS_RESET;

	if (value == 0) {
		start_reset(blk);
		return;
	}
	if (blk->resetting)
		return;
	if ((value & STATUS_FEATURES_OK) && !features_good(blk))
		value &= ~STATUS_FEATURES_OK;
	blk->status = (value & 0xff) | device_bits;
	/* Buffers may have been made available before the device was told to go: 3.1.1, step 8. */
	if (virtio_blk_running(blk))
		blk->sink.notify(blk->sink.ctx);
}

/* 4.2.3.2. */
static void write_queue_ready(struct virtio_blk *blk, uint32_t value)
{
	if (value == 0) { /* the driver reads it back until it is 0: nothing is in flight then */
		blk->stopping = blk->queue_ready && blk->in_flight > 0;
		blk->queue_ready = blk->stopping;
		return;
	}
	if (blk->queue_ready)
		return;
	blk->queue.event_idx = blk->driver_features & FEATURE_EVENT_IDX;
	blk->queue.indirect = blk->driver_features & FEATURE_INDIRECT_DESC;
	if (virtqueue_start(&blk->queue) < 0)
		virtio_blk_break(blk, "the queue does not lie in memory as it must");
	else
		blk->queue_ready = true;
}

static void set_half(uint64_t *whole, bool high, uint32_t value)
{
	*whole = high ? (*whole & UINT32_MAX) | (uint64_t)value << 32
		      : (*whole & ~(uint64_t)UINT32_MAX) | value;
}

/* Registers of the selected queue; there is queue 0 only. */
static void write_queue(struct virtio_blk *blk, uint64_t offset, uint32_t value)
{
	if (blk->queue_sel != 0 || blk->resetting)
		return;
	if (offset == REG_QUEUE_READY) {
		write_queue_ready(blk, value);
		return;
	}
	if (blk->queue_ready) /* 4.2.2.2: not to be changed any more */
		return;
	switch (offset & ~4ULL) {
	case REG_QUEUE_NUM & ~4ULL:
		blk->queue.size = value <= VIRTQUEUE_SIZE_MAX ? (uint16_t)value : 0;
		break;
	case REG_QUEUE_DESC:
		set_half(&blk->queue.desc_gpa, offset & 4, value);
		break;
	case REG_QUEUE_DRIVER:
		set_half(&blk->queue.avail_gpa, offset & 4, value);
		break;
	case REG_QUEUE_DEVICE:
		set_half(&blk->queue.used_gpa, offset & 4, value);
		break;
	}
}

static void write_features(struct virtio_blk *blk, uint32_t value)
{
	/* 2.2.1: fixed once FEATURES_OK is set. */
	if (!(blk->status & STATUS_FEATURES_OK) && blk->driver_features_sel < 2)
		set_half(&blk->driver_features, blk->driver_features_sel, value);
}

static void write_register(struct virtio_blk *blk, uint64_t offset, uint32_t value)
{
	switch (offset) {
	case REG_DEVICE_FEATURES_SEL:
		blk->device_features_sel = value;
		break;
	case REG_DRIVER_FEATURES:
		write_features(blk, value);
		break;
	case REG_DRIVER_FEATURES_SEL:
		blk->driver_features_sel = value;
		break;
	case REG_QUEUE_SEL:
		blk->queue_sel = value;
		break;
	case REG_QUEUE_NOTIFY:
		blk->stats.notified++;
		if (virtio_blk_running(blk))
			blk->sink.notify(blk->sink.ctx);
		break;
	case REG_INTERRUPT_ACK:
		blk->interrupt_status &= ~value;
		virtio_blk_update_interrupt(blk);
		break;
	case REG_STATUS:
		write_status(blk, value);
		break;
	default:
		write_queue(blk, offset, value);
	}
}

static uint32_t read_register(const struct virtio_blk *blk, uint64_t offset)
{
	static const uint32_t identity[] = {MAGIC, VERSION, DEVICE_ID_BLOCK, VENDOR_ID};

	if (offset <= REG_VENDOR_ID)
		return identity[offset / 4];
	switch (offset) {
	case REG_DEVICE_FEATURES:
		return blk->device_features_sel < 2
			       ? (uint32_t)(offered(blk) >> 32 * blk->device_features_sel)
			       : 0;
	case REG_QUEUE_NUM_MAX:
		return blk->queue_sel == 0 ? VIRTQUEUE_SIZE_MAX : 0;
	case REG_QUEUE_READY:
		return blk->queue_sel == 0 && blk->queue_ready;
	case REG_INTERRUPT_STATUS:
		return blk->interrupt_status;
	case REG_STATUS:
		return blk->status;
	}
	/* 4.2.2: a shared memory region that is not there has a length and a base of all ones. */
	return offset >= REG_SHM_LEN && offset <= REG_SHM_BASE_HIGH ? UINT32_MAX : 0;
}

static uint64_t read_config(const struct virtio_blk *blk, uint64_t offset, unsigned size)
{
	struct config_space config = {
		.capacity = blk->config.sectors,
		.seg_max = VIRTQUEUE_SEGMENTS - 2,
		.blk_size = blk->config.block_size,
	};
	uint64_t value = 0;

	if (offset < sizeof(config) && size <= sizeof(config) - offset)
		memcpy(&value, (const char *)&config + offset, size);
	return value;
}

/* 4.2.2.2: registers are accessed by aligned 32-bit words only; the configuration in any way. */
static uint64_t virtio_blk_read(void *self, nsec_t now, uint64_t offset, unsigned size)
{
	(void)now;
	if (offset >= REG_CONFIG)
		return read_config(self, offset - REG_CONFIG, size);
	return size == 4 && offset % 4 == 0 ? read_register(self, offset) : 0;
}

static void virtio_blk_write(void *self, nsec_t now, uint64_t offset, unsigned size, uint64_t value)
{
	(void)now;
	if (offset < REG_CONFIG && size == 4 && offset % 4 == 0)
		write_register(self, offset, (uint32_t)value);
}

static void virtio_blk_reset(void *self, nsec_t now)
{
	(void)now;
	start_reset(self);
}

static void virtio_blk_counters(const void *self, struct counter_sink sink)
{
	const struct virtio_blk *blk = self;
	const struct virtio_blk_stats *s = &blk->stats;

	sink.put(sink.ctx, "reads", s->requests[VIRTIO_BLK_READ]);
	sink.put(sink.ctx, "writes", s->requests[VIRTIO_BLK_WRITE]);
	sink.put(sink.ctx, "flushes", s->requests[VIRTIO_BLK_FLUSH]);
	sink.put(sink.ctx, "bytes_read", s->bytes_read);
	sink.put(sink.ctx, "bytes_written", s->bytes_written);
	sink.put(sink.ctx, "failed", s->failed);
	sink.put(sink.ctx, "interrupts", s->interrupts);
	sink.put(sink.ctx, "notified", s->notified);
	sink.put(sink.ctx, "broken", s->broken);
	sink.put(sink.ctx, "resets", s->resets);
}

static const struct device_ops virtio_blk_ops = {
	.name = "virtio-blk",
	.read = virtio_blk_read,
	.write = virtio_blk_write,
	.reset = virtio_blk_reset,
	.counters = virtio_blk_counters,
};

struct virtio_blk *virtio_blk_create(
	const struct virtio_blk_config *config, struct virtio_blk_sink sink)
{
	struct virtio_blk *blk = calloc(1, sizeof(*blk));

	if (blk == NULL)
		return NULL;
	blk->config = *config;
	blk->sink = sink;
	virtio_blk_finish_reset(blk);
	return blk;
}

void virtio_blk_destroy(struct virtio_blk *blk)
{
	free(blk);
}

struct device virtio_blk_device(struct virtio_blk *blk)
{
	return (struct device){.ops = &virtio_blk_ops, .self = blk};
}

struct virtio_blk_stats virtio_blk_stats(const struct virtio_blk *blk)
{
	return blk->stats;
}
