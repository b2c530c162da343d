/* SPDX-License-Identifier: BSD-2-Clause */
/* Threads of this process in the place of vCPU threads: pinned and scheduled alike.
 * What they do is their function's business; no clock is read here. */
#include "native.h"

#include <errno.h>
#include <immintrin.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>

#define SPINS_BEFORE_YIELD 10000 /* some tens of microseconds */

struct crew {
	pthread_mutex_t gate; /* held until everyone is there, or somebody could not be started */
	bool complete;
	void (*function)(void *arg, unsigned thread);
	void *arg;
};

struct member {
	struct crew *crew;
	unsigned number;
	pthread_t thread;
};

static void *member_main(void *arg)
{
	const struct member *member = arg;
	struct crew *crew = member->crew;

	pthread_mutex_lock(&crew->gate);
	bool complete = crew->complete;

	pthread_mutex_unlock(&crew->gate);
	if (complete)
		crew->function(crew->arg, member->number);
	return NULL;
}

/* As vcpu_start(): a thread is created on its CPU and in its class, not moved there. */
static int place(pthread_attr_t *attr, const struct vm_config *machine, unsigned number)
{
	struct sched_param param = {.sched_priority = machine->vcpu_fifo_priority};
	int cpu = machine->vcpu_cpu[number], err = 0;

	if (cpu >= 0) {
		cpu_set_t set;

		CPU_ZERO(&set);
		if (cpu < CPU_SETSIZE)
			CPU_SET((size_t)cpu, &set);
		err = pthread_attr_setaffinity_np(attr, sizeof(set), &set);
	}
	if (err == 0 && param.sched_priority != 0) {
		pthread_attr_setinheritsched(attr, PTHREAD_EXPLICIT_SCHED);
		pthread_attr_setschedpolicy(attr, SCHED_FIFO);
		err = pthread_attr_setschedparam(attr, &param);
	}
	return err;
}

int native_thread(pthread_t *thread, const pthread_attr_t *attr, void *(*body)(void *), void *arg)
{
	static const int faults[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGSYS};
	sigset_t blocked, old;

	sigfillset(&blocked);
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		sigdelset(&blocked, faults[i]);
	pthread_sigmask(SIG_SETMASK, &blocked, &old); /* inherited */
	int err = pthread_create(thread, attr, body, arg);

	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return err;
}

static int start(struct member *member, const struct vm_config *machine, struct diag *diag)
{
	int cpu = machine->vcpu_cpu[member->number];
	pthread_attr_t attr;

	pthread_attr_init(&attr);
	int err = place(&attr, machine, member->number);

	if (err == 0)
		err = native_thread(&member->thread, &attr, member_main, member);
	pthread_attr_destroy(&attr);
	switch (err) {
	case 0:
		return 0;
	case EINVAL:
		return diag_set(diag, -err,
			"native thread %u cannot be pinned to CPU %d: expected an online CPU this "
			"process may use",
			member->number, cpu);
	case EPERM:
		return diag_set(diag, -err,
			"native thread %u: no right to SCHED_FIFO: raise RLIMIT_RTPRIO (ulimit -r) "
			"or run as root",
			member->number);
	default:
		return diag_set(diag, -err, "cannot start native thread %u: %s", member->number,
			strerror(err));
	}
}

int native_run(const struct vm_config *machine, unsigned threads,
	void (*function)(void *arg, unsigned thread), void *arg, struct diag *diag)
{
	struct crew crew = {.function = function, .arg = arg};
	struct member members[VM_MAX_VCPUS];
	unsigned started = 0;
	int err = 0;

	if (threads < 1 || threads > VM_MAX_VCPUS)
		return diag_set(diag, -EINVAL, "%u native threads: expected 1 to %u", threads,
			VM_MAX_VCPUS);
	pthread_mutex_init(&crew.gate, NULL);
	pthread_mutex_lock(&crew.gate);
	while (started < threads && err == 0) {
		members[started] = (struct member){.crew = &crew, .number = started};
		err = start(&members[started], machine, diag);
		started += err == 0;
	}
	crew.complete = err == 0;
	pthread_mutex_unlock(&crew.gate);
	for (unsigned i = 0; i < started; i++)
		pthread_join(members[i].thread, NULL);
	pthread_mutex_destroy(&crew.gate);
	return err;
}

void native_barrier_wait(struct native_barrier *barrier, unsigned threads)
{
	unsigned sense = __atomic_load_n(&barrier->sense, __ATOMIC_ACQUIRE);

	if (__atomic_add_fetch(&barrier->arrived, 1, __ATOMIC_ACQ_REL) == threads) {
		__atomic_store_n(&barrier->arrived, 0, __ATOMIC_RELAXED);
		__atomic_store_n(&barrier->sense, sense + 1, __ATOMIC_RELEASE);
		return;
	}
	for (unsigned spins = 1; __atomic_load_n(&barrier->sense, __ATOMIC_ACQUIRE) == sense;
		spins++) {
		_mm_pause();
		/* Of threads that share a CPU at one real-time priority the last would never come.
		 */
		if (spins % SPINS_BEFORE_YIELD == 0)
			sched_yield();
	}
}
