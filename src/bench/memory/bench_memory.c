/* SPDX-License-Identifier: BSD-2-Clause */
/* tickvm bench memory: bandwidth against vector length, and first touch, guest beside native.
 * What is timed is the workload's; what is said of it is in memory_report.c. */
#include "../agreement.h"
#include "../attach.h"
#include "../launch.h"
#include "../registry.h"
#include "../sides.h"
#include "bench_memory.h"

#include "tickvm/clock.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#define BATCHES_MAX   100
#define BATCH_NS      1000000
#define MAX_MAX       (1ULL << 30)
#define HUGE_PAGE     (2ULL << 20)
#define GUEST_RAM_MIN (16ULL << 20) /* beside the vectors */
#define GUEST_RAM_MAX (3ULL << 30)
#define PAIRS         12

_Static_assert(
	MAX_MAX == (uint64_t)WORKLOAD_MEMORY_MIN << (MEMORY_LENGTHS - 1), "one cell a length");

/* ---- options and figures ---- */

static const struct parameter parameters[] = {
	PARAMETER_SIDE(struct memory_parameters, side),
	PARAMETER_WORDS("pages", NULL, memory_page_names, NULL, struct memory_parameters, pages,
		"the guest's own pages"),
	PARAMETER_WORDS("backing", NULL, memory_backing_names, NULL, struct memory_parameters,
		backing, "the host's pages below"),
	PARAMETER_GATHER("op", memory_op_names, struct memory_parameters, ops, "what is done"),
	PARAMETER_AMOUNT("max", PARAMETER_SIZE, UNIT_BYTES, AXIS_EFFORT, "64M", WORKLOAD_MEMORY_MIN,
		MAX_MAX, struct memory_parameters, max, "longest vector, a power of two"),
	PARAMETER_AMOUNT("batches", PARAMETER_NUMBER, UNIT_COUNT, AXIS_EFFORT, "11", 1, BATCHES_MAX,
		struct memory_parameters, batches, "of each vector; their median is taken"),
	PARAMETER_FLAG("full", struct memory_parameters, full,
		"print all curves as tables (a --csv file always has them)"),
	PARAMETERS_END,
};

static const struct axis vector_axes[] = {
	{.id = "op", .help = "what is done"},
	{.id = "bytes", .title = "vector", .unit = UNIT_BYTES, .help = "the vector's length"},
};

static const struct figure bandwidth_figures[MEMORY_BANDWIDTH_FIGURES] = {
	[MEMORY_BANDWIDTH] = {.id = "bandwidth",
		.unit = UNIT_BYTES_PER_S,
		.good = GOOD_HIGH,
		.flags = FIGURE_GATED,
		.help = "bytes read plus bytes written a second, of all vCPUs or threads"},
	[MEMORY_SPREAD] = {.id = "spread",
		.unit = UNIT_PERCENT,
		.good = GOOD_LOW,
		.flags = FIGURE_DETAIL,
		.help = "largest less smallest batch over the median"},
	[MEMORY_HUGE_SHARE] = {.id = "huge-share",
		.unit = UNIT_PERCENT,
		.flags = FIGURE_DETAIL,
		.help = "what of the memory is in huge pages"},
};

static const struct figure touch_figures[MEMORY_TOUCH_FIGURES] = {
	[MEMORY_FIRST_TOUCH] = {.id = "first-touch",
		.title = "4 KiB",
		.unit = UNIT_NS,
		.good = GOOD_LOW,
		.flags = FIGURE_GATED,
		.help = "a store to a page that nobody touched before"},
	[MEMORY_TOUCH_LEAST] = {.id = "least",
		.unit = UNIT_NS,
		.good = GOOD_LOW,
		.help = "the fastest batch"},
	[MEMORY_TOUCH_2M] = {.id = "touch-2m",
		.title = "2 MiB",
		.unit = UNIT_NS,
		.good = GOOD_LOW,
		.help = "the same for 2 MiB"},
	[MEMORY_TOUCH_HUGE] = {.id = "huge",
		.unit = UNIT_BYTES,
		.help = "what of the memory was in transparent huge pages at the end"},
};

static const struct flag flags[] = {{"no-huge-pages", FLAG_WARN,
	"huge pages were asked for, and less than half of the memory is in them"}};
enum { NO_HUGE_PAGES = 1 };

/* ---- one launch ---- */

static uint64_t vector_bytes(uint64_t max, bool touch)
{
	uint64_t bytes = touch ? MEMORY_TOUCH_ROUNDS * MEMORY_TOUCH_BYTES : max;

	return (bytes + HUGE_PAGE - 1) & -HUGE_PAGE;
}

