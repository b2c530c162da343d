/* SPDX-License-Identifier: BSD-2-Clause */
/* tickvm bench exits: what one exit of each kind costs, split into transition (hardware and KVM),
 * dispatch (ours) and device model; beside a bare KVM_RUN loop. */
#include "../attach.h"
#include "../bare_exit.h"
#include "../launch.h"
#include "../registry.h"
#include "../stats.h"

#include "tickvm/clock.h"
#include "tickvm/contrast.h"
#include "tickvm/experiment.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#define BATCHES_MAX    1000
#define ITERATIONS_MAX 1000000
#define RING           65536

/* ---- options ---- */

static const char *const kind_names[] = {"pio-out", "pio-in", "pio-unknown", "mmio-write",
	"mmio-read", "msr-read", "msr-write", "hlt", "cpuid", "hypercall", "pio-eventfd",
	"mmio-eventfd", "pic-port", "lapic-read", NULL};
_Static_assert(sizeof(kind_names) / sizeof(kind_names[0]) == GUEST_EXIT_KINDS + 1,
	"GUEST_EXIT_NAMES, as a list of choices");

/* How an exit of each kind is counted where it reaches userspace; EXIT_KINDS: it never does. */
static const enum exit_kind exit_kinds[GUEST_EXIT_KINDS] = {
	[GUEST_EXIT_PIO_OUT] = EXIT_KIND_PIO_OUT,
	[GUEST_EXIT_PIO_IN] = EXIT_KIND_PIO_IN,
	[GUEST_EXIT_PIO_UNKNOWN] = EXIT_KIND_PIO_IN,
	[GUEST_EXIT_MMIO_WRITE] = EXIT_KIND_MMIO_WRITE,
	[GUEST_EXIT_MMIO_READ] = EXIT_KIND_MMIO_READ,
	[GUEST_EXIT_MSR_READ] = EXIT_KIND_RDMSR,
	[GUEST_EXIT_MSR_WRITE] = EXIT_KIND_WRMSR,
	[GUEST_EXIT_HLT] = EXIT_KIND_HLT,
	[GUEST_EXIT_CPUID] = EXIT_KINDS,
	[GUEST_EXIT_HYPERCALL] = EXIT_KIND_HYPERCALL,
	[GUEST_EXIT_PIO_EVENTFD] = EXIT_KINDS,
	[GUEST_EXIT_MMIO_EVENTFD] = EXIT_KINDS,
	[GUEST_EXIT_PIC_PORT] = EXIT_KIND_PIO_IN,
	[GUEST_EXIT_LAPIC_READ] = EXIT_KIND_MMIO_READ,
};

/* Whose loop takes a pio-out. */
enum loop { LOOP_BARE, LOOP_TICKVM, LOOP_EVENT_RING };
static const char *const loop_names[] = {"bare", "tickvm", "event-ring", NULL};

struct exits_parameters {
	uint64_t iterations, batches;
	unsigned kind, loop;
};

static const struct parameter parameters[] = {
	PARAMETER_WORDS("kind", "exit", kind_names, NULL, struct exits_parameters, kind,
		"what the guest does"),
	PARAMETER_WORDS("loop", NULL, loop_names, NULL, struct exits_parameters, loop,
		"whose loop takes a pio-out"),
	PARAMETER_AMOUNT("iterations", PARAMETER_NUMBER, UNIT_COUNT, AXIS_EFFORT, "1000", 1,
		ITERATIONS_MAX, struct exits_parameters, iterations, "exits a batch"),
	PARAMETER_AMOUNT("batches", PARAMETER_NUMBER, UNIT_COUNT, AXIS_EFFORT, "11", 1, BATCHES_MAX,
		struct exits_parameters, batches, "batches a launch, their median is taken"),
	PARAMETERS_END,
};

/* ---- figures ---- */

