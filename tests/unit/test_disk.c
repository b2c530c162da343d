/* SPDX-License-Identifier: BSD-2-Clause */
/* The disk: which images are taken, and that what is written is there. */
#define DISK_SUITE disk
#include "disk_rig.h"

#include "tickvm/clock.h"
#include "tickvm/vm.h"

TestSuite(disk, .timeout = 300);

/* ---- opening ---- */

static void refused(const char *name, bool read_only, const char *says)
{
	struct disk *disk;

	cr_expect_eq(disk_open(&disk, name, read_only, &diag), -EINVAL, "%s", name);
	cr_expect_not_null(strstr(diag.text, says), "%s", diag.text);
	cr_expect_null(strchr(diag.text, '\n'));
}

Test(disk, what_is_no_image_is_refused)
{
	char fifo[80];

	refused("/tmp/tickvm-no-such-image", false, "No such file or directory; expected a raw");
	refused("/tmp", false, "a directory; expected a raw image file or a block device");
	refused("/dev/null", true, "a character device");
	make_image(0);
	refused(path, false, "its size is 0; expected at least 512 bytes");
	remove_image();
	make_image(511);
	refused(path, false, "its size is 511");
	snprintf(fifo, sizeof(fifo), "%s-fifo", path);
	cr_assert_eq(mkfifo(fifo, 0600), 0);
	refused(fifo, true, "a FIFO");
	unlink(fifo);
	remove_image();
}

Test(disk, a_long_name_leaves_room_for_the_sentence)
{
	char name[3000];

	memset(name, 'a', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	refused(name, false, "File name too long; expected a raw image");
}

Test(disk, rights_are_named)
{
	make_image(4096);
	chmod(path, 0444);
	refused(path, false, "use --disk PATH,ro");
	disk_close(open_good(true));
	if (geteuid() == 0) {
		chmod(path, 0600);
		cr_assert_eq(seteuid(65534), 0);
		refused(path, false, "cannot open it: Permission denied");
		refused(path, true, "cannot open it: Permission denied");
		cr_assert_eq(seteuid(0), 0);
		chmod(path, 0644);
		cr_assert_eq(seteuid(65534), 0);
		refused(path, false, "cannot be written to: Permission denied; use --disk PATH,ro");
		disk_close(open_good(true));
		cr_assert_eq(seteuid(0), 0);
	}
	remove_image();
}

Test(disk, one_writer_or_many_readers)
{
	struct disk *first, *second;

	make_image(4096);
	first = open_good(false);
	refused(path, false, "another process uses it");
	refused(path, true, "another process writes to it");
	disk_close(first);
	first = open_good(true);
	second = open_good(true);
	refused(path, false, "another process uses it");
	disk_close(first);
	disk_close(second);
	disk_close(open_good(false));
	remove_image();
}

Test(disk, only_whole_sectors_count)
{
	struct disk *disk;

	make_image(3 * SECTOR + 100);
	disk = open_good(false);
	cr_expect_eq(disk_sectors(disk), 3);
	cr_expect_eq(disk_block_size(disk), 512);
	disk_close(disk);
	remove_image();
}

/* ---- requests ---- */

EACH_WAY(an_idle_disk_stops)
{
	struct disk *disk;

	make_image(MIB);
	disk = start();
	disk_stop(disk);
	disk_stop(disk);
	cr_expect_eq(disk_stats(disk).io_uring, has_io_uring());
	cr_expect_eq(disk_stats(disk).most_in_flight, 0);
	disk_close(disk);
	remove_image();
}

#define MODEL_BYTES   (4 * MIB)
#define MODEL_SECTORS (MODEL_BYTES / SECTOR)
#define ROUNDS        12

static uint32_t seed = 1;
static uint32_t random_below(uint32_t n)
{
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 8) % n;
}

/* Cuts a request's one buffer into sectors or odd pieces, and leaves holes between them. */
static void scatter(struct virtio_blk_request *request, uint8_t *buffer)
{
	uint32_t left = (uint32_t)request->bytes;

	for (request->n = 0; left > 0; request->n++) {
		uint32_t piece = random_below(2) ? SECTOR : 1 + random_below(2000);

		if (piece > left || request->n == 60)
			piece = left;
		request->segments[request->n] =
			(struct virtqueue_segment){.base = buffer, .len = piece};
		buffer += piece + 16;
		left -= piece;
	}
}

