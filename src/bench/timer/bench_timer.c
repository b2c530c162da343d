/* SPDX-License-Identifier: BSD-2-Clause */
/* tickvm bench timer: how late a timer interrupt reaches the guest's handler, from each device
 * model. Here: what is asked, in which order it is run, and the status; the rest is in
 * bench_timer_*.c. */
#include "bench_timer.h"

#include "../progress.h"
#include "../registry.h"

#include "tickvm/clock.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define IMAGE_BYTES  (64ULL << 20)
#define PILOT_EVENTS 2000

static const char help[] =
	"  --source LIST        of "
	"kvm-lapic,user-lapic,kvm-pit,user-pit,dedicated,tsc-poll,native\n"
	"                       (default: all that this host can run)\n"
	"  --interval LIST      1us to 1s (default 50us,100us)\n"
	"  --count N            events a run and timer (default 4500)\n"
	"  --mode MODE          oneshot (default: each armed from the handler before, now + "
	"interval),\n"
	"                       deadline (absolute, start + k * interval), periodic (the device "
	"repeats)\n"
	"  --wait hlt|user      the guest idles in HLT (default) or spins in user mode\n"
	"  --arm WAY            mmio (default), ioeventfd or shared: how the dedicated timer is "
	"armed\n"
	"  --residual           woken early, the guest spins the rest itself\n"
	"  --runs N             runs of each, interleaved A B B A (default 1)\n"
	"  --load LIST          of idle,cpu:PERCENT,io,interrupts:RATE (default idle): threads "
	"busy on every\n"
	"                       host CPU; reads of a disk by the guest; "
	"interrupts, RATE a second\n"
	"  --depth N            io: reads in flight (default 4)\n"
	"  --record SIZE        io: bytes of each (default 64K); of --disk, else of a file in "
	"$TMPDIR\n"
	"  --quiet-window on,off  rows of the dedicated timer with other interrupts held back "
	"near its\n"
	"                       deadlines, and without; on: as long as the load needs; NS: that "
	"long\n"
	"  --vcpus N            a timer on each of N vCPUs\n"
	"  --vms N              N machines side by side, to 64 (default 1)\n"
	"  --plots              a chart of every event for every source, not kvm-lapic and "
	"dedicated alone\n"
	"  --paper              Adamczyk and Chydzinski's whole table: 10, 50, 100, 150 us; idle, "
	"CPU, io\n"
	"  --scale              1 to 16 vCPUs and 1 to 64 machines; timers on a grid of 1 ms, 500 "
	"events each\n";

/* Everything of one invocation. */
struct session {
	const struct bench_context *context;
	struct timer_plan plan;
	struct scratch scratch;
	struct timer_table table;
	struct results results;
	struct progress progress;
	bool interrupted, wrong;
};

bool timer_stages_add_up(const struct timer_run *run)
{
	int64_t sum = 0;

	for (unsigned s = 0; s < STAGES; s++)
		sum += run->stages[s];
	return !run->has_stages || sum == run->lateness.sum;
}

/* A figure that is wrong fails the bench. */
static bool is_wrong(const struct timer_run *run)
{
	for (unsigned d = 0; d < DETECTORS; d++) {
		if ((run->flags & (1u << d)) && detector_texts[d].level == DETECTOR_FAIL)
			return true;
	}
	return !timer_stages_add_up(run);
}

static void keep_plot(struct timer_row *row, const struct measurement *m)
{
	row->plot = calloc(m->n + 1, sizeof(*row->plot));
	for (size_t i = 0; i < m->n && row->plot != NULL; i++) {
		const struct guest_timer_event *event = &m->events[i].guest;

		row->plot[i] =
			(float)(clock_ticks_to_ns_f((int64_t)(event->enter - event->deadline)) /
				1000);
		row->plotted++;
	}
}