/* Nanoseconds of one exit; NAN where a part does not exist. */
enum { ROUND_TRIP, TRANSITION, DISPATCH, MODEL, BATCH_MIN, BATCH_MAX, COST_FIGURES };
#define TIME(ID, TITLE, FLAGS, HELP)                                                               \
	{                                                                                          \
		.id = (ID), .title = (TITLE), .unit = UNIT_NS, .good = GOOD_LOW, .flags = (FLAGS), \
		.help = (HELP)                                                                     \
	}
#define PART(ID, HELP)                                                                             \
	{                                                                                          \
		.id = (ID), .unit = UNIT_NS, .good = GOOD_LOW, .over = OVER_MIDDLE,                \
		.middle_of = "round-trip", .help = (HELP)                                          \
	}
static const struct figure cost_figures[COST_FIGURES] = {
	[ROUND_TRIP] = TIME("round-trip", "round trip", FIGURE_GATED,
		"in the guest, control loop subtracted: median of the batches"),
	[TRANSITION] = PART("transition", "hardware and KVM"),
	[DISPATCH] = PART(
		"dispatch", "tickvm, from KVM_RUN's return to the next, without the device model"),
	[MODEL] = PART("model", "the device model's own code"),
	[BATCH_MIN] = TIME("batch-min", NULL, FIGURE_DETAIL, "round trip of the fastest batch"),
	[BATCH_MAX] = TIME("batch-max", NULL, FIGURE_DETAIL, "round trip of the slowest batch"),
};

enum { LOOP_ROUND_TRIP, OWN_CODE, LOOP_FIGURES };
static const struct figure loop_figures[LOOP_FIGURES] = {
	[LOOP_ROUND_TRIP] = TIME("round-trip", "round trip", 0, "of a pio-out"),
	[OWN_CODE] = TIME("own-code", "its own code", 0, "outside KVM_RUN"),
};

/* ---- one launch ---- */

static double ns(double ticks)
{
	return ticks * clock_ticks_to_ns_f(1000000) / 1000000;
}

static void add_batches(const struct guest_bench_round *batches, size_t n, double *cost)
{
	double cycles[BATCHES_MAX];
	size_t used = 0;

	for (size_t i = 0; i < n && i < BATCHES_MAX; i++) {
		int64_t spent = (int64_t)(batches[i].run_cycles - batches[i].control_cycles);

		if (batches[i].iterations != 0)
			cycles[used++] = (double)spent / (double)batches[i].iterations;
	}
	struct spread spread = stats_spread(cycles, used);

	cost[ROUND_TRIP] = cost[TRANSITION] = ns(spread.median);
	cost[BATCH_MIN] = ns(spread.min);
	cost[BATCH_MAX] = ns(spread.max);
}

static double mean_ns(const struct histogram *h)
{
	return h->count == 0 ? 0 : ns((double)h->sum / (double)h->count);
}

/* The row of the operation itself: it was done iterations times a batch, everything else less
 * often. NULL: the kernel handles it, and its part is all transition. */
static const struct exit_row *find_userspace(
	struct vm *vm, enum guest_exit_kind kind, uint64_t operations)
{
	size_t n;
	const struct exit_row *rows = exit_stats_rows(vm_exit_stats(vm, 0), &n);

	for (size_t i = 0; i < n; i++)
		if (rows[i].kind == exit_kinds[kind] && rows[i].time.count >= operations)
			return &rows[i];
	return NULL;
}

static void add_userspace(const struct exit_row *row, double *cost)
{
	cost[MODEL] = mean_ns(&row->model);
	cost[DISPATCH] = mean_ns(&row->time) - cost[MODEL];
	cost[TRANSITION] = cost[ROUND_TRIP] - mean_ns(&row->time);
}

static json_t *batches_json(const struct guest_bench_round *batches, size_t n)
{
	json_t *rows = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(
			rows, json_pack("[I, I, I]", (json_int_t)batches[i].iterations,
				      (json_int_t)batches[i].run_cycles,
				      (json_int_t)batches[i].control_cycles));
	return json_pack("{s:[s, s, s], s:o}", "columns", "iterations", "run_cycles",
		"control_cycles", "rows", rows);
}

