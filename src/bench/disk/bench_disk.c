/* SPDX-License-Identifier: BSD-2-Clause */
/* tickvm bench disk: iozone's operations on the guest's disk, beside the same ones of a host
 * process on the same file. What is said of it is in disk_report.c. */
#include "disk_bench.h"

#include "../launch.h"
#include "../registry.h"

#include "tickvm/clock.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define RECORDS_ALL "4K,8K,16K,32K,64K,128K,256K,512K,1M,2M,4M,8M,16M"

/* ---- options ---- */

static const struct parameter parameters[] = {
	PARAMETER_WORDS("side", NULL, disk_side_names, NULL, struct disk_parameters, side,
		"in a thread of this process, or in a guest"),
	PARAMETER_WORDS(
		"op", NULL, disk_op_names, NULL, struct disk_parameters, op, "what is done"),
	PARAMETER_AMOUNT("file", PARAMETER_SIZE, UNIT_BYTES, 0, "64M", DISK_FILE_MIN, DISK_FILE_MAX,
		struct disk_parameters, file, "bytes that are used, a power of two"),
	PARAMETER_AMOUNT("record", PARAMETER_SIZE, UNIT_BYTES, 0, "4K,64K,1M,16M", DISK_RECORD_MIN,
		DISK_RECORD_MAX, struct disk_parameters, record, "of each request, a power of two"),
	PARAMETER_AMOUNT("depth", PARAMETER_NUMBER, UNIT_COUNT, 0, "4", 1, DISK_DEPTH_MAX,
		struct disk_parameters, depth, "requests in flight; random ones 32"),
	PARAMETER_AMOUNT("batches", PARAMETER_NUMBER, UNIT_COUNT, AXIS_EFFORT, "6", 1,
		DISK_BATCHES_MAX, struct disk_parameters, batches,
		"passes in a launch; 3 below 64K, 1 of write"),
	PARAMETER_FLAG("full", struct disk_parameters, full, "files 64M,128M,256M, every record"),
	PARAMETER_PATH("dir", struct disk_parameters, dir,
		"where the scratch file is, which has no name\n"
		"                                 ($TMPDIR, or /tmp)"),
	{.axis = {.id = "destroy-data", .help = "the image of --disk may be overwritten"},
		.kind = PARAMETER_SWITCH,
		.offset = FIELD_AT(struct disk_parameters, destroy_data, bool),
		.typed = "a file may not say what is destroyed"},
	PARAMETERS_END,
};

/* Between prepare() and finish(). */
struct own {
	struct disk_image image;
	/* of all that is measured */
	uint64_t longest;
	bool cleared;
};

/* ---- one launch ---- */

struct disk_run {
	const struct own *own;
	const struct point *point;
	const struct disk_parameters *p;
	struct sink *sink;
	struct guest_disk_round rounds[DISK_BATCHES_MAX]; /* of one batch */
	struct disk_samples samples;
	struct disk_counters counters;
	json_t *batches, *verified;
};

static void add_rounds(json_t *rows, const struct guest_disk_round *rounds, size_t n)
{
	for (size_t i = 0; i < n; i++)
		json_array_append_new(rows,
			json_pack("[I, I, I, I, I, I]", (json_int_t)rounds[i].requests,
				(json_int_t)rounds[i].bytes, (json_int_t)rounds[i].cycles,
				(json_int_t)rounds[i].interrupts, (json_int_t)rounds[i].errors,
				(json_int_t)rounds[i].mismatches));
}

static void attach_rounds(struct sink *sink, const char *name, json_t *rows)
{
	sink_attach(sink, name,
		json_pack("{s:[s, s, s, s, s, s], s:O}", "columns", "requests", "bytes", "cycles",
			"interrupts", "errors", "mismatches", "rows", rows));
}

/* Leaves its rounds in run->rounds. */
static int run_batch(struct disk_run *run, enum disk_side side, const struct disk_batch *batch,
	struct disk_path *path, uint64_t *exits, struct disk_counters *counters, struct diag *diag)
{
	const struct disk_image *image = &run->own->image;
	const struct bench_context *context = &run->point->context;

	if (bench_interrupted)
		return diag_set(diag, -EINTR, "interrupted");
	if (batch->fresh)
		disk_image_renew(image, batch->bytes);
	if (side == DISK_NATIVE)
		return disk_native(image, batch, disk_cpu(context), run->rounds, path, diag);
	return disk_guest(context, image, batch, run->rounds, path, exits, counters, diag);
}

