/* SPDX-License-Identifier: BSD-2-Clause */
/* What a point's batches do, and what they come to. Pure: it reads, writes and prints nothing. */
#include "disk_bench.h"

#include "../stats.h"

#include <math.h>
#include <string.h>

#define DEPTH_RANDOM     32
#define DEPTH_SEQUENTIAL 4
#define SHORT_RECORD     65536 /* below: a batch takes long, and is steady enough */
#define BATCHES_SHORT    3
#define BATCHES_LONG     6

const char *const disk_op_names[] = {
	"write", "rewrite", "read", "random-read", "random-write", NULL};
_Static_assert(sizeof(disk_op_names) / sizeof(disk_op_names[0]) == DISK_BENCH_OPS + 1, "each op");
const char *const disk_side_names[] = {"native", "guest", NULL};

const struct figure disk_figures[DISK_FIGURES] = {
	[DISK_THROUGHPUT] = {.id = "throughput",
		.unit = UNIT_BYTES_PER_S,
		.good = GOOD_HIGH,
		.flags = FIGURE_GATED,
		.help = "from the first request to the last completion, of writes to that of the "
			"flush behind them"},
	[DISK_SLOWEST] = {.id = "slowest",
		.unit = UNIT_BYTES_PER_S,
		.good = GOOD_HIGH,
		.flags = FIGURE_DETAIL,
		.help = "the slowest batch"},
	[DISK_FASTEST] = {.id = "fastest",
		.unit = UNIT_BYTES_PER_S,
		.good = GOOD_HIGH,
		.flags = FIGURE_DETAIL,
		.help = "the fastest batch"},
	[DISK_IRQS] = {.id = "irqs",
		.unit = UNIT_PER_EVENT,
		.good = GOOD_LOW,
		.help = "interrupts of the guest a request"},
	[DISK_EXITS] = {.id = "exits",
		.unit = UNIT_PER_EVENT,
		.good = GOOD_LOW,
		.help = "exits to userspace at the disk's registers, a request"},
	[DISK_CHECKED] = {.id = "checked",
		.unit = UNIT_COUNT,
		.over = OVER_SUM,
		.help = "records whose checksum was looked at"},
	[DISK_MISMATCHES] = {.id = "mismatches",
		.unit = UNIT_COUNT,
		.good = GOOD_LOW,
		.over = OVER_SUM,
		.help = "those of them whose checksum was wrong"},
	[DISK_ERRORS] = {.id = "errors",
		.unit = UNIT_COUNT,
		.good = GOOD_LOW,
		.over = OVER_SUM,
		.help = "requests that failed"},
};

const struct flag disk_flags[DISK_FLAGS] = {
	[DISK_FLAG_MISMATCHES] = {"mismatches", FLAG_FAIL, "records had a wrong checksum"},
	[DISK_FLAG_ERRORS] = {"errors", FLAG_FAIL, "requests failed"},
	[DISK_FLAG_IN_MEMORY] = {"in-memory", FLAG_NOTE, "the file is in memory (tmpfs)"},
	[DISK_FLAG_BUFFERED] = {"buffered", FLAG_NOTE, "through the host's page cache"},
	[DISK_FLAG_ONE_AT_A_TIME] = {"one-at-a-time", FLAG_NOTE,
		"without io_uring, one request at a time"},
};

/* ---- what is done ---- */

bool disk_op_writes(enum disk_bench_op op)
{
	return op != DISK_BENCH_READ && op != DISK_BENCH_RANDOM_READ;
}

static bool is_random(const struct disk_parameters *p)
{
	return p->op == DISK_BENCH_RANDOM_READ || p->op == DISK_BENCH_RANDOM_WRITE;
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

unsigned disk_batches(const struct disk_parameters *p, bool given)
{
	if (p->op == DISK_BENCH_WRITE)
		return 1;
	if (given)
		return (unsigned)p->batches;
	return p->record < SHORT_RECORD ? BATCHES_SHORT : BATCHES_LONG;
}

unsigned disk_depth(const struct disk_parameters *p, bool given)
{
	uint64_t depth = given ? p->depth : is_random(p) ? DEPTH_RANDOM : DEPTH_SEQUENTIAL;

	depth = least(depth, DISK_IN_FLIGHT_MAX / p->record);
	return (unsigned)least(depth, p->file / p->record);
}

struct disk_batch disk_timed(const struct disk_parameters *p)
{
	return (struct disk_batch){.write = disk_op_writes(p->op),
		.random = is_random(p),
		.fresh = p->op == DISK_BENCH_WRITE,
		.bytes = p->file,
		.record = p->record,
		.depth = (unsigned)p->depth,
		.rounds = (unsigned)p->batches};
}

struct disk_batch disk_verifying(const struct disk_parameters *p)
{
	struct disk_batch batch = disk_timed(p);

	batch.verify = true;
	batch.rounds = 1;
	return batch;
}

/* ---- what it comes to ---- */

void disk_add(struct disk_samples *samples, const struct guest_disk_round *rounds, size_t n,
	uint64_t tsc_hz)
{
	for (size_t i = 0; i < n && samples->n < DISK_BATCHES_MAX; i++) {
		double seconds = (double)rounds[i].cycles / (double)tsc_hz;

		samples->bytes_per_s[samples->n++] = (double)rounds[i].bytes / seconds;
		samples->requests += rounds[i].requests;
		samples->interrupts += rounds[i].interrupts;
		samples->errors += rounds[i].errors;
	}
}

static double a_request(const struct disk_samples *samples, uint64_t count)
{
	return samples->requests > 0 ? (double)count / (double)samples->requests : (double)NAN;
}

void disk_reduce(const struct disk_samples *samples, enum disk_side side, double *values)
{
	double sorted[DISK_BATCHES_MAX];

	memcpy(sorted, samples->bytes_per_s, sizeof(sorted));
	struct spread speed = stats_spread(sorted, samples->n);

	values[DISK_THROUGHPUT] = speed.median;
	values[DISK_SLOWEST] = speed.min;
	values[DISK_FASTEST] = speed.max;
	values[DISK_ERRORS] = (double)samples->errors;
	values[DISK_IRQS] = values[DISK_EXITS] = (double)NAN;
	values[DISK_CHECKED] = values[DISK_MISMATCHES] = (double)NAN;
	if (side == DISK_NATIVE)
		return;
	values[DISK_IRQS] = a_request(samples, samples->interrupts);
	values[DISK_EXITS] = a_request(samples, samples->exits);
	values[DISK_CHECKED] = (double)samples->checked;
	values[DISK_MISMATCHES] = (double)samples->mismatches;
}
