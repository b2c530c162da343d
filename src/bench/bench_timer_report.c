/* SPDX-License-Identifier: BSD-2-Clause */
/* The tables of bench timer: lateness, stages, exits, flags, each per interval.
 * Nothing is computed here but medians between runs. */
#include "bench_timer.h"

#include "table.h"

#include "tickvm/clock.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

/* Which figure of a run a cell wants: the offset of a double. */
typedef size_t figure;
#define FIGURE(member) offsetof(struct timer_run, member)

static double value(const struct timer_run *run, figure which)
{
	double result;

	memcpy(&result, (const char *)run + which, sizeof(result));
	return result;
}

static struct spread between_runs(const struct timer_row *row, figure which)
{
	double values[TIMER_RUNS_MAX];

	for (size_t i = 0; i < row->n; i++)
		values[i] = value(&row->runs[i], which);
	return stats_spread(values, row->n);
}

static bool shown(const struct timer_row *row, uint64_t interval_ns)
{
	return row->interval_ns == interval_ns && row->n > 0;
}

static void cell_source(
	struct table *table, const struct timer_plan *plan, const struct timer_row *row)
{
	bool residual = plan->residual && row->source->guest != NULL &&
			row->source->path != TIMER_PATH_POLL;

	table_cell(table, "%s%s", row->source->name, residual ? "+residual" : "");
}

static void cell_count(struct table *table, double count)
{
	if (isnan(count))
		table_cell(table, "-");
	else
		table_cell(table, "%.2f", count);
}

static void lateness_table(const struct timer_plan *plan, const struct timer_row *rows, size_t n,
	uint64_t interval_ns, FILE *out)
{
	static const char *const titles[] = {"source", "error", "sd", "ci99", "min", "p50", "p90",
		"p99", "p99.9", "max", "missed", "spread"};
	static const figure figures[] = {FIGURE(mean), FIGURE(sd), FIGURE(ci99), FIGURE(min),
		FIGURE(p50), FIGURE(p90), FIGURE(p99), FIGURE(p999), FIGURE(max)};
	/* The spread between runs needs two of them. */
	struct table *table = table_create(plan->runs > 1 ? "lrrrrrrrrrrr" : "lrrrrrrrrrr", titles);

	for (size_t i = 0; i < n && table != NULL; i++) {
		if (!shown(&rows[i], interval_ns))
			continue;
		cell_source(table, plan, &rows[i]);
		for (size_t f = 0; f < sizeof(figures) / sizeof(figures[0]); f++)
			table_cell_us(table, between_runs(&rows[i], figures[f]).median);
		table_cell(table, "%.0f", between_runs(&rows[i], FIGURE(missed)).median);
		if (plan->runs > 1) {
			struct spread spread = between_runs(&rows[i], FIGURE(mean));

			table_cell_us(table, spread.max - spread.min);
		}
	}
	if (table != NULL)
		table_print(table, out);
	table_destroy(table);
}

/* The run whose mean is nearest to the runs' median: medians of stages would not sum. */
static const struct timer_run *middle_run(const struct timer_row *row)
{
	const struct timer_run *best = &row->runs[0];
	double middle = between_runs(row, FIGURE(mean)).median;

	for (size_t i = 1; i < row->n; i++) {
		if (fabs(row->runs[i].mean - middle) < fabs(best->mean - middle))
			best = &row->runs[i];
	}
	return best;
}

static void stage_cells(struct table *table, const struct timer_row *row)
{
	const struct timer_run *run = middle_run(row);
	size_t events = run->lateness.n;

	table_cell_us(table, run->mean);
	for (unsigned s = 0; s < STAGES; s++) {
		bool absent = !run->has_stages || events == 0 ||
			      (run->stages[s] == 0 && s != STAGE_UNATTRIBUTED);
		double ticks = (double)run->stages[s] / (double)(events == 0 ? 1 : events);
		double ns = ticks * clock_ticks_to_ns_f(1000000) / 1000000;

		table_cell_us(table, absent ? (double)NAN : ns);
	}
	table_cell_us(table, between_runs(row, FIGURE(done)).median);
}

static void stage_table(const struct timer_plan *plan, const struct timer_row *rows, size_t n,
	uint64_t interval_ns, FILE *out)
{
	const char *titles[STAGES + 3] = {"source", "error"};
	struct table *table;

	memcpy(&titles[2], stage_names, sizeof(stage_names[0]) * STAGES);
	titles[STAGES + 2] = "(done)";
	table = table_create("lrrrrrrrrrr", titles);
	for (size_t i = 0; i < n && table != NULL; i++) {
		if (!shown(&rows[i], interval_ns))
			continue;
		cell_source(table, plan, &rows[i]);
		stage_cells(table, &rows[i]);
	}
	if (table != NULL)
		table_print(table, out);
	table_destroy(table);
}

