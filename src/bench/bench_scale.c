/* SPDX-License-Identifier: BSD-2-Clause */
/* tickvm bench scale: many VMs at once, each with a periodic dedicated timer: is every tick
 * delivered or counted? It says how late ticks are under that load; where the time goes is bench
 * timer's question. */
#include "launch.h"
#include "options.h"
#include "progress.h"
#include "registry.h"
#include "results.h"
#include "table.h"

#include "tickvm/clock.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define VMS_MAX 256

static const char help[] = "  --vms N              virtual machines at once (default 16)\n"
			   "  --interval T         period of each timer (default 1ms)\n"
			   "  --seconds N          how long (default 3)\n"
			   "  (unless told, threads are not pinned and halted vCPUs do not poll)\n";

struct plan {
	uint64_t vms, seconds;
	struct durations interval;
};

/* Held shut while threads are made, so that all VMs run at once, or none. */
struct gate {
	pthread_mutex_t shut;
	bool cancelled;
};

struct worker {
	struct launch launch;
	struct diag diag;
	int err;
	pthread_t thread;
	struct gate *gate;
	/* results */
	uint64_t expected, delivered, missed;
	struct summary lateness;
};

struct session {
	const struct bench_context *context;
	struct plan plan;
	struct worker *workers;
	struct results results;
	bool spin_off; /* the timer threads' spinning would have taken the CPUs */
};

static void configure(struct session *session, struct launch *launch)
{
	const struct bench_context *context = session->context;
	struct vm_config *config = &launch->config;
	uint64_t interval_ns = session->plan.interval.ns[0];
	uint64_t count = session->plan.seconds * 1000000000 / interval_ns;

	launch_begin(launch, context, 1);
	/* The scheduler's work, here: there are more threads than CPUs. */
	if (!(context->machine_set & BENCH_SET_PIN))
		config->vcpu_cpu[0] = -1;
	if (!(context->machine_set & BENCH_SET_TIMER_CPU))
		config->timer_cpu = -1;
	if (!(context->machine_set & BENCH_SET_HALT_POLL))
		config->halt_poll_ns = 0;
	if (!(context->machine_set & BENCH_SET_TIMEOUT))
		config->timeout_ns = (session->plan.seconds * 10 + 20) * 1000000000;
	if (session->spin_off)
		config->timer_spin_ns = 0;
	launch_append(launch,
		"test=timer source=dedicated mode=periodic interval_ns=%" PRIu64 " count=%" PRIu64
		" wait=hlt",
		interval_ns, count == 0 ? 1 : count);
}

/* More than a quarter of the host's CPU time spun away by real-time threads would starve the
 * guests. */
static bool spinning_is_too_much(const struct session *session)
{
	int cpus = session->results.facts.cpus_allowed;
	uint64_t spun = session->plan.vms * session->context->machine.timer_spin_ns;

	return 4 * spun > session->plan.interval.ns[0] * (uint64_t)(cpus > 0 ? cpus : 1);
}

/* The number of the last tick, from its own deadline: what the guest should have seen. */
static uint64_t ticks_expected(
	const struct guest_timer_event *events, size_t n, uint64_t interval_ns)
{
	uint64_t period = clock_ns_to_ticks(interval_ns);

	return (events[n - 1].deadline - events[0].arm + period / 2) / period;
}

static int evaluate(struct worker *worker, uint64_t interval_ns)
{
	size_t n;
	const struct guest_timer_event *events =
		launch_records(&worker->launch, sizeof(*events), &n, &worker->diag);

	if (events == NULL || n == 0)
		return diag_set(&worker->diag, -EPROTO, "the guest recorded no ticks");
	int64_t *lateness = calloc(n, sizeof(*lateness));

	if (lateness == NULL)
		return diag_set(&worker->diag, -ENOMEM, "out of memory for %zu ticks", n);
	for (size_t i = 0; i < n; i++)
		lateness[i] = (int64_t)(events[i].enter - events[i].deadline);
	worker->lateness = stats_summarize(lateness, n);
	free(lateness);
	worker->expected = ticks_expected(events, n, interval_ns);
	worker->delivered = n;
	worker->missed = worker->launch.result->missed;
	return 0;
}

static void *work(void *arg)
{
	struct worker *worker = arg;

	pthread_mutex_lock(&worker->gate->shut);
	bool cancelled = worker->gate->cancelled;

	pthread_mutex_unlock(&worker->gate->shut);
	worker->err = cancelled ? -ECANCELED : launch_go(&worker->launch, &worker->diag);
	return NULL;
}

/* All VMs exist before the first runs. On failure those that do are destroyed by the caller. */
static int create_all(struct session *session)
{
	for (uint64_t i = 0; i < session->plan.vms; i++) {
		struct worker *worker = &session->workers[i];

		if (bench_interrupted)
			return -EINTR;
		configure(session, &worker->launch);
		worker->err = launch_create(&worker->launch, &worker->diag);
		if (worker->err < 0) {
			fprintf(stderr, "tickvm: bench scale: VM %" PRIu64 ": %s\n", i,
				worker->diag.text);
			return worker->err;
		}
	}
	return 0;
}

static int run_together(struct session *session)
{
	struct gate gate = {.shut = PTHREAD_MUTEX_INITIALIZER};
	uint64_t started = 0;
	int err = 0;

	pthread_mutex_lock(&gate.shut);
	for (; started < session->plan.vms && err == 0; started++) {
		struct worker *worker = &session->workers[started];

		worker->gate = &gate;
		err = -pthread_create(&worker->thread, NULL, work, worker);
	}
	if (err < 0) {
		started--;
		gate.cancelled = true;
		fprintf(stderr, "tickvm: bench scale: thread %" PRIu64 ": %s\n", started,
			strerror(-err));
	}
	pthread_mutex_unlock(&gate.shut);
	for (uint64_t i = 0; i < started; i++)
		pthread_join(session->workers[i].thread, NULL);
	return err;
}

