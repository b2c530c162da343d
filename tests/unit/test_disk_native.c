/* SPDX-License-Identifier: BSD-2-Clause */
/* What bench disk does without a guest: rows and figures, records and their order, the native side
 * on files that are good and bad, and the page. No KVM; how fast a disk is, is not tested. */
#include "../../src/bench/disk/disk_bench.h"

#include "tickvm/view.h"
#include "tickvm/workload.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

TestSuite(disk_native, .timeout = 300);

#define KIB UINT64_C(1024)
#define MIB (UINT64_C(1) << 20)

static struct diag diag;

/* ---- the plan ---- */

Test(disk_native, depth_is_by_pattern_and_bounded_by_memory_and_file)
{
	struct disk_parameters p = {
		.op = DISK_BENCH_RANDOM_READ, .file = 64 * MIB, .record = 4096, .depth = 64};

	cr_expect_eq(disk_depth(&p, false), 32);
	p.op = DISK_BENCH_READ;
	cr_expect_eq(disk_depth(&p, false), 4);
	cr_expect_eq(disk_depth(&p, true), 64);
	p.file = 1024 * MIB;
	p.record = 16 * MIB;
	cr_expect_eq(disk_depth(&p, true), DISK_IN_FLIGHT_MAX / (16 * MIB));
	p.file = 32 * MIB;
	cr_expect_eq(disk_depth(&p, true), 2, "there are two records");
}

Test(disk_native, batches_are_by_record_and_one_where_blocks_are_new)
{
	struct disk_parameters p = {.op = DISK_BENCH_READ, .record = 4096, .batches = 7};

	cr_expect_eq(disk_batches(&p, false), 3);
	cr_expect_eq(disk_batches(&p, true), 7);
	p.record = 64 * KIB;
	cr_expect_eq(disk_batches(&p, false), 6);
	p.op = DISK_BENCH_WRITE;
	cr_expect_eq(disk_batches(&p, false), 1);
	cr_expect_eq(disk_batches(&p, true), 1);
}

Test(disk_native, batches_do_what_their_points_say)
{
	for (unsigned op = 0; op < DISK_BENCH_OPS; op++) {
		const struct disk_parameters p = {
			.op = op, .file = MIB, .record = 4096, .depth = 5, .batches = 2};
		struct disk_batch timed = disk_timed(&p), verifying = disk_verifying(&p);

		cr_expect(!timed.verify && verifying.verify);
		cr_expect_eq(timed.write, disk_op_writes(op));
		cr_expect_eq(timed.write, op != DISK_BENCH_READ && op != DISK_BENCH_RANDOM_READ);
		cr_expect_eq(timed.random,
			op == DISK_BENCH_RANDOM_READ || op == DISK_BENCH_RANDOM_WRITE);
		cr_expect_eq(timed.fresh, op == DISK_BENCH_WRITE);
		cr_expect_eq(timed.depth, 5);
		cr_expect_eq(timed.rounds, 2);
		cr_expect_eq(verifying.rounds, 1);
	}
}

Test(disk_native, figures_of_a_launch)
{
	const struct guest_disk_round rounds[] = {
		{.requests = 10, .bytes = MIB, .cycles = 1000, .interrupts = 3, .errors = 1},
		{.requests = 10, .bytes = MIB, .cycles = 2000, .interrupts = 4},
		{.requests = 10, .bytes = MIB, .cycles = 4000, .interrupts = 5},
	};
	struct disk_samples samples = {.exits = 15, .checked = 9, .mismatches = 2};
	double values[DISK_FIGURES];

	disk_add(&samples, rounds, 3, 1000000);
	cr_expect_eq(samples.n, 3);
	disk_reduce(&samples, DISK_GUEST, values);
	cr_expect_float_eq(values[DISK_THROUGHPUT], 524288000, 1);
	cr_expect_float_eq(values[DISK_SLOWEST], 262144000, 1);
	cr_expect_float_eq(values[DISK_FASTEST], 1048576000, 1);
	cr_expect_float_eq(values[DISK_IRQS], 0.4, 1e-9);
	cr_expect_float_eq(values[DISK_EXITS], 0.5, 1e-9);
	cr_expect_eq(values[DISK_CHECKED], 9);
	cr_expect_eq(values[DISK_MISMATCHES], 2);
	cr_expect_eq(values[DISK_ERRORS], 1);
	disk_reduce(&samples, DISK_NATIVE, values);
	cr_expect(isnan(values[DISK_IRQS]) && isnan(values[DISK_EXITS]));
	cr_expect(isnan(values[DISK_CHECKED]) && isnan(values[DISK_MISMATCHES]));
	cr_expect_eq(values[DISK_ERRORS], 1);
}

