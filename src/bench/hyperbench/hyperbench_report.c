/* SPDX-License-Identifier: BSD-2-Clause */
/* What bench hyperbench shows: the rows, their ratio to the host, linearity, and the published
 * figures apart from ours. Where the cycles go is in hyperbench_costs.c. */
#include "hyperbench.h"

#include "tickvm/report.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* Exits come in whole numbers: hundredths tell a rare one from none. */
static void count_cell(struct table *table, double count)
{
	if (isnan(count))
		table_cell(table, "-");
	else
		table_cell(table, "%.*f", fabs(count) < 0.005 || fabs(count) >= 100 ? 0 : 2,
			fabs(count) < 0.005 ? 0 : count);
}

/* Nobody reads thousandths of a cycle. */
void hyper_figure_cell(struct table *table, double value)
{
	table_cell_figure(table, fabs(value) < 0.005 ? 0 : value);
}

static const char *agreement(const struct hyper_figures *f, const struct hyper_figures *idle)
{
	int agrees = hyper_agrees(f, idle);

	return agrees < 0 ? "-" : agrees > 0 ? "yes" : "NO";
}

static void row_cells(
	struct table *table, const struct hyper_result *r, const struct hyper_figures *idle)
{
	const struct hyper_figures *f = &r->figures;
	const char *category = hyper_rows[r->row].category;
	bool measured = r->state == HYPER_MEASURED;

	/* "Critical Instruction" takes a quarter of the line. */
	table_cell(table, "%.*s", (int)strcspn(category, " "), category);
	table_cell(table, "%s", hyper_rows[r->row].name);
	table_cell(table, "%u", r->cpl);
	if (!measured) {
		table_cell(table, "-");
		table_cell(table, "%s", hyper_state_names[r->state]);
		table_cell(table, "-");
		hyper_figure_cell(table, r->native.cycles);
		for (unsigned i = 0; i < 5; i++)
			table_cell(table, "-");
		return;
	}
	table_cell(table, "%" PRIu64, f->iterations);
	hyper_figure_cell(table, f->cycles);
	hyper_figure_cell(table, f->spread);
	hyper_figure_cell(table, r->native.cycles);
	table_cell_figure(table, hyper_gnr(f, r->native.cycles, r->native.spread));
	count_cell(table, f->counts.user_exits);
	count_cell(table, cost_kernel_exits(&f->counts) + f->counts.faults);
	hyper_figure_cell(table, f->external);
	table_cell(table, "%s", agreement(f, idle));
}

static void rows_table(const struct hyper_table *t, struct page *page)
{
	static const char *const titles[] = {"category", "benchmark", "CPL", "iterations", "cycles",
		"spread", "native", "GNR", "exits", "in KVM", "external", "same"};
	struct table *table = page_table(page, "hyperbench", "llrrrrrrrrrl", titles);

	for (size_t i = 0; i < t->n; i++)
		row_cells(table, &t->results[i], &t->idle);
}

/* ---- notes ---- */

static bool same_note(const struct hyper_native *a, const struct hyper_native *b)
{
	return isnan(a->cycles) == isnan(b->cycles) && strcmp(a->note, b->note) == 0;
}

/* What several rows have in common is said once. */
void hyper_native_notes(
	struct page *page, const struct hyper_native *const natives[HYPERBENCH_COUNT])
{
	for (unsigned row = 0; row < HYPERBENCH_COUNT; row++) {
		const struct hyper_native *native = natives[row];
		char names[256] = "";
		bool said = native == NULL || native->note[0] == '\0';

		for (unsigned i = 0; i < HYPERBENCH_COUNT && !said; i++) {
			size_t used = strlen(names);

			if (natives[i] == NULL || !same_note(natives[i], native))
				continue;
			said = i < row;
			snprintf(names + used, sizeof(names) - used, "%s%s", used != 0 ? ", " : "",
				hyper_rows[i].name);
		}
		if (!said)
			page_note(page, "native %s%s: %s", isnan(native->cycles) ? "n/a: " : "",
				names, native->note);
	}
}

static void row_notes(const struct hyper_table *t, struct page *page)
{
	for (size_t i = 0; i < t->n; i++) {
		const struct hyper_result *r = &t->results[i];

		if (r->state != HYPER_MEASURED)
			page_note(page, "%s: %s at CPL %u: %s", hyper_state_names[r->state],
				hyper_rows[r->row].name, r->cpl, r->why.text);
	}
}

