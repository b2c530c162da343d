/* SPDX-License-Identifier: BSD-2-Clause */
/* What the host is made to do to a thread is recorded, and why names it: a higher thread on the
 * same CPU, a move to another CPU, a sleep, a page fault, a timer thread that does not spin. */
#include "../../src/vmm/host_events.h"

#include "tickvm/bench.h"
#include "tickvm/clock.h"
#include "tickvm/why.h"

#include "guest_code.h"

#include <dirent.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#define MS 1000000ULL

TestSuite(host_events, .timeout = WATCHDOG_S);

/* ---- what is done to threads ---- */

static void spin_ns(uint64_t ns)
{
	uint64_t end = clock_tsc() + clock_ns_to_ticks(ns);

	while (clock_tsc() < end)
		;
}

static void sleep_ns(uint64_t ns)
{
	clock_sleep_until_ns(clock_monotonic_ns() + ns);
}

static int pin(pid_t tid, size_t cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return sched_setaffinity(tid, sizeof(set), &set);
}

static size_t cpus[2];

/* The first CPUs that this test may use. */
static unsigned find_cpus(void)
{
	cpu_set_t set;
	unsigned n = 0;

	cr_assert_eq(sched_getaffinity(0, sizeof(set), &set), 0);
	for (size_t cpu = 0; cpu < CPU_SETSIZE && n < 2; cpu++) {
		if (CPU_ISSET(cpu, &set))
			cpus[n++] = cpu;
	}
	return n;
}

static void require_two_cpus(void)
{
	if (find_cpus() < 2)
		cr_skip_test("one CPU to run on");
}

/* Starts a thread that goes before everybody else on cpus[0]. */
static pthread_t start_first(void *(*body)(void *), void *arg)
{
	struct sched_param param = {.sched_priority = 90};
	pthread_attr_t attr;
	pthread_t thread;
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpus[0], &set);
	pthread_attr_init(&attr);
	pthread_attr_setaffinity_np(&attr, sizeof(set), &set);
	pthread_attr_setinheritsched(&attr, PTHREAD_EXPLICIT_SCHED);
	pthread_attr_setschedpolicy(&attr, SCHED_FIFO);
	pthread_attr_setschedparam(&attr, &param);
	int err = pthread_create(&thread, &attr, body, arg);

	pthread_attr_destroy(&attr);
	if (err != 0)
		cr_skip_test("no thread with SCHED_FIFO 90: %s", strerror(err));
	return thread;
}

/* ---- the recorder alone ---- */

static struct host_recorder *recorder;

static void begin(void)
{
	struct diag diag;

	cr_assert_eq(host_recorder_create(&recorder, 1, 10000, &diag), 0, "%s", diag.text);
}

/* What happened to the one thread that was attached. */
static const struct host_thread *finish(void)
{
	host_recorder_finish(recorder);
	const struct host_thread *thread = &host_recorder_events(recorder)->threads[1];

	if (thread->err == -EACCES || thread->err == -EPERM || thread->err == -ENOSYS)
		cr_skip_test("perf events: %s", strerror(-thread->err));
	cr_assert_eq(thread->err, 0, "%s", strerror(-thread->err));
	cr_expect_not(thread->full);
	cr_expect_lt(thread->begin, thread->until);
	cr_expect_eq(host_recorder_events(recorder)->threads[0].err, -ESRCH);
	return thread;
}

static void expect_order(const struct host_thread *thread)
{
	for (size_t i = 0; i < thread->n; i++) {
		const struct host_event *e = &thread->events[i];

		cr_expect(e->begin <= e->end && e->end <= thread->until);
	}
}

/* An event of that kind was going on between two host stamps (the rings' clock is good to some
 * ticks). */
