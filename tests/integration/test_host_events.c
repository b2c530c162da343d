/* SPDX-License-Identifier: BSD-2-Clause */
/* What the host is made to do to a thread is recorded, and why names it: a higher thread on the
 * same CPU, a move to another CPU, a sleep, a page fault, a timer thread that does not spin. */
#include "../../src/vmm/host_events.h"

#include "tickvm/bench.h"
#include "tickvm/clock.h"
#include "tickvm/why.h"

#include "guest_code.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <dirent.h>

#define MS 1000000ULL

TestSuite(host_events, .timeout = 60);

/* ---- what is done to threads ---- */

static atomic_bool stop;

static void spin_ns(uint64_t ns)
{
	uint64_t end = clock_tsc() + clock_ns_to_ticks(ns);

	while (clock_tsc() < end)
		;
}

static void pin(pid_t tid, size_t cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(tid, sizeof(set), &set);
}

/* Every 20 ms, 2 ms of CPU 0 for itself. */
static void *hog(void *arg)
{
	(void)arg;
	prctl(PR_SET_NAME, "hog");
	while (!atomic_load(&stop)) {
		clock_sleep_until_ns(clock_monotonic_ns() + 18 * MS);
		spin_ns(2 * MS);
	}
	return NULL;
}

static pthread_t start_hog(void)
{
	struct sched_param param = {.sched_priority = 90};
	pthread_attr_t attr;
	pthread_t thread;
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(0, &set);
	pthread_attr_init(&attr);
	pthread_attr_setaffinity_np(&attr, sizeof(set), &set);
	pthread_attr_setinheritsched(&attr, PTHREAD_EXPLICIT_SCHED);
	pthread_attr_setschedpolicy(&attr, SCHED_FIFO);
	pthread_attr_setschedparam(&attr, &param);
	int err = pthread_create(&thread, &attr, hog, NULL);

	pthread_attr_destroy(&attr);
	if (err != 0)
		cr_skip_test("no thread with SCHED_FIFO 90 on CPU 0: %s", strerror(err));
	return thread;
}

static void end_thread(pthread_t thread)
{
	atomic_store(&stop, true);
	pthread_join(thread, NULL);
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

static uint64_t longest(const struct host_thread *thread, enum host_event_kind kind)
{
	uint64_t most = 0;

	for (size_t i = 0; i < thread->n; i++) {
		const struct host_event *e = &thread->events[i];

		cr_expect(e->begin <= e->end && e->end <= thread->until);
		if (e->kind == kind && e->end - e->begin > most)
			most = e->end - e->begin;
	}
	return clock_ticks_to_ns(most);
}

static void *attached_spin(void *arg)
{
	(void)arg;
	pin(0, 0);
	host_recorder_attach(recorder, 0);
	spin_ns(100 * MS);
	return NULL;
}

static void *attached_moves(void *arg)
{
	(void)arg;
	pin(0, 0);
	host_recorder_attach(recorder, 0);
	pin(0, 1);
	pin(0, 0);
	return NULL;
}

static void *attached_sleeps_and_touches(void *arg)
{
	uint8_t *fresh =
		mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)arg;
	host_recorder_attach(recorder, 0);
	clock_sleep_until_ns(clock_monotonic_ns() + 5 * MS);
	madvise(fresh, 1 << 20, MADV_NOHUGEPAGE);
	for (size_t i = 0; i < 1 << 20; i += 4096)
		*(volatile uint8_t *)(fresh + i) = 1;
	munmap(fresh, 1 << 20);
	return NULL;
}

static void run_thread(void *(*body)(void *))
{
	pthread_t thread;

	cr_assert_eq(pthread_create(&thread, NULL, body, NULL), 0);
	pthread_join(thread, NULL);
}

Test(host_events, a_preempted_thread_and_who_ran)
{
	pthread_t other = start_hog();
	bool named = false;

	begin();
	run_thread(attached_spin);
	const struct host_thread *thread = finish();
	const struct host_events *events = host_recorder_events(recorder);

	end_thread(other);
	cr_expect_gt(longest(thread, HOST_PREEMPTED), 3 * MS / 2);
	for (size_t i = 0; i < events->n_tasks; i++)
		named |= strcmp(events->tasks[i].name, "hog") == 0;
	cr_expect(named || events->others_err < 0);
	host_recorder_destroy(recorder);
}

