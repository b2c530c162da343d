/* SPDX-License-Identifier: BSD-2-Clause */
/* Which files the process may still open: what it was told of, and what it reads of the host.
 * By raw system calls (landlock(7), Linux Documentation/userspace-api/landlock.rst). */
#include "sandbox_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Of our own: headers are as old as the C library, the kernel need not be. */
struct ruleset_attr {
	uint64_t files, net, scoped;
};
struct path_beneath_attr {
	uint64_t allowed;
	int32_t folder;
} __attribute__((packed));

#define COUNT(array)       (sizeof(array) / sizeof((array)[0]))
#define RULE_PATH_BENEATH  1
#define RULESET_ABI        1u /* landlock_create_ruleset()'s flag: which one is there? */
#define EXECUTE            (1ULL << 0)
#define WRITE_FILE         (1ULL << 1)
#define READ_FILE          (1ULL << 2)
#define READ_DIR           (1ULL << 3)
#define REMOVE_FILE        (1ULL << 5)
#define MAKE_REG           (1ULL << 8)
#define TRUNCATE           (1ULL << 14)
#define IOCTL_DEV          (1ULL << 15)
#define OF_A_FILE          (EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV)
#define BIND_CONNECT_TCP   3ULL
#define SCOPE_UNIX_SIGNALS 3ULL

/* What each ABI handles: rights to files in its first 13, 14, 15 or 16 bits. */
static struct ruleset_attr handled(int abi)
{
	unsigned bits = abi >= 5 ? 16 : abi >= 3 ? 15 : abi == 2 ? 14 : 13;

	return (struct ruleset_attr){.files = (1ULL << bits) - 1,
		.net = abi >= 4 ? BIND_CONNECT_TCP : 0,
		.scoped = abi >= 6 ? SCOPE_UNIX_SIGNALS : 0};
}

int sandbox_landlock_abi(void)
{
	long abi = sandbox_syscall(SYS_landlock_create_ruleset, NULL, 0, RULESET_ABI);

	return abi > 0 ? (int)abi : 0;
}

static const uint64_t rights[] = {
	[SANDBOX_READ] = READ_FILE | READ_DIR,
	[SANDBOX_CHANGE] = READ_FILE | WRITE_FILE | IOCTL_DEV,
	[SANDBOX_PRODUCE] = WRITE_FILE | TRUNCATE | MAKE_REG | REMOVE_FILE,
	[SANDBOX_SCRATCH] = READ_FILE | WRITE_FILE | TRUNCATE | MAKE_REG | REMOVE_FILE,
};

/* For the timer thread. */
static const struct sandbox_file guests[] = {
	{"/dev/cpu_dma_latency", SANDBOX_CHANGE},
	{"/proc/sys/kernel/sched_rt_runtime_us", SANDBOX_READ},
	{"/proc/sys/kernel/sched_rt_period_us", SANDBOX_READ},
};

static const struct sandbox_file facts[] = {
	{"/dev/kvm", SANDBOX_CHANGE},
	{"/proc/self", SANDBOX_READ},
	{"/proc/meminfo", SANDBOX_READ},
	{"/proc/loadavg", SANDBOX_READ},
	{"/proc/stat", SANDBOX_READ},
	{"/sys/devices/system/cpu", SANDBOX_READ},
	{"/sys/devices/system/clocksource", SANDBOX_READ},
	{"/sys/kernel/debug/sched/preempt", SANDBOX_READ},
	{"/sys/kernel/mm/transparent_hugepage", SANDBOX_READ},
	{"/sys/module/kvm/parameters", SANDBOX_READ},
};

char *sandbox_target(const struct sandbox_file *file)
{
	char *path = strdup(file->path), *copy = path;
	struct stat st;

	if (path == NULL || file->use != SANDBOX_PRODUCE ||
		(lstat(path, &st) == 0 && !S_ISREG(st.st_mode)))
		return path;
	path = strdup(dirname(copy));
	free(copy);
	return path;
}

/* The descriptor stays open: /proc forgets a file that nobody holds, and the rule would be of one
 * that is there no more. What is missing is left to who wants to open it. */
static int allow(int ruleset, const struct sandbox_file *file, uint64_t possible)
{
	struct path_beneath_attr rule = {.allowed = rights[file->use] & possible};
	struct stat st;
	char *path;

	if (strcmp(file->path, "-") == 0)
		return 0;
	path = sandbox_target(file);
	if (path == NULL)
		return -ENOMEM;
	rule.folder = open(path, O_PATH | O_CLOEXEC);
	free(path);
	if (rule.folder < 0 || fstat(rule.folder, &st) < 0)
		return 0;
	if (!S_ISDIR(st.st_mode))
		rule.allowed &= OF_A_FILE;
	/* Pipes and the like are in no file system and no rule's business. */
	if (sandbox_syscall(SYS_landlock_add_rule, ruleset, RULE_PATH_BENEATH, &rule, 0) < 0 &&
		errno != EBADFD)
		return -errno;
	return 0;
}

static int allow_all(int ruleset, const struct sandbox_file *files, size_t n, uint64_t possible)
{
	int err = 0;

	for (size_t i = 0; i < n && err == 0; i++)
		err = allow(ruleset, &files[i], possible);
	return err;
}

int sandbox_landlock_enter(int abi, const struct sandbox_plan *plan)
{
	const struct ruleset_attr attr = handled(abi);
	int ruleset = (int)sandbox_syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);
	int err = ruleset < 0 ? -errno : 0;

	if (err == 0)
		err = allow_all(ruleset, plan->files, plan->n, attr.files);
	if (err == 0 && plan->guests)
		err = allow_all(ruleset, guests, COUNT(guests), attr.files);
	if (err == 0 && plan->facts)
		err = allow_all(ruleset, facts, COUNT(facts), attr.files);
	if (err == 0 && sandbox_syscall(SYS_landlock_restrict_self, ruleset, 0) < 0)
		err = -errno;
	if (ruleset >= 0)
		close(ruleset);
	return err;
}