/* Once a row, however many levels it was measured at. */
static void native_notes(const struct hyper_table *t, struct page *page)
{
	const struct hyper_native *natives[HYPERBENCH_COUNT] = {NULL};

	for (size_t i = 0; i < t->n; i++)
		natives[t->results[i].row] = &t->results[i].native;
	hyper_native_notes(page, natives);
}

static void column_notes(
	const struct hyper_session *session, const struct hyper_table *t, struct page *page)
{
	char spread[32];

	page_note(page,
		"cycles: TSC cycles an operation, the control loop subtracted, median of %" PRIu64
		" rounds; spread: half their interquartile range; native: the same loop in a host "
		"process, at CPL 3%s; GNR: guest over native, where both are more than their "
		"spread; exits: to userspace, an operation; in KVM: page faults and other exits "
		"that KVM handled itself, an operation.",
		session->plan.rounds, session->plan.no_native ? " (not asked for)" : "");
	if (isnan(t->idle.total_spread))
		page_note(page,
			"external: by the monitor's stamps at the guest's begin and end signals; "
			"same: not judged, for %s.",
			isnan(t->idle.cycles) ? "the idle row failed" : "one round has no spread");
	else
		page_note(page,
			"external: by the monitor's stamps at the guest's begin and end signals. "
			"same: a round's total (run - control) by the monitor less that by the "
			"guest, median of the rounds, is at most the spread of the idle row's "
			"totals, %s cycles.",
			hyper_cycles(spread, sizeof(spread), t->idle.total_spread));
}

static void gap_notes(const struct hyper_table *t, struct page *page)
{
	char gap[32];

	for (size_t i = 0; i < t->n; i++) {
		const struct hyper_result *r = &t->results[i];

		if (r->state == HYPER_MEASURED && hyper_agrees(&r->figures, &t->idle) == 0)
			page_note(page,
				"%s at CPL %u: internal and external timing differ by %s cycles a "
				"round, %.2f %% of it",
				hyper_rows[r->row].name, r->cpl,
				hyper_cycles(gap, sizeof(gap), r->figures.gap),
				100 * fabs(r->figures.gap /
					      (r->figures.cycles * (double)r->figures.iterations)));
	}
}

/* ---- charts ---- */

static void gnr_chart(const struct hyper_table *t, struct page *page)
{
	struct chart *chart = NULL;
	char title[128];

	snprintf(title, sizeof(title), "Guest over native, an operation, --pin %s", t->pin);
	for (size_t i = 0; i < t->n; i++) {
		const struct hyper_result *r = &t->results[i];
		double gnr = hyper_gnr(&r->figures, r->native.cycles, r->native.spread);

		if (r->state != HYPER_MEASURED || !(gnr > 0))
			continue;
		if (chart == NULL)
			chart = page_chart(page, CHART_BARS, CHART_LOG_Y | CHART_RATIO, title,
				"benchmark", "GNR (1: as fast as the host)");
		chart_bar(chart, r->cpl == 0 ? "CPL 0" : "CPL 3", hyper_rows[r->row].name, gnr);
	}
}

/* ---- scale ---- */

static void ratio_cells(struct table *table, const struct hyper_scaling *s)
{
	if (s->verdict == HYPER_UNDECIDED) {
		for (unsigned i = 0; i < 3; i++)
			table_cell(table, "-");
		return;
	}
	table_cell(table, "%.3f", s->ratio[1]);
	table_cell(table, "%.3f", s->ratio[2]);
	table_cell(table, "%.1f %%", 100 * s->tolerance);
}

