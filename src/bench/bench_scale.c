/* SPDX-License-Identifier: BSD-2-Clause */
/* tickvm bench scale: many VMs at once, each with a periodic dedicated timer: is every tick
 * delivered or counted? It says how late ticks are under that load; where the time goes is bench
 * timer's question. */
#include "options.h"
#include "progress.h"
#include "registry.h"
#include "results.h"
#include "together.h"

#include "tickvm/clock.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define VMS_MAX 256

static const char help[] = "  --vms N              virtual machines at once (default 16)\n"
			   "  --interval T         period of each timer (default 1ms)\n"
			   "  --seconds N          how long (default 3)\n"
			   "  (unless told, threads are not pinned and halted vCPUs do not poll)\n";

struct plan {
	uint64_t vms, seconds;
	struct durations interval;
};

struct worker {
	uint64_t expected, delivered, missed;
	struct summary lateness;
};

struct session {
	const struct bench_context *context;
	struct plan plan;
	struct together *vms;
	struct worker *workers; /* what each VM has done */
	struct results results;
	bool spin_off; /* the timer threads' spinning would have taken the CPUs */
};

static void configure(struct session *session, struct launch *launch)
{
	const struct bench_context *context = session->context;
	struct vm_config *config = &launch->config;
	uint64_t interval_ns = session->plan.interval.ns[0];
	uint64_t count = session->plan.seconds * 1000000000 / interval_ns;

	launch_begin(launch, context, 1);
	session->spin_off = together_crowded(config, context->machine_set, session->plan.vms,
		interval_ns, session->results.facts.cpus_allowed);
	if (!(context->machine_set & BENCH_SET_TIMEOUT))
		config->timeout_ns = LAUNCH_PATIENCE_NS + session->plan.seconds * 10 * 1000000000;
	launch_append(launch,
		"test=timer source=dedicated mode=periodic interval_ns=%" PRIu64 " count=%" PRIu64
		" wait=hlt",
		interval_ns, count == 0 ? 1 : count);
}

/* The number of the last tick, from its own deadline: what the guest should have seen. */
static uint64_t ticks_expected(
	const struct guest_timer_event *events, size_t n, uint64_t interval_ns)
{
	uint64_t period = clock_ns_to_ticks(interval_ns);

	return (events[n - 1].deadline - events[0].arm + period / 2) / period;
}

static int evaluate(struct together *vm, struct worker *worker, uint64_t interval_ns)
{
	size_t n;
	const struct guest_timer_event *events =
		launch_records(&vm->launch, sizeof(*events), &n, &vm->diag);

	if (events == NULL || n == 0)
		return diag_set(&vm->diag, -EPROTO, "the guest recorded no ticks");
	int64_t *lateness = calloc(n, sizeof(*lateness));

	if (lateness == NULL)
		return diag_set(&vm->diag, -ENOMEM, "out of memory for %zu ticks", n);
	for (size_t i = 0; i < n; i++)
		lateness[i] = (int64_t)(events[i].enter - events[i].deadline);
	worker->lateness = stats_summarize(lateness, n);
	free(lateness);
	worker->expected = ticks_expected(events, n, interval_ns);
	worker->delivered = n;
	worker->missed = vm->launch.result->missed;
	return 0;
}

static void add_json(struct session *session, uint64_t i)
{
	const struct worker *worker = &session->workers[i];
	struct vm *vm = session->vms[i].launch.vm;
	struct results *results = &session->results;

	results_add(results, results->runs, NULL,
		json_pack("{s:I, s:I, s:I, s:I, s:o, s:o, s:o}", "vm", (json_int_t)i,
			"ticks_expected", (json_int_t)worker->expected, "ticks_delivered",
			(json_int_t)worker->delivered, "ticks_missed", (json_int_t)worker->missed,
			"lateness", results_summary(&worker->lateness), "timer_thread",
			results_timer_thread(vm), "dedicated", results_dedicated(vm)));
}

/* What was delivered or counted as missed too often or too rarely. */
static uint64_t unaccounted(const struct worker *worker)
{
	uint64_t counted = worker->delivered + worker->missed;

	return counted > worker->expected ? counted - worker->expected : worker->expected - counted;
}

static double us_of(int64_t ticks)
{
	return clock_ticks_to_ns_f(ticks) / 1000;
}

static void say_vm(
	const struct worker *worker, uint64_t i, struct table *table, struct chart *chart)
{
	const struct summary *lateness = &worker->lateness;

	table_cell(table, "%" PRIu64, i);
	table_cell(table, "%" PRIu64, worker->expected);
	table_cell(table, "%" PRIu64, worker->delivered);
	table_cell(table, "%" PRIu64, worker->missed);
	table_cell(table, "%" PRIu64, unaccounted(worker));
	table_cell_us(table, us_of(lateness->p50) * 1000);
	table_cell_us(table, us_of(lateness->p99) * 1000);
	table_cell_us(table, us_of(lateness->max) * 1000);
	chart_point(chart, "p50", (double)i, us_of(lateness->p50));
	chart_point(chart, "p99", (double)i, us_of(lateness->p99));
}

