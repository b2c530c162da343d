/* SPDX-License-Identifier: BSD-2-Clause */
/* A disk's image: opened, looked at, locked; and the life of its thread.
 * How requests are carried out is in disk_uring.c and disk_rw.c. */
#include "disk_internal.h"
#include "thread.h"

#include "tickvm/input.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_SHOWN     200
#define ALIGN_MAX      65536u
#define ALIGN_FALLBACK 4096u /* where the kernel does not say: enough for every sector size */
#define EXPECTED       "expected a raw image file or a block device"

const char *disk_shown(const char *path)
{
	size_t length = strlen(path);

	return length > PATH_SHOWN ? path + length - PATH_SHOWN : path;
}

__attribute__((format(printf, 3, 4))) static int refuse(
	const char *path, struct diag *diag, const char *format, ...)
{
	char text[256];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	return diag_set(diag, -EINVAL, "--disk %s: %s", disk_shown(path), text);
}

static int check_kind(struct disk *disk, struct diag *diag)
{
	struct stat st;
	struct diag why;
	int err = input_look(disk->path, INPUT_DISK, &st, &why);

	if (err)
		return refuse(
			disk->path, diag, "%s%s", why.text, err == -EINVAL ? "" : "; " EXPECTED);
	disk->regular = S_ISREG(st.st_mode);
	/* Root may write to it nevertheless; who took the right away did not mean it so. */
	if (!disk->read_only && disk->regular && !(st.st_mode & 0222))
		return refuse(disk->path, diag,
			"nobody has the right to write to it; use --disk PATH,ro to read only");
	return 0;
}

static int open_image(struct disk *disk, struct diag *diag)
{
	/* A block device that is mounted must not be written to by anybody else. */
	int exclusive = disk->regular ? 0 : O_EXCL;
	struct diag why;

	disk->fd = input_open(
		disk->path, disk->read_only ? O_RDONLY : O_RDWR | exclusive, INPUT_DISK, &why);
	if (disk->fd >= 0)
		return 0;
	if (disk->fd == -EBUSY)
		return refuse(disk->path, diag,
			"this host uses it (is it mounted?); use --disk PATH,ro to read only");
	if (!disk->read_only && faccessat(AT_FDCWD, disk->path, R_OK, AT_EACCESS) == 0)
		return refuse(disk->path, diag,
			"cannot be written to: %s; use --disk PATH,ro to read only", why.text);
	return refuse(disk->path, diag, "cannot open it: %s; " EXPECTED " to read", why.text);
}

/* Open file description locks: fcntl(2). Where the file system has none, there is none. */
static int lock_image(struct disk *disk, struct diag *diag)
{
	struct flock lock = {.l_type = disk->read_only ? F_RDLCK : F_WRLCK, .l_whence = SEEK_SET};

	if (fcntl(disk->fd, F_OFD_SETLK, &lock) == 0 || (errno != EAGAIN && errno != EACCES))
		return 0;
	return refuse(disk->path, diag,
		disk->read_only ? "another process writes to it; expected an image that nobody "
				  "changes"
				: "another process uses it; one writer is allowed, or many readers "
				  "(--disk PATH,ro)");
}

static int measure(struct disk *disk, struct diag *diag)
{
	int sector = VIRTIO_BLK_SECTOR;
	uint64_t bytes = 0;
	struct stat st;

	if (disk->regular && fstat(disk->fd, &st) == 0)
		bytes = (uint64_t)st.st_size;
	else if (!disk->regular && (ioctl(disk->fd, BLKGETSIZE64, &bytes) < 0 ||
					   ioctl(disk->fd, BLKSSZGET, &sector) < 0))
		return refuse(disk->path, diag, "cannot read its size: %s", strerror(errno));
	disk->sectors = bytes / VIRTIO_BLK_SECTOR;
	if (disk->sectors == 0)
		return refuse(disk->path, diag, "its size is %llu; expected at least %u bytes",
			(unsigned long long)bytes, VIRTIO_BLK_SECTOR);
	disk->block_size = sector == 4096 && bytes % 4096 == 0 ? 4096 : VIRTIO_BLK_SECTOR;
	if (bytes % VIRTIO_BLK_SECTOR) {
		diag_set(diag, 0,
			"--disk %s: the last %llu bytes are no whole sector and are left alone",
			disk_shown(disk->path), (unsigned long long)(bytes % VIRTIO_BLK_SECTOR));
		fprintf(stderr, "tickvm: %s\n", diag->text);
	}
	return 0;
}

/* ---- direct I/O ---- */

/* What the kernel demands: statx(2), Linux 6.1; before that the sector size of a block device. */
static void read_alignment(struct disk *disk)
{
	int sector = 0;
#ifdef STATX_DIOALIGN
	struct statx st;

	if (statx(disk->fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &st) == 0 &&
		(st.stx_mask & STATX_DIOALIGN)) {
		disk->memory_align = st.stx_dio_mem_align;
		disk->offset_align = st.stx_dio_offset_align;
		return;
	}
#endif
	if (!disk->regular && ioctl(disk->fd, BLKSSZGET, &sector) == 0 && sector > 0)
		disk->memory_align = disk->offset_align = (uint32_t)sector;
	else
		disk->memory_align = disk->offset_align = ALIGN_FALLBACK;
}

