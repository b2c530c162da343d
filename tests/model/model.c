/* SPDX-License-Identifier: BSD-2-Clause */
/* Linked with tickvm's own command line: a tickvm whose one experiment and whose sentinel compute
 * their figures instead of measuring them. What is done with figures is thus the same on any host.
 * MODEL_STOP_AT=N: the N-th run waits for an interruption. MODEL_DISTURBED=N: the N-th look at the
 * sentinel finds a slower host. */
#include "../../src/bench/launch.h"
#include "../../src/bench/bench_options.h"
#include "../../src/bench/results.h"
#include "../../src/bench/sweep/sweep_sentinel.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

#define USUAL_NS    10000.0
#define NO_SPIN_NS  20000.0 /* later where --timer-spin is 0 */
#define SPREAD_NS   100
#define SENTINEL_NS 7000.0
#define POLL_NS     300.0

static const char help[] = "  --name WORD          metrics are model/WORD/p50 and p99 (default "
			   "late)\n"
			   "  --runs N             figures of each (default 1)\n"
			   "  --status N           how it ends, 0 (default) or an exit status\n";

/* No two in a row are equal, and all are within a percent. */
static double figure(const struct bench_context *context, unsigned i)
{
	double late = context->machine.timer_spin_ns == 0 ? NO_SPIN_NS : 0;

	return USUAL_NS + late + i * 37 % SPREAD_NS;
}

static unsigned asked(const char *variable)
{
	const char *text = getenv(variable);

	return text != NULL ? (unsigned)strtoul(text, NULL, 10) : 0;
}

/* Until the user stops it. */
static void wait_for_interruption(unsigned run)
{
	static const struct timespec moment = {.tv_nsec = 1000000};

	fprintf(stderr, "model: run %u waits\n", run);
	while (!bench_interrupted)
		nanosleep(&moment, NULL);
}

static void fill(struct results *results, struct page *page, const struct bench_context *context,
	const char *name, uint64_t runs)
{
	static const char *const titles[] = {"run", "late", NULL};
	static unsigned made;
	struct table *table = page_table(page, "model", "lr", titles);

	for (uint64_t i = 0; i < runs; i++) {
		double ns = figure(context, made++);

		results_metric(results, LOWER_IS_BETTER, "ns", ns, "model/%s/p50", name);
		results_metric(results, LOWER_IS_BETTER, "ns", 2 * ns, "model/%s/p99", name);
		results_add(results, results->runs, NULL, json_pack("{s:f}", "late_ns", ns));
		table_cell(table, "%" PRIu64, i);
		table_cell_us(table, ns);
	}
	page_verdict(page, VERDICT_GOOD, "%" PRIu64 " runs were computed", runs);
}

static int run(struct bench_context *context, int argc, char **argv)
{
	static unsigned runs_begun;
	uint64_t runs = 1, status = 0;
	const char *name = "late";
	const struct option_spec specs[] = {
		{"name", OPTION_TEXT, &name, .names = NULL},
		{"runs", OPTION_NUMBER, &runs, .min = 1, .max = 1000},
		{"status", OPTION_NUMBER, &status, .min = 0, .max = 130},
		{.name = NULL},
	};
	struct results results;
	struct diag diag;

	if (options_parse(specs, argc, argv, &diag) < 0)
		return bench_refuse(context, "model", &diag);
	if (context->check != NULL)
		return 0;
	if (++runs_begun == asked("MODEL_STOP_AT"))
		wait_for_interruption(runs_begun);
	results_begin(&results, context, "model");
	struct page *page = page_create();

	fill(&results, page, context, name, runs);
	int ended = results_publish(&results, page, context,
		bench_interrupted ? launch_exit_status(-EINTR) : (int)status);

	page_destroy(page);
	results_end(&results);
	return ended;
}

static const struct bench bench_model = {
	.name = "model",
	.summary = "figures that are computed from the machine's options",
	.help = help,
	.run = run,
};

/* In place of src/bench/registry.c. */
const struct bench *const benches[] = {&bench_model, NULL};
_Atomic int bench_interrupted;

/* In place of src/bench/sweep/sweep_sentinel.c. */
int sweep_sentinel_measure(struct sweep_sentinel *sentinel)
{
	static unsigned looks;
	bool disturbed = ++looks == asked("MODEL_DISTURBED");

	sentinel->ns[SENTINEL_EXIT] = disturbed ? 1.5 * SENTINEL_NS : SENTINEL_NS;
	sentinel->ns[SENTINEL_TSC_POLL] = POLL_NS;
	return bench_interrupted ? -EINTR : 0;
}
