/* SPDX-License-Identifier: BSD-2-Clause */
/* Each event's difference from what was expected, against its number: the paper's Figures 1 to 19.
 * No event is left out silently: those far beyond the others are counted below the chart. */
#include "bench_timer.h"

#include <math.h>

/* Rows of one chart. */
struct plot {
	const struct timer_outcome *outcome;
	const struct load *load;
	uint64_t interval_ns;
};

static bool is_in(const struct plot *plot, const struct timer_row *row)
{
	return row->cell.load == plot->load && row->cell.interval_ns == plot->interval_ns &&
	       row->plotted > 0;
}

/* A single event of milliseconds would make all others one line: the axis ends at twice what 999 of
 * 1,000 events of the latest source stay below. */
static double limit_us(const struct plot *plot)
{
	double limit = 0;

	for (size_t i = 0; i < plot->outcome->n; i++) {
		const struct timer_row *row = &plot->outcome->rows[i];

		if (is_in(plot, row))
			limit = fmax(limit, 2 * row->runs[0].p999 / 1000);
	}
	return limit;
}

static void add_points(const struct plot *plot, const struct timer_row *row, double limit,
	struct chart *chart, struct page *page)
{
	struct timer_name name = timer_row_name(plot->outcome->plan, row);
	size_t beyond = 0;

	for (size_t i = 0; i < row->plotted; i++) {
		double late = (double)row->plot[i];

		if (fabs(late) > limit)
			beyond++;
		else
			chart_point(chart, name.text, (double)(i + 1), round(late * 1000) / 1000);
	}
	if (beyond > 0)
		page_note(page,
			"not in the chart: %zu of %zu events of %s, beyond %.0f us (to %.0f us)",
			beyond, row->plotted, name.text, limit, row->runs[0].max / 1000);
}

static void add_chart(const struct plot *plot, struct page *page)
{
	char title[96];
	struct chart *chart = NULL;

	snprintf(title, sizeof(title), "Each event every %g us, %s: difference from expected%s",
		(double)plot->interval_ns / 1000, plot->load->name,
		plot->outcome->plan->runs > 1 ? ", first run" : "");
	for (size_t i = 0; i < plot->outcome->n; i++) {
		const struct timer_row *row = &plot->outcome->rows[i];

		if (!is_in(plot, row))
			continue;
		if (chart == NULL)
			chart = page_chart(
				page, CHART_POINTS, 0, title, "event", "measured - expected (us)");
		add_points(plot, row, limit_us(plot), chart, page);
	}
}

void timer_plots(const struct timer_outcome *outcome, struct page *page)
{
	const struct timer_plan *plan = outcome->plan;

	for (unsigned l = 0; l < plan->loads.n; l++) {
		for (unsigned i = 0; i < plan->intervals.n; i++)
			add_chart(&(struct plot){.outcome = outcome,
					  .load = &plan->loads.item[l],
					  .interval_ns = plan->intervals.ns[i]},
				page);
	}
}
