/* SPDX-License-Identifier: BSD-2-Clause */
/* What all experiments have in common: launches, round by round, and what becomes of them. */
#include "points.h"
#include "publish.h"

#include "../launch.h"
#include "../progress.h"

#include "tickvm/clock.h"
#include "tickvm/word.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define SERIES_MAX 16
#define SEED_BITS  53 /* JSON's numbers are exact so far */

/* A point, and how often it is launched. */
struct job {
	struct point *point;
	struct dataset *set;
	size_t series, rounds;
	/* it cannot be measured: not again */
	bool given_up;
};

struct run {
	struct choices *choices;
	struct session session;
	struct points points[SERIES_MAX];
	struct job *jobs;
	const struct point **all;
	size_t n_jobs;
	struct progress progress;
	json_t *order;
	uint64_t random;
	/* of the error that ended it; 0: none did */
	int fatal;
	bool measured, failed;
	/* a guest was wanted, and this host has no KVM: said once */
	bool without_kvm;
};

struct sink {
	struct run *run;
	const struct job *job;
	unsigned round;
	struct row *row;
	struct sample *sample;
};

/* ---- rows ---- */

void sink_row(struct sink *sink, const struct value *yielded, const double *figures)
{
	const struct series *series = sink->job->point->series;
	struct dataset *set = sink->job->set;
	struct value at[DATASET_AXES_MAX];
	size_t n = sink->job->point->n;

	memcpy(at, sink->job->point->at, n * sizeof(at[0]));
	for (size_t i = 0; i < series->n_yielded; i++)
		at[n + i] = yielded[i];
	sink->row = dataset_row(set, at);
	sink->sample = row_sample(set, sink->row, 0, sink->round, figures);
}

void sink_flags(struct sink *sink, uint64_t flags)
{
	const struct dataset *set = sink->job->set;

	sink->sample->flags |= flags;
	for (size_t i = 0; i < set->n_flags; i++)
		if (flags >> i & 1 && set->flags[i].level == FLAG_FAIL)
			sink->run->failed = true;
}

void sink_label(struct sink *sink, const char *id, const char *text)
{
	row_label(sink->row, id, text);
}

bool sink_wants(const struct sink *sink)
{
	return sink->run->session.keeps_attachments;
}

void sink_attach(struct sink *sink, const char *name, json_t *json)
{
	if (sink->sample->attachments == NULL)
		sink->sample->attachments = json_object();
	json_object_set_new(sink->sample->attachments, name, json);
}

/* ---- datasets ---- */

static const char *set_id(const struct experiment *experiment, const char *series)
{
	char id[64];

	snprintf(id, sizeof(id), "%s.%s", experiment->name, series);
	return word(id);
}

struct dataset *session_set(const struct session *session, const char *series)
{
	return document_set(session->document, set_id(session->experiment, series));
}

static void add_set(struct run *run, const struct series *series)
{
	const struct choice *choices[POINT_AXES_MAX];
	struct axis axes[POINT_AXES_MAX + DATASET_AXES_MAX];
	size_t n = points_axes(run->choices, series, choices);

	for (size_t i = 0; i < n; i++)
		axes[i] = choices[i]->axis;
	for (size_t i = 0; i < series->n_yielded; i++)
		axes[n + i] = series->yielded[i];
	document_add(run->session.document,
		dataset_create(set_id(run->choices->experiment, series->id), series->title, axes,
			n + series->n_yielded, series->figures, series->n_figures, series->flags,
			series->n_flags));
}

/* Two points have different values of it, "-" left out. */
static bool varies(const struct points *points, size_t axis)
{
	struct value first = value_none();

	for (size_t i = 0; i < points->n; i++) {
		struct value value = points->point[i].at[axis];

		if (value_same(first, value_none()))
			first = value;
		if (!value_like(first, value))
			return true;
	}
	return false;
}

/* What nobody asked to vary, and varies all the same, follows from what somebody did ask. */
static void mark_followers(struct dataset *set, const struct points *points)
{
	for (size_t i = 0; points->n > 0 && i < points->point[0].n; i++) {
		const struct point *first = &points->point[0];

		if (!(first->many >> i & 1) && varies(points, i))
			set->axes[i].flags |= AXIS_FOLLOWS;
	}
}

/* ---- one launch ---- */

static void say_skip(struct run *run, const struct job *job, int err, const struct diag *diag)
{
	char name[200];

	point_name(job->point, name, sizeof(name));
	document_skip(run->session.document, &(struct skip){job->set->id, name,
						     err == -EINTR     ? SKIP_INTERRUPTED
						     : err == -ENOTSUP ? SKIP_UNAVAILABLE
								       : SKIP_FAILED,
						     diag->text});
}

