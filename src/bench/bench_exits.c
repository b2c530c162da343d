/* SPDX-License-Identifier: BSD-2-Clause */
/* tickvm bench exits: what one exit of each kind costs, split into transition (hardware and KVM),
 * dispatch (ours) and device model; beside a bare KVM_RUN loop. What can be paired is interleaved
 * with it. */
#include "bare_exit.h"
#include "launch.h"
#include "options.h"
#include "progress.h"
#include "registry.h"
#include "results.h"

#include "tickvm/clock.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS_MAX 1000
#define RUNS_MAX   64
#define RING       65536

static const char help[] =
	"  --kind LIST          of "
	"pio-out,pio-in,pio-unknown,mmio-write,mmio-read,msr-read,msr-write,hlt,\n"
	"                       cpuid,hypercall,pio-eventfd,mmio-eventfd,pic-port,lapic-read "
	"(default: all)\n"
	"  --iterations N       exits a round (default 1000)\n"
	"  --rounds N           rounds a run, their median is taken (default 11)\n"
	"  --runs N             runs of the comparison with the bare loop, interleaved (default "
	"5;\n"
	"                       0: none)\n"
	"  (without --irqchip every back end is measured)\n";

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

struct plan {
	uint64_t kinds, iterations, rounds, runs;
};

struct session {
	const struct bench_context *context;
	struct plan plan;
	struct results results;
	struct page *page;
	struct progress progress;
	unsigned measured;
	int status;
};

/* Ticks of one exit; NAN where a part does not exist. */
struct cost {
	double total, userspace, model;
	const char *device; /* who handled it; NULL: the kernel */
};

/* ---- one launch ---- */

static double median_cycles(const struct guest_bench_round *rounds, size_t n)
{
	double cycles[ROUNDS_MAX];
	size_t used = 0;

	for (size_t i = 0; i < n && i < ROUNDS_MAX; i++) {
		int64_t spent = (int64_t)(rounds[i].run_cycles - rounds[i].control_cycles);

		if (rounds[i].iterations != 0)
			cycles[used++] = (double)spent / (double)rounds[i].iterations;
	}
	return stats_spread(cycles, used).median;
}

static double mean_ticks(const struct histogram *h)
{
	return h->count == 0 ? 0 : (double)h->sum / (double)h->count;
}

/* The row of the operation itself: it was done iterations times a round, everything else less
 * often. */
static void add_userspace(
	struct vm *vm, enum guest_exit_kind kind, uint64_t operations, struct cost *cost)
{
	size_t n;
	const struct exit_row *rows = exit_stats_rows(vm_exit_stats(vm, 0), &n);

	for (size_t i = 0; i < n; i++) {
		if (rows[i].kind != exit_kinds[kind] || rows[i].time.count < operations)
			continue;
		cost->userspace = mean_ticks(&rows[i].time);
		cost->model = mean_ticks(&rows[i].model);
		cost->device = rows[i].device;
		return;
	}
}

static void add_run_json(struct session *session, const struct launch *launch,
	enum guest_exit_kind kind, const struct guest_bench_round *rounds, size_t n)
{
	struct results *results = &session->results;
	const struct vm_config *config = &launch->config;
	json_t *run = json_pack("{s:s, s:s, s:b, s:o, s:o}", "kind", kind_names[kind], "irqchip",
		irqchip_name(config->irqchip), "event_ring", config->trace_events != 0, "exits",
		results_exits(results, launch->vm, 1), "kvm_stats",
		results_kvm_stats(results, launch->vm));
	json_t *cycles = json_array();

	for (size_t i = 0; i < n; i++)
		results_add(results, cycles, NULL,
			json_pack("[I, I, I]", (json_int_t)rounds[i].iterations,
				(json_int_t)rounds[i].run_cycles,
				(json_int_t)rounds[i].control_cycles));
	results_add(results, results->runs, NULL, run);
	results_add(results, run, "rounds", cycles);
}

