/* SPDX-License-Identifier: BSD-2-Clause */
/* What bench linpack's rows come to, and the page that says it.
 * It runs nothing and decides no exit status. */
#include "linpack.h"

#include "tickvm/clock.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

const char *const linpack_side_names[LINPACK_SIDES] = {"native", "guest"};

/* ---- figures ---- */

double linpack_residual(const struct guest_linpack_run *run)
{
	double residual;

	memcpy(&residual, &run->residual_bits, sizeof(residual));
	return residual;
}

void linpack_add(struct linpack_row *row, enum linpack_side side,
	const struct guest_linpack_run *runs, size_t n)
{
	struct linpack_samples *samples = &row->samples[side];
	double cycles[LINPACK_ROUNDS_MAX];

	for (size_t i = 0; i < n; i++) {
		double residual = linpack_residual(&runs[i]);

		samples->cycles[samples->n++] = (int64_t)runs[i].cycles;
		cycles[i] = (double)runs[i].cycles;
		/* So written that what is not a number is wrong. */
		if (!(residual >= 0 && residual < LINPACK_RESIDUAL_LIMIT))
			row->wrong++;
		if (!(residual <= row->worst_residual))
			row->worst_residual = residual;
	}
	samples->medians[samples->batches++] = stats_spread(cycles, n).median;
}

struct agreement linpack_agreement(const struct linpack_row *row)
{
	const struct linpack_samples *native = &row->samples[LINPACK_NATIVE];
	const struct linpack_samples *guest = &row->samples[LINPACK_GUEST];
	double ratios[LINPACK_BATCHES];
	size_t n = 0;

	for (; n < native->batches && n < guest->batches; n++)
		ratios[n] = native->medians[n] / guest->medians[n];
	return agreement_of(ratios, n);
}

/* GFLOP/s; NAN: not measured. */
struct speed {
	double median, spread; /* spread: from the 90th to the 10th percentile of the times */
};

static struct speed speed_of(struct linpack_row *row, enum linpack_side side)
{
	struct linpack_samples *samples = &row->samples[side];
	double work = linpack_flops(row->n) * (double)clock_tsc_hz() / 1e9;

	if (samples->n == 0)
		return (struct speed){NAN, NAN};
	struct summary sorted = stats_summarize(samples->cycles, samples->n);
	int64_t p10 = stats_percentile(samples->cycles, samples->n, 0.1);

	return (struct speed){
		work / (double)sorted.p50, work / (double)p10 - work / (double)sorted.p90};
}

static bool too_many(const struct linpack_report *report, const struct linpack_row *row)
{
	return (int)row->threads > report->cpus;
}

static const char *plural(unsigned threads)
{
	return threads == 1 ? "" : "s";
}

/* ---- the page ---- */

/* Rows that compare schedulers are left out. */
static void say_agreement(struct page *page, const struct linpack_report *report)
{
	unsigned compared = 0, said[3] = {0};
	double furthest = 1;

	for (size_t i = 0; i < report->n_rows; i++) {
		const struct linpack_row *row = &report->rows[i];
		struct agreement a = linpack_agreement(row);

		if (a.n == 0 || too_many(report, row))
			continue;
		compared++;
		said[agreement_verdict(&a, AGREEMENT_TOLERANCE)]++;
		if (fabs(a.ratio - 1) > fabs(furthest - 1))
			furthest = a.ratio;
	}
	if (compared > 0)
		page_verdict(page,
			said[VERDICT_BAD] > 0       ? VERDICT_BAD
			: said[VERDICT_UNKNOWN] > 0 ? VERDICT_UNKNOWN
						    : VERDICT_GOOD,
			"Guest and native agree within %.0f %% in %u of %u rows, by the whole 95 "
			"%% interval of their ratio; %u do not, %u cannot be told on a host as "
			"unsteady as this. The furthest median is %.3f.",
			AGREEMENT_TOLERANCE * 100, said[VERDICT_GOOD], compared, said[VERDICT_BAD],
			said[VERDICT_UNKNOWN], furthest);
}