/* Points that need no KVM are measured without it. */
static void give_up(struct run *run, struct job *job, int err, const struct diag *diag)
{
	bool without_kvm = err == -ENOTSUP && !launch_has_kvm();

	if (!without_kvm || !run->without_kvm)
		say_skip(run, job, err, diag);
	run->without_kvm |= without_kvm;
	job->given_up = true;
	if (err == -EINTR || err == -EINVAL)
		run->fatal = err;
	else if (err != -ENOTSUP)
		run->failed = true;
}

static void measure(struct run *run, struct job *job, unsigned round)
{
	struct sink sink = {.run = run, .job = job, .round = round};
	struct diag diag = {"interrupted"};
	char name[200];

	point_name(job->point, name, sizeof(name));
	progress_step(&run->progress, "%s", name);
	int err = bench_interrupted
			  ? -EINTR
			  : job->point->series->measure(&run->session, job->point, &sink, &diag);

	json_array_append_new(
		run->order, json_pack("[s, s, I]", job->set->id, name, (json_int_t)round));
	if (err < 0)
		give_up(run, job, err, &diag);
	else
		run->measured = true;
}

/* ---- rounds ---- */

/* xorshift64 (Marsaglia 2003): an order need not be secret. */
static size_t draw(struct run *run, size_t below)
{
	run->random ^= run->random << 13;
	run->random ^= run->random >> 7;
	run->random ^= run->random << 17;
	return (size_t)(run->random % below);
}

/* Fisher and Yates. */
static void shuffle(struct run *run, struct job **order, size_t n)
{
	for (size_t i = n; i > 1; i--) {
		size_t j = draw(run, i);
		struct job *last = order[i - 1];

		order[i - 1] = order[j];
		order[j] = last;
	}
}

/* A series after the other, so that pairs stay close in time; each round in an order of its own, as
 * a fixed one is fooled by periodic work. */
static void run_series(struct run *run, size_t series, struct job **order)
{
	size_t n = 0, rounds = 0;

	for (size_t i = 0; i < run->n_jobs; i++) {
		if (run->jobs[i].series != series)
			continue;
		order[n++] = &run->jobs[i];
		rounds = run->jobs[i].rounds;
	}
	for (size_t round = 0; round < rounds && run->fatal == 0; round++) {
		shuffle(run, order, n);
		for (size_t i = 0; i < n && run->fatal == 0; i++)
			if (!order[i]->given_up)
				measure(run, order[i], (unsigned)round + 1);
	}
}

static bool is_of(const struct row *row, const struct point *point)
{
	for (size_t i = 0; i < point->n; i++)
		if (!value_same(row->at[i], point->at[i]))
			return false;
	return true;
}

/* Rows come as they were measured; tables want them as they were asked for. */
static void sort_rows(const struct run *run, struct dataset *set)
{
	size_t *order = calloc(set->n_rows + 1, sizeof(*order)), n = 0;

	for (size_t i = 0; i < run->n_jobs && order != NULL; i++)
		for (size_t r = 0; r < set->n_rows && run->jobs[i].set == set; r++)
			if (is_of(&set->rows[r], run->jobs[i].point))
				order[n++] = r;
	if (n == set->n_rows)
		dataset_reorder(set, order);
	free(order);
}

static void run_all(struct run *run)
{
	struct job **order = calloc(run->n_jobs + 1, sizeof(*order));
	size_t steps = 0;

	for (size_t i = 0; i < run->n_jobs; i++)
		steps += run->jobs[i].rounds;
	run->progress = progress_begin((unsigned)steps, run->choices->context->quiet);
	for (size_t series = 0; series < SERIES_MAX && order != NULL; series++)
		if (run->fatal == 0)
			run_series(run, series, order);
	progress_end(&run->progress);
	free(order);
	for (size_t i = 0; i < run->session.document->n_sets; i++)
		sort_rows(run, run->session.document->sets[i]);
}

/* ---- before ---- */

