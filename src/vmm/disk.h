/* SPDX-License-Identifier: BSD-2-Clause */
/* An image file or block device, and the thread that reads and writes it. It knows no virtio:
 * requests come from and go back to a client. */
#ifndef VMM_DISK_H
#define VMM_DISK_H

#include "tickvm/diag.h"
#include "tickvm/virtio_blk.h"

struct disk;

/* Where requests come from. All are called on the disk's thread. */
struct disk_client {
	/* Around a batch of the two below: takes the device's lock; gives it back, with the
	 * interrupt that the batch deserves. */
	void (*begin)(void *ctx);
	void (*end)(void *ctx);
	bool (*pop)(void *ctx, struct virtio_blk_request *request);
	void (*complete)(void *ctx, const struct virtio_blk_request *request, int error);
	void *ctx;
};

/* Opens and looks: a regular file or a block device, readable (and writable unless read_only), of
 * at least one sector, and locked: by one writer, or by any number of readers. -EINVAL with what is
 * wrong and what was expected, -errno otherwise. */
int disk_open(struct disk **out, const char *path, bool read_only, struct diag *diag);
uint64_t disk_sectors(
	const struct disk *disk); /* whole ones: the rest of an odd-sized file is left alone */
uint32_t disk_block_size(const struct disk *disk); /* 512 or 4096 */
/* Begins the thread, SCHED_OTHER, on host CPU cpu (-1: anywhere). */
int disk_start(struct disk *disk, const struct disk_client *client, int cpu, struct diag *diag);
/* The eventfd to be rung when there may be requests: for KVM_IOEVENTFD; disk_notify() rings it. */
int disk_eventfd(const struct disk *disk);
void disk_notify(struct disk *disk);
/* Asks the thread to complete what is in flight, to sync and to end. NULL is allowed, here and
 * below.
 */
void disk_stop_begin(struct disk *disk);
/* True: it has ended, and the client is not called any more. False: not until CLOCK_MONOTONIC was
 * until_ns. */
bool disk_stop_wait(struct disk *disk, uint64_t until_ns);
/* Both, however long it takes. */
void disk_stop(struct disk *disk);
/* Instead of waiting on: the host's storage hangs. disk and what its client uses must stay as they
 * are, since the thread may come back. */
void disk_leave(struct disk *disk);
void disk_close(struct disk *disk);

struct disk_stats {
	bool io_uring; /* else preadv and pwritev, one at a time */
	bool direct;   /* O_DIRECT where a request is aligned to it; else the host's page cache */
	uint64_t direct_requests, buffered_requests;
	uint64_t most_in_flight;
	uint64_t errors; /* the host's, answered to the guest as I/O errors */
};
/* After disk_stop(). */
struct disk_stats disk_stats(const struct disk *disk);

#endif
