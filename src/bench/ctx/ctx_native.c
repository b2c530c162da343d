/* SPDX-License-Identifier: BSD-2-Clause */
/* A ring of processes and pipes (Li, Ding, Shen 2007): a token of one byte goes round, and who has
 * it touches its working set and passes it on. This process is the ring's first and keeps the
 * time. It starts no guest. */
#include "ctx.h"

#include "tickvm/bench.h"
#include "tickvm/clock.h"
#include "tickvm/workload.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* Where a process takes the token from, and where it passes it on. */
struct ends {
	int in, out;
};

struct native {
	const struct ctx_ring *ring;
	void *set; /* at one address in each process, each has pages of its own there */
	size_t set_bytes;
	struct ends neighbours; /* the last process and the second */
	struct ends self;       /* a pipe from this process to itself: no switch */
	pid_t children[CTX_CONTEXTS_MAX];
	unsigned started;
};

/* ---- the token: its value is the working set to be touched ---- */

static int take(int fd, uint8_t *set)
{
	for (;;) {
		ssize_t n = read(fd, set, 1);

		if (n == 1)
			return 0;
		if (n == 0)
			return -EPIPE;
		if (errno != EINTR)
			return -errno;
		if (bench_interrupted)
			return -EINTR;
	}
}

static int pass(int fd, uint8_t set)
{
	for (;;) {
		if (write(fd, &set, 1) == 1)
			return 0;
		if (errno != EINTR)
			return -errno;
		if (bench_interrupted)
			return -EINTR;
	}
}

/* times: touch, pass on, wait for it to come back. */
static int rally(
	const struct native *native, struct ends ends, uint8_t set, uint64_t times, uint64_t *ticks)
{
	uint64_t begin = clock_tsc();

	for (; times > 0; times--) {
		workload_touch(native->set, ctx_set_bytes(set), native->ring->stride);
		int err = pass(ends.out, set);

		if (err == 0)
			err = take(ends.in, &set);
		if (err < 0)
			return err;
	}
	*ticks = clock_tsc() - begin;
	return 0;
}

/* ---- processes ---- */

/* It ends when a neighbour does: with the last writer of a pipe gone its reader sees the end. */
_Noreturn static void child_main(const struct native *native, struct ends ends, pid_t parent)
{
	uint8_t set;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* What the terminal sends to all: the first process ends the others. */
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	if (getppid() == parent) {
		while (take(ends.in, &set) == 0) {
			workload_touch(native->set, ctx_set_bytes(set), native->ring->stride);
			if (pass(ends.out, set) < 0)
				break;
		}
	}
	_exit(0);
}

static void close_both(struct ends *ends)
{
	if (ends->in >= 0)
		close(ends->in);
	if (ends->out >= 0)
		close(ends->out);
	*ends = (struct ends){-1, -1};
}

static int open_pipe(struct ends *ends, struct diag *diag)
{
	int fds[2] = {-1, -1};
	int err = pipe2(fds, O_CLOEXEC) < 0 ? -errno : 0;

	*ends = (struct ends){.in = fds[0], .out = fds[1]};
	return err < 0 ? diag_set(diag, err, "pipe2: %s", strerror(-err)) : 0;
}

/* The next process, after the one whose pipe's reading end is neighbours.in, which moves on. */
static int add_process(struct native *native, struct diag *diag)
{
	struct ends next;
	pid_t parent = getpid();
	int err = open_pipe(&next, diag);

	if (err < 0)
		return err;
	pid_t child = fork();

	if (child == 0) {
		struct ends mine = {.in = native->neighbours.in, .out = next.out};

		close(next.in);
		close(native->neighbours.out);
		close_both(&native->self);
		child_main(native, mine, parent);
	}
	if (child < 0) {
		err = diag_set(diag, -errno, "fork: %s", strerror(errno));
		close_both(&next);
		return err;
	}
	native->children[native->started++] = child;
	close(native->neighbours.in);
	close(next.out);
	native->neighbours.in = next.in;
	return 0;
}

static void end_processes(struct native *native)
{
	close_both(&native->neighbours);
	close_both(&native->self);
	for (unsigned i = 0; i < native->started; i++) {
		kill(native->children[i], SIGKILL);
		while (waitpid(native->children[i], NULL, 0) < 0 && errno == EINTR)
			;
	}
	if (native->set != MAP_FAILED)
		munmap(native->set, native->set_bytes);
}

