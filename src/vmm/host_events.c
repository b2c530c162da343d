/* SPDX-License-Identifier: BSD-2-Clause */
/* Opens perf's software events on our threads and on every CPU, one ring each, and after the run
 * has the rings read. It reads no ring while the run lasts: that would be a disturbance of its own.
 */
#include "host_events.h"

#include "host_events_parse.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define RECORD_BYTES   40 /* the largest that comes often */
#define RING_MIN       ((size_t)16 << 10)
#define RING_MAX       ((size_t)256 << 20)
#define CPU_RINGS_MAX  ((size_t)64 << 20) /* of all CPUs: there may be hundreds */
#define STALLS_MAX     ((size_t)1 << 16)
#define INIT_PID_SPACE 0xeffffffcU /* include/linux/proc_ns.h: PROC_PID_INIT_INO */

struct ring {
	int fd; /* -1: none */
	struct perf_event_mmap_page *page;
	size_t size; /* of the records; the page before them is not counted */
};

struct host_recorder {
	size_t ring_bytes;
	struct clock_pair before;
	struct ring *thread_rings, *cpu_rings; /* as events.threads and .cpus */
	struct host_event *stalls;             /* of the timer thread, which alone writes them */
	size_t n_stalls, stalls_max;
	struct host_events events;
};

/* ---- opening ---- */

static void ring_close(struct ring *ring)
{
	if (ring->page != NULL)
		munmap(ring->page, ring->size + (size_t)sysconf(_SC_PAGESIZE));
	if (ring->fd >= 0)
		close(ring->fd);
	*ring = (struct ring){.fd = -1};
}

/* Who may lock little memory gets a smaller ring, not none. */
static int ring_map(struct ring *ring, size_t size)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	for (; size >= RING_MIN; size /= 2) {
		void *at = mmap(NULL, page + size, PROT_READ | PROT_WRITE, MAP_SHARED, ring->fd, 0);

		if (at != MAP_FAILED) {
			ring->page = at;
			ring->size = size;
			return 0;
		}
		if (errno != EPERM && errno != ENOMEM)
			break;
	}
	return -errno;
}

/* Of the calling thread, or (cpu at least 0) of all on a CPU. */
static int ring_open(struct ring *ring, uint64_t config, int cpu, size_t size)
{
	struct perf_event_attr attr = {.size = sizeof(attr),
		.type = PERF_TYPE_SOFTWARE,
		.config = config,
		.sample_period = 1,
		.sample_type = HOST_SAMPLE_TYPE,
		.sample_id_all = 1,
		.context_switch = 1,
		.comm = cpu >= 0,
		.use_clockid = 1,
		.clockid = CLOCK_MONOTONIC_RAW,
		/* Nobody waits for it: no wake-up, however full. */
		.watermark = 1,
		.wakeup_watermark = UINT32_MAX};

	pid_t tid = cpu >= 0 ? -1 : 0;

	ring->fd = (int)syscall(SYS_perf_event_open, &attr, tid, cpu, -1, PERF_FLAG_FD_CLOEXEC);
	if (ring->fd < 0 && (errno == EACCES || errno == EPERM)) {
		/* perf_event_paranoid 2 allows what happens in user space; switches are not asked.
		 */
		attr.exclude_kernel = 1;
		ring->fd = (int)syscall(
			SYS_perf_event_open, &attr, tid, cpu, -1, PERF_FLAG_FD_CLOEXEC);
	}
	if (ring->fd < 0)
		return -errno;
	int err = ring_map(ring, size);

	if (err < 0)
		ring_close(ring);
	return err;
}

static void close_rings(struct host_recorder *recorder)
{
	for (size_t i = 0; i < recorder->events.n_threads; i++)
		ring_close(&recorder->thread_rings[i]);
	for (size_t i = 0; i < recorder->events.n_cpus; i++)
		ring_close(&recorder->cpu_rings[i]);
}

