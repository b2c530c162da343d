/* SPDX-License-Identifier: BSD-2-Clause */
/* A figure: caption, description, legend, axes. The data are drawn by svg_bars.c and
 * svg_curves.c; every colour and dash is a class of report.css. */
#include "svg_internal.h"

#include "markup.h"

#include <string.h>

unsigned svg_colour(size_t series)
{
	return (unsigned)(series % SVG_STYLES);
}

unsigned svg_style(size_t series)
{
	return (unsigned)((series + series / SVG_STYLES) % SVG_STYLES);
}

/* Disc, square, triangle, diamond, plus, cross, triangle upside down, ring; see .k0 to .k7. */
const char *svg_marker(size_t series, bool small)
{
	static const char *const markers[2][SVG_STYLES] = {
		{"h0", "h0", "m0-4l4 7h-8zm0 4", "m0-4.5l4.5 4.5-4.5 4.5-4.5-4.5zm0 4.5",
			"m-4 0h8m-4-4v8m0-4", "m-3-3l6 6m0-6l-6 6m3-3", "m0 4l4-7h-8zm0-4",
			"m-3 0a3 3 0 1 0 6 0a3 3 0 1 0-6 0m3 0"},
		{"h0", "h0", "m0-2l2 3h-4zm0 2", "m0-2l2 2-2 2-2-2zm0 2", "m-2 0h4m-2-2v4m0-2",
			"m-1-1l2 2m0-2l-2 2m1-1", "m0 2l2-3h-4zm0-2",
			"m-1 0a1 1 0 1 0 2 0a1 1 0 1 0-2 0m1 0"}};

	return markers[small][svg_style(series)];
}

/* ---- legend: rows of its own above the plot, so that it hides nothing ---- */

#define LEGEND_ROW    20.0
#define LEGEND_SWATCH 30.0
#define LEGEND_GAP    18.0
#define LEGEND_NAME   300.0 /* widest */

static void swatch(FILE *out, const struct chart *chart, size_t series, double x, double y)
{
	unsigned colour = svg_colour(series), style = svg_style(series);

	fprintf(out, "<g class=\"s%u\">", colour);
	if (chart_has_bars(chart))
		fprintf(out,
			"<path class=\"bar\" d=\"M%.1f %.1fh22v10h-22z\"/><path class=\"h%u\" "
			"d=\"M%.1f %.1fh22v10h-22z\"/>",
			x, y - 9, style, x, y - 9);
	if (chart->kind == CHART_LINES)
		fprintf(out, "<path class=\"line d%u\" d=\"M%.1f %.1fh24\"/>", style, x, y - 4);
	if (!chart_has_bars(chart))
		fprintf(out, "<path class=\"k%u\" d=\"M%.1f %.1f%s\"/>", style, x + 12, y - 4,
			svg_marker(series, false));
	fprintf(out, "</g>");
}

/* Lays the names out in rows; out NULL: only counts how high they are. */
static double legend(FILE *out, const struct chart *chart)
{
	double x = 4, y = 14;

	if (chart->count < 2)
		return 8;
	for (size_t i = 0; i < chart->count; i++) {
		const char *name = chart->series[i].name;
		double width = markup_width(name, SVG_TEXT);

		width = LEGEND_SWATCH + (width < LEGEND_NAME ? width : LEGEND_NAME);
		if (x > 4 && x + width > SVG_WIDTH) {
			x = 4;
			y += LEGEND_ROW;
		}
		if (out != NULL) {
			swatch(out, chart, i, x, y);
			fprintf(out, "<text x=\"%.1f\" y=\"%.1f\">", x + LEGEND_SWATCH, y);
			markup_fit(out, name, SVG_TEXT, LEGEND_NAME);
			fprintf(out, "</text>\n");
		}
		x += width + LEGEND_GAP;
	}
	return y + LEGEND_ROW;
}

double svg_legend_height(const struct chart *chart)
{
	return legend(NULL, chart);
}

/* ---- the element itself ---- */

static void describe(FILE *out, const struct chart *chart)
{
	static const char *const kinds[] = {[CHART_BARS] = "Bars",
		[CHART_STACKED] = "Stacked bars",
		[CHART_LINES] = "Lines",
		[CHART_POINTS] = "Points"};
	size_t values = 0;

	for (size_t i = 0; i < chart->count; i++)
		values += chart->series[i].count;
	fprintf(out, "%s; %zu values in %zu series: ", kinds[chart->kind], values, chart->count);
	for (size_t i = 0; i < chart->count; i++) {
		fprintf(out, "%s", i > 0 ? ", " : "");
		markup_text(out, chart->series[i].name);
	}
	fprintf(out, ". Horizontal: ");
	markup_text(out, chart_has_bars(chart) ? chart->y_label : chart->x_label);
	fprintf(out, "; vertical: ");
	markup_text(out, chart_has_bars(chart) ? chart->x_label : chart->y_label);
	fprintf(out, ".");
}

