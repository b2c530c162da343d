/* SPDX-License-Identifier: BSD-2-Clause */
/* A list of calls as a seccomp filter, written as classic BPF and not by a library's hand: it is
 * made and loaded in a fraction of the time that a start may cost, and the way to KVM_RUN is six
 * instructions (seccomp(2), BPF's jumps lead forwards only, by at most 255). */
#include "sandbox_internal.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/syscall.h>

#define JUMP_MAX 255
#define CHAIN    5

/* Written from its end to its beginning, so that each jump's target is there before the jump. */
struct program {
	struct sock_filter *code;
	unsigned at; /* of the instruction written last */
	unsigned allow, refuse;
	bool failed;
};

static unsigned put(
	struct program *p, uint16_t code, uint32_t k, unsigned if_true, unsigned if_false)
{
	unsigned next = p->at, yes = if_true - next, no = if_false - next;

	if (p->at == 0 || yes > JUMP_MAX || no > JUMP_MAX) {
		p->failed = true;
		return p->at;
	}
	p->code[--p->at] = (struct sock_filter){code, (uint8_t)yes, (uint8_t)no, k};
	return p->at;
}

static unsigned put_return(struct program *p, uint32_t action)
{
	return put(p, BPF_RET | BPF_K, action, p->at, p->at);
}

static unsigned put_load(struct program *p, size_t offset)
{
	return put(p, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset, p->at, p->at);
}

static void put_ends(struct program *p)
{
	p->refuse = put_return(p, SECCOMP_RET_TRAP);
	p->allow = put_return(p, SECCOMP_RET_ALLOW);
}

/* The ends of all ways are written again before the last ones are too far for n more tests. */
static void keep_ends_near(struct program *p, size_t n)
{
	if (p->refuse - p->at + n > JUMP_MAX - 8)
		put_ends(p);
}

static unsigned put_test(struct program *p, const struct sandbox_call *call, unsigned otherwise)
{
	switch (call->test) {
	case SANDBOX_IS:
		return put(p, BPF_JMP | BPF_JEQ | BPF_K, call->value, p->allow, otherwise);
	case SANDBOX_HAS:
		return put(p, BPF_JMP | BPF_JSET | BPF_K, call->value, p->allow, otherwise);
	default:
		return put(p, BPF_JMP | BPF_JSET | BPF_K, call->value, otherwise, p->allow);
	}
}

/* What becomes of one number, of which there are n entries; the instruction to jump to. The upper
 * halves of arguments are not looked at: those tested are ints, or sets of flags in the lower half.
 */
static unsigned put_number(struct program *p, const struct sandbox_call *calls, size_t n)
{
	unsigned to;

	keep_ends_near(p, n);
	to = p->refuse;
	if (calls->test == SANDBOX_ANY)
		return p->allow;
	if (calls->test == SANDBOX_ERROR)
		return put_return(p, SECCOMP_RET_ERRNO | calls->value);
	for (size_t i = n; i-- > 0;)
		to = put_test(p, &calls[i], to);
	return put_load(p, offsetof(struct seccomp_data, args[calls->argument]));
}

/* How many of the entries at calls have the first one's number. */
static size_t same_number(const struct sandbox_call *calls, size_t n)
{
	size_t i = 0;

	while (i < n && calls[i].number == calls->number)
		i++;
	return i;
}

/* One number after the other. */
static unsigned put_chain(struct program *p, const struct sandbox_call *calls, size_t n)
{
	size_t first = same_number(calls, n);

	if (n == 0)
		return p->refuse;
	unsigned otherwise = put_chain(p, calls + first, n - first);
	unsigned to = put_number(p, calls, first);

	return put(p, BPF_JMP | BPF_JEQ | BPF_K, calls->number, to, otherwise);
}

/* A binary search that ends in short chains: short for the kernel too, which tries every number
 * when it takes a filter. */
static unsigned put_tree(struct program *p, const struct sandbox_call *calls, size_t n)
{
	size_t middle = same_number(calls, n), next = middle;

	if (n <= CHAIN)
		return put_chain(p, calls, n);
	while (next <= n / 2) {
		middle = next;
		next += same_number(calls + next, n - next);
	}
	unsigned right = put_tree(p, calls + middle, n - middle);
	unsigned left = put_tree(p, calls, middle);

	return put(p, BPF_JMP | BPF_JGE | BPF_K, calls[middle].number, right, left);
}

size_t sandbox_filter_build(
	const struct sandbox_call *calls, size_t n, struct sock_filter code[SANDBOX_CODE_MAX])
{
	struct program p = {.code = code, .at = SANDBOX_CODE_MAX};
	struct sandbox_call others[SANDBOX_CALLS_MAX];
	size_t first = 0, ioctls = 0;

	while (first < n && calls[first].number != SYS_ioctl)
		first++;
	while (first + ioctls < n && calls[first + ioctls].number == SYS_ioctl)
		ioctls++;
	memcpy(others, calls, first * sizeof(*calls));
	memcpy(others + first, calls + first + ioctls, (n - first - ioctls) * sizeof(*calls));

	put_ends(&p);
	unsigned tree = put_tree(&p, others, n - ioctls);
	unsigned to = ioctls > 0 ? put_number(&p, calls + first, ioctls) : tree;

	put(&p, BPF_JMP | BPF_JEQ | BPF_K, SYS_ioctl, to, tree);
	unsigned number = put_load(&p, offsetof(struct seccomp_data, nr));

	keep_ends_near(&p, 0);
	put(&p, BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, number, p.refuse);
	put_load(&p, offsetof(struct seccomp_data, arch));
	return p.failed ? 0 : SANDBOX_CODE_MAX - p.at;
}

int sandbox_filter_install(unsigned kind)
{
	struct sandbox_call calls[SANDBOX_CALLS_MAX];
	struct sock_filter code[SANDBOX_CODE_MAX];
	size_t n = sandbox_filter_build(calls, sandbox_calls(kind, calls), code);
	struct sock_fprog program = {
		.len = (unsigned short)n, .filter = code + SANDBOX_CODE_MAX - n};

	if (n == 0)
		return -E2BIG;
	/* Before Linux 5.16 a filter slows down its thread's guest too, against Spectre v4, unless
	 * told not to. */
	return sandbox_syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW,
		       &program) < 0
		       ? -errno
		       : 0;
}
