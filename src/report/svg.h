/* SPDX-License-Identifier: BSD-2-Clause */
/* A chart as a figure of an HTML page: inline SVG, whose colours and hatching are the page's
 * (report.css). */
#ifndef REPORT_SVG_H
#define REPORT_SVG_H

#include "page_internal.h"

/* <figure> with its caption; number: of the figure on the page, from 1. A chart without a value
 * that could be drawn says so in words. */
void svg_figure(FILE *out, const struct chart *chart, unsigned number);
/* What the figures of a page refer to; once, before them. */
void svg_patterns(FILE *out);

#endif
