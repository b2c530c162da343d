/* SPDX-License-Identifier: BSD-2-Clause */
/* tickvm bench timer: how late a timer interrupt reaches the guest's handler, from each device
 * model. Here: what is asked, in which order it is run, and the verdict; the rest is in
 * bench_timer_*.c. */
#include "bench_timer.h"

#include "progress.h"
#include "registry.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

const char *const timer_mode_names[] = {"oneshot", "deadline", "periodic", NULL};
const char *const timer_wait_names[] = {"hlt", "user", NULL};
const char *const timer_arm_names[] = {"mmio", "ioeventfd", "shared", NULL};

static const char help[] =
	"  --source LIST        of "
	"kvm-lapic,user-lapic,kvm-pit,user-pit,dedicated,tsc-poll,native\n"
	"                       (default: all that this host can run)\n"
	"  --interval LIST      1us to 1s (default 50us,100us)\n"
	"  --count N            events a run (default 4500)\n"
	"  --mode MODE          oneshot (default: each armed from the handler before, now + "
	"interval),\n"
	"                       deadline (absolute, start + k * interval), periodic (the device "
	"repeats)\n"
	"  --wait hlt|user      the guest idles in HLT (default) or spins in user mode\n"
	"  --arm WAY            mmio (default), ioeventfd or shared: how the dedicated timer is "
	"armed\n"
	"  --residual           woken early, the guest spins the rest itself\n"
	"  --runs N             runs of each, interleaved A B B A (default 1)\n";

/* Everything of one invocation. */
struct session {
	const struct bench_context *context;
	struct timer_plan plan;
	struct timer_row *rows;
	size_t n_rows;
	struct results results;
	struct progress progress;
	bool interrupted, wrong;
};

static int parse(struct timer_plan *plan, int argc, char **argv, struct diag *diag)
{
	*plan = (struct timer_plan){
		.sources = (1u << TIMER_SOURCES) - 1,
		.intervals = {.ns = {50000, 100000}, .n = 2},
		.count = 4500,
		.runs = 1,
	};
	const struct option_spec specs[] = {
		{"source", OPTION_CHOICES, &plan->sources, .names = timer_source_names},
		{"interval", OPTION_DURATIONS, &plan->intervals, .min = 1000, .max = 1000000000},
		{"count", OPTION_NUMBER, &plan->count, .min = 1, .max = 10000000},
		{"mode", OPTION_CHOICE, &plan->mode, .names = timer_mode_names},
		{"wait", OPTION_CHOICE, &plan->wait, .names = timer_wait_names},
		{"arm", OPTION_CHOICE, &plan->arm, .names = timer_arm_names},
		{"residual", OPTION_FLAG, &plan->residual, .min = 0},
		{"runs", OPTION_NUMBER, &plan->runs, .min = 1, .max = TIMER_RUNS_MAX},
		{.name = NULL},
	};

	return options_parse(specs, argc, argv, diag);
}

/* Rows in the order of the tables: by interval, then by source. */
static int make_rows(struct session *session)
{
	const struct timer_plan *plan = &session->plan;
	size_t n = 0;

	session->rows = calloc(plan->intervals.n * TIMER_SOURCES, sizeof(*session->rows));
	for (unsigned i = 0; i < plan->intervals.n && session->rows != NULL; i++) {
		for (unsigned s = 0; s < TIMER_SOURCES; s++) {
			struct timer_row *row = &session->rows[n];

			if (!(plan->sources & (1u << s)))
				continue;
			row->source = &timer_sources[s];
			row->interval_ns = plan->intervals.ns[i];
			row->runs = calloc(plan->runs, sizeof(*row->runs));
			if (row->runs == NULL)
				return -ENOMEM;
			n++;
		}
	}
	session->n_rows = n;
	return session->rows == NULL ? -ENOMEM : 0;
}

static int64_t total(const int64_t stages[STAGES])
{
	int64_t sum = 0;

	for (unsigned s = 0; s < STAGES; s++)
		sum += stages[s];
	return sum;
}

/* A figure that is wrong fails the bench. */
static bool is_wrong(const struct timer_run *run)
{
	if (run->has_stages && total(run->stages) != run->lateness.sum)
		return true;
	for (unsigned d = 0; d < DETECTORS; d++) {
		if ((run->flags & (1u << d)) && detector_texts[d].level == DETECTOR_FAIL)
			return true;
	}
	return false;
}

