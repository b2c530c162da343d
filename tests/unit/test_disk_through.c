/* SPDX-License-Identifier: BSD-2-Clause */
/* A write-through write is committed before it is completed, by io_uring and by pwritev2: what the
 * kernel is asked for is looked at on its way there. */
#define DISK_SUITE disk_through
#include "disk_rig.h"

#include <dlfcn.h>
#include <liburing.h>

TestSuite(disk_through, .timeout = 60);

#define WRITES 20

static unsigned plain, dsync; /* writes asked for; by the disk's thread alone */

static void count(int flags)
{
	plain += flags == 0;
	dsync += flags == RWF_DSYNC;
}

/* ---- in the place of libc's and liburing's, for the disk that is linked into this program ---- */

ssize_t pwritev2(int fd, const struct iovec *iov, int n, off_t offset, int flags)
{
	count(flags);
	return syscall(SYS_pwritev2, fd, iov, n, offset, 0, flags);
}

static void count_queued(const struct io_uring *ring)
{
	const struct io_uring_sq *sq = &ring->sq;

	for (unsigned i = sq->sqe_head; i != sq->sqe_tail; i++) {
		const struct io_uring_sqe *sqe = &sq->sqes[i & *sq->kring_mask];

		if (sqe->opcode == IORING_OP_WRITEV)
			count(sqe->rw_flags);
	}
}

int io_uring_submit_and_wait(struct io_uring *ring, unsigned wait)
{
	int (*next)(struct io_uring *, unsigned);

	*(void **)&next = dlsym(RTLD_NEXT, "io_uring_submit_and_wait");
	count_queued(ring);
	return next(ring, wait);
}

int io_uring_submit_and_get_events(struct io_uring *ring)
{
	int (*next)(struct io_uring *);

	*(void **)&next = dlsym(RTLD_NEXT, "io_uring_submit_and_get_events");
	count_queued(ring);
	return next(ring);
}

/* ---- tests ---- */

static void write_all(bool through)
{
	uint8_t *memory = aligned_alloc(4096, MIB);
	struct disk *disk;

	make_image(MIB);
	disk = start();
	memset(memory, 0x5a, MIB);
	plain = dsync = 0;
	for (unsigned i = 0; i < WRITES; i++) {
		/* aligned for direct I/O, and not */
		uint8_t *data = memory + 8192 * i + (i % 2 ? 8 : 0);

		client.requests[add(VIRTIO_BLK_WRITE, 8 * i, data, 4096)].write_through = through;
	}
	carry_out(disk);
	disk_stop(disk);
	for (unsigned i = 0; i < WRITES; i++)
		cr_expect_eq(client.errors[i], 0);
	disk_close(disk);
	remove_image();
	free(memory);
}

EACH_WAY(what_must_be_stable_is_written_so)
{
	write_all(true);
	cr_expect_geq(dsync, WRITES, "%u", dsync); /* more: one that came back short */
	cr_expect_eq(plain, 0, "%u", plain);
}

EACH_WAY(what_is_flushed_later_is_not)
{
	write_all(false);
	cr_expect_eq(dsync, 0, "%u", dsync);
	cr_expect_geq(plain, WRITES, "%u", plain);
}
