/* SPDX-License-Identifier: BSD-2-Clause */
/* tickvm bench linpack: how fast a guest solves linear systems, beside this host without a guest.
 * Here: what is asked, in which order it is run, and the verdict; the rest is in linpack_*.c. */
#include "linpack.h"
#include "../options.h"
#include "../progress.h"
#include "../registry.h"

#include "tickvm/clock.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#define BATCH_FLOPS 2e9 /* rounds unless told: some 50 ms, or one round */
#define ROUNDS_MOST 200

static const char help[] =
	"  --n LIST             orders of the systems, 1 to 10000 (default "
	"100,200,500,1000,2000)\n"
	"  --simd WHICH         auto (default: AVX2 and FMA where CPU and guest have them), sse2, "
	"avx2\n"
	"  --rounds N           systems in each of 12 batches a side, 1 to 1000 (default: 1 to "
	"200, "
	"by "
	"order)\n"
	"  --no-native          the guest alone\n"
	"  (--vcpus N: with N vCPUs and threads; unless told with 1, and with 2 where there are "
	"CPUs)\n";

_Static_assert(LINPACK_BATCHES == 12, "the help says so");

struct session {
	const struct bench_context *context;
	struct numbers orders;
	uint64_t rounds; /* 0: by order */
	unsigned simd;   /* enum linpack_simd, as asked */
	bool no_native;
	struct linpack_report report;
	struct guest_linpack_run runs[LINPACK_ROUNDS_MAX]; /* of one batch */
	struct results results;
	struct progress progress;
};

static int make_rows(struct session *session)
{
	struct linpack_report *report = &session->report;
	unsigned least = 1, most = report->cpus > 1 ? 2 : 1;

	if (session->context->machine_set & BENCH_SET_VCPUS)
		least = most = session->context->machine.vcpus;
	report->rows =
		calloc((size_t)session->orders.n * (most - least + 1), sizeof(*report->rows));
	if (report->rows == NULL)
		return -ENOMEM;
	for (unsigned threads = least; threads <= most; threads++)
		for (unsigned i = 0; i < session->orders.n; i++) {
			struct linpack_row *row = &report->rows[report->n_rows++];

			row->n = (uint32_t)session->orders.value[i];
			row->threads = threads;
		}
	return 0;
}

static size_t rounds_of(const struct session *session, uint32_t n)
{
	double rounds = BATCH_FLOPS / linpack_flops(n);

	if (session->rounds != 0)
		return session->rounds;
	return (size_t)fmin(fmax(rounds, 1), ROUNDS_MOST);
}

static void add_run(struct session *session, json_t *json, size_t n)
{
	json_t *cycles = json_array(), *residuals = json_array();

	for (size_t i = 0; i < n; i++) {
		double residual = linpack_residual(&session->runs[i]);

		results_add(&session->results, cycles, NULL,
			json_integer((json_int_t)session->runs[i].cycles));
		/* JSON has neither infinity nor "not a number". */
		results_add(&session->results, residuals, NULL,
			isfinite(residual) ? json_real(residual) : json_null());
	}
	results_add(&session->results, json, "cycles", cycles);
	results_add(&session->results, json, "residuals", residuals);
	results_add(&session->results, session->results.runs, NULL, json_incref(json));
}

/* A batch is a launch: the median of its systems. */
static void add_metric(
	struct session *session, const struct linpack_batch *batch, enum linpack_side side)
{
	double cycles[LINPACK_ROUNDS_MAX];

	for (size_t i = 0; i < batch->rounds; i++)
		cycles[i] = (double)session->runs[i].cycles;
	double seconds = stats_spread(cycles, batch->rounds).median / (double)clock_tsc_hz();

	results_metric(&session->results, HIGHER_IS_BETTER, "GFLOP/s",
		linpack_flops(batch->n) / seconds / 1e9, "linpack/%s/n%" PRIu32 "/threads%u/%s",
		linpack_side_names[side], batch->n, batch->threads, linpack_simd_name(batch->simd));
}

static int run_batch(struct session *session, struct linpack_row *row, enum linpack_side side)
{
	const struct linpack_batch batch = {.n = row->n,
		.threads = row->threads,
		.simd = session->report.simd,
		.rounds = rounds_of(session, row->n)};
	json_t *json = json_pack("{s:s, s:I, s:I, s:s}", "system", linpack_side_names[side], "n",
		(json_int_t)row->n, "vcpus", (json_int_t)row->threads, "simd",
		linpack_simd_name(batch.simd));
	int err;

	if (side == LINPACK_GUEST)
		err = linpack_guest(session->context, &batch, session->runs, &session->results,
			json, &row->diag);
	else
		err = linpack_native(session->context, &batch, session->runs, &row->diag);
	if (err == 0) {
		linpack_add(row, side, session->runs, batch.rounds);
		add_metric(session, &batch, side);
		add_run(session, json, batch.rounds);
	}
	json_decref(json);
	return err;
}