/* 4 KiB pages need tables: 8 bytes for each 4096. */
static uint64_t guest_ram(uint64_t max, bool touch, unsigned threads)
{
	uint64_t vectors = threads * vector_bytes(max, touch);
	uint64_t bytes = GUEST_RAM_MIN + vectors + vectors / 256;

	return (bytes + HUGE_PAGE - 1) & -HUGE_PAGE;
}

/* Far more than it should take: 50 ms a cell, 4 ns a byte. */
static uint64_t timeout_ns(const struct memory_parameters *p)
{
	return LAUNCH_PATIENCE_NS +
	       p->batches * WORKLOAD_MEMORY_OPS * (MEMORY_LENGTHS * 50000000ULL + 2 * 4 * p->max);
}

static void configure(
	const struct point *point, const struct memory_run *run, struct launch *launch)
{
	const struct memory_parameters *p = point->parameters;

	launch_begin(launch, &point->context, run->threads);
	if (!(point->context.machine_set & BENCH_SET_TIMEOUT))
		launch->config.timeout_ns = timeout_ns(p);
	launch->config.small_pages = run->backing == MEMORY_ORDINARY;
	launch->config.prefault = !run->touch;
	launch_append(launch,
		"test=memory vcpus=%u pages=%s touch=%d max_bytes=%" PRIu64 " rounds=%" PRIu64
		" ops=%" PRIu64 " round_ns=%d",
		run->threads, memory_page_names[run->pages], run->touch,
		run->touch ? MEMORY_TOUCH_BYTES : p->max,
		run->touch ? MEMORY_TOUCH_ROUNDS : p->batches, p->ops, BATCH_NS);
}

static int keep_rounds(struct launch *launch, struct memory_run *run, struct diag *diag)
{
	size_t n;
	const struct guest_memory_round *rounds = launch_records(launch, sizeof(*rounds), &n, diag);

	if (rounds == NULL)
		return -EPROTO;
	run->rounds = calloc(n + 1, sizeof(*rounds));
	if (run->rounds == NULL)
		return diag_set(diag, -ENOMEM, "no memory for %zu batches", n);
	memcpy(run->rounds, rounds, n * sizeof(*rounds));
	run->n_rounds = n;
	run->bytes = launch->config.mem_bytes;
	run->huge_bytes = memory_huge_bytes(vm_guest_memory(launch->vm, 0, 1), run->bytes);
	return 0;
}

static int run_guest(
	const struct point *point, struct memory_run *run, json_t **stats, struct diag *diag)
{
	struct launch launch;

	configure(point, run, &launch);
	int err = launch_run(&launch, diag);

	if (err < 0)
		return err;
	err = keep_rounds(&launch, run, diag);
	if (err == 0 && stats != NULL)
		*stats = attach_stats_json(launch.vm);
	launch_end(&launch);
	return err;
}

static int run_native(const struct point *point, struct memory_run *run, struct diag *diag)
{
	const struct memory_parameters *p = point->parameters;
	const struct memory_plan plan = {
		.ops = p->ops, .max_bytes = p->max, .rounds = p->batches, .round_ns = BATCH_NS};
	struct launch place;

	launch_begin(&place, &point->context, run->threads);
	return memory_native(run, &plan, &place.config, diag);
}

/* ---- rows ---- */

static json_t *batches_json(const struct memory_run *run, uint32_t op, uint64_t bytes)
{
	json_t *rows = json_array();

	for (size_t i = 0; i < run->n_rounds; i++)
		if (run->rounds[i].op == op && run->rounds[i].bytes == bytes)
			json_array_append_new(
				rows, json_pack("[I, I]", (json_int_t)run->rounds[i].passes,
					      (json_int_t)run->rounds[i].cycles));
	return json_pack("{s:[s, s], s:o}", "columns", "passes", "cycles", "rows", rows);
}

static double huge_share(const struct memory_run *run)
{
	return run->huge_bytes == UINT64_MAX ? (double)NAN
					     : 100 * (double)run->huge_bytes / (double)run->bytes;
}

