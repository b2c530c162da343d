/* SPDX-License-Identifier: BSD-2-Clause */
/* tickvm bench scale: many VMs at once, each with a periodic dedicated timer: is every tick
 * delivered or counted? It says how late ticks are under that load; where the time goes is bench
 * timer's question. */
#include "../attach.h"
#include "../registry.h"
#include "../results.h"
#include "../stats.h"
#include "../concurrent_vms.h"

#include "tickvm/clock.h"
#include "tickvm/experiment.h"
#include "tickvm/host.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define VMS_MAX  256
#define SECOND   1000000000ULL
#define SLOWNESS 10 /* so many times as long may it take on a slow host */

/* ---- options ---- */

struct scale_parameters {
	uint64_t vms, interval_ns, seconds;
	/* no option: the timer threads' spinning would have taken the CPUs */
	bool crowded;
};

static const struct parameter parameters[] = {
	PARAMETER_AMOUNT("vms", PARAMETER_NUMBER, UNIT_COUNT, 0, "16", 1, VMS_MAX,
		struct scale_parameters, vms, "virtual machines at once"),
	PARAMETER_AMOUNT("interval", PARAMETER_NSEC, UNIT_NS, 0, "1ms", 10000, SECOND,
		struct scale_parameters, interval_ns, "period of each timer"),
	PARAMETER_AMOUNT("seconds", PARAMETER_NUMBER, UNIT_COUNT, AXIS_EFFORT, "3", 1, 60,
		struct scale_parameters, seconds, "how long"),
	PARAMETERS_END,
};

/* ---- figures ---- */

static const struct axis machine_of_many = {
	.id = "vm", .unit = UNIT_COUNT, .help = "which of those that run at once"};

enum { EXPECTED, DELIVERED, MISSED, UNACCOUNTED, P50, P99, MAX, FIGURES };
#define TICKS(ID, GOOD, HELP)                                                                      \
	{                                                                                          \
		.id = (ID), .unit = UNIT_COUNT, .good = (GOOD), .over = OVER_SUM, .help = (HELP)   \
	}
#define LATENESS(ID, GOOD, OVER, FLAGS, HELP)                                                      \
	{                                                                                          \
		.id = (ID), .unit = UNIT_NS, .good = (GOOD), .over = (OVER), .flags = (FLAGS),     \
		.help = (HELP)                                                                     \
	}
static const struct figure figures[FIGURES] = {
	[EXPECTED] = TICKS("expected", GOOD_NONE, "ticks by the last one's deadline"),
	[DELIVERED] = TICKS("delivered", GOOD_NONE, "ticks that the guest recorded"),
	[MISSED] = TICKS("missed", GOOD_LOW, "ticks that it was told it missed"),
	[UNACCOUNTED] = TICKS("unaccounted", GOOD_LOW, "ticks that are neither, or twice"),
	[P50] = LATENESS("p50", GOOD_NEAR_ZERO, OVER_MEDIAN, 0, "lateness: median"),
	[P99] = LATENESS("p99", GOOD_LOW, OVER_MEDIAN, FIGURE_GATED, "lateness: 99th percentile"),
	[MAX] = LATENESS("max", GOOD_LOW, OVER_MAX, 0, "lateness: the latest"),
};

enum { FLAG_LOST, FLAG_NO_SPIN, FLAGS };
static const struct flag flags[FLAGS] = {
	[FLAG_LOST] = {"lost", FLAG_FAIL, "ticks are neither delivered nor counted as missed"},
	[FLAG_NO_SPIN] = {"no-spin", FLAG_NOTE,
		"the timer threads did not spin: that alone would have taken the CPUs"},
};

/* ---- one VM of a launch ---- */

/* The number of the last tick, from its own deadline: what the guest should have seen. */
static uint64_t ticks_expected(
	const struct guest_timer_event *events, size_t n, uint64_t interval_ns)
{
	uint64_t period = clock_ns_to_ticks(interval_ns);

	return (events[n - 1].deadline - events[0].arm + period / 2) / period;
}

static int summarise(struct concurrent_vm *vm, struct summary *lateness, uint64_t interval_ns,
	uint64_t *expected)
{
	size_t n;
	const struct guest_timer_event *events =
		launch_records(&vm->launch, sizeof(*events), &n, &vm->diag);

	if (events == NULL || n == 0)
		return diag_set(&vm->diag, -EPROTO, "the guest recorded no ticks");
	int64_t *ticks = calloc(n, sizeof(*ticks));

	if (ticks == NULL)
		return diag_set(&vm->diag, -ENOMEM, "out of memory for %zu ticks", n);
	for (size_t i = 0; i < n; i++)
		ticks[i] = (int64_t)(events[i].enter - events[i].deadline);
	*lateness = stats_summarize(ticks, n);
	*expected = ticks_expected(events, n, interval_ns);
	free(ticks);
	return 0;
}