static void say_verdict(const struct session *session, struct page *page)
{
	uint64_t expected = 0, missed = 0, lost = 0;

	for (uint64_t i = 0; i < session->plan.vms; i++) {
		const struct worker *worker = &session->workers[i];

		if (session->vms[i].err < 0)
			continue;
		expected += worker->expected;
		missed += worker->missed;
		lost += unaccounted(worker);
	}
	page_verdict(page, lost == 0 ? VERDICT_GOOD : VERDICT_BAD,
		"of %" PRIu64 " ticks %" PRIu64 " are unaccounted for, neither delivered nor "
		"counted as missed (limit 0); %" PRIu64 " were missed",
		expected, lost, missed);
}

/* 0; 1 when a tick is lost; or why a VM has no result. */
static int say_all(struct session *session, struct page *page)
{
	static const char *const titles[] = {
		"vm", "expected", "delivered", "missed", "unaccounted", "p50", "p99", "max"};
	int status = 0;

	page_heading(page,
		"%" PRIu64 " VMS AT ONCE, a dedicated timer every %g us each (lateness in us)",
		session->plan.vms, (double)session->plan.interval.ns[0] / 1000);
	struct table *table = page_table(page, "scale", "rrrrrrrr", titles);
	struct chart *chart = page_chart(
		page, CHART_POINTS, 0, "Lateness of each VM's ticks", "VM", "lateness (us)");

	for (uint64_t i = 0; i < session->plan.vms; i++) {
		struct worker *worker = &session->workers[i];
		struct together *vm = &session->vms[i];

		if (vm->err == 0)
			vm->err = evaluate(vm, worker, session->plan.interval.ns[0]);
		if (vm->err < 0) {
			page_note(page, "not measured: VM %" PRIu64 ": %s", i, vm->diag.text);
			status = launch_exit_status(vm->err);
			continue;
		}
		if (unaccounted(worker) != 0 && status == 0)
			status = 1;
		say_vm(worker, i, table, chart);
		results_metric(&session->results, LOWER_IS_BETTER, "ns",
			clock_ticks_to_ns_f(worker->lateness.p99), "scale/vms%" PRIu64 "/p99",
			session->plan.vms);
		add_json(session, i);
	}
	say_verdict(session, page);
	if (session->spin_off)
		page_note(page, "the timer threads did not spin: that alone would have taken the "
				"CPUs");
	return status;
}

static int parse(struct plan *plan, int argc, char **argv, struct diag *diag)
{
	*plan = (struct plan){.vms = 16, .seconds = 3, .interval = {.ns = {1000000}, .n = 1}};
	const struct option_spec specs[] = {
		{"vms", OPTION_NUMBER, &plan->vms, .min = 1, .max = VMS_MAX},
		{"interval", OPTION_DURATIONS, &plan->interval, .min = 10000, .max = 1000000000},
		{"seconds", OPTION_NUMBER, &plan->seconds, .min = 1, .max = 60},
		{.name = NULL},
	};
	int err = options_parse(specs, argc, argv, diag);

	if (err == 0 && plan->interval.n != 1)
		return diag_set(diag, -EINVAL, "--interval: one value, all timers have the same");
	return err;
}

static int run(struct bench_context *context, int argc, char **argv)
{
	struct session session = {.context = context};
	struct diag diag;

	if (parse(&session.plan, argc, argv, &diag) < 0)
		return bench_refuse(context, "scale", &diag);
	if (context->check != NULL)
		return 0;
	session.vms = calloc(session.plan.vms, sizeof(*session.vms));
	session.workers = calloc(session.plan.vms, sizeof(*session.workers));
	if (session.vms == NULL || session.workers == NULL) {
		fprintf(stderr, "tickvm: bench scale: out of memory\n");
		free(session.vms);
		free(session.workers);
		return 1;
	}
	results_begin(&session.results, context, "scale");
	struct page *page = page_create();
	struct progress progress = progress_begin(2, context->quiet);

	for (uint64_t i = 0; i < session.plan.vms; i++)
		configure(&session, &session.vms[i].launch);
	progress_step(&progress, "creating %" PRIu64 " VMs", session.plan.vms);
	int err = together_create(session.vms, session.plan.vms, &diag);

	if (err == 0) {
		progress_step(&progress, "running them for %" PRIu64 " s", session.plan.seconds);
		err = together_run(session.vms, session.plan.vms, &diag);
	}
	progress_end(&progress);
	if (err < 0)
		page_note(page, "not measured: %s", diag.text);
	int status = err == 0 ? say_all(&session, page) : launch_exit_status(err);

	for (uint64_t i = 0; i < session.plan.vms; i++)
		launch_end(&session.vms[i].launch);
	free(session.vms);
	free(session.workers);
	status = results_publish(&session.results, page, context, status);
	page_destroy(page);
	results_end(&session.results);
	return status;
}

const struct bench bench_scale = {
	.name = "scale",
	.summary = "many VMs at once, each with a periodic dedicated timer: is every tick "
		   "accounted for?",
	.help = help,
	.run = run,
};
