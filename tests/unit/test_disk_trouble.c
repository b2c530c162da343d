/* SPDX-License-Identifier: BSD-2-Clause */
/* The disk when the host's file fails it: shortened, full, replaced, or unable to sync. */
#define DISK_SUITE disk_trouble
#include "disk_rig.h"

TestSuite(disk_trouble, .timeout = 300);

EACH_WAY(an_image_that_has_shrunk_gives_errors_and_does_not_grow)
{
	uint8_t *memory = aligned_alloc(4096, MIB);
	unsigned good, over, behind, unaligned, write, inside;
	struct disk *disk;
	struct stat st;

	make_image(MIB);
	disk = start();
	cr_assert_eq(truncate(path, MIB / 2 + SECTOR), 0);
	memset(memory, 0x77, MIB);
	good = add(VIRTIO_BLK_READ, 0, memory, 65536);
	over = add(VIRTIO_BLK_READ, MIB / 2 / SECTOR - 8, memory + 65536, 65536);
	behind = add(VIRTIO_BLK_READ, MIB / SECTOR - 8, memory + 131072, 4096);
	unaligned = add(VIRTIO_BLK_READ, MIB / SECTOR - 8, memory + 200001, 4096);
	write = add(VIRTIO_BLK_WRITE, MIB / SECTOR - 8, memory + 262144, 4096);
	inside = add(VIRTIO_BLK_WRITE, MIB / 2 / SECTOR, memory + 327680, SECTOR);
	carry_out(disk);
	disk_stop(disk);
	cr_expect_eq(client.errors[good], 0);
	cr_expect_neq(client.errors[over], 0);
	cr_expect_neq(client.errors[behind], 0);
	cr_expect_neq(client.errors[unaligned], 0);
	cr_expect_neq(client.errors[write], 0);
	cr_expect_eq(client.errors[inside], 0);
	cr_expect_eq(memory[131072], 0x77, "made up");
	cr_expect_eq(disk_stats(disk).errors, 4);
	stat(path, &st);
	cr_expect_eq(st.st_size, MIB / 2 + SECTOR);
	disk_close(disk);
	remove_image();
	free(memory);
}

/* As a full file system does, a limit on file sizes refuses writes and takes a part of others. */
EACH_WAY(what_the_host_cannot_write_is_an_error)
{
	struct rlimit limit = {.rlim_cur = MIB / 2, .rlim_max = MIB / 2};
	uint8_t *memory = aligned_alloc(4096, MIB);
	unsigned good, part, none, read;
	struct disk *disk;

	make_image(MIB);
	disk = start();
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	memset(memory, 0x77, MIB);
	good = add(VIRTIO_BLK_WRITE, 0, memory, 65536);
	part = add(VIRTIO_BLK_WRITE, MIB / 2 / SECTOR - 8, memory, 65536);
	none = add(VIRTIO_BLK_WRITE, MIB / SECTOR - 8, memory, 4096);
	read = add(VIRTIO_BLK_READ, MIB / SECTOR - 8, memory + 131072, 4096);
	carry_out(disk);
	disk_stop(disk);
	cr_expect_eq(client.errors[good], 0);
	cr_expect_neq(client.errors[part], 0);
	cr_expect_eq(client.errors[none], EFBIG);
	cr_expect_eq(client.errors[read], 0);
	cr_expect_eq(memory[131072], 0);
	cr_expect_eq(disk_stats(disk).errors, 2);
	disk_close(disk);
	remove_image();
	free(memory);
}

/* A descriptor that knows its file's size and can do nothing with it: its fsync fails. */
static void spoil(struct disk *disk)
{
	int fd = open(path, O_PATH);

	cr_assert_geq(fd, 0);
	cr_assert_eq(dup2(fd, disk->fd), disk->fd);
	close(fd);
}

/* And none after it succeeds, although the host's would: it has forgotten what it could not write.
 */
