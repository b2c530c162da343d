/* SPDX-License-Identifier: BSD-2-Clause */
/* What every form of a report begins with: all pages at hand, so that nothing is half written. */
#ifndef REPORT_REPORT_PAGES_H
#define REPORT_REPORT_PAGES_H

#include "tickvm/report.h"

/* The page of each file, in order; -EINVAL with the file's path in diag, or -ENOMEM. */
int report_pages_read(
	struct page ***pages, const struct report_file *files, size_t n, struct diag *diag);
void report_pages_free(struct page **pages, size_t n);

/* A member of the document that is text; "" where it is none. */
const char *report_member(const struct report_file *file, const char *key);
/* The file's path as it is shown: the one text of it that is not clean already. Returns to. */
#define REPORT_PATH_MAX 1024
const char *report_path(const struct report_file *file, char to[REPORT_PATH_MAX]);
/* bench, or what to call a file that does not say. */
const char *report_bench(const struct report_file *file);

#endif
