/* SPDX-License-Identifier: BSD-2-Clause */
/* Times a row in threads of this process, in the order and with the stamps of the payload's
 * test=bench. What a row does is native_rows.c's; rounds go to the caller as they are. */
#include "native_rows.h"

#include "tickvm/bench.h"
#include "tickvm/clock.h"

#include <cpuid.h>
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#define SCALES      3 /* x1, x4, x16 */
#define SCALE_MAX   16
#define PILOT_TRIES 3
#define UMIP_CYCLES 500 /* no CPU takes so long for what UMIP forbids */

#define RANGE(id, name, category, min, max, levels, level) {min, max},
static const struct range {
	uint64_t min, max;
} ranges[] = {HYPERBENCH_ROWS(RANGE)};

/* ---- instructions that may not be allowed ---- */

static pthread_mutex_t trap_lock = PTHREAD_MUTEX_INITIALIZER; /* handlers are the process's */
static struct sigaction old_segv, old_ill;
static _Thread_local sigjmp_buf *way_out; /* of a thread that tries */

static void on_trap(int number)
{
	if (way_out != NULL)
		siglongjmp(*way_out, number);
	/* Another thread's own fault: the instruction faults again, for whom it would have been. */
	sigaction(number, number == SIGSEGV ? &old_segv : &old_ill, NULL);
}

int native_try_loop(workload_loop loop, uint64_t b)
{
	struct sigaction trap = {.sa_handler = on_trap};
	sigjmp_buf out;
	int number;

	pthread_mutex_lock(&trap_lock);
	sigaction(SIGSEGV, &trap, &old_segv);
	sigaction(SIGILL, &trap, &old_ill);
	number = sigsetjmp(out, 1);
	if (number == 0) {
		way_out = &out;
		loop(1, b, 0);
	}
	way_out = NULL;
	sigaction(SIGSEGV, &old_segv, NULL);
	sigaction(SIGILL, &old_ill, NULL);
	pthread_mutex_unlock(&trap_lock);
	return number;
}

static bool has_umip(void)
{
	unsigned eax, ebx, ecx = 0, edx;

	return __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) && (ecx >> 2 & 1);
}

/* ---- timing ---- */

static uint64_t time_loop(const struct native_measurement *m, workload_loop loop, uint64_t n)
{
	uint64_t begin = m->now();

	loop(n, m->b, 0);
	return m->now() - begin;
}

static int prepare(struct native_measurement *m, uint64_t n)
{
	return m->operation->prepare != NULL ? m->operation->prepare(m, n) : 0;
}

static int warm_up(struct native_measurement *m)
{
	int err = prepare(m, 1), number;

	if (err < 0)
		return err;
	number = native_try_loop(m->operation->loops->run, m->b);
	if (number != 0)
		return diag_set(m->diag, -ENOTSUP, "not allowed to a process of this host (%s)",
			strsignal(number));
	time_loop(m, m->operation->loops->control, 1);
	return 0;
}

/* The fastest of a few: one that was interrupted says nothing. */
static int pilot_ticks(struct native_measurement *m, uint64_t n, uint64_t *fastest)
{
	*fastest = UINT64_MAX;
	for (unsigned i = 0; i < PILOT_TRIES; i++) {
		int err = prepare(m, n);

		if (err < 0)
			return err;
		uint64_t ticks = time_loop(m, m->operation->loops->run, n);

		*fastest = ticks < *fastest ? ticks : *fastest;
	}
	return 0;
}

/* So many that a round takes about round_ns: doubled until that is in sight, then in proportion. */
static int pilot(struct native_measurement *m, uint64_t *n)
{
	uint64_t want = clock_ns_to_ticks(m->plan->round_ns), ticks;
	uint64_t most = m->most / (m->plan->scale ? SCALE_MAX : 1);

	for (*n = m->min;; *n = *n < most / 2 ? 2 * *n : most) {
		int err = pilot_ticks(m, *n, &ticks);

		if (err < 0)
			return err;
		if (ticks >= want / 4 || *n == most)
			break;
	}
	*n = mul_div_u64(*n, want, ticks != 0 ? ticks : 1);
	*n = *n < m->min ? m->min : *n > most ? most : *n;
	return 0;
}

