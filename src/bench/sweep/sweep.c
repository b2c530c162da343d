/* SPDX-License-Identifier: BSD-2-Clause */
/* tickvm sweep: which cell runs when, what is run again, when the file is written.
 * What a cell is, what is kept of it and how it is shown is in sweep_*.c. */
#include "tickvm/sweep.h"

#include "../compare/compare.h"
#include "../launch.h"
#include "../progress.h"
#include "sweep_document.h"
#include "sweep_sentinel.h"

#include "tickvm/clock.h"
#include "tickvm/report.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct session {
	const struct sweep_request *request;
	struct bench_context context;
	struct sweep_plan plan;
	struct results results;
	struct sweep_sentinel sentinels[SWEEP_ROUNDS_MAX]; /* of the rounds before this one */
	struct sweep_cell_run *runs;                       /* of this round, one a cell */
	size_t *todo; /* indices of the cells that this round runs, first to last */
	size_t n_todo;
	struct progress progress;
	uint64_t begin_ns; /* CLOCK_MONOTONIC */
	struct report_file baseline;
	double worst_p99_ns;
	const char *worst; /* its cell */
	unsigned rounds;   /* that were asked for */
	bool interrupted;
};

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* ---- what is shown meanwhile ---- */

static void note_worst(struct session *session, const char *cell, const json_t *document)
{
	size_t i;
	json_t *metric;

	json_array_foreach(json_object_get(document, "metrics"), i, metric)
	{
		const char *name = strrchr(json_string_value(json_object_get(metric, "name")), '/');
		const json_t *value = json_array_get(json_object_get(metric, "values"), 0);

		if (name == NULL || strcmp(name, "/p99") != 0 ||
			!(json_number_value(value) > session->worst_p99_ns))
			continue;
		session->worst_p99_ns = json_number_value(value);
		session->worst = cell;
	}
}

static void show_step(struct session *session, unsigned round, const char *cell)
{
	unsigned done = session->progress.step;
	double elapsed = (double)(clock_monotonic_ns() - session->begin_ns) / 1e9;
	char left[32] = "", worst[160] = "";

	if (done > 0)
		snprintf(left, sizeof(left), ", %.0f s left",
			elapsed / done * (session->progress.steps - done));
	if (session->worst != NULL)
		snprintf(worst, sizeof(worst), ", worst p99 %.1f us (%s)",
			session->worst_p99_ns / 1e3, session->worst);
	progress_step(&session->progress, "round %u: %s%s%s", round, cell, left, worst);
}

static void show_cost(const struct session *session, const struct cell *cell, uint64_t wall_ns,
	uint64_t guest_ticks)
{
	double wall = (double)wall_ns / 1e6, guest = (double)clock_ticks_to_ns(guest_ticks) / 1e6;
	struct diag said;

	diag_set(&said, 0, "%s: %.1f ms, of them %.1f ms with no guest running", cell->name, wall,
		fmax(wall - guest, 0));
	if (session->request->verbose)
		fprintf(stderr, "tickvm sweep: %s\n", said.text);
}

/* ---- a round ---- */

static void run_cell(struct session *session, unsigned round, size_t index)
{
	const struct cell *cell = &session->plan.cells[index];
	struct sweep_cell_run *run = &session->runs[index];

	show_step(session, round, cell->name);
	uint64_t begin_ns = clock_monotonic_ns(), ticks = launch_guest_ticks();

	*run = (struct sweep_cell_run){.begin_ns = now_ns()};
	run->err = bench_interrupted ? -EINTR : cell_run(cell, &run->document, &run->diag);
	show_cost(session, cell, clock_monotonic_ns() - begin_ns, launch_guest_ticks() - ticks);
	/* A signal to the whole group may have ended a process that the experiment started. */
	if (bench_interrupted && run->err < 0)
		run->err = -EINTR;
	session->interrupted |= bench_interrupted != 0 || run->err == -EINTR;
	if (run->err == 0)
		note_worst(session, cell->name, run->document);
}

static void measure_sentinel(struct session *session, struct sweep_sentinel *sentinel)
{
	if (sweep_sentinel_measure(sentinel) == -EINTR || bench_interrupted)
		session->interrupted = true;
}

/* A B B A: the sentinel and the cells, every second round backwards, so that the machine's drift
 * meets all cells alike. */
static void run_all(struct session *session, struct sweep_round *round)
{
	bool forwards = round->number % 2 == 1;

	if (forwards)
		measure_sentinel(session, &round->sentinel);
	for (size_t i = 0; i < session->n_todo && !session->interrupted; i++) {
		size_t at = forwards ? i : session->n_todo - 1 - i;

		run_cell(session, round->number, session->todo[at]);
	}
	if (!forwards && !session->interrupted)
		measure_sentinel(session, &round->sentinel);
}