static bool was_between(
	const struct host_thread *thread, enum host_event_kind kind, uint64_t from, uint64_t to)
{
	uint64_t slack = host_recorder_events(recorder)->uncertainty;

	for (size_t i = 0; i < thread->n; i++) {
		const struct host_event *e = &thread->events[i];

		if (e->kind == kind && e->begin <= to + slack && from <= e->end + slack)
			return true;
	}
	return false;
}

static void run_thread(void *(*body)(void *))
{
	pthread_t thread;

	cr_assert_eq(pthread_create(&thread, NULL, body, NULL), 0);
	pthread_join(thread, NULL);
}

/* Who took the CPU, and when; who has it meanwhile spins. */
static sem_t turn;
static _Atomic uint64_t taken_tsc;

static void *hog_once(void *arg)
{
	(void)arg;
	prctl(PR_SET_NAME, "hog");
	sem_wait(&turn);
	spin_ns(MS);
	atomic_store(&taken_tsc, clock_tsc());
	spin_ns(MS);
	sem_wait(&turn); /* its name is asked for while it is there */
	return NULL;
}

static void *attached_spin(void *arg)
{
	(void)arg;
	cr_assert_eq(pin(0, cpus[0]), 0);
	host_recorder_attach(recorder, 0);
	sem_post(&turn);
	while (!atomic_load(&taken_tsc))
		;
	return NULL;
}

Test(host_events, a_preempted_thread_and_who_ran)
{
	bool named = false;

	find_cpus();
	sem_init(&turn, 0, 0);
	pthread_t other = start_first(hog_once, NULL);

	begin();
	run_thread(attached_spin);
	const struct host_thread *thread = finish();
	const struct host_events *events = host_recorder_events(recorder);

	sem_post(&turn);
	pthread_join(other, NULL);
	expect_order(thread);
	cr_expect(was_between(thread, HOST_PREEMPTED, taken_tsc, taken_tsc));
	for (size_t i = 0; i < events->n_tasks; i++)
		named |= strcmp(events->tasks[i].name, "hog") == 0;
	cr_expect(named || events->others_err < 0);
	host_recorder_destroy(recorder);
}

static void *attached_moves(void *arg)
{
	(void)arg;
	cr_assert_eq(pin(0, cpus[0]), 0);
	host_recorder_attach(recorder, 0);
	cr_assert_eq(pin(0, cpus[1]), 0);
	cr_assert_eq(pin(0, cpus[0]), 0);
	return NULL;
}

Test(host_events, a_thread_that_is_moved)
{
	size_t moved = 0;

	require_two_cpus();
	begin();
	run_thread(attached_moves);
	const struct host_thread *thread = finish();

	expect_order(thread);
	for (size_t i = 0; i < thread->n; i++)
		moved += thread->events[i].cpu != thread->events[i].cpu_after;
	cr_expect_eq(moved, 2, "%zu", moved);
	host_recorder_destroy(recorder);
}

static _Atomic pid_t sleeper;

static void *attached_sleeps_and_touches(void *arg)
{
	uint8_t *fresh =
		mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)arg;
	host_recorder_attach(recorder, 0);
	atomic_store(&sleeper, gettid());
	sem_wait(&turn);
	madvise(fresh, 1 << 20, MADV_NOHUGEPAGE);
	for (size_t i = 0; i < 1 << 20; i += 4096)
		*(volatile uint8_t *)(fresh + i) = 1;
	munmap(fresh, 1 << 20);
	return NULL;
}

Test(host_events, a_sleep_and_page_faults)
{
	size_t faults = 0;
	uint64_t asleep, woken;
	pthread_t other;

	sem_init(&turn, 0, 0);
	begin();
	cr_assert_eq(pthread_create(&other, NULL, attached_sleeps_and_touches, NULL), 0);
	while (!atomic_load(&sleeper) || !thread_sleeps(sleeper))
		sleep_ns(MS);
	sleep_ns(MS); /* from its state to its switch */
	asleep = clock_tsc();
	sem_post(&turn);
	woken = clock_tsc();
	pthread_join(other, NULL);
	const struct host_thread *thread = finish();

	expect_order(thread);
	for (size_t i = 0; i < thread->n; i++)
		faults += thread->events[i].kind == HOST_FAULT;
	cr_expect(was_between(thread, HOST_SLEPT, asleep, woken));
	cr_expect_geq(faults + thread->faults_lost, 256, "%zu", faults);
	host_recorder_destroy(recorder);
}

