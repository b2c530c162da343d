/* SPDX-License-Identifier: BSD-2-Clause */
/* What bench linpack's rows come to, and the page that says it.
 * It runs nothing and decides no exit status. */
#include "linpack.h"

#include "tickvm/clock.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#define AGREEMENT 0.03 /* guest and native, where the host is idle */
#define STEADY    0.1  /* a row of greater spread was disturbed: it cannot show such agreement */

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

	for (size_t i = 0; i < n; i++) {
		double residual = linpack_residual(&runs[i]);

		samples->cycles[samples->n++] = (int64_t)runs[i].cycles;
		/* So written that what is not a number is wrong. */
		if (!(residual >= 0 && residual < LINPACK_RESIDUAL_LIMIT))
			row->wrong++;
		if (!(residual <= row->worst_residual))
			row->worst_residual = residual;
	}
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

/* Guest's speed to native; NAN: one is missing. */
static double ratio(struct linpack_row *row)
{
	return speed_of(row, LINPACK_GUEST).median / speed_of(row, LINPACK_NATIVE).median;
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

static bool is_steady(struct linpack_row *row)
{
	for (unsigned side = 0; side < LINPACK_SIDES; side++) {
		struct speed speed = speed_of(row, side);

		if (speed.spread > STEADY * speed.median)
			return false;
	}
	return true;
}

static void say_agreement(struct page *page, const struct linpack_report *report)
{
	unsigned compared = 0, steady = 0, apart = 0;
	double furthest = 0;

	for (size_t i = 0; i < report->n_rows; i++) {
		struct linpack_row *row = &report->rows[i];
		double distance = ratio(row) - 1;

		if (isnan(distance) || too_many(report, row))
			continue;
		compared++;
		if (!is_steady(row))
			continue;
		steady++;
		apart += fabs(distance) > AGREEMENT;
		if (fabs(distance) > fabs(furthest))
			furthest = distance;
	}
	if (compared == 0)
		return;
	if (steady == 0)
		page_verdict(page, VERDICT_UNKNOWN,
			"Whether guest and native agree cannot be said: in each row one of them "
			"varies by more than %.0f %%. This host is not idle.",
			STEADY * 100);
	else
		page_verdict(page,
			apart > 0           ? VERDICT_BAD
			: steady < compared ? VERDICT_UNKNOWN
					    : VERDICT_GOOD,
			"Guest and native agree within %.0f %% in %u of %u steady rows (the guest "
			"%+.1f %% at most); %u of %u rows vary too much to be compared.",
			AGREEMENT * 100, steady - apart, steady, furthest * 100, compared - steady,
			compared);
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
	static const char *const titles[] = {"n", "threads", "simd", "native GFLOP/s", "spread",
		"guest GFLOP/s", "spread", "guest/native", "residual", "check"};
	struct table *table = page_table(page, "linpack", "rrlrrrrrrl", titles);

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
		if (isnan(ratio(row)))
			table_cell(table, "-");
		else
			table_cell(table, "%.3f", ratio(row));
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
		"MiB pages) and in threads of this process, in batches: native, guest, guest, "
		"native. Medians; spread: from the 90th to the 10th percentile of the times. "
		"residual: the greatest ||Ax - b|| / (eps (||A|| ||x|| + ||b||) n) of both sides, "
		"right below %g.",
		LINPACK_RESIDUAL_LIMIT);
}

void linpack_page(struct page *page, const struct linpack_report *report)
{
	say_agreement(page, report);
	say_residuals(page, report);
	say_table(page, report);
	say_chart(page, report);
	say_notes(page, report);
}