/* Of a guest that has run. device: who handled the exits. */
static void read_cost(const struct launch *launch, const struct guest_bench_round *batches,
	size_t n, enum guest_exit_kind kind, uint64_t operations, double *cost, const char **device)
{
	const struct exit_row *row = find_userspace(launch->vm, kind, operations);

	for (size_t i = 0; i < COST_FIGURES; i++)
		cost[i] = (double)NAN;
	add_batches(batches, n, cost);
	if (row != NULL)
		add_userspace(row, cost);
	*device = row != NULL ? row->device : "KVM";
}

/* Launches the guest; what it left is read by launch_end(). */
static int measure_guest(const struct point *point, enum guest_exit_kind kind, bool ring,
	struct launch *launch, double *cost, const char **device, json_t **records,
	struct diag *diag)
{
	const struct exits_parameters *p = point->parameters;
	size_t n;

	launch_begin(launch, &point->context, 1);
	launch->config.trace_events = ring ? RING : 0;
	launch_append(launch, "test=bench name=%s iterations=%" PRIu64 " rounds=%" PRIu64,
		kind_names[kind], p->iterations, p->batches);
	int err = launch_run(launch, diag);

	if (err < 0)
		return err;
	const struct guest_bench_round *batches =
		launch_records(launch, sizeof(*batches), &n, diag);

	if (batches == NULL) {
		launch_end(launch);
		return -EPROTO;
	}
	read_cost(launch, batches, n, kind, p->iterations * p->batches, cost, device);
	if (records != NULL)
		*records = batches_json(batches, n);
	return 0;
}

/* ---- the series ---- */

/* What the user leaves open follows from how much there is to do. */
static void settle_timeout(struct point *point)
{
	const struct exits_parameters *p = point->parameters;

	if (!(point->context.machine_set & BENCH_SET_TIMEOUT))
		point->context.machine.timeout_ns =
			LAUNCH_PATIENCE_NS + p->batches * p->iterations * 200000;
}

static int settle_cost(struct session *session, struct point *point, struct diag *why)
{
	(void)session;
	settle_timeout(point);
	return point_only(point, "vcpus", "1", why);
}

static int measure_cost(
	struct session *session, const struct point *point, struct sink *sink, struct diag *diag)
{
	enum guest_exit_kind kind = ((const struct exits_parameters *)point->parameters)->kind;
	double cost[COST_FIGURES];
	json_t *records = NULL;
	struct launch launch;
	const char *device;
	int err = measure_guest(point, kind, false, &launch, cost, &device,
		sink_wants(sink) ? &records : NULL, diag);

	(void)session;
	if (err < 0)
		return err;
	sink_row(sink, NULL, cost);
	sink_label(sink, "handled by", device);
	attach_counters(sink, launch.vm, 1);
	if (records != NULL)
		sink_attach(sink, "batches", records);
	launch_end(&launch);
	return 0;
}

/* The bare loop has neither devices nor threads but its vCPU's. */
static int settle_loops(struct session *session, struct point *point, struct diag *why)
{
	static const char *const of_bare[] = {
		"loop", "iterations", "batches", "pin", "vcpu-priority", NULL};
	const struct exits_parameters *p = point->parameters;

	(void)session;
	settle_timeout(point);
	int err = point_only(point, "vcpus", "1", why);

	if (p->loop == LOOP_BARE)
		point_keep(point, of_bare);
	return err;
}

static int measure_tickvm(
	const struct point *point, bool ring, struct sink *sink, struct diag *diag)
{
	double cost[COST_FIGURES], loop[LOOP_FIGURES];
	struct launch launch;
	const char *device;
	int err =
		measure_guest(point, GUEST_EXIT_PIO_OUT, ring, &launch, cost, &device, NULL, diag);

	if (err < 0)
		return err;
	loop[LOOP_ROUND_TRIP] = cost[ROUND_TRIP];
	loop[OWN_CODE] = cost[DISPATCH] + cost[MODEL];
	sink_row(sink, NULL, loop);
	attach_counters(sink, launch.vm, 1);
	launch_end(&launch);
	return 0;
}

