/* SPDX-License-Identifier: BSD-2-Clause */
/* Starts tickvm through the shell and keeps what it printed.
 * It judges nothing. */
#include "tickvm_command.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Every text read, so that a test need not free what a failed assertion would keep it from freeing.
 */
static struct text {
	struct text *next;
	char bytes[];
} * texts;

/* What was written to a temporary file that has no name any more. */
static char *slurp(FILE *file)
{
	cr_assert_eq(fseek(file, 0, SEEK_END), 0);
	size_t size = (size_t)ftell(file);
	rewind(file);
	struct text *text = calloc(1, sizeof(*text) + size + 1);
	cr_assert_not_null(text);
	text->next = texts;
	texts = text;
	cr_assert_eq(fread(text->bytes, 1, size, file), size);
	fclose(file);
	return text->bytes;
}

static void become_shell(const char *line, FILE *out, FILE *err)
{
	int null = open("/dev/null", O_RDONLY);
	dup2(null, STDIN_FILENO);
	dup2(fileno(out), STDOUT_FILENO);
	dup2(fileno(err), STDERR_FILENO);
	setenv("TICKVM", "build/tickvm", 0);
	execl("/bin/sh", "sh", "-c", line, NULL);
	_exit(127);
}

struct result shell(const char *line)
{
	FILE *out = tmpfile(), *err = tmpfile();
	int status;
	cr_assert(out != NULL && err != NULL);
	pid_t child = fork();
	if (child == 0)
		become_shell(line, out, err);
	while (waitpid(child, &status, 0) < 0)
		cr_assert_eq(errno, EINTR);
	return (struct result){
		.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status),
		.out = slurp(out),
		.err = slurp(err)};
}

struct result tickvm(const char *line)
{
	char command[1024];
	snprintf(command, sizeof(command), "exec \"$TICKVM\" %s", line);
	return shell(command);
}

void need_kvm(void)
{
	int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		cr_skip_test("/dev/kvm: %s", strerror(errno));
	close(fd);
}

const char *write_guest(const unsigned char *code, size_t size)
{
	static char path[] = "/tmp/tickvm-guest-XXXXXX";
	static const uint32_t base = 0x100000, magic = 0x1badb002, flags = 0x10000;
	/* magic, flags, checksum; header, load, load end, bss end (0: all of it, none), entry */
	const uint32_t header[8] = {magic, flags, 0U - magic - flags, base, base, 0, 0,
		base + (uint32_t)sizeof(header)};
	strcpy(path + sizeof(path) - 7, "XXXXXX");
	int fd = mkstemp(path);
	cr_assert(fd >= 0);
	cr_assert_eq(write(fd, header, sizeof(header)), (ssize_t)sizeof(header));
	cr_assert_eq(write(fd, code, size), (ssize_t)size);
	close(fd);
	return path;
}