static void scale_section(const struct hyper_table *t, struct page *page)
{
	static const char *const titles[] = {
		"benchmark", "CPL", "x1", "cycles", "x4", "x16", "tolerance", "cost in count"};
	static const char *const words[] = {"linear", "not linear", "undecided"};
	static const double factors[HYPER_SCALES] = {1, 4, 16};

	page_heading(page, "COST AGAINST COUNT, --pin %s", t->pin);
	struct table *table = page_table(page, "scale", "lrrrrrrl", titles);
	struct chart *chart = page_chart(page, CHART_LINES, CHART_LOG_X,
		"Cost of an operation against their number", "count, over the first",
		"cost of an operation, over the first");

	for (size_t i = 0; i < t->n; i++) {
		const struct hyper_result *r = &t->results[i];

		if (r->state != HYPER_MEASURED)
			continue;
		struct hyper_scaling s = hyper_scaling(r->scaled);

		table_cell(table, "%s", hyper_rows[r->row].name);
		table_cell(table, "%u", r->cpl);
		table_cell(table, "%" PRIu64, r->scaled[0].iterations);
		table_cell_figure(table, r->scaled[0].low);
		ratio_cells(table, &s);
		table_cell(table, "%s", words[s.verdict]);
		for (unsigned k = 0; k < HYPER_SCALES && s.verdict != HYPER_UNDECIDED; k++)
			chart_point(chart, hyper_rows[r->row].name, factors[k], s.ratio[k]);
	}
	page_note(page,
		"x1: iterations; cycles: an operation's at x1; x4, x16: an operation's at so many "
		"times the count, over that at x1; all of the rounds' first quartile, since the "
		"longest rounds are disturbed most. linear: both within the tolerance of 1, which "
		"is %.0f %% or %d times the distance from the least round to the first quartile, "
		"whichever is more. undecided: the cost is lost in that.",
		100 * HYPER_TOLERANCE_MIN, HYPER_TOLERANCE_SPREADS);
}

/* ---- verdicts ---- */

static void verdict_of_hot(const struct hyper_table *t, struct page *page)
{
	char text[64];

	if (t->hot.n > 0)
		page_verdict(page, agreement_verdict(&t->hot, AGREEMENT_TOLERANCE),
			"hyperbench, --pin %s: hot-memory at CPL 3 costs a guest %s of native: the "
			"median of %zu pairs in turn, with its 95 %% interval; asked: within %.0f "
			"%%",
			t->pin, agreement_text(text, sizeof(text), &t->hot), t->hot.n,
			100 * AGREEMENT_TOLERANCE);
}

static void verdicts(
	const struct hyper_session *session, const struct hyper_table *t, struct page *page)
{
	unsigned states[3] = {0}, same = 0, judged = 0;

	for (size_t i = 0; i < t->n; i++) {
		const struct hyper_result *r = &t->results[i];
		int agrees = r->state == HYPER_MEASURED ? hyper_agrees(&r->figures, &t->idle) : -1;

		states[r->state]++;
		judged += agrees >= 0;
		same += agrees > 0;
	}
	bool interrupted = session->status == 130;

	page_verdict(page,
		states[HYPER_FAILED] > 0 ? VERDICT_BAD
		: interrupted            ? VERDICT_UNKNOWN
					 : VERDICT_GOOD,
		"hyperbench, --pin %s: %u of %zu rows measured, %u n/a for a reason given, %u "
		"failed%s",
		t->pin, states[HYPER_MEASURED], t->n, states[HYPER_NOT_AVAILABLE],
		states[HYPER_FAILED], interrupted ? "; interrupted before the others" : "");
	if (judged > 0)
		page_verdict(page, same == judged ? VERDICT_GOOD : VERDICT_BAD,
			"hyperbench, --pin %s: guest's and monitor's timing agree in %u of %u rows",
			t->pin, same, judged);
	verdict_of_hot(t, page);
}

void hyper_report(
	const struct hyper_session *session, const struct hyper_table *table, struct page *page)
{
	page_heading(page, "HYPERBENCH, irqchip %s, --pin %s",
		irqchip_name(session->context.machine.irqchip), table->pin);
	verdicts(session, table, page);
	gnr_chart(table, page);
	rows_table(table, page);
	row_notes(table, page);
	gap_notes(table, page);
	native_notes(table, page);
	column_notes(session, table, page);
	if (session->plan.scale)
		scale_section(table, page);
	hyper_report_costs(table, session->context.machine.irqchip, page);
}

void hyper_report_reference(struct page *page)
{
	static const char *const titles[] = {
		"benchmark", "host", "QEMU TCG", "KVM, EPT", "KVM, shadow", "Xen"};
	size_t n;
	const struct reference_row *rows = reference_hyperbench(&n);

	page_heading(page, "PUBLISHED: Wei, Zhang, Tu 2019, Table 3 (cycles an operation; 4 x Xeon "
			   "E7-4820 v2)");
	struct table *table = page_table(page, "published", "lrrrrr", titles);

	for (size_t i = 0; i < n; i++) {
		table_cell(table, "%s", rows[i].name);
		table_cell_figure(table, rows[i].host);
		table_cell_figure(table, rows[i].qemu_tcg);
		table_cell_figure(table, rows[i].kvm_ept);
		table_cell_figure(table, rows[i].kvm_spt);
		table_cell_figure(table, rows[i].xen);
	}
}
