/* SPDX-License-Identifier: BSD-2-Clause */
/* What a batch comes to, and what rows of them do. It runs nothing. */
#include "linpack.h"
#include "../agreement.h"
#include "../sides.h"
#include "../stats.h"

#include "tickvm/clock.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- figures ---- */

const struct figure linpack_figures[LINPACK_FIGURES] = {
	[LINPACK_SPEED] = {.id = "speed",
		.unit = UNIT_FLOP_PER_S,
		.good = GOOD_HIGH,
		.flags = FIGURE_GATED,
		.help = "2/3 n^3 + 3/2 n^2 operations over the time of a system: median of the "
			"batch"},
	[LINPACK_BATCH_SPREAD] = {.id = "batch-spread",
		.unit = UNIT_PERCENT,
		.good = GOOD_LOW,
		.flags = FIGURE_DETAIL,
		.help = "from the 90th to the 10th percentile of the batch's times, of the speed"},
	[LINPACK_RESIDUAL] = {.id = "residual",
		.good = GOOD_LOW,
		.over = OVER_MAX,
		.help = "the greatest scaled residual of HPL, right below 16"},
	[LINPACK_SYSTEMS] = {.id = "systems",
		.unit = UNIT_COUNT,
		.over = OVER_SUM,
		.flags = FIGURE_DETAIL,
		.help = "that were solved"},
	[LINPACK_WRONG] = {.id = "wrong",
		.unit = UNIT_COUNT,
		.good = GOOD_LOW,
		.over = OVER_SUM,
		.flags = FIGURE_DETAIL,
		.help = "whose residual is too great, or not a number"},
};

double linpack_residual(const struct guest_linpack_run *run)
{
	double residual;

	memcpy(&residual, &run->residual_bits, sizeof(residual));
	return residual;
}

static void reduce_residuals(
	const struct guest_linpack_run *runs, size_t n, double figures[LINPACK_FIGURES])
{
	figures[LINPACK_RESIDUAL] = (double)NAN;
	figures[LINPACK_WRONG] = 0;
	for (size_t i = 0; i < n; i++) {
		double residual = linpack_residual(&runs[i]);

		/* So written that what is not a number is wrong. */
		if (!(residual >= 0 && residual < LINPACK_RESIDUAL_LIMIT))
			figures[LINPACK_WRONG]++;
		if (isfinite(residual))
			figures[LINPACK_RESIDUAL] = fmax(figures[LINPACK_RESIDUAL], residual);
	}
}

void linpack_reduce(const struct linpack_batch *batch, const struct guest_linpack_run *runs,
	double figures[LINPACK_FIGURES])
{
	double work = linpack_flops(batch->n) * (double)clock_tsc_hz();
	double cycles[LINPACK_SYSTEMS_MAX];
	int64_t sorted[LINPACK_SYSTEMS_MAX];

	for (size_t i = 0; i < batch->systems; i++) {
		cycles[i] = (double)runs[i].cycles;
		sorted[i] = (int64_t)runs[i].cycles;
	}
	stats_summarize(sorted, batch->systems);
	double fast = work / (double)stats_percentile(sorted, batch->systems, 0.1);
	double slow = work / (double)stats_percentile(sorted, batch->systems, 0.9);

	figures[LINPACK_SPEED] = work / stats_spread(cycles, batch->systems).median;
	figures[LINPACK_BATCH_SPREAD] = 100 * (fast - slow) / figures[LINPACK_SPEED];
	figures[LINPACK_SYSTEMS] = (double)batch->systems;
	reduce_residuals(runs, batch->systems, figures);
}

/* ---- both sides in a row ---- */

enum { GUEST, GUEST_SPREAD, NATIVE, NATIVE_SPREAD, RATIO, LOW, HIGH, RESIDUAL, BESIDE_FIGURES };
#define SPEED(ID, HELP)                                                                            \
	{                                                                                          \
		.id = (ID), .unit = UNIT_FLOP_PER_S, .good = GOOD_HIGH, .help = (HELP)             \
	}
#define SPREAD(ID, HELP)                                                                           \
	{                                                                                          \
		.id = (ID), .title = "spread %", .unit = UNIT_PERCENT, .good = GOOD_LOW,           \
		.help = (HELP)                                                                     \
	}
#define SHARE(ID, HELP)                                                                            \
	{                                                                                          \
		.id = (ID), .unit = UNIT_RATIO, .help = (HELP)                                     \
	}
