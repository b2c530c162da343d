/* SPDX-License-Identifier: BSD-2-Clause */
/* tickvm bench ipi: from one vCPU's ICR write to the other's handler, and back.
 * Both vCPUs have a CPU of their own where there are two; rows do not share a VM. */
#include "../attach.h"
#include "../launch.h"
#include "../registry.h"
#include "../stats.h"

#include "tickvm/clock.h"
#include "tickvm/experiment.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#define COUNT_MAX     100000
#define ROUND_TRIP_NS 10000000ULL /* of one on a slow host, with its pause */

/* ---- options ---- */

enum wait { WAIT_HLT, WAIT_USER };
static const char *const apic_names[] = {"xapic", "x2apic", NULL};
static const char *const wait_names[] = {"hlt", "user", NULL};
static const char *const targets[] = {[WAIT_HLT] = "halted", [WAIT_USER] = "spinning"};

struct ipi_parameters {
	uint64_t count;
	unsigned apic, wait;
};

static const struct parameter parameters[] = {
	PARAMETER_WORDS("apic", NULL, apic_names, NULL, struct ipi_parameters, apic,
		"how the local APIC is reached"),
	PARAMETER_WORDS("wait", "target", wait_names, NULL, struct ipi_parameters, wait,
		"the target is halted, or spins in user mode"),
	PARAMETER_AMOUNT("count", PARAMETER_NUMBER, UNIT_COUNT, AXIS_EFFORT, "1000", 1, COUNT_MAX,
		struct ipi_parameters, count, "round trips a launch"),
	PARAMETERS_END,
};

/* ---- figures ---- */

static const struct axis what = {
	.id = "what", .help = "one-way: to the target's handler; round-trip: and back"};

enum { EVENTS, MEAN, P50, P99, MAX, FIGURES };
#define TIME(ID, OVER, FLAGS, HELP)                                                                \
	{                                                                                          \
		.id = (ID), .unit = UNIT_NS, .good = GOOD_LOW, .over = (OVER), .flags = (FLAGS),   \
		.help = (HELP)                                                                     \
	}
static const struct figure figures[FIGURES] = {
	[EVENTS] = {.id = "events",
		.title = "n",
		.unit = UNIT_COUNT,
		.flags = FIGURE_DETAIL,
		.help = "round trips"},
	[MEAN] = TIME("mean", OVER_MEDIAN, 0, "of the round trips"),
	[P50] = TIME("p50", OVER_MEDIAN, FIGURE_GATED, "their median"),
	[P99] = TIME("p99", OVER_MEDIAN, FIGURE_GATED, "their 99th percentile"),
	[MAX] = TIME("max", OVER_MAX, 0, "the longest"),
};

/* ---- one launch ---- */

/* Sorts the ticks. */
static void yield(struct sink *sink, enum wait wait, const char *id, const char *name,
	int64_t *ticks, size_t n)
{
	struct summary s = stats_summarize(ticks, n);
	const struct value yielded = value_word(id);

	sink_row(sink, &yielded,
		(const double[FIGURES]){
			[EVENTS] = (double)s.n,
			[MEAN] = clock_ticks_to_ns_f(s.sum) / (double)(n == 0 ? 1 : n),
			[P50] = clock_ticks_to_ns_f(s.p50),
			[P99] = clock_ticks_to_ns_f(s.p99),
			[MAX] = clock_ticks_to_ns_f(s.max),
		});
	sink_label(sink, "what", name);
	sink_label(sink, "wait", targets[wait]);
}

static json_t *events_json(const struct guest_ipi_event *events, size_t n)
{
	json_t *rows = json_array();
	uint64_t origin = n > 0 ? events[0].send : 0;

	for (size_t i = 0; i < n; i++)
		json_array_append_new(
			rows, json_pack("[I, I, I]", (json_int_t)(events[i].send - origin),
				      (json_int_t)(events[i].enter - origin),
				      (json_int_t)(events[i].reply - origin)));
	return json_pack("{s:[s, s, s], s:I, s:o}", "columns", "send", "enter", "reply",
		"origin_tsc", (json_int_t)origin, "rows", rows);
}