static int add_jobs(struct run *run, size_t s, struct diag *diag)
{
	const struct series *series = run->choices->experiment->series[s];
	struct points *points = &run->points[s];
	uint64_t rounds = run->choices->rounds != 0 ? run->choices->rounds : series->rounds;

	add_set(run, series);
	int err = points_make(points, &run->session, run->choices, series, diag);
	struct job *more = reallocarray(run->jobs, run->n_jobs + points->n + 1, sizeof(*run->jobs));

	if (more == NULL)
		return diag_set(diag, -ENOMEM, "out of memory");
	run->jobs = more;
	mark_followers(session_set(&run->session, series->id), points);
	for (size_t i = 0; i < points->n && err == 0; i++)
		run->jobs[run->n_jobs++] = (struct job){.point = &points->point[i],
			.set = session_set(&run->session, series->id),
			.series = s,
			.rounds = rounds};
	return err;
}

/* For the experiment. */
static int list_all(struct run *run, struct diag *diag)
{
	run->all = calloc(run->n_jobs + 1, sizeof(const struct point *));
	if (run->all == NULL)
		return diag_set(diag, -ENOMEM, "out of memory");
	for (size_t i = 0; i < run->n_jobs; i++)
		run->all[i] = run->jobs[i].point;
	run->session.points = run->all;
	run->session.n_points = run->n_jobs;
	return 0;
}

static int make_all(struct run *run, struct diag *diag)
{
	const struct experiment *experiment = run->choices->experiment;
	int err = 0;

	diag->text[0] = '\0';
	if (run->session.parameters == NULL)
		return diag_set(diag, -ENOMEM, "out of memory");
	for (size_t s = 0; experiment->series[s] != NULL && err == 0; s++)
		if (run->choices->series >> s & 1)
			err = add_jobs(run, s, diag);
	if (err == 0 && run->n_jobs == 0 && run->session.document->n_skips == 0)
		err = -EINVAL;
	return err == 0 ? list_all(run, diag) : err;
}

static void begin(struct run *run, struct choices *choices)
{
	uint64_t seed = clock_tsc() >> 1 & ((1ULL << SEED_BITS) - 1);

	*run = (struct run){.choices = choices,
		.random = seed | 1,
		.order = json_array(),
		.session = {.experiment = choices->experiment,
			.context = choices->context,
			.parameters = calloc(1, choices->experiment->parameters_size + 1),
			.document = document_create(),
			.keeps_attachments = choices->context->json != NULL}};
	if (run->session.parameters != NULL)
		choices_decode_rest(choices, (void *)(uintptr_t)run->session.parameters);
	document_begin(run->session.document, choices->context, choices->experiment->name, seed);
}

static void end(struct run *run)
{
	for (size_t s = 0; s < SERIES_MAX; s++)
		points_free(&run->points[s]);
	free(run->jobs);
	free((void *)run->all);
	json_decref(run->order);
	free((void *)(uintptr_t)run->session.parameters);
	document_destroy(run->session.document);
}

/* ---- after ---- */

static int status_of(const struct run *run)
{
	if (run->fatal == -EINTR || run->fatal == -EINVAL)
		return launch_exit_status(run->fatal);
	if (run->failed)
		return 1;
	return run->measured && !run->without_kvm ? 0 : 77;
}

/* Why there is no row: below everything, the same for all experiments. */
static void say_skipped(struct document *document)
{
	for (size_t i = 0; i < document->n_skips; i++)
		document_note(
			document, "n/a: %s: %s", document->skips[i].at, document->skips[i].reason);
}

static void conclude(struct run *run)
{
	struct document *document = run->session.document;

	document->interrupted = run->fatal == -EINTR;
	document->status = status_of(run);
	json_object_set(json_array_get(document->invocations, 0), "order", run->order);
	run->choices->experiment->conclude(&run->session);
	say_skipped(document);
}

static int run_prepared(struct run *run, struct diag *diag)
{
	const struct experiment *experiment = run->choices->experiment;
	int err = experiment->prepare != NULL ? experiment->prepare(&run->session, diag) : 0;

	if (err < 0)
		return err;
	run_all(run);
	conclude(run);
	if (experiment->finish != NULL)
		experiment->finish(&run->session);
	return 0;
}

/* ---- what is asked instead of a run ---- */

static int list_points(const struct run *run)
{
	for (size_t i = 0; i < run->n_jobs; i++) {
		char name[200];

		point_name(run->jobs[i].point, name, sizeof(name));
		printf("%s: %s: %zu round%s\n", run->jobs[i].set->id, name, run->jobs[i].rounds,
			run->jobs[i].rounds == 1 ? "" : "s");
	}
	return 0;
}