static long own_switches(void)
{
	struct rusage usage;

	getrusage(RUSAGE_THREAD, &usage);
	return usage.ru_nvcsw + usage.ru_nivcsw;
}

/* 2000 records of 1000 switches do not fit into a buffer for 400. */
static void *attached_sleeps(void *arg)
{
	(void)arg;
	host_recorder_attach(recorder, 0);
	while (own_switches() < 1000)
		sleep_ns(20000);
	return NULL;
}

Test(host_events, a_buffer_that_is_too_small_is_said)
{
	struct diag diag;

	cr_assert_eq(host_recorder_create(&recorder, 1, 400, &diag), 0);
	run_thread(attached_sleeps);
	host_recorder_finish(recorder);
	const struct host_thread *thread = &host_recorder_events(recorder)->threads[1];

	if (thread->err < 0)
		cr_skip_test("perf events: %s", strerror(-thread->err));
	cr_expect(thread->full);
	cr_expect(thread->n > 100 && thread->n < 1000, "%zu", thread->n);
	cr_expect_geq(thread->until, thread->events[thread->n - 1].end);
	host_recorder_destroy(recorder);
}

/* ---- why ---- */

/* So many that each of them is explained. */
#define EVENTS     "100"
#define INTERVAL   MS
#define INTERVAL_S "1ms"

static atomic_bool stop;

/* Takes its CPU for two intervals, time and again: each time an event that is due then is late. */
static void *hog(void *arg)
{
	(void)arg;
	prctl(PR_SET_NAME, "hog");
	while (!atomic_load(&stop)) {
		spin_ns(2 * INTERVAL);
		sleep_ns(2 * INTERVAL);
	}
	return NULL;
}

/* All threads of this process but its own and the test's. */
static void pin_others(pid_t test, size_t cpu)
{
	DIR *tasks = opendir("/proc/self/task");
	struct dirent *task;

	while (tasks != NULL && (task = readdir(tasks)) != NULL) {
		pid_t tid = atoi(task->d_name);

		if (tid > 0 && tid != gettid() && tid != test)
			pin(tid, cpu);
	}
	if (tasks != NULL)
		closedir(tasks);
}

/* Goes to the other CPU, has everybody follow, and takes it for two intervals: who has moved waits
 * for that long, and an event that is due then is late. */
static void *mover(void *arg)
{
	pid_t test = *(pid_t *)arg;

	for (size_t cpu = 0; !atomic_load(&stop); cpu = !cpu) {
		pin(0, cpus[cpu]);
		pin_others(test, cpus[cpu]);
		spin_ns(2 * INTERVAL);
		sleep_ns(2 * INTERVAL);
	}
	return NULL;
}

static void end_thread(pthread_t thread)
{
	atomic_store(&stop, true);
	pthread_join(thread, NULL);
}

/* The vCPU on the first CPU of this test, the timer thread on the last. */
static struct bench_context explained_machine(json_t **document, unsigned n_cpus)
{
	struct bench_context context = {.collect = document,
		.quiet = true,
		.command_line = "test",
		.machine_set = BENCH_SET_PIN | BENCH_SET_TIMER_CPU | BENCH_SET_TIMEOUT};

	vm_config_default(&context.machine);
	context.machine.serial = SERIAL_NULL;
	context.machine.timeout_ns = WATCHDOG_NS;
	context.machine.vcpu_cpu[0] = (int)cpus[0];
	context.machine.timer_cpu = (int)cpus[n_cpus - 1];
	return context;
}

