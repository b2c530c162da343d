/* SPDX-License-Identifier: BSD-2-Clause */
/* Puts the process into its sandbox in the one order that works: memory that nobody may dump,
 * files, rights, system calls. What may be opened and called stands elsewhere. */
#include "sandbox_internal.h"

#include "thread.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

long (*sandbox_syscall)(long number, ...) = syscall;

/* A sanitizer's runtime opens, traces and clones as it likes: its builds go without Landlock and
 * filters. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
static const bool sanitized = true;
#else
static const bool sanitized = false;
#endif

static struct sandbox_state state;

struct sandbox_state sandbox_state(void)
{
	return state;
}

/* ---- rights ---- */

#define BIT(capability) (1ULL << (capability))
#define KEPT            (BIT(CAP_SYS_NICE) | BIT(CAP_IPC_LOCK))

/* capset(2) in two halves of 32: permitted and effective, nothing to inherit. */
static int set_capabilities(uint64_t permitted, uint64_t effective)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	const struct __user_cap_data_struct data[2] = {
		{.permitted = (uint32_t)permitted, .effective = (uint32_t)effective},
		{.permitted = (uint32_t)(permitted >> 32),
			.effective = (uint32_t)(effective >> 32)}};

	return syscall(SYS_capset, &header, data) < 0 ? -errno : 0;
}

static uint64_t permitted_capabilities(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {{.permitted = 0}};

	return syscall(SYS_capget, &header, data) < 0
		       ? 0
		       : data[0].permitted | (uint64_t)data[1].permitted << 32;
}

/* Whether the file's own permissions let this user have it. */
static bool is_permitted(const struct sandbox_file *file)
{
	int mode = file->use == SANDBOX_READ ? R_OK : W_OK;
	char *path = strcmp(file->path, "-") != 0 ? sandbox_target(file) : NULL;
	bool denied =
		path != NULL && faccessat(AT_FDCWD, path, mode, AT_EACCESS) < 0 && errno == EACCES;

	free(path);
	return !denied;
}

/* Root's way past permissions remains where it is needed for a file that was named, and only
 * behind Landlock, where it reaches no other. */
static uint64_t capabilities_to_keep(const struct sandbox_plan *plan)
{
	for (size_t i = 0; i < plan->n && state.landlock_abi > 0; i++)
		if (!is_permitted(&plan->files[i]))
			return KEPT | BIT(CAP_DAC_OVERRIDE);
	return KEPT;
}

static int drop_capabilities(const struct sandbox_plan *plan)
{
	uint64_t had = permitted_capabilities(), kept;
	int err = set_capabilities(had, had & KEPT);

	if (err < 0)
		return err;
	kept = had & capabilities_to_keep(plan);
	/* Who may not drop them from the bounding set has none that they bound. */
	set_capabilities(had, had);
	for (unsigned i = 0; i < 64; i++)
		if (!(kept & BIT(i)) && prctl(PR_CAPBSET_DROP, i, 0, 0, 0) < 0)
			break; /* or there is none of that number */
	return set_capabilities(kept, kept);
}

/* ---- the process ---- */

/* A core would have the guest's memory and ours; a handler of cores does not ask for the limit. */
static int forbid_dumps(void)
{
	const struct rlimit none = {.rlim_cur = 0, .rlim_max = 0};

	return setrlimit(RLIMIT_CORE, &none) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 ? -errno
											   : 0;
}

static bool is_missing(int err)
{
	return err == -ENOSYS || err == -EINVAL || err == -EPERM;
}

static int enter_landlock(const struct sandbox_plan *plan)
{
	state.landlock_abi = sanitized ? 0 : sandbox_landlock_abi();
	return state.landlock_abi > 0 ? sandbox_landlock_enter(state.landlock_abi, plan) : 0;
}

static bool has_filters(void)
{
	const uint32_t trap = SECCOMP_RET_TRAP;

	return sandbox_syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &trap) == 0;
}

static int install_filter(const struct sandbox_plan *plan)
{
	return sandbox_filter_install(!plan->guests ? SANDBOX_FILES
				      : plan->forks ? SANDBOX_FORKING
						    : SANDBOX_PROCESS);
}

/* Before main looks into anything: those that are there already are as confined as they will be. */
static int enter_seccomp(const struct sandbox_plan *plan)
{
	int err;

	if (sanitized)
		return 0;
	sandbox_violation_catch();
	state.seccomp = has_filters();
	err = state.seccomp ? thread_park_vcpus(plan->vcpus) : 0;
	if (err == 0)
		err = install_filter(plan);
	state.seccomp = err == 0;
	return is_missing(err) ? 0 : err;
}

static void say_missing(struct diag *diag)
{
	diag->text[0] = '\0';
	if ((state.landlock_abi == 0 || !state.seccomp) && !sanitized)
		diag_set(diag, 0, "this kernel has no %s: the sandbox goes without",
			state.seccomp             ? "Landlock"
			: state.landlock_abi != 0 ? "seccomp filters"
						  : "Landlock and no seccomp filters");
}

int sandbox_enter(const struct sandbox_plan *plan, struct diag *diag)
{
	int err = forbid_dumps();

	/* Of the C library's own wishes too: an arena of a thread's looks into /proc. */
	mallopt(M_ARENA_MAX, 1);
	state = (struct sandbox_state){.on = true};
	if (err == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		err = -errno;
	if (err == 0)
		err = enter_landlock(plan);
	if (err == 0)
		err = drop_capabilities(plan);
	if (err == 0)
		err = enter_seccomp(plan);
	if (err < 0)
		return diag_set(diag, err,
			"cannot confine this process: %s; --sandbox off runs it as it is",
			strerror(-err));
	say_missing(diag);
	return 0;
}

/* ---- its threads ---- */

void sandbox_thread(enum sandbox_thread kind, unsigned number)
{
	char name[16];
	int err;

	if (kind == SANDBOX_VCPU)
		snprintf(name, sizeof(name), "%s-%u", sandbox_thread_name(kind), number);
	else
		snprintf(name, sizeof(name), "%s", sandbox_thread_name(kind));
	pthread_setname_np(pthread_self(), name);
	if (!state.on)
		return;
	sandbox_violation_name(name);
	err = state.seccomp ? sandbox_filter_install(kind) : 0;
	if (err < 0)
		sandbox_violation_end(strerror(-err));
}
