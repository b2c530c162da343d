/* SPDX-License-Identifier: BSD-2-Clause */
/* tickvm bench disk: iozone's operations on the guest's disk, beside the same ones of a host
 * process on the same file. Here: what is asked, in which order it is run; the rest is in disk_*.c.
 */
#include "disk_bench.h"
#include "../launch.h"
#include "../options.h"
#include "../progress.h"
#include "../registry.h"

#include "tickvm/clock.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define BIT(i)          (UINT64_C(1) << (i))
#define FILE_DEFAULT    BIT(6)                               /* 64M */
#define FILES_FULL      (BIT(6) | BIT(7) | BIT(8))           /* to 256M */
#define RECORDS_DEFAULT (BIT(0) | BIT(4) | BIT(8) | BIT(12)) /* 4K, 64K, 1M, 16M */

static const char help[] =
	"  --op LIST            of write,rewrite,read,random-read,random-write (default: all)\n"
	"  --file LIST          bytes that are used, 1M to 1G by powers of two (default 64M)\n"
	"  --record LIST        4K to 16M by powers of two (default 4K,64K,1M,16M)\n"
	"  --depth N            requests in flight, 1 to 64 (default: random 32, sequential 4)\n"
	"  --rounds N           in each of 2 batches a side, 1 to 50 (default: 3 or 6, by record)\n"
	"  --full               files 64M,128M,256M, every record\n"
	"  --dir DIR            where the scratch file is (default $TMPDIR, or /tmp); it has no "
	"name\n"
	"  --destroy-data       the image of --disk may be overwritten (without --disk: no need)\n";

/* A B B A: the machine's drift meets both alike. */
static const enum disk_side batch_order[] = {DISK_NATIVE, DISK_GUEST, DISK_GUEST, DISK_NATIVE};
#define BATCHES (sizeof(batch_order) / sizeof(batch_order[0]))
_Static_assert(BATCHES == (size_t)DISK_SIDES * DISK_BATCHES, "room for each side's");

struct session {
	const struct bench_context *context;
	struct disk_plan plan;
	bool full;
	const char *dir;
	struct disk_image image;
	struct disk_report report;
	struct guest_disk_round rounds[DISK_ROUNDS_MAX]; /* of one batch */
	struct results results;
	struct progress progress;
};

/* ---- batches ---- */

static json_t *rounds_json(struct session *session, size_t n)
{
	json_t *rounds = json_array();

	for (size_t i = 0; i < n; i++) {
		const struct guest_disk_round *r = &session->rounds[i];

		results_add(&session->results, rounds, NULL,
			json_pack("[I, I, I, I, I, I]", (json_int_t)r->requests,
				(json_int_t)r->bytes, (json_int_t)r->cycles,
				(json_int_t)r->interrupts, (json_int_t)r->errors,
				(json_int_t)r->mismatches));
	}
	return rounds;
}

/* Leaves its rounds in session->rounds and itself in the results. */
static int run_batch(struct session *session, enum disk_side side, const struct disk_batch *batch,
	struct disk_path *path, uint64_t *exits, struct diag *diag)
{
	int err;

	if (bench_interrupted)
		return diag_set(diag, -EINTR, "interrupted");
	json_t *json = json_pack("{s:s, s:s, s:I, s:I, s:I, s:b}", "system", disk_side_names[side],
		"op", disk_op_names[disk_op_of(batch)], "bytes", (json_int_t)batch->bytes, "record",
		(json_int_t)batch->record, "depth", (json_int_t)batch->depth, "verify",
		batch->verify);

	if (batch->fresh)
		disk_image_renew(&session->image, batch->bytes);
	if (side == DISK_GUEST)
		err = disk_guest(session->context, &session->image, batch, session->rounds, path,
			exits, &session->results, json, diag);
	else
		err = disk_native(&session->image, batch, disk_cpu(session->context),
			session->rounds, path, diag);
	if (err == 0) {
		results_add(&session->results, json, "io_uring", json_boolean(path->io_uring));
		results_add(&session->results, json, "direct", json_boolean(path->direct));
		results_add(&session->results, json, "rounds", rounds_json(session, batch->rounds));
		if (session->image.in_memory)
			results_add(
				&session->results, json, "flags", json_pack("[s]", "in-memory"));
		results_add(&session->results, session->results.runs, NULL, json_incref(json));
	}
	json_decref(json);
	return err;
}