static int analyse(struct session *session, struct timer_row *row, const struct measurement *m)
{
	struct signed_histogram *histogram = malloc(sizeof(*histogram));
	struct timer_run *run = &row->runs[row->n];
	int err = -ENOMEM;

	if (histogram != NULL)
		err = timer_analyse(&session->plan, row->source, row->interval_ns,
			&session->results.facts, m, run, histogram);
	if (err == 0) {
		row->n++;
		session->wrong |= is_wrong(run);
		if (session->context->json != NULL)
			timer_run_json(&session->results, &session->plan, row->source,
				row->interval_ns, m, run, histogram);
	}
	free(histogram);
	return err;
}

static void run_row(struct session *session, struct timer_row *row)
{
	struct measurement m;

	progress_step(&session->progress, "%s every %g us", row->source->name,
		(double)row->interval_ns / 1000);
	/* What this host could not do once it is not asked again. */
	if (row->err < 0)
		return;
	row->err = timer_measure(
		session->context, &session->plan, row->source, row->interval_ns, &m, &row->diag);
	if (row->err == 0) {
		row->err = analyse(session, row, &m);
		if (row->err < 0)
			diag_set(&row->diag, row->err, "out of memory");
		measurement_end(&m);
	}
	session->interrupted |= row->err == -EINTR;
}

/* A B B A: every second pass goes backwards, so that the machine's drift meets all rows alike. */
static void run_all(struct session *session)
{
	for (uint64_t pass = 0; pass < session->plan.runs; pass++) {
		for (size_t i = 0; i < session->n_rows; i++) {
			size_t index = pass % 2 == 0 ? i : session->n_rows - 1 - i;

			session->interrupted |= bench_interrupted != 0;
			if (session->interrupted)
				return;
			run_row(session, &session->rows[index]);
			if (session->rows[index].err == -EINVAL)
				return;
		}
	}
}

static void add_skipped(struct session *session)
{
	json_t *skipped = json_array();

	for (size_t i = 0; i < session->n_rows; i++) {
		const struct timer_row *row = &session->rows[i];

		if (row->err < 0)
			results_add(&session->results, skipped, NULL,
				json_pack("{s:s, s:I, s:o}", "source", row->source->name,
					"interval_ns", (json_int_t)row->interval_ns, "reason",
					json_text(row->diag.text)));
	}
	results_add(&session->results, session->results.root, "skipped", skipped);
}

/* 77 when guests were asked for and this host could run none of them. */
static int verdict(const struct session *session)
{
	bool guests = false, measured = false;
	int status = session->wrong ? 1 : 0;

	for (size_t i = 0; i < session->n_rows; i++) {
		const struct timer_row *row = &session->rows[i];

		guests |= row->source->guest != NULL;
		measured |= row->source->guest != NULL && row->n > 0;
		if (row->err == -EINVAL)
			return 2;
		if (row->err < 0 && row->err != -ENOTSUP)
			status = 1;
	}
	if (session->interrupted)
		return 130;
	return status == 0 && guests && !measured ? 77 : status;
}

static int finish(struct session *session)
{
	const struct bench_context *context = session->context;
	bool text = context->json == NULL || strcmp(context->json, "-") != 0;
	int status = verdict(session);

	if (text)
		timer_report(
			&session->plan, &context->machine, session->rows, session->n_rows, stdout);
	if (!text && status != 0 && status != 130) {
		for (size_t i = 0; i < session->n_rows; i++) {
			if (session->rows[i].err < 0)
				fprintf(stderr, "tickvm: bench timer: %s: %s\n",
					session->rows[i].source->name, session->rows[i].diag.text);
		}
	}
	add_skipped(session);
	int written = results_finish(&session->results, context, session->interrupted);

	return status == 0 ? written : status;
}

static int run(struct bench_context *context, int argc, char **argv)
{
	struct session session = {.context = context};
	struct diag diag;
	int status = 1;

	if (parse(&session.plan, argc, argv, &diag) < 0) {
		fprintf(stderr, "tickvm: bench timer: %s\n", diag.text);
		return 2;
	}
	results_begin(&session.results, context, "timer");
	if (make_rows(&session) == 0) {
		session.progress = progress_begin(
			(unsigned)(session.n_rows * session.plan.runs), context->quiet);
		run_all(&session);
		progress_end(&session.progress);
		status = finish(&session);
	} else {
		fprintf(stderr, "tickvm: bench timer: out of memory\n");
	}
	for (size_t i = 0; i < session.n_rows; i++)
		free(session.rows[i].runs);
	free(session.rows);
	results_end(&session.results);
	return status;
}

const struct bench bench_timer = {
	.name = "timer",
	.summary = "how late a timer interrupt arrives, from each device model, and where the time "
		   "went",
	.help = help,
	.run = run,
};
