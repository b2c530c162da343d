/* SPDX-License-Identifier: BSD-2-Clause */
/* The device's end of a split virtqueue in guest memory. Virtual I/O Device (VIRTIO) 1.2, 2.7.
 * The guest may write anything to it at any time: each descriptor is read once, checked, and only
 * then used. It knows no device. */
#ifndef TICKVM_VIRTQUEUE_H
#define TICKVM_VIRTQUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VIRTQUEUE_SIZE_MAX 256
#define VIRTQUEUE_SEGMENTS 128 /* of one chain, header and status among them */

/* Guest memory: [gpa, gpa + len) or NULL when not all of it is RAM. Valid as long as the machine
 * lives. */
struct virtqueue_memory {
	void *(*map)(void *ctx, uint64_t gpa, uint64_t len);
	void *ctx;
};

struct virtqueue_segment {
	uint8_t *base;
	uint32_t len; /* never 0 */
};

/* A chain of buffers: out are the driver's to read from, in are for the device to write to. */
struct virtqueue_chain {
	uint16_t head;
	unsigned outs, ins; /* segments[0, outs) and [outs, outs + ins) */
	struct virtqueue_segment segments[VIRTQUEUE_SEGMENTS];
};

struct virtqueue {
	struct virtqueue_memory memory;
	bool event_idx, indirect; /* as negotiated */
	uint16_t size;            /* power of two up to VIRTQUEUE_SIZE_MAX */
	uint64_t desc_gpa, avail_gpa, used_gpa;
	/* the device's own */
	const uint8_t *desc, *avail;
	uint8_t *used;
	uint16_t last_avail, used_idx, signalled;
};

/* Looks at sizes and addresses. 0, or -EINVAL: the driver got them wrong. */
int virtqueue_start(struct virtqueue *vq);
/* The next chain. 1: there is one; 0: nothing is there; -EINVAL: the ring is broken, *why says how.
 */
int virtqueue_pop(struct virtqueue *vq, struct virtqueue_chain *chain, const char **why);
/* Gives a chain back; written: bytes the device wrote to it. */
void virtqueue_push(struct virtqueue *vq, uint16_t head, uint32_t written);
/* Since the last time this was true: does the driver want an interrupt for what was pushed? */
bool virtqueue_wants_interrupt(struct virtqueue *vq);
/* Asks to be notified of what comes next; true: something came meanwhile, pop again. */
bool virtqueue_sleep(struct virtqueue *vq);
/* No notifications while the device is polling anyway. */
void virtqueue_wake(struct virtqueue *vq);

#endif
