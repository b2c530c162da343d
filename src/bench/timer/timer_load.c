/* SPDX-License-Identifier: BSD-2-Clause */
/* Loads: named, made on the host, and measured there. What a guest does for a load is the
 * payload's. */
#include "timer_load.h"

#include "../native.h"

#include "tickvm/clock.h"
#include "tickvm/input.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define PERIOD_NS  10000000ULL
#define FILL_BYTES (1U << 20)
#define DISK_ALIGN 4096 /* enough for O_DIRECT on any disk */
#define EXPECTED   "idle, cpu:PERCENT, io or interrupts:RATE"

/* ---- names ---- */

/* "30" of "cpu:30"; 0: it is not that. */
static unsigned amount_of(const char *text, const char *prefix, unsigned max)
{
	size_t length = strlen(prefix);
	char *end;

	if (strncmp(text, prefix, length) != 0 || text[length] < '0' || text[length] > '9')
		return 0;
	unsigned long amount = strtoul(text + length, &end, 10);

	return *end == '\0' && amount <= max ? (unsigned)amount : 0;
}

static int load_parse(struct load *load, const char *name, struct diag *diag)
{
	unsigned percent = amount_of(name, "cpu:", 100);
	unsigned rate = amount_of(name, "interrupts:", LOAD_HZ_MAX);

	snprintf(load->name, sizeof(load->name), "%s", name);
	load->amount = percent + rate;
	if (strcmp(name, "idle") == 0)
		load->kind = LOAD_IDLE;
	else if (strcmp(name, "io") == 0)
		load->kind = LOAD_IO;
	else if (percent > 0)
		load->kind = LOAD_CPU;
	else if (rate > 0)
		load->kind = LOAD_INTERRUPTS;
	else
		return diag_set(diag, -EINVAL,
			"--load: '%s': expected " EXPECTED ", PERCENT from 1 to 100, RATE from 1 "
			"to %d a second",
			name, LOAD_HZ_MAX);
	return 0;
}

static bool named_before(const struct loads *loads, const char *name)
{
	for (unsigned i = 0; i < loads->n; i++) {
		if (strcmp(loads->item[i].name, name) == 0)
			return true;
	}
	return false;
}

int loads_parse(struct loads *loads, const char *text, struct diag *diag)
{
	loads->n = 0;
	for (;;) {
		char name[sizeof(loads->item[0].name)];
		size_t length = strcspn(text, ",");

		if (length == 0 || length >= sizeof(name))
			return diag_set(diag, -EINVAL,
				"--load: expected a list with single commas between: " EXPECTED);
		memcpy(name, text, length);
		name[length] = '\0';
		if (named_before(loads, name))
			return diag_set(diag, -EINVAL, "--load: %s is there twice", name);
		if (loads->n == LOADS_MAX)
			return diag_set(diag, -EINVAL, "--load: at most %d loads", LOADS_MAX);
		int err = load_parse(&loads->item[loads->n], name, diag);

		if (err < 0)
			return err;
		loads->n++;
		if (text[length] == '\0')
			return 0;
		text += length + 1;
	}
}

/* ---- the image ---- */

/* xorshift64*: any bytes that no file system or disk makes smaller. */
static uint64_t next_random(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 2685821657736338717ULL;
}

static int fill(int fd, uint64_t bytes)
{
	uint64_t *block = malloc(FILL_BYTES), state = 88172645463325252ULL;
	int err = block == NULL ? -ENOMEM : 0;

	for (uint64_t done = 0; done < bytes && err == 0; done += FILL_BYTES) {
		size_t n = bytes - done < FILL_BYTES ? (size_t)(bytes - done) : FILL_BYTES;

		for (size_t i = 0; i < FILL_BYTES / sizeof(*block); i++)
			block[i] = next_random(&state);
		ssize_t written = pwrite(fd, block, n, (off_t)done);

		if (written != (ssize_t)n)
			err = written < 0 ? -errno : -ENOSPC;
	}
	free(block);
	return err == 0 && fsync(fd) < 0 ? -errno : err;
}