/* ---- records ---- */

Test(disk_records, each_is_taken_once_a_round)
{
	static const uint64_t counts[] = {1, 2, 3, 4, 5, 63, 64, 65, 1000, 16384};

	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		struct workload_disk disk = {
			.records = counts[i], .record_bytes = 512, .random = true};
		bool *seen = calloc(counts[i], sizeof(*seen));
		uint64_t in_order = 0, last = 0;

		for (uint64_t turn = 0; turn < counts[i]; turn++) {
			uint64_t number = workload_disk_next(&disk);

			cr_assert_lt(number, counts[i]);
			cr_assert_not(seen[number], "%lu of %lu twice", number, counts[i]);
			seen[number] = true;
			in_order += number == last + 1;
			last = number;
		}
		if (counts[i] >= 1000)
			cr_expect_lt(
				in_order, counts[i] / 20, "%lu follow their neighbours", in_order);
		free(seen);
	}
}

Test(disk_records, sequential_ones_ascend)
{
	struct workload_disk disk = {.records = 100, .record_bytes = 512};

	for (uint64_t turn = 0; turn < 100; turn++)
		cr_expect_eq(workload_disk_next(&disk), turn);
}

static struct workload_disk reader(const struct workload_disk *writer)
{
	struct workload_disk disk = *writer;

	disk.generation = 0;
	return disk;
}

Test(disk_records, any_changed_bit_is_noticed)
{
	static uint64_t record[512 / 8];
	const struct workload_disk writer = {.records = 9, .record_bytes = 512, .generation = 77};
	struct workload_disk disk = reader(&writer);

	workload_disk_fill(&writer, record, 5);
	cr_assert(workload_disk_check(&disk, record, 5));
	cr_expect_eq(disk.generation, 77);
	for (unsigned bit = 0; bit < 512 * 8; bit++) {
		disk = reader(&writer);
		record[bit / 64] ^= UINT64_C(1) << bit % 64;
		cr_expect_not(workload_disk_check(&disk, record, 5), "bit %u", bit);
		record[bit / 64] ^= UINT64_C(1) << bit % 64;
	}
}

Test(disk_records, another_records_and_another_rounds_data_are_noticed)
{
	static uint64_t old[4096 / 8], new[4096 / 8], torn[4096 / 8], zeros[4096 / 8];
	const struct workload_disk before = {.records = 9, .record_bytes = 4096, .generation = 1};
	const struct workload_disk writer = {.records = 9, .record_bytes = 4096, .generation = 2};
	struct workload_disk disk = reader(&writer);

	workload_disk_fill(&before, old, 4);
	workload_disk_fill(&writer, new, 5);
	cr_expect(workload_disk_check(&disk, new, 5));
	cr_expect_not(workload_disk_check(&disk, new, 6), "it is 5");
	cr_expect_not(workload_disk_check(&disk, old, 4), "it was not written with 5");
	cr_expect_not(workload_disk_check(&disk, zeros, 0), "never written");
	workload_disk_fill(&before, torn, 5);
	memcpy(torn, new, 512);
	cr_expect_not(workload_disk_check(&disk, torn, 5), "half of it is of before");
}

/* ---- the image ---- */

static struct disk_image scratch(uint64_t bytes)
{
	struct disk_image image;

	cr_assert_eq(disk_image_scratch(&image, NULL, bytes, &diag), 0, "%s", diag.text);
	return image;
}

Test(disk_native, a_scratch_file_has_its_blocks_and_no_name)
{
	char dir[] = "/tmp/tickvm-test-XXXXXX";
	struct disk_image image;
	struct stat st;

	cr_assert_not_null(mkdtemp(dir));
	cr_assert_eq(disk_image_scratch(&image, dir, MIB, &diag), 0, "%s", diag.text);
	cr_expect_eq(rmdir(dir), 0, "something is in it");
	cr_assert_eq(stat(disk_image_path(&image), &st), 0);
	cr_expect_eq(st.st_size, MIB);
	cr_expect_geq(st.st_blocks * 512, (blkcnt_t)MIB);
	disk_image_renew(&image, MIB);
	cr_assert_eq(stat(disk_image_path(&image), &st), 0);
	cr_expect_eq(st.st_size, MIB);
	disk_image_close(&image);
	disk_image_close(&image);
}