static void add_cell(const struct memory_run *run, unsigned op, unsigned length, struct sink *sink)
{
	const memory_cell *cell = &run->cells[op][length];
	uint64_t bytes = (uint64_t)WORKLOAD_MEMORY_MIN << length;
	const struct value at[] = {value_word(memory_op_names[op]), value_number((double)bytes)};

	if (isnan(cell->median))
		return;
	sink_row(sink, at,
		(const double[MEMORY_BANDWIDTH_FIGURES]){[MEMORY_BANDWIDTH] = cell->median * 1e9,
			[MEMORY_SPREAD] = 100 * (cell->max - cell->min) / cell->median,
			[MEMORY_HUGE_SHARE] = huge_share(run)});
	sink_flags(sink, memory_lacks_huge_pages(run) ? NO_HUGE_PAGES : 0);
	if (sink_wants(sink))
		sink_attach(sink, "batches", batches_json(run, op, bytes));
}

static void add_touch(const struct memory_run *run, struct sink *sink)
{
	double huge = run->huge_bytes == UINT64_MAX ? (double)NAN : (double)run->huge_bytes;
	const memory_cell *cell = &run->first_touch;

	sink_row(sink, NULL,
		(const double[MEMORY_TOUCH_FIGURES]){[MEMORY_FIRST_TOUCH] = cell->median,
			[MEMORY_TOUCH_LEAST] = cell->min,
			[MEMORY_TOUCH_2M] = cell->median * (2 << 20) / WORKLOAD_PAGE,
			[MEMORY_TOUCH_HUGE] = huge});
	sink_flags(sink, memory_lacks_huge_pages(run) ? NO_HUGE_PAGES : 0);
	if (sink_wants(sink))
		sink_attach(sink, "batches",
			batches_json(run, GUEST_MEMORY_FIRST_TOUCH, MEMORY_TOUCH_BYTES));
}

static void add_rows(const struct memory_run *run, struct sink *sink)
{
	if (run->touch)
		add_touch(run, sink);
	for (unsigned op = 0; op < WORKLOAD_MEMORY_OPS && !run->touch; op++)
		for (unsigned length = 0; length < MEMORY_LENGTHS; length++)
			add_cell(run, op, length, sink);
}

static int measure_run(
	const struct point *point, struct memory_run *run, struct sink *sink, struct diag *diag)
{
	const struct memory_parameters *p = point->parameters;
	json_t *stats = NULL;

	if (run->touch)
		memory_warm_host(guest_ram(p->max, true, run->threads), run->backing);
	int err = run->native ? run_native(point, run, diag)
			      : run_guest(point, run, sink_wants(sink) ? &stats : NULL, diag);

	if (err == 0) {
		memory_reduce(run, clock_tsc_hz());
		add_rows(run, sink);
	}
	if (err == 0 && stats != NULL && sink_wants(sink))
		sink_attach(sink, "kvm_stats", stats);
	else
		json_decref(stats);
	return err;
}

static int measure(const struct point *point, bool touch, struct sink *sink, struct diag *diag)
{
	const struct memory_parameters *p = point->parameters;
	struct memory_run *run = calloc(1, sizeof(*run));

	if (run == NULL)
		return diag_set(diag, -ENOMEM, "out of memory");
	*run = (struct memory_run){.native = p->side == SIDE_NATIVE,
		.touch = touch,
		.pages = p->pages,
		.backing = p->backing,
		.threads = point->context.machine.vcpus};
	int err = measure_run(point, run, sink, diag);

	free(run->rounds);
	free(run);
	return err;
}

static int measure_bandwidth(
	struct session *session, const struct point *point, struct sink *sink, struct diag *diag)
{
	(void)session;
	return measure(point, false, sink, diag);
}

static int measure_touch(
	struct session *session, const struct point *point, struct sink *sink, struct diag *diag)
{
	(void)session;
	return measure(point, true, sink, diag);
}

/* ---- points ---- */

/* Can this guest be had as the user wants it? */
static int settle_guest(struct point *point, bool touch, struct diag *why)
{
	const struct memory_parameters *p = point->parameters;
	struct vm_config *machine = &point->context.machine;
	uint64_t needed = guest_ram(p->max, touch, machine->vcpus);
	char text[32];

	if (needed > GUEST_RAM_MAX)
		return diag_set(why, -EINVAL,
			"vectors of %" PRIu64
			" MiB for %u vCPUs do not fit in a guest's 3 GiB; use "
			"a smaller --max or --vcpus",
			p->max >> 20, machine->vcpus);
	if (point_given(point, "mem") && machine->mem_bytes < needed)
		return diag_set(why, -EINVAL,
			"--mem is too small: %u vCPUs need %" PRIu64 "M; or leave it out",
			machine->vcpus, needed >> 20);
	snprintf(text, sizeof(text), "%" PRIu64, needed);
	if (!point_given(point, "mem"))
		point_set(point, "mem", text);
	return 0;
}