static int measure(struct session *session, enum irqchip_kind irqchip, enum guest_exit_kind kind,
	bool ring, struct cost *cost, struct diag *diag)
{
	const struct plan *plan = &session->plan;
	struct launch launch;
	size_t n;

	launch_begin(&launch, session->context, 1);
	launch.config.irqchip = irqchip;
	launch.config.trace_events = ring ? RING : 0;
	if (!(session->context->machine_set & BENCH_SET_TIMEOUT))
		launch.config.timeout_ns =
			LAUNCH_PATIENCE_NS + plan->rounds * plan->iterations * 200000;
	launch_append(&launch, "test=bench name=%s iterations=%" PRIu64 " rounds=%" PRIu64,
		kind_names[kind], plan->iterations, plan->rounds);
	int err = launch_run(&launch, diag);

	if (err < 0)
		return err;
	const struct guest_bench_round *rounds = launch_records(&launch, sizeof(*rounds), &n, diag);

	if (rounds == NULL) {
		launch_end(&launch);
		return -EPROTO;
	}
	*cost = (struct cost){
		.total = median_cycles(rounds, n), .userspace = (double)NAN, .model = (double)NAN};
	add_userspace(launch.vm, kind, plan->iterations * plan->rounds, cost);
	if (session->context->json != NULL || session->context->collect != NULL)
		add_run_json(session, &launch, kind, rounds, n);
	launch_end(&launch);
	session->measured++;
	return 0;
}

/* ---- the table of kinds ---- */

static double ns(double ticks)
{
	return ticks * clock_ticks_to_ns_f(1000000) / 1000000;
}

/* The kernel's part is all transition. */
static void say_cost(
	struct table *table, struct chart *chart, const char *kind, const struct cost *cost)
{
	bool kernel = cost->device == NULL;
	double transition = ns(kernel ? cost->total : cost->total - cost->userspace);
	double dispatch = ns(cost->userspace - cost->model), model = ns(cost->model);

	table_cell(table, "%s", kind);
	table_cell_us(table, ns(cost->total));
	table_cell_us(table, transition);
	table_cell_us(table, dispatch);
	table_cell_us(table, model);
	table_cell(table, "%s", kernel ? "KVM" : cost->device);
	chart_bar(chart, "transition", kind, transition / 1000);
	chart_bar(chart, "dispatch", kind, dispatch / 1000);
	chart_bar(chart, "model", kind, model / 1000);
}

/* A row that could not be measured: the user, or his options, end the bench; the rest is said in
 * its place. */
static bool is_fatal(struct session *session, int err)
{
	if (err == -EINTR || err == -EINVAL)
		session->status = launch_exit_status(err);
	else if (err != -ENOTSUP)
		session->status = 1;
	return err == -EINTR || err == -EINVAL;
}

static void add_skipped(struct session *session, enum irqchip_kind irqchip,
	enum guest_exit_kind kind, const char *reason)
{
	json_t *skipped = json_object_get(session->results.root, "skipped");

	results_add(&session->results, skipped, NULL,
		json_pack("{s:s, s:s, s:o}", "kind", kind_names[kind], "irqchip",
			irqchip_name(irqchip), "reason", json_text(reason)));
}

/* One row, or the note why there is none. False: stop. */
static bool run_kind(struct session *session, enum irqchip_kind irqchip, enum guest_exit_kind kind,
	struct table *table, struct chart *chart)
{
	struct diag diag = {"interrupted"};
	struct cost cost = {.device = NULL};

	progress_step(
		&session->progress, "%s, irqchip %s", kind_names[kind], irqchip_name(irqchip));
	int err = bench_interrupted ? -EINTR : measure(session, irqchip, kind, false, &cost, &diag);

	if (err == 0) {
		results_metric(&session->results, LOWER_IS_BETTER, "ns", ns(cost.total),
			"exits/%s/%s", irqchip_name(irqchip), kind_names[kind]);
		say_cost(table, chart, kind_names[kind], &cost);
		return true;
	}
	add_skipped(session, irqchip, kind, diag.text);
	page_note(session->page, "n/a: %s: %s", kind_names[kind], diag.text);
	return !is_fatal(session, err);
}