int scratch_create(struct scratch *scratch, uint64_t bytes, struct diag *diag)
{
	const char *directory = getenv("TMPDIR");
	char name[4096];

	if (directory == NULL || *directory == '\0')
		directory = "/tmp";
	scratch->fd = -1;
	if (snprintf(name, sizeof(name), "%s/tickvm-XXXXXX", directory) >= (int)sizeof(name))
		return diag_set(diag, -ENAMETOOLONG, "$TMPDIR is too long for a path");
	scratch->fd = mkostemp(name, O_CLOEXEC);
	if (scratch->fd < 0)
		return diag_set(diag, -errno, "cannot create a file in %s (TMPDIR): %s", directory,
			strerror(errno));
	unlink(name);
	int err = fill(scratch->fd, bytes);

	if (err < 0) {
		scratch_close(scratch);
		return diag_set(diag, err,
			"cannot write %" PRIu64 " MiB for a disk to %s (TMPDIR): %s", bytes >> 20,
			directory, strerror(-err));
	}
	snprintf(scratch->path, sizeof(scratch->path), "/proc/self/fd/%d", scratch->fd);
	return 0;
}

void scratch_close(struct scratch *scratch)
{
	if (scratch->fd >= 0)
		close(scratch->fd);
	scratch->fd = -1;
}

/* ---- threads ---- */

struct load_thread {
	struct host_load *load;
	pthread_t thread;
	int cpu;
	struct load_work done; /* at its end */
};

struct host_load {
	_Atomic bool stop;
	unsigned percent;
	struct host_reads reads;
	int fd;
	bool direct;
	uint64_t bytes; /* of the file */
	size_t started;
	struct load_thread threads[];
};

static uint64_t thread_cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

uint64_t load_burn(const struct load_clock *clock, unsigned percent, const _Atomic bool *stop)
{
	uint64_t begin = clock->now_ns(), busy = PERIOD_NS * percent / 100;

	for (uint64_t period = begin; !*stop;) {
		while (clock->now_ns() < period + busy && !*stop)
			;
		if (percent < 100)
			clock->sleep_until_ns(period + PERIOD_NS);
		period += (clock->now_ns() - period) / PERIOD_NS * PERIOD_NS;
	}
	return clock->now_ns() - begin;
}

static void burn(struct load_thread *self)
{
	static const struct load_clock host = {clock_monotonic_ns, clock_sleep_until_ns};

	self->done.wall_ns = load_burn(&host, self->load->percent, &self->load->stop);
}

static void read_records(struct load_thread *self)
{
	struct host_load *load = self->load;
	uint64_t state = 1 + (uint64_t)(self - load->threads), record = load->reads.record;
	uint64_t begin = clock_monotonic_ns(), records = load->bytes / record;
	void *buffer = NULL;

	if (posix_memalign(&buffer, DISK_ALIGN, record) == 0) {
		while (!load->stop) {
			off_t at = (off_t)(next_random(&state) % records * record);

			self->done.reads += pread(load->fd, buffer, record, at) == (ssize_t)record;
		}
	}
	free(buffer);
	self->done.wall_ns = clock_monotonic_ns() - begin;
}

static void *work(void *arg)
{
	struct load_thread *self = arg;
	cpu_set_t set;

	if (self->cpu >= 0) {
		CPU_ZERO(&set);
		CPU_SET((size_t)self->cpu, &set);
		pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
	}
	if (self->load->percent > 0)
		burn(self);
	else
		read_records(self);
	self->done.cpu_ns = thread_cpu_ns();
	return NULL;
}

static struct host_load *load_create(size_t threads, struct diag *diag)
{
	struct host_load *load = calloc(1, sizeof(*load) + threads * sizeof(struct load_thread));

