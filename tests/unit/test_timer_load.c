/* SPDX-License-Identifier: BSD-2-Clause */
/* Loads of bench timer: their names, the image, the threads; that what is reported is measured. */
#include "../../src/bench/timer/timer_load.h"

#include <criterion/criterion.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

TestSuite(timer_load, .timeout = 300);

static struct loads loads;
static struct diag diag;

static void bad(const char *text, const char *says)
{
	cr_expect_eq(loads_parse(&loads, text, &diag), -EINVAL, "%s was accepted", text);
	cr_expect_not_null(
		strstr(diag.text, says), "%s: \"%s\" does not say \"%s\"", text, diag.text, says);
}

Test(timer_load, names)
{
	cr_assert_eq(loads_parse(&loads, "idle,cpu:30,cpu:100,io,interrupts:1733", &diag), 0);
	cr_assert_eq(loads.n, 5);
	cr_expect_eq(loads.item[0].kind, LOAD_IDLE);
	cr_expect_eq(loads.item[1].kind, LOAD_CPU);
	cr_expect_eq(loads.item[1].amount, 30);
	cr_expect_str_eq(loads.item[1].name, "cpu:30");
	cr_expect_eq(loads.item[2].amount, 100);
	cr_expect_eq(loads.item[3].kind, LOAD_IO);
	cr_expect_eq(loads.item[4].kind, LOAD_INTERRUPTS);
	cr_expect_eq(loads.item[4].amount, 1733);
	cr_expect_not(load_interrupts(&loads.item[1]));
	cr_expect(load_interrupts(&loads.item[3]));
	cr_expect(load_interrupts(&loads.item[4]));
}

Test(timer_load, mistakes)
{
	bad("", "single commas");
	bad("idle,", "single commas");
	bad("idle,,io", "single commas");
	bad("cpu", "'cpu': expected idle, cpu:PERCENT");
	bad("cpu:0", "PERCENT from 1 to 100");
	bad("cpu:101", "'cpu:101'");
	bad("cpu:-5", "'cpu:-5'");
	bad("cpu:5x", "'cpu:5x'");
	bad("interrupts:0", "RATE from 1 to 100000");
	bad("interrupts:100001", "'interrupts:100001'");
	bad("interrupts:99999999999999999999999999999", "single commas");
	bad("disk", "'disk'");
	bad("io,idle,io", "io is there twice");
	bad("cpu:1,cpu:2,cpu:3,cpu:4,cpu:5,cpu:6,cpu:7,cpu:8,cpu:9", "at most 8 loads");
}

/* ---- burning, by a clock of ours: a look at it takes a microsecond ---- */

#define US        1000ULL
#define PERIOD_NS (10000 * US)
#define PERIODS   50

static struct {
	uint64_t now_ns, begin_ns, burnt_ns, late_ns;
	unsigned looks_left, sleeps;
	_Atomic bool stop;
} fake;

static uint64_t fake_now(void)
{
	fake.burnt_ns += US;
	if (--fake.looks_left == 0)
		fake.stop = true;
	return fake.now_ns += US;
}

/* Ends late_ns late: somebody else had the CPU. */
static void fake_sleep(uint64_t ns)
{
	cr_assert_geq(ns, fake.now_ns);
	cr_expect_eq((ns - fake.begin_ns - US) % PERIOD_NS, 0, "not on the grid of periods");
	fake.now_ns = ns + fake.late_ns;
	if (++fake.sleeps == PERIODS)
		fake.stop = true;
}

static uint64_t burn(unsigned percent, uint64_t late_ns, unsigned looks)
{
	static const struct load_clock clock = {fake_now, fake_sleep};

	fake.now_ns = fake.begin_ns = 123456789;
	fake.late_ns = late_ns;
	fake.looks_left = looks;
	fake.burnt_ns = fake.sleeps = 0;
	fake.stop = false;
	return load_burn(&clock, percent, &fake.stop);
}

Test(timer_load, a_part_of_each_period_is_burnt)
{
	static const unsigned percents[] = {1, 20, 50, 99};

	for (size_t i = 0; i < sizeof(percents) / sizeof(percents[0]); i++) {
		uint64_t wall_ns = burn(percents[i], 0, UINT_MAX);

		cr_expect_eq(fake.sleeps, PERIODS);
		cr_expect_leq(wall_ns - PERIODS * PERIOD_NS, 5 * US);
		/* The looks that find a part or a period over. */
		cr_expect_float_eq((double)fake.burnt_ns,
			percents[i] / 100. * (double)(PERIODS * PERIOD_NS), 2. * PERIODS * US,
			"%u %%: %lu of %lu ns", percents[i], fake.burnt_ns, wall_ns);
	}
}

