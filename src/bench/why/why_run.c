/* SPDX-License-Identifier: BSD-2-Clause */
/* tickvm why: one run of a timer configuration with the host's doings recorded, or a results file
 * of one, and what made its worst events late. */
#include "../timer/bench_timer.h"
#include "why_file.h"

#include "tickvm/clock.h"
#include "tickvm/report.h"
#include "tickvm/why.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define EVENTS_MAX  100000 /* all of them are kept in memory several times over */
#define HOST_EVENTS 16     /* switches an event, of each thread and CPU, and then some */
#define HOST_MORE   16384
#define EXITS       8 /* exits an event */
#define EXITS_MORE  4096
#define IMAGE_BYTES (64ULL << 20)
#define WORST       10
#define ARGUMENTS   64

const char why_help[] =
	"  --worst N            how many of the latest events, to 100 (default 10)\n"
	"  --source NAME        kvm-lapic, user-lapic, kvm-pit, user-pit, dedicated or tsc-poll\n"
	"                       (default dedicated)\n"
	"  --interval TIME      1us to 1s (default 100us)\n"
	"  --count N            events of each timer (default 4500; 100000 of all)\n"
	"  --load LOAD          idle (default), cpu:PERCENT, io or interrupts:RATE\n"
	"  --mode, --wait, --arm, --residual, --depth, --record, --vcpus: as tickvm bench "
	"timer's\n";

/* ---- options ---- */

struct words {
	char *item[ARGUMENTS + 1];
	int n;
};

/* What --worst and FILE leave is bench timer's, behind our defaults: the last word counts. */
struct request {
	uint64_t worst;
	const char *file;
	struct words rest;
};

static int parse_worst(const char *value, uint64_t *worst, struct diag *diag)
{
	char *words[] = {(char *)(uintptr_t) "why", (char *)(uintptr_t) "--worst",
		(char *)(uintptr_t)value, NULL};
	const struct option_spec specs[] = {
		{"worst", OPTION_NUMBER, worst, .min = 1, .max = WHY_WORST_MAX}, {.name = NULL}};

	if (value == NULL)
		return diag_set(diag, -EINVAL, "--worst needs a value; see: tickvm why --help");
	return options_parse(specs, 3, words, diag);
}

static int take(struct request *request, int argc, char **argv, struct diag *diag)
{
	struct words *rest = &request->rest;
	int err = 0;

	for (int i = 1; i < argc && err == 0; i++) {
		if (strcmp(argv[i], "--worst") == 0)
			err = parse_worst(i + 1 < argc ? argv[++i] : NULL, &request->worst, diag);
		else if (strncmp(argv[i], "--worst=", 8) == 0)
			err = parse_worst(argv[i] + 8, &request->worst, diag);
		else if (rest->n == ARGUMENTS)
			err = diag_set(diag, -EINVAL, "too many words");
		else
			rest->item[rest->n++] = argv[i];
	}
	return err;
}

static bool is_file(const char *word)
{
	return word != NULL && (word[0] != '-' || word[1] == '\0');
}

static int parse(struct request *request, int argc, char **argv, struct diag *diag)
{
	/* Words that are read, not written. */
	static const char *const defaults[] = {
		"timer", "--source", "dedicated", "--interval", "100us"};

	*request = (struct request){.worst = WORST};
	for (size_t i = 0; i < sizeof(defaults) / sizeof(defaults[0]); i++)
		request->rest.item[request->rest.n++] = (char *)(uintptr_t)defaults[i];
	int begin = request->rest.n, err = take(request, argc, argv, diag);

	if (err < 0 || !is_file(request->rest.item[begin]))
		return err;
	request->file = request->rest.item[begin];
	if (request->rest.n > begin + 1)
		return diag_set(diag, -EINVAL,
			"%s: a file is explained as it is: only --worst goes with it",
			request->rest.item[begin + 1]);
	return 0;
}

static int check(
	const struct timer_plan *plan, const struct bench_context *context, struct diag *diag)
{
	if (plan->sources & (plan->sources - 1) || plan->intervals.n > 1 || plan->loads.n > 1 ||
		plan->runs > 1 || plan->vms > 1 || plan->paper || plan->scale || plan->plots)
		return diag_set(diag, -EINVAL,
			"one run is explained: one --source, --interval and --load, one machine");
	if (plan->sources & (1ULL << SOURCE_NATIVE))
		return diag_set(diag, -EINVAL, "native has no guest: there is nothing to explain");
	if (plan->count * plan->vcpus > EVENTS_MAX)
		return diag_set(
			diag, -EINVAL, "--count: at most %d events of all vCPUs", EVENTS_MAX);
	if (context->machine_set & (BENCH_SET_QUIET_ON | BENCH_SET_QUIET_OFF))
		return diag_set(diag, -EINVAL, "--quiet-window: why takes a time in ns");
	return 0;
}

/* ---- a run ---- */

static struct timer_cell cell_of(const struct timer_plan *plan)
{
	struct timer_cell cell = {.interval_ns = plan->intervals.ns[0],
		.load = &plan->loads.item[0],
		.vcpus = plan->vcpus,
		.vms = 1};

	for (unsigned s = 0; s < TIMER_SOURCES; s++) {
		if (plan->sources & (1ULL << s))
			cell.source = &timer_sources[s];
	}
	cell.quiet_ns = cell.source == &timer_sources[SOURCE_DEDICATED] ? plan->quiet_ns[0] : 0;
	return cell;
}