static int analyse(struct session *session, struct timer_row *row, const struct measurement *m)
{
	struct signed_histogram *histogram = malloc(sizeof(*histogram));
	struct timer_run *run = &row->runs[row->n];
	int err = -ENOMEM;

	if (histogram != NULL)
		err = timer_analyse(
			&session->plan, &row->cell, &session->results.facts, m, run, histogram);
	if (err == 0) {
		row->n++;
		session->wrong |= is_wrong(run);
		if (row->n == 1 && timer_row_is_plotted(&session->plan, row))
			keep_plot(row, m);
		timer_metrics(&session->results, &session->plan, row, m, run);
		if (session->context->json != NULL || session->context->collect != NULL)
			timer_run_json(
				&session->results, &session->plan, &row->cell, m, run, histogram);
	}
	free(histogram);
	return err;
}

/* What a dedicated timer without a window is late by when it meets the load's handler: half as much
 * again as 99 events in 100. */
static uint64_t pilot(struct session *session, const struct load *load)
{
	struct timer_plan plan = session->plan;
	struct timer_cell cell = {.source = &timer_sources[SOURCE_DEDICATED],
		.interval_ns = 100000,
		.load = load,
		.vcpus = 1,
		.vms = 1};
	struct signed_histogram histogram;
	struct measurement m;
	struct timer_run run;
	struct diag diag;
	double window_ns = 0;

	plan.count = PILOT_EVENTS;
	plan.mode = MODE_ONESHOT;
	if (!load_interrupts(load) || timer_measure(session->context, &plan, &cell,
					      session->results.facts.cpus_allowed, &m, &diag) < 0)
		return QUIET_MIN_NS;
	if (timer_analyse(&plan, &cell, &session->results.facts, &m, &run, &histogram) == 0)
		window_ns = fmin(run.p99 * 1.5, QUIET_MAX_NS);
	measurement_end(&m);
	return (uint64_t)fmax(window_ns, QUIET_MIN_NS) / 1000 * 1000;
}

static uint64_t quiet_window(struct session *session, const struct load *load)
{
	uint64_t *window = &session->plan.quiet_ns[load - session->plan.loads.item];

	if (*window == 0)
		*window = pilot(session, load);
	return *window;
}

static void run_row(struct session *session, struct timer_row *row)
{
	struct measurement m;

	progress_step(&session->progress, "%s every %g us, %s",
		timer_row_name(&session->plan, row).text, (double)row->cell.interval_ns / 1000,
		row->cell.load->name);
	/* What this host could not do once it is not asked again. */
	if (row->err < 0)
		return;
	if (row->quiet)
		row->cell.quiet_ns = quiet_window(session, row->cell.load);
	row->err = timer_measure(session->context, &session->plan, &row->cell,
		session->results.facts.cpus_allowed, &m, &row->diag);
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
		for (size_t i = 0; i < session->table.n; i++) {
			size_t index = pass % 2 == 0 ? i : session->table.n - 1 - i;

			session->interrupted |= bench_interrupted != 0;
			if (session->interrupted)
				return;
			run_row(session, &session->table.rows[index]);
			if (session->table.rows[index].err == -EINVAL)
				return;
		}
	}
}

static void add_skipped(struct session *session)
{
	json_t *skipped = json_array();

	for (size_t i = 0; i < session->table.n; i++) {
		const struct timer_row *row = &session->table.rows[i];

		if (row->err < 0)
			results_add(&session->results, skipped, NULL,
				json_pack("{s:s, s:I, s:s, s:i, s:o}", "source",
					timer_row_name(&session->plan, row).text, "interval_ns",
					(json_int_t)row->cell.interval_ns, "load",
					row->cell.load->name, "vcpus", (int)row->cell.vcpus,
					"reason", json_text(row->diag.text)));
	}
	results_add(&session->results, session->results.root, "skipped", skipped);
}