static int time_round(struct native_measurement *m, uint64_t n)
{
	int err = bench_interrupted ? diag_set(m->diag, -EINTR, "interrupted") : prepare(m, n);

	if (err < 0)
		return err;
	m->rounds[m->n].iterations = n;
	m->rounds[m->n].run_cycles = time_loop(m, m->operation->loops->run, n);
	m->rounds[m->n].control_cycles = time_loop(m, m->operation->loops->control, n);
	m->n++;
	return 0;
}

static int time_rounds(struct native_measurement *m)
{
	uint64_t n = m->plan->iterations;
	int err = warm_up(m);

	if (err == 0 && n == 0)
		err = pilot(m, &n);
	for (uint64_t i = 0; i < m->plan->rounds && err == 0; i++) {
		for (unsigned scale = 0; scale < (m->plan->scale ? SCALES : 1) && err == 0; scale++)
			err = time_round(m, n << 2 * scale);
	}
	return err;
}

static void thread_main(void *arg, unsigned thread)
{
	struct native_measurement *m = arg;
	const struct native_operation *operation = m->operation;

	if (thread != 0) {
		operation->second(m);
		return;
	}
	m->err = operation->begin != NULL ? operation->begin(m) : 0;
	if (m->err == 0)
		m->err = time_rounds(m);
	if (operation->end != NULL)
		operation->end(m);
}

/* ---- the row ---- */

static int check_counts(const struct native_measurement *m)
{
	uint64_t n = m->plan->iterations, most = m->most / (m->plan->scale ? SCALE_MAX : 1);

	if (m->plan->rounds == 0)
		return diag_set(m->diag, -EINVAL, "0 rounds: expected at least one");
	if (n != 0 && (n < m->min || n > most))
		return diag_set(m->diag, -EINVAL,
			"%" PRIu64 " iterations: expected %" PRIu64 " to %" PRIu64, n, m->min,
			most);
	return 0;
}

static int check_cpus(const struct native_measurement *m)
{
	const int *cpu = m->machine->vcpu_cpu;
	cpu_set_t set;

	if (m->operation->second == NULL)
		return 0;
	if (cpu[0] >= 0 && cpu[0] == cpu[1])
		return diag_set(m->diag, -ENOTSUP,
			"needs two CPUs: both threads are pinned to CPU %d", cpu[0]);
	if (sched_getaffinity(0, sizeof(set), &set) == 0 && CPU_COUNT(&set) < 2)
		return diag_set(m->diag, -ENOTSUP, "needs two CPUs: this process may use one");
	return 0;
}

static bool is_trapped(const struct native_measurement *m)
{
	double cycles = 0, iterations = 0;

	for (size_t i = 0; i < m->n; i++) {
		cycles += (double)m->rounds[i].run_cycles - (double)m->rounds[i].control_cycles;
		iterations += (double)m->rounds[i].iterations;
	}
	return m->operation->umip && cycles > UMIP_CYCLES * iterations && has_umip();
}

int native_measure_operation(struct native_measurement *m)
{
	int err = check_counts(m);

	if (err == 0)
		err = check_cpus(m);
	if (err < 0)
		return err;
	snprintf(m->note->text, sizeof(m->note->text), "%s", m->operation->note);
	err = native_run(m->machine, m->operation->second != NULL ? 2 : 1, thread_main, m, m->diag);
	if (err == 0)
		err = m->err;
	if (err == 0 && is_trapped(m))
		snprintf(m->note->text, sizeof(m->note->text),
			"trapped and emulated by the host's kernel (UMIP)");
	return err;
}

int native_row(const struct vm_config *machine, enum hyperbench_row row,
	const struct native_plan *plan, struct guest_bench_round *rounds, size_t *n,
	struct native_note *note, struct diag *diag)
{
	struct native_measurement m = {.machine = machine,
		.row = row,
		.operation = &native_operations[row],
		.plan = plan,
		.now = clock_tsc,
		.min = ranges[row].min,
		.most = ranges[row].max,
		.rounds = rounds,
		.note = note,
		.diag = diag};

	*n = 0;
	note->text[0] = '\0';
	if (m.operation->loops == NULL)
		return diag_set(diag, -ENOTSUP, "%s", m.operation->note);
	int err = native_measure_operation(&m);

	if (err == 0)
		*n = m.n;
	return err;
}
