/* SPDX-License-Identifier: BSD-2-Clause */
/* From chains of buffers to checked block requests, and back. VIRTIO 1.2, 5.2.6.
 * What needs no image (a serial number, an error) is answered here; it moves no image data. */
#include "virtio_blk_internal.h"

#include <string.h>

/* 5.2.6, struct virtio_blk_req. */
struct request_header {
	uint32_t type, reserved;
	uint64_t sector;
};
#define TYPE_IN     0u
#define TYPE_OUT    1u
#define TYPE_FLUSH  4u
#define TYPE_GET_ID 8u

#define BLK_OK     0
#define BLK_IOERR  1
#define BLK_UNSUPP 2

static uint64_t total(const struct virtqueue_segment *segments, unsigned n)
{
	uint64_t bytes = 0;

	for (unsigned i = 0; i < n; i++)
		bytes += segments[i].len;
	return bytes;
}

/* Takes bytes from the front of segments; how a request is framed is the driver's choice (2.7.4).
 * False: they are not so many. */
static bool take_front(struct virtqueue_segment **segments, unsigned *n, void *to, uint32_t bytes)
{
	uint8_t *at = to;

	while (bytes > 0 && *n > 0) {
		struct virtqueue_segment *first = *segments;
		uint32_t part = bytes < first->len ? bytes : first->len;

		memcpy(at, first->base, part);
		at += part;
		bytes -= part;
		first->base += part;
		first->len -= part;
		if (first->len == 0) {
			(*segments)++;
			(*n)--;
		}
	}
	return bytes == 0;
}

/* The status is the last byte the device may write. */
static uint8_t *take_status(struct virtqueue_segment *segments, unsigned *n)
{
	struct virtqueue_segment *last;

	if (*n == 0)
		return NULL;
	last = &segments[*n - 1];
	last->len--;
	if (last->len == 0)
		(*n)--;
	return last->base + last->len;
}

static void answer(
	struct virtio_blk *blk, uint16_t head, uint8_t *status, uint8_t value, uint64_t written)
{
	blk->stats.failed += value != BLK_OK;
	*status = value;
	virtqueue_push(&blk->queue, head, (uint32_t)written + 1);
}

static void answer_id(struct virtio_blk *blk, const struct virtio_blk_request *request)
{
	uint32_t left = VIRTIO_BLK_ID_BYTES;
	const char *from = blk->config.id;

	if (request->bytes < VIRTIO_BLK_ID_BYTES) {
		answer(blk, request->head, request->status, BLK_IOERR, 0);
		return;
	}
	for (unsigned i = 0; i < request->n && left > 0; i++) {
		uint32_t part = request->segments[i].len < left ? request->segments[i].len : left;

		memcpy(request->segments[i].base, from, part);
		from += part;
		left -= part;
	}
	answer(blk, request->head, request->status, BLK_OK, VIRTIO_BLK_ID_BYTES);
}

static void use_segments(
	struct virtio_blk_request *request, const struct virtqueue_segment *segments, unsigned n)
{
	request->n = n;
	request->bytes = total(segments, n);
	memcpy(request->segments, segments, n * sizeof(*segments));
}

/* 5.2.6.2: whole sectors within the image. */
static bool in_range(const struct virtio_blk *blk, uint64_t sector, uint64_t bytes)
{
	uint64_t sectors = bytes / VIRTIO_BLK_SECTOR;

	return bytes % VIRTIO_BLK_SECTOR == 0 && sector <= blk->config.sectors &&
	       sectors <= blk->config.sectors - sector;
}

/* A transfer for the image; false: answered with an error. */
static bool take_transfer(
	struct virtio_blk *blk, struct virtio_blk_request *request, uint64_t sector)
{
	bool write = request->kind == VIRTIO_BLK_WRITE;

	if ((write && blk->config.read_only) || !in_range(blk, sector, request->bytes)) {
		answer(blk, request->head, request->status, BLK_IOERR, 0);
		return false;
	}
	if (request->bytes == 0) {
		answer(blk, request->head, request->status, BLK_OK, 0);
		return false;
	}
	request->offset = sector * VIRTIO_BLK_SECTOR;
	/* CONFIG_WCE, by which a driver could choose, is not offered. */
	request->write_through = write && !(blk->driver_features & FEATURE_FLUSH);
	return true;
}

/* True: request is one for the image. False: it was answered, or broke the ring. */
static bool take_chain(
	struct virtio_blk *blk, struct virtqueue_chain *chain, struct virtio_blk_request *request)
{
	struct virtqueue_segment *outs = chain->segments, *ins = chain->segments + chain->outs;
	struct request_header header;

	if (!take_front(&outs, &chain->outs, &header, sizeof(header))) {
		virtio_blk_break(blk, "a request without a header");
		return false;
	}
	request->head = chain->head;
	request->status = take_status(ins, &chain->ins);
	if (request->status == NULL) {
		virtio_blk_break(blk, "a request without room for its status");
		return false;
	}
	switch (header.type) {
	case TYPE_IN:
		request->kind = VIRTIO_BLK_READ;
		use_segments(request, ins, chain->ins);
		return take_transfer(blk, request, header.sector);
	case TYPE_OUT:
		request->kind = VIRTIO_BLK_WRITE;
		use_segments(request, outs, chain->outs);
		return take_transfer(blk, request, header.sector);
	case TYPE_FLUSH:
		request->kind = VIRTIO_BLK_FLUSH;
		request->offset = request->bytes = 0;
		request->write_through = false;
		request->n = 0;
		return true;
	case TYPE_GET_ID:
		use_segments(request, ins, chain->ins);
		answer_id(blk, request);
		return false;
	default:
		answer(blk, request->head, request->status, BLK_UNSUPP, 0);
		return false;
	}
}

bool virtio_blk_pop(struct virtio_blk *blk, struct virtio_blk_request *request)
{
	struct virtqueue_chain chain;
	const char *why;

	while (virtio_blk_running(blk)) {
		virtqueue_wake(&blk->queue);
		int got = virtqueue_pop(&blk->queue, &chain, &why);

		if (got < 0) {
			virtio_blk_break(blk, why);
			break;
		}
		if (got == 0) {
			if (!virtqueue_sleep(&blk->queue))
				break;
		} else if (take_chain(blk, &chain, request)) {
			blk->in_flight++;
			blk->stats.requests[request->kind]++;
			return true;
		}
	}
	virtio_blk_flush_interrupt(blk);
	return false;
}

void virtio_blk_complete(
	struct virtio_blk *blk, const struct virtio_blk_request *request, int error)
{
	bool read = request->kind == VIRTIO_BLK_READ;

	blk->in_flight--;
	if (blk->resetting) {
		if (blk->in_flight == 0)
			virtio_blk_finish_reset(blk);
		return;
	}
	if (blk->stopping && blk->in_flight == 0)
		blk->stopping = blk->queue_ready = false;
	if (error == 0 && read)
		blk->stats.bytes_read += request->bytes;
	else if (error == 0)
		blk->stats.bytes_written += request->bytes;
	/* A queue that was broken or disabled meanwhile still has its memory: the data is there,
	 * and so is the answer. */
	answer(blk, request->head, request->status, error == 0 ? BLK_OK : BLK_IOERR,
		read && error == 0 ? request->bytes : 0);
}

void virtio_blk_flush_interrupt(struct virtio_blk *blk)
{
	if (blk->resetting || !blk->queue_ready || !virtqueue_wants_interrupt(&blk->queue))
		return;
	blk->interrupt_status |= INTERRUPT_USED;
	virtio_blk_update_interrupt(blk);
}