static void no_scratch(const char *dir, uint64_t bytes, int err, const char *says)
{
	struct disk_image image;

	cr_expect_eq(disk_image_scratch(&image, dir, bytes, &diag), err);
	cr_expect(strstr(diag.text, says) != NULL, "\"%s\" does not say \"%s\"", diag.text, says);
	cr_expect_null(strchr(diag.text, '\n'));
}

Test(disk_native, what_cannot_hold_a_scratch_file_is_told_before_anything_is_written)
{
	const struct rlimit limit = {.rlim_cur = MIB / 2, .rlim_max = MIB / 2};

	no_scratch("/nonexistent", MIB, -EINVAL, "expected a directory");
	no_scratch("/tmp", UINT64_C(1) << 60, -ENOSPC, "MiB are free");
	no_scratch("/proc", MIB, -ENOSPC, "--dir /proc: 0 MiB are free");
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	no_scratch("/tmp", MIB, -EFBIG, "512 KiB (ulimit -f)");
}

/* ---- native batches ---- */

static int run(const struct disk_image *image, const struct disk_batch *batch,
	struct guest_disk_round *rounds)
{
	struct disk_path path;

	return disk_native(image, batch, -1, rounds, &path, &diag);
}

static void writes_and_reads_back(void)
{
	struct disk_image image = scratch(2 * MIB);
	struct guest_disk_round rounds[2];

	for (unsigned i = 0; i < 4; i++) {
		struct disk_batch batch = {.write = true,
			.verify = true,
			.random = i & 1,
			.bytes = 2 * MIB,
			.record = i & 2 ? 256 * KIB : 4096,
			.depth = 7,
			.rounds = 2};

		cr_assert_eq(run(&image, &batch, rounds), 0, "%s", diag.text);
		batch.write = false;
		batch.random = !batch.random;
		cr_assert_eq(run(&image, &batch, rounds), 0, "%s", diag.text);
		for (unsigned r = 0; r < 2; r++) {
			cr_expect_eq(rounds[r].requests, batch.bytes / batch.record);
			cr_expect_eq(rounds[r].bytes, batch.bytes);
			cr_expect_gt(rounds[r].cycles, 0);
			cr_expect_eq(rounds[r].errors, 0, "%s", diag.text);
			cr_expect_eq(rounds[r].mismatches, 0);
		}
	}
	disk_image_close(&image);
}

Test(disk_native, writes_and_reads_back)
{
	writes_and_reads_back();
}

/* As on a kernel that has no io_uring. */
Test(disk_native, without_io_uring_too)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0 /* the system call's number */),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {.len = sizeof(filter) / sizeof(filter[0]), .filter = filter};
	const struct disk_batch batch = {.bytes = MIB, .record = 4096, .depth = 32, .rounds = 1};
	struct disk_image image = scratch(MIB);
	struct guest_disk_round round;
	struct disk_path path;

	cr_assert_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
		cr_skip_test("no seccomp filter here: %s", strerror(errno));
	cr_assert_eq(disk_native(&image, &batch, -1, &round, &path, &diag), 0, "%s", diag.text);
	cr_expect_not(path.io_uring);
	cr_expect_eq(round.bytes, MIB);
	disk_image_close(&image);
	writes_and_reads_back();
}

Test(disk_native, damage_is_found_and_counted)
{
	struct disk_batch batch = {.write = true,
		.verify = true,
		.bytes = MIB,
		.record = 4096,
		.depth = 4,
		.rounds = 1};
	struct disk_image image = scratch(MIB);
	struct guest_disk_round round;

	cr_assert_eq(run(&image, &batch, &round), 0, "%s", diag.text);
	cr_assert_eq(pwrite(image.fd, "x", 1, 5 * 4096 + 100), 1);
	cr_assert_eq(pwrite(image.fd, "x", 1, 7 * 4096), 1);
	batch.write = false;
	cr_assert_eq(run(&image, &batch, &round), 0, "%s", diag.text);
	cr_expect_eq(round.mismatches, 2);
	cr_expect_eq(round.errors, 0);
	disk_image_close(&image);
}