EACH_WAY(a_flush_that_failed_is_an_error_for_good)
{
	struct disk *disk;
	unsigned flush, again;
	int fd;

	make_image(MIB);
	disk = start();
	flush = add(VIRTIO_BLK_FLUSH, 0, NULL, 0);
	carry_out(disk);
	cr_expect_eq(client.errors[flush], 0);

	client_reset();
	fd = dup(disk->fd);
	spoil(disk);
	flush = add(VIRTIO_BLK_FLUSH, 0, NULL, 0);
	carry_out(disk);
	cr_expect_eq(client.errors[flush], EBADF);

	client_reset();
	cr_assert_eq(dup2(fd, disk->fd), disk->fd);
	flush = add(VIRTIO_BLK_FLUSH, 0, NULL, 0);
	again = add(VIRTIO_BLK_FLUSH, 0, NULL, 0);
	carry_out(disk);
	cr_expect_eq(client.errors[flush], EBADF);
	cr_expect_eq(client.errors[again], EBADF);
	disk_stop(disk);
	cr_expect_eq(disk_stats(disk).errors, 1);
	disk_close(disk);
	close(fd);
	remove_image();
}

/* In the middle of a request of many segments: none of it is acknowledged, and what was there
 * before stays writable. */
EACH_WAY(a_full_host_disk_fails_the_request_that_fills_it)
{
	uint8_t *memory = aligned_alloc(4096, MIB);
	char directory[] = "/tmp/tickvm-full-XXXXXX";
	struct virtio_blk_request *request;
	unsigned good, over, inside;
	struct disk *disk;
	int fd;

	cr_assert_not_null(mkdtemp(directory));
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
		mount("tmpfs", directory, "tmpfs", 0, "size=256k") < 0) {
		rmdir(directory);
		cr_skip_test("no right to mount: %s", strerror(errno));
	}
	snprintf(path, sizeof(path), "%s/image", directory);
	fd = open(path, O_RDWR | O_CREAT, 0600);
	cr_assert_eq(ftruncate(fd, MIB), 0);
	disk = start();
	memset(memory, 0x77, MIB);
	good = add(VIRTIO_BLK_WRITE, 0, memory, 65536);
	carry_out(disk);
	cr_expect_eq(client.errors[good], 0);

	client_reset();
	over = add(VIRTIO_BLK_WRITE, 256, memory, 524288);
	request = &client.requests[over];
	for (request->n = 0; request->n < 8; request->n++)
		request->segments[request->n] = (struct virtqueue_segment){
			.base = memory + 65536 * request->n, .len = 65536};
	carry_out(disk);
	cr_expect_eq(client.errors[over], ENOSPC, "%d", client.errors[over]);

	client_reset();
	inside = add(VIRTIO_BLK_WRITE, 0, memory, 65536);
	carry_out(disk);
	cr_expect_eq(client.errors[inside], 0);
	disk_stop(disk);
	cr_expect_eq(disk_stats(disk).errors, 1);
	disk_close(disk);
	close(fd);
	umount(directory);
	rmdir(directory);
	free(memory);
}

/* Another file under its name is none of ours: the guest keeps the one that was opened. */
EACH_WAY(an_image_replaced_meanwhile_stays_the_old_one)
{
	uint8_t *memory = aligned_alloc(4096, MIB), got[4096];
	unsigned write, read;
	struct disk *disk;
	int old, new;

	make_image(MIB);
	old = open(path, O_RDONLY);
	disk = start();
	remove_image();
	new = open(path, O_RDWR | O_CREAT, 0600);
	cr_assert_eq(ftruncate(new, SECTOR), 0);
	memset(memory, 0x77, 4096);
	write = add(VIRTIO_BLK_WRITE, 8, memory, 4096);
	carry_out(disk);
	client_reset();
	read = add(VIRTIO_BLK_READ, 8, memory + 8192, 4096);
	carry_out(disk);
	disk_stop(disk);
	cr_expect_eq(client.errors[write] | client.errors[read], 0);
	cr_expect_eq(memcmp(memory + 8192, memory, 4096), 0);
	cr_expect_eq(pread(old, got, 4096, 4096), 4096);
	cr_expect_eq(memcmp(got, memory, 4096), 0);
	cr_expect_eq(pread(new, got, 4096, 0), (ssize_t)SECTOR, "the new file has grown");
	disk_close(disk);
	close(old);
	close(new);
	remove_image();
	free(memory);
}
