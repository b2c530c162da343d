/* SPDX-License-Identifier: BSD-2-Clause */
/* The table: which system calls and ioctls each kind of thread may make, most frequent first.
 * What may open files, make threads or set filters is main's alone. */
#include "sandbox_internal.h"

#include <errno.h>
#include <linux/fs.h>
#include <linux/io_uring.h>
#include <linux/kvm.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>

#define CALL(name)                                                                                 \
	{                                                                                          \
		.number = SYS_##name, .test = SANDBOX_ANY                                          \
	}
#define IOCTL(request)                                                                             \
	{                                                                                          \
		SYS_ioctl, SANDBOX_IS, 1, (uint32_t)(request)                                      \
	}
#define IS(name, n, what)                                                                          \
	{                                                                                          \
		SYS_##name, SANDBOX_IS, n, what                                                    \
	}
#define SELF(name, n)                                                                              \
	{                                                                                          \
		SYS_##name, SANDBOX_SELF, n, 0                                                     \
	}
#define HAS(name, n, bits)                                                                         \
	{                                                                                          \
		SYS_##name, SANDBOX_HAS, n, bits                                                   \
	}
#define LACKS(name, n, bits)                                                                       \
	{                                                                                          \
		SYS_##name, SANDBOX_LACKS, n, bits                                                 \
	}
#define ERROR(name, errno_is)                                                                      \
	{                                                                                          \
		SYS_##name, SANDBOX_ERROR, 0, errno_is                                             \
	}

#define NAMESPACES                                                                                 \
	(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER |             \
		CLONE_NEWPID | CLONE_NEWNET)

/* The tables are read down, a few calls a line. */
/* clang-format off */

/* Locks, memory, an orderly end, and the words said before another one. */
static const struct sandbox_call every_thread[] = {
	CALL(futex), CALL(write), CALL(writev), CALL(clock_gettime), CALL(rt_sigprocmask), CALL(rt_sigreturn),
	CALL(restart_syscall), LACKS(mmap, 2, PROT_EXEC), LACKS(mprotect, 2, PROT_EXEC),
	CALL(munmap), CALL(mremap), CALL(madvise), CALL(brk), CALL(gettid), CALL(getpid),
	SELF(tgkill, 0), CALL(exit), CALL(exit_group), IOCTL(TCSETS), IOCTL(TIOCGPGRP),
	CALL(getpgrp), /* out of raw mode, where the terminal is ours */
};

/* Where the interrupt controllers are KVM's, any device's thread raises lines in KVM. */
#define INTERRUPTS IOCTL(KVM_SIGNAL_MSI), IOCTL(KVM_IRQ_LINE)

static const struct sandbox_call vcpu[] = {
	IOCTL(KVM_RUN), INTERRUPTS, IOCTL(KVM_INTERRUPT), IOCTL(KVM_NMI), IOCTL(KVM_SMI),
	IOCTL(KVM_SET_GSI_ROUTING),
	/* INIT and SIPI of --irqchip user; the report of a crash */
	IOCTL(KVM_GET_REGS), IOCTL(KVM_SET_REGS), IOCTL(KVM_GET_SREGS), IOCTL(KVM_SET_SREGS),
	IOCTL(KVM_SET_DEBUGREGS), IOCTL(KVM_SET_MSRS), IOCTL(KVM_SET_VCPU_EVENTS), IOCTL(KVM_TRANSLATE),
	CALL(pread64), /* KVM's counters, at a signal of the guest's */
};

static const struct sandbox_call timer[] = {
	INTERRUPTS, CALL(mlock), CALL(munlock), CALL(sched_getaffinity),
	IS(prctl, 0, PR_SET_TIMERSLACK),
};

static const struct sandbox_call doorbell[] = {INTERRUPTS, CALL(read), CALL(clock_nanosleep)};

static const struct sandbox_call disk[] = {
	INTERRUPTS, CALL(io_uring_enter), IS(io_uring_register, 1, IORING_REGISTER_ENABLE_RINGS),
	CALL(read), CALL(pread64), CALL(preadv), CALL(pwrite64), CALL(pwritev), CALL(pwritev2), CALL(fdatasync),
	CALL(fstat), CALL(newfstatat),
};

