/* SPDX-License-Identifier: BSD-2-Clause */
/* Which rows there are, what a batch of each does, and what its rounds come to. Pure: it reads,
 * writes and prints nothing. */
#include "disk_bench.h"

#define DEPTH_RANDOM     32
#define DEPTH_SEQUENTIAL 4
#define SHORT_RECORD     65536 /* below: a round takes long, and is steady enough */
#define ROUNDS_SHORT     3
#define ROUNDS_LONG      6

const char *const disk_op_names[] = {
	"write", "rewrite", "read", "random-read", "random-write", NULL};
_Static_assert(sizeof(disk_op_names) / sizeof(disk_op_names[0]) == DISK_BENCH_OPS + 1, "each op");
const char *const disk_record_names[] = {"4K", "8K", "16K", "32K", "64K", "128K", "256K", "512K",
	"1M", "2M", "4M", "8M", "16M", NULL};
_Static_assert(sizeof(disk_record_names) / sizeof(disk_record_names[0]) == DISK_RECORDS + 1,
	"each record");
const char *const disk_file_names[] = {
	"1M", "2M", "4M", "8M", "16M", "32M", "64M", "128M", "256M", "512M", "1G", NULL};
_Static_assert(sizeof(disk_file_names) / sizeof(disk_file_names[0]) == DISK_FILES + 1, "each file");
const char *const disk_side_names[] = {"native", "guest", NULL};

bool disk_op_writes(enum disk_bench_op op)
{
	return op != DISK_BENCH_READ && op != DISK_BENCH_RANDOM_READ;
}

enum disk_bench_op disk_op_of(const struct disk_batch *batch)
{
	if (batch->random)
		return batch->write ? DISK_BENCH_RANDOM_WRITE : DISK_BENCH_RANDOM_READ;
	if (batch->write)
		return batch->fresh ? DISK_BENCH_WRITE : DISK_BENCH_REWRITE;
	return DISK_BENCH_READ;
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static unsigned depth_of(const struct disk_plan *plan, const struct disk_row *row, bool random)
{
	uint64_t depth = plan->depth != 0 ? plan->depth : random ? DEPTH_RANDOM : DEPTH_SEQUENTIAL;

	depth = least(depth, DISK_IN_FLIGHT_MAX / row->record);
	return (unsigned)least(depth, row->file / row->record);
}

struct disk_batch disk_timed(const struct disk_plan *plan, const struct disk_row *row)
{
	bool random = row->op == DISK_BENCH_RANDOM_READ || row->op == DISK_BENCH_RANDOM_WRITE;
	uint64_t rounds = plan->rounds != 0            ? plan->rounds
			  : row->record < SHORT_RECORD ? ROUNDS_SHORT
						       : ROUNDS_LONG;

	return (struct disk_batch){.write = disk_op_writes(row->op),
		.random = random,
		.fresh = row->op == DISK_BENCH_WRITE,
		.bytes = row->file,
		.record = row->record,
		.depth = depth_of(plan, row, random),
		/* Blocks are written for the first time once. */
		.rounds = row->op == DISK_BENCH_WRITE ? 1 : (unsigned)rounds};
}

struct disk_batch disk_verifying(const struct disk_plan *plan, const struct disk_row *row)
{
	struct disk_batch batch = disk_timed(plan, row);

	batch.verify = true;
	batch.rounds = 1;
	return batch;
}

size_t disk_rows(const struct disk_plan *plan, struct disk_row *rows)
{
	size_t n = 0;

	for (unsigned f = 0; f < DISK_FILES; f++) {
		for (unsigned r = 0; r < DISK_RECORDS; r++) {
			for (unsigned op = 0; op < DISK_BENCH_OPS; op++) {
				struct disk_row row = {.op = op,
					.file = DISK_FILE_MIN << f,
					.record = (uint64_t)DISK_RECORD_MIN << r};

				if (!(plan->files >> f & plan->records >> r & plan->ops >> op &
					    1) ||
					row.record > row.file)
					continue;
				if (rows != NULL)
					rows[n] = row;
				n++;
			}
		}
	}
	return n;
}

void disk_add(struct disk_row *row, enum disk_side side, struct disk_path path,
	const struct guest_disk_round *rounds, size_t n, uint64_t tsc_hz)
{
	struct disk_samples *samples = &row->samples[side];
	bool first = samples->n == 0;

	samples->path.io_uring = path.io_uring && (first || samples->path.io_uring);
	samples->path.direct = path.direct && (first || samples->path.direct);
	for (size_t i = 0; i < n && samples->n < DISK_BATCHES * DISK_ROUNDS_MAX; i++) {
		double seconds = (double)rounds[i].cycles / (double)tsc_hz;

		samples->mb_per_s[samples->n++] = (double)rounds[i].bytes / seconds / 1e6;
		samples->requests += rounds[i].requests;
		samples->interrupts += rounds[i].interrupts;
		samples->errors += rounds[i].errors;
	}
}
