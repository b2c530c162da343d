/* SPDX-License-Identifier: BSD-2-Clause */
/* Starts tickvm through the shell and keeps what it printed.
 * It judges nothing. */
#include "tickvm_command.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
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
	static const int signals[] = {SIGINT, SIGQUIT, SIGTERM, SIGHUP};
	int null = open("/dev/null", O_RDONLY);
	/* Whoever runs the tests in the background, or by nohup, has some of them ignored. */
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		signal(signals[i], SIG_DFL);
	dup2(null, STDIN_FILENO);
	dup2(fileno(out), STDOUT_FILENO);
	dup2(fileno(err), STDERR_FILENO);
	setenv("TICKVM", "build/tickvm", 0);
	setenv("TICKVM_MODEL", "build/tests/tickvm-model", 0);
	execl("/bin/sh", "sh", "-c", line, NULL);
	_exit(127);
}

struct running {
	pid_t pid;
	FILE *out, *err;
};

static struct running start(const char *line)
{
	struct running child = {.out = tmpfile(), .err = tmpfile()};
	cr_assert(child.out != NULL && child.err != NULL);
	child.pid = fork();
	cr_assert(child.pid >= 0);
	if (child.pid == 0)
		become_shell(line, child.out, child.err);
	return child;
}

static struct result end(const struct running *child)
{
	int status;
	while (waitpid(child->pid, &status, 0) < 0)
		cr_assert_eq(errno, EINTR);
	return (struct result){
		.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status),
		.out = slurp(child->out),
		.err = slurp(child->err)};
}

struct result shell(const char *line)
{
	struct running child = start(line);
	return end(&child);
}

/* The child goes on writing, and its offset is this one's too: it stays where it is. */
static bool is_in(FILE *file, const char *said)
{
	char text[65536];
	ssize_t n = pread(fileno(file), text, sizeof(text) - 1, 0);
	cr_assert(n >= 0);
	text[n] = '\0';
	return strstr(text, said) != NULL;
}

static bool has_ended(const struct running *child)
{
	siginfo_t info = {.si_pid = 0};
	cr_assert_eq(waitid(P_PID, (id_t)child->pid, &info, WEXITED | WNOHANG | WNOWAIT), 0);
	return info.si_pid != 0;
}

struct result shell_signalled(const char *line, const char *said, int signal)
{
	static const struct timespec moment = {.tv_nsec = 5000000};
	struct running child = start(line);
	while (!is_in(child.out, said) && !is_in(child.err, said) && !has_ended(&child))
		nanosleep(&moment, NULL);
	kill(child.pid, signal);
	return end(&child);
}

static struct result run_program(const char *variable, const char *line)
{
	char command[1024];
	snprintf(command, sizeof(command), "exec \"$%s\" %s", variable, line);
	return shell(command);
}

struct result tickvm(const char *line)
{
	return run_program("TICKVM", line);
}

struct result model(const char *line)
{
	return run_program("TICKVM_MODEL", line);
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
