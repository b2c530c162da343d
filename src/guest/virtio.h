/* SPDX-License-Identifier: BSD-2-Clause */
/* What VIRTIO 1.2 says of virtio-mmio, split queues and block devices, as far as the driver uses
 * it. It knows no device. */
#ifndef GUEST_VIRTIO_H
#define GUEST_VIRTIO_H

/* For interrupts.S as well. */
#define VIRTIO_QUEUE_NOTIFY  0x050
#define VIRTIO_INTERRUPT_ACK 0x064
#define VIRTIO_INTERRUPTS    3 /* used buffers, changed configuration */
#define VIRTQ_IDX            2 /* where a ring has its index */

#ifndef __ASSEMBLER__
#include <stdint.h>

/* 4.2.2, table 4.1. */
#define REG_MAGIC               0x000
#define REG_VERSION             0x004
#define REG_DEVICE_ID           0x008
#define REG_DEVICE_FEATURES     0x010
#define REG_DEVICE_FEATURES_SEL 0x014
#define REG_DRIVER_FEATURES     0x020
#define REG_DRIVER_FEATURES_SEL 0x024
#define REG_QUEUE_SEL           0x030
#define REG_QUEUE_NUM_MAX       0x034
#define REG_QUEUE_NUM           0x038
#define REG_QUEUE_READY         0x044
#define REG_STATUS              0x070
#define REG_QUEUE_DESC          0x080
#define REG_QUEUE_DRIVER        0x090
#define REG_QUEUE_DEVICE        0x0a0
#define REG_CAPACITY            0x100
#define MAGIC                   0x74726976
#define VERSION                 2
#define DEVICE_ID_BLOCK         2

/* 2.1. */
#define STATUS_ACKNOWLEDGE 1u
#define STATUS_DRIVER      2u
#define STATUS_DRIVER_OK   4u
#define STATUS_FEATURES_OK 8u
#define STATUS_NEEDS_RESET 64u

/* 5.2.3 and 6. */
#define FEATURE_RO        (1ULL << 5)
#define FEATURE_FLUSH     (1ULL << 9)
#define FEATURE_EVENT_IDX (1ULL << 29)
#define FEATURE_VERSION_1 (1ULL << 32)

#define DESC_NEXT      1u
#define DESC_WRITE     2u
#define USED_NO_NOTIFY 1u
/* 5.2.6. */
#define TYPE_IN     0u
#define TYPE_OUT    1u
#define TYPE_FLUSH  4u
#define STATUS_OK   0
#define STATUS_NONE 0xff

/* 2.7. */
#define QUEUE_MAX 256
struct virtq_desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags, next;
};
/* One entry more: the other side's event index follows the ring. */
struct virtq_avail {
	uint16_t flags, idx;
	uint16_t ring[QUEUE_MAX + 1];
};
struct virtq_used {
	uint16_t flags, idx;
	struct {
		uint32_t id, len;
	} ring[QUEUE_MAX + 1];
};
#endif
#endif