static int measure_loops(
	struct session *session, const struct point *point, struct sink *sink, struct diag *diag)
{
	const struct exits_parameters *p = point->parameters;
	double ticks, loop[LOOP_FIGURES];

	(void)session;
	if (p->loop != LOOP_BARE)
		return measure_tickvm(point, p->loop == LOOP_EVENT_RING, sink, diag);
	int err = bare_exit_measure(&point->context, p->iterations, p->batches, &ticks, diag);

	if (err < 0)
		return err;
	loop[LOOP_ROUND_TRIP] = ns(ticks);
	loop[OWN_CODE] = (double)NAN;
	sink_row(sink, NULL, loop);
	return 0;
}

#define FIGURES(ARRAY) .figures = (ARRAY), .n_figures = sizeof(ARRAY) / sizeof((ARRAY)[0])
static const struct series loops = {
	.id = "loops",
	.title = "pio-out beside a bare KVM_RUN loop",
	.axes = (const char *const[]){"loop", "irqchip", "iterations", "batches", MACHINE_AXES,
		NULL},
	FIGURES(loop_figures),
	.rounds = 5,
	.settle = settle_loops,
	.measure = measure_loops,
};
static const struct series cost = {
	.id = "cost",
	.title = "Cost of an exit",
	.axes = (const char *const[]){"irqchip", "kind", "iterations", "batches", MACHINE_AXES,
		NULL},
	.presets = (const char *const[]){"irqchip", "kernel,split,user", NULL},
	FIGURES(cost_figures),
	.rounds = 1,
	.settle = settle_cost,
	.measure = measure_cost,
};

/* ---- what it comes to ---- */

/* What a loop adds to another. */
struct addition {
	enum loop loop, to;
	const char *id, *meaning, *sentence;
	double limit;
};
static const struct addition additions[] = {
	{LOOP_TICKVM, LOOP_BARE, "dispatch", "added to the bare loop",
		"dispatch adds %.1f %% to a bare KVM_RUN loop (limit %.0f %%)", 10},
	{LOOP_EVENT_RING, LOOP_TICKVM, "event-ring", "added to tickvm without it",
		"the event ring adds %.1f %% to an exit (limit %.0f %%)", 5},
};

enum { LINE_ROUND_TRIP, LINE_SHARE, LINE_FIGURES };
static const struct figure line_figures[LINE_FIGURES] = {
	[LINE_ROUND_TRIP] = TIME("round-trip", "round trip", 0, "median over the rounds"),
	[LINE_SHARE] = {.id = "share",
		.title = "%",
		.unit = UNIT_PERCENT,
		.help = "more than the loop it is added to, or of it"},
};

static void add_line(struct dataset *lines, const struct row *of, size_t axis, const char *loop,
	double round_trip, double share, const char *meaning)
{
	struct value at[DATASET_AXES_MAX];

	memcpy(at, of->at, lines->n_axes * sizeof(at[0]));
	at[axis] = value_word(loop);
	struct row *line = dataset_row(lines, at);

	row_sample(lines, line, 0, 1,
		(const double[LINE_FIGURES]){[LINE_ROUND_TRIP] = round_trip, [LINE_SHARE] = share});
	row_label(line, "meaning", meaning);
}

/* Code that is added takes nothing away: beyond the limit that is noise, which hides the figure. */
static enum outcome judge(double percent, double limit)
{
	if (isnan(percent) || percent < -limit)
		return OUTCOME_UNKNOWN;
	return percent <= limit ? OUTCOME_GOOD : OUTCOME_BAD;
}

/* Percent; NAN: a loop has no round. */
static double added_by(const struct dataset *set, const struct row *row, const struct row *to)
{
	if (to == NULL)
		return (double)NAN;
	return 100 *
	       (row_value(set, row, LOOP_ROUND_TRIP) / row_value(set, to, LOOP_ROUND_TRIP) - 1);
}

static const struct addition *addition_of(const char *loop)
{
	for (size_t i = 0; i < sizeof(additions) / sizeof(additions[0]); i++)
		if (strcmp(loop_names[additions[i].loop], loop) == 0)
			return &additions[i];
	return NULL;
}

