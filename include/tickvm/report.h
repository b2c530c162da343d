/* SPDX-License-Identifier: BSD-2-Clause */
/* Results files, read back and shown. It measures nothing. */
#ifndef TICKVM_REPORT_H
#define TICKVM_REPORT_H

#include "tickvm/page.h"

/* One results file: where it came from, as the caller said it, and the document itself. */
struct report_file {
	const char *path;
	json_t *root;
};

/* Reads path ("-": standard input). All text in root is clean (tickvm/text.h). -EINVAL with path,
 * position and what was expected in diag: no tickvm-results/1 file, or a truncated or later one. */
int report_read(struct report_file *file, const char *path, struct diag *diag);
/* The same, and tickvm-results/2 files. */
int report_read_any(struct report_file *file, const char *path, struct diag *diag);
/* Its page; page_destroy() it. NULL with the path and why in diag: it has none, or a broken one. */
struct page *report_page(const struct report_file *file, struct diag *diag);

/* All files' pages one after the other, each below its experiment's name, time and command line
 * (CSV: the tables alone). 0 or a negative errno, and then nothing was printed. */
int report_print(const struct report_file *files, size_t n, enum page_format format, FILE *out,
	struct diag *diag);

/* One self-contained HTML page of all files: verdicts first, then each file's page with its charts
 * as inline SVG, then the hosts' facts. No network, no script; dark and light. 0 or a negative
 * errno, and then nothing was printed. */
int report_html(const struct report_file *files, size_t n, FILE *out, struct diag *diag);

/* A form that a report may have; those for other tools are described in docs/exporters.md. */
struct report_format {
	const char *name;    /* of --format */
	const char *ending;  /* an output of that ending has this form; NULL: none */
	const char *summary; /* one line, for --help */
	bool tidy;           /* it takes tickvm-results/2 files too */
	/* 0 or a negative errno, and then nothing was printed. 0 with a text in diag (which begins
	 * empty): what the user should know of the output. */
	int (*print)(const struct report_file *files, size_t n, FILE *out, struct diag *diag);
};
extern const struct report_format report_formats[]; /* ends with a NULL name */

/* Figures published by others, shown beside ours and never mixed with them. */
struct reference_row {
	const char *name;                             /* HyperBench's benchmark */
	double host, qemu_tcg, kvm_ept, kvm_spt, xen; /* cycles; NAN: not published */
};
/* Wei, Zhang, Tu 2019, Table 3. n: 16. Names are those of tickvm/hyperbench.h. */
const struct reference_row *reference_hyperbench(size_t *n);

/* Actual intervals of timer events, microseconds; NAN: not published. */
struct reference_interval {
	unsigned interval_us;
	char load[12];   /* as bench timer's --load: "idle", "io", "cpu:30" */
	char system[16]; /* as printed: "KVM", "native Xen", "new timers", "Linux kernel" */
	double mean, sd, ci99_low, ci99_high;
};
/* Adamczyk, Chydzinski 2015, Tables 1 and 2. n: 62. */
const struct reference_interval *reference_adamczyk(size_t *n);

#endif
