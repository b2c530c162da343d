/* SPDX-License-Identifier: BSD-2-Clause */
/* The image of `tickvm bench disk`: a scratch file that nothing can leave behind, or the user's.
 * It writes no data. */
#include "disk_bench.h"

#include "tickvm/input.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define SPARE_BYTES (UINT64_C(8) << 20) /* a file system's own, and everybody else's */

const char *disk_image_path(const struct disk_image *image)
{
	return image->given != NULL ? image->given : image->path;
}

static bool in_memory(int fd)
{
	struct statfs fs;

	return fstatfs(fd, &fs) == 0 && (fs.f_type == TMPFS_MAGIC || fs.f_type == RAMFS_MAGIC);
}

/* ---- a scratch file ---- */

static const char *choose_dir(const char *dir)
{
	if (dir != NULL)
		return dir;
	dir = getenv("TMPDIR");
	return dir != NULL && dir[0] != '\0' ? dir : "/tmp";
}

static int check_space(const char *dir, uint64_t bytes, struct diag *diag)
{
	struct rlimit limit;
	struct statvfs fs;

	if (statvfs(dir, &fs) < 0)
		return diag_set(diag, -EINVAL,
			"--dir %.200s: %s; expected a directory for a scratch file of %" PRIu64
			" MiB",
			dir, strerror(errno), bytes >> 20);
	if ((uint64_t)fs.f_bavail * fs.f_frsize < bytes + SPARE_BYTES)
		return diag_set(diag, -ENOSPC,
			"--dir %.200s: %" PRIu64
			" MiB are free, and the scratch file takes %" PRIu64
			" MiB; use another --dir or a smaller --file",
			dir, (uint64_t)fs.f_bavail * fs.f_frsize >> 20, bytes >> 20);
	/* Beyond it no write goes. */
	if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur < bytes)
		return diag_set(diag, -EFBIG,
			"files of this process may have %" PRIu64
			" KiB (ulimit -f), and the scratch file takes %" PRIu64 " MiB",
			(uint64_t)limit.rlim_cur >> 10, bytes >> 20);
	return 0;
}

/* Its name goes as soon as it has one; who has it open can open it again by its descriptor. */
static int open_nameless(struct disk_image *image, const char *dir, struct diag *diag)
{
	char *name = NULL;

	if (asprintf(&name, "%s/tickvm-disk-XXXXXX", dir) < 0)
		return diag_set(diag, -ENOMEM, "out of memory");
	image->fd = mkostemp(name, O_CLOEXEC);
	int err = image->fd < 0 ? -errno : 0;

	if (err == 0)
		unlink(name);
	else
		diag_set(diag, err, "--dir %.200s: cannot create a scratch file: %s", dir,
			strerror(-err));
	free(name);
	snprintf(image->path, sizeof(image->path), "/proc/self/fd/%d", image->fd);
	return err;
}

int disk_image_scratch(struct disk_image *image, const char *dir, uint64_t bytes, struct diag *diag)
{
	*image = (struct disk_image){.fd = -1, .bytes = bytes};
	dir = choose_dir(dir);
	int err = check_space(dir, bytes, diag);

	if (err == 0)
		err = open_nameless(image, dir, diag);
	if (err < 0)
		return err;
	err = posix_fallocate(image->fd, 0, (off_t)bytes);
	if (err != 0) {
		disk_image_close(image);
		return diag_set(diag, -err,
			"--dir %.200s: cannot reserve a scratch file's %" PRIu64 " MiB: %s", dir,
			bytes >> 20, strerror(err));
	}
	image->in_memory = in_memory(image->fd);
	return 0;
}

void disk_image_renew(const struct disk_image *image, uint64_t bytes)
{
	if (image->fd >= 0)
		(void)fallocate(
			image->fd, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, 0, (off_t)bytes);
}

/* ---- the user's ---- */

static int look_at(int fd, struct disk_image *image)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	image->bytes = (uint64_t)st.st_size;
	image->in_memory = S_ISREG(st.st_mode) && in_memory(fd);
	return S_ISBLK(st.st_mode) && ioctl(fd, BLKGETSIZE64, &image->bytes) < 0 ? -errno : 0;
}

int disk_image_given(struct disk_image *image, const char *path, struct diag *diag)
{
	*image = (struct disk_image){.fd = -1, .given = path};
	struct diag why;
	int fd = input_open(path, O_RDONLY, INPUT_DISK, &why);

	if (fd < 0)
		return diag_set(diag, -EINVAL, "--disk %.200s: %s", path, why.text);
	int err = look_at(fd, image);

	close(fd);
	if (err < 0)
		return diag_set(diag, -EINVAL, "--disk %.200s: %s", path, strerror(-err));
	return 0;
}

void disk_image_close(struct disk_image *image)
{
	if (image->fd >= 0)
		close(image->fd);
	image->fd = -1;
}
