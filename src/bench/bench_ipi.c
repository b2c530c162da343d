/* SPDX-License-Identifier: BSD-2-Clause */
/* tickvm bench ipi: from one vCPU's ICR write to the other's handler, and back.
 * Both vCPUs have a CPU of their own where there are two; rows do not share a VM. */
#include "launch.h"
#include "options.h"
#include "progress.h"
#include "registry.h"
#include "results.h"

#include "tickvm/clock.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define HALT_POLL_NS 2000000 /* far beyond the time between two IPIs */

static const char *const apic_names[] = {"xapic", "x2apic", NULL};
static const char *const wait_names[] = {"hlt", "user", NULL};

static const char help[] = "  --count N            round trips a row (default 1000)\n"
			   "  --apic LIST          of xapic,x2apic (default: both)\n"
			   "  --wait LIST          of hlt (the target is halted), user (it spins "
			   "in user mode); default: both\n"
			   "  (without --irqchip every back end is measured)\n";

struct plan {
	uint64_t count, apics, waits;
};

struct session {
	const struct bench_context *context;
	struct plan plan;
	struct results results;
	struct progress progress;
	struct page *page;
	struct table *table;
	struct chart *chart;
	unsigned measured;
	int status;
};

struct row {
	enum irqchip_kind irqchip;
	unsigned apic, wait;
};

static void say_summary(
	struct session *session, const struct row *row, const char *what, const struct summary *s)
{
	const char *target = row->wait == 0 ? "halted" : "spinning";
	struct table *table = session->table;
	char label[64];

	snprintf(label, sizeof(label), "%s %s %s", irqchip_name(row->irqchip),
		apic_names[row->apic], target);
	chart_bar(session->chart, what, label, clock_ticks_to_ns_f(s->p50) / 1000);
	table_cell(table, "%s", irqchip_name(row->irqchip));
	table_cell(table, "%s", apic_names[row->apic]);
	table_cell(table, "%s", target);
	table_cell(table, "%s", what);
	table_cell(table, "%zu", s->n);
	table_cell_us(table, clock_ticks_to_ns_f(s->sum) / (double)(s->n == 0 ? 1 : s->n));
	table_cell_us(table, clock_ticks_to_ns_f(s->p50));
	table_cell_us(table, clock_ticks_to_ns_f(s->p99));
	table_cell_us(table, clock_ticks_to_ns_f(s->max));
}

static void add_metrics(
	struct session *session, const struct row *row, const char *what, const struct summary *s)
{
	const struct {
		const char *name;
		int64_t ticks;
	} figures[] = {{"p50", s->p50}, {"p99", s->p99}, {"max", s->max}};

	for (size_t i = 0; i < sizeof(figures) / sizeof(figures[0]); i++)
		results_metric(&session->results, LOWER_IS_BETTER, "ns",
			clock_ticks_to_ns_f(figures[i].ticks), "ipi/%s/%s/%s/%s/%s",
			irqchip_name(row->irqchip), apic_names[row->apic], wait_names[row->wait],
			what, figures[i].name);
}

static json_t *events_json(struct results *results, const struct guest_ipi_event *events, size_t n)
{
	json_t *rows = json_array();
	uint64_t origin = n > 0 ? events[0].send : 0;

	for (size_t i = 0; i < n; i++)
		results_add(results, rows, NULL,
			json_pack("[I, I, I]", (json_int_t)(events[i].send - origin),
				(json_int_t)(events[i].enter - origin),
				(json_int_t)(events[i].reply - origin)));
	return json_pack("{s:[s, s, s], s:I, s:o}", "columns", "send", "enter", "reply",
		"origin_tsc", (json_int_t)origin, "rows", rows);
}

static int summarise(struct session *session, const struct row *row, const struct launch *launch,
	struct diag *diag)
{
	size_t n;
	struct results *results = &session->results;
	const struct guest_ipi_event *events = launch_records(launch, sizeof(*events), &n, diag);

	if (events == NULL)
		return -EPROTO;
	int64_t *ticks = calloc(n + 1, sizeof(*ticks));

	if (ticks == NULL)
		return diag_set(diag, -ENOMEM, "out of memory for %zu events", n);
	for (size_t i = 0; i < n; i++)
		ticks[i] = (int64_t)(events[i].enter - events[i].send);
	struct summary one_way = stats_summarize(ticks, n);

	for (size_t i = 0; i < n; i++)
		ticks[i] = (int64_t)(events[i].reply - events[i].send);
	struct summary round_trip = stats_summarize(ticks, n);

	free(ticks);
	say_summary(session, row, "one way", &one_way);
	say_summary(session, row, "round trip", &round_trip);
	add_metrics(session, row, "one-way", &one_way);
	add_metrics(session, row, "round-trip", &round_trip);
	if (session->context->json != NULL || session->context->collect != NULL)
		results_add(results, results->runs, NULL,
			json_pack("{s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o}", "irqchip",
				irqchip_name(row->irqchip), "apic", apic_names[row->apic], "wait",
				wait_names[row->wait], "machine", machine_json(&launch->config),
				"one_way", results_summary(&one_way), "round_trip",
				results_summary(&round_trip), "exits",
				results_exits(results, launch->vm, 2), "kvm_stats",
				results_kvm_stats(results, launch->vm), "events",
				events_json(results, events, n)));
	return 0;
}

