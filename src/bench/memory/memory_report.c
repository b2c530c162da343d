/* SPDX-License-Identifier: BSD-2-Clause */
/* The page of `tickvm bench memory`: a summary by cache, what pages cost, first touch, and the
 * curves. It measures nothing. */
#include "memory.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#define SECONDS_ASKED 60

static double spread_of(const memory_cell *cell)
{
	return (cell->max - cell->min) / cell->median;
}

static void cell_bytes(struct table *table, uint64_t bytes)
{
	if (bytes >= 1 << 20)
		table_cell(table, "%" PRIu64 " MiB", bytes >> 20);
	else if (bytes >= 1 << 10)
		table_cell(table, "%" PRIu64 " KiB", bytes >> 10);
	else
		table_cell(table, "%" PRIu64 " B", bytes);
}

static void cell_fixed(struct table *table, int digits, double value, const char *unit)
{
	if (isnan(value))
		table_cell(table, "-");
	else
		table_cell(table, "%.*f%s", digits, value, unit);
}

static bool region_measured(const struct memory_report *report, enum memory_region region)
{
	return memory_region_length(&report->caches, report->plan->max_bytes, region) >= 0;
}

static bool op_chosen(const struct memory_report *report, unsigned op)
{
	return report->plan->ops >> op & 1;
}

/* ---- the summary ---- */

static void summary_cells(struct table *table, const struct memory_report *report, unsigned threads,
	unsigned op, int length)
{
	const struct memory_run *guest = memory_find_guest(report, threads);
	const struct memory_run *native = memory_find_native(report, guest);
	const memory_cell none = {(double)NAN, (double)NAN, (double)NAN};
	const memory_cell *g = guest != NULL ? &guest->cells[op][length] : &none;
	const memory_cell *n = native != NULL ? &native->cells[op][length] : &none;

	cell_fixed(table, 1, g->median, "");
	cell_fixed(table, 1, n->median, "");
	cell_fixed(table, 3, g->median / n->median, "");
	cell_fixed(table, 0, 100 * fmax(spread_of(g), spread_of(n)), " %");
}

static void summary_row(
	struct table *table, const struct memory_report *report, unsigned op, unsigned region)
{
	const struct memory_plan *plan = report->plan;
	int length = memory_region_length(&report->caches, plan->max_bytes, region);

	if (length < 0 || !op_chosen(report, op))
		return;
	table_cell(table, "%s", memory_op_names[op]);
	table_cell(table, "%s", memory_region_names[region]);
	cell_bytes(table, (uint64_t)WORKLOAD_MEMORY_MIN << length);
	for (unsigned team = 0; team < plan->n_teams; team++)
		summary_cells(table, report, plan->teams[team], op, length);
}

static void summary(const struct memory_report *report, struct page *page)
{
	const struct memory_plan *plan = report->plan;
	const struct memory_run *guest = memory_find_guest(report, plan->teams[0]);
	char names[2 * MEMORY_TEAMS_MAX][24];
	const char *titles[3 + 4 * MEMORY_TEAMS_MAX] = {"op", "from", "vector"};

	for (unsigned team = 0; team < plan->n_teams; team++) {
		char *vcpus = names[2 * team], *threads = names[2 * team + 1];
		unsigned n = plan->teams[team];

		snprintf(vcpus, sizeof(names[0]), "%u vCPU%s", n, n == 1 ? "" : "s");
		snprintf(threads, sizeof(names[0]), "%u native", n);
		titles[3 + 4 * team] = vcpus;
		titles[4 + 4 * team] = threads;
		titles[5 + 4 * team] = "ratio";
		titles[6 + 4 * team] = "spread";
	}
	page_heading(page,
		"MEMORY BANDWIDTH, %s beside native (GB/s, medians of %" PRIu64 " rounds)",
		guest != NULL ? memory_run_name(guest) : "guest", plan->rounds);
	struct table *table = page_table(
		page, "bandwidth", plan->n_teams == 1 ? "lllrrrr" : "lllrrrrrrrr", titles);

	for (unsigned op = 0; op < WORKLOAD_MEMORY_OPS; op++)
		for (unsigned region = 0; region < MEMORY_REGIONS; region++)
			summary_row(table, report, op, region);
	if (!region_measured(report, REGION_L1))
		page_note(page, "The host does not say how large its caches are; --full has all "
				"vector lengths.");
	page_note(page,
		"Bytes read plus bytes written, of all vCPUs or threads. rmw reads and writes "
		"each; "
		"memcpy reads one half of the vector and writes the other. memset is REP STOSB, "
		"memcpy REP MOVSB, the others SSE2. ratio: guest / native, 1 is no loss. spread: "
		"largest less smallest round over the median, the worse of guest and native.");
}

