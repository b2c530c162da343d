/* SPDX-License-Identifier: BSD-2-Clause */
/* Requests by preadv, pwritev2 and fdatasync, one at a time, where there is no io_uring.
 * What a request means is disk_request.c's business. */
#include "disk_internal.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

static ssize_t transfer(const struct disk *disk, struct disk_slot *slot)
{
	int fd = disk_request_fd(disk, slot);
	int n = (int)disk_request_iov(slot);
	off_t offset = disk_request_offset(slot);
	ssize_t result;

	if (slot->request.kind == VIRTIO_BLK_FLUSH)
		result = fdatasync(disk->fd);
	else if (slot->request.kind == VIRTIO_BLK_READ)
		result = preadv(fd, slot->iov, n, offset);
	else
		result = pwritev2(fd, slot->iov, n, offset, disk_request_flags(slot));
	return result < 0 ? -errno : result;
}

static void carry_out(struct disk *disk, struct disk_slot *slot)
{
	bool over = !disk_request_begin(disk, slot);

	while (!over)
		over = disk_request_advance(disk, slot, transfer(disk, slot));
	disk->stats.most_in_flight = 1;
}

void disk_rw_run(struct disk *disk)
{
	const struct disk_client *client = &disk->client;
	struct disk_slot *slot = disk->slots;
	bool popped = false, stop;
	eventfd_t rings;

	do {
		stop = atomic_load(&disk->stop);
		client->begin(client->ctx);
		if (popped)
			client->complete(client->ctx, &slot->request, slot->error);
		popped = !stop && client->pop(client->ctx, &slot->request);
		client->end(client->ctx);
		if (popped)
			carry_out(disk, slot);
		else if (!stop)
			eventfd_read(disk->eventfd, &rings);
	} while (!stop);
}
