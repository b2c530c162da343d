/* SPDX-License-Identifier: BSD-2-Clause */
/* One start, in a process of its own: what that process does, and who makes it. */
#include "start.h"

#include "../launch.h"

#include "tickvm/bare.h"
#include "tickvm/clock.h"
#include "tickvm/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- the child: one start, one line on stdout ---- */

/* Resident bytes of this process outside the mapping that holds guest RAM, from /proc/self/smaps.
 */
static uint64_t resident_without(const void *guest_ram)
{
	FILE *file = fopen("/proc/self/smaps", "re");
	char line[512];
	bool guest = false;
	uint64_t kib = 0;

	if (file == NULL)
		return 0;
	while (fgets(line, sizeof(line), file) != NULL) {
		uintptr_t low, high;
		uint64_t rss;

		if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " ", &low, &high) == 2)
			guest = (uintptr_t)guest_ram >= low && (uintptr_t)guest_ram < high;
		else if (!guest && sscanf(line, "Rss: %" SCNu64 " kB", &rss) == 1)
			kib += rss;
	}
	fclose(file);
	return kib * 1024;
}

/* As `tickvm run` confines itself. */
static int confine(void *ctx, struct diag *diag)
{
	(void)ctx;
	return sandbox_enter(&(struct sandbox_plan){.guests = true, .vcpus = 1}, diag);
}

static int start_ours(const struct bench_context *context, struct start *start, struct diag *diag)
{
	struct launch launch = {.config = context->machine};

	/* As `tickvm run` would start it, but for the terminal. */
	launch.config.serial = SERIAL_NULL;
	launch.config.confine = context->sandbox ? confine : NULL;
	if (launch.config.timeout_ns == 0)
		launch.config.timeout_ns = LAUNCH_PATIENCE_NS;
	/* The shortest test that relates the guest's TSC to the host's. */
	launch_append(&launch, "test=bench name=idle iterations=10 rounds=1");
	int err = launch_run(&launch, diag);

	if (err < 0)
		return err;
	struct vm_startup startup = vm_startup(launch.vm);

	start->create_tsc = startup.create_tsc;
	start->entry_tsc = startup.first_entry_tsc;
	start->first_tsc = startup.guest_first_tsc;
	start->rss = resident_without(vm_guest_memory(launch.vm, 0, 1));
	launch_end(&launch);
	return 0;
}

static int start_bare(const struct bench_context *context, struct start *start, struct diag *diag)
{
	uint64_t ticks;

	start->create_tsc = clock_tsc();
	int err = vm_bare_startup(context->machine.mem_bytes, &ticks, diag);

	if (err < 0)
		return launch_has_kvm() ? err : -ENOTSUP;
	start->first_tsc = start->entry_tsc = start->create_tsc + ticks;
	start->rss = resident_without(NULL);
	return 0;
}

int start_be_started(const struct bench_context *context, bool bare)
{
	struct start start = {.rss = 0};
	struct diag diag = {""};
	int err = (bare ? start_bare : start_ours)(context, &start, &diag);

	if (err < 0) {
		fprintf(stderr, "%s\n", diag.text);
		return launch_exit_status(err);
	}
	printf("%" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", start.create_tsc,
		start.entry_tsc, start.first_tsc, start.rss);
	return 0;
}

/* ---- the parent ---- */

/* The child's words: the machine as the point has it. */
static size_t fill_words(
	const struct point *point, bool bare, bool confined, char **words, size_t max)
{
	size_t n = 0;

	words[n++] = strdup("tickvm");
	words[n++] = strdup("bench");
	words[n++] = strdup("startup");
	words[n++] = strdup(bare ? START_BARE : START_ONCE);
	if (confined)
		words[n++] = strdup("--sandbox=on");
	n += point_words(point, words + n, max - n - 1);
	words[n] = NULL;
	return n;
}

static int spawn_child(char **words, int output, pid_t *pid)
{
	posix_spawn_file_actions_t actions;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
	posix_spawn_file_actions_adddup2(&actions, output, STDERR_FILENO);
	int err = posix_spawn(pid, "/proc/self/exe", &actions, NULL, words, environ);

	posix_spawn_file_actions_destroy(&actions);
	return -err;
}

/* The last line the child said, on either stream: warnings may come before it. */
static void read_last_line(int fd, char *text, size_t size)
{
	size_t used = 0;

	while (used + 1 < size) {
		ssize_t n = read(fd, text + used, size - 1 - used);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		used += (size_t)n;
	}
	while (used > 0 && text[used - 1] == '\n')
		used--;
	text[used] = '\0';
	const char *newline = strrchr(text, '\n');

	if (newline != NULL)
		memmove(text, newline + 1, strlen(newline));
}

static int judge_child(int status, const char *text, struct start *start, struct diag *diag)
{
	int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;

	if (code == 77)
		return diag_set(diag, -ENOTSUP, "%s", text);
	if (code != 0)
		return diag_set(diag, code == 130 ? -EINTR : -EIO, "%s",
			text[0] != '\0' ? text : "the started process died");
	if (sscanf(text, "%" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64, &start->create_tsc,
		    &start->entry_tsc, &start->first_tsc, &start->rss) != 4)
		return diag_set(diag, -EPROTO, "the started process said: %s", text);
	if (start->first_tsc == 0)
		return diag_set(diag, -EPROTO,
			"the guest's first instruction could not be placed on the host's TSC");
	return 0;
}

static int run_child(char **words, struct start *start, struct diag *diag)
{
	char text[512];
	int fds[2], status;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return diag_set(diag, -errno, "pipe: %s", strerror(errno));
	start->exec_tsc = clock_tsc();
	int err = spawn_child(words, fds[1], &pid);

	close(fds[1]);
	if (err < 0) {
		close(fds[0]);
		return diag_set(diag, err, "cannot start /proc/self/exe: %s", strerror(-err));
	}
	read_last_line(fds[0], text, sizeof(text));
	close(fds[0]);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return judge_child(status, text, start, diag);
}

int start_once(
	const struct point *point, bool bare, bool confined, struct start *start, struct diag *diag)
{
	char *words[POINT_AXES_MAX + 8];
	size_t n = fill_words(point, bare, confined, words, sizeof(words) / sizeof(words[0]));
	bool whole = true;

	for (size_t i = 0; i < n; i++)
		whole &= words[i] != NULL;
	int err = whole ? run_child(words, start, diag)
			: diag_set(diag, -ENOMEM, "out of memory for a command line");

	for (size_t i = 0; i < n; i++)
		free(words[i]);
	return err;
}
