/* SPDX-License-Identifier: BSD-2-Clause */
/* The search of tickvm tune: rounds of bench timer on each candidate in turns, then of the better
 * half of them again and again until the time is up. It judges nothing (tune.c) and prints no page.
 */
#include "../launch.h"
#include "../progress.h"
#include "tune.h"
#include "tune_host.h"

#include "tickvm/cell.h"
#include "tickvm/clock.h"
#include "tickvm/output.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define EVENTS_MIN    1000 /* p99.9 of fewer is the maximum */
#define EVENTS_MAX    4500
#define PLANNED       100 /* cells that should fit the budget */
#define FINALISTS     4
#define RUNG_ROUNDS   3
#define OPTION_LENGTH 64

struct run {
	const struct tune_world *world;
	const struct tune_request *request;
	struct tune_search *search;
	uint64_t begin_ns;
	unsigned events;   /* a round */
	unsigned rounds;   /* begun until now */
	double start_cpu;  /* CPU seconds that a launch of one event costs: the median of a few */
	double start_time; /* guest time of it */
	uint64_t start_ns; /* and how long it takes */
	struct progress progress;
};

/* ---- a cell ---- */

static double find_p999(const json_t *document)
{
	size_t i;
	json_t *metric;

	json_array_foreach(json_object_get(document, "metrics"), i, metric)
	{
		const char *name = json_string_value(json_object_get(metric, "name"));
		const json_t *value = json_array_get(json_object_get(metric, "values"), 0);

		if (strcmp(strrchr(name, '/'), "/p999") == 0 && value != NULL)
			return json_number_value(value);
	}
	return (double)NAN;
}

/* One launch with so many events. */
static int measure(const struct run *run, struct tune_choice choice, unsigned events, double *p999,
	struct tune_cost *cost, struct diag *diag)
{
	const struct tune_request *request = run->request;
	char source[OPTION_LENGTH], interval[OPTION_LENGTH], load[OPTION_LENGTH],
		count[OPTION_LENGTH];
	json_t *document;
	struct cell cell = {.name = "tune",
		.bench = cell_find_bench("timer"),
		.options = {source, interval, load, count},
		.n_options = 4,
		.machine = tune_machine(&run->search->space, choice),
		.machine_set = request->context.machine_set | BENCH_SET_PIN | BENCH_SET_TIMER_CPU |
			       BENCH_SET_HALT_POLL | BENCH_SET_VCPUS | BENCH_SET_IRQCHIP};

	snprintf(source, sizeof(source), "--source=%s", request->source);
	snprintf(interval, sizeof(interval), "--interval=%s", request->interval);
	snprintf(load, sizeof(load), "--load=%s", request->load);
	snprintf(count, sizeof(count), "--count=%u", events);
	struct tune_cost before = run->world->cost_now();
	int err = run->world->run(&cell, &document, diag);
	struct tune_cost after = run->world->cost_now();

	*cost = (struct tune_cost){after.cpu_s - before.cpu_s, after.guest_s - before.guest_s};
	*p999 = find_p999(document);
	json_decref(document);
	return err == 0 && isnan(*p999)
		       ? diag_set(diag, -EIO, "the timer bench gave no p99.9 of lateness")
		       : err;
}

/* What a launch costs before and after its events: of three, the median, as first ones are slow. */
static int measure_start(struct run *run, struct diag *diag)
{
	double cpu[3], time[3], wall_ns[3], unused;
	int err = 0;

	for (int i = 0; i < 3 && err == 0; i++) {
		struct tune_cost cost;
		uint64_t begin_ns = run->world->now_ns();

		err = measure(run, (struct tune_choice){{0}}, 1, &unused, &cost, diag);
		wall_ns[i] = (double)(run->world->now_ns() - begin_ns);
		cpu[i] = cost.cpu_s;
		time[i] = cost.guest_s;
	}
	if (err == 0) {
		run->start_cpu = stats_spread(cpu, 3).median;
		run->start_time = stats_spread(time, 3).median;
		run->start_ns = (uint64_t)stats_spread(wall_ns, 3).median;
	}
	return err;
}

/* ---- rounds ---- */

static uint64_t spent_ns(const struct run *run)
{
	return run->world->now_ns() - run->begin_ns;
}

static bool is_over(const struct run *run)
{
	return spent_ns(run) >= run->request->budget_ns;
}

static void step(struct run *run, size_t candidate)
{
	char options[256];

	tune_difference(run->search, candidate, options, sizeof(options));
	progress_step(&run->progress, "%.0f of %.0f s, round %u, #%zu: %s",
		(double)spent_ns(run) / 1e9, (double)run->request->budget_ns / 1e9, run->rounds,
		candidate, options);
}