static bool good_alignment(uint32_t align)
{
	return align > 0 && align <= ALIGN_MAX && (align & (align - 1)) == 0;
}

/* O_DIRECT may be refused when the file is opened, or not before it is read. */
static bool direct_works(const struct disk *disk)
{
	uint8_t *buffer;
	bool works;

	if (!good_alignment(disk->memory_align) || !good_alignment(disk->offset_align))
		return false;
	/* As badly aligned as a guest's may be. */
	buffer = aligned_alloc(2 * ALIGN_MAX, 2 * ALIGN_MAX);
	works = buffer &&
		pread(disk->direct_fd, buffer + disk->memory_align, disk->offset_align, 0) > 0;
	free(buffer);
	return works;
}

/* Best effort: without it everything goes through the page cache. */
static void open_direct(struct disk *disk)
{
	char self[32];

	read_alignment(disk);
	snprintf(self, sizeof(self), "/proc/self/fd/%d", disk->fd);
	disk->direct_fd = open(self, (disk->read_only ? O_RDONLY : O_RDWR) | O_DIRECT | O_CLOEXEC);
	if (disk->direct_fd >= 0 && !direct_works(disk)) {
		close(disk->direct_fd);
		disk->direct_fd = -1;
	}
	disk->stats.direct = disk->direct_fd >= 0;
}

/* ---- life ---- */

static struct disk *new_disk(const char *path, bool read_only)
{
	struct disk *disk = calloc(1, sizeof(*disk));

	if (!disk)
		return NULL;
	disk->fd = disk->direct_fd = -1;
	disk->read_only = read_only;
	disk->path = strdup(path);
	disk->slots = calloc(DISK_SLOTS, sizeof(*disk->slots));
	disk->eventfd = eventfd(0, EFD_CLOEXEC);
	if (disk->path && disk->slots && disk->eventfd >= 0)
		return disk;
	disk_close(disk);
	return NULL;
}

int disk_open(struct disk **out, const char *path, bool read_only, struct diag *diag)
{
	struct disk *disk = new_disk(path, read_only);
	int rc;

	if (!disk)
		return diag_set(diag, -ENOMEM, "no memory or no eventfd for the disk");
	rc = check_kind(disk, diag);
	if (!rc)
		rc = open_image(disk, diag);
	if (!rc)
		rc = lock_image(disk, diag);
	if (!rc)
		rc = measure(disk, diag);
	if (rc) {
		disk_close(disk);
		return rc;
	}
	open_direct(disk);
	disk_uring_open(disk);
	*out = disk;
	return 0;
}

uint64_t disk_sectors(const struct disk *disk)
{
	return disk->sectors;
}

uint32_t disk_block_size(const struct disk *disk)
{
	return disk->block_size;
}

static void *disk_main(void *arg)
{
	struct disk *disk = arg;

	if (!disk_uring_run(disk))
		disk_rw_run(disk);
	disk_sync(disk);
	return NULL;
}

int disk_start(struct disk *disk, const struct disk_client *client, int cpu, struct diag *diag)
{
	const struct thread_job job = {SANDBOX_DISK, 0, disk_main, disk};
	int rc;

	disk->client = *client;
	rc = thread_start(&disk->thread, cpu, &job);
	if (rc)
		return diag_set(diag, rc, "cannot start the thread of the disk: %s", strerror(-rc));
	disk->started = true;
	return 0;
}

int disk_eventfd(const struct disk *disk)
{
	return disk->eventfd;
}

void disk_notify(struct disk *disk)
{
	eventfd_write(disk->eventfd, 1);
}

void disk_stop_begin(struct disk *disk)
{
	if (!disk || !disk->started)
		return;
	atomic_store(&disk->stop, true);
	disk_notify(disk);
}

bool disk_stop_wait(struct disk *disk, uint64_t until_ns)
{
	if (disk && disk->started)
		disk->started = !thread_join_until(disk->thread, until_ns);
	return !disk || !disk->started;
}

void disk_stop(struct disk *disk)
{
	if (!disk || !disk->started)
		return;
	disk_stop_begin(disk);
	pthread_join(disk->thread, NULL);
	disk->started = false;
}

void disk_leave(struct disk *disk)
{
	thread_leave(disk->thread);
	disk->started = false;
}

void disk_close(struct disk *disk)
{
	if (!disk)
		return;
	disk_stop(disk);
	disk_uring_close(disk);
	if (disk->direct_fd >= 0)
		close(disk->direct_fd);
	if (disk->fd >= 0)
		close(disk->fd);
	if (disk->eventfd >= 0)
		close(disk->eventfd);
	free(disk->slots);
	free(disk->path);
	free(disk);
}

struct disk_stats disk_stats(const struct disk *disk)
{
	return disk->stats;
}