static int time_batch(struct session *session, struct disk_row *row, enum disk_side side)
{
	const struct disk_batch batch = disk_timed(&session->plan, row);
	struct disk_path path = {0};
	uint64_t exits = 0;

	progress_step(&session->progress, "%s, records of %" PRIu64 " KiB, %s",
		disk_op_names[row->op], row->record >> 10, disk_side_names[side]);
	int err = run_batch(session, side, &batch, &path, &exits, &row->diag);

	if (err == 0)
		disk_add(row, side, path, session->rounds, batch.rounds, clock_tsc_hz());
	row->samples[side].exits += exits;
	return err;
}

/* ---- verification ---- */

static bool writable(const struct session *session)
{
	return session->context->machine.disk_path == NULL || session->plan.destroy_data;
}

/* The file without a single valid checksum; and no block is left that was reserved and never
 * written, and would be read without the medium. */
static int clear(struct session *session, struct disk_row *row)
{
	const struct disk_batch batch = {.write = true,
		.bytes = row->file,
		.record = DISK_FILE_MIN,
		.depth = 1,
		.rounds = 1};
	struct disk_path path;
	int err = disk_native(&session->image, &batch, disk_cpu(session->context), session->rounds,
		&path, &row->diag);

	return err == 0 && session->rounds->errors > 0 ? -EIO : err;
}

static int verify_batch(struct session *session, struct disk_row *row, enum disk_side side,
	const struct disk_batch *batch)
{
	const struct guest_disk_round *round = session->rounds;
	struct disk_path path;
	uint64_t exits;
	int err = run_batch(session, side, batch, &path, &exits, &row->diag);

	if (err < 0)
		return err;
	row->samples[side].errors += round->errors;
	if (!batch->write) {
		row->checked += round->bytes / batch->record;
		row->mismatches += round->mismatches;
	}
	return 0;
}

/* What one side writes the other reads. The guest's part is as in its timed batches. */
static int verify_row(struct session *session, struct disk_row *row)
{
	const struct disk_batch theirs = disk_verifying(&session->plan, row);
	struct disk_batch ours = theirs;
	const struct disk_batch *write = theirs.write ? &theirs : &ours;
	const struct disk_batch *read = theirs.write ? &ours : &theirs;

	progress_step(&session->progress, "%s, records of %" PRIu64 " KiB, verified",
		disk_op_names[row->op], row->record >> 10);
	ours.random = ours.fresh = false;
	ours.write = !theirs.write;
	int err = clear(session, row);

	if (err == 0)
		err = verify_batch(
			session, row, write == &theirs ? DISK_GUEST : DISK_NATIVE, write);
	if (err == 0)
		err = verify_batch(session, row, read == &theirs ? DISK_GUEST : DISK_NATIVE, read);
	return err;
}

/* ---- all rows ---- */

static int run_row(struct session *session, struct disk_row *row)
{
	bool first_of_file = row == session->report.rows || row[-1].file != row->file;

	if (first_of_file && writable(session))
		row->err = clear(session, row);
	for (size_t b = 0; b < BATCHES && row->err == 0; b++)
		row->err = time_batch(session, row, batch_order[b]);
	if (row->err == 0 && writable(session))
		row->err = verify_row(session, row);
	/* What is wrong with one row only does not end the others. */
	return row->err == -EINTR || row->err == -EINVAL || row->err == -ENOTSUP ? row->err : 0;
}

static int run_all(struct session *session)
{
	struct disk_report *report = &session->report;
	size_t steps = report->n * (BATCHES + writable(session));
	int err = 0;

	session->progress = progress_begin((unsigned)steps, session->context->quiet);
	for (size_t i = 0; i < report->n && err == 0; i++)
		err = run_row(session, &report->rows[i]);
	progress_end(&session->progress);
	return err;
}

