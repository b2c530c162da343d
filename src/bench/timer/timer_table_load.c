/* SPDX-License-Identifier: BSD-2-Clause */
/* Loads as they were measured, and what the quiet window did with their interrupts.
 * Lateness is not here. */
#include "bench_timer.h"

#include <math.h>

static double middle(const struct timer_row *row, figure which)
{
	return timer_between_runs(row, which).median;
}

static void cell_count(struct table *table, double count)
{
	if (isnan(count))
		table_cell(table, "-");
	else
		table_cell(table, "%.0f", count);
}

static void load_row(
	struct table *table, const struct timer_plan *plan, const struct timer_row *row)
{
	double reads_hz = middle(row, FIGURE(load.reads_hz));

	table_cell(table, "%s", row->cell.load->name);
	table_cell(table, "%g us", (double)row->cell.interval_ns / 1000);
	table_cell(table, "%s", timer_row_name(plan, row).text);
	table_cell_figure(table, middle(row, FIGURE(load.busy_percent)));
	table_cell_figure(table, middle(row, FIGURE(load.interrupts_hz)));
	table_cell_figure(table, reads_hz);
	table_cell_figure(table, reads_hz * (double)plan->record / 1e6);
	cell_count(table, middle(row, FIGURE(load.read_errors)));
}

static void load_table(const struct timer_outcome *outcome, struct page *page)
{
	static const char *const titles[] = {"load", "interval", "source", "CPUs busy %",
		"interrupts/s", "reads/s", "MB/s", "errors"};
	struct table *table = NULL;

	for (size_t i = 0; i < outcome->n; i++) {
		const struct timer_row *row = &outcome->rows[i];

		if (row->n == 0 || row->cell.load->kind == LOAD_IDLE)
			continue;
		if (table == NULL) {
			page_heading(page, "THE LOAD, AS IT WAS");
			table = page_table(page, "load", "lrlrrrrr", titles);
		}
		load_row(table, outcome->plan, row);
	}
}

/* Does the disk answer, or the host's memory? */
static void io_note(const struct timer_outcome *outcome, struct page *page)
{
	size_t runs = 0, direct = 0;

	for (size_t i = 0; i < outcome->n; i++) {
		for (size_t r = 0; r < outcome->rows[i].n; r++) {
			const struct timer_load_seen *seen = &outcome->rows[i].runs[r].load;

			if (isnan(seen->reads_hz))
				continue;
			runs++;
			direct += seen->direct > 0;
		}
	}
	if (runs == 0)
		return;
	page_note(page,
		"io: %llu reads of %llu KiB in flight at random places of %s, interrupts to the "
		"timer's own vCPU; %s. The paper had 1,733 interrupts a second, and 11.5 when "
		"idle.",
		(unsigned long long)outcome->plan->depth,
		(unsigned long long)outcome->plan->record >> 10,
		outcome->context->machine.disk_path != NULL ? "--disk" : "a file of 64 MiB",
		direct == runs ? "O_DIRECT: they come from the disk itself"
		: direct == 0  ? "no O_DIRECT there: they come from the host's page cache"
			      : "in some runs with O_DIRECT, in others from the host's page cache");
}

/* Whose turn it is on a CPU, the scheduler decides between a vCPU and the load. */
static void cpu_note(const struct timer_outcome *outcome, struct page *page)
{
	bool cpu = false;

	for (unsigned l = 0; l < outcome->plan->loads.n; l++)
		cpu |= outcome->plan->loads.item[l].kind == LOAD_CPU;
	if (cpu && outcome->context->machine.vcpu_fifo_priority == 0)
		page_note(page,
			"cpu: vCPU threads are SCHED_OTHER as the load's are, and wait for them by "
			"the millisecond; --vcpu-priority 1 puts them before it.");
}

static void quiet_row(struct table *table, const struct timer_row *row)
{
	table_cell(table, "%s", row->cell.load->name);
	table_cell(table, "%g us", (double)row->cell.interval_ns / 1000);
	table_cell_us(table, (double)row->cell.quiet_ns);
	cell_count(table, middle(row, FIGURE(load.sent)));
	cell_count(table, middle(row, FIGURE(load.held)));
	cell_count(table, middle(row, FIGURE(load.merged)));
	table_cell_us(table, timer_between_runs(row, FIGURE(load.longest_hold_ns)).max);
	cell_count(table, timer_between_runs(row, FIGURE(load.by_cap)).max);
	cell_count(table, middle(row, FIGURE(load.taken)));
	cell_count(table, middle(row, FIGURE(load.apic_merged)));
	cell_count(table, timer_between_runs(row, FIGURE(load.lost)).max);
}

static bool nothing_sent(const struct timer_row *row)
{
	return middle(row, FIGURE(load.sent)) == 0;
}

/* Where there is a load that interrupts, the others' rows say nothing. */
static void quiet_table(const struct timer_outcome *outcome, struct page *page)
{
	static const char *const titles[] = {"load", "interval", "window", "sent", "held", "merged",
		"longest hold", "by cap", "taken", "in APIC", "lost"};
	struct table *table = NULL;
	double lost = 0;
	bool known = false, interrupts = false;

	for (unsigned l = 0; l < outcome->plan->loads.n; l++)
		interrupts |= load_interrupts(&outcome->plan->loads.item[l]);
	for (size_t i = 0; i < outcome->n; i++) {
		const struct timer_row *row = &outcome->rows[i];

		if (row->n == 0 || !row->quiet || (interrupts && nothing_sent(row)))
			continue;
		if (table == NULL) {
			page_heading(page, "INTERRUPTS HELD BACK by the quiet window (us)");
			table = page_table(page, "quiet", "lrrrrrrrrrr", titles);
		}
		quiet_row(table, row);
		known |= row->n > 0 && !isnan(row->runs[0].load.lost);
		lost += fmax(0, timer_between_runs(row, FIGURE(load.lost)).max);
	}
	if (table == NULL)
		return;
	page_note(page,
		"sent: interrupts that the monitor's devices sent to the timer's vCPU; merged: of "
		"those held, into one of the same vector that was held already; taken: by the "
		"guest's handler of the load's device. lost, under io: sent - merged - taken, less "
		"one that may have been on its way at the end. interrupts are edges, which merge "
		"in "
		"the local APIC too while one is pending (\"in APIC\": the same difference): lost "
		"are "
		"those held that were neither released nor merged nor waiting. Under io and "
		"interrupts the window, where none is given, is half as long again as 99 in 100 "
		"events of the dedicated timer are late without one, from %d to %d us.",
		QUIET_MIN_NS / 1000, QUIET_MAX_NS / 1000);
	page_verdict(page,
		!known      ? VERDICT_UNKNOWN
		: lost == 0 ? VERDICT_GOOD
			    : VERDICT_BAD,
		"the quiet window lost %s interrupts (limit 0)",
		!known      ? "an unknown number of"
		: lost == 0 ? "no"
			    : "some");
}

void timer_load_tables(const struct timer_outcome *outcome, struct page *page)
{
	/* The paper's tables have a column for it. */
	if (!outcome->plan->paper && !outcome->plan->scale)
		load_table(outcome, page);
	cpu_note(outcome, page);
	io_note(outcome, page);
	quiet_table(outcome, page);
}
