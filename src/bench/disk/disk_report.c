/* SPDX-License-Identifier: BSD-2-Clause */
/* The page of `tickvm bench disk`: a table a file size, verdicts, curves. It measures nothing. */
#include "disk_bench.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>

#define SPREAD_MAX 0.25

static const struct goal {
	enum disk_bench_op op;
	uint64_t record;
	double ratio;
	unsigned depth; /* 0: any */
} goals[] = {
	{DISK_BENCH_RANDOM_READ, 4096, 0.7, 32},
	{DISK_BENCH_READ, 1 << 20, 0.9, 0},
};

/* ---- figures ---- */

static struct spread speed(struct disk_row *row, enum disk_side side)
{
	struct disk_samples *samples = &row->samples[side];

	return stats_spread(samples->mb_per_s, samples->n);
}

static double ratio(struct disk_row *row)
{
	return speed(row, DISK_GUEST).median / speed(row, DISK_NATIVE).median;
}

/* The worse side's. */
static double spread(struct disk_row *row)
{
	struct spread guest = speed(row, DISK_GUEST), native = speed(row, DISK_NATIVE);

	return fmax(
		(guest.max - guest.min) / guest.median, (native.max - native.min) / native.median);
}

static uint64_t errors(const struct disk_row *row)
{
	return row->samples[DISK_NATIVE].errors + row->samples[DISK_GUEST].errors;
}

static bool measured(const struct disk_row *row)
{
	return row->samples[DISK_NATIVE].n + row->samples[DISK_GUEST].n > 0;
}

static bool both(const struct disk_row *row)
{
	return row->samples[DISK_NATIVE].n > 0 && row->samples[DISK_GUEST].n > 0;
}

/* Neither goes through the page cache while the other does not, nor one at a time. */
static bool same_path(const struct disk_row *row)
{
	const struct disk_path *n = &row->samples[DISK_NATIVE].path;
	const struct disk_path *g = &row->samples[DISK_GUEST].path;

	return n->direct == g->direct && n->io_uring == g->io_uring;
}

/* ---- a file's table ---- */

static void cell_bytes(struct table *table, uint64_t bytes)
{
	if (bytes >= 1 << 20)
		table_cell(table, "%" PRIu64 " MiB", bytes >> 20);
	else
		table_cell(table, "%" PRIu64 " KiB", bytes >> 10);
}

static void cell_whole(struct table *table, double value, const char *unit)
{
	if (isnan(value))
		table_cell(table, "-");
	else
		table_cell(table, "%.0f%s", value, unit);
}

static void cells_of_side(struct table *table, struct disk_row *row, enum disk_side side)
{
	double mb_per_s = speed(row, side).median;

	table_cell_figure(table, mb_per_s);
	cell_whole(table, mb_per_s * 1e6 / (double)row->record, "");
}

static void cell_a_request(struct table *table, const struct disk_samples *guest, uint64_t count)
{
	if (guest->requests == 0)
		table_cell(table, "-");
	else
		table_cell(table, "%.2f", (double)count / (double)guest->requests);
}

static void cell_verified(struct table *table, const struct disk_row *row)
{
	if (row->mismatches > 0)
		table_cell(table, "%" PRIu64 " BAD", row->mismatches);
	else if (errors(row) > 0)
		table_cell(table, "%" PRIu64 " ERR", errors(row));
	else if (row->checked > 0)
		table_cell(table, "yes");
	else
		table_cell(table, "-");
}

static void add_row(struct table *table, const struct disk_report *report, struct disk_row *row)
{
	const struct disk_samples *guest = &row->samples[DISK_GUEST];

	table_cell(table, "%s", disk_op_names[row->op]);
	cell_bytes(table, row->record);
	table_cell(table, "%u", disk_timed(report->plan, row).depth);
	cells_of_side(table, row, DISK_GUEST);
	cells_of_side(table, row, DISK_NATIVE);
	if (both(row))
		table_cell(table, "%.2f%s", ratio(row), same_path(row) ? "" : " !");
	else
		table_cell(table, "-");
	cell_whole(table, 100 * spread(row), " %");
	cell_a_request(table, guest, guest->interrupts);
	cell_a_request(table, guest, guest->exits);
	cell_verified(table, row);
}