Test(disk_native, an_image_that_shrinks_is_errors)
{
	const struct disk_batch batch = {.bytes = MIB, .record = 64 * KIB, .depth = 4, .rounds = 1};
	struct disk_image image = scratch(MIB);
	struct guest_disk_round round;

	cr_assert_eq(ftruncate(image.fd, (off_t)(MIB / 2)), 0);
	cr_assert_eq(run(&image, &batch, &round), 0);
	cr_expect_eq(round.errors, 8, "%lu", round.errors);
	cr_expect_eq(round.bytes, MIB / 2);
	cr_expect(strstr(diag.text, "native read of 65536 bytes at 524288: ended early") != NULL,
		"%s", diag.text);
	disk_image_close(&image);
}

Test(disk_native, an_image_that_is_not_there_is_told)
{
	const struct disk_image image = {.fd = -1, .given = "/tmp/tickvm-no-such-image"};
	const struct disk_batch batch = {.bytes = MIB, .record = 4096, .depth = 4, .rounds = 1};
	struct guest_disk_round round;

	cr_expect_eq(run(&image, &batch, &round), -ENOENT);
	cr_expect(strstr(diag.text, "/tmp/tickvm-no-such-image: No such file") != NULL, "%s",
		diag.text);
}

/* ---- the page ---- */

static const struct axis axes[] = {{.id = "file", .unit = UNIT_BYTES},
	{.id = "record", .unit = UNIT_BYTES}, {.id = "op"}, {.id = "side"},
	{.id = "depth", .unit = UNIT_COUNT}, {.id = "batches", .unit = UNIT_COUNT}};
#define AXES (sizeof(axes) / sizeof(axes[0]))

static struct document *document;
static struct dataset *set;

static void begin_page(void)
{
	document = document_create();
	set = dataset_create("disk.throughput", "Throughput of the disk", axes, AXES, disk_figures,
		DISK_FIGURES, disk_flags, DISK_FLAGS);
	document_add(document, set);
}

TestSuite(disk_page, .init = begin_page);

struct side_of {
	enum disk_bench_op op;
	uint64_t record;
	enum disk_side side;
	double slow, fast; /* MB/s */
	uint64_t flags;
	double checked, mismatches, errors;
};

/* A launch of three batches. */
static struct row *add(const struct side_of *is)
{
	bool random = is->op == DISK_BENCH_RANDOM_READ || is->op == DISK_BENCH_RANDOM_WRITE;
	bool guest = is->side == DISK_GUEST;
	struct row *row = dataset_row(
		set, (const struct value[AXES]){value_number(64.0 * MIB),
			     value_number((double)is->record), value_word(disk_op_names[is->op]),
			     value_word(disk_side_names[is->side]), value_number(random ? 32 : 4),
			     value_number(3)});
	double figures[DISK_FIGURES] = {[DISK_THROUGHPUT] = (is->slow + is->fast) / 2 * 1e6,
		[DISK_SLOWEST] = is->slow * 1e6,
		[DISK_FASTEST] = is->fast * 1e6,
		[DISK_IRQS] = guest ? 0.5 : (double)NAN,
		[DISK_EXITS] = guest ? 0.25 : (double)NAN,
		[DISK_CHECKED] = guest ? is->checked : (double)NAN,
		[DISK_MISMATCHES] = guest ? is->mismatches : (double)NAN,
		[DISK_ERRORS] = is->errors};

	row_sample(set, row, 0, (unsigned)row->n_samples + 1, figures)->flags = is->flags;
	return row;
}

static const char *said(void)
{
	static const struct experiment experiment = {.name = "disk"};
	static const struct bench_context context;
	struct session session = {
		.experiment = &experiment, .document = document, .context = &context};
	static char text[16384];
	FILE *out = fmemopen(text, sizeof(text), "w");

	cr_assert_not_null(out);
	disk_conclude(&session);
	struct page *page = document_page(document);

	page_print(page, PAGE_TEXT, out);
	fclose(out);
	page_destroy(page);
	document_destroy(document);
	begin_page();
	return text;
}

static void expect_in(const char *text, const char *what)
{
	cr_expect(strstr(text, what) != NULL, "\"%s\" is not in:\n%s", what, text);
}

