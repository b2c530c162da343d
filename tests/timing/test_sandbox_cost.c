/* SPDX-License-Identifier: BSD-2-Clause */
/* What the sandbox costs an exit: a vCPU that threads with and without filters run in turns, in an
 * order that is drawn. */
#include "../../src/vmm/sandbox_internal.h"
#include "../cli/tickvm_command.h"
#include "../integration/bare_machine.h"

#include "tickvm/clock.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <linux/filter.h>

#define TURNS 2001 /* of each thread */
#define EXITS 100  /* a turn */

static struct bare_machine machine;

/* ---- threads that run the vCPU ---- */

struct runner {
	const char *name;
	unsigned filters[2], n; /* kinds */
	pthread_t thread;
	sem_t go, done;
	double ns[TURNS]; /* an exit, by turn */
	unsigned turn;
	bool stop;
};

static struct runner runners[] = {
	{.name = "without"},
	{.name = "floor", .filters = {999}, .n = 1},
	{.name = "6insn", .filters = {998}, .n = 1},
	{.name = "the thread's", .filters = {SANDBOX_VCPU}, .n = 1},
	{.name = "both", .filters = {SANDBOX_PROCESS, SANDBOX_VCPU}, .n = 2},
};
#define RUNNERS (sizeof(runners) / sizeof(runners[0]))

static double exit_ns(void)
{
	uint64_t begin = clock_tsc();

	for (unsigned i = 0; i < EXITS; i++)
		ioctl(machine.vcpu, KVM_RUN, 0L);
	return (double)clock_ticks_to_ns(clock_tsc() - begin) / EXITS;
}

static void *run(void *arg)
{
	struct runner *runner = arg;

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	for (unsigned i = 0; i < runner->n; i++)
		if (runner->filters[i] >= 998) { struct sock_filter all[]={BPF_STMT(BPF_RET|BPF_K,0x7fff0000)}; struct sock_filter six[]={
 BPF_STMT(BPF_LD|BPF_W|BPF_ABS,24),BPF_JUMP(BPF_JMP|BPF_JEQ|BPF_K,0xae80,1,0),BPF_STMT(BPF_RET|BPF_K,0x7fff0000),BPF_STMT(BPF_RET|BPF_K,0x7fff0000)}; struct sock_fprog p={runner->filters[i]==999?1:4,runner->filters[i]==999?all:six}; long r=syscall(SYS_seccomp,1L,4L,&p); fprintf(stderr,"r %ld errno %d\n",r,errno);} else
		cr_assert_eq(sandbox_filter_install(runner->filters[i]), 0);
	for (;;) {
		while (sem_wait(&runner->go) != 0)
			;
		if (runner->stop)
			return NULL;
		exit_ns();
		runner->ns[runner->turn++] = exit_ns();
		sem_post(&runner->done);
	}
}

static void take_turns(void)
{
	unsigned left = TURNS * RUNNERS;
	unsigned seed = 1;

	while (left > 0) {
		struct runner *runner = &runners[(unsigned)rand_r(&seed) % RUNNERS];

		if (runner->turn == TURNS)
			continue;
		sem_post(&runner->go);
		while (sem_wait(&runner->done) != 0)
			;
		left--;
	}
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void measure(const char *what)
{
	for (size_t i = 0; i < RUNNERS; i++) runners[i].turn = 0;
	take_turns();
	for (size_t i = 0; i < RUNNERS; i++) {
		qsort(runners[i].ns, TURNS, sizeof(double), by_size);
		cr_log_warn("%s %s: median %.1f ns, p25 %.1f min %.1f", what, runners[i].name,
			runners[i].ns[TURNS / 2], runners[i].ns[TURNS / 4], runners[i].ns[0]);
	}
}

Test(sandbox_cost, an_exit)
{
	static const uint8_t code[] = {0xe6, 0x80, 0xeb, 0xfc}; /* out 0x80, al; jmp */
	cpu_set_t set;

	need_kvm(); sandbox_violation_catch(); clock_ticks_to_ns(1);
	CPU_ZERO(&set); CPU_SET(1, &set); sched_setaffinity(0, sizeof set, &set);
	cr_assert(bare_open(&machine, code, sizeof(code)));
	for (size_t i = 0; i < RUNNERS; i++) {
		sem_init(&runners[i].go, 0, 0);
		sem_init(&runners[i].done, 0, 0);
		pthread_create(&runners[i].thread, NULL, run, &runners[i]);
	}
	measure("exit");
	measure("exit");
	machine.run->immediate_exit = 1;
	measure("call");
	measure("call");
	for (size_t i = 0; i < RUNNERS; i++) {
		runners[i].stop = true;
		sem_post(&runners[i].go);
		pthread_join(runners[i].thread, NULL);
	}
}