static void attach(struct sink *sink, struct vm *vm, const struct summary *lateness)
{
	if (!sink_wants(sink))
		return;
	sink_attach(sink, "lateness", results_summary(lateness));
	sink_attach(sink, "timer_thread", results_timer_thread(vm));
	sink_attach(sink, "dedicated", results_dedicated(vm));
}

static void yield(struct sink *sink, const struct scale_parameters *p, size_t number,
	const struct concurrent_vm *vm, const struct summary *lateness, uint64_t expected)
{
	const struct value which = value_number((double)number);
	double delivered = (double)lateness->n, missed = (double)vm->launch.result->missed;
	double unaccounted = fabs((double)expected - delivered - missed);

	sink_row(sink, &which,
		(const double[FIGURES]){
			[EXPECTED] = (double)expected,
			[DELIVERED] = delivered,
			[MISSED] = missed,
			[UNACCOUNTED] = unaccounted,
			[P50] = clock_ticks_to_ns_f(lateness->p50),
			[P99] = clock_ticks_to_ns_f(lateness->p99),
			[MAX] = clock_ticks_to_ns_f(lateness->max),
		});
	sink_flags(sink,
		(uint64_t)(unaccounted > 0) << FLAG_LOST | (uint64_t)p->crowded << FLAG_NO_SPIN);
	attach(sink, vm->launch.vm, lateness);
}

/* ---- one launch ---- */

/* More threads than CPUs: see concurrent_vms_crowded(). The rest of that are presets. */
static int settle(struct session *session, struct point *point, struct diag *why)
{
	struct scale_parameters *p = point->parameters;
	struct vm_config config = point->context.machine;
	struct host_facts facts;

	(void)session;
	host_facts_read(&facts);
	p->crowded = concurrent_vms_crowded(
		&config, point->context.machine_set, p->vms, p->interval_ns, facts.cpus_allowed);
	if (p->crowded)
		point_set(point, "timer-spin", "0");
	if (!(point->context.machine_set & BENCH_SET_TIMEOUT))
		point->context.machine.timeout_ns =
			LAUNCH_PATIENCE_NS + p->seconds * SLOWNESS * SECOND;
	return point_only(point, "vcpus", "1", why);
}

static void configure(struct launch *launch, const struct point *point)
{
	const struct scale_parameters *p = point->parameters;
	uint64_t count = p->seconds * SECOND / p->interval_ns;

	launch_begin(launch, &point->context, 1);
	if (!(point->context.machine_set & BENCH_SET_TIMER_CPU))
		launch->config.timer_cpu = -1;
	launch_append(launch,
		"test=timer source=dedicated mode=periodic interval_ns=%" PRIu64 " count=%" PRIu64
		" wait=hlt",
		p->interval_ns, count == 0 ? 1 : count);
}

/* Those that have a result say it. The first error of the others. */
static int yield_all(struct sink *sink, const struct scale_parameters *p, struct concurrent_vm *vms,
	struct diag *diag)
{
	struct summary lateness = {.n = 0};
	uint64_t expected = 0;
	int err = 0;

	for (size_t i = 0; i < p->vms; i++) {
		struct concurrent_vm *vm = &vms[i];

		if (vm->err == 0)
			vm->err = summarise(vm, &lateness, p->interval_ns, &expected);
		if (vm->err == 0)
			yield(sink, p, i, vm, &lateness, expected);
		else if (err == 0)
			err = diag_set(diag, vm->err, "VM %zu: %s", i, vm->diag.text);
	}
	return err;
}

static int measure(
	struct session *session, const struct point *point, struct sink *sink, struct diag *diag)
{
	const struct scale_parameters *p = point->parameters;
	struct concurrent_vm *vms = calloc(p->vms, sizeof(*vms));

	(void)session;
	if (vms == NULL)
		return diag_set(diag, -ENOMEM, "out of memory for %" PRIu64 " VMs", p->vms);
	for (size_t i = 0; i < p->vms; i++)
		configure(&vms[i].launch, point);
	int err = concurrent_vms_create(vms, p->vms, diag);

	if (err == 0)
		err = concurrent_vms_run(vms, p->vms, diag);
	if (err == 0)
		err = yield_all(sink, p, vms, diag);
	for (size_t i = 0; i < p->vms; i++)
		launch_end(&vms[i].launch);
	free(vms);
	return err;
}

static const struct series ticks = {
	.id = "ticks",
	.title = "Ticks of each of many machines",
	.axes = (const char *const[]){"vms", "interval", "seconds", MACHINE_AXES, NULL},
	.presets = (const char *const[]){"pin", "none", "halt-poll", "0", NULL},
	.yielded = &machine_of_many,
	.n_yielded = 1,
	.figures = figures,
	.n_figures = FIGURES,
	.flags = flags,
	.n_flags = FLAGS,
	.rounds = 1,
	.settle = settle,
	.measure = measure,
};

/* ---- what it comes to ---- */