static void add_loop(struct dataset *lines, const struct dataset *set, const struct row *row)
{
	size_t axis = (size_t)dataset_axis(set, "loop");
	const struct addition *addition = addition_of(row->at[axis].text);
	const struct row *to = addition == NULL ? NULL
						: dataset_partner(set, row, axis,
							  value_word(loop_names[addition->to]));
	double round_trip = row_value(set, row, LOOP_ROUND_TRIP);
	double own = row_value(set, row, OWN_CODE);

	add_line(lines, row, axis, row->at[axis].text, round_trip, added_by(set, row, to),
		addition != NULL ? addition->meaning : "");
	if (addition != NULL && addition->to == LOOP_BARE && to != NULL)
		add_line(lines, row, axis, "its own code", own,
			100 * own / row_value(set, to, LOOP_ROUND_TRIP),
			"of the bare loop; the rest is inside KVM_RUN");
}

static void judge_loop(struct session *session, const struct dataset *set, const struct row *row)
{
	size_t axis = (size_t)dataset_axis(set, "loop");
	const struct addition *addition = addition_of(row->at[axis].text);

	if (addition == NULL)
		return;
	double percent = added_by(
		set, row, dataset_partner(set, row, axis, value_word(loop_names[addition->to])));

	document_judge(session->document,
		(struct judgement){.id = addition->id,
			.at = row_name(set, row),
			.outcome = judge(percent, addition->limit),
			.value = percent,
			.limit = addition->limit,
			.unit = UNIT_PERCENT},
		addition->sentence, percent, addition->limit);
}

static void say_loops(struct session *session)
{
	const struct dataset *set = session_set(session, "loops");

	if (set == NULL || set->n_rows == 0)
		return;
	struct dataset *lines =
		dataset_derive(set, "exits.loop-parts", set->title, line_figures, LINE_FIGURES);

	document_add(session->document, lines);
	for (size_t i = 0; i < set->n_rows; i++)
		add_loop(lines, set, &set->rows[i]);
	document_view(session->document,
		&(struct view){.heading = "PIO OUT BESIDE A BARE KVM_RUN LOOP (us, medians of "
					  "interleaved rounds)",
			.dataset = "exits.loop-parts",
			.down = "loop",
			.across = "round-trip,share,meaning"});
	for (size_t i = 0; i < set->n_rows; i++)
		judge_loop(session, set, &set->rows[i]);
}

static void say_cost(struct session *session)
{
	const struct dataset *set = session_set(session, "cost");

	if (set == NULL || set->n_rows == 0)
		return;
	document_view(session->document,
		&(struct view){.heading = "COST OF AN EXIT, irqchip {irqchip} (us, median of "
					  "{batches} batches of {iterations}[; {rounds} rounds])",
			.dataset = "exits.cost",
			.sections = "irqchip",
			.down = "kind=exit",
			.across = "round-trip,transition,dispatch,model,handled by"});
	document_view(
		session->document, &(struct view){.heading = "Cost of an exit, irqchip {irqchip}",
					   .dataset = "exits.cost",
					   .sections = "irqchip",
					   .down = "kind",
					   .across = "transition,dispatch,model",
					   .form = "stacked"});
	document_note(session->document,
		"round trip: in the guest, control loop subtracted. transition: hardware and KVM; "
		"dispatch: tickvm from KVM_RUN's return to the next, without the device model; "
		"model: the device's own code.");
}

static void conclude(struct session *session)
{
	say_loops(session);
	say_cost(session);
}

static const struct experiment experiment = {
	.name = "exits",
	.parameters = parameters,
	.parameters_size = sizeof(struct exits_parameters),
	.series = (const struct series *const[]){&loops, &cost, NULL},
	.conclude = conclude,
};

static int run(struct bench_context *context, int argc, char **argv)
{
	return drive(&experiment, context, argc, argv);
}

const struct bench bench_exits = {
	.name = "exits",
	.summary = "what an exit costs, by kind: transition, dispatch, device model; beside bare "
		   "KVM_RUN",
	.experiment = &experiment,
	.run = run,
};