static void say_residuals(struct page *page, const struct linpack_report *report)
{
	size_t solved = 0, wrong = 0;
	double worst = 0;

	for (size_t i = 0; i < report->n_rows; i++) {
		const struct linpack_row *row = &report->rows[i];

		solved += row->samples[LINPACK_NATIVE].n + row->samples[LINPACK_GUEST].n;
		wrong += row->wrong;
		if (!(row->worst_residual <= worst))
			worst = row->worst_residual;
	}
	if (solved > 0)
		page_verdict(page, wrong == 0 ? VERDICT_GOOD : VERDICT_BAD,
			"%zu of %zu solutions have a residual below %g; the greatest is %.3g.",
			solved - wrong, solved, LINPACK_RESIDUAL_LIMIT, worst);
}

static void cell_percent(struct table *table, double share)
{
	if (isnan(share))
		table_cell(table, "-");
	else
		table_cell(table, "%.1f %%", share * 100);
}

static void say_table(struct page *page, const struct linpack_report *report)
{
	static const char *const titles[] = {"n", "threads", "simd", "native", "spread", "guest",
		"spread", "guest/native", "residual", "check"};
	struct table *table = page_table(page, "linpack", "rrlrrrrlrl", titles);

	for (size_t i = 0; i < report->n_rows; i++) {
		struct linpack_row *row = &report->rows[i];

		if (row->samples[LINPACK_NATIVE].n + row->samples[LINPACK_GUEST].n == 0)
			continue;
		table_cell(table, "%" PRIu32, row->n);
		table_cell(table, "%s%u", too_many(report, row) ? "! " : "", row->threads);
		table_cell(table, "%s", linpack_simd_name(report->simd));
		for (unsigned side = 0; side < LINPACK_SIDES; side++) {
			struct speed speed = speed_of(row, side);

			table_cell_figure(table, speed.median);
			cell_percent(table, speed.spread / speed.median);
		}
		struct agreement a = linpack_agreement(row);
		char text[64];

		table_cell(table, "%s", a.n == 0 ? "-" : agreement_text(text, sizeof(text), &a));
		table_cell_figure(table, row->worst_residual);
		table_cell(table, "%s", row->wrong == 0 ? "ok" : "FAILED");
	}
}

static void say_chart(struct page *page, const struct linpack_report *report)
{
	struct chart *chart = page_chart(page, CHART_LINES, CHART_LOG_X, "Solving linear systems",
		"order n", "speed (GFLOP/s)");

	for (size_t i = 0; i < report->n_rows; i++) {
		struct linpack_row *row = &report->rows[i];

		for (unsigned side = 0; side < LINPACK_SIDES; side++) {
			char series[32];

			snprintf(series, sizeof(series), "%s, %u thread%s",
				linpack_side_names[side], row->threads, plural(row->threads));
			chart_point(chart, series, row->n, speed_of(row, side).median);
		}
	}
}

static void say_notes(struct page *page, const struct linpack_report *report)
{
	bool crowded = false;

	for (size_t i = 0; i < report->n_rows; i++) {
		const struct linpack_row *row = &report->rows[i];

		crowded |= too_many(report, row);
		if (row->err < 0)
			page_note(page, "Not measured: n = %" PRIu32 ", %u thread%s: %s", row->n,
				row->threads, plural(row->threads), row->diag.text);
	}
	if (crowded)
		page_note(page,
			"!: more threads than the %d CPUs of this process. They wait for each "
			"other by spinning: such rows compare schedulers, not processors.",
			report->cpus);
	page_note(page,
		"LU factorization with partial pivoting and solution of Ax = b, double precision, "
		"2/3 n^3 + 3/2 n^2 operations. The same machine code in the guest (at CPL 3, in 2 "
		"MiB pages) and in threads of this process, in pairs of batches: native, guest, "
		"guest, native, and so on. GFLOP/s: medians; spread: from the 90th to the 10th "
		"percentile of the times. guest/native: of speeds, the median of %d pairs with its "
		"95 %% interval. "
		"residual: the greatest ||Ax - b|| / (eps (||A|| ||x|| + ||b||) n) of both sides, "
		"right below %g.",
		LINPACK_BATCHES, LINPACK_RESIDUAL_LIMIT);
}

void linpack_page(struct page *page, const struct linpack_report *report)
{
	say_agreement(page, report);
	say_residuals(page, report);
	say_table(page, report);
	say_chart(page, report);
	say_notes(page, report);
}
