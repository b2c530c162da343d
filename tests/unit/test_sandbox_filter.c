/* SPDX-License-Identifier: BSD-2-Clause */
/* The sandbox's table of calls and the filters made of it, run here as the kernel would: each
 * number, with arguments that the table knows and with others. */
#include "../../src/vmm/sandbox_internal.h"

#include <criterion/criterion.h>
#include <linux/audit.h>
#include <linux/kvm.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#define NUMBERS 600

static struct sandbox_call calls[SANDBOX_CALLS_MAX];
static size_t n_calls;
static struct sock_filter code[SANDBOX_CODE_MAX];
static size_t length;

static void build(unsigned kind)
{
	n_calls = sandbox_calls(kind, calls);
	length = sandbox_filter_build(calls, n_calls, code);
	cr_assert_gt(length, 0, "kind %u", kind);
}

/* linux/bpf.h's classic half, as far as filters use it. steps: instructions that ran. */
static uint32_t run(const struct seccomp_data *data, unsigned *steps)
{
	const struct sock_filter *at = code + SANDBOX_CODE_MAX - length;
	uint32_t a = 0;

	for (*steps = 1;; at++, ++*steps) {
		bool yes = false;

		cr_assert_lt(at, code + SANDBOX_CODE_MAX, "ran past the end");
		switch (at->code) {
		case BPF_RET | BPF_K:
			return at->k;
		case BPF_LD | BPF_W | BPF_ABS:
			cr_assert_leq(at->k, sizeof(*data) - sizeof(a));
			memcpy(&a, (const char *)data + at->k, sizeof(a));
			continue;
		case BPF_JMP | BPF_JEQ | BPF_K:
			yes = a == at->k;
			break;
		case BPF_JMP | BPF_JGE | BPF_K:
			yes = a >= at->k;
			break;
		case BPF_JMP | BPF_JSET | BPF_K:
			yes = (a & at->k) != 0;
			break;
		default:
			cr_assert_fail("instruction %#x", at->code);
		}
		at += yes ? at->jt : at->jf;
	}
}

static bool passes(const struct sandbox_call *call, const struct seccomp_data *data)
{
	uint32_t value = (uint32_t)data->args[call->argument];

	switch (call->test) {
	case SANDBOX_IS:
		return value == call->value;
	case SANDBOX_HAS:
		return (value & call->value) != 0;
	case SANDBOX_LACKS:
		return (value & call->value) == 0;
	default:
		return true;
	}
}

/* What the table says, entry by entry. */
static uint32_t expected(const struct seccomp_data *data)
{
	for (size_t i = 0; i < n_calls; i++)
		if (calls[i].number == data->nr && passes(&calls[i], data))
			return calls[i].test == SANDBOX_ERROR ? SECCOMP_RET_ERRNO | calls[i].value
							      : SECCOMP_RET_ALLOW;
	return SECCOMP_RET_TRAP;
}

static void try_number(unsigned kind, int number, uint32_t value)
{
	struct seccomp_data data = {.nr = number, .arch = AUDIT_ARCH_X86_64};
	unsigned steps;

	for (unsigned i = 0; i < 6; i++)
		data.args[i] = value;
	uint32_t said = run(&data, &steps);

	cr_expect_eq(
		said, expected(&data), "kind %u, call %d, %#x: %#x", kind, number, value, said);
}

Test(sandbox_filter, says_what_the_table_says)
{
	for (unsigned kind = 0; kind < SANDBOX_KINDS; kind++) {
		build(kind);
		for (int number = 0; number < NUMBERS; number++) {
			try_number(kind, number, 0);
			try_number(kind, number, ~0U);
			for (size_t i = 0; i < n_calls; i++)
				if (calls[i].number == number)
					try_number(kind, number, calls[i].value);
		}
	}
}