/* A candidate that this host cannot run is dropped; without the reference there is no search. */
static int measure_point(struct run *run, size_t i, struct diag *diag)
{
	struct tune_point *point = &run->search->points[i];
	struct tune_cost cost;
	double p999;

	if (point->dropped || point->rounds == TUNE_ROUNDS_MAX)
		return 0;
	if (bench_interrupted)
		return diag_set(diag, -EINTR, "interrupted");
	step(run, i);
	int err = measure(run, point->choice, run->events, &p999, &cost, diag);

	if (err == -EINTR || (err < 0 && i == 0))
		return err;
	point->dropped = err < 0;
	if (err < 0)
		return 0;
	point->p999[point->rounds] = p999;
	/* A busy host may have made the start longer than this whole run: events take their time
	 * all the same. */
	double least_s = run->events * 1e-9 * (double)run->search->space.interval_ns;

	point->cpu[point->rounds] = fmax(0, cost.cpu_s - run->start_cpu) /
				    fmax(least_s, cost.guest_s - run->start_time);
	point->rounds++;
	return 0;
}

/* Forwards, then backwards: what drifts meets all alike. The reference is in every round. */
static int measure_round(struct run *run, const size_t *points, size_t n, struct diag *diag)
{
	int err = 0;

	run->rounds++;
	for (size_t i = 0; i < n && err == 0; i++)
		err = measure_point(run, points[run->rounds % 2 ? i : n - 1 - i], diag);
	return err;
}

/* So many rounds of them; those above the least stop when the time is up. */
static int measure_rounds(struct run *run, const size_t *points, size_t n, unsigned rounds,
	unsigned least, struct diag *diag)
{
	int err = 0;

	for (unsigned i = 0; i < rounds && err == 0 && (i < least || !is_over(run)); i++)
		err = measure_round(run, points, n, diag);
	tune_judge(run->search);
	return err;
}

/* ---- the search ---- */

/* Three rounds of every value must fit. start_ns counts once it is known. */
static int check_budget(const struct run *run, struct diag *diag)
{
	const struct tune_space *space = &run->search->space;
	unsigned cells = 1;

	for (unsigned knob = 0; knob < TUNE_KNOBS; knob++)
		cells += tune_values(space, (enum tune_knob)knob) - 1;
	uint64_t least = (uint64_t)cells * TUNE_ROUNDS_MIN *
			 (run->events * space->interval_ns + run->start_ns);

	if (cells == 1)
		return diag_set(diag, -EINVAL,
			"nothing is left to search: each option that matters to %s is given",
			run->request->source);
	if (run->request->budget_ns >= least)
		return 0;
	return diag_set(diag, -EINVAL,
		"--budget: %u events every %s on %u machines %u times take %.0f s at least",
		run->events, run->request->interval, cells, TUNE_ROUNDS_MIN,
		ceil((double)least / 1e9));
}

/* The reference, and all from first on. */
static size_t points_from(const struct tune_search *search, size_t first, size_t *points)
{
	size_t n = 0;

	points[n++] = 0;
	for (size_t i = first; i < search->n; i++)
		points[n++] = i;
	return n;
}

static int measure_new(struct run *run, size_t first, unsigned least, struct diag *diag)
{
	size_t points[TUNE_POINTS_MAX], n = points_from(run->search, first, points);

	if (n == 1)
		return 0;
	return measure_rounds(run, points, n, TUNE_ROUNDS_MIN, least, diag);
}

/* Successive halving (Jamieson and Talwalkar 2016): the better half gets more rounds. */
static int halve(struct run *run, struct diag *diag)
{
	size_t keep = run->search->n, points[TUNE_POINTS_MAX];
	int err = 0;

	while (err == 0 && !is_over(run) && run->search->points[0].rounds < TUNE_ROUNDS_MAX) {
		keep = keep / 2 > FINALISTS ? keep / 2 : FINALISTS;
		size_t n = tune_survivors(run->search, keep, points);

		err = measure_rounds(run, points, n, RUNG_ROUNDS, 1, diag);
	}
	return err;
}

static int search_all(struct run *run, struct diag *diag)
{
	struct tune_search *search = run->search;
	int err = measure_start(run, diag);

	if (err == 0)
		err = check_budget(run, diag);
	tune_add_coordinates(search);
	if (err == 0)
		err = measure_new(run, 1, TUNE_ROUNDS_MIN, diag);
	size_t first = search->n;

	if (err == 0 && !is_over(run)) {
		tune_add_combinations(search);
		err = measure_new(run, first, 1, diag);
	}
	return err == 0 ? halve(run, diag) : err;
}

static unsigned choose_events(const struct tune_request *request, uint64_t interval_ns)
{
	uint64_t events = request->budget_ns / PLANNED / 2 / interval_ns;

	return (unsigned)(events < EVENTS_MIN   ? EVENTS_MIN
			  : events > EVENTS_MAX ? EVENTS_MAX
						: events);
}