static int run_row(struct session *session, struct linpack_row *row)
{
	progress_step(&session->progress, "n = %" PRIu32 ", %u thread%s", row->n, row->threads,
		row->threads == 1 ? "" : "s");
	for (size_t b = 0; b < 2 * LINPACK_BATCHES && row->err == 0; b++) {
		bool guest = agreement_swapped(b / 2) == (b % 2 == 0);

		if (bench_interrupted)
			return -EINTR;
		if (guest || !session->no_native)
			row->err = run_batch(session, row, guest ? LINPACK_GUEST : LINPACK_NATIVE);
	}
	/* What is wrong with one row only does not end the others. */
	return row->err == -EINTR || row->err == -EINVAL ? row->err : 0;
}

static int run_all(struct session *session, struct diag *diag)
{
	struct linpack_report *report = &session->report;
	int err = linpack_choose_simd(session->context, session->simd, &report->simd, diag);

	for (size_t i = 0; i < report->n_rows && err == 0; i++)
		err = run_row(session, &report->rows[i]);
	return err;
}

static void add_skipped(struct session *session, const struct diag *diag)
{
	json_t *skipped = json_array();

	if (diag->text[0] != '\0')
		results_add(&session->results, skipped, NULL,
			json_pack("{s:o}", "reason", json_text(diag->text)));
	for (size_t i = 0; i < session->report.n_rows; i++) {
		const struct linpack_row *row = &session->report.rows[i];

		if (row->err < 0)
			results_add(&session->results, skipped, NULL,
				json_pack("{s:I, s:I, s:o}", "n", (json_int_t)row->n, "vcpus",
					(json_int_t)row->threads, "reason",
					json_text(row->diag.text)));
	}
	results_add(&session->results, session->results.root, "skipped", skipped);
}

/* A wrong solution is the worst that can be said. */
static int status_of(const struct session *session, int err)
{
	for (size_t i = 0; i < session->report.n_rows; i++) {
		const struct linpack_row *row = &session->report.rows[i];

		if (row->wrong > 0)
			return 1;
		if (err == 0)
			err = row->err;
	}
	return launch_exit_status(err);
}

/* diag: why no row could be measured, or empty. */
static int publish(struct session *session, int err, const struct diag *diag)
{
	struct page *page = page_create();

	add_skipped(session, diag);
	page_heading(page, "LINEAR SYSTEMS, guest beside native (GFLOP/s)");
	if (diag->text[0] != '\0')
		page_note(page, "Not measured: %s", diag->text);
	else
		linpack_page(page, &session->report);
	int status =
		results_publish(&session->results, page, session->context, status_of(session, err));

	page_destroy(page);
	return status;
}

static int run(struct bench_context *context, int argc, char **argv)
{
	static struct session session;
	struct diag diag = {""};

	session = (struct session){
		.context = context, .orders = {.value = {100, 200, 500, 1000, 2000}, .n = 5}};
	const struct option_spec specs[] = {
		{"n", OPTION_NUMBERS, &session.orders, .min = 1, .max = LINPACK_N_MAX},
		{"simd", OPTION_CHOICE, &session.simd, .names = linpack_simd_names},
		{"rounds", OPTION_NUMBER, &session.rounds, .min = 1, .max = LINPACK_ROUNDS_MAX},
		{"no-native", OPTION_FLAG, &session.no_native, .min = 0},
		{.name = NULL},
	};

	if (options_parse(specs, argc, argv, &diag) < 0)
		return bench_refuse(context, "linpack", &diag);
	if (context->check != NULL)
		return 0;
	results_begin(&session.results, context, "linpack");
	session.report.cpus = session.results.facts.cpus_allowed;
	int status = 1;

	if (make_rows(&session) < 0) {
		fprintf(stderr, "tickvm: bench linpack: out of memory\n");
	} else {
		session.progress = progress_begin((unsigned)session.report.n_rows, context->quiet);
		int err = run_all(&session, &diag);

		progress_end(&session.progress);
		status = publish(&session, err, &diag);
	}
	free(session.report.rows);
	results_end(&session.results);
	return status;
}

const struct bench bench_linpack = {
	.name = "linpack",
	.summary = "how fast a guest solves linear systems (GFLOP/s), beside native",
	.help = help,
	.run = run,
};
