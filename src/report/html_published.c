/* SPDX-License-Identifier: BSD-2-Clause */
/* HyperBench's published figures, as a section that cannot be taken for measurements of ours. */
#include "html.h"

#include <math.h>

static const struct system {
	const char *name;
	size_t offset; /* in struct reference_row */
} systems[] = {
	{"KVM, nested paging (EPT)", offsetof(struct reference_row, kvm_ept)},
	{"KVM, shadow paging", offsetof(struct reference_row, kvm_spt)},
	{"Xen HVM", offsetof(struct reference_row, xen)},
	{"QEMU without KVM (TCG)", offsetof(struct reference_row, qemu_tcg)},
};
#define SYSTEMS (sizeof(systems) / sizeof(systems[0]))

static double cycles(const struct reference_row *row, const struct system *system)
{
	return *(const double *)(const void *)((const char *)row + system->offset);
}

/* As published: whole cycles. */
static void add_cycles(struct table *table, double value)
{
	if (isnan(value))
		table_cell(table, "-");
	else
		table_cell(table, "%.0f", value);
}

static void add_table(struct page *page, const struct reference_row *rows, size_t n)
{
	static const char *const titles[] = {
		"benchmark", "host", "KVM, EPT", "KVM, shadow", "Xen HVM", "QEMU TCG", NULL};
	struct table *table = page_table(page, "published", "lrrrrr", titles);

	for (size_t i = 0; i < n; i++) {
		table_cell(table, "%s", rows[i].name);
		add_cycles(table, rows[i].host);
		for (size_t s = 0; s < SYSTEMS; s++)
			add_cycles(table, cycles(&rows[i], &systems[s]));
	}
}

/* Idle has no ratio: what they print for it is below zero, the cost of a counter being subtracted.
 */
static void add_chart(struct page *page, const struct reference_row *rows, size_t n)
{
	struct chart *chart = page_chart(page, CHART_BARS, CHART_LOG_Y | CHART_RATIO,
		"Published by Wei, Zhang and Tu (2019), not measured here: cycles in the guest "
		"over cycles on its host",
		"benchmark", "guest cycles / host cycles, published");

	for (size_t s = 0; s < SYSTEMS; s++) {
		for (size_t i = 0; i < n; i++) {
			double guest = cycles(&rows[i], &systems[s]);

			if (rows[i].host > 0 && guest > 0)
				chart_bar(
					chart, systems[s].name, rows[i].name, guest / rows[i].host);
		}
	}
}

void html_published(FILE *out, unsigned *figures)
{
	size_t n;
	const struct reference_row *rows = reference_hyperbench(&n);
	struct page *page = page_create();

	page_note(page,
		"Cycles for each operation from Table 3 of: Song Wei, Kun Zhang, Bibo Tu: "
		"HyperBench: A Benchmark Suite for Virtualization Capabilities. Proc. ACM Meas. "
		"Anal. Comput. Syst. 3(2), article 24, 2019. Measured on four Xeon E7-4820 v2 (2.2 "
		"GHz) with "
		"QEMU 2.0, KVM of Linux 4.2 and Xen 4.4.2; \"-\": not published.");
	add_table(page, rows, n);
	add_chart(page, rows, n);
	fprintf(out,
		"<section class=\"published\">\n<h2>Published figures, on other hardware</h2>\n"
		"<p><b>Not measured by tickvm, and part of no figure above.</b></p>\n");
	if (page != NULL)
		html_items(out, page, figures);
	fprintf(out, "</section>\n");
	page_destroy(page);
}
