/* SPDX-License-Identifier: BSD-2-Clause */
/* The block device's state, for its two files: registers, and requests. */
#ifndef DEVICES_VIRTIO_BLK_INTERNAL_H
#define DEVICES_VIRTIO_BLK_INTERNAL_H

#include "tickvm/virtio_blk.h"

/* VIRTIO 1.2, 2.1. */
#define STATUS_DRIVER_OK   4u
#define STATUS_FEATURES_OK 8u
#define STATUS_NEEDS_RESET 64u

/* 4.2.2, InterruptStatus. */
#define INTERRUPT_USED   1u
#define INTERRUPT_CONFIG 2u

/* 5.2.3 and 6. */
#define FEATURE_SEG_MAX       (1ULL << 2)
#define FEATURE_RO            (1ULL << 5)
#define FEATURE_BLK_SIZE      (1ULL << 6)
#define FEATURE_FLUSH         (1ULL << 9)
#define FEATURE_INDIRECT_DESC (1ULL << 28)
#define FEATURE_EVENT_IDX     (1ULL << 29)
#define FEATURE_VERSION_1     (1ULL << 32)

struct virtio_blk {
	struct virtio_blk_config config;
	struct virtio_blk_sink sink;
	uint32_t status, interrupt_status;
	bool level; /* of the line, as last told */
	uint32_t device_features_sel, driver_features_sel, queue_sel;
	uint64_t driver_features;
	bool queue_ready;
	bool stopping;  /* QueueReady was cleared: waits for requests in flight */
	bool broken;    /* no more requests until a reset */
	bool resetting; /* waits for requests in flight */
	unsigned in_flight;
	struct virtqueue queue;
	struct virtio_blk_stats stats;
};

static inline bool virtio_blk_running(const struct virtio_blk *blk)
{
	return (blk->status & STATUS_DRIVER_OK) && blk->queue_ready && !blk->broken &&
	       !blk->resetting && !blk->stopping;
}

void virtio_blk_update_interrupt(struct virtio_blk *blk);
void virtio_blk_break(struct virtio_blk *blk, const char *why);
void virtio_blk_finish_reset(struct virtio_blk *blk);

#endif
