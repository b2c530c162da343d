/* SPDX-License-Identifier: BSD-2-Clause */
/* tickvm bench memory: bandwidth against vector length, and first touch, guest beside native.
 * What is timed is the workload's; what the figures say is in memory_report.c. */
#include "../launch.h"
#include "memory.h"
#include "../options.h"
#include "../progress.h"
#include "../registry.h"
#include "../results.h"

#include "tickvm/clock.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS_DEFAULT 11
#define ROUNDS_MAX     100
#define ROUND_NS       1000000
#define MAX_DEFAULT    (64ULL << 20)
#define MAX_MAX        (1ULL << 30)
#define HUGE_PAGE      (2ULL << 20)
#define GUEST_RAM_MIN  (16ULL << 20) /* beside the vectors */
#define GUEST_RAM_MAX  (3ULL << 30)

#define AGREEMENT_ROUNDS 7

static const char help[] =
	"  --op LIST            of read,write,rmw,memset,memcpy (default: all)\n"
	"  --pages LIST         the guest's own pages: 2m,4k (default: both)\n"
	"  --backing LIST       the host's pages below: huge,ordinary (default: both)\n"
	"  --max SIZE           longest vector, a power of two from 256 to 1G (default 64M)\n"
	"  --rounds N           of each cell; their median is taken (default 11)\n"
	"  --full               print all curves as tables (a --csv file always has them)\n"
	"  (--vcpus N measures that number at once; without it 1, and 2 where there are 2 CPUs)\n";

_Static_assert(
	MAX_MAX == (uint64_t)WORKLOAD_MEMORY_MIN << (MEMORY_LENGTHS - 1), "one cell a length");

struct session {
	const struct bench_context *context;
	struct memory_plan plan;
	struct results results;
	struct progress progress;
	struct memory_run runs[MEMORY_RUNS_MAX];
	size_t n;
	struct memory_caches caches;
	struct agreement agreements[MEMORY_AGREEMENTS];
	size_t pairs;
	unsigned guests; /* that were measured */
	int status;
};

/* ---- one run in a guest ---- */

static uint64_t vector_bytes(const struct memory_plan *plan, bool touch)
{
	uint64_t bytes = touch ? MEMORY_TOUCH_ROUNDS * MEMORY_TOUCH_BYTES : plan->max_bytes;

	return (bytes + HUGE_PAGE - 1) & -HUGE_PAGE;
}

/* 4 KiB pages need tables: 8 bytes for each 4096. */
static uint64_t guest_ram(const struct memory_plan *plan, const struct memory_run *run)
{
	uint64_t vectors = run->threads * vector_bytes(plan, run->touch);
	uint64_t bytes = GUEST_RAM_MIN + vectors + vectors / 256;

	return (bytes + HUGE_PAGE - 1) & -HUGE_PAGE;
}

/* Far more than it should take: 50 ms a cell, 4 ns a byte. */
static uint64_t timeout_ns(const struct memory_plan *plan)
{
	return LAUNCH_PATIENCE_NS +
	       plan->rounds * WORKLOAD_MEMORY_OPS *
		       (MEMORY_LENGTHS * 50000000ULL + 2 * 4 * plan->max_bytes);
}

/* Before anything is measured: can this guest be had as the user wants it? */
static int check(const struct session *session, const struct memory_run *run, struct diag *diag)
{
	const struct bench_context *context = session->context;
	uint64_t needed = guest_ram(&session->plan, run);

	if (needed > GUEST_RAM_MAX)
		return diag_set(diag, -EINVAL,
			"vectors of %" PRIu64
			" MiB for %u vCPUs do not fit in a guest's 3 GiB; use "
			"a smaller --max or --vcpus",
			session->plan.max_bytes >> 20, run->threads);
	if (context->machine_set & BENCH_SET_MEM && context->machine.mem_bytes < needed)
		return diag_set(diag, -EINVAL,
			"--mem is too small: %u vCPUs need %" PRIu64 "M; or leave it out",
			run->threads, needed >> 20);
	return 0;
}

