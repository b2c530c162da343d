/* SPDX-License-Identifier: BSD-2-Clause */
/* A fast disk's requests are taken and answered several at a time. */
#define DISK_SUITE disk
#include "../unit/disk_rig.h"

TestSuite(disk, .timeout = 300);

Test(disk, fewer_batches_than_requests)
{
	uint8_t *memory = aligned_alloc(4096, MIB);
	struct disk *disk;

	if (!has_io_uring())
		cr_skip_test("no io_uring here");
	make_image(MIB);
	disk = start();
	for (unsigned i = 0; i < 2000; i++)
		add(VIRTIO_BLK_READ, 8 * (i % 256), memory + 4096 * (i % 256), 4096);
	carry_out(disk);
	disk_stop(disk);
	cr_expect_eq(client.completed, 2000);
	cr_expect_lt(client.batches, 2000, "%u", client.batches);
	disk_close(disk);
	remove_image();
	free(memory);
}