/* True: it moved so far up that the round should not count. (A host that got faster stays so.) */
static bool judge(struct session *session, struct sweep_round *round)
{
	size_t n = sweep_document_sentinels(
		session->results.root, session->sentinels, SWEEP_ROUNDS_MAX);
	bool too_far = false;

	for (unsigned i = 0; i < SENTINEL_FIGURES; i++) {
		double percent = sweep_sentinel_moved(session->sentinels, n, &round->sentinel, i);

		round->moved[i] = fabs(percent) > (double)session->plan.mark_percent;
		too_far |= percent > (double)session->plan.repeat_percent;
	}
	return too_far;
}

static void forget(struct session *session)
{
	for (size_t i = 0; i < session->n_todo; i++) {
		struct sweep_cell_run *run = &session->runs[session->todo[i]];

		json_decref(run->document);
		*run = (struct sweep_cell_run){.err = -EINTR};
	}
}

/* What the user's interruption cut short is left out, what was whole before it is kept. */
static void keep(struct session *session, const struct sweep_round *round)
{
	for (size_t i = 0; i < session->n_todo; i++) {
		const struct sweep_cell_run *run = &session->runs[session->todo[i]];

		if (run->err != -EINTR)
			sweep_document_add(&session->results,
				&session->plan.cells[session->todo[i]], round, run,
				session->plan.events);
	}
}

/* The cells that are in this shard, can run here, and lack the round. */
static void plan_round(struct session *session, unsigned round)
{
	const json_t *root = session->results.root;

	session->n_todo = 0;
	for (size_t i = 0; i < session->plan.n; i++) {
		const char *name = session->plan.cells[i].name;
		const json_t *cell = sweep_document_cell(root, name);

		if (cell != NULL && !sweep_cell_has_round(cell, round) &&
			!sweep_document_skips(root, name))
			session->todo[session->n_todo++] = i;
	}
}

static void run_round(struct session *session, unsigned number)
{
	struct sweep_round round = {.number = number};

	plan_round(session, number);
	for (;;) {
		forget(session);
		round.sentinel = (struct sweep_sentinel){{(double)NAN, (double)NAN}};
		if (session->n_todo > 0)
			run_all(session, &round);
		if (!judge(session, &round) || round.repeats == session->plan.repeats ||
			session->interrupted)
			break;
		round.repeats++;
		session->progress.steps += (unsigned)session->n_todo;
	}
	keep(session, &round);
	forget(session);
}

/* A crash, ours or the host's, loses a round at most. */
static void save(struct session *session)
{
	struct diag diag;
	struct page *page = sweep_page(session->results.root);

	results_add(&session->results, session->results.root, "page", page_json(page));
	page_destroy(page);
	if (session->context.json != NULL && strcmp(session->context.json, "-") != 0 &&
		results_write(&session->results, session->context.json, &diag) < 0)
		fprintf(stderr, "tickvm sweep: %s\n", diag.text);
}

/* Those up to last that are missing. */
static void run_rounds(struct session *session, unsigned last)
{
	for (unsigned round = 1; round <= last; round++) {
		plan_round(session, round);
		session->progress.steps += (unsigned)session->n_todo;
	}
	for (unsigned round = 1; round <= last && !session->interrupted; round++) {
		plan_round(session, round);
		if (session->n_todo == 0)
			continue;
		run_round(session, round);
		save(session);
	}
}

/* ---- against a baseline ---- */

static int status_of(const struct session *session)
{
	const json_t *root = session->results.root;

	if (session->interrupted)
		return 130;
	if (sweep_document_failed(root))
		return 1;
	return sweep_document_measured(root) ? 0 : 77;
}

/* struct looks' reach. What cannot be compared any more ends it: -ECANCELED. */
static int reach(void *user, unsigned rounds, struct diag *diag)
{
	struct session *session = user;

	run_rounds(session, rounds);
	session->rounds = rounds;
	return status_of(session) == 0 ? 0 : diag_set(diag, -ECANCELED, "not measured");
}

/* Runs the sweep's rounds, and with a baseline more of them until each gated metric is decided. The
 * comparison, or NULL; -ECANCELED: status_of() says why. */
static int run(struct session *session, struct comparison **comparison, struct diag *diag)
{
	const struct sweep_request *request = session->request;
	unsigned rounds = (unsigned)session->plan.rounds;
	unsigned max = request->max_rounds > 0 ? request->max_rounds : 2 * rounds;

	if (session->baseline.root == NULL)
		return reach(session, rounds, diag);
	json_t *const documents[2] = {session->baseline.root, session->results.root};
	const char *const names[2] = {session->baseline.path, "this sweep"};
	const struct looks looks = {.first = rounds,
		.max = max < rounds             ? rounds
		       : max < SWEEP_ROUNDS_MAX ? max
						: SWEEP_ROUNDS_MAX,
		.reach = reach,
		.user = session};

	return compare_growing(comparison, documents, names, &looks, &request->compare, diag);
}