/* All CPUs or none: half an answer to "who ran?" would look like a whole one. */
static void watch_cpus(struct host_recorder *recorder)
{
	struct host_events *events = &recorder->events;
	long cpus = sysconf(_SC_NPROCESSORS_CONF);
	size_t bytes = recorder->ring_bytes;

	while (bytes > RING_MIN && bytes > CPU_RINGS_MAX / (size_t)cpus)
		bytes /= 2;

	recorder->cpu_rings = calloc((size_t)cpus, sizeof(*recorder->cpu_rings));
	events->cpus = calloc((size_t)cpus, sizeof(*events->cpus));
	events->others_err = recorder->cpu_rings && events->cpus ? 0 : -ENOMEM;
	for (int cpu = 0; cpu < cpus && events->others_err == 0; cpu++) {
		int err = ring_open(
			&recorder->cpu_rings[events->n_cpus], PERF_COUNT_SW_DUMMY, cpu, bytes);

		if (err == 0)
			events->cpus[events->n_cpus++].cpu = cpu;
		else if (err != -ENODEV) /* which is offline */
			events->others_err = err;
	}
	for (size_t i = 0; i < events->n_cpus && events->others_err < 0; i++)
		ring_close(&recorder->cpu_rings[i]);
	if (events->others_err < 0)
		events->n_cpus = 0;
}

int host_recorder_create(
	struct host_recorder **out, unsigned vcpus, size_t events, struct diag *diag)
{
	struct host_recorder *recorder = calloc(1, sizeof(*recorder));
	size_t n = vcpus + 1, bytes = RING_MIN;

	if (recorder == NULL)
		return diag_set(diag, -ENOMEM, "out of memory for host events");
	while (bytes < RING_MAX && bytes / RECORD_BYTES < events)
		bytes *= 2;
	recorder->ring_bytes = bytes;
	recorder->thread_rings = calloc(n, sizeof(*recorder->thread_rings));
	recorder->events.threads = calloc(n, sizeof(*recorder->events.threads));
	recorder->stalls_max = events < STALLS_MAX ? events : STALLS_MAX;
	recorder->stalls = malloc((recorder->stalls_max + 1) * sizeof(*recorder->stalls));
	if (recorder->thread_rings == NULL || recorder->events.threads == NULL ||
		recorder->stalls == NULL) {
		host_recorder_destroy(recorder);
		return diag_set(diag, -ENOMEM, "out of memory for host events");
	}
	/* Touched here, so that the timer thread takes no page fault for them. */
	memset(recorder->stalls, 0, recorder->stalls_max * sizeof(*recorder->stalls));
	recorder->events.n_threads = n;
	for (size_t i = 0; i < n; i++) {
		recorder->thread_rings[i].fd = -1;
		recorder->events.threads[i] =
			(struct host_thread){.vcpu = (int)i - 1, .err = -ESRCH};
	}
	recorder->before = clock_pair_read();
	watch_cpus(recorder);
	*out = recorder;
	return 0;
}

/* A thread has its own slot, and nobody reads it before it is joined: no lock. */
void host_recorder_attach(struct host_recorder *recorder, int vcpu)
{
	if (recorder == NULL)
		return;
	struct host_thread *thread = &recorder->events.threads[vcpu + 1];

	thread->tid = gettid();
	thread->err = ring_open(&recorder->thread_rings[vcpu + 1], PERF_COUNT_SW_PAGE_FAULTS, -1,
		recorder->ring_bytes);
	thread->begin = clock_tsc();
}

void host_recorder_stall(struct host_recorder *recorder, uint64_t begin, uint64_t end)
{
	if (recorder == NULL || recorder->n_stalls == recorder->stalls_max)
		return;
	int cpu = sched_getcpu();

	recorder->stalls[recorder->n_stalls++] = (struct host_event){
		.begin = begin, .end = end, .kind = HOST_STALLED, .cpu = cpu, .cpu_after = cpu};
}

/* ---- reading ---- */

static struct host_ring ring_view(const struct ring *ring)
{
	uint64_t head = __atomic_load_n(&ring->page->data_head, __ATOMIC_ACQUIRE);

	return (struct host_ring){.data = (const uint8_t *)ring->page + sysconf(_SC_PAGESIZE),
		.size = ring->size,
		.head = head};
}