static void gather(const struct virtio_blk_request *request, uint8_t *to)
{
	for (unsigned i = 0; i < request->n; i++) {
		memcpy(to, request->segments[i].base, request->segments[i].len);
		to += request->segments[i].len;
	}
}

/* One round: the image in pieces of random size in order, so that those in flight do not overlap
 * but share pages, some aligned for direct I/O and some not; each is read or written. */
static void fill_round(uint8_t *memory, uint8_t *model)
{
	uint32_t at = 0;

	while (at < MODEL_SECTORS) {
		uint32_t count = 1 + random_below(16);
		bool write = random_below(2), page = random_below(2), odd = random_below(4) == 0;

		if (page) /* what is aligned to a page can go past the cache */
			count = at % 8 ? 8 - at % 8 : count & ~7u;
		if (count == 0)
			count = 8;
		if (count > MODEL_SECTORS - at)
			count = MODEL_SECTORS - at;
		/* twice the room, for the holes; a page each, so that the base is aligned */
		uint8_t *buffer = memory + (size_t)at * 1024 * 2;
		struct virtio_blk_request *request = &client.requests[add(
			write ? VIRTIO_BLK_WRITE : VIRTIO_BLK_READ, at, buffer, count * SECTOR)];
		if (odd)
			scatter(request, buffer + 2);
		if (write) {
			for (unsigned i = 0; i < request->n; i++)
				for (unsigned k = 0; k < request->segments[i].len; k++)
					request->segments[i].base[k] = (uint8_t)random_below(256);
			gather(request, model + (size_t)at * SECTOR);
		}
		if (random_below(64) == 0)
			add(VIRTIO_BLK_FLUSH, 0, NULL, 0);
		at += count;
	}
}

static void check_round(const uint8_t *model)
{
	static uint8_t got[64 * SECTOR];

	cr_expect_eq(client.completed, client.n);
	for (unsigned i = 0; i < client.n; i++) {
		const struct virtio_blk_request *request = &client.requests[i];

		cr_expect_eq(client.errors[i], 0);
		if (request->kind != VIRTIO_BLK_READ)
			continue;
		gather(request, got);
		cr_expect_eq(memcmp(got, model + request->offset, request->bytes), 0,
			"%llu bytes at %llu", (unsigned long long)request->bytes,
			(unsigned long long)request->offset);
	}
}

static void check_file(const uint8_t *model, size_t bytes)
{
	uint8_t *file = malloc(bytes + 1);
	int fd = open(path, O_RDONLY);

	cr_assert_eq(read(fd, file, bytes + 1), (ssize_t)bytes, "the image has changed its size");
	cr_expect_eq(memcmp(file, model, bytes), 0);
	close(fd);
	free(file);
}

EACH_WAY(the_image_is_what_was_written)
{
	uint8_t *memory = aligned_alloc(4096, 4 * MODEL_BYTES + MIB);
	uint8_t *model = calloc(1, MODEL_BYTES);
	struct disk_stats stats;
	struct disk *disk;

	make_image(MODEL_BYTES);
	for (unsigned i = 0; i < ROUNDS; i++) {
		disk = start();
		memset(memory, 0xee, 4 * MODEL_BYTES + MIB);
		fill_round(memory, model);
		carry_out(disk);
		disk_stop(disk);
		stats = disk_stats(disk);
		disk_close(disk);
		check_round(model);
		check_file(model, MODEL_BYTES);
	}
	cr_expect_eq(stats.errors, 0);
	cr_expect_gt(stats.buffered_requests, 0);
	if (stats.direct)
		cr_expect_gt(stats.direct_requests, 0);
	if (stats.io_uring) /* a round is offered whole: the first look takes several */
		cr_expect_gt(stats.most_in_flight, 1);
	remove_image();
	free(model);
	free(memory);
}

