/* SPDX-License-Identifier: BSD-2-Clause */
/* One request of a disk: where it goes, how far it has come, and what went wrong. It starts no I/O
 * but the last sync. */
#include "disk_internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const kind_names[] = {"read", "write", "flush"};
_Static_assert(sizeof(kind_names) / sizeof(kind_names[0]) == VIRTIO_BLK_FLUSH + 1, "one each");

#define ENDED_EARLY ENODATA /* the image has become shorter */

static void complain(struct disk *disk, const char *what, uint64_t offset, int error)
{
	struct diag diag;

	disk->stats.errors++;
	if (disk->complained)
		return;
	disk->complained = true;
	diag_set(&diag, 0, "--disk %s: %s at byte %llu failed: %s (reported once)",
		disk_shown(disk->path), what, (unsigned long long)offset,
		error == ENDED_EARLY ? "the image has become shorter" : strerror(error));
	fprintf(stderr, "tickvm: %s\n", diag.text);
}

static void fail(struct disk *disk, struct disk_slot *slot, int error)
{
	const struct virtio_blk_request *request = &slot->request;

	slot->error = error;
	/* The kernel forgets what it could not write once it has said so: a later sync would
	 * succeed. */
	if (request->kind == VIRTIO_BLK_FLUSH)
		disk->sync_error = error;
	complain(disk, kind_names[request->kind], request->offset + slot->done, error);
}

static bool aligned(const struct disk *disk, const struct virtio_blk_request *request)
{
	uint64_t bits = request->offset & (disk->offset_align - 1);

	for (unsigned i = 0; i < request->n; i++)
		bits |= ((uintptr_t)request->segments[i].base & (disk->memory_align - 1)) |
			(request->segments[i].len & (disk->offset_align - 1));
	return bits == 0;
}

/* A write behind the end of an image that was truncated would make it longer, with zeros before it
 * that nobody wrote. */
static bool within_file(const struct disk *disk, const struct virtio_blk_request *request)
{
	struct stat st;

	return !disk->regular || (fstat(disk->fd, &st) == 0 &&
					 request->offset + request->bytes <= (uint64_t)st.st_size);
}

bool disk_request_begin(struct disk *disk, struct disk_slot *slot)
{
	const struct virtio_blk_request *request = &slot->request;

	slot->done = 0;
	slot->error = 0;
	slot->direct = false;
	if (request->kind == VIRTIO_BLK_FLUSH) {
		slot->error = disk->sync_error;
		return slot->error == 0;
	}
	slot->direct = disk->direct_fd >= 0 && aligned(disk, request);
	if (slot->direct)
		disk->stats.direct_requests++;
	else
		disk->stats.buffered_requests++;
	if (request->kind == VIRTIO_BLK_WRITE && !within_file(disk, request)) {
		fail(disk, slot, ENDED_EARLY);
		return false;
	}
	return true;
}

int disk_request_fd(const struct disk *disk, const struct disk_slot *slot)
{
	return slot->direct ? disk->direct_fd : disk->fd;
}

off_t disk_request_offset(const struct disk_slot *slot)
{
	return (off_t)(slot->request.offset + slot->done);
}

unsigned disk_request_iov(struct disk_slot *slot)
{
	uint64_t skip = slot->done;
	unsigned n = 0;

	for (unsigned i = 0; i < slot->request.n; i++) {
		const struct virtqueue_segment *segment = &slot->request.segments[i];

		if (skip >= segment->len) {
			skip -= segment->len;
			continue;
		}
		slot->iov[n++] = (struct iovec){
			.iov_base = segment->base + skip, .iov_len = segment->len - skip};
		skip = 0;
	}
	return n;
}

int disk_request_flags(const struct disk_slot *slot)
{
	return slot->request.write_through ? RWF_DSYNC : 0;
}

bool disk_request_advance(struct disk *disk, struct disk_slot *slot, ssize_t result)
{
	const struct virtio_blk_request *request = &slot->request;
	uint64_t before = slot->done;

	if (result == -EINTR || result == -EAGAIN)
		return false;
	if (result < 0) {
		fail(disk, slot, (int)-result);
		return true;
	}
	if (request->kind == VIRTIO_BLK_FLUSH)
		return true;
	disk->written |= request->kind == VIRTIO_BLK_WRITE && result > 0;
	slot->done += (uint64_t)result;
	if (slot->done == request->bytes)
		return true;
	/* What is left must be as aligned as the whole was: a few bytes are moved again. */
	if (slot->direct)
		slot->done &= ~(uint64_t)(disk->offset_align - 1);
	if (slot->done > before)
		return false;
	fail(disk, slot, request->kind == VIRTIO_BLK_READ ? ENDED_EARLY : EIO);
	return true;
}

void disk_sync(struct disk *disk)
{
	if (disk->written && fdatasync(disk->fd) < 0)
		complain(disk, "the last sync", 0, errno);
}