static void configure(const struct bench_context *context, const struct memory_plan *plan,
	const struct memory_run *run, struct launch *launch)
{
	launch_begin(launch, context, run->threads);
	if (!(context->machine_set & BENCH_SET_MEM))
		launch->config.mem_bytes = guest_ram(plan, run);
	if (!(context->machine_set & BENCH_SET_TIMEOUT))
		launch->config.timeout_ns = timeout_ns(plan);
	launch->config.small_pages = run->backing == MEMORY_ORDINARY;
	launch->config.prefault = !run->touch;
	launch_append(launch,
		"test=memory vcpus=%u pages=%s touch=%d max_bytes=%" PRIu64 " rounds=%" PRIu64
		" ops=%" PRIu64 " round_ns=%" PRIu64,
		run->threads, memory_page_names[run->pages], run->touch,
		run->touch ? MEMORY_TOUCH_BYTES : plan->max_bytes,
		run->touch ? MEMORY_TOUCH_ROUNDS : plan->rounds, plan->ops, plan->round_ns);
}

static int keep_rounds(struct launch *launch, struct memory_run *run)
{
	const struct vm_config *config = &launch->config;
	size_t n;
	const struct guest_memory_round *rounds =
		launch_records(launch, sizeof(*rounds), &n, &run->why);

	if (rounds == NULL)
		return -EPROTO;
	run->rounds = calloc(n + 1, sizeof(*rounds));
	if (run->rounds == NULL)
		return diag_set(&run->why, -ENOMEM, "no memory for %zu rounds", n);
	memcpy(run->rounds, rounds, n * sizeof(*rounds));
	run->n_rounds = n;
	run->bytes = config->mem_bytes;
	run->huge_bytes = memory_huge_bytes(vm_guest_memory(launch->vm, 0, 1), run->bytes);
	memory_reduce(run, clock_tsc_hz());
	return 0;
}

static int measure_guest(struct session *session, struct memory_run *run)
{
	struct launch launch;

	configure(session->context, &session->plan, run, &launch);
	int err = launch_run(&launch, &run->why);

	if (err < 0)
		return err;
	err = keep_rounds(&launch, run);
	if (err == 0)
		memory_run_json(&session->results, run, &launch.config, launch.vm);
	launch_end(&launch);
	session->guests += err == 0;
	return err;
}

static int measure_native(struct session *session, struct memory_run *run)
{
	struct launch launch;

	launch_begin(&launch, session->context, run->threads);
	int err = memory_native(run, &session->plan, &launch.config);

	if (err < 0)
		return err;
	memory_reduce(run, clock_tsc_hz());
	memory_run_json(&session->results, run, &launch.config, NULL);
	return 0;
}

/* ---- do they agree? ---- */

/* Bytes a second; NAN where it could not be measured. */
static void read_speeds(const struct session *session, const struct memory_plan *plan,
	struct memory_run run, const int lengths[MEMORY_AGREEMENTS], double *speeds)
{
	struct launch launch;
	int err;

	if (run.native) {
		launch_begin(&launch, session->context, run.threads);
		err = memory_native(&run, plan, &launch.config);
		memory_reduce(&run, clock_tsc_hz());
	} else {
		configure(session->context, plan, &run, &launch);
		err = launch_run(&launch, &run.why);
		if (err == 0) {
			err = keep_rounds(&launch, &run);
			launch_end(&launch);
		}
	}
	for (unsigned i = 0; i < MEMORY_AGREEMENTS; i++)
		speeds[i] = err == 0 && lengths[i] >= 0
				    ? run.cells[WORKLOAD_READ][lengths[i]].median
				    : (double)NAN;
	free(run.rounds);
}

/* Reads from L1 and L2, in pairs of launches and native runs in turn: one of each would show 3 %
 * on the quietest host only. */