Test(host_events, a_thread_that_is_moved)
{
	size_t moved = 0;

	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		cr_skip_test("one CPU");
	begin();
	run_thread(attached_moves);
	const struct host_thread *thread = finish();

	for (size_t i = 0; i < thread->n; i++)
		moved += thread->events[i].cpu != thread->events[i].cpu_after;
	cr_expect_eq(moved, 2, "%zu", moved);
	host_recorder_destroy(recorder);
}

Test(host_events, a_sleep_and_page_faults)
{
	size_t faults = 0;

	begin();
	run_thread(attached_sleeps_and_touches);
	const struct host_thread *thread = finish();

	for (size_t i = 0; i < thread->n; i++)
		faults += thread->events[i].kind == HOST_FAULT;
	cr_expect_geq(longest(thread, HOST_SLEPT), 49 * MS / 10);
	cr_expect_geq(faults + thread->faults_lost, 256, "%zu", faults);
	host_recorder_destroy(recorder);
}

/* 2000 switches do not fit into a buffer for 400. */
static void *attached_sleeps(void *arg)
{
	(void)arg;
	host_recorder_attach(recorder, 0);
	for (unsigned i = 0; i < 1000; i++)
		clock_sleep_until_ns(clock_monotonic_ns() + 20000);
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

static json_t *explain(const char *source, const char *worst, struct vm_config *machine)
{
	char *words[] = {strdup("why"), strdup("--source"), strdup(source), strdup("--count"),
		strdup("2000"), strdup("--worst"), strdup(worst), NULL};
	json_t *document = NULL;
	struct bench_context context = {
		.machine = *machine, .collect = &document, .quiet = true, .command_line = "test"};

	context.machine.serial = SERIAL_NULL;
	int status = why_run(&context, 7, words);

	for (unsigned i = 0; i < 7; i++)
		free(words[i]);
	if (status == 77)
		cr_skip_test("this host cannot run it");
	cr_assert_eq(status, 0);
	const json_t *threads = json_object_get(
		json_object_get(
			json_array_get(json_object_get(document, "runs"), 0), "host_events"),
		"threads");

	if (json_integer_value(json_object_get(json_array_get(threads, 0), "errno")) != 0)
		cr_skip_test("no right to perf events");
	return document;
}

/* Among the worst events' sentences, one with both texts. */
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
	struct vm_config machine;

	REQUIRE_KVM();
	vm_config_default(&machine);
	pthread_t other = start_hog();
	json_t *document = explain("kvm-lapic", "100", &machine);

	end_thread(other);
	expect_said(document, "vCPU 0's thread was ", "(hog ran on CPU 0)");
}

Test(host_events, why_names_a_timer_thread_that_slept_to_its_deadline)
{
	struct vm_config machine;

	REQUIRE_KVM();
	vm_config_default(&machine);
	machine.timer_spin_ns = 0;
	expect_said(explain("dedicated", "100", &machine),
		"the timer thread woke late from its sleep", "late");
}

/* Of all threads but its own and the test's. */
static void *mover(void *arg)
{
	pid_t own = gettid(), test = *(pid_t *)arg;

	for (size_t cpu = 0; !atomic_load(&stop); cpu = !cpu) {
		DIR *tasks = opendir("/proc/self/task");
		struct dirent *task;

		while (tasks != NULL && (task = readdir(tasks)) != NULL) {
			pid_t tid = atoi(task->d_name);

			if (tid > 0 && tid != own && tid != test)
				pin(tid, cpu);
		}
		if (tasks != NULL)
			closedir(tasks);
		clock_sleep_until_ns(clock_monotonic_ns() + 3 * MS);
	}
	return NULL;
}

Test(host_events, why_names_a_move_to_another_cpu)
{
	pid_t test = gettid();
	struct vm_config machine;
	pthread_t other;

	REQUIRE_KVM();
	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		cr_skip_test("one CPU");
	vm_config_default(&machine);
	cr_assert_eq(pthread_create(&other, NULL, mover, &test), 0);
	json_t *document = explain("kvm-lapic", "100", &machine);

	end_thread(other);
	expect_said(document, "moved from CPU", "vCPU 0's thread");
}
