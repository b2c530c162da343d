/* SPDX-License-Identifier: BSD-2-Clause */
/* Adamczyk and Chydzinski's table: actual intervals, one table a load, and below each of ours what
 * they published. The two are never in one table, and nothing is computed from both. */
#include "bench_timer.h"

#include "tickvm/report.h"

#include <math.h>
#include <string.h>

/* The load as it was, for the last column: how busy CPUs were, or interrupts a second. */
static double load_figure(const struct timer_row *row)
{
	return row->cell.load->kind == LOAD_CPU
		       ? timer_between_runs(row, FIGURE(load.busy_percent)).median
		       : timer_between_runs(row, FIGURE(load.interrupts_hz)).median;
}

static void add_row(struct table *table, const struct timer_plan *plan, const struct timer_row *row)
{
	double interval_ns = (double)row->cell.interval_ns;
	double error = timer_between_runs(row, FIGURE(mean)).median;
	double ci99 = timer_between_runs(row, FIGURE(ci99)).median;

	table_cell(table, "%g us", interval_ns / 1000);
	table_cell(table, "%s", timer_row_name(plan, row).text);
	table_cell_us(table, interval_ns + error);
	table_cell_us(table, error);
	table_cell_us(table, timer_between_runs(row, FIGURE(sd)).median);
	table_cell_us(table, interval_ns + error - ci99);
	table_cell_us(table, interval_ns + error + ci99);
	table_cell_us(table, timer_between_runs(row, FIGURE(p50)).median);
	table_cell_us(table, timer_between_runs(row, FIGURE(p99)).median);
	table_cell(table, "%.0f", timer_between_runs(row, FIGURE(missed)).median);
	table_cell_figure(table, load_figure(row));
}

static void measured(
	const struct timer_outcome *outcome, const struct load *load, struct page *page)
{
	const char *titles[] = {"interval", "source", "actual", "error", "sd", "ci99 from", "to",
		"p50", "p99", "missed", load->kind == LOAD_CPU ? "busy %" : "irq/s"};
	char name[40];

	page_heading(page,
		"TIMER EVENTS, %s: actual interval, %s, guest waits in %s; n = %llu (us)",
		load->name, timer_mode_names[outcome->plan->mode],
		outcome->plan->wait == WAIT_HLT ? "HLT" : "user mode",
		(unsigned long long)outcome->plan->count);
	snprintf(name, sizeof(name), "intervals-%s", load->name);
	struct table *table = page_table(page, name, "rlrrrrrrrrr", titles);

	for (size_t i = 0; i < outcome->n; i++) {
		const struct timer_row *row = &outcome->rows[i];

		if (row->cell.load == load && row->n > 0)
			add_row(table, outcome->plan, row);
	}
}

/* As printed: microseconds, to the nanosecond. */
static void cell_us(struct table *table, double us)
{
	if (isnan(us))
		table_cell(table, "-");
	else
		table_cell(table, "%.3f", us);
}

static bool is_of(
	const struct reference_interval *row, const struct load *load, uint64_t interval_ns)
{
	return strcmp(row->load, load->name) == 0 && row->interval_us * 1000ULL == interval_ns;
}

static bool any_published(const struct timer_plan *plan, const struct load *load)
{
	size_t n;
	const struct reference_interval *rows = reference_adamczyk(&n);

	for (size_t r = 0; r < n; r++) {
		for (unsigned i = 0; i < plan->intervals.n; i++) {
			if (is_of(&rows[r], load, plan->intervals.ns[i]))
				return true;
		}
	}
	return false;
}

static void add_published(struct table *table, const struct reference_interval *row)
{
	table_cell(table, "%u us", row->interval_us);
	table_cell(table, "%s", row->system);
	cell_us(table, row->mean);
	cell_us(table, row->mean - row->interval_us);
	cell_us(table, row->sd);
	cell_us(table, row->ci99_low);
	cell_us(table, row->ci99_high);
}

static void published(const struct timer_plan *plan, const struct load *load, struct page *page)
{
	static const char *const titles[] = {
		"interval", "system", "actual", "error", "sd", "ci99 from", "to"};
	size_t n;
	const struct reference_interval *rows = reference_adamczyk(&n);
	char name[40];

	if (!any_published(plan, load))
		return;
	page_note(page,
		"PUBLISHED, %s: not measured here (Adamczyk and Chydzinski 2015, Table %d; Xeon "
		"E5645 "
		"2.4 GHz, Linux 3.17.8, VMware Player 6.0.0, VirtualBox 4.3.18, QEMU 2.1.2 without "
		"KVM, Xen 4.5.0; \"new timers\" are theirs, on Xen; error: mean - interval):",
		load->name, load->kind == LOAD_CPU ? 2 : 1);
	snprintf(name, sizeof(name), "published-%s", load->name);
	struct table *table = page_table(page, name, "rlrrrrr", titles);

	/* The paper begins with the longest. */
	for (unsigned i = 0; i < plan->intervals.n; i++) {
		for (size_t r = 0; r < n; r++) {
			if (is_of(&rows[r], load, plan->intervals.ns[i]))
				add_published(table, &rows[r]);
		}
	}
}

void timer_paper_tables(const struct timer_outcome *outcome, struct page *page)
{
	const struct timer_plan *plan = outcome->plan;

	for (unsigned l = 0; l < plan->loads.n; l++) {
		measured(outcome, &plan->loads.item[l], page);
		published(plan, &plan->loads.item[l], page);
	}
}

void timer_published_tables(const struct timer_outcome *outcome, struct page *page)
{
	const struct timer_plan *plan = outcome->plan;
	bool any = false;

	for (size_t i = 0; i < outcome->n; i++)
		any |= outcome->rows[i].n > 0 && any_published(plan, outcome->rows[i].cell.load);
	if (!any)
		return;
	page_heading(page, "PUBLISHED BY OTHERS, ON OTHER HARDWARE (us)");
	for (unsigned l = 0; l < plan->loads.n; l++)
		published(plan, &plan->loads.item[l], page);
}