void svg_open(FILE *out, const struct chart *chart, unsigned number, double height)
{
	fprintf(out,
		"<div class=\"wide\"><svg viewBox=\"0 0 %.0f %.0f\" role=\"img\" "
		"aria-labelledby=\"figure%u-title figure%u-text\">\n<title id=\"figure%u-title\">",
		SVG_WIDTH, height, number, number, number);
	markup_text(out, chart->title);
	fprintf(out, "</title>\n<desc id=\"figure%u-text\">", number);
	describe(out, chart);
	fprintf(out, "</desc>\n");
	legend(out, chart);
}

void svg_close(FILE *out)
{
	fprintf(out, "</svg></div>\n");
}

/* ---- axes ---- */

void svg_x_axis(FILE *out, const struct axis *axis, double top, double bottom, const char *name)
{
	double middle = (axis->from + axis->to) / 2;
	char label[SVG_LABEL];

	fprintf(out, "<path class=\"grid\" d=\"");
	for (unsigned i = 0; i < axis->ticks; i++)
		fprintf(out, "M%.1f %.1fV%.1f", axis_at(axis, axis->tick[i]), top, bottom);
	fprintf(out, "\"/>\n<g class=\"tick middle\">");
	for (unsigned i = 0; i < axis->ticks; i++) {
		axis_label(label, sizeof(label), axis, axis->tick[i]);
		fprintf(out, "<text x=\"%.1f\" y=\"%.1f\">%s</text>", axis_at(axis, axis->tick[i]),
			bottom + 16, label);
	}
	fprintf(out, "</g>\n<text class=\"middle\" x=\"%.1f\" y=\"%.1f\">", middle, bottom + 36);
	markup_fit(out, name, SVG_TEXT,
		2 * (middle < SVG_WIDTH - middle ? middle : SVG_WIDTH - middle));
	fprintf(out, "</text>\n");
}

double svg_y_axis_width(const struct axis *axis)
{
	double widest = 0;
	char label[SVG_LABEL];

	for (unsigned i = 0; i < axis->ticks; i++) {
		axis_label(label, sizeof(label), axis, axis->tick[i]);
		double width = markup_width(label, SVG_TEXT);

		widest = width > widest ? width : widest;
	}
	return 24 + widest + 8;
}

void svg_y_axis(FILE *out, const struct axis *axis, double left, double right, const char *name)
{
	double middle = (axis->from + axis->to) / 2;
	char label[SVG_LABEL];

	fprintf(out, "<path class=\"grid\" d=\"");
	for (unsigned i = 0; i < axis->ticks; i++)
		fprintf(out, "M%.1f %.1fH%.1f", left, axis_at(axis, axis->tick[i]), right);
	fprintf(out, "\"/>\n<g class=\"tick end\">");
	for (unsigned i = 0; i < axis->ticks; i++) {
		axis_label(label, sizeof(label), axis, axis->tick[i]);
		fprintf(out, "<text x=\"%.1f\" y=\"%.1f\">%s</text>", left - 8,
			axis_at(axis, axis->tick[i]) + 4, label);
	}
	fprintf(out, "</g>\n<text class=\"middle\" transform=\"translate(14 %.1f)rotate(-90)\">",
		middle);
	markup_fit(out, name, SVG_TEXT, 2 * middle);
	fprintf(out, "</text>\n");
}

/* ---- the figure ---- */

void svg_figure(FILE *out, const struct chart *chart, unsigned number)
{
	size_t drawn = 0;

	fprintf(out, "<figure>\n");
	size_t left_out =
		(chart_has_bars(chart) ? svg_bars : svg_curves)(out, chart, number, &drawn);

	if (drawn == 0)
		fprintf(out, "<p class=\"nodata\">no data%s</p>\n",
			left_out > 0 ? " that can be drawn" : "");
	fprintf(out, "<figcaption><b>Figure %u.</b> ", number);
	markup_text(out, chart->title);
	if (left_out > 0)
		fprintf(out, ". <em>%zu value%s left out: no place on %s.</em>", left_out,
			left_out == 1 ? "" : "s",
			chart->flags & (CHART_LOG_X | CHART_LOG_Y) ? "a logarithmic axis"
								   : "the axes");
	if (chart->incomplete)
		fprintf(out, ". <em>Incomplete: more than was kept.</em>");
	fprintf(out, "</figcaption>\n</figure>\n");
}

/* White or black lines over a series' colour, so that bars differ in print too. Style 0 is plain.
 */
void svg_patterns(FILE *out)
{
	static const char *const lines[SVG_STYLES] = {NULL, "M-1 7L7-1M-1 1L1-1M5 7L7 5",
		"M1.5 1.5h0M4.5 4.5h0", "M-1-1L7 7M5-1L7 1M-1 5L1 7", "M0 3H6", "M0 3H6M3 0V6",
		"M3 0V6", "M0 0L6 6M6 0L0 6"};

	fprintf(out,
		"<svg class=\"patterns\" width=\"0\" height=\"0\" aria-hidden=\"true\"><defs>");
	for (unsigned i = 1; i < SVG_STYLES; i++)
		fprintf(out,
			"<pattern id=\"hatch%u\" width=\"6\" height=\"6\" "
			"patternUnits=\"userSpaceOnUse\"><path class=\"hatch\" "
			"d=\"%s\"/></pattern>",
			i, lines[i]);
	fprintf(out, "</defs></svg>\n");
}
