/* SPDX-License-Identifier: BSD-2-Clause */
/* tickvm bench ctx: what a switch of address spaces costs a guest, and a switch of processes the
 * host, directly and with the refilling of caches after it (Li, Ding, Shen, "Quantifying the cost
 * of context switch", ExpCS 2007). The two are different things, so no ratio of them is printed. */
#include "ctx.h"
#include "../attach.h"
#include "../launch.h"
#include "../registry.h"
#include "../sides.h"

#include "tickvm/clock.h"
#include "tickvm/experiment.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

/* Short against a time slice of the host, so that what another process takes is in few batches,
 * which the median leaves out. */
#define BATCH_NS    300000
#define BATCHES_MAX 1000
#define STRIDE_MAX  (1u << 20)

/* ---- options ---- */

struct ctx_parameters {
	uint64_t contexts, stride, max_bytes, batches;
	unsigned side;
};

static const struct parameter parameters[] = {
	PARAMETER_AMOUNT("contexts", PARAMETER_NUMBER, UNIT_COUNT, 0, "2,4,8,16", 2,
		CTX_CONTEXTS_MAX, struct ctx_parameters, contexts, "contexts in the ring"),
	PARAMETER_AMOUNT("stride", PARAMETER_NUMBER, UNIT_BYTES, 0, "64,4096", 8, STRIDE_MAX,
		struct ctx_parameters, stride, "bytes between the words a context touches"),
	PARAMETER_SIDE(struct ctx_parameters, side),
	PARAMETER_AMOUNT("max", PARAMETER_SIZE, UNIT_BYTES, AXIS_EFFORT, "1M", CTX_SET_MIN,
		CTX_SET_MAX, struct ctx_parameters, max_bytes,
		"working sets are 0, then 4K to this by powers of two"),
	PARAMETER_AMOUNT("batches", PARAMETER_NUMBER, UNIT_COUNT, AXIS_EFFORT, "100", 1,
		BATCHES_MAX, struct ctx_parameters, batches,
		"of each working set in a launch, their median is taken"),
	PARAMETERS_END,
};
static const struct axis set_axes[] = {
	{.id = "set", .title = "set", .unit = UNIT_BYTES, .help = "what each context touches"}};

static struct ctx_ring ring_of(const struct point *point)
{
	const struct ctx_parameters *p = point->parameters;

	return (struct ctx_ring){.contexts = (unsigned)p->contexts,
		.stride = p->stride,
		.max_bytes = p->max_bytes,
		.rounds = p->batches,
		.round_ns = BATCH_NS};
}

/* Payload, results and records; sets, their distances and page tables. */
static uint64_t guest_memory(const struct ctx_ring *ring)
{
	uint64_t bytes = (24ULL << 20) + ring->contexts * (ring->max_bytes + (256ULL << 10));

	return bytes & ~((2ULL << 20) - 1);
}

/* Twice as long as the slowest caches make it. */
static uint64_t guest_timeout_ns(const struct ctx_ring *ring)
{
	uint64_t turn_ns = ring->contexts * ring->max_bytes;

	return LAUNCH_PATIENCE_NS +
	       ring->rounds * ctx_sets(ring->max_bytes) * (8 * ring->round_ns + 4 * turn_ns);
}

static int settle(struct session *session, struct point *point, struct diag *why)
{
	static const char *const of_native[] = {
		"contexts", "stride", "side", "max", "batches", "pin", "vcpu-priority", NULL};
	const struct ctx_ring ring = ring_of(point);
	const struct ctx_parameters *p = point->parameters;

	(void)session;
	if (ring.stride % sizeof(uint64_t) != 0)
		return diag_set(
			why, -EINVAL, "--stride: %" PRIu64 " is no multiple of 8", ring.stride);
	if (p->side == SIDE_NATIVE) {
		point_keep(point, of_native);
		return 0;
	}
	/* A ring is on one vCPU, whatever the machine has. */
	point_unset(point, "vcpus");
	if (!(point->context.machine_set & BENCH_SET_TIMEOUT))
		point->context.machine.timeout_ns = guest_timeout_ns(&ring);
	return point_need_mem(point, guest_memory(&ring), why);
}

/* ---- one launch ---- */