	if (load == NULL)
		diag_set(diag, -ENOMEM, "out of memory for a load of %zu threads", threads);
	else
		load->fd = -1;
	return load;
}

static int load_start(struct host_load *load, size_t threads, struct diag *diag)
{
	for (; load->started < threads; load->started++) {
		struct load_thread *thread = &load->threads[load->started];

		thread->load = load;
		int err = native_thread(&thread->thread, NULL, work, thread);

		if (err != 0)
			return diag_set(
				diag, -err, "cannot start a thread for load: %s", strerror(err));
	}
	return 0;
}

int host_load_cpu(struct host_load **out, unsigned percent, struct diag *diag)
{
	cpu_set_t set;
	size_t n = 0;

	if (sched_getaffinity(0, sizeof(set), &set) < 0)
		return diag_set(diag, -errno, "sched_getaffinity: %s", strerror(errno));
	struct host_load *load = load_create((size_t)CPU_COUNT(&set), diag);

	if (load == NULL)
		return -ENOMEM;
	load->percent = percent;
	for (size_t cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (CPU_ISSET(cpu, &set))
			load->threads[n++].cpu = (int)cpu;
	}
	int err = load_start(load, n, diag);

	if (err < 0)
		host_load_stop(load);
	*out = err < 0 ? NULL : load;
	return err;
}

static int open_file(struct host_load *load, struct diag *diag)
{
	const char *path = load->reads.path;

	struct diag why;

	load->fd = input_open(path, O_RDONLY | O_DIRECT, INPUT_DISK, &why);
	load->direct = load->fd >= 0;
	if (load->fd == -EINVAL)
		load->fd = input_open(path, O_RDONLY, INPUT_DISK, &why);
	if (load->fd < 0)
		return diag_set(diag, load->fd, "%s: %s", path, why.text);
	off_t end = lseek(load->fd, 0, SEEK_END);

	if (end < (off_t)load->reads.record)
		return diag_set(diag, -EINVAL, "%s: smaller than a record of %" PRIu64 " bytes",
			path, load->reads.record);
	load->bytes = (uint64_t)end;
	return 0;
}

int host_load_reads(struct host_load **out, const struct host_reads *reads, struct diag *diag)
{
	struct host_load *load = load_create(reads->depth, diag);

	if (load == NULL)
		return -ENOMEM;
	load->reads = *reads;
	for (uint64_t i = 0; i < reads->depth; i++)
		load->threads[i].cpu = reads->cpu;
	int err = open_file(load, diag);

	if (err == 0)
		err = load_start(load, reads->depth, diag);
	if (err < 0)
		host_load_stop(load);
	*out = err < 0 ? NULL : load;
	return err;
}

struct host_load_outcome load_outcome(const struct load_work *sum, size_t threads, unsigned percent)
{
	struct host_load_outcome outcome = {.busy_percent = (double)NAN, .reads_hz = (double)NAN};

	if (sum->wall_ns > 0 && percent > 0)
		outcome.busy_percent = 100 * (double)sum->cpu_ns / (double)sum->wall_ns;
	else if (sum->wall_ns > 0)
		outcome.reads_hz =
			(double)sum->reads * 1e9 * (double)threads / (double)sum->wall_ns;
	return outcome;
}

struct host_load_outcome host_load_stop(struct host_load *load)
{
	struct load_work sum = {0};

	if (load == NULL)
		return load_outcome(&sum, 0, 0);
	load->stop = true;
	for (size_t i = 0; i < load->started; i++) {
		const struct load_work *done = &load->threads[i].done;

		pthread_join(load->threads[i].thread, NULL);
		sum.cpu_ns += done->cpu_ns;
		sum.wall_ns += done->wall_ns;
		sum.reads += done->reads;
	}
	struct host_load_outcome outcome = load_outcome(&sum, load->started, load->percent);

	outcome.direct = load->direct;
	if (load->fd >= 0)
		close(load->fd);
	free(load);
	return outcome;
}