/* 77 when guests were asked for and this host could run none of them. */
static int verdict(const struct session *session)
{
	bool guests = false, measured = false;
	int status = session->wrong ? 1 : 0;

	for (size_t i = 0; i < session->table.n; i++) {
		const struct timer_row *row = &session->table.rows[i];

		guests |= row->cell.source->guest != NULL;
		measured |= row->cell.source->guest != NULL && row->n > 0;
		if (row->err == -EINVAL)
			return 2;
		if (row->err < 0 && row->err != -ENOTSUP)
			status = 1;
	}
	if (session->interrupted)
		return 130;
	return status == 0 && guests && !measured ? 77 : status;
}

/* Interrupts lost, or a failure of the yardstick, fail the bench; a goal that is missed does not.
 */
static bool lost_any(const struct session *session)
{
	for (size_t i = 0; i < session->table.n; i++) {
		for (size_t r = 0; r < session->table.rows[i].n; r++) {
			if (session->table.rows[i].runs[r].load.lost > 0)
				return true;
		}
	}
	return false;
}

static int finish(struct session *session, double seconds)
{
	struct page *page = page_create();
	const struct timer_outcome outcome = {.context = session->context,
		.plan = &session->plan,
		.rows = session->table.rows,
		.n = session->table.n,
		.seconds = session->interrupted ? (double)NAN : seconds};
	int status;

	timer_report(&outcome, page);
	if (session->plan.scale && !session->interrupted &&
		timer_cost(session->context, &session->results, page) < 0)
		session->wrong = true;
	session->wrong |= lost_any(session);
	add_skipped(session);
	status = results_publish(&session->results, page, session->context, verdict(session));
	page_destroy(page);
	return status;
}

/* All rows, measured and shown. */
static int run_session(struct session *session)
{
	uint64_t begin_ns = clock_monotonic_ns();

	session->progress = progress_begin(
		(unsigned)(session->table.n * session->plan.runs), session->context->quiet);
	run_all(session);
	progress_end(&session->progress);
	return finish(session, (double)(clock_monotonic_ns() - begin_ns) / 1e9);
}

static bool has_load(const struct timer_plan *plan, enum load_kind kind)
{
	for (unsigned i = 0; i < plan->loads.n; i++) {
		if (plan->loads.item[i].kind == kind)
			return true;
	}
	return false;
}

/* The image that io reads, where the user named none. */
static int make_disk(struct session *session, struct diag *diag)
{
	const char *disk = session->plan.disk;

	if (disk != NULL && access(disk, R_OK) < 0)
		return diag_set(diag, -EINVAL, "--disk %s: %s", disk, strerror(errno));
	if (disk != NULL || !has_load(&session->plan, LOAD_IO))
		return 0;
	int err = scratch_create(&session->scratch, IMAGE_BYTES, diag);

	session->plan.disk = session->scratch.path;
	return err;
}

static void session_end(struct session *session)
{
	for (size_t i = 0; i < session->table.n; i++) {
		free(session->table.rows[i].runs);
		free(session->table.rows[i].plot);
	}
	free(session->table.rows);
	scratch_close(&session->scratch);
	results_end(&session->results);
}

static int run(struct bench_context *context, int argc, char **argv)
{
	struct session session = {.context = context, .scratch = {.fd = -1}};
	struct diag diag;
	int err, status;

	session.table = (struct timer_table){.context = context, .plan = &session.plan};
	if (timer_plan_parse(&session.plan, context, argc, argv, &diag) < 0)
		return bench_refuse(context, "timer", &diag);
	if (context->check != NULL)
		return 0;
	results_begin(&session.results, context, "timer");
	err = timer_make_rows(&session.table);
	if (err < 0)
		diag_set(&diag, err, "out of memory");
	else
		err = make_disk(&session, &diag);
	if (err < 0) {
		fprintf(stderr, "tickvm: bench timer: %s\n", diag.text);
		status = launch_exit_status(err);
	} else {
		status = run_session(&session);
	}
	session_end(&session);
	return status;
}

const struct bench bench_timer = {
	.name = "timer",
	.summary = "how late a timer interrupt arrives, from each device model, and where the time "
		   "went",
	.help = help,
	.run = run,
	.takes_quiet_list = true,
	.makes_files = true,
};
