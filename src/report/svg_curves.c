/* SPDX-License-Identifier: BSD-2-Clause */
/* y over x: joined points, or dots. One path a series, with coordinates in tenths of a unit, so
 * that thousands of points stay a few bytes each. */
#include "svg_internal.h"

#include "markup.h"

#include <math.h>
#include <stdlib.h>

#define PLOT_HEIGHT  300.0
#define MARKERS_MAX  40  /* a curve of more points has none */
#define SMALL_BEYOND 200 /* dots of a series of more than that are small */
#define CELL         5   /* tenths: dots that fall into one cell are drawn once */

struct curves {
	const struct chart *chart;
	unsigned x_flags, y_flags; /* AXIS_* */
	double min_x, max_x, min_y, max_y;
	size_t drawn, left_out;
	struct axis x, y;
};

static bool takes(const struct curves *curves, const struct point *point)
{
	return axis_takes(curves->x_flags, point->x) && axis_takes(curves->y_flags, point->y);
}

static void measure(struct curves *curves)
{
	curves->min_x = curves->min_y = INFINITY;
	curves->max_x = curves->max_y = -INFINITY;
	for (size_t s = 0; s < curves->chart->count; s++) {
		const struct series *series = &curves->chart->series[s];

		for (size_t i = 0; i < series->count; i++) {
			const struct point *point = &series->points[i];

			if (!takes(curves, point)) {
				curves->left_out++;
				continue;
			}
			curves->drawn++;
			curves->min_x = fmin(curves->min_x, point->x);
			curves->max_x = fmax(curves->max_x, point->x);
			curves->min_y = fmin(curves->min_y, point->y);
			curves->max_y = fmax(curves->max_y, point->y);
		}
	}
}

/* Zero belongs on an axis that would begin near it. */
static void reach_zero(struct curves *curves)
{
	if (!(curves->y_flags & AXIS_LOG) && curves->min_y > 0 && curves->min_y < curves->max_y / 2)
		curves->min_y = 0;
}

/* ---- paths ---- */

/* Coordinates in tenths, each relative to the one before. */
struct pen {
	FILE *out;
	long x, y;
	bool begun;
};

static void put_tenths(FILE *out, long tenths, bool first)
{
	long whole = labs(tenths) / 10, rest = labs(tenths) % 10;

	if (tenths < 0)
		fputc('-', out);
	else if (!first)
		fputc(' ', out);
	if (whole > 0 || rest == 0)
		fprintf(out, "%ld", whole);
	if (rest > 0)
		fprintf(out, ".%ld", rest);
}

/* command: 'm' moves, 'l' draws; the first one moves. */
static void pen_to(struct pen *pen, char command, long x, long y)
{
	fputc(pen->begun ? command : 'M', pen->out);
	put_tenths(pen->out, x - pen->x, true);
	put_tenths(pen->out, y - pen->y, false);
	*pen = (struct pen){pen->out, x, y, true};
}

static void place(const struct curves *curves, const struct point *point, long *x, long *y)
{
	*x = lround(10 * axis_at(&curves->x, point->x));
	*y = lround(10 * axis_at(&curves->y, point->y));
}

static void draw_line(FILE *out, const struct curves *curves, size_t number)
{
	const struct series *series = &curves->chart->series[number];
	struct pen pen = {.out = out};
	long x, y;

	fprintf(out, "<path class=\"line s%u d%u\" d=\"", svg_colour(number), svg_style(number));
	for (size_t i = 0; i < series->count; i++) {
		if (!takes(curves, &series->points[i]))
			continue;
		place(curves, &series->points[i], &x, &y);
		if (!pen.begun || x != pen.x || y != pen.y)
			pen_to(&pen, 'l', x, y);
	}
	fprintf(out, "\"/>\n");
}

/* Which cells of the plot a series has a dot in: one bit each. */
struct cells {
	unsigned char *bits; /* NULL: no memory, and dots are drawn more than once */
	size_t columns, rows;
};

static bool taken(struct cells *cells, long x, long y)
{
	size_t column = (size_t)x / CELL, row = (size_t)y / CELL;
	size_t cell = row * cells->columns + column;

	if (cells->bits == NULL || column >= cells->columns || row >= cells->rows)
		return false;
	bool was = cells->bits[cell / 8] >> (cell % 8) & 1;

	cells->bits[cell / 8] |= (unsigned char)(1u << (cell % 8));
	return was;
}

static void draw_markers(FILE *out, const struct curves *curves, size_t number)
{
	const struct series *series = &curves->chart->series[number];
	bool small = series->count > SMALL_BEYOND;
	struct cells cells = {.columns = (size_t)(10 * curves->x.to) / CELL + 1,
		.rows = (size_t)(10 * curves->y.from) / CELL + 1};
	struct pen pen = {.out = out};
	long x, y;

	cells.bits = calloc(1, cells.columns * cells.rows / 8 + 1);
	fprintf(out, "<path class=\"s%u k%u%s\" d=\"", svg_colour(number), svg_style(number),
		small ? " small" : "");
	for (size_t i = 0; i < series->count; i++) {
		if (!takes(curves, &series->points[i]))
			continue;
		place(curves, &series->points[i], &x, &y);
		if (taken(&cells, x, y))
			continue;
		pen_to(&pen, 'm', x, y);
		fputs(svg_marker(number, small), out);
	}
	fprintf(out, "\"/>\n");
	free(cells.bits);
}

static void draw(FILE *out, struct curves *curves, unsigned number)
{
	const struct chart *chart = curves->chart;
	double top = svg_legend_height(chart) + 6, bottom = top + PLOT_HEIGHT;
	double right = SVG_WIDTH - 26;

	axis_init(&curves->y, curves->y_flags, curves->min_y, curves->max_y, bottom, top);
	double left = svg_y_axis_width(&curves->y);

	axis_init(&curves->x, curves->x_flags, curves->min_x, curves->max_x, left, right);
	svg_open(out, chart, number, bottom + SVG_X_AXIS_HEIGHT);
	svg_x_axis(out, &curves->x, top, bottom, chart->x_label);
	svg_y_axis(out, &curves->y, left, right, chart->y_label);
	if (!(curves->y_flags & AXIS_LOG) && curves->y.low <= 0 && curves->y.high >= 0)
		fprintf(out, "<path class=\"base\" d=\"M%.1f %.1fH%.1f\"/>\n", left,
			axis_at(&curves->y, 0), right);
	fprintf(out, "<g class=\"data\">\n");
	for (size_t s = 0; s < chart->count; s++) {
		if (chart->kind == CHART_LINES)
			draw_line(out, curves, s);
		if (chart->kind == CHART_POINTS || chart->series[s].count <= MARKERS_MAX)
			draw_markers(out, curves, s);
	}
	fprintf(out, "</g>\n");
	svg_close(out);
}

size_t svg_curves(FILE *out, const struct chart *chart, unsigned number, size_t *drawn)
{
	struct curves curves = {.chart = chart};

	curves.x_flags = (chart->flags & CHART_LOG_X ? AXIS_LOG : 0) |
			 (chart->flags & CHART_BYTES_X ? AXIS_BYTES : 0);
	curves.y_flags = chart->flags & CHART_LOG_Y ? AXIS_LOG : 0;
	measure(&curves);
	reach_zero(&curves);
	*drawn = curves.drawn;
	if (curves.drawn > 0)
		draw(out, &curves, number);
	return curves.left_out;
}
