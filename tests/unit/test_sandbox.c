/* SPDX-License-Identifier: BSD-2-Clause */
/* The sandbox from inside: each test confines a process of its own, does there what is not allowed,
 * and reads how that ended. */
#include "../../src/vmm/sandbox_internal.h"
#include "../../src/vmm/thread.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/kvm.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define UNHARMED 7

static char folder[] = "/tmp/tickvm-sandbox-XXXXXX";
static char inside[64], outside[64];
static pid_t parent; /* of the process that is confined */
static struct diag diag;
static char said[1024]; /* on standard error */

static void setup(void)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	cr_skip_test("sanitizers make calls of their own: such a build has no filters");
#endif
	cr_assert_not_null(mkdtemp(folder));
	snprintf(inside, sizeof(inside), "%s/in", folder);
	snprintf(outside, sizeof(outside), "%s/out", folder);
	cr_assert_eq(mkdir(inside, 0700), 0);
	cr_assert_eq(mkdir(outside, 0700), 0);
}

static void teardown(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", folder);
	cr_expect_eq(system(command), 0);
}
TestSuite(sandbox, .init = setup, .fini = teardown);

static const char *path_in(const char *where, const char *name)
{
	static char path[4][128];
	static unsigned next;
	char *one = path[next++ % 4];

	snprintf(one, sizeof(path[0]), "%s/%s", where, name);
	return one;
}

static void write_file(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT, 0600);

	cr_assert_geq(fd, 0);
	cr_assert_eq(write(fd, "text", 4), 4);
	close(fd);
}