/* ---- verdicts ---- */

static void verdicts_of_reads(const struct memory_report *report, struct page *page)
{
	char text[64];

	for (unsigned i = 0; i < MEMORY_AGREEMENTS; i++) {
		const struct agreement *a = &report->agreements[i];

		if (a->n > 0)
			page_verdict(page, agreement_verdict(a, AGREEMENT_TOLERANCE),
				"reads from %s: %s of native speed, the median of %zu pairs in "
				"turn with its 95 %% interval; asked: within %.0f %% on an idle "
				"host",
				memory_region_names[REGION_L1 + i],
				agreement_text(text, sizeof(text), a), a->n,
				100 * AGREEMENT_TOLERANCE);
	}
}

static void verdicts(const struct memory_report *report, struct page *page)
{
	verdicts_of_reads(report, page);
	if (!isnan(report->seconds))
		page_verdict(page, report->seconds <= SECONDS_ASKED ? VERDICT_GOOD : VERDICT_BAD,
			"the default run took %.0f s; asked: %d", report->seconds, SECONDS_ASKED);
	for (size_t i = 0; i < report->n; i++) {
		const struct memory_run *run = &report->runs[i];

		if (memory_lacks_huge_pages(run))
			page_verdict(page, VERDICT_BAD,
				"%s, %u at once%s: %.0f %% of its memory is in huge pages "
				"(transparent "
				"huge pages: %s); its figures are of ordinary ones",
				memory_run_name(run), run->threads,
				run->touch ? ", first touch" : "",
				run->huge_bytes == UINT64_MAX
					? 0
					: 100 * (double)run->huge_bytes / (double)run->bytes,
				report->thp[0] != '\0' ? report->thp : "unknown");
	}
}

/* ---- what pages cost ---- */

/* Columns of runs behind a few of their own; a guest's name without the word. */
static struct table *table_of_runs(struct page *page, const char *name, const char *const *first,
	unsigned n_first, const struct memory_run *const *runs, unsigned n)
{
	const char *titles[TABLE_COLUMNS_MAX];
	char align[TABLE_COLUMNS_MAX + 1] = "";

	for (unsigned i = 0; i < n_first + n; i++) {
		align[i] = i < n_first ? 'l' : 'r';
		titles[i] = i < n_first ? first[i] : memory_run_name(runs[i - n_first]);
		if (strncmp(titles[i], "guest ", 6) == 0)
			titles[i] += 6;
	}
	return page_table(page, name, align, titles);
}

static void pages(const struct memory_report *report, struct page *page)
{
	static const char *const first[] = {"op", "from", "vector"};
	const struct memory_plan *plan = report->plan;
	const struct memory_run *columns[MEMORY_COLUMNS];
	unsigned n = memory_columns(report, plan->teams[0], columns);

	if (!region_measured(report, REGION_L3) && !region_measured(report, REGION_RAM))
		return;
	page_heading(page, "PAGES: the guest's own / the host's below, %u at once (GB/s)",
		plan->teams[0]);
	struct table *table = table_of_runs(page, "pages", first, 3, columns, n);

	for (unsigned op = 0; op < WORKLOAD_MEMORY_OPS; op++) {
		for (unsigned region = REGION_L3; region < MEMORY_REGIONS; region++) {
			int length = memory_region_length(&report->caches, plan->max_bytes, region);

			if (length < 0 || !op_chosen(report, op))
				continue;
			table_cell(table, "%s", memory_op_names[op]);
			table_cell(table, "%s", memory_region_names[region]);
			cell_bytes(table, (uint64_t)WORKLOAD_MEMORY_MIN << length);
			for (unsigned i = 0; i < n; i++)
				cell_fixed(table, 1, columns[i]->cells[op][length].median, "");
		}
	}
}