static void exits_table(const struct timer_plan *plan, const struct timer_row *rows, size_t n,
	uint64_t interval_ns, FILE *out)
{
	static const char *const titles[] = {"source", "userspace", "kvm", "halts", "wake-ups",
		"kicks", "thread: mean", "p99", "max"};
	static const figure counts[] = {FIGURE(exits), FIGURE(kvm_exits), FIGURE(halts),
		FIGURE(halt_wakeups), FIGURE(kicks)};
	static const figure times[] = {FIGURE(wake_mean), FIGURE(wake_p99), FIGURE(wake_max)};
	struct table *table = table_create("lrrrrrrrr", titles);

	for (size_t i = 0; i < n && table != NULL; i++) {
		if (!shown(&rows[i], interval_ns) || rows[i].source->guest == NULL)
			continue;
		cell_source(table, plan, &rows[i]);
		for (size_t f = 0; f < sizeof(counts) / sizeof(counts[0]); f++)
			cell_count(table, between_runs(&rows[i], counts[f]).median);
		for (size_t f = 0; f < sizeof(times) / sizeof(times[0]); f++)
			table_cell_us(table, between_runs(&rows[i], times[f]).median);
	}
	if (table != NULL)
		table_print(table, out);
	table_destroy(table);
}

static bool flagged(const struct timer_row *row, unsigned detector)
{
	for (size_t i = 0; i < row->n; i++) {
		if (row->runs[i].flags & (1u << detector))
			return true;
	}
	return false;
}

static void flag_lines(const struct timer_row *rows, size_t n, uint64_t interval_ns, FILE *out)
{
	static const char *const levels[] = {"note", "warning", "WRONG"};

	for (unsigned d = 0; d < DETECTORS; d++) {
		bool any = false;

		for (size_t i = 0; i < n; i++) {
			if (!shown(&rows[i], interval_ns) || !flagged(&rows[i], d))
				continue;
			if (!any)
				fprintf(out, "%s: %s\n   ", levels[detector_texts[d].level],
					detector_texts[d].text);
			fprintf(out, " %s", rows[i].source->name);
			any = true;
		}
		if (any)
			fputc('\n', out);
	}
}

/* Once a source, however many intervals it was to have. */
static bool said_before(const struct timer_row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (rows[i].source == rows[n].source && rows[i].err < 0)
			return true;
	}
	return false;
}

static void skipped_lines(const struct timer_row *rows, size_t n, FILE *out)
{
	for (size_t i = 0; i < n; i++) {
		if (rows[i].err < 0 && !said_before(rows, i))
			fprintf(out, "not measured: %s: %s\n", rows[i].source->name,
				rows[i].diag.text);
	}
}

static void interval_report(const struct timer_plan *plan, const struct timer_row *rows, size_t n,
	uint64_t interval_ns, FILE *out)
{
	bool any = false, guests = false;

	for (size_t r = 0; r < n; r++) {
		any |= shown(&rows[r], interval_ns);
		guests |= shown(&rows[r], interval_ns) && rows[r].source->guest != NULL;
	}
	if (!any)
		return;
	fprintf(out, "TIMER INTERRUPT LATENESS, every %g us, %s, guest waits in %s; n = %llu",
		(double)interval_ns / 1000, timer_mode_names[plan->mode],
		plan->wait == WAIT_HLT ? "HLT" : "user mode", (unsigned long long)plan->count);
	if (plan->runs > 1)
		fprintf(out, ", medians of %llu runs", (unsigned long long)plan->runs);
	fprintf(out, " (us)\n\n");
	lateness_table(plan, rows, n, interval_ns, out);
	fprintf(out, "\nwhere the mean error went (us; the stages sum to it)\n\n");
	stage_table(plan, rows, n, interval_ns, out);
	if (guests) {
		fprintf(out, "\nexits per event, and the timer thread's wake-up error (us)\n\n");
		exits_table(plan, rows, n, interval_ns, out);
	}
	fputc('\n', out);
	flag_lines(rows, n, interval_ns, out);
	fputs("\n\n", out);
}

void timer_report(const struct timer_plan *plan, const struct vm_config *machine,
	const struct timer_row *rows, size_t n, FILE *out)
{
	for (unsigned i = 0; i < plan->intervals.n; i++)
		interval_report(plan, rows, n, plan->intervals.ns[i], out);
	skipped_lines(rows, n, out);
	fprintf(out,
		"error: the handler's first instruction - deadline; sd: uncorrected; ci99: half "
		"width of the\n"
		"mean's 99 %% confidence interval. kvm-*: KVM's own devices; user-*: tickvm's "
		"models; dedicated:\n"
		"tickvm's paravirtual timer, advance %s. Floors: tsc-poll, a guest that only polls "
		"the TSC;\n"
		"native, a host thread's sleep without a guest.\n",
		machine->timer_advance_ns == VM_AUTO ? "learned"
		: machine->timer_advance_ns == 0     ? "off"
						     : "as told");
}