static int settle_side(struct point *point, bool touch, struct diag *why)
{
	static const char *const of_native[] = {
		"side", "backing", "max", "batches", "vcpus", "pin", NULL};
	const struct memory_parameters *p = point->parameters;

	if ((p->max & (p->max - 1)) != 0)
		return diag_set(why, -EINVAL,
			"--max: %" PRIu64 " is no power of two; write for example 64K or 32M",
			p->max);
	if (p->side == SIDE_GUEST)
		return settle_guest(point, touch, why);
	point_keep(point, of_native);
	return 0;
}

static int settle_bandwidth(struct session *session, struct point *point, struct diag *why)
{
	(void)session;
	return settle_side(point, false, why);
}

static int settle_touch(struct session *session, struct point *point, struct diag *why)
{
	(void)session;
	return settle_side(point, true, why);
}

/* Reads from L1 and L2 alone, no more of the caches than the host says there is of them. */
static int settle_pairs(struct session *session, struct point *point, struct diag *why)
{
	struct memory_parameters *p = point->parameters;
	struct memory_caches caches;
	int longest = -1;
	char text[32];

	memory_caches_of(&caches, session->context);
	for (enum memory_region region = REGION_L1; region <= REGION_L2; region++) {
		int length = memory_region_length(&caches, p->max, region);

		longest = length > longest ? length : longest;
	}
	if ((p->ops >> WORKLOAD_READ & 1) == 0)
		return diag_set(why, -ENOENT, "--op: reads are not among them");
	if (longest < 0)
		return diag_set(why, -ENOENT, "the host does not say how large its caches are");
	p->ops = 1u << WORKLOAD_READ;
	snprintf(text, sizeof(text), "%llu", (unsigned long long)WORKLOAD_MEMORY_MIN << longest);
	point_set(point, "max", text);
	return settle_side(point, false, why);
}

static const char *teams_of_host(const struct session *session, const char *axis)
{
	cpu_set_t set;

	(void)session;
	if (strcmp(axis, "vcpus") != 0 || sched_getaffinity(0, sizeof(set), &set) < 0)
		return NULL;
	return CPU_COUNT(&set) >= 2 ? "1,2" : "1";
}

#define FIGURES(ARRAY) .figures = (ARRAY), .n_figures = sizeof(ARRAY) / sizeof((ARRAY)[0])
#define FLAGS          .flags = flags, .n_flags = sizeof(flags) / sizeof(flags[0])
#define VECTORS        .yielded = vector_axes, .n_yielded = sizeof(vector_axes) / sizeof(vector_axes[0])

static const struct series bandwidth = {.id = "bandwidth",
	.title = "Bandwidth of memory",
	.axes = (const char *const[]){"vcpus", "backing", "side", "pages", "max", "batches",
		MACHINE_AXES, NULL},
	.preset = teams_of_host,
	VECTORS,
	FIGURES(bandwidth_figures),
	FLAGS,
	.rounds = 1,
	.settle = settle_bandwidth,
	.measure = measure_bandwidth};
static const struct series touch = {.id = "first-touch",
	.title = "First touch of memory",
	.axes = (const char *const[]){"vcpus", "backing", "side", "pages", MACHINE_AXES, NULL},
	.preset = teams_of_host,
	FIGURES(touch_figures),
	FLAGS,
	.rounds = 1,
	.settle = settle_touch,
	.measure = measure_touch};
static const struct series pairs = {.id = "pairs",
	.title = "Reads, guest and native in turn",
	.axes = (const char *const[]){"side", "pages", "backing", "max", "batches", MACHINE_AXES,
		NULL},
	.presets = (const char *const[]){"pages", "2m", "backing", "huge", NULL},
	.fixed = (const char *const[]){"side", "native,guest", "batches", "7", NULL},
	VECTORS,
	FIGURES(bandwidth_figures),
	FLAGS,
	.rounds = AGREEMENT_PAIRS,
	.settle = settle_pairs,
	.measure = measure_bandwidth};

static const struct experiment experiment = {
	.name = "memory",
	.parameters = parameters,
	.parameters_size = sizeof(struct memory_parameters),
	.series = (const struct series *const[]){&bandwidth, &touch, &pairs, NULL},
	.conclude = memory_conclude,
};

static int run(struct bench_context *context, int argc, char **argv)
{
	return drive(&experiment, context, argc, argv);
}

const struct bench bench_memory = {
	.name = "memory",
	.summary = "bandwidth by vector length, pages and host backing; first touch; guest beside "
		   "native",
	.experiment = &experiment,
	.run = run,
};