/* ---- first touch ---- */

static void first_touch(const struct memory_report *report, struct page *page)
{
	static const char *const titles[] = {
		"at once", "memory", "4 KiB (ns)", "least", "2 MiB (us)", "guest/native", "huge"};

	page_heading(page, "FIRST TOUCH: a store to each page of memory nobody touched before");
	struct table *table = page_table(page, "first-touch", "rlrrrrr", titles);
	struct chart *chart = page_chart(
		page, CHART_BARS, CHART_LOG_Y, "First touch", "memory", "time a 4 KiB page (ns)");

	for (size_t i = 0; i < report->n; i++) {
		const struct memory_run *run = &report->runs[i];
		const struct memory_run *native =
			run->native ? NULL : memory_find_native(report, run);
		double ns = run->first_touch.median;
		char series[16];

		if (!run->touch || run->n_rounds == 0)
			continue;
		snprintf(series, sizeof(series), "%u at once", run->threads);
		chart_bar(chart, series, memory_run_name(run), ns);
		table_cell(table, "%u", run->threads);
		table_cell(table, "%s", memory_run_name(run));
		table_cell_figure(table, ns);
		table_cell_figure(table, run->first_touch.min);
		table_cell_figure(table, ns * (2 << 20) / WORKLOAD_PAGE / 1000);
		cell_fixed(table, 2, native != NULL ? ns / native->first_touch.median : (double)NAN,
			"");
		if (run->n_rounds == 0 || run->huge_bytes == UINT64_MAX)
			table_cell(table, "-");
		else
			table_cell(table, "%" PRIu64 " MiB", run->huge_bytes >> 20);
	}
	page_note(page,
		"Medians of %" PRIu64 " rounds of %" PRIu64
		" MiB each. Native, a page is the host kernel's to "
		"find, "
		"clear and map; in a guest KVM maps it once more. Just before, the host gave out "
		"and took "
		"back as much: what a hypervisor below it takes for memory new to it is not in the "
		"figures. guest/native: of times. huge: "
		"what of "
		"the memory was in transparent huge pages at the end (host setting: %s).",
		MEMORY_TOUCH_ROUNDS, MEMORY_TOUCH_BYTES >> 20,
		report->thp[0] != '\0' ? report->thp : "unknown");
}

/* ---- curves ---- */

static void curve_table(
	const struct memory_report *report, struct page *page, unsigned op, unsigned threads)
{
	static const char *const first[] = {"vector"};
	const struct memory_run *columns[MEMORY_COLUMNS];
	unsigned n = memory_columns(report, threads, columns);
	char name[32];

	snprintf(name, sizeof(name), "%s-%u", memory_op_names[op], threads);
	page_heading(page, "%s, %u at once (GB/s)", memory_op_names[op], threads);
	struct table *table = table_of_runs(page, name, first, 1, columns, n);

	for (unsigned i = 0; i < MEMORY_LENGTHS; i++) {
		uint64_t bytes = (uint64_t)WORKLOAD_MEMORY_MIN << i;

		if (bytes > report->plan->max_bytes)
			break;
		cell_bytes(table, bytes);
		for (unsigned j = 0; j < n; j++)
			cell_fixed(table, 2, columns[j]->cells[op][i].median, "");
	}
}

static void draw_run(struct chart *chart, const struct memory_run *run, unsigned op, bool many)
{
	char series[48];

	if (many)
		snprintf(series, sizeof(series), "%s x %u", memory_run_name(run), run->threads);
	else
		snprintf(series, sizeof(series), "%s", memory_run_name(run));
	for (unsigned i = 0; i < MEMORY_LENGTHS; i++)
		chart_point(chart, series, (double)((uint64_t)WORKLOAD_MEMORY_MIN << i),
			run->cells[op][i].median);
}