static int time_batch(struct disk_run *run, struct diag *diag)
{
	const struct disk_batch batch = disk_timed(run->p);
	struct disk_samples *samples = &run->samples;
	int err = run_batch(run, run->p->side, &batch, &samples->path, &samples->exits,
		sink_wants(run->sink) ? &run->counters : NULL, diag);

	if (err < 0)
		return err;
	disk_add(samples, run->rounds, batch.rounds, clock_tsc_hz());
	add_rounds(run->batches, run->rounds, batch.rounds);
	return 0;
}

/* ---- verification ---- */

static bool writable(const struct point *point)
{
	const struct disk_parameters *p = point->parameters;

	return point->context.machine.disk_path == NULL || p->destroy_data;
}

/* The first bytes without a single valid checksum; and no block is left that was reserved and never
 * written, and would be read without the medium. */
static int clear(struct disk_run *run, uint64_t bytes, struct diag *diag)
{
	const struct disk_batch batch = {
		.write = true, .bytes = bytes, .record = DISK_FILE_MIN, .depth = 1, .rounds = 1};
	struct disk_path path;
	int err = disk_native(
		&run->own->image, &batch, disk_cpu(&run->point->context), run->rounds, &path, diag);

	return err == 0 && run->rounds->errors > 0 ? -EIO : err;
}

static int verify_batch(struct disk_run *run, enum disk_side side, const struct disk_batch *batch,
	struct diag *diag)
{
	const struct guest_disk_round *round = run->rounds;
	struct disk_samples *samples = &run->samples;
	struct disk_path path;
	uint64_t exits;
	int err = run_batch(run, side, batch, &path, &exits, NULL, diag);

	if (err < 0)
		return err;
	add_rounds(run->verified, round, 1);
	samples->errors += round->errors;
	if (!batch->write) {
		samples->checked += round->bytes / batch->record;
		samples->mismatches += round->mismatches;
	}
	return 0;
}

/* What one side writes the other reads. The guest's part is as in its timed batches. */
static int verify(struct disk_run *run, struct diag *diag)
{
	const struct disk_batch theirs = disk_verifying(run->p);
	struct disk_batch ours = theirs;

	ours.random = ours.fresh = false;
	ours.write = !theirs.write;
	int err = clear(run, run->p->file, diag);

	if (err == 0)
		err = theirs.write ? verify_batch(run, DISK_GUEST, &theirs, diag)
				   : verify_batch(run, DISK_NATIVE, &ours, diag);
	if (err == 0)
		err = theirs.write ? verify_batch(run, DISK_NATIVE, &ours, diag)
				   : verify_batch(run, DISK_GUEST, &theirs, diag);
	return err;
}

/* ---- rows ---- */

static uint64_t flags_of(const struct disk_run *run)
{
	const struct disk_samples *samples = &run->samples;

	return (uint64_t)(samples->mismatches > 0) << DISK_FLAG_MISMATCHES |
	       (uint64_t)(samples->errors > 0) << DISK_FLAG_ERRORS |
	       (uint64_t)run->own->image.in_memory << DISK_FLAG_IN_MEMORY |
	       (uint64_t)!samples->path.direct << DISK_FLAG_BUFFERED |
	       (uint64_t)!samples->path.io_uring << DISK_FLAG_ONE_AT_A_TIME;
}

static void attach(struct disk_run *run)
{
	if (!sink_wants(run->sink))
		return;
	attach_rounds(run->sink, "batches", run->batches);
	if (json_array_size(run->verified) > 0)
		attach_rounds(run->sink, "verified", run->verified);
	if (run->counters.exits != NULL)
		sink_attach(run->sink, "exits", json_incref(run->counters.exits));
	if (run->counters.kvm_stats != NULL)
		sink_attach(run->sink, "kvm_stats", json_incref(run->counters.kvm_stats));
}

/* diag: why requests failed, where that is known. */
static void add_row(struct disk_run *run, const struct diag *diag)
{
	double values[DISK_FIGURES];

	disk_reduce(&run->samples, run->p->side, values);
	sink_row(run->sink, NULL, values);
	sink_flags(run->sink, flags_of(run));
	if (run->samples.errors > 0 && diag->text[0] != '\0')
		sink_label(run->sink, "errors", diag->text);
	attach(run);
}