/* Pages of 4 KiB, as the guest's. */
static int start_processes(struct native *native, struct diag *diag)
{
	uint64_t largest = ctx_set_bytes(ctx_sets(native->ring->max_bytes) - 1);

	native->set_bytes = largest > CTX_SET_MIN ? (size_t)largest : CTX_SET_MIN;
	native->neighbours = native->self = (struct ends){-1, -1};
	native->set = mmap(NULL, native->set_bytes, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (native->set == MAP_FAILED)
		return diag_set(
			diag, -errno, "mmap of %zu bytes: %s", native->set_bytes, strerror(errno));
	madvise(native->set, native->set_bytes, MADV_NOHUGEPAGE);
	int err = open_pipe(&native->self, diag);

	if (err == 0)
		err = open_pipe(&native->neighbours, diag);
	while (err == 0 && native->started + 1 < native->ring->contexts)
		err = add_process(native, diag);
	return err;
}

/* ---- measuring, as src/guest/ctx.c does ---- */

static int run_ring(const struct native *native, unsigned set, uint64_t switches, uint64_t *ticks)
{
	uint64_t turns = switches / native->ring->contexts, ignored;
	int err = rally(native, native->neighbours, (uint8_t)set, 1, &ignored);

	return err < 0 ? err : rally(native, native->neighbours, (uint8_t)set, turns, ticks);
}

static int run_alone(const struct native *native, unsigned set, uint64_t switches, uint64_t *ticks)
{
	uint64_t ignored;
	int err = rally(native, native->self, (uint8_t)set, native->ring->contexts, &ignored);

	return err < 0 ? err : rally(native, native->self, (uint8_t)set, switches, ticks);
}

static int quickest(const struct native *native, unsigned set, uint64_t switches, uint64_t *ticks)
{
	int err = 0;

	*ticks = UINT64_MAX;
	for (unsigned i = 0; err == 0 && i < 3; i++) {
		uint64_t one = 0;

		err = run_ring(native, set, switches, &one);
		*ticks = one < *ticks ? one : *ticks;
	}
	return err;
}

static int pilot(const struct native *native, unsigned set, uint64_t *switches)
{
	uint64_t contexts = native->ring->contexts, n = contexts, ticks;
	uint64_t wanted = clock_ns_to_ticks(native->ring->round_ns);
	int err = quickest(native, set, n, &ticks);

	while (err == 0 && ticks < wanted / 4) {
		n *= 2;
		err = quickest(native, set, n, &ticks);
	}
	if (err < 0)
		return err;
	uint64_t turns = n * wanted / ticks / contexts;

	*switches = contexts * (turns > 0 ? turns : 1);
	return 0;
}

static int measure_round(
	const struct native *native, struct guest_ctx_round *round, unsigned set, bool swap)
{
	int err = 0;

	if (swap)
		err = run_alone(native, set, round->switches, &round->control_cycles);
	if (err == 0)
		err = run_ring(native, set, round->switches, &round->switch_cycles);
	if (err == 0 && !swap)
		err = run_alone(native, set, round->switches, &round->control_cycles);
	return err;
}

static int measure(const struct native *native, struct guest_ctx_round *rounds)
{
	const struct ctx_ring *ring = native->ring;
	unsigned sets = ctx_sets(ring->max_bytes);
	uint64_t switches[CTX_SETS_MAX];
	int err = 0;

	for (unsigned set = 0; err == 0 && set < sets; set++)
		err = pilot(native, set, &switches[set]);
	for (uint64_t i = 0; err == 0 && i < ring->rounds * sets; i++) {
		unsigned set = (unsigned)(i % sets);

		rounds[i] = (struct guest_ctx_round){
			.contexts = ring->contexts,
			.stride = (uint32_t)ring->stride,
			.bytes = ctx_set_bytes(set),
			.switches = switches[set],
		};
		err = measure_round(native, &rounds[i], set, i / sets % 2 != 0);
		if (err == 0 && bench_interrupted)
			err = -EINTR;
	}
	return err;
}

/* ---- where this process runs meanwhile; the others inherit it ---- */

struct place {
	cpu_set_t cpus;
	int policy;
	struct sched_param param;
	struct sigaction pipe_action;
};

/* Without a real-time class SCHED_BATCH: under SCHED_OTHER the woken process preempts the one that
 * wrote, which must then run once more only to wait: 1.3 switches a pass, measured on Linux 6.18.
 */
static int take_place(struct place *saved, const struct vm_config *machine, struct diag *diag)
{
	struct sched_param param = {.sched_priority = machine->vcpu_fifo_priority};
	int cpu = machine->vcpu_cpu[0] >= 0 ? machine->vcpu_cpu[0] : sched_getcpu();
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET((size_t)cpu, &one);
	saved->policy = sched_getscheduler(0);
	sched_getparam(0, &saved->param);
	if (sched_getaffinity(0, sizeof(saved->cpus), &saved->cpus) < 0 ||
		sched_setaffinity(0, sizeof(one), &one) < 0)
		return diag_set(diag, -errno, "the ring cannot be pinned to CPU %d: %s", cpu,
			strerror(errno));
	if (sched_setscheduler(0, param.sched_priority > 0 ? SCHED_FIFO : SCHED_BATCH, &param) <
		0) {
		int err = diag_set(diag, -errno,
			"no right to the ring's scheduling class: raise RLIMIT_RTPRIO (ulimit -r) "
			"or "
			"run as root");

		sched_setaffinity(0, sizeof(saved->cpus), &saved->cpus);
		return err;
	}
	/* A write to a process that died is to be an error, not the end. */
	sigaction(SIGPIPE, &(struct sigaction){.sa_handler = SIG_IGN}, &saved->pipe_action);
	return 0;
}

static void leave_place(const struct place *saved)
{
	sigaction(SIGPIPE, &saved->pipe_action, NULL);
	sched_setscheduler(0, saved->policy, &saved->param);
	sched_setaffinity(0, sizeof(saved->cpus), &saved->cpus);
}

int ctx_native(const struct ctx_ring *ring, const struct vm_config *machine,
	struct guest_ctx_round *rounds, struct diag *diag)
{
	struct native native = {.ring = ring};
	struct place saved;
	int err = take_place(&saved, machine, diag);

	if (err < 0)
		return err;
	err = start_processes(&native, diag);
	if (err == 0) {
		err = measure(&native, rounds);
		if (err == -EINTR)
			diag_set(diag, err, "interrupted");
		else if (err == -EPIPE)
			diag_set(diag, err, "a process of the native ring died");
		else if (err < 0)
			diag_set(diag, err, "the native ring's pipes: %s", strerror(-err));
	}
	end_processes(&native);
	leave_place(&saved);
	return err;
}
