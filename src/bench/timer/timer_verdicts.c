/* SPDX-License-Identifier: BSD-2-Clause */
/* What is asked of the dedicated timer under interrupt load, and by stage what stands in the way.
 * A goal that is missed is said, and fails nothing. */
#include "bench_timer.h"
#include "../launch.h"

#include <math.h>

#define RATIO_ASKED     20.0   /* kvm-lapic's standard deviation over the dedicated timer's */
#define ERROR_ASKED_NS  1000.0 /* mean */
#define INTERVAL_MIN_NS 50000  /* asked for 50 to 150 us */
#define INTERVAL_MAX_NS 150000
#define P99_ASKED       2.0 /* with the disk's thread beside the timer thread, over idle */
#define RUNS_DECIDE     3   /* a single run's p99 is anything */

/* The rows that are compared, at one interval under one load; NULL: not measured. */
struct contrast {
	const struct timer_row *kvm, *plain, *quiet;
};

static bool is_at(const struct timer_row *row, const struct load *load, uint64_t interval_ns)
{
	return row->n > 0 && row->cell.load == load && row->cell.interval_ns == interval_ns;
}

static struct contrast contrast_of(
	const struct timer_outcome *outcome, const struct load *load, uint64_t interval_ns)
{
	struct contrast c = {NULL, NULL, NULL};

	for (size_t i = 0; i < outcome->n; i++) {
		const struct timer_row *row = &outcome->rows[i];

		if (!is_at(row, load, interval_ns))
			continue;
		if (row->cell.source == &timer_sources[SOURCE_KVM_LAPIC])
			c.kvm = row;
		else if (row->cell.source == &timer_sources[SOURCE_DEDICATED])
			*(row->quiet ? &c.quiet : &c.plain) = row;
	}
	return c;
}

static double middle(const struct timer_row *row, figure which)
{
	return row != NULL ? timer_between_runs(row, which).median : (double)NAN;
}

static double sd(const struct timer_row *row)
{
	return middle(row, FIGURE(sd));
}

/* How many times steadier than kvm-lapic. */
static double ratio(const struct contrast *c, const struct timer_row *row, figure which)
{
	return middle(c->kvm, which) / middle(row, which);
}

static void ratio_cell(struct table *table, double value)
{
	if (isnan(value))
		table_cell(table, "-");
	else
		table_cell(table, "%.1f", value);
}

static void contrast_table(
	const struct timer_outcome *outcome, const struct load *load, struct page *page)
{
	static const char *const titles[] = {"interval", "source", "irq/s", "sd", "ratio",
		"far events", "sd without", "ratio", "error", "without"};
	char name[40];

	snprintf(name, sizeof(name), "contrast-%s", load->name);
	page_note(page,
		"standard deviation (us), and of the events within %d us of the median; ratio: "
		"kvm-lapic's over it; error: mean, and of the same events",
		TIMER_FAR_NS / 1000);
	struct table *table = page_table(page, name, "rlrrrrrrrr", titles);

	for (size_t i = 0; i < outcome->n; i++) {
		const struct timer_row *row = &outcome->rows[i];
		struct contrast c = contrast_of(outcome, load, row->cell.interval_ns);

		if (!is_at(row, load, row->cell.interval_ns))
			continue;
		table_cell(table, "%g us", (double)row->cell.interval_ns / 1000);
		table_cell(table, "%s", timer_row_name(outcome->plan, row).text);
		table_cell_figure(table, middle(row, FIGURE(load.interrupts_hz)));
		table_cell_us(table, sd(row));
		ratio_cell(table, ratio(&c, row, FIGURE(sd)));
		table_cell(table, "%.0f", middle(row, FIGURE(far)));
		table_cell_us(table, middle(row, FIGURE(near_sd)));
		ratio_cell(table, ratio(&c, row, FIGURE(near_sd)));
		table_cell_us(table, middle(row, FIGURE(mean)));
		table_cell_us(table, middle(row, FIGURE(near_mean)));
	}
}

