/* SPDX-License-Identifier: BSD-2-Clause */
/* A driver for the virtio block device, in a few kilobytes of guest memory: what a guest would
 * write there. It checks nothing by itself. */
#ifndef TESTS_VIRTIO_RIG_H
#define TESTS_VIRTIO_RIG_H

#include "tickvm/virtio_blk.h"

#include <string.h>

/* VIRTIO 1.2, table 4.1. */
enum {
	MAGIC = 0x000,
	VERSION = 0x004,
	DEVICE_ID = 0x008,
	DEVICE_FEATURES = 0x010,
	DEVICE_FEATURES_SEL = 0x014,
	DRIVER_FEATURES = 0x020,
	DRIVER_FEATURES_SEL = 0x024,
	QUEUE_SEL = 0x030,
	QUEUE_NUM_MAX = 0x034,
	QUEUE_NUM = 0x038,
	QUEUE_READY = 0x044,
	QUEUE_NOTIFY = 0x050,
	INTERRUPT_STATUS = 0x060,
	INTERRUPT_ACK = 0x064,
	STATUS = 0x070,
	QUEUE_DESC = 0x080,
	QUEUE_DRIVER = 0x090,
	QUEUE_DEVICE = 0x0a0,
	CONFIG = 0x100,
};
#define ACKNOWLEDGE 1u
#define DRIVER      2u
#define DRIVER_OK   4u
#define FEATURES_OK 8u
#define NEEDS_RESET 64u

#define F_RO        (1ULL << 5)
#define F_FLUSH     (1ULL << 9)
#define F_INDIRECT  (1ULL << 28)
#define F_EVENT_IDX (1ULL << 29)
#define F_VERSION_1 (1ULL << 32)

#define NEXT     1u
#define WRITE    2u
#define INDIRECT 4u

struct rig_desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags, next;
};

/* Where things are in guest memory. */
#define RIG_RAM   0x40000u
#define RIG_SIZE  16u
#define RIG_DESC  0x1000u
#define RIG_AVAIL 0x2000u
#define RIG_USED  0x3000u
#define RIG_TABLE 0x4000u /* an indirect table */
#define RIG_HEAD  0x5000u /* headers, 16 bytes a request */
#define RIG_STAT  0x6000u /* status bytes */
#define RIG_DATA  0x8000u

static uint8_t rig_ram[RIG_RAM] __attribute__((aligned(4096)));
static struct virtio_blk *rig_blk;
static struct device rig_dev;
static struct {
	bool level;
	unsigned raised, notified, broken;
	const char *why;
} rig_seen;

static void *rig_map(void *ctx, uint64_t gpa, uint64_t len)
{
	(void)ctx;
	return gpa <= RIG_RAM && len <= RIG_RAM - gpa ? rig_ram + gpa : NULL;
}

static void rig_interrupt(void *ctx, bool level)
{
	(void)ctx;
	rig_seen.raised += level;
	rig_seen.level = level;
}

static void rig_notify(void *ctx)
{
	(void)ctx;
	rig_seen.notified++;
}

static void rig_broken(void *ctx, const char *why)
{
	(void)ctx;
	rig_seen.broken++;
	rig_seen.why = why;
}

static inline void rig_put(uint64_t reg, uint64_t value)
{
	rig_dev.ops->write(rig_dev.self, 0, reg, 4, value);
}

static inline uint32_t rig_get(uint64_t reg)
{
	return (uint32_t)rig_dev.ops->read(rig_dev.self, 0, reg, 4);
}

static inline bool rig_create(uint64_t sectors, bool read_only)
{
	struct virtio_blk_config config = {
		.sectors = sectors, .block_size = 512, .read_only = read_only, .id = "rig"};
	struct virtio_blk_sink sink = {.memory = {.map = rig_map},
		.interrupt = rig_interrupt,
		.notify = rig_notify,
		.broken = rig_broken};

	memset(rig_ram, 0, sizeof(rig_ram));
	memset(&rig_seen, 0, sizeof(rig_seen));
	rig_blk = virtio_blk_create(&config, sink);
	if (rig_blk != NULL)
		rig_dev = virtio_blk_device(rig_blk);
	return rig_blk != NULL;
}