enum { TOTAL, SPREAD, SWITCH_FIGURES };
static const struct figure switch_figures[SWITCH_FIGURES] = {
	[TOTAL] = {.id = "p50",
		.title = "total",
		.unit = UNIT_NS,
		.good = GOOD_LOW,
		.flags = FIGURE_GATED,
		.help = "of a switch, without the control: median of the batches"},
	[SPREAD] = {.id = "spread",
		.unit = UNIT_NS,
		.good = GOOD_LOW,
		.flags = FIGURE_DETAIL,
		.help = "half the distance between the batches' quartiles"},
};

/* Of one working set. */
static json_t *batches_json(
	const struct ctx_ring *ring, const struct guest_ctx_round *rounds, unsigned set)
{
	unsigned sets = ctx_sets(ring->max_bytes);
	json_t *rows = json_array();

	for (size_t i = set; i < ring->rounds * sets; i += sets)
		json_array_append_new(rows, json_pack("[I, I, I]", (json_int_t)rounds[i].switches,
						    (json_int_t)rounds[i].switch_cycles,
						    (json_int_t)rounds[i].control_cycles));
	return json_pack("{s:[s, s, s], s:o}", "columns", "switches", "switch_cycles",
		"control_cycles", "rows", rows);
}

/* A row for each working set. */
static int yield(const struct ctx_ring *ring, const struct guest_ctx_round *rounds,
	struct sink *sink, struct diag *diag)
{
	struct ctx_figures figures;
	int err = ctx_figures(&figures, ring, rounds, diag);

	for (unsigned set = 0; err == 0 && set < ctx_sets(ring->max_bytes); set++) {
		const struct value bytes = value_number((double)ctx_set_bytes(set));

		sink_row(sink, &bytes,
			(const double[SWITCH_FIGURES]){
				[TOTAL] = clock_ticks_to_ns_f(figures.sets[set].total.p50),
				[SPREAD] =
					figures.sets[set].spread * 1e9 / (double)clock_tsc_hz()});
		if (sink_wants(sink))
			sink_attach(sink, "batches", batches_json(ring, rounds, set));
	}
	return err;
}

static int measure_guest(const struct point *point, const struct ctx_ring *ring, struct sink *sink,
	struct diag *diag)
{
	struct launch launch;
	size_t n;

	launch_begin(&launch, &point->context, 1);
	launch_append(&launch,
		"test=ctx contexts=%u stride=%" PRIu64 " max_bytes=%" PRIu64 " rounds=%" PRIu64
		" round_ns=%" PRIu64,
		ring->contexts, ring->stride, ring->max_bytes, ring->rounds, ring->round_ns);
	int err = launch_run(&launch, diag);

	if (err < 0)
		return err;
	const struct guest_ctx_round *rounds = launch_records(&launch, sizeof(*rounds), &n, diag);

	err = rounds == NULL ? -EPROTO : ctx_check(rounds, n, ring, diag);
	if (err == 0)
		err = yield(ring, rounds, sink, diag);
	if (err == 0)
		attach_counters(sink, launch.vm, 1);
	launch_end(&launch);
	return err;
}

/* Between two guests, when this process has one thread. */
static int measure_native(const struct point *point, const struct ctx_ring *ring, struct sink *sink,
	struct diag *diag)
{
	struct launch place; /* only to learn where a vCPU would run */
	struct guest_ctx_round *rounds =
		calloc(ring->rounds * ctx_sets(ring->max_bytes), sizeof(*rounds));

	if (rounds == NULL)
		return diag_set(
			diag, -ENOMEM, "out of memory for %" PRIu64 " batches", ring->rounds);
	launch_begin(&place, &point->context, 1);
	int err = ctx_native(ring, &place.config, rounds, diag);

	if (err == 0)
		err = yield(ring, rounds, sink, diag);
	free(rounds);
	return err;
}

static int measure(
	struct session *session, const struct point *point, struct sink *sink, struct diag *diag)
{
	const struct ctx_parameters *p = point->parameters;
	const struct ctx_ring ring = ring_of(point);

	(void)session;
	return p->side == SIDE_GUEST ? measure_guest(point, &ring, sink, diag)
				     : measure_native(point, &ring, sink, diag);
}

static const struct series switches = {
	.id = "switch",
	.title = "Context switches",
	.axes = (const char *const[]){"stride", "contexts", "side", "max", "batches", MACHINE_AXES,
		NULL},
	.yielded = set_axes,
	.n_yielded = sizeof(set_axes) / sizeof(set_axes[0]),
	.figures = switch_figures,
	.n_figures = SWITCH_FIGURES,
	.rounds = 1,
	.settle = settle,
	.measure = measure,
};

/* ---- what it comes to ---- */

