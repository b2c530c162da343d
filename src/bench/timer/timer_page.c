/* SPDX-License-Identifier: BSD-2-Clause */
/* The page of bench timer as a whole: which parts it has, and what is said once.
 * The parts are in files of their own. */
#include "bench_timer.h"

#include <math.h>
#include <string.h>

#define PAPER_SECONDS 600

/* Once a source and reason, however many rows it was to have. */
static bool said_before(const struct timer_outcome *outcome, size_t n)
{
	const struct timer_row *row = &outcome->rows[n];

	for (size_t i = 0; i < n; i++) {
		if (outcome->rows[i].cell.source == row->cell.source && outcome->rows[i].err < 0 &&
			strcmp(outcome->rows[i].diag.text, row->diag.text) == 0)
			return true;
	}
	return false;
}

static void skipped_lines(const struct timer_outcome *outcome, struct page *page)
{
	for (size_t i = 0; i < outcome->n; i++) {
		const struct timer_row *row = &outcome->rows[i];
		bool idle = row->cell.load->kind == LOAD_IDLE;

		if (row->err < 0 && !said_before(outcome, i))
			page_note(page, "not measured: %s%s%s: %s",
				timer_row_name(outcome->plan, row).text, idle ? "" : ", ",
				idle ? "" : row->cell.load->name, row->diag.text);
	}
}

/* Lateness at or below 0 has no place on the axis. */
static void p99_chart(const struct timer_outcome *outcome, struct page *page)
{
	struct chart *chart = page_chart(page, CHART_BARS, CHART_LOG_Y,
		"Timer interrupt lateness, 99th percentile", "source", "p99 lateness (us)");

	for (size_t i = 0; i < outcome->n; i++) {
		const struct timer_row *row = &outcome->rows[i];
		double ns = row->n > 0 ? timer_between_runs(row, FIGURE(p99)).median : 0;
		char series[64];

		snprintf(series, sizeof(series), "every %g us, %s",
			(double)row->cell.interval_ns / 1000, row->cell.load->name);
		if (ns > 0)
			chart_bar(
				chart, series, timer_row_name(outcome->plan, row).text, ns / 1000);
	}
}

/* Said once for all runs that are right, and for each that is not. */
static void stage_verdict(const struct timer_outcome *outcome, struct page *page)
{
	size_t runs = 0, wrong = 0;

	for (size_t i = 0; i < outcome->n; i++) {
		const struct timer_row *row = &outcome->rows[i];

		for (size_t r = 0; r < row->n; r++) {
			runs += row->runs[r].has_stages;
			if (timer_stages_add_up(&row->runs[r]))
				continue;
			wrong++;
			page_verdict(page, VERDICT_BAD,
				"%s every %g us, %s, run %zu: the stages do not sum to the "
				"lateness",
				timer_row_name(outcome->plan, row).text,
				(double)row->cell.interval_ns / 1000, row->cell.load->name, r + 1);
		}
	}
	if (runs > 0 && wrong == 0)
		page_verdict(page, VERDICT_GOOD,
			"in each of %zu runs the stages sum to the lateness, tick for tick", runs);
}

static void words(const struct timer_outcome *outcome, struct page *page)
{
	int64_t advance_ns = outcome->context->machine.timer_advance_ns;

	page_note(page,
		"error: the handler's first instruction - deadline; sd: uncorrected; ci99: half "
		"width of the mean's 99 %% confidence interval. kvm-*: KVM's own devices; user-*: "
		"tickvm's models; dedicated: tickvm's paravirtual timer, advance %s%s. Floors: "
		"tsc-poll, a guest that only polls the TSC; native, a host thread's sleep without "
		"a guest.",
		advance_ns == VM_AUTO ? "learned"
		: advance_ns == 0     ? "off"
				      : "as told",
		outcome->plan->quiet_on ? "; +quiet: other interrupts are held back near its "
					  "deadlines"
					: "");
}

/* Flags that make a figure wrong, where no section says them. */
static void wrong_rows(const struct timer_outcome *outcome, struct page *page)
{
	for (size_t i = 0; i < outcome->n; i++) {
		const struct timer_row *row = &outcome->rows[i];

		for (unsigned d = 0; d < DETECTORS; d++) {
			if (detector_texts[d].level == DETECTOR_FAIL && timer_flagged(row, d))
				page_verdict(page, VERDICT_BAD, "%s every %g us, %s: %s",
					timer_row_name(outcome->plan, row).text,
					(double)row->cell.interval_ns / 1000, row->cell.load->name,
					detector_texts[d].text);
		}
	}
}

static bool has_load(const struct timer_plan *plan)
{
	return plan->loads.n > 1 || plan->loads.item[0].kind != LOAD_IDLE;
}

static void took(const struct timer_outcome *outcome, struct page *page)
{
	if (outcome->plan->paper && !isnan(outcome->seconds))
		page_verdict(page, outcome->seconds <= PAPER_SECONDS ? VERDICT_GOOD : VERDICT_BAD,
			"the whole table took %.0f s (asked: under %d)", outcome->seconds,
			PAPER_SECONDS);
}

void timer_report(const struct timer_outcome *outcome, struct page *page)
{
	const struct timer_plan *plan = outcome->plan;
	bool sections = !plan->scale && !plan->paper;

	if (sections)
		timer_sections(outcome, page);
	else if (plan->scale)
		timer_scale_report(outcome, page);
	else
		timer_paper_tables(outcome, page);
	if (!sections)
		wrong_rows(outcome, page);
	timer_load_tables(outcome, page);
	timer_load_verdicts(outcome, page);
	timer_plots(outcome, page);
	stage_verdict(outcome, page);
	took(outcome, page);
	if (sections)
		p99_chart(outcome, page);
	if (sections && has_load(plan))
		timer_published_tables(outcome, page);
	skipped_lines(outcome, page);
	words(outcome, page);
}