static void measure_agreement(struct session *session)
{
	const struct memory_plan *all = &session->plan;
	struct memory_plan plan = *all;
	double speeds[2][MEMORY_AGREEMENTS], ratios[MEMORY_AGREEMENTS][AGREEMENT_PAIRS];
	int lengths[MEMORY_AGREEMENTS], longest = -1;
	const struct memory_run guest = {.threads = all->teams[0],
		.pages = all->pages & 1 ? MEMORY_PAGES_2M : MEMORY_PAGES_4K,
		.backing = all->backings & 1 ? MEMORY_HUGE : MEMORY_ORDINARY};
	struct memory_run native = guest;

	native.native = true;
	for (unsigned i = 0; i < MEMORY_AGREEMENTS; i++) {
		lengths[i] = memory_region_length(
			&session->caches, all->max_bytes, REGION_L1 + (enum memory_region)i);
		longest = lengths[i] > longest ? lengths[i] : longest;
	}
	if (longest < 0 || (all->ops >> WORKLOAD_READ & 1) == 0)
		return;
	plan.ops = 1u << WORKLOAD_READ;
	plan.max_bytes = (uint64_t)WORKLOAD_MEMORY_MIN << longest;
	plan.rounds = AGREEMENT_ROUNDS;
	progress_step(&session->progress, "reads, %d pairs of guest and native", AGREEMENT_PAIRS);
	for (size_t pair = 0; pair < AGREEMENT_PAIRS && !bench_interrupted; pair++) {
		bool swapped = agreement_swapped(pair);

		read_speeds(session, &plan, swapped ? guest : native, lengths, speeds[!swapped]);
		read_speeds(session, &plan, swapped ? native : guest, lengths, speeds[swapped]);
		for (unsigned i = 0; i < MEMORY_AGREEMENTS; i++)
			ratios[i][pair] = speeds[0][i] / speeds[1][i];
		session->pairs++;
	}
	for (unsigned i = 0; i < MEMORY_AGREEMENTS; i++)
		session->agreements[i] = agreement_of(ratios[i], session->pairs);
}

/* ---- all runs ---- */

static void plan_run(struct session *session, struct memory_run run)
{
	memory_reduce(&run, clock_tsc_hz());
	session->runs[session->n++] = run;
}

/* Native and guest of the same backing follow each other, so that the machine's drift is in both.
 */
static void plan_runs(struct session *session, bool touch)
{
	const struct memory_plan *plan = &session->plan;

	for (unsigned team = 0; team < plan->n_teams; team++) {
		for (unsigned backing = 0; backing < MEMORY_BACKINGS; backing++) {
			struct memory_run run = {.touch = touch,
				.backing = backing,
				.native = true,
				.threads = plan->teams[team]};

			if (!(plan->backings >> backing & 1))
				continue;
			plan_run(session, run);
			run.native = false;
			for (run.pages = 0; run.pages < MEMORY_PAGES; run.pages++) {
				if (plan->pages >> run.pages & 1)
					plan_run(session, run);
			}
		}
	}
}

/* False: the user ends the bench. What else could not be measured is said in its place. */
static bool measure(struct session *session, struct memory_run *run)
{
	progress_step(&session->progress, "%s, %u at once%s", memory_run_name(run), run->threads,
		run->touch ? ", first touch" : "");
	if (run->touch)
		memory_warm_host(guest_ram(&session->plan, run), run->backing);
	int err = bench_interrupted ? diag_set(&run->why, -EINTR, "interrupted")
		  : run->native     ? measure_native(session, run)
				    : measure_guest(session, run);

	if (err == 0)
		return true;
	run->n_rounds = 0;
	memory_skipped_json(&session->results, run);
	if (err != -ENOTSUP)
		session->status = launch_exit_status(err);
	return err != -EINTR;
}

static int check_all(const struct session *session)
{
	struct diag diag;

	for (size_t i = 0; i < session->n; i++) {
		if (session->runs[i].native || check(session, &session->runs[i], &diag) == 0)
			continue;
		bench_refuse(session->context, "memory", &diag);
		return -EINVAL;
	}
	return 0;
}

static void measure_all(struct session *session)
{
	bool go_on = true;

	session->progress = progress_begin((unsigned)session->n + 1, session->context->quiet);
	for (size_t i = 0; i < session->n && go_on; i++)
		go_on = measure(session, &session->runs[i]);
	if (go_on && session->guests > 0)
		measure_agreement(session);
	if (bench_interrupted)
		session->status = launch_exit_status(-EINTR);
	progress_end(&session->progress);
	if (session->status == 0 && session->guests == 0)
		session->status = 77;
}

