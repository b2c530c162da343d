/* SPDX-License-Identifier: BSD-2-Clause */
/* Parts of the HTML report that stand in files of their own. */
#ifndef REPORT_HTML_H
#define REPORT_HTML_H

#include "report_pages.h"

/* Headings, notes, tables and figures in their order, without the verdicts. *figures counts on. */
void html_items(FILE *out, const struct page *page, unsigned *figures);
/* The section of HyperBench's published figures. */
void html_published(FILE *out, unsigned *figures);
/* The table of the files' host facts, a column a file. */
void html_hosts(FILE *out, const struct report_file *files, size_t n);

#endif