/* All runs of the first number at once; of the others the summary's pair. */
static void curve_chart(const struct memory_report *report, struct page *page, unsigned op)
{
	const struct memory_plan *plan = report->plan;
	const struct memory_run *columns[MEMORY_COLUMNS];
	unsigned n = memory_columns(report, plan->teams[0], columns);
	char title[48];

	snprintf(title, sizeof(title), "Bandwidth of %s", memory_op_names[op]);
	struct chart *chart = page_chart(page, CHART_LINES, CHART_LOG_X | CHART_BYTES_X, title,
		"vector length", "bandwidth (GB/s)");

	for (unsigned i = 0; i < n; i++)
		draw_run(chart, columns[i], op, false);
	for (unsigned team = 1; team < plan->n_teams; team++) {
		const struct memory_run *guest = memory_find_guest(report, plan->teams[team]);
		const struct memory_run *native = memory_find_native(report, guest);

		if (native != NULL)
			draw_run(chart, native, op, true);
		if (guest != NULL)
			draw_run(chart, guest, op, true);
	}
}

static void charts(const struct memory_report *report, struct page *page)
{
	for (unsigned op = 0; op < WORKLOAD_MEMORY_OPS; op++)
		if (op_chosen(report, op))
			curve_chart(report, page, op);
}

static void curve_tables(const struct memory_report *report, struct page *page)
{
	for (unsigned op = 0; op < WORKLOAD_MEMORY_OPS; op++)
		for (unsigned team = 0; team < report->plan->n_teams; team++)
			if (op_chosen(report, op))
				curve_table(report, page, op, report->plan->teams[team]);
}

/* ---- the page ---- */

static void limits(const struct memory_report *report, struct page *page)
{
	const struct memory_caches *caches = &report->caches;

	page_note(page,
		"Vectors stand for caches by a quarter of their size (L1 %" PRIu64
		" KiB, L2 %" PRIu64 " KiB, L3 %" PRIu64
		" MiB, as the host's kernel says), for RAM by the longest one, when at least twice "
		"the "
		"last cache. Caches shared with others, and other guests' use of memory, are in "
		"the "
		"figures.",
		caches->l1d >> 10, caches->l2 >> 10, caches->l3 >> 20);
	page_note(page, "Both sides run the same object code, at CPL 3, in threads pinned alike; a "
			"round lasts "
			"from the first vCPU's beginning to the last one's end, on TSCs taken as "
			"synchronised. "
			"Native has no pages of its own beside the host's, so each guest is "
			"compared with the "
			"native run of the same backing. With as many vCPUs as CPUs, the timer "
			"thread and the "
			"rest of the host share a CPU with a vCPU: see the spread.");
}

/* A reason is given once, with how many others share it. */
static void not_measured(const struct memory_report *report, struct page *page)
{
	for (size_t i = 0; i < report->n; i++) {
		const struct memory_run *run = &report->runs[i];
		bool told = run->why.text[0] == '\0';
		unsigned others = 0;
		char more[32] = "";

		for (size_t j = 0; j < report->n && !told; j++) {
			bool same = j != i && strcmp(report->runs[j].why.text, run->why.text) == 0;

			told = same && j < i;
			others += same;
		}
		if (told)
			continue;
		if (others != 0)
			snprintf(more, sizeof(more), " and %u more", others);
		page_note(page, "n/a: %s, %u at once%s%s: %s", memory_run_name(run), run->threads,
			run->touch ? ", first touch" : "", more, run->why.text);
	}
}

void memory_report(const struct memory_report *report, struct page *page)
{
	summary(report, page);
	verdicts(report, page);
	charts(report, page);
	pages(report, page);
	first_touch(report, page);
	limits(report, page);
	not_measured(report, page);
	if (report->all_tables)
		curve_tables(report, page);
}
