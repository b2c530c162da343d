/* SPDX-License-Identifier: BSD-2-Clause */
/* A virtio block device behind virtio-mmio version 2: registers, negotiation, one queue of
 * requests. VIRTIO 1.2, 2, 4.2 and 5.2. It reads and writes no image: requests are handed out
 * checked, and given back when they are done. */
#ifndef TICKVM_VIRTIO_BLK_H
#define TICKVM_VIRTIO_BLK_H

#include "tickvm/device.h"
#include "tickvm/virtqueue.h"

#define VIRTIO_BLK_SECTOR    512u
#define VIRTIO_BLK_ID_BYTES  20u
#define VIRTIO_BLK_MMIO_SIZE 0x200u
#define VIRTIO_BLK_NOTIFY    0x050u /* offset of QueueNotify, for an ioeventfd of 4 bytes */

struct virtio_blk;

struct virtio_blk_config {
	uint64_t sectors;    /* capacity, of VIRTIO_BLK_SECTOR bytes */
	uint32_t block_size; /* what the image is best accessed in: 512 or 4096 */
	bool read_only;
	char id[VIRTIO_BLK_ID_BYTES + 1]; /* serial number for VIRTIO_BLK_T_GET_ID */
};

struct virtio_blk_sink {
	struct virtqueue_memory memory;
	void (*interrupt)(void *ctx, bool level); /* the interrupt line changed */
	void (*notify)(void *ctx);                /* the driver says that there are requests */
	/* The guest broke its ring; the device is dead until it is reset. Once a reset. */
	void (*broken)(void *ctx, const char *why);
	void *ctx;
};

enum virtio_blk_kind { VIRTIO_BLK_READ, VIRTIO_BLK_WRITE, VIRTIO_BLK_FLUSH };

/* One request, checked: it lies within the image, its buffers in guest memory. */
struct virtio_blk_request {
	enum virtio_blk_kind kind;
	uint64_t offset; /* bytes into the image, multiple of VIRTIO_BLK_SECTOR */
	uint64_t bytes;  /* sum of the segments */
	/* Of a write: it is on the medium before it is completed, because the driver did not take
	 * FLUSH and will not ask for it (VIRTIO 1.2, 5.2.6.2). */
	bool write_through;
	unsigned n;
	struct virtqueue_segment segments[VIRTQUEUE_SEGMENTS];
	/* the model's own */
	uint16_t head;
	uint8_t *status;
};

struct virtio_blk_stats {
	uint64_t requests[VIRTIO_BLK_FLUSH + 1]; /* handed out, by kind */
	uint64_t bytes_read, bytes_written;      /* of requests that succeeded */
	uint64_t failed;     /* answered with an error: the image's, out of range, read-only,
				unsupported */
	uint64_t interrupts; /* times the line rose */
	uint64_t notified;   /* QueueNotify written through the register (not the ioeventfd) */
	uint64_t broken;     /* rings found broken */
	uint64_t resets;
};

/* All functions with the device's lock held. NULL: no memory. */
struct virtio_blk *virtio_blk_create(
	const struct virtio_blk_config *config, struct virtio_blk_sink sink);
void virtio_blk_destroy(struct virtio_blk *blk);
struct device virtio_blk_device(struct virtio_blk *blk);

/* The next request for the image. False: none now, and the driver will notify when there are more
 * (what needs no image has been answered on the way). */
bool virtio_blk_pop(struct virtio_blk *blk, struct virtio_blk_request *request);
/* request is done: error 0, or a positive errno (the guest sees an I/O error). In any order. Each
 * popped request must come back, after a reset too: the driver sees the reset complete when the
 * last one has. */
void virtio_blk_complete(
	struct virtio_blk *blk, const struct virtio_blk_request *request, int error);
/* Raises the interrupt that completed requests deserve: call after a batch of completions. */
void virtio_blk_flush_interrupt(struct virtio_blk *blk);

struct virtio_blk_stats virtio_blk_stats(const struct virtio_blk *blk);

#endif