/* Runs body in a process; its exit status, or 128 and the signal that ended it. */
static int in_process(void (*body)(const void *arg), const void *arg)
{
	int fds[2], status;
	ssize_t n, all = 0;

	cr_assert_eq(pipe(fds), 0);
	parent = getpid();
	pid_t child = fork();

	if (child == 0) {
		dup2(fds[1], STDERR_FILENO);
		body(arg);
		_exit(UNHARMED);
	}
	close(fds[1]);
	while ((n = read(fds[0], said + all, sizeof(said) - 1 - (size_t)all)) > 0)
		all += n;
	said[all] = '\0';
	close(fds[0]);
	cr_assert_eq(waitpid(child, &status, 0), child);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void enter(const struct sandbox_plan *plan)
{
	if (sandbox_enter(plan, &diag) < 0 || diag.text[0] != '\0') {
		fprintf(stderr, "%s", diag.text);
		_exit(1);
	}
}

/* ---- what a thread has no need of ---- */

static void opens_a_file(void)
{
	open("/dev/null", O_RDONLY);
}

static void starts_a_program(void)
{
	execl("/bin/true", "true", NULL);
}

static void opens_a_socket(void)
{
	socket(AF_UNIX, SOCK_STREAM, 0);
}

static void asks_a_terminal(void)
{
	int n;

	ioctl(STDIN_FILENO, FIONREAD, &n);
}

static void makes_a_vm(void)
{
	ioctl(-1, KVM_CREATE_VM, 0);
}

static void makes_a_process(void)
{
	fork();
}

static void makes_code(void)
{
	(void)mmap(
		NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void asks_for_its_parents_limits(void)
{
	struct rlimit limit;

	prlimit(parent, RLIMIT_NOFILE, NULL, &limit);
}

/* Signal 0 does nothing, whomever it reaches. */
static void signals_its_parent(void)
{
	syscall(SYS_tgkill, parent, parent, 0);
}

static const struct misdeed {
	void (*commit)(void);
	const char *call;
} misdeeds[] = {
	{opens_a_file, "openat"},
	{starts_a_program, "execve"},
	{opens_a_socket, "socket"},
	{asks_a_terminal, "ioctl 0x541b"},
	{makes_a_vm, "ioctl 0xae01"},
	{makes_a_process, "clone"},
	{makes_code, "mmap"},
	{signals_its_parent, "tgkill"},
};
#define MISDEEDS (sizeof(misdeeds) / sizeof(misdeeds[0]))

struct attempt {
	enum sandbox_thread kind;
	const struct misdeed *misdeed;
};

static void *commit(void *misdeed)
{
	((const struct misdeed *)misdeed)->commit();
	return NULL;
}

static void run_thread(enum sandbox_thread kind, void *(*body)(void *), const void *arg)
{
	const struct thread_job job = {kind, 3, body, (void *)(uintptr_t)arg};
	pthread_t thread;

	if (thread_create(&thread, NULL, &job) != 0)
		_exit(1);
	pthread_join(thread, NULL);
}

static void attempt(const void *arg)
{
	const struct attempt *a = arg;

	enter(&(struct sandbox_plan){.guests = true});
	run_thread(a->kind, commit, a->misdeed);
}

Test(sandbox, each_kind_of_thread_is_stopped)
{
	for (unsigned kind = 0; kind < SANDBOX_THREADS; kind++)
		for (size_t i = 0; i < MISDEEDS; i++) {
			const struct attempt a = {kind, &misdeeds[i]};
			char expected[200];

			snprintf(expected, sizeof(expected),
				"tickvm: the sandbox stopped the thread %s%s: it has no need of "
				"%s\n",
				sandbox_thread_name(kind), kind == SANDBOX_VCPU ? "-3" : "",
				misdeeds[i].call);
			cr_expect_eq(in_process(attempt, &a), SANDBOX_STATUS, "%s", expected);
			cr_expect_str_eq(said, expected);
		}
}

static void attempt_in_main(const void *misdeed)
{
	enter(&(struct sandbox_plan){.guests = true});
	((const struct misdeed *)misdeed)->commit();
}

static void attempt_parked(const void *arg)
{
	const struct attempt *a = arg;

	enter(&(struct sandbox_plan){.guests = true, .vcpus = 5});
	run_thread(a->kind, commit, a->misdeed);
}

/* Threads that are there before the process has its filter. */
Test(sandbox, vcpus_that_wait_are_stopped_too)
{
	for (size_t i = 0; i < MISDEEDS; i++) {
		const struct attempt a = {SANDBOX_VCPU, &misdeeds[i]};

		cr_expect_eq(in_process(attempt_parked, &a), SANDBOX_STATUS, "%s", said);
		cr_expect(strstr(said, "the thread tickvm-vcpu-3: it has no need of ") &&
				  strstr(said, misdeeds[i].call),
			"%s: %s", misdeeds[i].call, said);
	}
}

Test(sandbox, main_is_stopped)
{
	static const struct misdeed main_misdeeds[] = {{starts_a_program, "execve"},
		{opens_a_socket, "socket"}, {asks_a_terminal, "ioctl 0x541b"},
		{makes_a_process, "clone"}, {makes_code, "mmap"}, {signals_its_parent, "tgkill"},
		{asks_for_its_parents_limits, "prlimit64"}};

	for (size_t i = 0; i < sizeof(main_misdeeds) / sizeof(main_misdeeds[0]); i++) {
		cr_expect_eq(in_process(attempt_in_main, &main_misdeeds[i]), SANDBOX_STATUS);
		cr_expect(strstr(said, "the thread main: it has no need of ") &&
				  strstr(said, main_misdeeds[i].call),
			"%s: %s", main_misdeeds[i].call, said);
	}
}

/* What the kernel would not do either, if it were asked. */
static void makes_a_thread_in_a_report(const void *arg)
{
	(void)arg;
	enter(&(struct sandbox_plan){.n = 0});
	syscall(SYS_clone, CLONE_THREAD, NULL, NULL, NULL, NULL);
}

Test(sandbox, report_has_one_thread)
{
	cr_expect_eq(in_process(makes_a_thread_in_a_report, NULL), SANDBOX_STATUS);
	cr_expect(strstr(said, "no need of clone"), "%s", said);
}

/* i386's number for getpid, by the gate that 64-bit processes have too. */
static void calls_as_i386(const void *arg)
{
	long result = 20;

	(void)arg;
	enter(&(struct sandbox_plan){.guests = true});
	__asm__ volatile("int $0x80" : "+a"(result) : : "memory", "r8", "r9", "r10", "r11");
	_exit(result == -ENOSYS ? UNHARMED : 1);
}

Test(sandbox, the_other_architecture_is_no_way_around)
{
	int status = in_process(calls_as_i386, NULL);

	/* a kernel without IA32 emulation has no such gate */
	if (status != 128 + SIGSEGV)
		cr_expect_eq(status, SANDBOX_STATUS);
	if (status == SANDBOX_STATUS)
		cr_expect(strstr(said, "system call 20 of another architecture"), "%s", said);
}

/* ---- what is allowed goes on ---- */

static void *works(void *arg)
{
	void *block = malloc(1 << 20);

	(void)arg;
	if (block == NULL || write(STDERR_FILENO, ".", 1) != 1)
		_exit(1);
	block = realloc(block, 4 << 20);
	memset(block, 1, 4 << 20);
	free(block);
	if (pthread_kill(pthread_self(), SIGURG) != 0) /* ignored */
		_exit(1);
	return NULL;
}

static void *runs_its_guest(void *arg)
{
	(void)arg;
	if (ioctl(-1, KVM_RUN, 0) != -1 || errno != EBADF)
		_exit(1);
	return NULL;
}

static void all_threads(const void *arg)
{
	(void)arg;
	enter(&(struct sandbox_plan){.guests = true});
	for (unsigned kind = 0; kind < SANDBOX_THREADS; kind++)
		run_thread(kind, works, NULL);
	run_thread(SANDBOX_VCPU, runs_its_guest, NULL);
	/* a ring is made before, or not */
	if (syscall(SYS_io_uring_setup, 8, NULL) != -1 || errno != EPERM)
		_exit(1);
}

Test(sandbox, each_kind_of_thread_works)
{
	cr_expect_eq(in_process(all_threads, NULL), UNHARMED, "%s", said);
	cr_expect_str_eq(said, ".......");
}

static void forks(const void *arg)
{
	int status = 0;

	(void)arg;
	enter(&(struct sandbox_plan){.guests = true, .forks = true});
	pid_t child = fork();

	if (child == 0)
		_exit(pthread_kill(pthread_self(), SIGURG) == 0 ? 3 : 1);
	if (waitpid(child, &status, 0) != child || WEXITSTATUS(status) != 3)
		_exit(1);
	execl("/bin/true", "true", NULL);
}

Test(sandbox, who_makes_processes_starts_no_programs)
{
	cr_expect_eq(in_process(forks, NULL), SANDBOX_STATUS);
	cr_expect(strstr(said, "execve"), "%s", said);
}

static void *reads_its_name(void *arg)
{
	(void)arg;
	char name[16] = "";

	pthread_getname_np(pthread_self(), name, sizeof(name));
	fprintf(stderr, "%s ", name);
	return NULL;
}

static void names(const void *arg)
{
	(void)arg;
	for (unsigned kind = 0; kind < SANDBOX_THREADS; kind++)
		run_thread(kind, reads_its_name, NULL);
}

Test(sandbox, threads_have_names_without_it_too)
{
	cr_expect_eq(in_process(names, NULL), UNHARMED);
	cr_expect_str_eq(said, "tickvm-vcpu-3 tickvm-timer tickvm-doorbell tickvm-disk "
			       "tickvm-irq-load tickvm-input tickvm-output ");
}

/* ---- files ---- */

static void need_landlock(int abi)
{
	if (sandbox_landlock_abi() < abi)
		cr_skip_test("this kernel's Landlock is %d, the test needs %d",
			sandbox_landlock_abi(), abi);
}

/* 0 or the errno of opening it. */
static int opens(const char *path, int flags)
{
	int fd = open(path, flags, 0600);

	if (fd < 0)
		return errno;
	close(fd);
	return 0;
}

#define EXPECT(condition) (void)((condition) || (fprintf(stderr, "%s\n", #condition), _exit(1), 0))

static void reads_and_writes(const void *arg)
{
	const struct sandbox_file files[] = {{path_in(outside, "read"), SANDBOX_READ},
		{path_in(outside, "disk"), SANDBOX_CHANGE},
		{path_in(inside, "result"), SANDBOX_PRODUCE}, {"/dev/stdout", SANDBOX_PRODUCE},
		{"-", SANDBOX_PRODUCE}, {path_in(outside, "missing"), SANDBOX_READ}};

	(void)arg;
	enter(&(struct sandbox_plan){.files = files, .n = 6});
	EXPECT(opens(files[0].path, O_RDONLY) == 0);
	EXPECT(opens(files[0].path, O_WRONLY) == EACCES);
	EXPECT(opens(files[1].path, O_RDWR) == 0);
	EXPECT(opens(files[2].path, O_WRONLY | O_CREAT) == 0);
	EXPECT(rename(files[2].path, path_in(inside, "renamed")) == 0);
	EXPECT(opens(files[5].path, O_RDONLY) == ENOENT);
	EXPECT(opens(path_in(outside, "other"), O_RDONLY) == EACCES);
	EXPECT(opens(path_in(outside, "new"), O_WRONLY | O_CREAT) == EACCES);
	EXPECT(unlink(path_in(outside, "other")) == -1 && errno == EACCES);
	EXPECT(rename(path_in(inside, "renamed"), path_in(outside, "moved")) == -1 &&
		(errno == EACCES || errno == EXDEV));
	EXPECT(opens("/etc/passwd", O_RDONLY) == EACCES);
	EXPECT(opens("/proc/self/maps", O_RDONLY) == EACCES);
	EXPECT(opens("/dev/kvm", O_RDWR) == EACCES || access("/dev/kvm", F_OK) < 0);
}

Test(sandbox, files_that_were_named_and_no_others)
{
	need_landlock(1);
	write_file(path_in(outside, "read"));
	write_file(path_in(outside, "disk"));
	write_file(path_in(outside, "other"));
	cr_expect_eq(in_process(reads_and_writes, NULL), UNHARMED, "%s", said);
}

static void makes_scratch_files(const void *arg)
{
	const struct sandbox_file files[] = {{inside, SANDBOX_SCRATCH}};
	const char *path = path_in(inside, "scratch");
	char self[32];

	(void)arg;
	enter(&(struct sandbox_plan){.files = files, .n = 1, .guests = true, .facts = true});
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL, 0600);

	EXPECT(fd >= 0 && unlink(path) == 0);
	/* a file without a name, as the monitor's disk opens it again */
	snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	EXPECT(opens(self, O_RDWR) == 0);
	EXPECT(opens(path_in(outside, "x"), O_RDWR | O_CREAT) == EACCES);
	EXPECT(opens("/proc/self/maps", O_RDONLY) == 0);
	EXPECT(opens("/proc/meminfo", O_RDONLY) == 0);
	EXPECT(opens("/proc/self/maps", O_RDWR) == EACCES);
	EXPECT(opens("/proc/1/maps", O_RDONLY) == EACCES);
}

Test(sandbox, scratch_files_and_the_hosts_facts)
{
	need_landlock(1);
	cr_expect_eq(in_process(makes_scratch_files, NULL), UNHARMED, "%s", said);
}

static void truncates(const void *arg)
{
	const struct sandbox_file files[] = {{path_in(outside, "disk"), SANDBOX_CHANGE}};

	(void)arg;
	enter(&(struct sandbox_plan){.files = files, .n = 1});
	EXPECT(opens(files[0].path, O_RDWR | O_TRUNC) == EACCES);
}

Test(sandbox, a_disk_is_not_truncated)
{
	need_landlock(3);
	write_file(path_in(outside, "disk"));
	cr_expect_eq(in_process(truncates, NULL), UNHARMED, "%s", said);
}

/* ---- rights ---- */

static long without_seccomp(long number, ...)
{
	va_list args;
	long a[4];

	va_start(args, number);
	for (unsigned i = 0; i < 4; i++)
		a[i] = va_arg(args, long);
	va_end(args);
	if (number == SYS_seccomp) {
		errno = EINVAL;
		return -1;
	}
	return syscall(number, a[0], a[1], a[2], a[3]);
}

static long without_both(long number, ...)
{
	(void)number;
	errno = ENOSYS;
	return -1;
}

static uint64_t effective(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &header, data) < 0)
		_exit(1);
	if (data[0].effective != data[0].permitted || data[0].inheritable != 0)
		_exit(2);
	return data[0].effective | (uint64_t)data[1].effective << 32;
}

