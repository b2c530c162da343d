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
	refused("bench disk --record 4k", 2, "'4k' is no size; write for example 512, 64K");
	refused("bench disk --record 3K", 2, "--record: 3K is out of range");
	refused("bench disk --record 6K", 2, "--record: 6144 is no power of two");
	refused("bench disk --file 64m", 2, "'64m' is no size");
	refused("bench disk --file 3M", 2, "--file: 3145728 is no power of two");
	refused("bench disk --depth 0", 2, "no number from 1 to 64");
	refused("bench disk --batches 51", 2, "no number from 1 to 50");
	refused("bench disk --runs 2", 2, "launches are --rounds now");
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
	refused(line, 2, "has 0 bytes; expected at least 1 MiB");
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

#define SHORT "bench disk --quiet --file 1M --rounds 1 --batches 1 "

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

#define FILE_BYTES MIB
#define RECORDS    256 /* of 4 KiB */

static json_int_t number_at(const json_t *array, size_t i)
{
	return json_integer_value(json_array_get(array, i));
}

/* A batch: requests, bytes, cycles, interrupts, errors, mismatches. */
static void check_batch(const json_t *batch, bool guest)
{
	const json_int_t records = RECORDS;

	cr_assert_eq(json_array_size(batch), 6);
	cr_expect_eq(number_at(batch, 0), records);
	cr_expect_eq(number_at(batch, 1), FILE_BYTES);
	cr_expect_gt(number_at(batch, 2), 0);
	/* A disk that is done before the guest waits need not interrupt it. */
	cr_expect_geq(number_at(batch, 3), 0, "interrupts");
	cr_expect_leq(number_at(batch, 3), guest ? records : 0, "interrupts");
	cr_expect_eq(number_at(batch, 4), 0, "errors");
	cr_expect_eq(number_at(batch, 5), 0, "mismatches");
}

static size_t check_batches(const json_t *attachments, const char *name, bool guest)
{
	const json_t *rows = json_object_get(json_object_get(attachments, name), "rows");
	size_t i;
	json_t *batch;

	json_array_foreach(rows, i, batch) check_batch(batch, guest);
	return json_array_size(rows);
}

/* Of a guest with the counters, and two batches in which data are verified. */
static void check_launch(const json_t *attachments, bool guest)
{
	cr_expect_eq(check_batches(attachments, "batches", guest), 2);
	cr_expect_eq(
		json_array_size(json_object_get(json_object_get(attachments, "verified"), "rows")),
		guest ? 2 : 0);
	if (guest)
		check_batches(attachments, "verified", true);
	cr_expect_eq(json_object_get(attachments, "exits") != NULL, guest);
	cr_expect_eq(json_object_get(attachments, "kvm_stats") != NULL, guest);
}

static void check_row(const json_t *row)
{
	const json_t *figures = json_object_get(row, "figures");
	bool guest = strcmp(json_string_value(json_object_get(json_object_get(row, "at"), "side")),
			     "guest") == 0;
	size_t i;
	json_t *attachments;

	cr_assert_eq(json_array_size(json_object_get(row, "attachments")), 2);
	json_array_foreach(json_object_get(row, "attachments"), i, attachments)
		check_launch(attachments, guest);
	for (i = 0; i < 2 && guest; i++)
		cr_expect_eq(
			json_number_value(json_array_get(json_object_get(figures, "checked"), i)),
			RECORDS);
	cr_expect_eq(json_object_get(figures, "checked") != NULL, guest);
	cr_expect_eq(json_array_size(json_object_get(figures, "throughput")), 2);
}

Test(disk_bench, its_file_has_every_batch)
{
	struct result r;
	size_t i;
	json_t *row;

	need_kvm();
	r = tickvm("bench disk --quiet --file 1M --record 4K --op read,random-write --batches 2 "
		   "--rounds 2 --json -");
	cr_assert_eq(r.status, 0, "%d: %s", r.status, r.err);
	json_t *root = json_loads(r.out, 0, NULL);

	cr_assert_not_null(root, "no JSON: %s", r.out);
	const json_t *rows =
		json_object_get(json_array_get(json_object_get(root, "datasets"), 0), "rows");

	cr_assert_eq(json_array_size(rows), 2 * 2, "each operation, native and guest");
	json_array_foreach(rows, i, row) check_row(row);
	cr_expect_eq(json_array_size(json_object_get(root, "skipped")), 0);
	cr_expect_not_null(json_object_get(root, "page"));
	json_decref(root);
}

/* Stopped in launches that take minutes: as soon as it says that this has begun. */
static void interrupted_at(const char *begun)
{
	make_image(0);
	struct result r = shell_signalled("exec \"$TICKVM\" bench disk --batches 50 --file 4M,64M "
					  "--dir \"$DIR\" --json \"$DIR\"/json",
		begun, SIGINT);

	cr_expect_eq(r.status, 130, "%s: %d: %s", begun, r.status, r.err);
	r = shell("jq -e .interrupted \"$DIR\"/json && rm \"$DIR\"/json");
	cr_expect_eq(r.status, 0, "%s", r.err);
	remove_image();
}

Test(disk_bench, every_option_is_varied)
{
	struct result r;

	r = tickvm("bench disk --dry-run --op read --file 1M,2M --record 4K,1M "
		   "--irqchip split,user --depth 2,64");
	cr_assert_eq(r.status, 0, "%s", r.err);
	/* Native has no back end; of 1 MiB a file has 1 or 2 records, which is a depth less. */
	size_t lines = 0;

	for (const char *c = r.out; *c != '\0'; c++)
		lines += *c == '\n';
	cr_expect_eq(lines, (2 + 2 + 1 + 1) * (1 + 2), "%s", r.out);
}

Test(disk_bench, interrupted_it_says_so_and_leaves_nothing_behind)
{
	need_kvm();
	interrupted_at(", native");
	interrupted_at(", guest");
}