static inline void rig_features(uint64_t features)
{
	rig_put(DRIVER_FEATURES_SEL, 0);
	rig_put(DRIVER_FEATURES, (uint32_t)features);
	rig_put(DRIVER_FEATURES_SEL, 1);
	rig_put(DRIVER_FEATURES, features >> 32);
}

/* 3.1.1, with the queue where the constants above say. */
static inline void rig_start(uint64_t features)
{
	rig_put(STATUS, 0);
	rig_put(STATUS, ACKNOWLEDGE | DRIVER);
	rig_features(features);
	rig_put(STATUS, ACKNOWLEDGE | DRIVER | FEATURES_OK);
	rig_put(QUEUE_SEL, 0);
	rig_put(QUEUE_NUM, RIG_SIZE);
	rig_put(QUEUE_DESC, RIG_DESC);
	rig_put(QUEUE_DESC + 4, 0);
	rig_put(QUEUE_DRIVER, RIG_AVAIL);
	rig_put(QUEUE_DRIVER + 4, 0);
	rig_put(QUEUE_DEVICE, RIG_USED);
	rig_put(QUEUE_DEVICE + 4, 0);
	memset(rig_ram + RIG_AVAIL, 0, 0x1000);
	memset(rig_ram + RIG_USED, 0, 0x1000);
	rig_put(QUEUE_READY, 1);
	rig_put(STATUS, ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK);
}

static inline uint16_t rig_load16(uint64_t gpa)
{
	uint16_t value;

	memcpy(&value, rig_ram + gpa, sizeof(value));
	return value;
}

static inline uint32_t rig_load32(uint64_t gpa)
{
	uint32_t value;

	memcpy(&value, rig_ram + gpa, sizeof(value));
	return value;
}

static inline void rig_store16(uint64_t gpa, uint16_t value)
{
	memcpy(rig_ram + gpa, &value, sizeof(value));
}

static inline void rig_desc_at(
	uint64_t table, unsigned i, uint64_t addr, uint32_t len, uint16_t flags, uint16_t next)
{
	struct rig_desc desc = {.addr = addr, .len = len, .flags = flags, .next = next};

	memcpy(rig_ram + table + sizeof(desc) * i, &desc, sizeof(desc));
}

static inline void rig_offer(uint16_t head)
{
	uint16_t idx = rig_load16(RIG_AVAIL + 2);

	rig_store16(RIG_AVAIL + 4 + 2 * (idx % RIG_SIZE), head);
	rig_store16(RIG_AVAIL + 2, (uint16_t)(idx + 1));
}

static inline uint16_t rig_used(void)
{
	return rig_load16(RIG_USED + 2);
}

/* The n-th entry ever used. */
static inline uint32_t rig_used_head(uint16_t n)
{
	return rig_load32(RIG_USED + 4 + 8 * (n % RIG_SIZE));
}

static inline uint32_t rig_used_len(uint16_t n)
{
	return rig_load32(RIG_USED + 8 + 8 * (n % RIG_SIZE));
}

static inline void rig_header(unsigned slot, uint32_t type, uint64_t sector)
{
	uint8_t *at = rig_ram + RIG_HEAD + 16 * slot;

	memcpy(at, &type, sizeof(type));
	memset(at + 4, 0, 4);
	memcpy(at + 8, &sector, sizeof(sector));
	rig_ram[RIG_STAT + slot] = 0xee;
}

/* Descriptors 3 * slot and on: header, data (when bytes is not 0), status. */
static inline void rig_request(
	unsigned slot, uint32_t type, uint64_t sector, uint64_t data, uint32_t bytes)
{
	uint16_t first = (uint16_t)(3 * slot), last = (uint16_t)(bytes > 0 ? first + 2 : first + 1);
	uint16_t in = type == 0 || type == 8 ? WRITE : 0;

	rig_header(slot, type, sector);
	rig_desc_at(RIG_DESC, first, RIG_HEAD + 16 * slot, 16, NEXT, (uint16_t)(first + 1));
	if (bytes > 0)
		rig_desc_at(RIG_DESC, first + 1u, data, bytes, in | NEXT, last);
	rig_desc_at(RIG_DESC, last, RIG_STAT + slot, 1, WRITE, 0);
	rig_offer(first);
}

static inline uint8_t rig_status(unsigned slot)
{
	return rig_ram[RIG_STAT + slot];
}

#endif
