/* SPDX-License-Identifier: BSD-2-Clause */
/* Horizontal bars: labels at the left, the figure at the end of each bar. Side by side from 0, on a
 * logarithmic axis from 1 where they are ratios, else from its end; or stacked, what is negative to
 * the left of zero. The axis of values is the chart's y. */
#include "svg_internal.h"

#include "markup.h"

#include <math.h>
#include <string.h>

#define BARS_MAX     2000 /* more are no chart */
#define LABELS_WIDTH 230.0
#define VALUE_TEXT   11.0 /* size of letters at the end of a bar, as .value in report.css */
#define ROW_GAP      10.0

struct bars {
	const struct chart *chart;
	unsigned flags; /* AXIS_* */
	const char *label[BARS_MAX];
	size_t rows;
	unsigned count[BARS_MAX];             /* bars of a row, as far as drawn */
	double y[BARS_MAX + 1];               /* where a row begins */
	double low[BARS_MAX], high[BARS_MAX]; /* stacked: how far a row's bar reaches */
	double pitch;                         /* from a bar to the next one of the row */
	double top;
	double left, right; /* of the plot */
	double base;        /* where bars begin: a value */
	size_t drawn, left_out;
	struct axis axis;
};

static bool stacked(const struct bars *bars)
{
	return bars->chart->kind == CHART_STACKED;
}

static size_t row_of(struct bars *bars, const char *label)
{
	size_t row = 0;

	while (row < bars->rows && strcmp(bars->label[row], label) != 0)
		row++;
	if (row == bars->rows)
		bars->label[bars->rows++] = label;
	return row;
}

/* A row is as high as the bars it has. */
static void place_rows(struct bars *bars)
{
	bars->y[0] = bars->top;
	for (size_t row = 0; row < bars->rows; row++) {
		unsigned n = stacked(bars) || bars->count[row] == 0 ? 1 : bars->count[row];

		bars->y[row + 1] = bars->y[row] + n * bars->pitch + ROW_GAP;
		bars->count[row] = 0;
	}
}

static double value_width(double value)
{
	char text[SVG_LABEL];

	markup_figure(text, sizeof(text), value);
	return markup_width(text, VALUE_TEXT) + 8;
}

/* Which values there are, and the rows they stand in. */
struct extent {
	double min, max;
	double low_text, high_text; /* room for figures below and above the base */
};

static void widen(struct extent *extent, double base, double value)
{
	double *room = value < base ? &extent->low_text : &extent->high_text;

	extent->min = fmin(extent->min, value);
	extent->max = fmax(extent->max, value);
	*room = fmax(*room, value_width(value));
}

static void stack(struct bars *bars, size_t row, double value)
{
	if (value < 0)
		bars->low[row] += value;
	else
		bars->high[row] += value;
}

static struct extent measure(struct bars *bars)
{
	struct extent extent = {.min = bars->base, .max = bars->base};

	if (bars->base == 0 && bars->flags & AXIS_LOG)
		extent = (struct extent){.min = INFINITY, .max = -INFINITY};

	for (size_t s = 0; s < bars->chart->count; s++) {
		const struct series *series = &bars->chart->series[s];

		for (size_t i = 0; i < series->count; i++) {
			double value = series->points[i].y;
			size_t row = row_of(bars, series->points[i].label);

			if (!axis_takes(bars->flags, value)) {
				bars->left_out++;
				continue;
			}
			bars->drawn++;
			bars->count[row]++;
			if (stacked(bars))
				stack(bars, row, value);
			else
				widen(&extent, bars->base, value);
		}
	}
	for (size_t row = 0; stacked(bars) && row < bars->rows; row++) {
		extent.min = fmin(extent.min, bars->low[row]);
		widen(&extent, bars->base, bars->high[row]);
	}
	return extent;
}

static double labels_width(const struct bars *bars)
{
	double widest = 0;

	for (size_t row = 0; row < bars->rows; row++)
		widest = fmax(widest, markup_width(bars->label[row], SVG_TEXT));
	return fmin(widest, LABELS_WIDTH);
}

/* ---- drawing ---- */

static void draw_bar(
	FILE *out, const struct bars *bars, size_t series, double y, double from, double to)
{
	double x0 = axis_at(&bars->axis, fmin(from, to)), x1 = axis_at(&bars->axis, fmax(from, to));
	double width = fmax(x1 - x0, 0.5), height = bars->pitch - 2;

	fprintf(out, "<path class=\"bar s%u\" d=\"M%.1f %.1fh%.1fv%.1fh%.1fz\"/>",
		svg_colour(series), x0, y, width, height, -width);
	if (svg_style(series) != 0)
		fprintf(out, "<path class=\"h%u\" d=\"M%.1f %.1fh%.1fv%.1fh%.1fz\"/>",
			svg_style(series), x0, y, width, height, -width);
}

