/* SPDX-License-Identifier: BSD-2-Clause */
/* Requests by io_uring: many in flight, submitted and completed in batches; the eventfd is read
 * through the same ring, so there is one place to wait. What a request means is disk_request.c's
 * business. */
#include "disk_internal.h"

#include <errno.h>
#include <liburing.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Each slot has one entry at most, and so has the eventfd: the queue cannot overflow. */
#define ENTRIES (2 * DISK_SLOTS)
/* Requests taken at a time: the medium works at the first of many while the others are still on
 * their way to it, and the device's lock is not held for long. */
#define BATCH 4

struct slot_list {
	struct disk_slot *first, **end;
};

struct uring {
	struct disk *disk;
	struct io_uring *ring;
	eventfd_t rings;
	bool listening; /* a read of the eventfd is in flight */
	unsigned in_flight;
	bool more;           /* than one batch may be waiting with the client */
	unsigned of_mode[2]; /* transfers: through the page cache, direct */
	struct slot_list free, waiting, finished;
};

static void list_init(struct slot_list *list)
{
	list->first = NULL;
	list->end = &list->first;
}

static void put(struct slot_list *list, struct disk_slot *slot)
{
	slot->next = NULL;
	*list->end = slot;
	list->end = &slot->next;
}

static struct disk_slot *take(struct slot_list *list)
{
	struct disk_slot *slot = list->first;

	list->first = slot->next;
	if (!list->first)
		list->end = &list->first;
	return slot;
}

/* ---- to the kernel ---- */

static void listen_again(struct uring *u)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(u->ring);

	io_uring_prep_read(sqe, u->disk->eventfd, &u->rings, sizeof(u->rings), 0);
	io_uring_sqe_set_data(sqe, NULL);
	u->listening = true;
}

static void submit(struct uring *u, struct disk_slot *slot)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(u->ring);
	int fd = disk_request_fd(u->disk, slot);
	__u64 offset = (__u64)disk_request_offset(slot);
	unsigned n = disk_request_iov(slot);

	if (slot->request.kind == VIRTIO_BLK_FLUSH)
		io_uring_prep_fsync(sqe, u->disk->fd, IORING_FSYNC_DATASYNC);
	else if (slot->request.kind == VIRTIO_BLK_READ)
		io_uring_prep_readv(sqe, fd, slot->iov, n, offset);
	else
		io_uring_prep_writev2(sqe, fd, slot->iov, n, offset, disk_request_flags(slot));
	io_uring_sqe_set_data(sqe, slot);
}

static bool is_transfer(const struct disk_slot *slot)
{
	return slot->request.kind != VIRTIO_BLK_FLUSH;
}

/* In the order they came. A transfer through the page cache and one past it are never in flight
 * together: one after the other the kernel keeps the two coherent, but at once a page written back
 * could undo a direct write to its neighbouring sectors.
 *
 * A flush need not wait: it answers for writes that have been completed. */
static void start_waiting(struct uring *u)
{
	struct disk_slot *slot;

	while ((slot = u->waiting.first)) {
		if (is_transfer(slot) && u->of_mode[!slot->direct] > 0)
			break;
		take(&u->waiting);
		u->of_mode[slot->direct] += is_transfer(slot);
		submit(u, slot);
	}
}

/* ---- from the kernel ---- */

static void finish(struct uring *u, struct disk_slot *slot)
{
	u->of_mode[slot->direct] -= is_transfer(slot);
	put(&u->finished, slot);
}

static void reap(struct uring *u)
{
	struct io_uring_cqe *cqe;
	unsigned head, n = 0;

	io_uring_for_each_cqe(u->ring, head, cqe)
	{
		struct disk_slot *slot = io_uring_cqe_get_data(cqe);

		n++;
		if (!slot)
			u->listening = false;
		else if (disk_request_advance(u->disk, slot, cqe->res))
			finish(u, slot);
		else
			submit(u, slot);
	}
	io_uring_cq_advance(u->ring, n);
}

/* ---- to and from the client ---- */

/* One batch under the device's lock; returns the new requests. */
static struct disk_slot *exchange(struct uring *u, bool stop)
{
	const struct disk_client *client = &u->disk->client;
	struct slot_list popped;
	unsigned n = 0;