/* Of a round's machines: those of one launch are no rounds. */
static double over_machines(const struct figure *figure, double *values, size_t n)
{
	double sum = 0;
	struct spread spread = stats_spread(values, n);

	for (size_t i = 0; i < n; i++)
		sum += values[i];
	return figure->over == OVER_SUM   ? sum
	       : figure->over == OVER_MAX ? spread.max
					  : spread.median;
}

static bool same_but(
	const struct dataset *set, const struct row *a, const struct row *b, size_t axis)
{
	for (size_t i = 0; i < set->n_axes; i++)
		if (i != axis && !value_same(a->at[i], b->at[i]))
			return false;
	return true;
}

/* Figure f of all machines of first's point in a round. Returns how many. */
static size_t of_round(const struct dataset *set, const struct row *first, unsigned round, size_t f,
	double *values)
{
	size_t axis = (size_t)dataset_axis(set, "vm"), n = 0;

	for (size_t r = 0; r < set->n_rows; r++)
		for (size_t i = 0; i < set->rows[r].n_samples; i++)
			if (set->rows[r].samples[i].round == round &&
				same_but(set, first, &set->rows[r], axis) && n < VMS_MAX)
				values[n++] = set->rows[r].samples[i].figures[f];
	return n;
}

/* A row of all machines together, unless the point has one. */
static void add_point(struct dataset *all, const struct dataset *set, const struct row *first)
{
	struct value at[DATASET_AXES_MAX];
	double values[VMS_MAX], sample[FIGURES];
	size_t n;

	memcpy(at, first->at, set->n_axes * sizeof(at[0]));
	at[dataset_axis(set, "vm")] = value_none();
	if (dataset_find(all, at) != NULL)
		return;
	struct row *row = dataset_row(all, at);

	for (unsigned round = 1;; round++) {
		for (size_t f = 0; f < FIGURES; f++) {
			n = of_round(set, first, round, f, values);
			sample[f] = over_machines(&figures[f], values, n);
		}
		if (n == 0)
			return;
		row_sample(all, row, 0, round, sample);
	}
}

static void judge(struct session *session, const struct dataset *all, const struct row *row)
{
	double lost = row_value(all, row, UNACCOUNTED);
	const char *at = row_name(all, row);

	document_judge(session->document,
		(struct judgement){.id = "unaccounted",
			.at = at,
			.outcome = lost > 0 ? OUTCOME_BAD : OUTCOME_GOOD,
			.value = lost,
			.limit = 0,
			.unit = UNIT_COUNT},
		"%s%sof %.0f ticks %.0f are unaccounted for, neither delivered nor counted as "
		"missed (limit 0); %.0f were missed",
		at, *at != '\0' ? ": " : "", row_value(all, row, EXPECTED), lost,
		row_value(all, row, MISSED));
}

static bool any_flagged(const struct dataset *set, size_t flag)
{
	for (size_t r = 0; r < set->n_rows; r++)
		for (size_t i = 0; i < set->rows[r].n_samples; i++)
			if (set->rows[r].samples[i].flags >> flag & 1)
				return true;
	return false;
}

static void say(struct session *session)
{
	document_view(session->document,
		&(struct view){.heading = "{vms} VMS AT ONCE, a dedicated timer every {interval} "
					  "each (lateness in us[; {rounds} rounds])",
			.dataset = "scale.ticks",
			.sections = "vms,interval",
			.down = "vm",
			.across = "expected,delivered,missed,unaccounted,p50,p99,max"});
	document_view(session->document,
		&(struct view){
			.heading = "Lateness of each VM's ticks, {vms} VMs, every {interval}",
			.dataset = "scale.ticks",
			.sections = "vms,interval",
			.down = "vm",
			.across = "p50,p99",
			.form = "points"});
}

static void conclude(struct session *session)
{
	const struct dataset *set = session_set(session, "ticks");

	if (set == NULL || set->n_rows == 0)
		return;
	struct dataset *all =
		dataset_derive(set, "scale.lateness", "Many machines at once", figures, FIGURES);

	document_add(session->document, all);
	for (size_t i = 0; i < set->n_rows; i++)
		add_point(all, set, &set->rows[i]);
	say(session);
	for (size_t i = 0; i < all->n_rows; i++)
		judge(session, all, &all->rows[i]);
	if (any_flagged(set, FLAG_NO_SPIN))
		document_note(session->document, "%s", flags[FLAG_NO_SPIN].help);
}

static const struct experiment experiment = {
	.name = "scale",
	.parameters = parameters,
	.parameters_size = sizeof(struct scale_parameters),
	.series = (const struct series *const[]){&ticks, NULL},
	.conclude = conclude,
};

static int run(struct bench_context *context, int argc, char **argv)
{
	return drive(&experiment, context, argc, argv);
}

const struct bench bench_scale = {
	.name = "scale",
	.summary = "many VMs at once, each with a periodic dedicated timer: is every tick "
		   "accounted for?",
	.experiment = &experiment,
	.run = run,
};
