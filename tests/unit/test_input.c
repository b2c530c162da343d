/* SPDX-License-Identifier: BSD-2-Clause */
/* The door to files that are read: what may be read is, and what would block, or lies outside, is
 * refused with the reason. */
#include "tickvm/input.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static char directory[] = "/tmp/tickvm-input-XXXXXX";
static struct diag why;

static void begin(void)
{
	alarm(60); /* waiting is a failure */
	cr_assert_not_null(mkdtemp(directory));
	cr_assert_eq(chdir(directory), 0);
	cr_assert_eq(
		system("mkdir -p top/sub && echo in >top/in && echo out >out && mkfifo fifo && "
		       "ln -s ../out top/leaves && ln -s in top/stays && ln -s /etc top/etc && "
		       "ln -s ../in top/sub/up && ln -s \"$PWD/top/in\" top/absolute"),
		0);
}

static void end(void)
{
	char remove_it[64];

	cr_assert_eq(chdir("/"), 0);
	snprintf(remove_it, sizeof(remove_it), "rm -r %s", directory);
	cr_assert_eq(system(remove_it), 0);
}

TestSuite(input, .init = begin, .fini = end);

static void reads(int err, FILE **opened, const char *expected)
{
	char line[16] = "";

	cr_assert_eq(err, 0, "%s", why.text);
	FILE *stream = *opened;

	cr_assert_not_null(fgets(line, sizeof(line), stream));
	cr_assert_str_eq(line, expected);
	cr_assert_eq(fcntl(fileno(stream), F_GETFL) & O_NONBLOCK, 0);
	cr_assert_neq(fcntl(fileno(stream), F_GETFD) & FD_CLOEXEC, 0);
	fclose(stream);
}

static void refused(const char *path, int err, const char *expected)
{
	FILE *stream;

	cr_expect_eq(input_stream(&stream, path, &why), err, "%s: %s", path, why.text);
	cr_expect_str_eq(why.text, expected, "%s: %s", path, why.text);
}

Test(input, a_regular_file_is_read)
{
	FILE *stream;

	reads(input_stream(&stream, "out", &why), &stream, "out\n");
	reads(input_stream(&stream, "top/leaves", &why), &stream, "out\n");
}

Test(input, what_is_none_is_named_and_not_waited_for)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "socket"};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	cr_assert_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	refused("socket", -EINVAL, "a socket; expected a regular file");
	refused("fifo", -EINVAL, "a FIFO; expected a regular file");
	refused("top", -EINVAL, "a directory; expected a regular file");
	refused("/dev/zero", -EINVAL, "a character device; expected a regular file");
	refused("none", -ENOENT, "No such file or directory");
	cr_expect_eq(input_open("fifo", O_RDONLY, INPUT_DISK, &why), -EINVAL);
	cr_expect_str_eq(why.text, "a FIFO; expected a raw image file or a block device");
	close(fd);
}

Test(input, flags_are_kept)
{
	int fd = input_open("out", O_RDWR, INPUT_DISK, &why);

	cr_assert_geq(fd, 0, "%s", why.text);
	cr_expect_eq(fcntl(fd, F_GETFL) & (O_ACCMODE | O_NONBLOCK), O_RDWR);
	close(fd);
}

static int below(FILE **stream, const char *path)
{
	int err = input_stream_below(stream, "top", path, &why);

	if (err == -ENOSYS)
		cr_skip_test("openat2: %s", why.text);
	return err;
}

static void outside(const char *path)
{
	FILE *stream;

	cr_expect_eq(below(&stream, path), -EXDEV, "%s: %s", path, why.text);
	cr_expect_str_eq(why.text, "it lies outside of the file's directory");
}

Test(input, below_a_directory)
{
	FILE *stream;

	reads(below(&stream, "in"), &stream, "in\n");
	reads(below(&stream, "stays"), &stream, "in\n");
	reads(below(&stream, "sub/../in"), &stream, "in\n");
	reads(below(&stream, "sub/up"), &stream, "in\n");
	reads(input_stream_below(&stream, "", "out", &why), &stream, "out\n");
	outside("../out");
	outside("sub/../../out");
	outside("leaves");
	outside("etc/passwd");
	outside("absolute");
	outside("/etc/passwd");
	cr_expect_eq(below(&stream, "none"), -ENOENT);
	cr_expect_eq(below(&stream, "sub"), -EINVAL);
	cr_expect_eq(input_stream_below(&stream, "none", "in", &why), -ENOENT);
}