static json_t *explain(struct bench_context *context, const char *source)
{
	const char *const given[] = {"why", "--source", source, "--wait", "user", "--count", EVENTS,
		"--interval", INTERVAL_S, "--worst", EVENTS};
	int n = sizeof(given) / sizeof(given[0]);
	char *words[sizeof(given) / sizeof(given[0]) + 1] = {NULL};

	for (int i = 0; i < n; i++)
		words[i] = strdup(given[i]);
	int status = why_run(context, n, words);

	for (int i = 0; i < n; i++)
		free(words[i]);
	if (status == 77)
		cr_skip_test("this host cannot run it");
	cr_assert_eq(status, 0);
	return *context->collect;
}

static void require_events(const json_t *document, bool others)
{
	const json_t *events = json_object_get(
		json_array_get(json_object_get(document, "runs"), 0), "host_events");
	const json_t *threads = json_object_get(events, "threads");

	if (json_integer_value(json_object_get(json_array_get(threads, 0), "errno")) != 0)
		cr_skip_test("no right to perf events");
	if (others && json_integer_value(json_object_get(events, "others_errno")) != 0)
		cr_skip_test("no right to perf events of other processes");
}

/* Among the events' sentences, one with both texts. */
static bool says(const json_t *document, const char *one, const char *other)
{
	const json_t *worst = json_array_get(json_object_get(document, "why"), 0);
	size_t i;
	json_t *event;

	json_array_foreach(worst, i, event)
	{
		const char *sentence = json_string_value(json_object_get(event, "sentence"));

		if (strstr(sentence, one) != NULL && strstr(sentence, other) != NULL)
			return true;
	}
	return false;
}

static void print_all(const json_t *document)
{
	const json_t *worst = json_array_get(json_object_get(document, "why"), 0);
	size_t i;
	json_t *event;

	json_array_foreach(worst, i, event)
		cr_log_info("%s", json_string_value(json_object_get(event, "sentence")));
}

static void expect_said(json_t *document, const char *one, const char *other)
{
	bool said = says(document, one, other);

	if (!said)
		print_all(document);
	cr_expect(said, "no sentence has \"%s\" and \"%s\"", one, other);
	json_decref(document);
}

Test(host_events, why_names_who_took_the_vcpus_cpu)
{
	json_t *document = NULL;
	char who[64];

	REQUIRE_KVM();
	struct bench_context context = explained_machine(&document, find_cpus());
	pthread_t other = start_first(hog, NULL);

	context.machine.vcpu_fifo_priority = 10; /* so that only the hog goes before it */

	explain(&context, "tsc-poll");
	end_thread(other);
	require_events(document, true);
	snprintf(who, sizeof(who), "(hog ran on CPU %zu)", cpus[0]);
	expect_said(document, "vCPU 0's thread was ", who);
}

Test(host_events, why_names_a_timer_thread_that_slept_to_its_deadline)
{
	json_t *document = NULL;

	REQUIRE_KVM();
	struct bench_context context = explained_machine(&document, find_cpus());
	pthread_t other = start_first(hog, NULL);

	context.machine.timer_cpu = (int)cpus[0]; /* the hog's */
	context.machine.timer_spin_ns = 0;
	explain(&context, "dedicated");
	end_thread(other);
	require_events(document, false);
	expect_said(document, "the timer thread woke late from its sleep", "--timer-spin 0 leaves");
}

Test(host_events, why_names_a_move_to_another_cpu)
{
	json_t *document = NULL;
	pid_t test = gettid();

	REQUIRE_KVM();
	require_two_cpus();
	struct bench_context context = explained_machine(&document, 2);
	pthread_t other = start_first(mover, &test);

	context.machine.vcpu_fifo_priority = 10; /* so that only the mover goes before it */

	explain(&context, "tsc-poll");
	end_thread(other);
	require_events(document, false);
	expect_said(document, "moved from CPU", "vCPU 0's thread");
}