/* ---- results ---- */

/* By the numbers of the points: member "tune" has their options. */
static void add_metrics(struct results *results, const struct tune_search *search)
{
	for (size_t i = 0; i < search->n; i++) {
		const struct tune_point *point = &search->points[i];

		for (size_t round = 0; round < point->rounds; round++) {
			results_metric(results, LOWER_IS_BETTER, "ns", point->p999[round],
				"tune/%zu/p999", i);
			results_metric(results, LOWER_IS_BETTER, "s/s", point->cpu[round],
				"tune/%zu/cpu", i);
		}
	}
}

static int save_machine(const struct run *run, struct diag *diag)
{
	const struct tune_request *request = run->request;
	const struct tune_point *best = tune_recommend(run->search);
	char comment[200];

	if (request->ini == NULL || best == NULL)
		return 0;
	struct vm_config machine = tune_machine(&run->search->space, best->choice);

	snprintf(comment, sizeof(comment),
		"tickvm tune: %s every %s, %s: p99.9 %.1f us, %.2f CPUs, in %zu rounds",
		request->source, request->interval, request->load, best->p999_median / 1000,
		best->cpu_median, best->rounds);
	return tune_write_ini(&machine, comment, request->ini, diag);
}

static int apply_settings(
	const struct tune_search *search, const struct host_facts *facts, struct diag *diag)
{
	const struct tune_point *best = tune_recommend(search);
	struct host_setting settings[HOST_SETTINGS_MAX];
	int err = 0;

	if (best == NULL)
		return 0;
	unsigned n = host_settings(facts,
		tune_machine(&search->space, best->choice).halt_poll_ns != VM_AUTO, settings);

	for (unsigned i = 0; i < n && err == 0; i++) {
		if (settings[i].path != NULL)
			err = host_setting_apply(&settings[i], stderr, diag);
	}
	return err;
}

static int finish(struct run *run, struct results *results, int status)
{
	struct tune_result result = {.request = run->request,
		.search = run->search,
		.events = run->events,
		.status = status};
	struct diag diag = {""};

	add_metrics(results, run->search);
	results_add(results, results->root, "tune", tune_json(&result, &results->facts));
	struct page *page = tune_page(&result, &results->facts);

	status = results_publish(results, page, &run->request->context, status);
	page_destroy(page);
	int err = save_machine(run, &diag);

	if (err == 0 && run->request->apply && status == 0)
		err = apply_settings(run->search, &results->facts, &diag);
	if (err < 0)
		fprintf(stderr, "tickvm tune: %s\n", diag.text);
	return err < 0 ? 1 : status;
}

static int search_and_show(struct run *run, struct diag *diag)
{
	struct results results;

	results_begin(&results, &run->request->context, "tune");
	run->begin_ns = run->world->now_ns();
	run->progress = progress_begin(0, run->request->context.quiet);
	int err = search_all(run, diag);

	tune_judge(run->search);
	progress_end(&run->progress);
	int status = err == 0 ? 0 : launch_exit_status(err);

	if (err < 0)
		fprintf(stderr, "tickvm tune: %s\n", diag->text);
	if (run->search->n > 0 && run->search->points[0].rounds > 0)
		status = finish(run, &results, status);
	results_end(&results);
	return status;
}

static int prepare(struct run *run, struct diag *diag)
{
	const struct tune_request *request = run->request;
	int err = 0;

	if (request->apply && geteuid() != 0)
		err = diag_set(diag, -EINVAL,
			"--apply: only root may write host settings; without it they are shown");
	if (err == 0)
		err = tune_space_read(&run->search->space, request, diag);
	if (err != 0)
		return err;
	run->events = choose_events(request, run->search->space.interval_ns);
	err = check_budget(run, diag);
	return err == 0 && request->ini != NULL ? output_check(request->ini, diag) : err;
}

int tune_in(const struct tune_world *world, const struct tune_request *request)
{
	struct run run = {
		.world = world, .request = request, .search = calloc(1, sizeof(*run.search))};
	struct diag diag = {"no memory"};
	int status = 1;

	if (run.search != NULL && prepare(&run, &diag) == 0) {
		status = search_and_show(&run, &diag);
	} else {
		fprintf(stderr, "tickvm tune: %s\n", diag.text);
		status = run.search != NULL ? 2 : 1;
	}
	free(run.search);
	return status;
}

static struct tune_cost cost_now(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (struct tune_cost){
		.cpu_s = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
			 1e-6 * (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec),
		.guest_s = (double)launch_guest_ticks() / (double)clock_tsc_hz()};
}

int tune(const struct tune_request *request)
{
	static const struct tune_world world = {
		.run = cell_run, .now_ns = clock_monotonic_ns, .cost_now = cost_now};

	return tune_in(&world, request);
}
