/* SPDX-License-Identifier: BSD-2-Clause */
/* The payload's test=disk in a thread of this process: the same records in the same order, as many
 * in flight, past the page cache where the monitor's disk goes past it. It starts no guest. */
#include "disk_bench.h"
#include "../native.h"

#include "tickvm/bench.h"
#include "tickvm/clock.h"
#include "tickvm/input.h"
#include "tickvm/workload.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <liburing.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define HUGE_PAGE (2ULL << 20)

struct native {
	const struct disk_batch *batch;
	struct guest_disk_round *rounds;
	int fd;
	struct io_uring ring;
	bool io_uring;                      /* else one at a time */
	uint8_t *buffers;                   /* depth of them */
	uint64_t record_of[DISK_DEPTH_MAX]; /* that a buffer is for */
	unsigned idle[DISK_DEPTH_MAX], n_idle;
	struct guest_disk_round *round; /* the current one */
	struct workload_disk disk;
	uint64_t completed;
	int err;
	struct diag *diag;
};

static uint8_t *buffer_of(const struct native *native, unsigned slot)
{
	return native->buffers + slot * native->batch->record;
}

/* ---- one request ---- */

static void fail(struct native *native, unsigned slot, int64_t result)
{
	if (native->round->errors++ == 0)
		diag_set(native->diag, -EIO, "native %s of %" PRIu64 " bytes at %" PRIu64 ": %s",
			native->batch->write ? "write" : "read", native->batch->record,
			native->record_of[slot] * native->batch->record,
			result < 0 ? strerror((int)-result) : "ended early");
}

static void complete(struct native *native, unsigned slot, int64_t result)
{
	const struct disk_batch *batch = native->batch;
	struct guest_disk_round *round = native->round;

	native->idle[native->n_idle++] = slot;
	native->completed++;
	if (result != (int64_t)batch->record) {
		fail(native, slot, result);
		return;
	}
	round->bytes += batch->record;
	if (!batch->write && batch->verify &&
		!workload_disk_check(
			&native->disk, buffer_of(native, slot), native->record_of[slot]))
		round->mismatches++;
}

static void carry_out(struct native *native, unsigned slot)
{
	const struct disk_batch *batch = native->batch;
	off_t offset = (off_t)(native->record_of[slot] * batch->record);
	uint8_t *buffer = buffer_of(native, slot);
	ssize_t result = batch->write ? pwrite(native->fd, buffer, batch->record, offset)
				      : pread(native->fd, buffer, batch->record, offset);

	complete(native, slot, result < 0 ? -errno : result);
}

static void prepare(struct native *native, unsigned slot)
{
	const struct disk_batch *batch = native->batch;
	uint64_t offset = native->record_of[slot] * batch->record;
	struct io_uring_sqe *sqe = io_uring_get_sqe(&native->ring);

	if (batch->write)
		io_uring_prep_write(
			sqe, native->fd, buffer_of(native, slot), (unsigned)batch->record, offset);
	else
		io_uring_prep_read(
			sqe, native->fd, buffer_of(native, slot), (unsigned)batch->record, offset);
	io_uring_sqe_set_data64(sqe, slot);
}

static void start(struct native *native)
{
	unsigned slot = native->idle[--native->n_idle];
	uint64_t record = workload_disk_next(&native->disk);

	native->record_of[slot] = record;
	if (native->batch->write && native->batch->verify)
		workload_disk_fill(&native->disk, buffer_of(native, slot), record);
	if (native->io_uring)
		prepare(native, slot);
	else
		carry_out(native, slot);
}

static int reap(struct native *native)
{
	struct io_uring_cqe *cqe;
	unsigned head, n = 0;
	int rc = io_uring_submit_and_wait(&native->ring, 1);

	if (rc < 0 && rc != -EINTR && rc != -EAGAIN && rc != -EBUSY)
		return diag_set(native->diag, rc, "io_uring: %s", strerror(-rc));
	io_uring_for_each_cqe(&native->ring, head, cqe)
	{
		complete(native, (unsigned)io_uring_cqe_get_data64(cqe), cqe->res);
		n++;
	}
	io_uring_cq_advance(&native->ring, n);
	return 0;
}

/* ---- a round ---- */