/* All kinds on one back end. False: stop. */
static bool run_irqchip(struct session *session, enum irqchip_kind irqchip)
{
	static const char *const titles[] = {
		"exit", "round trip", "transition", "dispatch", "model", "handled by"};
	char name[32], title[48];
	bool go_on = true;

	snprintf(name, sizeof(name), "exits-%s", irqchip_name(irqchip));
	snprintf(title, sizeof(title), "Cost of an exit, irqchip %s", irqchip_name(irqchip));
	page_heading(session->page,
		"COST OF AN EXIT, irqchip %s (us, median of %" PRIu64 " rounds of %" PRIu64 ")",
		irqchip_name(irqchip), session->plan.rounds, session->plan.iterations);
	struct table *table = page_table(session->page, name, "lrrrrl", titles);
	struct chart *chart =
		page_chart(session->page, CHART_STACKED, 0, title, "exit", "round trip (us)");

	for (unsigned kind = 0; kind < GUEST_EXIT_KINDS && go_on; kind++) {
		if (session->plan.kinds & (1u << kind))
			go_on = run_kind(session, irqchip, kind, table, chart);
	}
	return go_on;
}

/* ---- beside the bare loop ---- */

enum contender { BARE, OURS, OURS_RING, CONTENDERS };

static int measure_contender(struct session *session, unsigned contender, double *ticks,
	double *userspace, struct diag *diag)
{
	enum irqchip_kind irqchip = session->context->machine_set & BENCH_SET_IRQCHIP
					    ? session->context->machine.irqchip
					    : IRQCHIP_SPLIT;
	struct cost cost = {.total = 0};

	if (bench_interrupted)
		return diag_set(diag, -EINTR, "interrupted");
	if (contender == BARE)
		return bare_exit_measure(session->context, session->plan.iterations,
			session->plan.rounds, ticks, diag);
	int err =
		measure(session, irqchip, GUEST_EXIT_PIO_OUT, contender == OURS_RING, &cost, diag);

	*ticks = cost.total;
	*userspace = cost.userspace;
	return err;
}

static void compare_row(
	struct table *table, const char *loop, double ticks, double percent, const char *of)
{
	table_cell(table, "%s", loop);
	table_cell_us(table, ns(ticks));
	if (isnan(percent))
		table_cell(table, "-");
	else
		table_cell(table, "%.1f", percent);
	table_cell(table, "%s", of);
}

/* Code that is added takes nothing away: beyond the limit that is noise, which hides the figure. */
static enum verdict judge(double percent, double limit)
{
	if (isnan(percent) || percent < -limit)
		return VERDICT_UNKNOWN;
	return percent <= limit ? VERDICT_GOOD : VERDICT_BAD;
}

static void say_comparison(
	struct session *session, const double medians[CONTENDERS], double userspace)
{
	static const char *const titles[] = {"loop", "round trip", "%", "meaning"};
	double bare = medians[BARE], ours = medians[OURS], ring = medians[OURS_RING];
	double added = 100 * (ours / bare - 1), ring_added = 100 * (ring / ours - 1);
	struct page *page = session->page;

	results_add(&session->results, session->results.root, "bare_comparison",
		json_pack("{s:I, s:I, s:I, s:I}", "bare_ticks", (json_int_t)llround(bare),
			"ours_ticks", (json_int_t)llround(ours), "ring_ticks",
			(json_int_t)llround(ring), "userspace_ticks",
			(json_int_t)llround(userspace)));
	page_heading(page,
		"PIO OUT BESIDE A BARE KVM_RUN LOOP (us, medians of %" PRIu64 " interleaved runs)",
		session->plan.runs);
	struct table *table = page_table(page, "bare", "lrrl", titles);

	compare_row(table, "bare", bare, (double)NAN, "");
	compare_row(table, "tickvm", ours, added, "added to the bare loop");
	compare_row(table, "its own code", userspace, 100 * userspace / bare,
		"of the bare loop; the rest is inside KVM_RUN");
	compare_row(table, "with event ring", ring, ring_added, "added to tickvm without it");
	page_verdict(page, judge(added, 10),
		"dispatch adds %.1f %% to a bare KVM_RUN loop (limit 10 %%)", added);
	page_verdict(page, judge(ring_added, 5),
		"the event ring adds %.1f %% to an exit (limit 5 %%)", ring_added);
}