static const struct sandbox_call irq_load[] = {
	INTERRUPTS, CALL(clock_nanosleep), IS(prctl, 0, PR_SET_TIMERSLACK),
};

static const struct sandbox_call input[] = {
	INTERRUPTS, CALL(poll), CALL(read), IS(kill, 1, SIGCONT), /* main sees to raw mode */
};

static const struct sandbox_call output[] = {CALL(poll)};

/* A command that reads files and writes one: report, merge. */
static const struct sandbox_call files[] = {
	CALL(openat), CALL(close), CALL(read), CALL(lseek), CALL(fstat), CALL(newfstatat),
	CALL(stat), CALL(lstat), CALL(statx), CALL(access), CALL(faccessat), CALL(faccessat2),
	CALL(readlink), CALL(fcntl), CALL(fsync), CALL(rename), CALL(renameat), CALL(unlink),
	CALL(unlinkat), CALL(openat2), CALL(rt_sigaction), CALL(getrandom), CALL(sysinfo),
	CALL(uname), IS(prlimit64, 0, 0), /* of its own */
	IOCTL(TCGETS), IOCTL(TIOCGWINSZ),
};

/* main and whom it trusts: a VM's making and its threads', the terminal, the host's facts, and in
 * experiments what they run beside guests. */
static const struct sandbox_call process[] = {
	HAS(clone, 0, CLONE_THREAD), ERROR(clone3, ENOSYS), /* its flags cannot be looked at */
	CALL(set_robust_list), CALL(rseq), CALL(rt_sigaction), CALL(sigaltstack),
	IS(seccomp, 0, SECCOMP_SET_MODE_FILTER), IS(prctl, 0, PR_SET_NAME),
	IS(prctl, 0, PR_SET_TIMERSLACK), CALL(sched_getaffinity), CALL(sched_setaffinity),
	CALL(sched_getparam), CALL(sched_setparam), CALL(sched_getscheduler),
	CALL(sched_setscheduler), CALL(sched_get_priority_min), CALL(sched_get_priority_max),
	CALL(sched_yield), CALL(clock_nanosleep), CALL(getcpu), CALL(getrusage), CALL(getppid),
	CALL(getpgrp), CALL(eventfd2), CALL(poll), CALL(getdents64), CALL(mlock), CALL(mlock2),
	CALL(munlock), CALL(mincore),
	/* disks: the monitor's, an experiment's, and scratch files */
	CALL(pread64), CALL(preadv), CALL(pwrite64), CALL(pwritev), CALL(fdatasync),
	CALL(fallocate), CALL(statfs), CALL(fstatfs), CALL(ftruncate),
	ERROR(io_uring_setup, EPERM), /* a ring of one's own would be a way around all of this */
	ERROR(ioperm, EPERM), IOCTL(BLKGETSIZE64), IOCTL(BLKSSZGET),
	/* the terminal */
	IOCTL(TCSETSW), IOCTL(TCSETSF), IOCTL(TIOCGPGRP),
	/* KVM */
	IOCTL(KVM_GET_API_VERSION), IOCTL(KVM_CHECK_EXTENSION), IOCTL(KVM_GET_VCPU_MMAP_SIZE),
	IOCTL(KVM_GET_SUPPORTED_CPUID), IOCTL(KVM_CREATE_VM), IOCTL(KVM_GET_TSC_KHZ),
	IOCTL(KVM_ENABLE_CAP), IOCTL(KVM_SET_IDENTITY_MAP_ADDR), IOCTL(KVM_SET_TSS_ADDR),
	IOCTL(KVM_SET_USER_MEMORY_REGION), IOCTL(KVM_X86_SET_MSR_FILTER),
	IOCTL(KVM_CREATE_IRQCHIP), IOCTL(KVM_GET_IRQCHIP), IOCTL(KVM_SET_IRQCHIP), IOCTL(KVM_CREATE_PIT2), IOCTL(KVM_IOEVENTFD),
	IOCTL(KVM_CREATE_VCPU), IOCTL(KVM_SET_CPUID2), IOCTL(KVM_GET_CPUID2), IOCTL(KVM_SET_DEVICE_ATTR),
	IOCTL(KVM_SET_MSRS), IOCTL(KVM_GET_STATS_FD),
};

