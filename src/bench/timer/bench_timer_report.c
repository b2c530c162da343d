/* SPDX-License-Identifier: BSD-2-Clause */
/* The page of bench timer: lateness, stages, exits, flags of each interval under each load.
 * Nothing is computed here but medians between runs. */
#include "bench_timer.h"

#include "tickvm/clock.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

/* What is said about one interval under one load. */
struct section {
	const struct timer_plan *plan;
	const struct timer_row *rows; /* of all sections */
	size_t n;
	uint64_t interval_ns;
	const struct load *load;
	struct page *page;
};

static double value(const struct timer_run *run, figure which)
{
	double result;

	memcpy(&result, (const char *)run + which, sizeof(result));
	return result;
}

struct spread timer_between_runs(const struct timer_row *row, figure which)
{
	double values[TIMER_RUNS_MAX];

	for (size_t i = 0; i < row->n; i++)
		values[i] = value(&row->runs[i], which);
	return stats_spread(values, row->n);
}

static bool shown(const struct section *section, const struct timer_row *row)
{
	return row->cell.interval_ns == section->interval_ns && row->cell.load == section->load &&
	       row->n > 0;
}

/* NAME-50us-io: every table has a name of its own. */
static struct table *section_table(const struct section *section, const char *name,
	const char *align, const char *const *titles)
{
	char full[48];

	bool idle = section->load->kind == LOAD_IDLE;

	snprintf(full, sizeof(full), "%s-%gus%s%s", name, (double)section->interval_ns / 1000,
		idle ? "" : "-", idle ? "" : section->load->name);
	return page_table(section->page, full, align, titles);
}

struct timer_name timer_row_name(const struct timer_plan *plan, const struct timer_row *row)
{
	bool residual = plan->residual && row->cell.source->guest != NULL &&
			row->cell.source->path != TIMER_PATH_POLL;
	struct timer_name name;

	snprintf(name.text, sizeof(name.text), "%s%s%s", row->cell.source->name,
		row->quiet ? "+quiet" : "", residual ? "+residual" : "");
	return name;
}

static void cell_source(
	struct table *table, const struct timer_plan *plan, const struct timer_row *row)
{
	table_cell(table, "%s", timer_row_name(plan, row).text);
}

static void cell_count(struct table *table, double count)
{
	if (isnan(count))
		table_cell(table, "-");
	else
		table_cell(table, "%.2f", count);
}

/* More timers than one have a worst one; the spread between runs needs two of them. */
static void lateness_table(const struct section *section)
{
	const char *titles[13] = {"source", "error", "sd", "ci99", "min", "p50", "p90", "p99",
		"p99.9", "max", "missed"};
	static const figure figures[] = {FIGURE(mean), FIGURE(sd), FIGURE(ci99), FIGURE(min),
		FIGURE(p50), FIGURE(p90), FIGURE(p99), FIGURE(p999), FIGURE(max)};
	bool worst_column = section->plan->vcpus * section->plan->vms > 1;
	bool spread_column = section->plan->runs > 1;
	int columns = 11;

	if (worst_column)
		titles[columns++] = "worst p99";
	if (spread_column)
		titles[columns++] = "spread";
	char align[] = "lrrrrrrrrrrrr";

	align[columns] = '\0';
	struct table *table = section_table(section, "lateness", align, titles);

	for (size_t i = 0; i < section->n; i++) {
		const struct timer_row *row = &section->rows[i];

		if (!shown(section, row))
			continue;
		cell_source(table, section->plan, row);
		for (size_t f = 0; f < sizeof(figures) / sizeof(figures[0]); f++)
			table_cell_us(table, timer_between_runs(row, figures[f]).median);
		table_cell(table, "%.0f", timer_between_runs(row, FIGURE(missed)).median);
		if (worst_column)
			table_cell_us(table, timer_between_runs(row, FIGURE(worst_p99)).median);
		if (spread_column) {
			struct spread spread = timer_between_runs(row, FIGURE(mean));

			table_cell_us(table, spread.max - spread.min);
		}
	}
}

const struct timer_run *timer_middle_run(const struct timer_row *row)
{
	const struct timer_run *best = &row->runs[0];
	double middle = timer_between_runs(row, FIGURE(mean)).median;

	for (size_t i = 1; i < row->n; i++) {
		if (fabs(row->runs[i].mean - middle) < fabs(best->mean - middle))
			best = &row->runs[i];
	}
	return best;
}

double timer_stage_ns(const struct timer_run *run, unsigned stage)
{
	size_t events = run->lateness.n;

	if (!run->has_stages || events == 0 ||
		(run->stages[stage] == 0 && stage != STAGE_UNATTRIBUTED))
		return (double)NAN;
	return (double)run->stages[stage] / (double)events * clock_ticks_to_ns_f(1000000) / 1000000;
}

static void stage_table(const struct section *section)
{
	const char *titles[STAGES + 3] = {"source", "error"};

	memcpy(&titles[2], stage_names, sizeof(stage_names[0]) * STAGES);
	titles[STAGES + 2] = "(done)";
	struct table *table = section_table(section, "stages", "lrrrrrrrrrr", titles);

	for (size_t i = 0; i < section->n; i++) {
		const struct timer_row *row = &section->rows[i];

		if (!shown(section, row))
			continue;
		const struct timer_run *run = timer_middle_run(row);

		cell_source(table, section->plan, row);
		table_cell_us(table, run->mean);
		for (unsigned s = 0; s < STAGES; s++)
			table_cell_us(table, timer_stage_ns(run, s));
		table_cell_us(table, timer_between_runs(row, FIGURE(done)).median);
	}
}

