/* SPDX-License-Identifier: BSD-2-Clause */
/* A driver for one virtio block device behind virtio-mmio version 2 (VIRTIO 1.2, 2.7, 4.2, 5.2):
 * what test=disk and load=io share. It decides nothing about what is read or written. */
#ifndef GUEST_VIRTIO_BLK_H
#define GUEST_VIRTIO_BLK_H

#include "guest.h"

#define VIRTIO_BLK_SLOTS_MAX 64
#define VIRTIO_BLK_SECTOR    512u

enum virtio_blk_use {
	VIRTIO_BLK_WAIT, /* virtio_blk_wait() waits for the interrupts */
	VIRTIO_BLK_LOAD, /* virtio_blk_keep_reading() answers them */
};

/* A request at a place of its own in the queue. */
struct virtio_blk_slot {
	uint64_t offset; /* bytes, a multiple of VIRTIO_BLK_SECTOR */
	void *buffer;
	uint32_t bytes;
	bool write;
};

/* Brings the device up, its interrupts to this CPU. Ends the run when there is none, or it cannot
 * hold depth slots, or, for writing, is read-only. Once. */
void virtio_blk_start(
	const struct cmdline *cmdline, enum virtio_blk_use use, uint64_t depth, bool write);
uint64_t virtio_blk_bytes(void);
/* Stops the device: it writes to no memory any more. Ends the run when it had broken down. */
void virtio_blk_stop(void);

/* Queues a request, and notifies the device if it asks for that; slot below depth, and not in
 * flight. */
void virtio_blk_queue(unsigned slot, const struct virtio_blk_slot *request);
/* The same for a flush, which is complete when all that was completed before is on the medium.
 * False: this device has none to give, because its writes are there when they are complete
 * (5.2.6.2). */
bool virtio_blk_queue_flush(unsigned slot);
/* The slot of a completed request, or -1: none. *good: the device reports no error. */
int virtio_blk_reap(bool *good);
/* Until a request in flight is completed, in HLT (and now and then without one). Ends the run when
 * the device breaks down, or is silent for a minute. Something is in flight. */
void virtio_blk_wait(void);

/* For tests that count interrupts, one request at a time: before it is queued, so that its
 * completion raises one whatever happens; and until that has been taken. */
void virtio_blk_ask_for_interrupt(void);
void virtio_blk_wait_for_interrupt(void);

/* From now on depth reads of record bytes are in flight, at places that virtio_blk_load_turn()
 * draws anew from the first bytes of the disk; an interrupt handler replaces those completed. */
void virtio_blk_keep_reading(uint64_t bytes, uint64_t record, uint64_t depth);
/* Since the last call. More than VIRTIO_BLK_SLOTS_MAX completions between two calls: only the last
 * of them were looked at for errors. At least every 65535 completions. */
void virtio_blk_load_turn(uint64_t *requests, uint64_t *errors);

#endif