static void looks_at_itself(const void *arg)
{
	const uint64_t kept = 1ULL << CAP_SYS_NICE | 1ULL << CAP_IPC_LOCK;
	bool root = geteuid() == 0;

	(void)arg;
	sandbox_syscall = without_seccomp;
	EXPECT(sandbox_enter(&(struct sandbox_plan){.guests = true}, &diag) == 0);
	EXPECT((effective() & ~kept) == 0);
	for (int i = 0; i <= CAP_LAST_CAP && root; i++)
		EXPECT(prctl(PR_CAPBSET_READ, i, 0, 0, 0) == (int)(kept >> i & 1));
	EXPECT(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
	EXPECT(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0);
	fprintf(stderr, "%s", diag.text);
}

Test(sandbox, rights_are_dropped_but_two)
{
	cr_expect_eq(in_process(looks_at_itself, NULL), UNHARMED, "%s", said);
	cr_expect(strstr(said, "no seccomp filters"), "%s", said);
}

static void kept_for(const void *arg)
{
	const struct sandbox_file files[] = {{arg, SANDBOX_READ}};

	sandbox_syscall = without_seccomp;
	EXPECT(sandbox_enter(&(struct sandbox_plan){.files = files, .n = 1}, &diag) == 0);
	EXPECT(opens(arg, O_RDONLY) == 0);
	EXPECT(!(effective() & 1ULL << CAP_DAC_READ_SEARCH));
	_exit((int)(effective() >> CAP_DAC_OVERRIDE & 1));
}

/* sudo tickvm report with a file of one's own that nobody else may read. */
Test(sandbox, root_may_still_read_what_it_named)
{
	const char *path = path_in(inside, "own");

	need_landlock(1);
	if (geteuid() != 0)
		cr_skip_test("not root");
	write_file(path);
	cr_expect_eq(in_process(kept_for, path), 0, "%s", said);
	cr_assert_eq(chown(path, 65534, 65534), 0);
	cr_expect_eq(in_process(kept_for, path), 1, "%s", said);
}

static void aborts(const void *arg)
{
	(void)arg;
	enter(&(struct sandbox_plan){.guests = true});
	raise(SIGSEGV);
}

Test(sandbox, no_core_is_dumped)
{
	int status;
	pid_t child = fork();

	if (child == 0)
		aborts(NULL);
	cr_assert_eq(waitpid(child, &status, 0), child);
	cr_expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
	cr_expect_not(WCOREDUMP(status));
}

/* ---- kernels that have less ---- */

static void goes_without(const void *arg)
{
	(void)arg;
	sandbox_syscall = without_both;
	EXPECT(sandbox_enter(&(struct sandbox_plan){.guests = true}, &diag) == 0);
	EXPECT(sandbox_state().on && sandbox_state().landlock_abi == 0 && !sandbox_state().seccomp);
	EXPECT(opens("/etc/passwd", O_RDONLY) == 0);
	run_thread(SANDBOX_VCPU, commit, &misdeeds[0]);
	fprintf(stderr, "%s", diag.text);
}

Test(sandbox, a_kernel_without_both_goes_without)
{
	cr_expect_eq(in_process(goes_without, NULL), UNHARMED, "%s", said);
	cr_expect_str_eq(said, "this kernel has no Landlock and no seccomp filters: the sandbox "
			       "goes without");
}
