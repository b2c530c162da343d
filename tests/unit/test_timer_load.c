/* SPDX-License-Identifier: BSD-2-Clause */
/* Loads of bench timer: their names, the image, the threads; that what is reported is measured. */
#include "../../src/bench/timer/timer_load.h"

#include <criterion/criterion.h>

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

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

static void nap_ms(unsigned ms)
{
	struct timespec ts = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};

	nanosleep(&ts, NULL);
}

Test(timer_load, cpu_load_is_measured)
{
	struct host_load *load;

	cr_assert_eq(host_load_cpu(&load, 20, &diag), 0, "%s", diag.text);
	nap_ms(200);
	struct host_load_outcome outcome = host_load_stop(load);

	/* A host that is busy gives it less. */
	cr_expect_gt(outcome.busy_percent, 0);
	cr_expect_lt(outcome.busy_percent, 35);
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

Test(timer_load, reads_are_counted)
{
	struct scratch scratch;
	struct host_load *load;

	cr_assert_eq(scratch_create(&scratch, 1 << 20, &diag), 0, "%s", diag.text);
	struct host_reads reads = {.path = scratch.path, .record = 4096, .depth = 2, .cpu = -1};

	cr_assert_eq(host_load_reads(&load, &reads, &diag), 0, "%s", diag.text);
	nap_ms(100);
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