static void stage_chart(const struct section *section)
{
	char title[80];

	snprintf(title, sizeof(title), "Where the mean error went, every %g us, %s",
		(double)section->interval_ns / 1000, section->load->name);
	struct chart *chart =
		page_chart(section->page, CHART_STACKED, 0, title, "source", "mean lateness (us)");

	for (unsigned s = 0; s < STAGES; s++) {
		for (size_t i = 0; i < section->n; i++) {
			const struct timer_row *row = &section->rows[i];
			double ns = shown(section, row) ? timer_stage_ns(timer_middle_run(row), s)
							: (double)NAN;

			if (ns != 0)
				chart_bar(chart, stage_names[s],
					timer_row_name(section->plan, row).text, ns / 1000);
		}
	}
}

static void exits_table(const struct section *section)
{
	static const char *const titles[] = {"source", "userspace", "kvm", "halts", "wake-ups",
		"kicks", "thread: mean", "p99", "max", "spin"};
	static const figure counts[] = {FIGURE(exits), FIGURE(kvm_exits), FIGURE(halts),
		FIGURE(halt_wakeups), FIGURE(kicks)};
	static const figure times[] = {
		FIGURE(wake_mean), FIGURE(wake_p99), FIGURE(wake_max), FIGURE(spin)};
	struct table *table = section_table(section, "exits", "lrrrrrrrrr", titles);

	for (size_t i = 0; i < section->n; i++) {
		const struct timer_row *row = &section->rows[i];

		if (!shown(section, row) || row->cell.source->guest == NULL)
			continue;
		cell_source(table, section->plan, row);
		for (size_t f = 0; f < sizeof(counts) / sizeof(counts[0]); f++)
			cell_count(table, timer_between_runs(row, counts[f]).median);
		for (size_t f = 0; f < sizeof(times) / sizeof(times[0]); f++)
			table_cell_us(table, timer_between_runs(row, times[f]).median);
	}
}

bool timer_flagged(const struct timer_row *row, unsigned detector)
{
	for (size_t i = 0; i < row->n; i++) {
		if (row->runs[i].flags & (1u << detector))
			return true;
	}
	return false;
}

/* The sources of the interval that a detector flagged, each behind a space; "" when none is. */
static void flagged_sources(
	const struct section *section, unsigned detector, char *names, size_t size)
{
	size_t used = 0;

	names[0] = '\0';
	for (size_t i = 0; i < section->n && used < size; i++) {
		if (shown(section, &section->rows[i]) && timer_flagged(&section->rows[i], detector))
			used += (size_t)snprintf(names + used, size - used, " %s",
				timer_row_name(section->plan, &section->rows[i]).text);
	}
}

static void flag_lines(const struct section *section)
{
	char names[160];

	for (unsigned d = 0; d < DETECTORS; d++) {
		const struct detector_text *detector = &detector_texts[d];

		flagged_sources(section, d, names, sizeof(names));
		if (names[0] == '\0')
			continue;
		if (detector->level == DETECTOR_FAIL)
			page_verdict(section->page, VERDICT_BAD, "every %g us, %s:%s: %s",
				(double)section->interval_ns / 1000, section->load->name, names,
				detector->text);
		else
			page_note(section->page, "%s: %s\n   %s",
				detector->level == DETECTOR_WARN ? "warning" : "note",
				detector->text, names);
	}
}

static void section_heading(const struct section *section)
{
	const struct timer_plan *plan = section->plan;
	char medians[48] = "";

	if (plan->runs > 1)
		snprintf(medians, sizeof(medians), ", medians of %llu runs",
			(unsigned long long)plan->runs);
	char load[40] = "", sizes[60] = "";

	if (section->load->kind != LOAD_IDLE)
		snprintf(load, sizeof(load), " under %s", section->load->name);
	if (plan->vcpus > 1 || plan->vms > 1)
		snprintf(sizes, sizeof(sizes), ", %u vCPU%s, %llu VM%s", plan->vcpus,
			plan->vcpus > 1 ? "s" : "", (unsigned long long)plan->vms,
			plan->vms > 1 ? "s" : "");
	page_heading(section->page,
		"TIMER INTERRUPT LATENESS%s, every %g us, %s, guest waits in %s%s; n = %llu%s (us)",
		load, (double)section->interval_ns / 1000, timer_mode_names[plan->mode],
		plan->wait == WAIT_HLT ? "HLT" : "user mode", sizes,
		(unsigned long long)plan->count, medians);
}

static void report_section(const struct section *section)
{
	bool any = false, guests = false;

	for (size_t i = 0; i < section->n; i++) {
		bool is_shown = shown(section, &section->rows[i]);

		any |= is_shown;
		guests |= is_shown && section->rows[i].cell.source->guest != NULL;
	}
	if (!any)
		return;
	section_heading(section);
	lateness_table(section);
	page_note(section->page, "where the mean error went (us; the stages sum to it)");
	stage_table(section);
	stage_chart(section);
	if (guests) {
		page_note(section->page, "exits per event; the timer thread's wake-up error, and "
					 "what it spins of a wait (us)");
		exits_table(section);
	}
	flag_lines(section);
}

void timer_sections(const struct timer_outcome *outcome, struct page *page)
{
	const struct timer_plan *plan = outcome->plan;

	for (unsigned l = 0; l < plan->loads.n; l++) {
		for (unsigned i = 0; i < plan->intervals.n; i++)
			report_section(&(struct section){.plan = plan,
				.rows = outcome->rows,
				.n = outcome->n,
				.interval_ns = plan->intervals.ns[i],
				.load = &plan->loads.item[l],
				.page = page});
	}
}
