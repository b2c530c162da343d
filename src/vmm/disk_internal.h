/* SPDX-License-Identifier: BSD-2-Clause */
/* The disk's insides, for its files: disk.c opens and starts, disk_request.c knows one request,
 * disk_uring.c and disk_rw.c are the two ways to carry requests out. */
#ifndef VMM_DISK_INTERNAL_H
#define VMM_DISK_INTERNAL_H

#include "disk.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/types.h>
#include <sys/uio.h>

#define DISK_SLOTS 128 /* requests in flight */

/* A request on its way. */
struct disk_slot {
	struct virtio_blk_request request;
	uint64_t done; /* bytes */
	bool direct;
	int error;
	struct iovec iov[VIRTQUEUE_SEGMENTS]; /* of what is not done */
	struct disk_slot *next;
};

struct disk {
	char *path;
	bool read_only, regular;
	int fd, direct_fd; /* direct_fd -1: no O_DIRECT here */
	uint64_t sectors;
	uint32_t block_size;
	uint32_t memory_align, offset_align; /* of direct I/O, powers of two */
	int eventfd;
	struct io_uring *ring; /* not enabled before the thread runs; NULL: preadv and pwritev */
	struct disk_client client;
	pthread_t thread;
	bool started;
	_Atomic bool stop;
	/* the thread's own */
	struct disk_slot *slots;
	bool written; /* something was */
	int sync_error;
	bool complained;
	struct disk_stats stats;
};

/* The end of a long path: the sentence behind it must fit its line. */
const char *disk_shown(const char *path);

/* Takes up a popped request. False: slot->error is its answer without any I/O. */
bool disk_request_begin(struct disk *disk, struct disk_slot *slot);
/* Of a transfer: the file, where in it, and slot->iov for the rest; returns the iovecs. */
int disk_request_fd(const struct disk *disk, const struct disk_slot *slot);
off_t disk_request_offset(const struct disk_slot *slot);
unsigned disk_request_iov(struct disk_slot *slot);
/* Of a write: RWF_DSYNC when it must be on the medium before it is done, as fdatasync() behind it
 * would have it (pwritev2(2)); else 0. */
int disk_request_flags(const struct disk_slot *slot);
/* What the kernel said: bytes, or a negative errno. True: the request is over, slot->error its
 * answer. */
bool disk_request_advance(struct disk *disk, struct disk_slot *slot, ssize_t result);
/* At the end: everything written is on the medium, or it is said that it is not. */
void disk_sync(struct disk *disk);

/* Makes the ring, where this kernel has one for us: rings cannot be made in the sandbox. */
void disk_uring_open(struct disk *disk);
void disk_uring_close(struct disk *disk);

/* Each until disk->stop is set and nothing is in flight. False: there is no ring, and nothing was
 * done. */
bool disk_uring_run(struct disk *disk);
void disk_rw_run(struct disk *disk);

#endif