static int summarise(
	const struct launch *launch, enum wait wait, struct sink *sink, struct diag *diag)
{
	size_t n;
	const struct guest_ipi_event *events = launch_records(launch, sizeof(*events), &n, diag);

	if (events == NULL)
		return -EPROTO;
	int64_t *ticks = calloc(n + 1, sizeof(*ticks));

	if (ticks == NULL)
		return diag_set(diag, -ENOMEM, "out of memory for %zu events", n);
	for (size_t i = 0; i < n; i++)
		ticks[i] = (int64_t)(events[i].enter - events[i].send);
	yield(sink, wait, "one-way", "one way", ticks, n);
	/* What there is once a launch goes with its first row. */
	attach_counters(sink, launch->vm, launch->config.vcpus);
	if (sink_wants(sink))
		sink_attach(sink, "events", events_json(events, n));
	for (size_t i = 0; i < n; i++)
		ticks[i] = (int64_t)(events[i].reply - events[i].send);
	yield(sink, wait, "round-trip", "round trip", ticks, n);
	free(ticks);
	return 0;
}

/* Whoever spins does not halt, so that nothing is polled. */
static int settle(struct session *session, struct point *point, struct diag *why)
{
	const struct ipi_parameters *p = point->parameters;

	(void)session;
	if (!(point->context.machine_set & BENCH_SET_TIMEOUT))
		point->context.machine.timeout_ns = LAUNCH_PATIENCE_NS + p->count * ROUND_TRIP_NS;
	if (p->wait == WAIT_USER)
		point_unset(point, "halt-poll");
	return point_only(point, "vcpus", "2", why);
}

static int measure(
	struct session *session, const struct point *point, struct sink *sink, struct diag *diag)
{
	const struct ipi_parameters *p = point->parameters;
	struct launch launch;

	(void)session;
	launch_begin(&launch, &point->context, 2);
	launch_append(&launch, "test=ipi mode=pingpong wait=%s count=%" PRIu64 " apic=%s",
		wait_names[p->wait], p->count, apic_names[p->apic]);
	int err = launch_run(&launch, diag);

	if (err == 0) {
		err = summarise(&launch, p->wait, sink, diag);
		launch_end(&launch);
	}
	return err;
}

static const struct series latency = {
	.id = "latency",
	.title = "Latency of an IPI",
	.axes = (const char *const[]){"irqchip", "apic", "wait", "count", MACHINE_AXES, NULL},
	/* halt-poll: far beyond the time between two IPIs */
	.presets = (const char *const[]){"irqchip", "kernel,split,user", "halt-poll", "2ms", NULL},
	.yielded = &what,
	.n_yielded = 1,
	.figures = figures,
	.n_figures = FIGURES,
	.rounds = 1,
	.settle = settle,
	.measure = measure,
};

/* ---- what it comes to ---- */

static void conclude(struct session *session)
{
	document_view(session->document, &(struct view){.heading = "INTER-PROCESSOR INTERRUPTS "
								   "(us[, {rounds} rounds])",
						 .dataset = "ipi.latency",
						 .down = "irqchip,apic,wait,what",
						 .across = "events,mean,p50,p99,max"});
	document_view(
		session->document, &(struct view){.heading = "Inter-processor interrupts, median",
					   .dataset = "ipi.latency",
					   .down = "irqchip,apic,wait",
					   .across = "p50",
					   .series = "what",
					   .form = "bars"});
	document_note(session->document,
		"one way: sender's ICR write to the target's first instruction; round trip: until "
		"the sender's handler for the answer runs.");
}

static const struct experiment experiment = {
	.name = "ipi",
	.parameters = parameters,
	.parameters_size = sizeof(struct ipi_parameters),
	.series = (const struct series *const[]){&latency, NULL},
	.conclude = conclude,
};

static int run(struct bench_context *context, int argc, char **argv)
{
	return drive(&experiment, context, argc, argv);
}

const struct bench bench_ipi = {
	.name = "ipi",
	.summary = "interrupts between two vCPUs: one way and round trip, on every back end",
	.experiment = &experiment,
	.run = run,
};