static bool run_comparison(struct session *session)
{
	double ticks[CONTENDERS][RUNS_MAX], userspace[CONTENDERS][RUNS_MAX];
	double medians[CONTENDERS];
	struct diag diag = {""};

	for (uint64_t run = 0; run < session->plan.runs; run++) {
		for (unsigned i = 0; i < CONTENDERS; i++) {
			unsigned contender = run % 2 == 0 ? i : CONTENDERS - 1 - i;

			progress_step(&session->progress, "bare loop and pio-out");
			int err = measure_contender(session, contender, &ticks[contender][run],
				&userspace[contender][run], &diag);

			if (err < 0) {
				session->status = launch_exit_status(err);
				page_note(session->page, "not measured: %s", diag.text);
				return false;
			}
		}
	}
	for (unsigned i = 0; i < CONTENDERS; i++)
		medians[i] = stats_spread(ticks[i], session->plan.runs).median;
	say_comparison(session, medians, stats_spread(userspace[OURS], session->plan.runs).median);
	return true;
}

/* ---- the bench ---- */

static int parse(struct plan *plan, int argc, char **argv, struct diag *diag)
{
	*plan = (struct plan){
		.kinds = (1u << GUEST_EXIT_KINDS) - 1, .iterations = 1000, .rounds = 11, .runs = 5};
	const struct option_spec specs[] = {
		{"kind", OPTION_CHOICES, &plan->kinds, .names = kind_names},
		{"iterations", OPTION_NUMBER, &plan->iterations, .min = 1, .max = 1000000},
		{"rounds", OPTION_NUMBER, &plan->rounds, .min = 1, .max = ROUNDS_MAX},
		{"runs", OPTION_NUMBER, &plan->runs, .min = 0, .max = RUNS_MAX},
		{.name = NULL},
	};

	return options_parse(specs, argc, argv, diag);
}

static void run_all(struct session *session)
{
	bool one = session->context->machine_set & BENCH_SET_IRQCHIP;

	if (session->plan.runs > 0 && !run_comparison(session))
		return;
	for (unsigned irqchip = 0; irqchip < IRQCHIP_KINDS; irqchip++) {
		if (one && irqchip != session->context->machine.irqchip)
			continue;
		if (!run_irqchip(session, irqchip))
			return;
	}
	page_note(session->page,
		"round trip: in the guest, control loop subtracted. transition: hardware and KVM; "
		"dispatch: tickvm from KVM_RUN's return to the next, without the device model; "
		"model: the device's own code.");
}

static unsigned steps(const struct session *session)
{
	unsigned kinds = (unsigned)__builtin_popcountll(session->plan.kinds);
	unsigned irqchips = session->context->machine_set & BENCH_SET_IRQCHIP ? 1 : IRQCHIP_KINDS;

	return irqchips * kinds + CONTENDERS * (unsigned)session->plan.runs;
}

static int run(struct bench_context *context, int argc, char **argv)
{
	struct session session = {.context = context};
	struct diag diag;

	if (parse(&session.plan, argc, argv, &diag) < 0)
		return bench_refuse(context, "exits", &diag);
	if (context->check != NULL)
		return 0;
	results_begin(&session.results, context, "exits");
	results_add(&session.results, session.results.root, "skipped", json_array());
	session.page = page_create();
	session.progress = progress_begin(steps(&session), context->quiet);
	run_all(&session);
	progress_end(&session.progress);
	if (session.status == 0 && session.measured == 0)
		session.status = 77;
	int status = results_publish(&session.results, session.page, context, session.status);

	page_destroy(session.page);
	results_end(&session.results);
	return status;
}

const struct bench bench_exits = {
	.name = "exits",
	.summary = "what an exit costs, by kind: transition, dispatch, device model; beside bare "
		   "KVM_RUN",
	.help = help,
	.run = run,
};