/* ---- what stands in the way ---- */

static void stage_cells(struct table *table, const struct timer_row *row, struct timer_name name)
{
	const struct timer_run *run = timer_middle_run(row);

	table_cell(table, "%g us", (double)row->cell.interval_ns / 1000);
	table_cell(table, "%s", name.text);
	table_cell_us(table, run->sd);
	for (unsigned s = 0; s < STAGES; s++) {
		if (s != STAGE_KERNEL && s != STAGE_POLL)
			table_cell_us(table, run->stage_sd[s]);
	}
}

/* Stages that are not independent do not add up; the largest still says where it comes from. */
static void stage_table(
	const struct timer_outcome *outcome, const struct load *load, struct page *page)
{
	static const char *const titles[] = {"interval", "source", "sd", "program", "advance",
		"wake", "inject", "deliver", "unattributed"};
	struct table *table = NULL;
	char name[40];

	snprintf(name, sizeof(name), "deviation-%s", load->name);
	for (size_t i = 0; i < outcome->n; i++) {
		const struct timer_row *row = &outcome->rows[i];

		if (row->cell.load != load || row->n == 0 ||
			row->cell.source != &timer_sources[SOURCE_DEDICATED])
			continue;
		if (table == NULL) {
			page_note(page, "the same of each stage of the dedicated timer (us):");
			table = page_table(page, name, "rlrrrrrrr", titles);
		}
		stage_cells(table, row, timer_row_name(outcome->plan, row));
	}
}

static const char *largest_stage(const struct timer_row *row)
{
	const struct timer_run *run = timer_middle_run(row);
	unsigned largest = 0;

	for (unsigned s = 1; s < STAGES; s++) {
		if (run->stage_sd[s] > run->stage_sd[largest])
			largest = s;
	}
	return stage_names[largest];
}

/* ---- verdicts ---- */

/* A timer thread that spins may leave the disk's thread no CPU: what is steady then was not under
 * load. */
static bool same_load(const struct contrast *c, const struct timer_row *row)
{
	return 2 * middle(row, FIGURE(load.interrupts_hz)) >=
	       middle(c->kvm, FIGURE(load.interrupts_hz));
}

static enum verdict judge(const struct contrast *c, const struct timer_row *row)
{
	if (ratio(c, row, FIGURE(sd)) < RATIO_ASKED)
		return VERDICT_BAD;
	return same_load(c, row) ? VERDICT_GOOD : VERDICT_UNKNOWN;
}

static void verdict_of(const struct contrast *c, uint64_t interval_ns, const struct load *load,
	const struct timer_plan *plan, struct page *page)
{
	const struct timer_row *row = c->quiet != NULL ? c->quiet : c->plain;
	double us = (double)interval_ns / 1000;

	if (row == NULL)
		return;
	double error = timer_between_runs(row, FIGURE(mean)).median;

	if (c->kvm != NULL)
		page_verdict(page, judge(c, row),
			"%s every %g us, %s: standard deviation %.2f us; kvm-lapic's is %.1f times "
			"that "
			"(asked: %g), without far events %.1f times; most of it is from `%s`%s",
			timer_row_name(plan, row).text, us, load->name, sd(row) / 1000,
			ratio(c, row, FIGURE(sd)), RATIO_ASKED, ratio(c, row, FIGURE(near_sd)),
			largest_stage(row),
			same_load(c, row) ? "" : "; but under less than half of its load");
	page_verdict(page, fabs(error) < ERROR_ASKED_NS ? VERDICT_GOOD : VERDICT_BAD,
		"%s every %g us, %s: mean error %.2f us (asked: below %g), without far events "
		"%.2f; %.0f events missed",
		timer_row_name(plan, row).text, us, load->name, error / 1000, ERROR_ASKED_NS / 1000,
		timer_between_runs(row, FIGURE(near_mean)).median / 1000,
		timer_between_runs(row, FIGURE(missed)).median);
}

/* ---- the disk's thread on the timer thread's CPU ---- */