/* ---- begin and end ---- */

static int resume(struct session *session, struct diag *diag)
{
	const struct sweep_request *request = session->request;
	struct report_file file;

	if (request->resume == NULL) {
		sweep_document_begin(&session->results, &session->context, &session->plan,
			request->shard, request->shards);
		return 0;
	}
	int err = report_read(&file, request->resume, diag);

	if (err < 0)
		return err;
	return sweep_document_resume(&session->results, &session->context, &session->plan,
		request->shard, request->shards, file.root, file.path, diag);
}

/* Compared with itself it shows what is wrong with it, or with a rule, before anything is run. */
static int read_baseline(struct session *session, struct diag *diag)
{
	const struct sweep_request *request = session->request;
	struct comparison *comparison = NULL;
	char differ[256];

	if (request->baseline == NULL)
		return 0;
	int err = report_read(&session->baseline, request->baseline, diag);

	if (err == 0)
		err = compare_files(&comparison, &session->baseline, &session->baseline,
			&request->compare, diag);
	comparison_destroy(comparison);
	if (err < 0 || request->compare.force)
		return err;
	compare_hosts((json_t *const[]){session->baseline.root, session->results.root}, differ,
		sizeof(differ));
	if (differ[0] == '\0')
		return 0;
	return diag_set(diag, -EINVAL,
		"%s: it is of another host (--force compares all the same): %s",
		session->baseline.path, differ);
}

static int prepare(struct session *session, struct diag *diag)
{
	const struct sweep_request *request = session->request;
	int err = sweep_file_read(&session->plan, request->file, &request->maker, NULL, diag);

	if (err < 0)
		return err;
	if (request->rounds != 0)
		session->plan.rounds = request->rounds;
	if (request->shards > session->plan.n)
		return diag_set(diag, -EINVAL, "--shard %u/%u: the sweep has %zu cells",
			request->shard, request->shards, session->plan.n);
	session->runs = calloc(session->plan.n, sizeof(*session->runs));
	session->todo = calloc(session->plan.n, sizeof(*session->todo));
	if (session->runs == NULL || session->todo == NULL)
		return diag_set(diag, -ENOMEM, "no memory for %zu cells", session->plan.n);
	err = resume(session, diag);
	return err < 0 ? err : read_baseline(session, diag);
}

/* err, diag: what run() came to. */
static int finish(struct session *session, const struct comparison *comparison, int err,
	const struct diag *diag)
{
	json_t *root = session->results.root;

	sweep_document_set_rounds(&session->results, session->rounds);
	struct page *page = sweep_page(root);
	int status = status_of(session);

	if (status == 0 && err < 0) {
		page_verdict(page, VERDICT_BAD, "not compared: %s", diag->text);
		status = 1;
	} else if (status == 0 && comparison != NULL) {
		comparison_page(comparison, page);
		results_add(&session->results, root, "comparison", comparison_json(comparison));
		status = comparison_status(comparison);
	}
	status = results_publish(&session->results, page, &session->context, status);
	page_destroy(page);
	if (session->request->collect != NULL)
		*session->request->collect = json_incref(root);
	return status;
}

/* Prepared already. An exit status. */
static int measure(struct session *session)
{
	struct comparison *comparison = NULL;
	struct diag diag = {""};

	session->progress = progress_begin(0, session->request->quiet);
	session->begin_ns = clock_monotonic_ns();
	int err = run(session, &comparison, &diag);

	progress_end(&session->progress);
	int status = finish(session, comparison, err, &diag);

	comparison_destroy(comparison);
	return status;
}

int sweep(const struct sweep_request *request)
{
	struct session *session = calloc(1, sizeof(*session));
	struct diag diag = {"no memory"};
	int status = 1;

	if (session != NULL) {
		session->request = request;
		session->context = (struct bench_context){.machine = request->machine,
			.json = request->json,
			.csv = request->csv,
			.markdown = request->markdown,
			.quiet = request->quiet,
			.verbose = request->verbose,
			.command_line = request->command_line};
	}
	int err = session == NULL ? -ENOMEM : prepare(session, &diag);

	if (err < 0) {
		fprintf(stderr, "tickvm sweep: %s\n", diag.text);
		status = err == -ENOMEM || err == -EIO ? 1 : 2;
	} else {
		status = measure(session);
	}
	if (session != NULL) {
		results_end(&session->results);
		json_decref(session->baseline.root);
		sweep_file_free(&session->plan);
		free(session->runs);
		free(session->todo);
	}
	free(session);
	return status;
}

int sweep_check(const char *path, const struct machine_maker *maker, size_t *cells,
	struct ini_complaints *complaints, struct diag *diag)
{
	struct sweep_plan plan;
	int err = sweep_file_read(&plan, path, maker, complaints, diag);

	if (cells != NULL)
		*cells = plan.n;
	sweep_file_free(&plan);
	return err;
}
