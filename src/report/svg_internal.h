/* SPDX-License-Identifier: BSD-2-Clause */
/* What the two kinds of drawing, bars and curves, share. Lengths are units of the viewBox: pixels
 * where the page has room. */
#ifndef REPORT_SVG_INTERNAL_H
#define REPORT_SVG_INTERNAL_H

#include "axis.h"
#include "svg.h"

#define SVG_WIDTH  760.0
#define SVG_TEXT   12.0 /* size of letters, as in report.css */
#define SVG_LABEL  48   /* bytes of a tick's or a bar's text */
#define SVG_STYLES 8    /* colours, dashes, markers, hatchings, each */

/* Series beyond the eighth repeat colours with another dash, marker and hatching. */
unsigned svg_colour(size_t series);
unsigned svg_style(size_t series);

/* Units below the legend that the plot begins at. */
double svg_legend_height(const struct chart *chart);
void svg_open(FILE *out, const struct chart *chart, unsigned number, double height);
void svg_close(FILE *out);

/* Gridlines at the ticks, across top..bottom or left..right, their labels, and the axis' name. */
void svg_x_axis(FILE *out, const struct axis *axis, double top, double bottom, const char *name);
void svg_y_axis(FILE *out, const struct axis *axis, double left, double right, const char *name);
#define SVG_X_AXIS_HEIGHT 44.0
/* What labels and the axis' own take on the left. */
double svg_y_axis_width(const struct axis *axis);

/* A path's data that marks the point where it begins and ends there again: the marker of a series.
 */
const char *svg_marker(size_t series, bool small);

/* svg_bars.c, svg_curves.c. How many values were left out, since the axes have no place for them;
 * *drawn: how many were not. Nothing is printed when none was. */
size_t svg_bars(FILE *out, const struct chart *chart, unsigned number, size_t *drawn);
size_t svg_curves(FILE *out, const struct chart *chart, unsigned number, size_t *drawn);

#endif