static bool share_a_cpu(const struct bench_context *context, uint64_t interval_ns)
{
	struct launch launch;

	launch_begin(&launch, context, 1);
	int cpu = timer_disk_cpu(&launch.config, interval_ns);

	return cpu >= 0 && cpu == launch.config.timer_cpu;
}

/* The same timer without a load; NULL: not measured. */
static const struct timer_row *idle_row(
	const struct timer_outcome *outcome, const struct timer_row *busy)
{
	for (size_t i = 0; i < outcome->n; i++) {
		const struct timer_row *row = &outcome->rows[i];

		if (row->cell.load->kind == LOAD_IDLE && row->n > 0 &&
			row->cell.source == busy->cell.source && row->quiet == busy->quiet &&
			row->cell.interval_ns == busy->cell.interval_ns)
			return row;
	}
	return NULL;
}

static void judge_sharing(const struct timer_plan *plan, const struct timer_row *busy,
	const struct timer_row *idle, struct page *page)
{
	double with = middle(busy, FIGURE(p99)), without = middle(idle, FIGURE(p99));
	double rate = middle(busy, FIGURE(load.interrupts_hz));
	bool starved = !(rate > 0), few = busy->n < RUNS_DECIDE || idle->n < RUNS_DECIDE;
	enum verdict verdict = with <= P99_ASKED * without ? VERDICT_GOOD : VERDICT_BAD;

	page_verdict(page, starved || few ? VERDICT_UNKNOWN : verdict,
		"%s every %g us, the disk's thread on the timer thread's CPU: p99 %.2f us under "
		"io, %.2f idle (asked: at most %g times), without far events %.2f and %.2f; "
		"medians of %zu runs, %.0f interrupts a second%s",
		timer_row_name(plan, busy).text, (double)busy->cell.interval_ns / 1000, with / 1000,
		without / 1000, P99_ASKED, middle(busy, FIGURE(near_p99)) / 1000,
		middle(idle, FIGURE(near_p99)) / 1000, busy->n, rate,
		starved ? ": the disk's thread was given no time"
		: few   ? "; --runs 3 decides"
			: "");
}

static void sharing_verdicts(const struct timer_outcome *outcome, struct page *page)
{
	for (size_t i = 0; i < outcome->n; i++) {
		const struct timer_row *row = &outcome->rows[i];

		if (row->n == 0 || row->cell.load->kind != LOAD_IO ||
			row->cell.source != &timer_sources[SOURCE_DEDICATED] ||
			!share_a_cpu(outcome->context, row->cell.interval_ns))
			continue;
		const struct timer_row *idle = idle_row(outcome, row);

		if (idle != NULL)
			judge_sharing(outcome->plan, row, idle, page);
	}
}

/* ---- all of it ---- */

static void report_load(
	const struct timer_outcome *outcome, const struct load *load, struct page *page)
{
	page_heading(page, "WHAT THE DEDICATED TIMER BUYS under %s", load->name);
	contrast_table(outcome, load, page);
	stage_table(outcome, load, page);
	for (unsigned i = 0; i < outcome->plan->intervals.n; i++) {
		uint64_t interval_ns = outcome->plan->intervals.ns[i];
		struct contrast c = contrast_of(outcome, load, interval_ns);

		if (interval_ns >= INTERVAL_MIN_NS && interval_ns <= INTERVAL_MAX_NS &&
			load->kind == LOAD_IO)
			verdict_of(&c, interval_ns, load, outcome->plan, page);
	}
}

void timer_load_verdicts(const struct timer_outcome *outcome, struct page *page)
{
	const struct timer_plan *plan = outcome->plan;
	bool one = plan->vcpus == 1 && plan->vms == 1 && !plan->scale;

	for (unsigned l = 0; l < plan->loads.n && one; l++) {
		if (load_interrupts(&plan->loads.item[l]) &&
			plan->sources & (1ULL << SOURCE_DEDICATED))
			report_load(outcome, &plan->loads.item[l], page);
	}
	if (one)
		sharing_verdicts(outcome, page);
}