static int measure(struct session *session, const struct row *row, struct diag *diag)
{
	struct launch launch;

	if (bench_interrupted)
		return diag_set(diag, -EINTR, "interrupted");
	launch_begin(&launch, session->context, 2);
	launch.config.irqchip = row->irqchip;
	if (!(session->context->machine_set & BENCH_SET_HALT_POLL))
		launch.config.halt_poll_ns = HALT_POLL_NS;
	if (!(session->context->machine_set & BENCH_SET_TIMEOUT))
		launch.config.timeout_ns = LAUNCH_PATIENCE_NS + session->plan.count * 10000000;
	launch_append(&launch, "test=ipi mode=pingpong wait=%s count=%" PRIu64 " apic=%s",
		wait_names[row->wait], session->plan.count, apic_names[row->apic]);
	int err = launch_run(&launch, diag);

	if (err == 0) {
		err = summarise(session, row, &launch, diag);
		launch_end(&launch);
	}
	return err;
}

/* False: stop. */
static bool run_row(struct session *session, const struct row *row)
{
	struct diag diag = {""};

	progress_step(&session->progress, "irqchip %s, %s, %s", irqchip_name(row->irqchip),
		apic_names[row->apic], wait_names[row->wait]);
	int err = measure(session, row, &diag);

	if (err == 0) {
		session->measured++;
		return true;
	}
	page_note(session->page, "not measured: %s, %s, %s: %s", irqchip_name(row->irqchip),
		apic_names[row->apic], wait_names[row->wait], diag.text);
	results_add(&session->results, json_object_get(session->results.root, "skipped"), NULL,
		json_pack("{s:s, s:s, s:s, s:o}", "irqchip", irqchip_name(row->irqchip), "apic",
			apic_names[row->apic], "wait", wait_names[row->wait], "reason",
			json_text(diag.text)));
	if (err != -ENOTSUP)
		session->status = launch_exit_status(err);
	return err != -EINTR && err != -EINVAL && launch_has_kvm();
}

static void run_all(struct session *session)
{
	bool one = session->context->machine_set & BENCH_SET_IRQCHIP;
	unsigned per_irqchip = (unsigned)(__builtin_popcountll(session->plan.apics) *
					  __builtin_popcountll(session->plan.waits));
	struct row row;

	session->progress =
		progress_begin((one ? 1 : IRQCHIP_KINDS) * per_irqchip, session->context->quiet);
	for (unsigned irqchip = 0; irqchip < IRQCHIP_KINDS; irqchip++) {
		if (one && irqchip != session->context->machine.irqchip)
			continue;
		row.irqchip = irqchip;
		for (row.apic = 0; apic_names[row.apic] != NULL; row.apic++) {
			for (row.wait = 0; wait_names[row.wait] != NULL; row.wait++) {
				if ((session->plan.apics & (1u << row.apic)) &&
					(session->plan.waits & (1u << row.wait)) &&
					!run_row(session, &row))
					return;
			}
		}
	}
}

static int parse(struct plan *plan, int argc, char **argv, struct diag *diag)
{
	*plan = (struct plan){.count = 1000, .apics = 3, .waits = 3};
	const struct option_spec specs[] = {
		{"count", OPTION_NUMBER, &plan->count, .min = 1, .max = 100000},
		{"apic", OPTION_CHOICES, &plan->apics, .names = apic_names},
		{"wait", OPTION_CHOICES, &plan->waits, .names = wait_names},
		{.name = NULL},
	};

	return options_parse(specs, argc, argv, diag);
}

static void measure_and_say(struct session *session)
{
	static const char *const titles[] = {
		"irqchip", "apic", "target", "what", "n", "mean", "p50", "p99", "max"};

	page_heading(session->page, "INTER-PROCESSOR INTERRUPTS (us)");
	session->table = page_table(session->page, "ipi", "llllrrrrr", titles);
	session->chart = page_chart(session->page, CHART_BARS, 0,
		"Inter-processor interrupts, median", "irqchip, APIC, target vCPU", "time (us)");
	run_all(session);
	progress_end(&session->progress);
	page_note(session->page,
		"one way: sender's ICR write to the target's first instruction; round trip: until "
		"the sender's handler for the answer runs.");
}

static int run(struct bench_context *context, int argc, char **argv)
{
	struct session session = {.context = context};
	struct diag diag;

	if (parse(&session.plan, argc, argv, &diag) < 0)
		return bench_refuse(context, "ipi", &diag);
	if (context->check != NULL)
		return 0;
	results_begin(&session.results, context, "ipi");
	results_add(&session.results, session.results.root, "skipped", json_array());
	session.page = page_create();
	measure_and_say(&session);
	if (session.status == 0 && session.measured == 0)
		session.status = 77;
	int status = results_publish(&session.results, session.page, context, session.status);

	page_destroy(session.page);
	results_end(&session.results);
	return status;
}

const struct bench bench_ipi = {
	.name = "ipi",
	.summary = "interrupts between two vCPUs: one way and round trip, on every back end",
	.help = help,
	.run = run,
};