/* x86-64 tells three sets of numbers apart: its own, i386's and x32's. */
Test(sandbox_filter, refuses_other_architectures)
{
	unsigned steps;

	for (unsigned kind = 0; kind < SANDBOX_KINDS; kind++) {
		build(kind);
		for (int number = 0; number < NUMBERS; number++) {
			struct seccomp_data data = {.nr = number, .arch = AUDIT_ARCH_I386};

			cr_expect_eq(run(&data, &steps), SECCOMP_RET_TRAP, "%d", number);
			data.arch = AUDIT_ARCH_X86_64;
			data.nr |= 0x40000000;
			cr_expect_eq(run(&data, &steps), SECCOMP_RET_TRAP, "x32 %d", number);
		}
	}
}

/* It is made at each exit, through two filters. */
Test(sandbox_filter, the_way_to_kvm_run_is_short)
{
	static const unsigned kinds[] = {SANDBOX_VCPU, SANDBOX_PROCESS, SANDBOX_FORKING};
	struct seccomp_data data = {
		.nr = SYS_ioctl, .arch = AUDIT_ARCH_X86_64, .args = {5, KVM_RUN}};
	unsigned steps;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		build(kinds[i]);
		cr_expect_eq(run(&data, &steps), SECCOMP_RET_ALLOW);
		cr_expect_eq(steps, 7, "%u instructions", steps);
	}
}

/* Filters add up: what a thread may do, the process must be allowed to. */
Test(sandbox_filter, the_process_may_what_its_threads_may)
{
	struct sandbox_call thread[SANDBOX_CALLS_MAX];

	for (unsigned kind = 0; kind < SANDBOX_THREADS; kind++) {
		size_t n = sandbox_calls(kind, thread);

		build(SANDBOX_PROCESS);
		for (size_t i = 0; i < n; i++) {
			struct seccomp_data data = {
				.nr = thread[i].number, .arch = AUDIT_ARCH_X86_64};
			unsigned steps;

			if (thread[i].test == SANDBOX_IS)
				data.args[thread[i].argument] = thread[i].value;
			cr_expect_eq(run(&data, &steps), SECCOMP_RET_ALLOW, "%s, %s",
				sandbox_thread_name(kind), syscall_name(thread[i].number));
		}
	}
}

static bool may(unsigned kind, int number)
{
	n_calls = sandbox_calls(kind, calls);
	for (size_t i = 0; i < n_calls; i++)
		if (calls[i].number == number && calls[i].test != SANDBOX_ERROR)
			return true;
	return false;
}

/* The table's first line of defence, so that a row too much is seen. */
Test(sandbox_filter, nobody_may_what_leads_out)
{
	static const int never[] = {SYS_execve, SYS_execveat, SYS_socket, SYS_socketpair,
		SYS_connect, SYS_io_uring_setup, SYS_ptrace, SYS_process_vm_writev, SYS_mount,
		SYS_bpf, SYS_clone3, SYS_fork, SYS_vfork, SYS_setuid, SYS_capset, SYS_open,
		SYS_keyctl, SYS_userfaultfd};
	static const int main_only[] = {SYS_openat, SYS_unlink, SYS_rename, SYS_clone, SYS_seccomp,
		SYS_rt_sigaction, SYS_sched_setscheduler};

	for (unsigned kind = 0; kind < SANDBOX_KINDS; kind++)
		for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++)
			cr_expect_not(
				may(kind, never[i]), "kind %u: %s", kind, syscall_name(never[i]));
	for (unsigned kind = 0; kind < SANDBOX_THREADS; kind++)
		for (size_t i = 0; i < sizeof(main_only) / sizeof(main_only[0]); i++)
			cr_expect_not(may(kind, main_only[i]), "%s: %s", sandbox_thread_name(kind),
				syscall_name(main_only[i]));
	cr_expect_not(may(SANDBOX_FILES, SYS_clone), "report starts a thread");
}

/* Who has the numbers from elsewhere is libseccomp. */
Test(sandbox_filter, names_are_libseccomps)
{
	unsigned known = 0;

	for (int number = 0; number < NUMBERS; number++) {
		char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_X86_64, number);

		if (name != NULL) {
			cr_expect_str_eq(syscall_name(number), name);
			known++;
		}
		free(name);
	}
	cr_expect_gt(known, 350);
	cr_expect_null(syscall_name(-1));
	cr_expect_null(syscall_name(335 + 40));
	cr_expect_null(syscall_name(NUMBERS));
}