/* ---- before anything is measured ---- */

static int parse(struct session *session, int argc, char **argv, struct diag *diag)
{
	struct disk_plan *plan = &session->plan;
	*plan = (struct disk_plan){.ops = BIT(DISK_BENCH_OPS) - 1};
	const struct option_spec specs[] = {
		{"op", OPTION_CHOICES, &plan->ops, .names = disk_op_names},
		{"file", OPTION_CHOICES, &plan->files, .names = disk_file_names},
		{"record", OPTION_CHOICES, &plan->records, .names = disk_record_names},
		{"depth", OPTION_NUMBER, &plan->depth, .min = 1, .max = DISK_DEPTH_MAX},
		{"rounds", OPTION_NUMBER, &plan->rounds, .min = 1, .max = DISK_ROUNDS_MAX},
		{"full", OPTION_FLAG, &session->full, .min = 0},
		{"dir", OPTION_TEXT, &session->dir, .min = 0},
		{"destroy-data", OPTION_FLAG, &plan->destroy_data,
			.typed = "a file may not say what is destroyed"},
		{.name = NULL},
	};
	int err = options_parse(specs, argc, argv, diag);

	if (plan->records == 0)
		plan->records = session->full ? BIT(DISK_RECORDS) - 1 : RECORDS_DEFAULT;
	return err;
}

static int check_writes(const struct session *session, struct diag *diag)
{
	const struct vm_config *machine = &session->context->machine;
	bool writes = false;

	for (unsigned op = 0; op < DISK_BENCH_OPS; op++)
		writes |= (session->plan.ops >> op & 1) && disk_op_writes(op);
	if (machine->disk_path == NULL)
		return 0;
	if (machine->disk_read_only && (writes || session->plan.destroy_data))
		return diag_set(diag, -EINVAL,
			"--disk %.200s is read only; use --op read,random-read without "
			"--destroy-data",
			machine->disk_path);
	if (writes && !session->plan.destroy_data)
		return diag_set(diag, -EINVAL,
			"--disk %.200s: its contents would be overwritten; add --destroy-data if "
			"they may be, or use --op read,random-read",
			machine->disk_path);
	return 0;
}

/* Unless told: the usual ones of those that fit, or else the longest that does. 0: none. */
static uint64_t choose_files(const struct session *session, uint64_t bytes)
{
	uint64_t usual = session->full ? FILES_FULL : FILE_DEFAULT, fitting = 0, longest = 0;

	for (unsigned i = 0; i < DISK_FILES && DISK_FILE_MIN << i <= bytes; i++) {
		longest = BIT(i);
		fitting |= longest;
	}
	return (usual & fitting) != 0 ? usual & fitting : longest;
}

static uint64_t longest_file(const struct session *session)
{
	uint64_t bytes = 0;

	for (unsigned i = 0; i < DISK_FILES; i++)
		if (session->plan.files >> i & 1)
			bytes = DISK_FILE_MIN << i;
	return bytes;
}

static int open_given(struct session *session, const char *path, struct diag *diag)
{
	struct disk_image *image = &session->image;

	image->given = path;
	int err = disk_guest_check(session->context, image, diag);

	if (err == 0)
		err = disk_image_given(image, path, diag);
	if (err == 0 && session->plan.files == 0)
		session->plan.files = choose_files(session, image->bytes);
	if (err == 0 && session->plan.files == 0)
		return diag_set(diag, -EINVAL,
			"--disk %.200s has %" PRIu64
			" bytes; expected at least 1 MiB to measure on",
			path, image->bytes);
	if (err == 0 && image->bytes < longest_file(session))
		return diag_set(diag, -EINVAL,
			"--disk %.200s has %" PRIu64 " KiB, and --file asks for %" PRIu64 " KiB",
			path, image->bytes >> 10, longest_file(session) >> 10);
	return err;
}