static const struct figure beside_figures[BESIDE_FIGURES] = {
	[GUEST] = SPEED("guest", "median over the rounds"),
	[GUEST_SPREAD] = SPREAD("guest-spread", "from the 10th to the 90th percentile of rounds"),
	[NATIVE] = SPEED("native", "median over the rounds"),
	[NATIVE_SPREAD] = SPREAD("native-spread", "from the 10th to the 90th percentile of rounds"),
	[RATIO] = SHARE("ratio", "of guest's to native speed, by pairs of a round"),
	[LOW] = SHARE("low", "lower end of its 95 % interval"),
	[HIGH] = SHARE("high", "upper end of its 95 % interval"),
	[RESIDUAL] = {.id = "residual", .good = GOOD_LOW, .help = "the greatest of both sides"},
};

static int by_number(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Percent of the median, between the nearest ranks; NAN: of one round. */
static double spread_of(const struct dataset *set, const struct row *row)
{
	double *values = calloc(row->n_samples + 1, sizeof(*values)), spread = (double)NAN;
	size_t n = values != NULL ? row_values(row, LINPACK_SPEED, values) : 0;

	if (n > 1) {
		qsort(values, n, sizeof(*values), by_number);
		spread = values[(9 * n + 9) / 10 - 1] - values[(n + 9) / 10 - 1];
		spread *= 100 / row_value(set, row, LINPACK_SPEED);
	}
	free(values);
	return spread;
}

static struct agreement agreement_of_sides(const struct dataset *set, const struct sides *sides)
{
	const struct row *native = sides->row[SIDE_NATIVE], *guest = sides->row[SIDE_GUEST];

	if (native == NULL || guest == NULL)
		return (struct agreement){.n = 0, .ratio = (double)NAN};
	return agreement_between(set, native, guest, LINPACK_SPEED);
}

/* Of both; the figure's OVER_SUM or OVER_MAX goes on across them. */
static double of_both(const struct dataset *set, const struct sides *sides, size_t figure)
{
	double both = (double)NAN;

	for (enum side side = 0; side < SIDES; side++) {
		double one = sides->row[side] != NULL ? row_value(set, sides->row[side], figure)
						      : (double)NAN;

		if (set->figures[figure].over == OVER_SUM && !isnan(both) && !isnan(one))
			both += one;
		else
			both = fmax(both, one);
	}
	return both;
}

static const char *crowded(const struct sides *sides)
{
	return row_text(sides_first(sides), LINPACK_CROWDED);
}

static void label(struct row *line, const struct dataset *set, const struct sides *sides,
	const struct agreement *agreement)
{
	char text[64];

	if (agreement->n > 0)
		row_label(line, "guest/native", agreement_text(text, sizeof(text), agreement));
	if (crowded(sides) != NULL)
		row_label(line, LINPACK_CROWDED, crowded(sides));
	row_label(line, "check", of_both(set, sides, LINPACK_WRONG) == 0 ? "ok" : "FAILED");
}

static void add_line(struct dataset *table, const struct dataset *set, const struct sides *sides)
{
	static const size_t columns[SIDES] = {[SIDE_GUEST] = GUEST, [SIDE_NATIVE] = NATIVE};
	const struct agreement agreement = agreement_of_sides(set, sides);
	double figures[BESIDE_FIGURES];
	struct row *line = sides_row(table, sides);

	for (size_t i = 0; i < BESIDE_FIGURES; i++)
		figures[i] = (double)NAN;
	for (enum side side = 0; side < SIDES; side++)
		if (sides->row[side] != NULL) {
			figures[columns[side]] = row_value(set, sides->row[side], LINPACK_SPEED);
			figures[columns[side] + 1] = spread_of(set, sides->row[side]);
		}
	if (agreement.n > 0) {
		figures[RATIO] = agreement.ratio;
		figures[LOW] = agreement.low;
		figures[HIGH] = agreement.high;
	}
	figures[RESIDUAL] = of_both(set, sides, LINPACK_RESIDUAL);
	row_sample(table, line, 0, 1, figures);
	label(line, set, sides, &agreement);
}

/* ---- verdicts ---- */

/* Rows that compare schedulers are left out. */
static void judge_agreement(struct document *document, const struct dataset *set)
{
	unsigned compared = 0, said[3] = {0};
	double furthest = 1;
	struct sides sides;

	for (size_t i = 0; i < set->n_rows; i++) {
		if (!sides_of(set, &set->rows[i], &sides) || crowded(&sides) != NULL)
			continue;
		struct agreement a = agreement_of_sides(set, &sides);

		if (a.n == 0)
			continue;
		compared++;
		said[agreement_verdict(&a, AGREEMENT_TOLERANCE)]++;
		if (fabs(a.ratio - 1) > fabs(furthest - 1))
			furthest = a.ratio;
	}
	if (compared > 0)
		document_judge(document,
			(struct judgement){.id = "agreement",
				.at = "",
				.outcome = said[VERDICT_BAD] > 0       ? OUTCOME_BAD
					   : said[VERDICT_UNKNOWN] > 0 ? OUTCOME_UNKNOWN
								       : OUTCOME_GOOD,
				.value = furthest,
				.limit = AGREEMENT_TOLERANCE,
				.unit = UNIT_RATIO},
			"Guest and native agree within %.0f %% in %u of %u rows, by the whole 95 "
			"%% interval of their ratio; %u do not, %u cannot be told on a host as "
			"unsteady as this. The furthest median is %.3f.",
			AGREEMENT_TOLERANCE * 100, said[VERDICT_GOOD], compared, said[VERDICT_BAD],
			said[VERDICT_UNKNOWN], furthest);
}

static void judge_residuals(struct document *document, const struct dataset *set)
{
	double solved = 0, wrong = 0, worst = 0;

	for (size_t i = 0; i < set->n_rows; i++) {
		solved += row_value(set, &set->rows[i], LINPACK_SYSTEMS);
		wrong += row_value(set, &set->rows[i], LINPACK_WRONG);
		worst = fmax(worst, row_value(set, &set->rows[i], LINPACK_RESIDUAL));
	}
	document_judge(document,
		(struct judgement){.id = "residuals",
			.at = "",
			.outcome = wrong > 0 ? OUTCOME_BAD : OUTCOME_GOOD,
			.value = worst,
			.limit = LINPACK_RESIDUAL_LIMIT},
		"%.0f of %.0f solutions have a residual below %g; the greatest is %.3g.",
		solved - wrong, solved, LINPACK_RESIDUAL_LIMIT, worst);
}

/* ---- the page ---- */

static void add_views(struct document *document)
{
	document_view(document,
		&(struct view){.dataset = "linpack.agreement",
			.down = "n,vcpus=threads," LINPACK_CROWDED ",simd",
			.across = "native,native-spread,guest,guest-spread,guest/native,residual,"
				  "check"});
	document_view(document, &(struct view){.heading = "Solving linear systems",
					.dataset = "linpack.speed",
					.down = "n=order n",
					.across = "speed",
					.series = "side,vcpus",
					.form = "lines",
					.flags = VIEW_LOG_X});
}

static void explain(struct document *document, const struct dataset *set, int cpus)
{
	bool any = false;

	for (size_t i = 0; i < set->n_rows; i++)
		any |= row_text(&set->rows[i], LINPACK_CROWDED) != NULL;
	if (any)
		document_note(document,
			LINPACK_CROWDED
			": more threads than the %d CPUs of this process. They wait for each "
			"other by spinning: such rows compare schedulers, not processors.",
			cpus);
	document_note(document,
		"LU factorization with partial pivoting and solution of Ax = b, double precision, "
		"2/3 n^3 + 3/2 n^2 operations. The same machine code in the guest (at CPL 3, in 2 "
		"MiB pages) and in threads of this process, in rounds of both, each in an order "
		"drawn anew. GFLOP/s: medians of the rounds; spread: from their 10th to their 90th "
		"percentile. guest/native: of speeds, by pairs of a round, with its 95 %% "
		"interval. "
		"residual: the greatest ||Ax - b|| / (eps (||A|| ||x|| + ||b||) n) of both sides, "
		"right below %g.",
		LINPACK_RESIDUAL_LIMIT);
}

void linpack_say(struct document *document, const struct dataset *set, int cpus)
{
	struct dataset *table = dataset_derive(
		set, "linpack.agreement", "Guest beside native", beside_figures, BESIDE_FIGURES);
	struct sides sides;

	document_add(document, table);
	document_heading(document, "LINEAR SYSTEMS, guest beside native (GFLOP/s)");
	if (set->n_rows == 0)
		return;
	for (size_t i = 0; i < set->n_rows; i++)
		if (sides_of(set, &set->rows[i], &sides))
			add_line(table, set, &sides);
	judge_agreement(document, set);
	judge_residuals(document, set);
	add_views(document);
	explain(document, set, cpus);
}