/* ---- the bench ---- */

static int parse(struct memory_plan *plan, int argc, char **argv, struct diag *diag)
{
	*plan = (struct memory_plan){.ops = (1u << WORKLOAD_MEMORY_OPS) - 1,
		.pages = (1u << MEMORY_PAGES) - 1,
		.backings = (1u << MEMORY_BACKINGS) - 1,
		.max_bytes = MAX_DEFAULT,
		.rounds = ROUNDS_DEFAULT,
		.round_ns = ROUND_NS};
	const struct option_spec specs[] = {
		{"op", OPTION_CHOICES, &plan->ops, .names = memory_op_names},
		{"pages", OPTION_CHOICES, &plan->pages, .names = memory_page_names},
		{"backing", OPTION_CHOICES, &plan->backings, .names = memory_backing_names},
		{"max", OPTION_SIZE, &plan->max_bytes, .min = WORKLOAD_MEMORY_MIN, .max = MAX_MAX},
		{"rounds", OPTION_NUMBER, &plan->rounds, .min = 1, .max = ROUNDS_MAX},
		{"full", OPTION_FLAG, &plan->full, .min = 0},
		{.name = NULL},
	};
	int err = options_parse(specs, argc, argv, diag);

	if (err == 0 && (plan->max_bytes & (plan->max_bytes - 1)) != 0)
		err = diag_set(diag, -EINVAL,
			"--max: %" PRIu64 " is no power of two; write for example 64K or 32M",
			plan->max_bytes);
	return err;
}

static void choose_teams(struct session *session)
{
	struct memory_plan *plan = &session->plan;

	if (session->context->machine_set & BENCH_SET_VCPUS) {
		plan->teams[plan->n_teams++] = session->context->machine.vcpus;
		return;
	}
	plan->teams[plan->n_teams++] = 1;
	if (session->results.facts.cpus_allowed >= 2)
		plan->teams[plan->n_teams++] = 2;
}

static void read_caches(struct session *session)
{
	struct launch launch;

	launch_begin(&launch, session->context, 1);
	memory_caches_read(
		&session->caches, launch.config.vcpu_cpu[0] >= 0 ? launch.config.vcpu_cpu[0] : 0);
}

static int publish(struct session *session, double seconds, bool defaults)
{
	struct page *page = page_create();
	struct memory_report report = {.plan = &session->plan,
		.runs = session->runs,
		.n = session->n,
		.thp = session->results.facts.thp,
		.all_tables = session->plan.full || session->context->csv != NULL,
		.seconds = defaults ? seconds : (double)NAN,
		.caches = session->caches,
		.agreements = session->agreements};

	memory_caches_json(&session->results, &session->caches);
	memory_report(&report, page);
	int status = results_publish(&session->results, page, session->context, session->status);

	page_destroy(page);
	return status;
}

static int run(struct bench_context *context, int argc, char **argv)
{
	static struct session session;
	uint64_t begin = clock_monotonic_ns();
	struct diag diag;

	session = (struct session){.context = context};
	if (parse(&session.plan, argc, argv, &diag) < 0)
		return bench_refuse(context, "memory", &diag);
	results_begin(&session.results, context, "memory");
	results_add(&session.results, session.results.root, "skipped", json_array());
	choose_teams(&session);
	plan_runs(&session, false);
	plan_runs(&session, true);
	int status = check_all(&session) < 0 ? 2 : 0;

	if (status == 0 && context->check == NULL) {
		read_caches(&session);
		measure_all(&session);
		status = publish(&session, (double)(clock_monotonic_ns() - begin) / 1e9, argc == 1);
	}
	for (size_t i = 0; i < session.n; i++)
		free(session.runs[i].rounds);
	results_end(&session.results);
	return status;
}

const struct bench bench_memory = {
	.name = "memory",
	.summary = "bandwidth by vector length, pages and host backing; first touch; guest beside "
		   "native",
	.help = help,
	.run = run,
};