Test(timer_load, a_period_that_somebody_else_had_is_not_made_up_for)
{
	/* Three periods are lost in each sleep, and the one it ends in is burnt as usual. */
	burn(20, 3 * PERIOD_NS, UINT_MAX);
	cr_expect_float_eq((double)fake.burnt_ns, PERIODS * PERIOD_NS / 5., 2. * PERIODS * US);
	/* The part to burn of that one is over as well: none is burnt but the first. */
	burn(20, 3 * PERIOD_NS + PERIOD_NS / 2, UINT_MAX);
	cr_expect_float_eq((double)fake.burnt_ns, PERIOD_NS / 5., 3. * PERIODS * US);
}

Test(timer_load, all_of_it_needs_no_sleep)
{
	uint64_t wall_ns = burn(100, 0, 100000);

	cr_expect_eq(fake.sleeps, 0);
	cr_expect_leq(fake.burnt_ns - wall_ns, 2 * US);
}

Test(timer_load, outcomes_are_sums_over_times)
{
	const struct load_work work = {.cpu_ns = 300, .wall_ns = 2000, .reads = 8};

	cr_expect_float_eq(load_outcome(&work, 2, 20).busy_percent, 15, 1e-9);
	cr_expect(isnan(load_outcome(&work, 2, 20).reads_hz));
	/* 8 reads in the 1000 ns that each of two threads ran. */
	cr_expect_float_eq(load_outcome(&work, 2, 0).reads_hz, 8e6, 1e-3);
	cr_expect(isnan(load_outcome(&work, 2, 0).busy_percent));
}

/* ---- threads ---- */

static uint64_t process_cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

Test(timer_load, cpu_load_is_measured)
{
	uint64_t until = process_cpu_ns() + 20000000;
	struct host_load *load;

	cr_assert_eq(host_load_cpu(&load, 20, &diag), 0, "%s", diag.text);
	while (process_cpu_ns() < until)
		usleep(1000); /* on nobody's CPU time */
	struct host_load_outcome outcome = host_load_stop(load);

	cr_expect_gt(outcome.busy_percent, 0);
	cr_expect(isnan(outcome.reads_hz));
}

Test(timer_load, nothing_is_not_zero)
{
	struct host_load_outcome outcome = host_load_stop(NULL);

	cr_expect(isnan(outcome.busy_percent));
	cr_expect(isnan(outcome.reads_hz));
}

Test(timer_load, image_is_there_until_it_is_closed_and_has_no_holes)
{
	struct scratch scratch;
	struct stat st;

	cr_assert_eq(scratch_create(&scratch, 3 << 20, &diag), 0, "%s", diag.text);
	int fd = open(scratch.path, O_RDONLY);

	cr_assert_geq(fd, 0);
	cr_assert_eq(fstat(fd, &st), 0);
	cr_expect_eq(st.st_size, 3 << 20);
	cr_expect_eq(st.st_nlink, 0, "unlinked");
	cr_expect_geq(st.st_blocks * 512, 3 << 20);
	close(fd);
	scratch_close(&scratch);
	scratch_close(&scratch);
	cr_expect_lt(open(scratch.path, O_RDONLY), 0);
}

Test(timer_load, no_place_for_an_image)
{
	struct scratch scratch;

	setenv("TMPDIR", "/nonexistent", 1);
	cr_expect_eq(scratch_create(&scratch, 1 << 20, &diag), -ENOENT);
	cr_expect_not_null(strstr(diag.text, "/nonexistent (TMPDIR)"), "%s", diag.text);
	cr_expect_eq(scratch.fd, -1);
}

/* inotify(7) tells of a read when it is over; its thread counts it before it looks at anything. */
static void wait_for_a_read(int events)
{
	struct inotify_event event;

	cr_assert_eq(read(events, &event, sizeof(event)), (ssize_t)sizeof(event));
	cr_assert(event.mask & IN_ACCESS);
	close(events);
}

Test(timer_load, reads_are_counted)
{
	int events = inotify_init1(IN_CLOEXEC);
	struct scratch scratch;
	struct host_load *load;

	cr_assert_geq(events, 0, "%s", strerror(errno));
	cr_assert_eq(scratch_create(&scratch, 1 << 20, &diag), 0, "%s", diag.text);
	cr_assert_geq(inotify_add_watch(events, scratch.path, IN_ACCESS), 0, "%s", strerror(errno));
	struct host_reads reads = {.path = scratch.path, .record = 4096, .depth = 2, .cpu = -1};

	cr_assert_eq(host_load_reads(&load, &reads, &diag), 0, "%s", diag.text);
	wait_for_a_read(events);
	struct host_load_outcome outcome = host_load_stop(load);

	cr_expect_gt(outcome.reads_hz, 0);
	cr_expect(isnan(outcome.busy_percent));
	reads.record = 2 << 20;
	cr_expect_eq(host_load_reads(&load, &reads, &diag), -EINVAL);
	cr_expect_not_null(strstr(diag.text, "smaller than a record"));
	reads.path = "/nonexistent/image";
	cr_expect_eq(host_load_reads(&load, &reads, &diag), -ENOENT);
	scratch_close(&scratch);
}