static const char *said_of_goals(double read_slow, double read_fast, double slow, double fast)
{
	add(&(struct side_of){DISK_BENCH_READ, MIB, DISK_NATIVE, 99, 101, 0, 0, 0, 0});
	add(&(struct side_of){DISK_BENCH_READ, MIB, DISK_GUEST, read_slow, read_fast, 0, 10, 0, 0});
	add(&(struct side_of){DISK_BENCH_RANDOM_READ, 4096, DISK_NATIVE, 99, 101, 0, 0, 0, 0});
	add(&(struct side_of){DISK_BENCH_RANDOM_READ, 4096, DISK_GUEST, slow, fast, 0, 10, 0, 0});
	return said();
}

Test(disk_page, goals_are_judged_by_medians)
{
	const char *text = said_of_goals(90, 92, 59, 61);

	expect_in(text, "DISK, 64 MiB: guest beside native");
	expect_in(text, "ok: read of 1024 KiB at depth 4, 64 MiB: the guest reaches 91 %");
	expect_in(
		text, "NOT MET: random-read of 4 KiB at depth 32, 64 MiB: the guest reaches 60 %");
	expect_in(text, "ok: 20 of 20 records");
	text = said_of_goals(80, 120, 60, 78);
	expect_in(text, "unknown: read of 1024 KiB at depth 4, 64 MiB: the guest reaches 100 %");
	expect_in(
		text, "unknown: random-read of 4 KiB at depth 32, 64 MiB: the guest reaches 69 %");
	expect_in(text, "batches differ by 26 %");
}

Test(disk_page, spread_is_of_all_rounds)
{
	add(&(struct side_of){DISK_BENCH_READ, MIB, DISK_NATIVE, 100, 100, 0, 0, 0, 0});
	add(&(struct side_of){DISK_BENCH_READ, MIB, DISK_GUEST, 90, 90, 0, 0, 0, 0});
	add(&(struct side_of){DISK_BENCH_READ, MIB, DISK_GUEST, 120, 120, 0, 0, 0, 0});
	expect_in(said(), "batches differ by 29 %");
}

Test(disk_page, a_side_alone_is_a_row)
{
	const char *text;

	add(&(struct side_of){DISK_BENCH_READ, MIB, DISK_NATIVE, 100, 100, 0, 0, 0, 0});
	text = said();
	expect_in(text, "100.0");
	cr_expect_null(strstr(text, "of native; asked"), "%s", text);
	cr_expect_null(strstr(text, "had the right checksum"), "%s", text);
}

Test(disk_page, sides_on_different_ways_are_not_compared)
{
	const char *text;

	add(&(struct side_of){DISK_BENCH_READ, MIB, DISK_NATIVE, 100, 100, 0, 0, 0, 0});
	add(&(struct side_of){
		DISK_BENCH_READ, MIB, DISK_GUEST, 500, 500, 1 << DISK_FLAG_BUFFERED, 0, 0, 0});
	text = said();
	expect_in(text, "they do not take the same way to the file");
	expect_in(text, "5.000 !");
	expect_in(text, "page cache");
}

Test(disk_page, wrong_data_and_errors_are_seen)
{
	const char *text;

	add(&(struct side_of){DISK_BENCH_WRITE, 4096, DISK_GUEST, 100, 100, 0, 10, 3, 0});
	row_label(
		add(&(struct side_of){DISK_BENCH_REWRITE, 4096, DISK_GUEST, 100, 100, 0, 10, 0, 4}),
		"errors", "the medium is gone");
	text = said();
	expect_in(text, "3 BAD");
	expect_in(text, "4 ERR");
	expect_in(text, "17 of 20 records");
	expect_in(text, "4 requests failed");
	expect_in(text, "errors: rewrite, records of 4 KiB: the medium is gone");
}

Test(disk_page, a_file_in_memory_is_told)
{
	struct side_of native = {DISK_BENCH_READ, 4096, DISK_NATIVE, 100, 100, 0, 0, 0, 0};

	add(&native);
	cr_expect_null(strstr(said(), "in memory (tmpfs)"));
	native.flags = 1 << DISK_FLAG_IN_MEMORY;
	add(&native);
	cr_expect_not_null(strstr(said(), "in memory (tmpfs)"));
}