static void file_table(const struct disk_report *report, struct page *page, uint64_t file)
{
	static const char *const titles[] = {"op", "record", "depth", "guest MB/s", "IOPS",
		"native MB/s", "IOPS", "ratio", "spread", "irqs", "exits", "verified"};
	char name[32];

	page_heading(page, "DISK, %" PRIu64 " MiB: guest beside native", file >> 20);
	snprintf(name, sizeof(name), "disk-%" PRIu64 "M", file >> 20);
	struct table *table = page_table(page, name, "llrrrrrrrrrl", titles);

	for (size_t i = 0; i < report->n; i++)
		if (report->rows[i].file == file && measured(&report->rows[i]))
			add_row(table, report, &report->rows[i]);
}

static void file_tables(const struct disk_report *report, struct page *page)
{
	for (size_t i = 0; i < report->n; i++)
		if (i == 0 || report->rows[i].file != report->rows[i - 1].file)
			file_table(report, page, report->rows[i].file);
}

/* ---- verdicts ---- */

/* Rounds differ by so much that another median would have been as likely on the other side. */
static bool undecided(struct disk_row *row, bool reached, double wanted)
{
	return spread(row) > SPREAD_MAX ||
	       (!reached && ratio(row) * (1 + spread(row) / 2) >= wanted);
}

static void judge_goal(const struct disk_report *report, struct page *page, struct disk_row *row,
	const struct goal *goal)
{
	bool reached = ratio(row) >= goal->ratio;
	enum verdict verdict = reached ? VERDICT_GOOD : VERDICT_BAD;
	char but[80] = "";

	if (!same_path(row))
		snprintf(but, sizeof(but), "; but they do not take the same way to the file");
	else if (undecided(row, reached, goal->ratio))
		snprintf(but, sizeof(but), ", which cannot be said: rounds differ by %.0f %%",
			100 * spread(row));
	if (but[0] != '\0')
		verdict = VERDICT_UNKNOWN;
	page_verdict(page, verdict,
		"%s of %" PRIu64 " KiB at depth %u, %" PRIu64
		" MiB: the guest reaches %.0f %% of native; asked: %.0f %%%s",
		disk_op_names[row->op], row->record >> 10, disk_timed(report->plan, row).depth,
		row->file >> 20, 100 * ratio(row), 100 * goal->ratio, but);
}

static void judge_goals(const struct disk_report *report, struct page *page)
{
	if (report->image->in_memory)
		page_verdict(page, VERDICT_UNKNOWN,
			"The file is in memory (tmpfs): these are no figures of a disk; "
			"--dir DIR puts it elsewhere");
	for (size_t i = 0; i < report->n; i++) {
		struct disk_row *row = &report->rows[i];

		for (size_t g = 0; g < sizeof(goals) / sizeof(goals[0]); g++)
			if (row->op == goals[g].op && row->record == goals[g].record && both(row) &&
				(goals[g].depth == 0 ||
					goals[g].depth == disk_timed(report->plan, row).depth))
				judge_goal(report, page, row, &goals[g]);
	}
}

static void judge_data(const struct disk_report *report, struct page *page)
{
	uint64_t checked = 0, mismatches = 0, failed = 0;

	for (size_t i = 0; i < report->n; i++) {
		checked += report->rows[i].checked;
		mismatches += report->rows[i].mismatches;
		failed += errors(&report->rows[i]);
	}
	if (checked + mismatches > 0)
		page_verdict(page, mismatches == 0 ? VERDICT_GOOD : VERDICT_BAD,
			"%" PRIu64 " of %" PRIu64
			" records that were verified had the right checksum",
			checked - mismatches, checked);
	if (failed > 0)
		page_verdict(page, VERDICT_BAD, "%" PRIu64 " requests failed", failed);
}

