/* SPDX-License-Identifier: BSD-2-Clause */
/* The disk's thread without a guest: a client with a list of requests, an image, and each test run
 * with io_uring and without it. For one suite a file. */
#ifndef DISK_RIG_H
#define DISK_RIG_H

#include "../../src/vmm/disk_internal.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SECTOR   512u
#define MIB      (1u << 20)
#define REQUESTS 4096

static struct diag diag;
static char path[64];

/* ---- a client: requests in order, answers by head ---- */

static struct {
	pthread_mutex_t lock;
	struct virtio_blk_request *requests;
	bool offered;
	_Atomic bool *stop_after_pop; /* NULL, or set with the first request that is taken */
	unsigned n, popped, completed, batches;
	unsigned popped_before, most_popped; /* before this batch; in one batch */
	int errors[REQUESTS];
	bool answered[REQUESTS];
	sem_t all;
} client;

static void client_begin(void *ctx)
{
	(void)ctx;
	pthread_mutex_lock(&client.lock);
	client.popped_before = client.popped;
}

static void client_end(void *ctx)
{
	(void)ctx;
	client.batches++;
	if (client.popped - client.popped_before > client.most_popped)
		client.most_popped = client.popped - client.popped_before;
	pthread_mutex_unlock(&client.lock);
}

static bool client_pop(void *ctx, struct virtio_blk_request *request)
{
	(void)ctx;
	if (!client.offered || client.popped == client.n)
		return false;
	*request = client.requests[client.popped++];
	if (client.stop_after_pop)
		atomic_store(client.stop_after_pop, true);
	return true;
}

static void client_complete(void *ctx, const struct virtio_blk_request *request, int error)
{
	(void)ctx;
	cr_assert(!client.answered[request->head]);
	client.answered[request->head] = true;
	client.errors[request->head] = error;
	if (++client.completed == client.n)
		sem_post(&client.all);
}

static const struct disk_client callbacks = {
	.begin = client_begin, .end = client_end, .pop = client_pop, .complete = client_complete};

static void client_reset(void)
{
	free(client.requests);
	memset(&client, 0, sizeof(client));
	pthread_mutex_init(&client.lock, NULL);
	sem_init(&client.all, 0, 0);
	client.requests = calloc(REQUESTS, sizeof(*client.requests));
	cr_assert_not_null(client.requests);
}

/* To be offered; returns its head. */
static unsigned add(enum virtio_blk_kind kind, uint64_t sector, uint8_t *data, uint32_t bytes)
{
	struct virtio_blk_request *request = &client.requests[client.n];

	cr_assert_lt(client.n, REQUESTS);
	request->kind = kind;
	request->offset = sector * SECTOR;
	request->bytes = bytes;
	request->n = bytes > 0;
	request->segments[0] = (struct virtqueue_segment){.base = data, .len = bytes};
	request->head = (uint16_t)client.n;
	return client.n++;
}

static void offer(struct disk *disk)
{
	pthread_mutex_lock(&client.lock);
	client.offered = true;
	pthread_mutex_unlock(&client.lock);
	disk_notify(disk);
}

/* All that was added, answered. */
static void carry_out(struct disk *disk)
{
	offer(disk);
	sem_wait(&client.all);
}

/* ---- images ---- */

static void make_image(off_t bytes)
{
	int fd;

	snprintf(path, sizeof(path), "/tmp/tickvm-disk-XXXXXX");
	fd = mkstemp(path);
	cr_assert_geq(fd, 0);
	cr_assert_eq(ftruncate(fd, bytes), 0);
	close(fd);
}

static void remove_image(void)
{
	unlink(path);
}

static struct disk *open_good(bool read_only)
{
	struct disk *disk;

	cr_assert_eq(disk_open(&disk, path, read_only, &diag), 0, "%s", diag.text);
	return disk;
}

static struct disk *start(void)
{
	struct disk *disk = open_good(false);

	client_reset();
	cr_assert_eq(disk_start(disk, &callbacks, -1, &diag), 0, "%s", diag.text);
	return disk;
}

/* From here on, as on a kernel that has no io_uring. */
static inline void without_io_uring(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0 /* the system call's number */),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {.len = sizeof(filter) / sizeof(filter[0]), .filter = filter};

	cr_assert_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
		cr_skip_test("no seccomp filter here: %s", strerror(errno));
}

static bool has_io_uring(void)
{
	return syscall(SYS_io_uring_setup, 1, NULL) < 0 && errno == EFAULT;
}

/* Each test below is run in both ways. */
#define EACH_WAY(name)                                                                             \
	static void name(void);                                                                    \
	Test(DISK_SUITE, name##_io_uring)                                                          \
	{                                                                                          \
		if (!has_io_uring())                                                               \
			cr_skip_test("no io_uring here");                                          \
		name();                                                                            \
	}                                                                                          \
	Test(DISK_SUITE, name##_preadv)                                                            \
	{                                                                                          \
		without_io_uring();                                                                \
		name();                                                                            \
	}                                                                                          \
	static void name(void)

#endif