static int list_figures(const struct experiment *experiment)
{
	for (size_t s = 0; experiment->series[s] != NULL; s++) {
		const struct series *series = experiment->series[s];

		for (size_t i = 0; i < series->n_figures; i++) {
			const struct figure *figure = &series->figures[i];
			char id[96];

			snprintf(id, sizeof(id), "%s.%s", experiment->name, series->id);
			printf("%-20s %-14s %-12s %s\n", id, figure->id,
				unit_form(figure->unit)->id != NULL ? unit_form(figure->unit)->id
								    : "",
				figure->help != NULL ? figure->help : "");
		}
	}
	return 0;
}

static int run_chosen(struct choices *choices)
{
	const struct bench_context *context = choices->context;
	struct diag diag = {""};
	struct run run;
	int status = 0;

	begin(&run, choices);
	int err = make_all(&run, &diag);

	if (err == 0 && choices->dry_run)
		status = list_points(&run);
	else if (err == 0 && context->check == NULL)
		err = run_prepared(&run, &diag);
	if (err < 0) {
		(void)bench_refuse(context, choices->experiment->name, &diag);
		status = launch_exit_status(err);
	} else if (!choices->dry_run && context->check == NULL) {
		status = document_publish(run.session.document, context);
	}
	end(&run);
	return status;
}

int drive(const struct experiment *experiment, struct bench_context *context, int argc, char **argv)
{
	struct choices *choices = calloc(1, sizeof(*choices));
	struct diag diag;
	int status;

	launch_settle(context);
	if (choices == NULL) {
		diag_set(&diag, -ENOMEM, "out of memory");
		status = bench_refuse(context, experiment->name, &diag);
	} else if (choices_parse(choices, experiment, context, argc, argv, &diag) < 0) {
		status = bench_refuse(context, experiment->name, &diag);
	} else if (choices->figures) {
		status = list_figures(experiment);
	} else {
		status = run_chosen(choices);
	}
	free(choices);
	return status;
}

/* ---- help ---- */

static const char *argument_of(enum parameter_kind kind)
{
	static const char *const arguments[] = {[PARAMETER_NUMBER] = "N",
		[PARAMETER_SIZE] = "SIZE",
		[PARAMETER_NSEC] = "NS",
		[PARAMETER_WORD] = "LIST",
		[PARAMETER_GATHERED] = "LIST",
		[PARAMETER_SWITCH] = "",
		[PARAMETER_TEXT] = "PATH"};

	return arguments[kind];
}

#define HELP_COLUMN 33

static void help_words(const struct parameter *parameter, FILE *out)
{
	size_t column = HELP_COLUMN;

	fprintf(out, "\n%*s", HELP_COLUMN, "");
	for (size_t i = 0; parameter->words[i] != NULL; i++) {
		const char *word = parameter->words[i];
		const char *comma = parameter->words[i + 1] != NULL ? "," : "";

		if (column > HELP_COLUMN && column + strlen(word) + 2 > 80) {
			column = HELP_COLUMN;
			fprintf(out, "\n%*s", HELP_COLUMN, "");
		}
		column += (size_t)fprintf(
			out, "%s%s%s", column > HELP_COLUMN ? " " : "", word, comma);
	}
}

static void help_one(const struct parameter *parameter, FILE *out)
{
	bool has_preset = parameter->kind != PARAMETER_SWITCH && parameter->kind != PARAMETER_TEXT;
	char left[64];

	snprintf(left, sizeof(left), "--%s %s", parameter->axis.id, argument_of(parameter->kind));
	fprintf(out, "  %-30s %s", left, parameter->axis.help);
	if (has_preset)
		fprintf(out, " (%s)", parameter->preset != NULL ? parameter->preset : "all");
	if (parameter->words != NULL)
		help_words(parameter, out);
	fputc('\n', out);
}

void drive_help(const struct experiment *experiment, FILE *out)
{
	for (size_t i = 0; experiment->parameters[i].axis.id != NULL; i++)
		help_one(&experiment->parameters[i], out);
	fprintf(out, "  %-30s launches of each point (", "--rounds N");
	for (size_t i = 0; experiment->series[i] != NULL; i++)
		fprintf(out, "%s%s: %u", i > 0 ? "; " : "", experiment->series[i]->id,
			experiment->series[i]->rounds);
	fprintf(out, ")\n  %-30s what is measured: ", "--series LIST");
	for (size_t i = 0; experiment->series[i] != NULL; i++)
		fprintf(out, "%s%s", i > 0 ? ", " : "", experiment->series[i]->id);
	fprintf(out, " (all)\n  %-30s show the points, and measure nothing\n", "--dry-run");
	fprintf(out, "  %-30s show what is measured, with units\n", "--figures");
	fprintf(out,
		"  Every option, the machine's too, takes a list with commas: it is varied.\n");
}