/* ---- curves ---- */

static void draw(struct chart *chart, struct disk_row *row)
{
	for (unsigned side = 0; side < DISK_SIDES; side++) {
		char series[32];

		snprintf(series, sizeof(series), "%s, %" PRIu64 " MiB", disk_side_names[side],
			row->file >> 20);
		chart_point(chart, series, (double)row->record, speed(row, side).median);
	}
}

static void curves(const struct disk_report *report, struct page *page)
{
	for (unsigned op = 0; op < DISK_BENCH_OPS; op++) {
		struct chart *chart = NULL;
		char title[48];

		snprintf(title, sizeof(title), "Disk: %s", disk_op_names[op]);
		for (size_t i = 0; i < report->n; i++) {
			struct disk_row *row = &report->rows[i];

			if (row->op != op || !measured(row))
				continue;
			if (chart == NULL)
				chart = page_chart(page, CHART_LINES, CHART_LOG_X | CHART_BYTES_X,
					title, "record", "bandwidth (MB/s)");
			draw(chart, row);
		}
	}
}

/* ---- notes ---- */

static void say_paths(const struct disk_report *report, struct page *page)
{
	bool buffered = false, single = false, differ = false;

	for (size_t i = 0; i < report->n; i++) {
		const struct disk_row *row = &report->rows[i];

		for (unsigned side = 0; side < DISK_SIDES; side++) {
			buffered |= row->samples[side].n > 0 && !row->samples[side].path.direct;
			single |= row->samples[side].n > 0 && !row->samples[side].path.io_uring;
		}
		differ |= both(row) && !same_path(row);
	}
	if (buffered)
		page_note(page, "This file cannot be accessed directly (O_DIRECT): it goes through "
				"the host's page cache, and these are figures of memory.");
	if (single)
		page_note(page,
			"Without io_uring, which this host does not have or does not "
			"allow, requests are carried out one at a time, whatever the depth.");
	if (differ)
		page_note(page, "!: guest and native do not take the same way to the file.");
}

static void say_method(const struct disk_report *report, struct page *page)
{
	page_note(page,
		"Medians over the rounds of batches native, guest, guest, native; a round is every "
		"record once, MB are 10^6 bytes. Both sides take the records in the same order and "
		"keep as many in flight (depth), at most %u MiB of them. Writes end with a flush "
		"of "
		"the medium's cache inside the time, as iozone -e; write is onto blocks the file "
		"system has not written before%s, rewrite over data. Native is a thread on the CPU "
		"of the monitor's disk thread.",
		(unsigned)(DISK_IN_FLIGHT_MAX >> 20),
		report->image->given != NULL ? " (not here: an image of yours is left as it is)"
					     : "");
	page_note(page, "spread: largest less smallest round over the median, the worse side's. "
			"irqs, exits: the guest's a request, exits to userspace at the disk's "
			"registers. verified: in batches of their own, outside the time, what the "
			"guest wrote is read and checked by this process, and what it reads has "
			"been written by this process.");
	page_note(page, "A host that is a guest itself has a disk that others cache and limit: "
			"figures above the medium's own are its caches', and they change from "
			"minute to minute.");
}

static void say_missing(const struct disk_report *report, struct page *page)
{
	for (size_t i = 0; i < report->n; i++) {
		const struct disk_row *row = &report->rows[i];

		if (row->diag.text[0] == '\0' || row->err == -EINTR)
			continue;
		page_note(page, "%s: %s, records of %" PRIu64 " KiB: %s",
			row->err < 0 ? "n/a" : "errors", disk_op_names[row->op], row->record >> 10,
			row->diag.text);
	}
}

void disk_page(struct page *page, const struct disk_report *report)
{
	file_tables(report, page);
	judge_goals(report, page);
	judge_data(report, page);
	say_missing(report, page);
	say_paths(report, page);
	say_method(report, page);
	curves(report, page);
}