static int transfer_all(struct native *native)
{
	uint64_t started = 0;
	int err = 0;

	native->completed = 0;
	while (native->completed < native->disk.records && err == 0) {
		for (; native->n_idle > 0 && started < native->disk.records; started++)
			start(native);
		if (native->io_uring)
			err = reap(native);
	}
	return err;
}

static int run_round(struct native *native, struct guest_disk_round *round)
{
	const struct disk_batch *batch = native->batch;
	uint64_t begin = clock_tsc();

	*round = (struct guest_disk_round){.requests = batch->bytes / batch->record};
	native->round = round;
	native->disk = (struct workload_disk){.records = round->requests,
		.record_bytes = batch->record,
		.random = batch->random,
		.generation = batch->write ? begin : 0};
	int err = transfer_all(native);

	if (err == 0 && batch->write && fdatasync(native->fd) < 0)
		round->errors++;
	round->cycles = clock_tsc() - begin;
	return err;
}

static void run_all(void *arg, unsigned thread)
{
	struct native *native = arg;

	(void)thread;
	/* As the monitor's disk: without io_uring, or the right to it, one at a time. */
	native->io_uring = io_uring_queue_init(2 * DISK_DEPTH_MAX, &native->ring, 0) == 0;
	for (unsigned i = 0; i < (native->io_uring ? native->batch->depth : 1); i++)
		native->idle[native->n_idle++] = i;
	for (unsigned i = 0; i < native->batch->rounds && native->err == 0; i++)
		native->err = bench_interrupted ? diag_set(native->diag, -EINTR, "interrupted")
						: run_round(native, &native->rounds[i]);
	/* After an error of io_uring's own, requests may still be in flight: this waits for them.
	 */
	if (native->io_uring)
		io_uring_queue_exit(&native->ring);
}

/* ---- what it works on ---- */

/* As the monitor's disk does: a block device that is mounted is not written to. */
static int open_image(
	const struct disk_image *image, bool write, int *fd, bool *direct, struct diag *why)
{
	const char *path = disk_image_path(image);
	int flags = write ? O_RDWR : O_RDONLY;
	struct stat st;

	if (input_look(path, INPUT_DISK, &st, why) == 0 && S_ISBLK(st.st_mode) && write)
		flags |= O_EXCL;
	*fd = input_open(path, flags | O_DIRECT, INPUT_DISK, why);
	*direct = *fd >= 0;
	if (*fd == -EINVAL)
		*fd = input_open(path, flags, INPUT_DISK, why);
	return *fd < 0 ? *fd : 0;
}

/* In huge pages where they are to be had, as guest RAM is. */
static uint8_t *map_buffers(size_t bytes)
{
	uint8_t *area = mmap(NULL, bytes + HUGE_PAGE, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (area == MAP_FAILED)
		return NULL;
	uint8_t *aligned = area + (-(uintptr_t)area & (HUGE_PAGE - 1));

	if (aligned > area)
		munmap(area, (size_t)(aligned - area));
	munmap(aligned + bytes, (size_t)(area + HUGE_PAGE - aligned));
	(void)madvise(aligned, bytes, MADV_HUGEPAGE);
	memset(aligned, 0, bytes);
	return aligned;
}

int disk_native(const struct disk_image *image, const struct disk_batch *batch, int cpu,
	struct guest_disk_round *rounds, struct disk_path *path, struct diag *diag)
{
	struct native native = {.batch = batch, .rounds = rounds, .diag = diag};
	struct vm_config placed = {.vcpu_cpu = {cpu}};
	size_t bytes = (batch->depth * batch->record + HUGE_PAGE - 1) & -HUGE_PAGE;
	struct diag why;
	int err = open_image(image, batch->write, &native.fd, &path->direct, &why);

	if (err < 0)
		return diag_set(
			diag, err, "cannot open %.200s: %s", disk_image_path(image), why.text);
	native.buffers = map_buffers(bytes);
	if (native.buffers == NULL) {
		err = diag_set(diag, -ENOMEM, "no memory for %zu MiB of buffers", bytes >> 20);
	} else {
		err = native_run(&placed, 1, run_all, &native, diag);
		munmap(native.buffers, bytes);
	}
	close(native.fd);
	path->io_uring = native.io_uring;
	return err < 0 ? err : native.err;
}