/* How long the kernel stops SCHED_FIFO threads that used up their time. */
static uint64_t rt_rest_ticks(const struct host_facts *facts, bool fifo)
{
	if (!fifo || facts->rt_runtime_us < 0 || facts->rt_period_us <= facts->rt_runtime_us)
		return 0;
	return clock_ns_to_ticks((uint64_t)(facts->rt_period_us - facts->rt_runtime_us) * 1000);
}

/* The run in the document, as bench timer's, and what the host did beside it. */
static int keep(struct results *results, const struct timer_plan *plan,
	const struct timer_cell *cell, const struct measurement *m)
{
	struct signed_histogram *histogram = malloc(sizeof(*histogram));
	struct timer_run run;
	int err = -ENOMEM;

	if (histogram != NULL)
		err = timer_analyse(plan, cell, &results->facts, m, &run, histogram);
	if (err == 0) {
		timer_run_json(results, plan, cell, m, &run, histogram);
		json_t *json = json_array_get(results->runs, 0);

		results_add(
			results, json_object_get(json, "flags"), NULL, json_string("host-events"));
		results_add(results, json, "host_events",
			why_record(results, m->vms[0].launch.vm, cell->vcpus,
				rt_rest_ticks(&results->facts, m->fifo)));
		if (results->no_memory)
			err = -ENOMEM;
	}
	free(histogram);
	return err;
}

static int measure(struct results *results, const struct bench_context *context,
	const struct timer_plan *plan, struct diag *diag)
{
	struct bench_context recording = *context;
	const struct timer_cell cell = cell_of(plan);
	size_t events = plan->count * plan->vcpus;
	struct measurement m;

	recording.machine.host_events = HOST_EVENTS * events + HOST_MORE;
	recording.machine.trace_events = EXITS * events + EXITS_MORE;
	int err = timer_measure(&recording, plan, &cell, results->facts.cpus_allowed, &m, diag);

	if (err < 0)
		return err;
	err = keep(results, plan, &cell, &m);
	measurement_end(&m);
	return err < 0 ? diag_set(diag, err, "out of memory") : 0;
}

/* ---- explaining ---- */

/* Every run that carries host events. -EINVAL: there is none, or one is not what it should be. */
static int explain(struct results *results, size_t worst, struct page *page, struct diag *diag)
{
	const json_t *runs = json_object_get(results->root, "runs");
	size_t i, explained = 0;
	json_t *run;

	json_array_foreach(runs, i, run)
	{
		struct why_read read;
		struct diag why;
		int err;

		if (json_object_get(run, "host_events") == NULL)
			continue;
		err = why_read(&read, run, &why);
		if (err < 0)
			diag_set(diag, err, "run %zu: %s", i, why.text);
		else if ((err = why_page(results, &read, worst, page)) < 0)
			diag_set(diag, err, "out of memory");
		why_read_free(&read);
		if (err < 0)
			return err;
		explained++;
	}
	return explained > 0 ? 0
			     : diag_set(diag, -EINVAL,
				       "no run in it carries host events; tickvm why --json FILE "
				       "records one");
}

static int publish(struct results *results, const struct bench_context *context, size_t worst,
	struct diag *diag)
{
	struct page *page = page_create();
	int err = explain(results, worst, page, diag);
	int status = err < 0 ? 1 : results_publish(results, page, context, 0);

	page_destroy(page);
	if (err < 0)
		fprintf(stderr, "tickvm: why: %s\n", diag->text);
	return status;
}

static int explain_run(
	const struct request *request, const struct bench_context *context, struct diag *diag)
{
	struct timer_plan plan;
	struct scratch scratch = {.fd = -1};
	struct results results;
	int status;
	int err = timer_plan_parse(
		&plan, context, request->rest.n, (char **)(uintptr_t)request->rest.item, diag);

	if (err == 0)
		err = check(&plan, context, diag);
	if (err < 0) {
		fprintf(stderr, "tickvm: why: %s\n", diag->text);
		return 2;
	}
	results_begin(&results, context, "why");
	if (plan.loads.item[0].kind == LOAD_IO && plan.disk == NULL) {
		err = scratch_create(&scratch, IMAGE_BYTES, diag);
		plan.disk = scratch.path;
	}
	if (err == 0)
		err = measure(&results, context, &plan, diag);
	if (err == 0) {
		status = publish(&results, context, request->worst, diag);
	} else {
		fprintf(stderr, "tickvm: why: %s\n", diag->text);
		status = launch_exit_status(err);
	}
	scratch_close(&scratch);
	results_end(&results);
	return status;
}

static int explain_file(
	const struct request *request, const struct bench_context *context, struct diag *diag)
{
	struct report_file file;
	int err = report_read(&file, request->file, diag);

	if (err < 0) {
		fprintf(stderr, "tickvm: why: %s\n", diag->text);
		return 1;
	}
	struct results results = {.root = file.root};
	json_int_t hz = json_integer_value(json_object_get(file.root, "tsc_hz"));

	if (hz > 0)
		clock_set_tsc_hz((uint64_t)hz);
	json_object_del(file.root, "why");
	int status = publish(&results, context, request->worst, diag);

	results_end(&results);
	return status;
}

int why_run(struct bench_context *context, int argc, char **argv)
{
	struct request request;
	struct diag diag = {""};

	if (parse(&request, argc, argv, &diag) < 0) {
		fprintf(stderr, "tickvm: why: %s\n", diag.text);
		return 2;
	}
	return request.file != NULL ? explain_file(&request, context, &diag)
				    : explain_run(&request, context, &diag);
}
