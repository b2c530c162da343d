/* SPDX-License-Identifier: BSD-2-Clause */
/* tickvm bench disk as a user types it: mistakes, images that are his, a short run's tables and
 * file, and that nothing stays behind. */
#include "tickvm_command.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

TestSuite(disk_bench, .timeout = HUNG);

#define MIB 1048576

static void refused(const char *line, int status, const char *says)
{
	struct result r = tickvm(line);

	cr_expect_eq(r.status, status, "%s: status %d", line, r.status);
	cr_expect(strstr(r.err, says) != NULL, "%s: \"%s\" does not say \"%s\"", line, r.err, says);
	cr_expect_str_empty(r.out, "%s: %s", line, r.out);
	cr_expect_eq(strchr(r.err, '\n'), r.err + strlen(r.err) - 1, "%s: %s", line, r.err);
}

/* An image of bytes 'x' in a directory of its own, which is the shell's $DIR. */
static char dir[64], image[80];

static void make_image(size_t bytes)
{
	strcpy(dir, "/tmp/tickvm-disk-test-XXXXXX");
	cr_assert_not_null(mkdtemp(dir));
	setenv("DIR", dir, 1);
	snprintf(image, sizeof(image), "%s/image", dir);
	FILE *file = fopen(image, "we");

	cr_assert_not_null(file);
	for (size_t i = 0; i < bytes; i++)
		cr_assert_neq(fputc('x', file), EOF);
	cr_assert_eq(fclose(file), 0);
}

/* Bytes of the image that are not 'x'. */
static size_t changed(void)
{
	FILE *file = fopen(image, "re");
	size_t n = 0;

	cr_assert_not_null(file);
	for (int c; (c = fgetc(file)) != EOF;)
		n += c != 'x';
	fclose(file);
	return n;
}

/* Nothing but the image may be there. */
static void remove_image(void)
{
	unlink(image);
	cr_expect_eq(rmdir(dir), 0, "something was left in %s", dir);
}

Test(disk_bench, mistakes_are_told_before_anything_is_measured)
{
	refused("bench disk --op raed", 2, "did you mean 'read'?");
	refused("bench disk --record 4k", 2, "did you mean '4K'?");
	refused("bench disk --record 3K", 2, "--record: unknown '3K'");
	refused("bench disk --file 64m", 2, "did you mean '64M'?");
	refused("bench disk --depth 0", 2, "no number from 1 to 64");
	refused("bench disk --rounds 51", 2, "no number from 1 to 50");
	refused("bench disk --destroy-dta", 2, "did you mean --destroy-data?");
	refused("bench disk --dir", 2, "--dir needs a value");
	refused("bench disk --dir /nonexistent", 2, "expected a directory for a scratch file");
	refused("bench disk --dir /proc", 1, "--dir /proc: 0 MiB are free");
}

Test(disk_bench, an_image_is_overwritten_only_when_that_is_said)
{
	char line[160];

	make_image(2 * MIB);
	snprintf(line, sizeof(line), "bench disk --disk %s", image);
	refused(line, 2, "its contents would be overwritten; add --destroy-data");
	snprintf(line, sizeof(line), "bench disk --disk %s --op random-read,rewrite", image);
	refused(line, 2, "its contents would be overwritten; add --destroy-data");
	snprintf(line, sizeof(line), "bench disk --disk %s,ro --destroy-data", image);
	refused(line, 2, "is read only");
	cr_expect_eq(changed(), 0);
	remove_image();
}

Test(disk_bench, what_is_no_image_is_refused)
{
	char line[160];

	need_kvm();
	refused("bench disk --op read --disk /nonexistent", 2, "No such file or directory");
	refused("bench disk --op read --disk /tmp", 2, "a directory");
	refused("bench disk --op read --disk /dev/null", 2, "a character device");
	refused("bench disk --dir /tmp --file 1M --record 16M", 2, "longer than every --file");
	make_image(0);
	snprintf(line, sizeof(line), "bench disk --op read --disk %s", image);
	refused(line, 2, "expected at least 512 bytes");
	remove_image();
	make_image(MIB / 2);
	snprintf(line, sizeof(line), "bench disk --op read --disk %s", image);
	refused(line, 2, "expected at least 1 MiB");
	remove_image();
	make_image(MIB);
	snprintf(line, sizeof(line), "bench disk --op read --file 1M,2M --disk %s", image);
	refused(line, 2, "has 1024 KiB, and --file asks for 2048 KiB");
	remove_image();
}

Test(disk_bench, a_full_disk_and_a_limit_are_told)
{
	struct result r = shell("ulimit -f 100; exec \"$TICKVM\" bench disk --dir /tmp");

	cr_expect_eq(r.status, 1, "%d", r.status);
	cr_expect_not_null(
		strstr(r.err, "(ulimit -f), and the scratch file takes 64 MiB"), "%s", r.err);
	r = shell("unshare -rm sh -c 'mount -t tmpfs -o size=2m t /mnt || exit 99; exec "
		  "\"$TICKVM\" bench disk --dir /mnt' || exit $?");
	if (strstr(r.err, "unshare") != NULL || r.status == 99)
		cr_skip_test("no mounts of one's own here: %s", r.err);
	cr_expect_eq(r.status, 1, "%d", r.status);
	cr_expect_not_null(
		strstr(r.err, "--dir /mnt: 2 MiB are free, and the scratch file takes 64 MiB"),
		"%s", r.err);
}

#define SHORT "bench disk --quiet --file 1M --rounds 1 "

