/* SPDX-License-Identifier: BSD-2-Clause */
/* Opens files that are read, after a look at what they are, and looks again at what was opened. */
#include "tickvm/input.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Where a path is looked up: anywhere, or (a directory's descriptor) below there. */
struct place {
	int directory;
	bool below;
};
static const struct place anywhere = {.directory = AT_FDCWD};

static int cannot(struct diag *why, int error)
{
	return diag_set(why, -error, "%s",
		error == EXDEV ? "it lies outside of the file's directory" : strerror(error));
}

static int check_kind(const struct stat *st, enum input_kind kind, struct diag *why)
{
	const char *what = "a socket";

	if (S_ISREG(st->st_mode) || (kind == INPUT_DISK && S_ISBLK(st->st_mode)))
		return 0;
	if (S_ISDIR(st->st_mode))
		what = "a directory";
	else if (S_ISBLK(st->st_mode))
		what = "a block device";
	else if (S_ISCHR(st->st_mode))
		what = "a character device";
	else if (S_ISFIFO(st->st_mode))
		what = "a FIFO";
	return diag_set(why, -EINVAL, "%s; expected %s", what,
		kind == INPUT_DISK ? "a raw image file or a block device" : "a regular file");
}

/* A descriptor, or -1 with errno set. */
static int open_at(struct place place, const char *path, int flags)
{
	struct open_how how = {.flags = (uint64_t)(unsigned)(flags | O_CLOEXEC),
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};

	if (!place.below)
		return openat(place.directory, path, flags | O_CLOEXEC);
	return (int)syscall(SYS_openat2, place.directory, path, &how, sizeof(how));
}

/* By a descriptor that does not open it: FIFOs and devices notice nothing. */
static int look_at(struct place place, const char *path, enum input_kind kind, struct stat *st,
	struct diag *why)
{
	int fd = open_at(place, path, O_PATH);

	if (fd < 0)
		return cannot(why, errno);
	int err = fstat(fd, st) < 0 ? cannot(why, errno) : check_kind(st, kind, why);

	close(fd);
	return err;
}

/* Another file may be there by now: that must not block either, and is looked at again. */
static int open_kind(
	struct place place, const char *path, int flags, enum input_kind kind, struct diag *why)
{
	struct stat st;
	int err = look_at(place, path, kind, &st, why);

	if (err)
		return err;
	int fd = open_at(place, path, flags | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		return cannot(why, errno);
	err = fstat(fd, &st) < 0 ? cannot(why, errno) : check_kind(&st, kind, why);
	/* Reads of it are as usual: io_uring would answer EAGAIN where a file system may wait. */
	if (!err && fcntl(fd, F_SETFL, flags) < 0)
		err = cannot(why, errno);
	if (!err)
		return fd;
	close(fd);
	return err;
}

static int to_stream(FILE **stream, int fd, struct diag *why)
{
	if (fd < 0)
		return fd;
	*stream = fdopen(fd, "r");
	if (*stream)
		return 0;
	close(fd);
	return cannot(why, ENOMEM);
}

int input_look(const char *path, enum input_kind kind, struct stat *st, struct diag *why)
{
	return look_at(anywhere, path, kind, st, why);
}

int input_open(const char *path, int flags, enum input_kind kind, struct diag *why)
{
	return open_kind(anywhere, path, flags, kind, why);
}

int input_stream(FILE **stream, const char *path, struct diag *why)
{
	return to_stream(stream, open_kind(anywhere, path, O_RDONLY, INPUT_FILE, why), why);
}

int input_stream_below(FILE **stream, const char *directory, const char *path, struct diag *why)
{
	struct place place = {.below = true};

	place.directory = open(*directory ? directory : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (place.directory < 0)
		return cannot(why, errno);
	int fd = open_kind(place, path, O_RDONLY, INPUT_FILE, why);

	close(place.directory);
	return to_stream(stream, fd, why);
}