/* At the bar's end; a figure below the base stands at the left one. */
static void draw_value(FILE *out, const struct bars *bars, double y, double end, double value)
{
	bool below = end < bars->base;
	char text[SVG_LABEL];

	markup_figure(text, sizeof(text), value);
	fprintf(out, "<text class=\"value%s\" x=\"%.1f\" y=\"%.1f\">%s</text>\n",
		below ? " end" : "", axis_at(&bars->axis, end) + (below ? -4 : 4),
		y + bars->pitch / 2 + 3, text);
}

static void draw_side_by_side(FILE *out, struct bars *bars)
{
	for (size_t s = 0; s < bars->chart->count; s++) {
		const struct series *series = &bars->chart->series[s];

		for (size_t i = 0; i < series->count; i++) {
			double value = series->points[i].y;
			size_t row = row_of(bars, series->points[i].label);
			double y = bars->y[row] + bars->count[row] * bars->pitch;

			if (!axis_takes(bars->flags, value))
				continue;
			bars->count[row]++;
			draw_bar(out, bars, s, y, bars->base, value);
			draw_value(out, bars, y, value, value);
		}
	}
}

static void draw_part(FILE *out, struct bars *bars, size_t series, const struct point *point)
{
	size_t row = row_of(bars, point->label);
	double *end = point->y < 0 ? &bars->low[row] : &bars->high[row];
	char text[SVG_LABEL];

	if (point->y == 0 || !axis_takes(bars->flags, point->y))
		return;
	markup_figure(text, sizeof(text), point->y);
	fprintf(out, "<g><title>");
	markup_text(out, bars->chart->series[series].name);
	fprintf(out, ": %s</title>", text);
	draw_bar(out, bars, series, bars->y[row], *end, *end + point->y);
	fprintf(out, "</g>\n");
	*end += point->y;
}

static void draw_stacked(FILE *out, struct bars *bars)
{
	memset(bars->low, 0, sizeof(bars->low));
	memset(bars->high, 0, sizeof(bars->high));
	for (size_t s = 0; s < bars->chart->count; s++) {
		const struct series *series = &bars->chart->series[s];

		for (size_t i = 0; i < series->count; i++)
			draw_part(out, bars, s, &series->points[i]);
	}
	for (size_t row = 0; row < bars->rows; row++)
		draw_value(
			out, bars, bars->y[row], bars->high[row], bars->low[row] + bars->high[row]);
}

static void draw_labels(FILE *out, const struct bars *bars, double x)
{
	fprintf(out, "<g class=\"end\">\n");
	for (size_t row = 0; row < bars->rows; row++) {
		fprintf(out, "<text x=\"%.1f\" y=\"%.1f\">", x,
			(bars->y[row] + bars->y[row + 1] - ROW_GAP) / 2 + 3);
		markup_fit(out, bars->label[row], SVG_TEXT, LABELS_WIDTH);
		fprintf(out, "</text>\n");
	}
	fprintf(out, "</g>\n");
}

static void draw(FILE *out, struct bars *bars, unsigned number)
{
	const struct chart *chart = bars->chart;
	double bottom = bars->y[bars->rows];

	svg_open(out, chart, number, bottom + SVG_X_AXIS_HEIGHT);
	svg_x_axis(out, &bars->axis, bars->top - 6, bottom, chart->y_label);
	fprintf(out, "<g class=\"data\">\n");
	(stacked(bars) ? draw_stacked : draw_side_by_side)(out, bars);
	fprintf(out, "</g>\n");
	fprintf(out, "<path class=\"base\" d=\"M%.1f %.1fV%.1f\"/>\n",
		axis_at(&bars->axis, bars->base), bars->top - 6, bottom);
	draw_labels(out, bars, bars->left - 10);
	svg_close(out);
}

size_t svg_bars(FILE *out, const struct chart *chart, unsigned number, size_t *drawn)
{
	struct bars bars = {.chart = chart};
	size_t values = 0;

	for (size_t i = 0; i < chart->count; i++)
		values += chart->series[i].count;
	*drawn = 0;
	if (values > BARS_MAX)
		return values;
	/* Logarithms do not add up. */
	if (chart->flags & CHART_LOG_Y && !stacked(&bars))
		bars.flags = AXIS_LOG;
	bars.base = bars.flags & AXIS_LOG && chart->flags & CHART_RATIO ? 1 : 0;
	struct extent extent = measure(&bars);

	*drawn = bars.drawn;
	if (bars.drawn == 0)
		return bars.left_out;
	bars.left = labels_width(&bars) + 10;
	bars.right = SVG_WIDTH - 10;
	bars.top = svg_legend_height(chart) + 6;
	bars.pitch = stacked(&bars) || chart->count == 1 ? 18 : 14;
	place_rows(&bars);
	axis_init(&bars.axis, bars.flags, extent.min, extent.max, bars.left + extent.low_text,
		bars.right - extent.high_text);
	bars.base = fmax(bars.base, bars.flags & AXIS_LOG ? bars.axis.low : 0);
	draw(out, &bars, number);
	return bars.left_out;
}
