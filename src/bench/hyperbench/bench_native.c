/* SPDX-License-Identifier: BSD-2-Clause */
/* tickvm bench native: HyperBench's rows on the host alone, by the loops that the payload runs.
 * It starts no guest. */
#include "hyperbench.h"
#include "../bench_options.h"
#include "../launch.h"
#include "../registry.h"

#include <inttypes.h>
#include <math.h>

#define ROUNDS 11

static const char help[] =
	"  --row LIST           of "
	"idle,sgdt,sldt,sidt,smsw,pushf-popf,lgdt,set-cr3,hypercall,ipi-halted,\n"
	"                       ipi-running,hot-memory,cold-memory,set-page-table,in,out,print "
	"(default: all)\n"
	"  --iterations N       operations a round (default: a pilot chooses)\n"
	"  --rounds N           rounds a row, their median is taken (default 11)\n";

static int parse(struct hyper_plan *plan, int argc, char **argv, struct diag *diag)
{
	*plan = (struct hyper_plan){.rows = (1ULL << HYPERBENCH_COUNT) - 1, .rounds = ROUNDS};
	const struct option_spec specs[] = {
		{"row", OPTION_CHOICES, &plan->rows, .names = hyper_row_names},
		{"iterations", OPTION_NUMBER, &plan->iterations, .min = 1, .max = 10000000},
		{"rounds", OPTION_NUMBER, &plan->rounds, .min = 1, .max = HYPER_ROUNDS_MAX},
		{.name = NULL},
	};
	int err = options_parse(specs, argc, argv, diag);

	return err < 0 ? err : hyper_check_iterations(plan, diag);
}

static void row_json(
	struct results *results, const struct hyper_row *row, const struct hyper_native *native)
{
	bool measured = !isnan(native->cycles);

	results_metric(results, LOWER_IS_BETTER, "cycles", native->cycles, "native/%s", row->name);
	if (measured)
		results_add(results, json_object_get(results->root, "rows"), NULL,
			json_pack("{s:s, s:s, s:s, s:I, s:f, s:o, s:o}", "row", row->name,
				"category", row->category, "state", "measured", "iterations",
				(json_int_t)native->iterations, "native_cycles", native->cycles,
				"native_spread",
				isnan(native->spread) ? json_null() : json_real(native->spread),
				"native_note", json_text(native->note)));
	else
		results_add(results, json_object_get(results->root, "skipped"), NULL,
			json_pack(
				"{s:s, s:o}", "row", row->name, "reason", json_text(native->note)));
}

static void row_cells(
	struct table *table, const struct hyper_row *row, const struct hyper_native *native)
{
	table_cell(table, "%s", row->name);
	if (isnan(native->cycles)) {
		table_cell(table, "-");
		table_cell(table, "n/a");
		table_cell(table, "-");
		return;
	}
	table_cell(table, "%" PRIu64, native->iterations);
	hyper_figure_cell(table, native->cycles);
	hyper_figure_cell(table, native->spread);
}

/* Stops where the user wants it to; *measured rows have a figure. Returns how many were tried. */
static unsigned measure(const struct bench_context *context, const struct hyper_plan *plan,
	struct hyper_native natives[HYPERBENCH_COUNT], unsigned *measured)
{
	struct progress progress =
		progress_begin((unsigned)__builtin_popcountll(plan->rows), context->quiet);
	unsigned row;

	*measured = 0;
	for (row = 0; row < HYPERBENCH_COUNT && !bench_interrupted; row++) {
		if ((plan->rows & (1ULL << row)) == 0)
			continue;
		progress_step(&progress, "%s", hyper_rows[row].name);
		hyper_measure_native(context, plan, row, plan->iterations, &natives[row]);
		*measured += isnan(natives[row].cycles) ? 0 : 1;
	}
	progress_end(&progress);
	return row;
}

/* An exit status. */
static int run_rows(const struct bench_context *context, const struct hyper_plan *plan,
	struct results *results, struct page *page)
{
	static const char *const titles[] = {"benchmark", "iterations", "cycles", "spread"};
	struct hyper_native natives[HYPERBENCH_COUNT];
	const struct hyper_native *asked[HYPERBENCH_COUNT] = {NULL};
	unsigned measured, n = measure(context, plan, natives, &measured);
	struct table *table;

	page_heading(page, "HYPERBENCH ON THE HOST (TSC cycles an operation, CPL 3)");
	table = page_table(page, "native", "lrrr", titles);
	for (unsigned row = 0; row < n; row++) {
		if ((plan->rows & (1ULL << row)) == 0)
			continue;
		row_cells(table, &hyper_rows[row], &natives[row]);
		row_json(results, &hyper_rows[row], &natives[row]);
		asked[row] = &natives[row];
	}
	hyper_native_notes(page, asked);
	page_note(page,
		"cycles: the control loop subtracted, median of %" PRIu64 " rounds; spread: half "
		"their interquartile range.",
		plan->rounds);
	return bench_interrupted ? 130 : measured == 0 ? 77 : 0;
}

static int run(struct bench_context *context, int argc, char **argv)
{
	struct hyper_plan plan;
	struct results results;
	struct diag diag;

	if (parse(&plan, argc, argv, &diag) < 0)
		return bench_refuse(context, "native", &diag);
	if (context->check != NULL)
		return 0;
	struct page *page = page_create();

	results_begin(&results, context, "native");
	results_add(&results, results.root, "skipped", json_array());
	results_add(&results, results.root, "rows", json_array());
	int status = run_rows(context, &plan, &results, page);

	status = results_publish(&results, page, context, status);
	page_destroy(page);
	results_end(&results);
	return status;
}

const struct bench bench_native = {
	.name = "native",
	.summary = "the same benchmarks on the host, without a guest",
	.help = help,
	.run = run,
};