/* The whole file is written once, before anything is timed. */
static int clear_once(struct disk_run *run, struct own *own, struct diag *diag)
{
	int err = own->cleared || !writable(run->point) ? 0 : clear(run, own->longest, diag);

	own->cleared = err == 0;
	return err;
}

static int measure_run(struct disk_run *run, struct own *own, struct diag *diag)
{
	int err = clear_once(run, own, diag);

	if (err == 0)
		err = time_batch(run, diag);
	if (err == 0 && run->p->side == DISK_GUEST && writable(run->point))
		err = verify(run, diag);
	if (err == 0)
		add_row(run, diag);
	return err;
}

static int measure(
	struct session *session, const struct point *point, struct sink *sink, struct diag *diag)
{
	struct disk_run *run = calloc(1, sizeof(*run));

	if (run == NULL)
		return diag_set(diag, -ENOMEM, "out of memory");
	*run = (struct disk_run){.own = session->own,
		.point = point,
		.p = point->parameters,
		.sink = sink,
		.batches = json_array(),
		.verified = json_array()};
	diag->text[0] = '\0';
	int err = measure_run(run, session->own, diag);

	json_decref(run->batches);
	json_decref(run->verified);
	json_decref(run->counters.exits);
	json_decref(run->counters.kvm_stats);
	free(run);
	return err;
}

/* ---- points ---- */

static bool is_power_of_two(uint64_t number)
{
	return (number & (number - 1)) == 0;
}

static int check_sizes(const struct disk_parameters *p, struct diag *why)
{
	if (!is_power_of_two(p->file))
		return diag_set(why, -EINVAL,
			"--file: %" PRIu64 " is no power of two; write for example 64M", p->file);
	if (!is_power_of_two(p->record))
		return diag_set(why, -EINVAL,
			"--record: %" PRIu64 " is no power of two; write for example 4K or 1M",
			p->record);
	if (p->record > p->file)
		return diag_set(why, -ENOENT, "every --record is longer than every --file");
	return 0;
}

static int check_writes(
	const struct vm_config *machine, const struct disk_parameters *p, struct diag *why)
{
	bool writes = disk_op_writes(p->op);

	if (machine->disk_read_only && (writes || p->destroy_data))
		return diag_set(why, -EINVAL,
			"--disk %.200s is read only; use --op read,random-read without "
			"--destroy-data",
			machine->disk_path);
	if (writes && !p->destroy_data)
		return diag_set(why, -EINVAL,
			"--disk %.200s: its contents would be overwritten; add --destroy-data if "
			"they may be, or use --op read,random-read",
			machine->disk_path);
	return 0;
}

static int check_given(const struct point *point, struct diag *why)
{
	const struct disk_parameters *p = point->parameters;
	const struct vm_config *machine = &point->context.machine;
	struct disk_image image;
	int err = check_writes(machine, p, why);

	/* Who only looks whether all is understood need not have it. */
	if (err < 0 || point->context.check != NULL)
		return err;
	err = disk_image_given(&image, machine->disk_path, why);
	if (err == 0 && image.bytes < DISK_FILE_MIN)
		return diag_set(why, -EINVAL,
			"--disk %.200s has %" PRIu64
			" bytes; expected at least 1 MiB to measure on",
			machine->disk_path, image.bytes);
	if (err == 0 && image.bytes < p->file)
		return diag_set(why, -EINVAL,
			"--disk %.200s has %" PRIu64 " KiB, and --file asks for %" PRIu64 " KiB",
			machine->disk_path, image.bytes >> 10, p->file >> 10);
	return err;
}

static void set_number(struct point *point, const char *axis, uint64_t number)
{
	char text[32];

	snprintf(text, sizeof(text), "%" PRIu64, number);
	point_set(point, axis, text);
}

static void settle_mem(struct point *point)
{
	const struct disk_batch batch = disk_timed(point->parameters);
	uint64_t needed = disk_guest_ram(&batch);

	if (!point_given(point, "mem") && point->context.machine.mem_bytes < needed)
		set_number(point, "mem", needed);
}

static int settle(struct session *session, struct point *point, struct diag *why)
{
	static const char *const of_native[] = {
		"side", "op", "file", "record", "depth", "batches", "disk-cpu", "timer-cpu", NULL};
	const struct disk_parameters *p = point->parameters;
	int err = check_sizes(p, why);

	(void)session;
	if (err == 0 && point->context.machine.disk_path != NULL)
		err = check_given(point, why);
	if (err < 0)
		return err;
	set_number(point, "depth", disk_depth(p, point_given(point, "depth")));
	set_number(point, "batches", disk_batches(p, point_given(point, "batches")));
	if (p->side == DISK_NATIVE)
		point_keep(point, of_native);
	else
		settle_mem(point);
	return 0;
}