static const struct sandbox_call forking[] = {
	LACKS(clone, 0, NAMESPACES), CALL(wait4), CALL(kill), CALL(pipe2),
	IS(prctl, 0, PR_SET_PDEATHSIG),
};

/* clang-format on */

struct row {
	const char *name; /* of a thread */
	const struct sandbox_call *calls;
	size_t n;
};
#define ROW(array) array, sizeof(array) / sizeof((array)[0])

static const struct row threads[] = {
	[SANDBOX_VCPU] = {"tickvm-vcpu", ROW(vcpu)},
	[SANDBOX_TIMER] = {"tickvm-timer", ROW(timer)},
	[SANDBOX_DOORBELL] = {"tickvm-doorbell", ROW(doorbell)},
	[SANDBOX_DISK] = {"tickvm-disk", ROW(disk)},
	[SANDBOX_IRQ_LOAD] = {"tickvm-irq-load", ROW(irq_load)},
	[SANDBOX_INPUT] = {"tickvm-input", ROW(input)},
	[SANDBOX_OUTPUT] = {"tickvm-output", ROW(output)},
};
_Static_assert(sizeof(threads) / sizeof(threads[0]) == SANDBOX_THREADS, "one row each");

static const struct row every_row = {NULL, ROW(every_thread)};
static const struct row files_row = {NULL, ROW(files)};
static const struct row process_row = {NULL, ROW(process)};
static const struct row forking_row = {NULL, ROW(forking)};

const char *sandbox_thread_name(enum sandbox_thread kind)
{
	return threads[kind].name;
}

static bool same(const struct sandbox_call *a, const struct sandbox_call *b)
{
	return a->number == b->number && a->test == b->test && a->argument == b->argument &&
	       a->value == b->value;
}

static size_t add(struct sandbox_call *calls, size_t n, const struct sandbox_call *call)
{
	size_t at = n;

	while (at > 0 && calls[at - 1].number > call->number)
		at--;
	for (size_t i = at; i > 0 && calls[i - 1].number == call->number; i--)
		if (same(&calls[i - 1], call))
			return n;
	memmove(&calls[at + 1], &calls[at], (n - at) * sizeof(*calls));
	calls[at] = *call;
	return n + 1;
}

/* Those that a process makes have its filter, and IDs of their own. */
static struct sandbox_call resolved(struct sandbox_call call, unsigned kind)
{
	if (call.test != SANDBOX_SELF)
		return call;
	call.test = kind == SANDBOX_FORKING ? SANDBOX_ANY : SANDBOX_IS;
	call.value = call.test == SANDBOX_IS ? (uint32_t)getpid() : 0;
	return call;
}

static size_t add_row(struct sandbox_call *calls, size_t n, const struct row *row, unsigned kind)
{
	for (size_t i = 0; i < row->n; i++) {
		const struct sandbox_call call = resolved(row->calls[i], kind);

		n = add(calls, n, &call);
	}
	return n;
}

size_t sandbox_calls(unsigned kind, struct sandbox_call calls[SANDBOX_CALLS_MAX])
{
	size_t n = 0;

	if (kind < SANDBOX_THREADS)
		return add_row(calls, add_row(calls, n, &threads[kind], kind), &every_row, kind);
	if (kind != SANDBOX_FILES)
		for (unsigned i = 0; i < SANDBOX_THREADS; i++)
			n = add_row(calls, n, &threads[i], kind);
	n = add_row(calls, n, &every_row, kind);
	n = add_row(calls, n, &files_row, kind);
	if (kind != SANDBOX_FILES)
		n = add_row(calls, n, &process_row, kind);
	if (kind == SANDBOX_FORKING)
		n = add_row(calls, n, &forking_row, kind);
	return n;
}