static void add_json(struct session *session, uint64_t i)
{
	const struct worker *worker = &session->workers[i];
	struct results *results = &session->results;

	results_add(results, results->runs, NULL,
		json_pack("{s:I, s:I, s:I, s:I, s:o, s:o, s:o}", "vm", (json_int_t)i,
			"ticks_expected", (json_int_t)worker->expected, "ticks_delivered",
			(json_int_t)worker->delivered, "ticks_missed", (json_int_t)worker->missed,
			"lateness", results_summary(&worker->lateness), "timer_thread",
			results_timer_thread(worker->launch.vm), "dedicated",
			results_dedicated(worker->launch.vm)));
}

/* Ticks neither delivered nor counted as missed, in all VMs; prints a line a VM. */
static uint64_t report(struct session *session, struct table *table)
{
	uint64_t lost = 0;

	for (uint64_t i = 0; i < session->plan.vms; i++) {
		const struct worker *worker = &session->workers[i];
		uint64_t counted = worker->delivered + worker->missed;
		uint64_t wrong = counted > worker->expected ? counted - worker->expected
							    : worker->expected - counted;

		if (worker->err < 0)
			continue;
		lost += wrong;
		table_cell(table, "%" PRIu64, i);
		table_cell(table, "%" PRIu64, worker->expected);
		table_cell(table, "%" PRIu64, worker->delivered);
		table_cell(table, "%" PRIu64, worker->missed);
		table_cell(table, "%" PRIu64, wrong);
		table_cell_us(table, clock_ticks_to_ns_f(worker->lateness.p50));
		table_cell_us(table, clock_ticks_to_ns_f(worker->lateness.p99));
		table_cell_us(table, clock_ticks_to_ns_f(worker->lateness.max));
		add_json(session, i);
	}
	return lost;
}

static int finish(struct session *session, bool text)
{
	static const char *const titles[] = {
		"vm", "expected", "delivered", "missed", "unaccounted", "p50", "p99", "max"};
	struct table *table = table_create("rrrrrrrr", titles);
	int status = 0;

	if (table == NULL)
		return 1;
	for (uint64_t i = 0; i < session->plan.vms; i++) {
		struct worker *worker = &session->workers[i];

		if (worker->err == 0)
			worker->err = evaluate(worker, session->plan.interval.ns[0]);
		if (worker->err < 0) {
			fprintf(stderr, "tickvm: bench scale: VM %" PRIu64 ": %s\n", i,
				worker->diag.text);
			status = launch_exit_status(worker->err);
		}
	}
	uint64_t lost = report(session, table);

	if (text) {
		printf("%" PRIu64
		       " VMS AT ONCE, a dedicated timer every %g us each (lateness in us)\n\n",
			session->plan.vms, (double)session->plan.interval.ns[0] / 1000);
		table_print(table, stdout);
		printf("\nunaccounted: ticks neither delivered nor counted as missed; %" PRIu64
		       " in all%s\n",
			lost, lost == 0 ? "" : ": THIS IS A DEFECT");
		if (session->spin_off)
			printf("the timer threads did not spin: that alone would have taken the "
			       "CPUs\n");
	}
	table_destroy(table);
	return status == 0 && lost != 0 ? 1 : status;
}

static int parse(struct plan *plan, int argc, char **argv, struct diag *diag)
{
	*plan = (struct plan){.vms = 16, .seconds = 3, .interval = {.ns = {1000000}, .n = 1}};
	const struct option_spec specs[] = {
		{"vms", OPTION_NUMBER, &plan->vms, .min = 1, .max = VMS_MAX},
		{"interval", OPTION_DURATIONS, &plan->interval, .min = 10000, .max = 1000000000},
		{"seconds", OPTION_NUMBER, &plan->seconds, .min = 1, .max = 60},
		{.name = NULL},
	};
	int err = options_parse(specs, argc, argv, diag);

	if (err == 0 && plan->interval.n != 1)
		return diag_set(diag, -EINVAL, "--interval: one value, all timers have the same");
	return err;
}

static int run(struct bench_context *context, int argc, char **argv)
{
	struct session session = {.context = context};
	bool text = context->json == NULL || strcmp(context->json, "-") != 0;
	struct diag diag;

	if (parse(&session.plan, argc, argv, &diag) < 0) {
		fprintf(stderr, "tickvm: bench scale: %s\n", diag.text);
		return 2;
	}
	session.workers = calloc(session.plan.vms, sizeof(*session.workers));
	if (session.workers == NULL) {
		fprintf(stderr, "tickvm: bench scale: out of memory\n");
		return 1;
	}
	results_begin(&session.results, context, "scale");
	session.spin_off = spinning_is_too_much(&session);
	struct progress progress = progress_begin(2, context->quiet);

	progress_step(&progress, "creating %" PRIu64 " VMs", session.plan.vms);
	int err = create_all(&session);
	int status = launch_exit_status(err);

	if (err == 0) {
		progress_step(&progress, "running them for %" PRIu64 " s", session.plan.seconds);
		err = run_together(&session);
		status = launch_exit_status(err);
	}
	progress_end(&progress);
	if (err == 0)
		status = finish(&session, text);
	for (uint64_t i = 0; i < session.plan.vms; i++)
		launch_end(&session.workers[i].launch);
	free(session.workers);
	int written = results_finish(&session.results, context, status == 130);

	results_end(&session.results);
	return status == 0 ? written : status;
}

const struct bench bench_scale = {
	.name = "scale",
	.summary = "many VMs at once, each with a periodic dedicated timer: is every tick "
		   "accounted for?",
	.help = help,
	.run = run,
};