static int open_image(struct session *session, struct diag *diag)
{
	const char *given = session->context->machine.disk_path;

	if (given != NULL)
		return open_given(session, given, diag);
	if (session->plan.files == 0)
		session->plan.files = choose_files(session, UINT64_MAX);
	int err = disk_image_scratch(&session->image, session->dir, longest_file(session), diag);

	return err < 0 ? err : disk_guest_check(session->context, &session->image, diag);
}

static int prepare(struct session *session, struct diag *diag)
{
	struct disk_report *report = &session->report;
	int err = open_image(session, diag);

	*report = (struct disk_report){.plan = &session->plan,
		.image = &session->image,
		.n = disk_rows(&session->plan, NULL)};
	if (err < 0)
		return err;
	if (report->n == 0)
		return diag_set(diag, -EINVAL, "every --record is longer than every --file");
	report->rows = calloc(report->n, sizeof(*report->rows));
	if (report->rows == NULL)
		return diag_set(diag, -ENOMEM, "out of memory");
	disk_rows(&session->plan, report->rows);
	return 0;
}

/* ---- afterwards ---- */

static void add_skipped(struct session *session)
{
	json_t *skipped = json_array();

	for (size_t i = 0; i < session->report.n; i++) {
		const struct disk_row *row = &session->report.rows[i];

		if (row->err < 0)
			results_add(&session->results, skipped, NULL,
				json_pack("{s:s, s:I, s:I, s:o}", "op", disk_op_names[row->op],
					"bytes", (json_int_t)row->file, "record",
					(json_int_t)row->record, "reason",
					json_text(row->diag.text)));
	}
	results_add(&session->results, session->results.root, "skipped", skipped);
}

/* Wrong data are the worst that can be said. */
static int status_of(const struct session *session, int err)
{
	for (size_t i = 0; i < session->report.n; i++) {
		const struct disk_row *row = &session->report.rows[i];

		if (row->mismatches + row->samples[DISK_GUEST].errors +
				row->samples[DISK_NATIVE].errors >
			0)
			return 1;
		if (err == 0)
			err = row->err;
	}
	return launch_exit_status(err);
}

/* Of both batches of a side together. */
static void add_metrics(struct session *session)
{
	for (size_t i = 0; i < session->report.n; i++) {
		const struct disk_row *row = &session->report.rows[i];

		for (unsigned side = 0; side < DISK_SIDES && row->err == 0; side++) {
			struct disk_samples samples = row->samples[side];

			results_metric(&session->results, HIGHER_IS_BETTER, "MB/s",
				stats_spread(samples.mb_per_s, samples.n).median,
				"disk/%s/%s/%" PRIu64 "M/%" PRIu64 "K", disk_side_names[side],
				disk_op_names[row->op], row->file >> 20, row->record >> 10);
		}
	}
}

static int publish(struct session *session, int err)
{
	struct page *page = page_create();

	add_skipped(session);
	add_metrics(session);
	disk_page(page, &session->report);
	int status =
		results_publish(&session->results, page, session->context, status_of(session, err));

	page_destroy(page);
	return status;
}

static int run(struct bench_context *context, int argc, char **argv)
{
	static struct session session;
	struct diag diag = {""};

	session = (struct session){.context = context, .image = {.fd = -1}};
	if (parse(&session, argc, argv, &diag) < 0 || check_writes(&session, &diag) < 0)
		return bench_refuse(context, "disk", &diag);
	if (context->check != NULL)
		return 0;
	results_begin(&session.results, context, "disk");
	int err = prepare(&session, &diag);
	int status = launch_exit_status(err);

	if (err < 0)
		fprintf(stderr, "tickvm: bench disk: %s\n", diag.text);
	else
		status = publish(&session, run_all(&session));
	disk_image_close(&session.image);
	free(session.report.rows);
	results_end(&session.results);
	return status;
}

const struct bench bench_disk = {
	.name = "disk",
	.summary = "reads and writes of the guest's disk by record and file size, beside native",
	.help = help,
	.run = run,
	.makes_files = true,
};