EACH_WAY(many_requests_wait_their_turn)
{
	uint8_t *memory = aligned_alloc(4096, MIB);
	struct disk_stats stats;
	struct disk *disk;

	make_image(MIB);
	disk = start();
	for (unsigned i = 0; i < 2000; i++)
		add(VIRTIO_BLK_READ, 8 * (i % 256), memory + 4096 * (i % 256), 4096);
	carry_out(disk);
	disk_stop(disk);
	stats = disk_stats(disk);
	cr_expect_eq(client.completed, 2000);
	cr_expect_leq(stats.most_in_flight, 128);
	cr_expect(stats.io_uring ? client.most_popped > 1 : client.most_popped == 1, "%u at once",
		client.most_popped);
	disk_close(disk);
	remove_image();
	free(memory);
}

static void check_answered(const uint8_t *written)
{
	uint8_t zeros[4096] = {0}, record[4096];
	int fd = open(path, O_RDONLY);

	cr_expect_eq(client.completed, client.popped);
	for (unsigned i = 0; i < client.n; i++) {
		cr_assert_eq(pread(fd, record, 4096, 4096 * i), 4096);
		cr_expect_eq(
			memcmp(record, client.answered[i] ? written : zeros, 4096), 0, "%u", i);
	}
	close(fd);
}

/* Stopped at once, whatever has been taken by then, and when the first one just is: what was taken
 * is carried out and answered, the rest is not touched. */
EACH_WAY(stopping_finishes_what_is_in_flight)
{
	uint8_t *memory = aligned_alloc(4096, MIB);

	for (unsigned in_a_batch = 0; in_a_batch < 2; in_a_batch++) {
		struct disk *disk;

		make_image(MIB);
		disk = start();
		memset(memory, 0x5a, MIB);
		for (unsigned i = 0; i < 256; i++)
			add(VIRTIO_BLK_WRITE, 8 * i, memory + 4096 * i, 4096);
		if (in_a_batch)
			client.stop_after_pop = &disk->stop;
		offer(disk);
		while (in_a_batch && !atomic_load(&disk->stop))
			sched_yield();
		disk_stop(disk);
		check_answered(memory);
		if (in_a_batch)
			cr_expect(client.popped > 0 && client.popped < 256, "%u", client.popped);
		disk_close(disk);
		remove_image();
	}
	free(memory);
}

/* A medium that does not answer, as far as anybody outside the thread can tell: the test lets it
 * go.
 */
static sem_t hang_entered, hang_over;

static bool hang(void *ctx, struct virtio_blk_request *request)
{
	(void)ctx;
	(void)request;
	sem_post(&hang_entered);
	sem_wait(&hang_over);
	return false;
}

static struct disk *start_hanging(void)
{
	struct disk_client hanging = callbacks;
	struct disk *disk;

	make_image(MIB);
	disk = open_good(false);
	client_reset();
	sem_init(&hang_entered, 0, 0);
	sem_init(&hang_over, 0, 0);
	hanging.pop = hang;
	cr_assert_eq(disk_start(disk, &hanging, -1, &diag), 0, "%s", diag.text);
	sem_wait(&hang_entered);
	disk_stop_begin(disk);
	return disk;
}

EACH_WAY(who_waits_for_a_disk_that_hangs_can_look_elsewhere)
{
	struct disk *disk = start_hanging();

	cr_expect_not(disk_stop_wait(disk, 0));
	cr_expect_not(disk_stop_wait(disk, clock_monotonic_ns() + 1000000));
	sem_post(&hang_over);
	cr_expect(disk_stop_wait(disk, UINT64_MAX / 2));
	cr_expect(disk_stop_wait(disk, 0), "it has ended");
	disk_close(disk);
	remove_image();
}

EACH_WAY(a_disk_that_hangs_can_be_left)
{
	static struct disk *disk; /* nobody frees it, as its thread may come back: no leak */

	disk = start_hanging();
	cr_expect_not(vm_left_threads());
	disk_leave(disk);
	cr_expect(vm_left_threads());
	sem_post(&hang_over);
	remove_image();
}