/* Of the usual files those that fit in the user's image, or else the longest that does. */
static const char *files_of(const struct session *session)
{
	static const uint64_t usual[] = {64, 128, 256};
	const struct disk_parameters *p = session->parameters;
	const char *path = session->context->machine.disk_path;
	struct disk_image image = {.bytes = UINT64_MAX};
	static char text[32];
	struct diag unused;
	uint64_t longest = 1;
	size_t used = 0;

	if (path != NULL && session->context->check == NULL)
		(void)disk_image_given(&image, path, &unused);
	while (longest < usual[0] && longest << 21 <= image.bytes)
		longest <<= 1;
	snprintf(text, sizeof(text), "%" PRIu64 "M", longest);
	for (size_t i = 0; i < (p->full ? 3 : 1); i++)
		if (usual[i] << 20 <= image.bytes)
			used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%" PRIu64 "M",
				used > 0 ? "," : "", usual[i]);
	return text;
}

static const char *preset(const struct session *session, const char *axis)
{
	const struct disk_parameters *p = session->parameters;

	if (strcmp(axis, "file") == 0)
		return files_of(session);
	return strcmp(axis, "record") == 0 && p->full ? RECORDS_ALL : NULL;
}

/* ---- the file ---- */

static const struct point *first_guest(const struct session *session)
{
	for (size_t i = 0; i < session->n_points; i++) {
		const struct disk_parameters *p = session->points[i]->parameters;

		if (p->side == DISK_GUEST)
			return session->points[i];
	}
	return NULL;
}

static uint64_t longest_of(const struct session *session)
{
	uint64_t longest = 0;

	for (size_t i = 0; i < session->n_points; i++) {
		const struct disk_parameters *p = session->points[i]->parameters;

		longest = p->file > longest ? p->file : longest;
	}
	return longest;
}

static int open_image(const struct session *session, struct own *own, struct diag *diag)
{
	const struct disk_parameters *p = session->parameters;
	const char *given = session->context->machine.disk_path;
	const struct point *guest = first_guest(session);
	int err = given != NULL ? disk_image_given(&own->image, given, diag)
				: disk_image_scratch(&own->image, p->dir, own->longest, diag);

	if (err == 0 && guest != NULL)
		err = disk_guest_check(&guest->context, &own->image, diag);
	/* Without guests here each of them says so. */
	return err == -ENOTSUP ? 0 : err;
}

static int prepare(struct session *session, struct diag *diag)
{
	struct own *own = calloc(1, sizeof(*own));

	if (own == NULL)
		return diag_set(diag, -ENOMEM, "out of memory");
	*own = (struct own){.image = {.fd = -1}, .longest = longest_of(session)};
	int err = open_image(session, own, diag);

	session->own = own;
	if (err < 0) {
		disk_image_close(&own->image);
		free(own);
	}
	return err;
}

static void finish(struct session *session)
{
	struct own *own = session->own;

	disk_image_close(&own->image);
	free(own);
}

static const struct series throughput = {.id = "throughput",
	.title = "Throughput of the disk",
	.axes = (const char *const[]){"file", "record", "op", "side", "depth", "batches",
		MACHINE_AXES, NULL},
	.fixed = (const char *const[]){"vcpus", "1", NULL},
	.preset = preset,
	.figures = disk_figures,
	.n_figures = DISK_FIGURES,
	.flags = disk_flags,
	.n_flags = DISK_FLAGS,
	.rounds = DISK_ROUNDS,
	.settle = settle,
	.measure = measure};

static const struct experiment experiment = {
	.name = "disk",
	.parameters = parameters,
	.parameters_size = sizeof(struct disk_parameters),
	.series = (const struct series *const[]){&throughput, NULL},
	.prepare = prepare,
	.finish = finish,
	.conclude = disk_conclude,
};

static int run(struct bench_context *context, int argc, char **argv)
{
	return drive(&experiment, context, argc, argv);
}

const struct bench bench_disk = {
	.name = "disk",
	.summary = "reads and writes of the guest's disk by record and file size, beside native",
	.experiment = &experiment,
	.run = run,
	.makes_files = true,
};