/* Of a side. */
enum part { PART_TOTAL, PART_SPREAD, PART_DIRECT, PART_INDIRECT, PARTS };
#define PART(ID, TITLE, HELP)                                                                      \
	{                                                                                          \
		.id = (ID), .title = (TITLE), .unit = UNIT_NS, .good = GOOD_LOW, .help = (HELP)    \
	}
#define PARTS_OF(SIDE, LETTER)                                                                     \
	PART(SIDE, SIDE, "total"),                                                                 \
		PART(SIDE "-spread", SIDE " +-", "its spread over the batches"),                   \
		PART(SIDE "-direct", LETTER " direct", "total with an empty working set"),         \
		PART(SIDE "-indirect", LETTER " indirect", "the rest of the total")
static const struct figure part_figures[SIDES * PARTS] = {
	PARTS_OF("native", "n"), PARTS_OF("guest", "g")};

/* Total, its spread, and its two parts: the empty set's total, and the rest. */
static void add_parts(const struct dataset *set, const struct row *row, double parts[PARTS])
{
	const struct row *empty =
		dataset_partner(set, row, (size_t)dataset_axis(set, "set"), value_number(0));

	parts[PART_TOTAL] = row_value(set, row, TOTAL);
	parts[PART_SPREAD] = row_value(set, row, SPREAD);
	parts[PART_DIRECT] = row_value(set, empty != NULL ? empty : row, TOTAL);
	parts[PART_INDIRECT] = parts[PART_TOTAL] - parts[PART_DIRECT];
}

static void add_line(struct dataset *table, const struct dataset *set, const struct sides *sides)
{
	double parts[SIDES * PARTS];

	for (size_t i = 0; i < SIDES * PARTS; i++)
		parts[i] = (double)NAN;
	for (enum side side = 0; side < SIDES; side++)
		if (sides->row[side] != NULL)
			add_parts(set, sides->row[side], &parts[side * PARTS]);
	row_sample(table, sides_row(table, sides), 0, 1, parts);
}

static void add_chart(struct session *session, const char *heading, const char *total)
{
	document_view(session->document, &(struct view){.heading = heading,
						 .dataset = "ctx.parts",
						 .down = "set=working set",
						 .across = total,
						 .series = "contexts",
						 .form = "lines",
						 .flags = VIEW_JOINS | VIEW_LOG_X});
}

static void explain(struct session *session)
{
	document_note(session->document,
		"set: what each context touches a word of, every so many bytes, whenever it runs. "
		"guest, native: total cost of a switch, median over the batches; +-: half the "
		"distance between the quartiles. direct: the total with an empty set; indirect: "
		"the rest, what the others in the ring made the next one refill. Subtracted is the "
		"same without switching: one context that does all the touching, through the same "
		"gate or a pipe to itself.");
	document_note(session->document,
		"A switch in the guest is a write to CR3 at CPL 0 and no more: no scheduler, no "
		"registers saved. A native one is a whole switch of processes by the host's "
		"scheduler, around a ring of pipes. They are not the same thing.");
}

static void conclude(struct session *session)
{
	const struct dataset *set = session_set(session, "switch");
	struct dataset *table = dataset_derive(
		set, "ctx.parts", "Direct and indirect cost", part_figures, SIDES * PARTS);
	struct sides sides;

	document_add(session->document, table);
	for (size_t i = 0; i < set->n_rows; i++)
		if (sides_of(set, &set->rows[i], &sides))
			add_line(table, set, &sides);
	document_view(session->document,
		&(struct view){.heading = "Context switches, a word every {stride:plain} bytes (us "
					  "a switch)",
			.dataset = "ctx.parts",
			.sections = "stride",
			.down = "contexts,set",
			.across = "guest,guest-spread,guest-direct,guest-indirect,native,native-"
				  "spread,native-direct,native-indirect"});
	add_chart(session, "Guest: switch of address space", "guest=total");
	add_chart(session, "Native: switch of process", "native=total");
	explain(session);
}

static const struct experiment experiment = {
	.name = "ctx",
	.parameters = parameters,
	.parameters_size = sizeof(struct ctx_parameters),
	.series = (const struct series *const[]){&switches, NULL},
	.conclude = conclude,
};

static int run(struct bench_context *context, int argc, char **argv)
{
	return drive(&experiment, context, argc, argv);
}

const struct bench bench_ctx = {
	.name = "ctx",
	.summary = "switches of address space in a guest, of processes natively: direct and total",
	.experiment = &experiment,
	.run = run,
	.forks = true,
};