static int read_thread(
	const struct ring *ring, const struct host_time *time, struct host_thread *thread)
{
	uint64_t counted, stamped = 0;

	if (thread->err < 0)
		return 0;
	const struct host_ring view = ring_view(ring);

	thread->until = time->after.tsc;
	int err = host_parse_thread(&view, time, thread);

	for (size_t i = 0; i < thread->n; i++)
		stamped += thread->events[i].kind == HOST_FAULT;
	if (read(ring->fd, &counted, sizeof(counted)) == (ssize_t)sizeof(counted) &&
		counted > stamped)
		thread->faults_lost = counted - stamped;
	return err;
}

static bool sees_all_tasks(void)
{
	struct stat space;

	return stat("/proc/self/ns/pid", &space) == 0 && space.st_ino == INIT_PID_SPACE;
}

static void name_ours(const struct host_thread *thread, struct host_task *task)
{
	if (thread->vcpu == HOST_THREAD_TIMER)
		snprintf(task->name, sizeof(task->name), "the timer thread");
	else
		snprintf(task->name, sizeof(task->name), "vCPU %d's thread", thread->vcpu);
}

/* A thread that still runs tells its name; one that has ended may have told it when it began. */
static void name_other(struct host_task *task)
{
	char path[32], comm[17];

	snprintf(path, sizeof(path), "/proc/%d/comm", task->tid);
	FILE *file = fopen(path, "re");

	if (file != NULL && fgets(comm, sizeof(comm), file) != NULL)
		host_task_name(task, comm, strcspn(comm, "\n"));
	if (file != NULL)
		fclose(file);
	if (task->name[0] == '\0')
		snprintf(task->name, sizeof(task->name), "thread %d", task->tid);
}

static void name_task(const struct host_events *events, struct host_task *task)
{
	for (size_t i = 0; i < events->n_threads; i++) {
		if (events->threads[i].tid == task->tid) {
			name_ours(&events->threads[i], task);
			return;
		}
	}
	if (task->tid > 0)
		name_other(task);
	else if (task->tid < 0)
		snprintf(task->name, sizeof(task->name), "a thread that was ending");
	else
		snprintf(task->name, sizeof(task->name), "%s",
			sees_all_tasks() ? "idle" : "idle, or ran what is not shown");
}

void host_recorder_finish(struct host_recorder *recorder)
{
	if (recorder == NULL)
		return;
	struct host_events *events = &recorder->events;
	const struct host_time time = {.before = recorder->before, .after = clock_pair_read()};
	int err = 0;

	events->uncertainty =
		(time.before.width > time.after.width ? time.before.width : time.after.width) / 2 +
		clock_ns_to_ticks(1);
	for (size_t i = 0; i < events->n_threads && err == 0; i++)
		err = read_thread(&recorder->thread_rings[i], &time, &events->threads[i]);
	if (err == 0 && events->threads[0].err == 0)
		err = host_add_stalls(&events->threads[0], recorder->stalls, recorder->n_stalls);
	for (size_t i = 0; i < events->n_cpus && err == 0; i++) {
		const struct host_ring view = ring_view(&recorder->cpu_rings[i]);

		events->cpus[i].until = time.after.tsc;
		err = host_parse_cpu(&view, &time, &events->cpus[i], events);
	}
	for (size_t i = 0; i < events->n_tasks; i++)
		name_task(events, &events->tasks[i]);
	close_rings(recorder);
	if (err < 0)
		host_events_free(events);
}

const struct host_events *host_recorder_events(const struct host_recorder *recorder)
{
	return recorder != NULL ? &recorder->events : NULL;
}

void host_events_free(struct host_events *events)
{
	for (size_t i = 0; i < events->n_threads; i++)
		free(events->threads[i].events);
	for (size_t i = 0; i < events->n_cpus; i++)
		free(events->cpus[i].runs);
	free(events->threads);
	free(events->cpus);
	free(events->tasks);
	*events = (struct host_events){.n_threads = 0};
}

void host_recorder_destroy(struct host_recorder *recorder)
{
	if (recorder == NULL)
		return;
	close_rings(recorder);
	host_events_free(&recorder->events);
	free(recorder->thread_rings);
	free(recorder->cpu_rings);
	free(recorder->stalls);
	free(recorder);
}
