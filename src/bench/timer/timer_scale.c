/* SPDX-License-Identifier: BSD-2-Clause */
/* Lateness and losses against the number of vCPUs and of VMs, and what one more armed timer costs
 * the timer thread. */
#include "bench_timer.h"

#include "tickvm/bare.h"
#include "tickvm/clock.h"

#include <math.h>

#define COST_ITERATIONS 2000
#define COST_ROUNDS     25
#define COST_LIMIT      2.0 /* at 1,000 armed, over 1 */

/* ---- against N ---- */

/* One axis of the scale: the rows that lie on it, and their N. */
struct axis {
	const struct timer_outcome *outcome;
	bool vms; /* else vCPUs */
	struct page *page;
};

/* One of each is on both. */
static bool is_on(const struct axis *axis, const struct timer_row *row)
{
	return row->n > 0 && (axis->vms ? row->cell.vcpus == 1 : row->cell.vms == 1);
}

static uint64_t number(const struct axis *axis, const struct timer_row *row)
{
	return axis->vms ? row->cell.vms : row->cell.vcpus;
}

/* Of the events that were due. */
static double lost_percent(const struct timer_row *row)
{
	double missed = timer_between_runs(row, FIGURE(missed)).median;

	return 100 * missed / (missed + (double)row->runs[0].lateness.n);
}

static void scale_table(const struct axis *axis)
{
	const char *titles[] = {axis->vms ? "VMs" : "vCPUs", "source", "error", "sd", "p50", "p99",
		"worst p99", "max", "missed", "missed %", ""};
	static const figure figures[] = {
		FIGURE(mean), FIGURE(sd), FIGURE(p50), FIGURE(p99), FIGURE(worst_p99), FIGURE(max)};
	struct table *table = page_table(
		axis->page, axis->vms ? "scale-vms" : "scale-vcpus", "rlrrrrrrrrl", titles);

	for (size_t i = 0; i < axis->outcome->n; i++) {
		const struct timer_row *row = &axis->outcome->rows[i];

		if (!is_on(axis, row))
			continue;
		table_cell(table, "%llu", (unsigned long long)number(axis, row));
		table_cell(table, "%s", timer_row_name(axis->outcome->plan, row).text);
		for (size_t f = 0; f < sizeof(figures) / sizeof(figures[0]); f++)
			table_cell_us(table, timer_between_runs(row, figures[f]).median);
		table_cell(table, "%.0f", timer_between_runs(row, FIGURE(missed)).median);
		table_cell(table, "%.2f", lost_percent(row));
		table_cell(table, "%s%s", row->runs[0].crowded ? "*" : "",
			row->runs[0].spin_off ? "*" : "");
	}
}

static void scale_charts(const struct axis *axis)
{
	const char *what = axis->vms ? "VMs side by side" : "vCPUs of one VM, a timer each";
	char title[96];

	snprintf(title, sizeof(title), "p99 lateness against the number of %s", what);
	struct chart *lateness = page_chart(axis->page, CHART_LINES, CHART_LOG_X | CHART_LOG_Y,
		title, what, "p99 lateness (us)");

	snprintf(title, sizeof(title), "Events missed against the number of %s", what);
	struct chart *lost =
		page_chart(axis->page, CHART_LINES, CHART_LOG_X, title, what, "missed (%)");

	for (size_t i = 0; i < axis->outcome->n; i++) {
		const struct timer_row *row = &axis->outcome->rows[i];
		struct timer_name name = timer_row_name(axis->outcome->plan, row);

		if (!is_on(axis, row))
			continue;
		chart_point(lateness, name.text, (double)number(axis, row),
			timer_between_runs(row, FIGURE(p99)).median / 1000);
		chart_point(lost, name.text, (double)number(axis, row), lost_percent(row));
	}
}

static void report_axis(const struct axis *axis)
{
	const struct timer_plan *plan = axis->outcome->plan;

	page_heading(axis->page,
		"TIMERS AGAINST THE NUMBER OF %s: %s, every %g us, n = %llu each (us)",
		axis->vms ? "VMs" : "vCPUs", timer_mode_names[plan->mode],
		(double)plan->intervals.ns[0] / 1000, (unsigned long long)plan->count);
	scale_table(axis);
	scale_charts(axis);
}

void timer_scale_report(const struct timer_outcome *outcome, struct page *page)
{
	report_axis(&(struct axis){.outcome = outcome, .page = page});
	report_axis(&(struct axis){.outcome = outcome, .vms = true, .page = page});
	page_note(page,
		"worst p99: of the timer that has the largest. missed: deadlines without an "
		"interrupt "
		"of their own, counted by the guest. *: more vCPUs and timer threads than CPUs: "
		"nothing is pinned and halted vCPUs do not poll, as in bench scale; **: and timer "
		"threads do not spin, which alone would have taken the CPUs.");
}

/* ---- the timer thread ---- */

static const unsigned armed[] = {1, 10, 100, 1000};
#define COSTS (sizeof(armed) / sizeof(armed[0]))

static void say_costs(const double ns[COSTS], struct results *results, struct page *page)
{
	static const char *const titles[] = {"timers armed", "ns", "over 1"};
	const size_t last = COSTS - 1;
	double ratio = ns[last] / ns[0];
	json_t *costs = json_array();

	page_heading(
		page, "THE TIMER THREAD: one timer fired and two armings, by timers armed (ns)");
	struct table *table = page_table(page, "timer-cost", "rrr", titles);
	struct chart *chart = page_chart(page, CHART_LINES, CHART_LOG_X,
		"What an event costs the timer thread, against the timers armed in it",
		"timers armed", "cost (ns)");

	for (size_t i = 0; i < COSTS; i++) {
		table_cell(table, "%u", armed[i]);
		table_cell(table, "%.0f", ns[i]);
		table_cell(table, "%.2f", ns[i] / ns[0]);
		chart_point(chart, "timer thread", armed[i], ns[i]);
		results_add(results, costs, NULL,
			json_pack("{s:i, s:f}", "armed", (int)armed[i], "ns", ns[i]));
	}
	results_add(results, results->root, "timer_cost", costs);
	page_verdict(page, ratio <= COST_LIMIT ? VERDICT_GOOD : VERDICT_BAD,
		"with 1,000 timers armed an event costs the timer thread %.2f times what it costs "
		"with "
		"one (limit %g); each of the others adds %.2f ns",
		ratio, COST_LIMIT, (ns[last] - ns[0]) / (armed[last] - armed[0]));
}

int timer_cost(const struct bench_context *context, struct results *results, struct page *page)
{
	double ns[COSTS];
	struct launch place;
	struct diag diag;

	launch_begin(&place, context, 1);
	for (size_t i = 0; i < COSTS; i++) {
		uint64_t ticks;
		int err = vm_bare_timer(armed[i], place.config.timer_cpu,
			place.config.timer_priority, COST_ITERATIONS, COST_ROUNDS, &ticks, &diag);

		if (err < 0) {
			page_note(page, "not measured: the timer thread's cost: %s", diag.text);
			return err;
		}
		ns[i] = clock_ticks_to_ns_f((int64_t)ticks);
	}
	say_costs(ns, results, page);
	return 0;
}
