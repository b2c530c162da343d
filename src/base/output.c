/* SPDX-License-Identifier: BSD-2-Clause */
/* Replaces a file by a whole new one or not at all.
 * It does not know what is in it, and keeps neither owner nor mode of the old one. */
#include "tickvm/output.h"

#include "tickvm/farewell.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define TRIES_MAX 100

struct output {
	FILE *stream;
	const char *path;
	char *temporary; /* NULL: written through */
	struct farewell farewell;
	int fd;  /* of the stream; -1: it is stdout */
	int err; /* of the first write that failed, negative */
};

static bool stdout_lost;

void output_stdout_lost(void)
{
	stdout_lost = true;
}

bool output_stdout_is_lost(void)
{
	return stdout_lost;
}

static int cannot_write(const char *path, int err, struct diag *diag)
{
	bool full = err == -ENOSPC || err == -EDQUOT || err == -EFBIG;

	return diag_set(diag, err, "cannot write %s: %s; %sname a file that can be written",
		strcmp(path, "-") == 0 ? "standard output" : path, strerror(-err),
		full ? "free some space or " : "");
}

/* Renaming over a device, a pipe or a symbolic link (/dev/null, /dev/stdout) would replace it. */
static bool is_special(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 && !S_ISREG(st.st_mode);
}

/* A descriptor or a negative errno. */
static int open_write(const char *path, int flags)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC | flags, 0666);

	return fd < 0 ? -errno : fd;
}

/* The same; *temporary is set if it is there. Another tickvm may be writing the same file, perhaps
 * from another container: a name that nobody else has. (mkostemp() would take the rights that the
 * umask leaves to others.) */
static int open_temporary(const char *path, char **temporary)
{
	if (path[0] == '\0')
		return -ENOENT;
	for (int tries = 0; tries < TRIES_MAX; tries++) {
		uint32_t random;
		char *name;

		if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random))
			return -EIO;
		if (asprintf(&name, "%s.%08" PRIx32 ".tmp", path, random) < 0)
			return -ENOMEM;
		int fd = open_write(name, O_CREAT | O_EXCL | O_NOFOLLOW);

		if (fd >= 0)
			*temporary = name;
		else
			free(name);
		if (fd != -EEXIST)
			return fd;
	}
	return -EEXIST;
}

/* stdio forgets why a write failed, and that bytes were lost once a later one succeeds. */
static ssize_t put(void *cookie, const char *bytes, size_t n)
{
	struct output *output = cookie;

	for (size_t done = 0; done < n && output->err == 0;) {
		ssize_t part = write(output->fd, bytes + done, n - done);

		if (part >= 0)
			done += (size_t)part;
		else if (errno != EINTR)
			output->err = -errno;
	}
	return output->err == 0 ? (ssize_t)n : 0;
}

/* A signal that ends the process: no name is left behind. */
static void unlink_temporary(void *temporary)
{
	unlink(temporary);
}

static int open_stream(struct output *output)
{
	if (strcmp(output->path, "-") == 0) {
		output->stream = stdout;
		return 0;
	}
	int fd = is_special(output->path) ? open_write(output->path, O_TRUNC)
					  : open_temporary(output->path, &output->temporary);
	if (fd < 0)
		return fd;
	output->farewell = (struct farewell){.say = unlink_temporary, .ctx = output->temporary};
	if (output->temporary != NULL)
		farewell_promise(&output->farewell);
	output->stream = fopencookie(output, "w", (cookie_io_functions_t){.write = put});
	if (output->stream == NULL) {
		close(fd);
		return -ENOMEM;
	}
	output->fd = fd;
	return 0;
}

int output_open(struct output **out, const char *path, struct diag *diag)
{
	struct output *output = calloc(1, sizeof(*output));
	int err = -ENOMEM;

	if (output != NULL) {
		output->path = path;
		output->fd = -1;
		err = open_stream(output);
		if (err == 0) {
			*out = output;
			return 0;
		}
		output_discard(output);
	}
	return cannot_write(path, err, diag);
}

FILE *output_stream(struct output *output)
{
	return output->stream;
}

static int flush(const struct output *output)
{
	bool failed = fflush(output->stream) != 0 || ferror(output->stream);

	if (output->err != 0)
		return output->err;
	if (failed)
		return errno != 0 ? -errno : -EIO;
	if (output->temporary != NULL && fsync(output->fd) != 0)
		return -errno;
	return 0;
}

static int close_stream(struct output *output)
{
	int err = 0;

	if (output->fd >= 0) {
		fclose(output->stream);
		err = close(output->fd) != 0 ? -errno : output->err;
	}
	output->stream = NULL;
	return err;
}

int output_commit(struct output *output, struct diag *diag)
{
	int err = flush(output), closed = close_stream(output);

	err = err == 0 ? closed : err;
	if (err == 0 && output->temporary != NULL) {
		if (rename(output->temporary, output->path) != 0) {
			err = -errno;
		} else {
			farewell_take_back(&output->farewell);
			free(output->temporary);
			output->temporary = NULL;
		}
	}
	stdout_lost |= err != 0 && output->fd < 0 && output->temporary == NULL;
	if (err != 0)
		cannot_write(output->path, err, diag);
	output_discard(output);
	return err;
}

/* What is still open is closed; the temporary file goes unless it has been renamed. */
void output_discard(struct output *output)
{
	if (output->stream != NULL)
		close_stream(output);
	farewell_take_back(&output->farewell);
	if (output->temporary != NULL)
		unlink(output->temporary);
	free(output->temporary);
	free(output);
}

/* Opening and closing a pipe would end it for its reader. */
static int check_special(const char *path)
{
	struct stat st;

	if (stat(path, &st) != 0 || faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) != 0)
		return -errno;
	return S_ISDIR(st.st_mode) ? -EISDIR : S_ISSOCK(st.st_mode) ? -ENXIO : 0;
}

static int check_temporary(const char *path)
{
	char *temporary = NULL;
	int fd = open_temporary(path, &temporary);

	if (fd < 0)
		return fd;
	close(fd);
	unlink(temporary);
	free(temporary);
	return 0;
}

int output_check(const char *path, struct diag *diag)
{
	if (strcmp(path, "-") == 0)
		return 0;
	int err = is_special(path) ? check_special(path) : check_temporary(path);
	return err < 0 ? cannot_write(path, err, diag) : 0;
}