	list_init(&popped);
	client->begin(client->ctx);
	while (u->finished.first) {
		struct disk_slot *slot = take(&u->finished);

		client->complete(client->ctx, &slot->request, slot->error);
		put(&u->free, slot);
		u->in_flight--;
	}
	while (!stop && n < BATCH && u->free.first &&
		client->pop(client->ctx, &u->free.first->request)) {
		put(&popped, take(&u->free));
		n++;
	}
	client->end(client->ctx);
	u->in_flight += n;
	u->more = n == BATCH;
	if (u->in_flight > u->disk->stats.most_in_flight)
		u->disk->stats.most_in_flight = u->in_flight;
	return popped.first;
}

static void begin_popped(struct uring *u, struct disk_slot *slot)
{
	for (struct disk_slot *next; slot; slot = next) {
		next = slot->next;
		put(disk_request_begin(u->disk, slot) ? &u->waiting : &u->finished, slot);
	}
}

static void run(struct uring *u)
{
	for (;;) {
		bool stop = atomic_load(&u->disk->stop);

		begin_popped(u, exchange(u, stop));
		start_waiting(u);
		/* disk_stop() rings behind its flag, so the last read of the eventfd comes back. */
		if (stop && u->in_flight == 0 && !u->listening)
			break;
		if (!stop && !u->listening)
			listen_again(u);
		/* An error (EINTR, no memory for now) leaves entries queued for the next time. */
		if (u->finished.first || u->more)
			io_uring_submit_and_get_events(u->ring);
		else
			io_uring_submit_and_wait(u->ring, 1);
		reap(u);
	}
}

/* Linux 6.1: completions are handed over when the thread that enabled the ring asks for them, as
 * they come, instead of all at its next return from the kernel. */
static int queue_init(struct io_uring *ring)
{
	int rc = io_uring_queue_init(ENTRIES, ring,
		IORING_SETUP_R_DISABLED | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN);

	return rc < 0 ? io_uring_queue_init(ENTRIES, ring, IORING_SETUP_R_DISABLED) : rc;
}

/* liburing 2.3 declares its wrappers for these two and does not export them. */
static int ring_register(struct io_uring *ring, unsigned what, const void *arg, unsigned n)
{
	return (int)syscall(SYS_io_uring_register, ring->ring_fd, what, arg, n);
}

/* A ring makes calls that no seccomp filter sees: once enabled it knows these and nothing else, nor
 * can it be told more (Linux 5.10, as the monitor needs anyway). */
static int restrict_to_disk(struct io_uring *ring)
{
	static const uint8_t operations[] = {
		IORING_OP_READ, IORING_OP_READV, IORING_OP_WRITEV, IORING_OP_FSYNC};
	struct io_uring_restriction allowed[sizeof(operations)];

	for (size_t i = 0; i < sizeof(operations); i++)
		allowed[i] = (struct io_uring_restriction){
			.opcode = IORING_RESTRICTION_SQE_OP, .sqe_op = operations[i]};
	return ring_register(ring, IORING_REGISTER_RESTRICTIONS, allowed, sizeof(operations));
}

void disk_uring_open(struct disk *disk)
{
	struct io_uring *ring = malloc(sizeof(*ring));

	if (ring && queue_init(ring) == 0) {
		if (restrict_to_disk(ring) == 0) {
			disk->ring = ring;
			return;
		}
		io_uring_queue_exit(ring);
	}
	free(ring);
}

void disk_uring_close(struct disk *disk)
{
	if (disk->ring)
		io_uring_queue_exit(disk->ring);
	free(disk->ring);
	disk->ring = NULL;
}

bool disk_uring_run(struct disk *disk)
{
	struct uring u = {.disk = disk, .ring = disk->ring};

	if (!u.ring || ring_register(u.ring, IORING_REGISTER_ENABLE_RINGS, NULL, 0) < 0)
		return false;
	disk->stats.io_uring = true;
	list_init(&u.free);
	list_init(&u.waiting);
	list_init(&u.finished);
	for (unsigned i = 0; i < DISK_SLOTS; i++)
		put(&u.free, &disk->slots[i]);
	run(&u);
	return true;
}