Test(disk_bench, prints_verified_rows_and_leaves_nothing_behind)
{
	static const char *const ops[] = {
		"write", "rewrite", "read", "random-read", "random-write"};
	struct result r;

	need_kvm();
	make_image(0);
	r = tickvm(SHORT "--record 4K,64K --dir \"$DIR\"");
	cr_assert_eq(r.status, 0, "%d: %s", r.status, r.err);
	cr_expect_str_empty(r.err, "%s", r.err);
	cr_expect_not_null(strstr(r.out, "DISK, 1 MiB: guest beside native"), "%s", r.out);
	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
		cr_expect_not_null(strstr(r.out, ops[i]), "%s: %s", ops[i], r.out);
	/* 256 + 16 records, by 5 operations. */
	cr_expect_not_null(strstr(r.out, "1360 of 1360 records"), "%s", r.out);
	for (const char *line = r.out; line != NULL; line = strchr(line, '\n')) {
		line += line != r.out;
		cr_expect_leq(strcspn(line, "\n"), 100, "too wide: %.120s", line);
	}
	remove_image();
}

Test(disk_bench, reads_leave_an_image_as_it_is)
{
	need_kvm();
	make_image(2 * MIB);
	struct result r = tickvm(SHORT "--op read,random-read --disk \"$DIR\"/image");

	cr_expect_eq(r.status, 0, "%d: %s", r.status, r.err);
	cr_expect_null(strstr(r.out, "had the right checksum"), "%s", r.out);
	cr_expect_eq(changed(), 0);
	remove_image();
}

Test(disk_bench, destroys_no_more_of_an_image_than_it_is_told)
{
	need_kvm();
	make_image(2 * MIB);
	struct result r =
		tickvm(SHORT "--op rewrite --record 64K --destroy-data --disk \"$DIR\"/image");

	cr_expect_eq(r.status, 0, "%d: %s", r.status, r.err);
	cr_expect_not_null(strstr(r.out, "16 of 16 records"), "%s", r.out);
	cr_expect(changed() > MIB / 2 && changed() <= MIB, "%zu bytes", changed());
	remove_image();
}

static void check_round(const json_t *run, const json_t *round)
{
	json_int_t bytes = json_integer_value(json_object_get(run, "bytes"));
	json_int_t record = json_integer_value(json_object_get(run, "record"));
	bool guest = strcmp(json_string_value(json_object_get(run, "system")), "guest") == 0;

	cr_assert_eq(json_array_size(round), 6);
	cr_expect_eq(json_integer_value(json_array_get(round, 0)), bytes / record);
	cr_expect_eq(json_integer_value(json_array_get(round, 1)), bytes);
	cr_expect_gt(json_integer_value(json_array_get(round, 2)), 0);
	/* A disk that is done before the guest waits need not interrupt it. */
	cr_expect_geq(json_integer_value(json_array_get(round, 3)), 0, "interrupts");
	cr_expect_leq(json_integer_value(json_array_get(round, 3)), guest ? bytes / record : 0,
		"interrupts");
	cr_expect_eq(json_integer_value(json_array_get(round, 4)), 0, "errors");
	cr_expect_eq(json_integer_value(json_array_get(round, 5)), 0, "mismatches");
	cr_expect_eq(json_object_get(run, "machine") != NULL, guest);
}

Test(disk_bench, its_file_has_every_round)
{
	struct result r;
	unsigned verified = 0, guests = 0;
	size_t i, j;
	json_t *run, *round;

	need_kvm();
	r = tickvm("bench disk --quiet --file 1M --record 4K --op read,random-write --rounds 2 "
		   "--json -");
	cr_assert_eq(r.status, 0, "%d: %s", r.status, r.err);
	json_t *root = json_loads(r.out, 0, NULL);

	cr_assert_not_null(root, "no JSON: %s", r.out);
	/* Of each row four batches with the times, and two in which data are verified. */
	cr_assert_eq(json_array_size(json_object_get(root, "runs")), 2 * 6);
	json_array_foreach(json_object_get(root, "runs"), i, run)
	{
		bool verify = json_is_true(json_object_get(run, "verify"));

		verified += verify;
		guests += json_object_get(run, "machine") != NULL;
		cr_expect_eq(json_array_size(json_object_get(run, "rounds")), verify ? 1 : 2);
		json_array_foreach(json_object_get(run, "rounds"), j, round)
			check_round(run, round);
	}
	cr_expect_eq(verified, 2 * 2);
	cr_expect_eq(guests, 2 * 3);
	cr_expect_eq(json_array_size(json_object_get(root, "skipped")), 0);
	cr_expect_not_null(json_object_get(root, "page"));
	json_decref(root);
}

/* Stopped in rounds that take minutes: as soon as it says that this has begun. */
static void interrupted_at(const char *begun)
{
	make_image(0);
	struct result r = shell_signalled("exec \"$TICKVM\" bench disk --rounds 50 --file 4M,64M "
					  "--dir \"$DIR\" --json \"$DIR\"/json",
		begun, SIGINT);

	cr_expect_eq(r.status, 130, "%s: %d: %s", begun, r.status, r.err);
	r = shell("grep -q '\"interrupted\":true' \"$DIR\"/json && rm \"$DIR\"/json");
	cr_expect_eq(r.status, 0, "%s", r.err);
	remove_image();
}

Test(disk_bench, interrupted_it_says_so_and_leaves_nothing_behind)
{
	need_kvm();
	interrupted_at(", native");
	interrupted_at(", guest");
}
