/* SPDX-License-Identifier: BSD-2-Clause */
/* tickvm bench startup: from exec to the guest's first instruction, beside the bare ioctl sequence,
 * and the memory the monitor needs for itself. */
#include "start.h"

#include "../registry.h"

#include "tickvm/clock.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#define DEFAULT_MEM "67108864"
#define RATIO_LIMIT 1.5 /* exec to guest, to the bare ioctls alone */
#define MIB_LIMIT   8   /* memory of the monitor itself */
#define SANDBOX_MS  1.0 /* what confining the process may take */
#define MIB         1048576.0

/* ---- options and figures ---- */

/* The bare ioctls, ours by back end, and ours again, confined. */
enum { BARE, OURS, CONFINED = OURS + IRQCHIP_KINDS, STARTS = CONFINED + IRQCHIP_KINDS };
static const char *const start_names[STARTS + 1] = {[BARE] = "bare",
	[OURS + IRQCHIP_KERNEL] = "kernel",
	[OURS + IRQCHIP_SPLIT] = "split",
	[OURS + IRQCHIP_USER] = "user",
	[CONFINED + IRQCHIP_KERNEL] = "kernel-confined",
	[CONFINED + IRQCHIP_SPLIT] = "split-confined",
	[CONFINED + IRQCHIP_USER] = "user-confined"};

struct startup_parameters {
	unsigned start;
};

static const struct parameter parameters[] = {
	PARAMETER_WORDS("start", NULL, start_names, NULL, struct startup_parameters, start,
		"what is started; confined ones with --sandbox on"),
	PARAMETERS_END,
};

enum { FROM_EXEC, FROM_CREATE, TO_ENTRY, RESIDENT, START_FIGURES };
#define SPAN(ID, TITLE, FLAGS, HELP)                                                               \
	{                                                                                          \
		.id = (ID), .title = (TITLE), .unit = UNIT_NS, .good = GOOD_LOW, .flags = (FLAGS), \
		.help = (HELP)                                                                     \
	}
static const struct figure start_figures[START_FIGURES] = {
	[FROM_EXEC] = SPAN("from-exec", "exec to guest", FIGURE_GATED,
		"to the guest's first reading of the TSC"),
	[FROM_CREATE] = SPAN("from-create", "vm_create to guest", 0, "the same, from vm_create"),
	[TO_ENTRY] = SPAN("to-entry", "to KVM_RUN", 0, "from vm_create to the first KVM_RUN"),
	[RESIDENT] = {.id = "rss",
		.title = "resident",
		.unit = UNIT_BYTES,
		.good = GOOD_LOW,
		.flags = FIGURE_GATED,
		.help = "the monitor's resident memory without the mapping of guest RAM"},
};

static enum irqchip_kind chip_of(unsigned start)
{
	return (enum irqchip_kind)(start < CONFINED ? start - OURS : start - CONFINED);
}

/* ---- a start ---- */

static int settle(struct session *session, struct point *point, struct diag *why)
{
	static const char *const of_bare[] = {"start", "mem", NULL};
	unsigned start = ((const struct startup_parameters *)point->parameters)->start;

	if (point_only(point, "vcpus", "1", why) < 0)
		return -EINVAL;
	if (!point_given(point, "mem"))
		point_set(point, "mem", DEFAULT_MEM);
	if (start >= CONFINED && !session->context->sandbox)
		return diag_set(why, -ENOENT, "--start: %s takes --sandbox on", start_names[start]);
	if (start == BARE) {
		point_keep(point, of_bare);
		return 0;
	}
	if (point_given(point, "irqchip") && point->context.machine.irqchip != chip_of(start))
		return diag_set(
			why, -ENOENT, "--start: %s is another --irqchip", start_names[start]);
	point_set(point, "irqchip", irqchip_name(chip_of(start)));
	return 0;
}

static double ns(uint64_t from, uint64_t to)
{
	return (double)clock_ticks_to_ns(to - from);
}

static int measure(
	struct session *session, const struct point *point, struct sink *sink, struct diag *diag)
{
	unsigned which = ((const struct startup_parameters *)point->parameters)->start;
	struct start start;
	int err = start_once(point, which == BARE, which >= CONFINED, &start, diag);

	(void)session;
	if (err < 0)
		return err;
	sink_row(sink, NULL,
		(const double[START_FIGURES]){[FROM_EXEC] = ns(start.exec_tsc, start.first_tsc),
			[FROM_CREATE] = ns(start.create_tsc, start.first_tsc),
			[TO_ENTRY] = ns(start.create_tsc, start.entry_tsc),
			[RESIDENT] = start.rss != 0 ? (double)start.rss : (double)NAN});
	return 0;
}

#define FIGURES(ARRAY) .figures = (ARRAY), .n_figures = sizeof(ARRAY) / sizeof((ARRAY)[0])
static const struct series series = {.id = "start",
	.title = "Start",
	.axes = (const char *const[]){"start", MACHINE_AXES, NULL},
	FIGURES(start_figures),
	.rounds = 9,
	.settle = settle,
	.measure = measure};

/* ---- what it comes to ---- */

enum { EXEC, EXEC_RATIO, CREATE, CREATE_RATIO, ENTRY, MEMORY, ROUNDS, LINE_FIGURES };
static const struct figure line_figures[LINE_FIGURES] = {
	[EXEC] = {.id = "from-exec", .title = "exec to guest", .unit = UNIT_NS},
	[EXEC_RATIO] = {.id = "exec-ratio", .title = "x bare", .unit = UNIT_RATIO},
	[CREATE] = {.id = "from-create", .title = "vm_create to guest", .unit = UNIT_NS},
	[CREATE_RATIO] = {.id = "create-ratio", .title = "x bare", .unit = UNIT_RATIO},
	[ENTRY] = {.id = "to-entry", .title = "to KVM_RUN", .unit = UNIT_NS},
	[MEMORY] = {.id = "rss", .title = "MiB", .unit = UNIT_BYTES},
	[ROUNDS] = {.id = "n", .title = "n", .unit = UNIT_COUNT},
};

static const struct row *start_beside(
	const struct dataset *set, const struct row *row, const char *start)
{
	return dataset_partner(set, row, (size_t)dataset_axis(set, "start"), value_word(start));
}

static unsigned start_of(const struct dataset *set, const struct row *row)
{
	unsigned start = 0;

	while (start + 1 < STARTS &&
		strcmp(start_names[start], row->at[dataset_axis(set, "start")].text) != 0)
		start++;
	return start;
}

static double ratio(const struct dataset *set, const struct row *row, size_t figure,
	const struct row *of, size_t of_figure)
{
	return of != NULL ? row_value(set, row, figure) / row_value(set, of, of_figure)
			  : (double)NAN;
}

static void add_line(struct dataset *lines, const struct dataset *set, const struct row *row)
{
	const struct row *bare =
		start_of(set, row) == BARE ? row : start_beside(set, row, start_names[BARE]);

	row_sample(lines, dataset_row(lines, row->at), 0, 1,
		(const double[LINE_FIGURES]){[EXEC] = row_value(set, row, FROM_EXEC),
			[EXEC_RATIO] = ratio(set, row, FROM_EXEC, bare, FROM_EXEC),
			[CREATE] = row_value(set, row, FROM_CREATE),
			[CREATE_RATIO] = ratio(set, row, FROM_CREATE, bare, FROM_CREATE),
			[ENTRY] = row_value(set, row, TO_ENTRY),
			[MEMORY] = row_value(set, row, RESIDENT),
			[ROUNDS] = (double)row->n_samples});
}

static void judge_start(struct session *session, const struct dataset *set, const struct row *row)
{
	const struct row *bare = start_beside(set, row, start_names[BARE]);
	double alone = ratio(set, row, FROM_EXEC, bare, FROM_CREATE);

	if (bare == NULL)
		return;
	document_judge(session->document,
		(struct judgement){.id = "start",
			.at = row_name(set, row),
			.outcome = alone <= RATIO_LIMIT ? OUTCOME_GOOD : OUTCOME_BAD,
			.value = alone,
			.limit = RATIO_LIMIT,
			.unit = UNIT_RATIO},
		"irqchip %s: exec to guest takes %.2f times what the bare ioctls alone do "
		"(limit %.1f); %.2f times when they are a process too",
		start_names[start_of(set, row)], alone, RATIO_LIMIT,
		ratio(set, row, FROM_EXEC, bare, FROM_EXEC));
}

static void judge_sandbox(struct session *session, const struct dataset *set, const struct row *row)
{
	const char *chip = irqchip_name(chip_of(start_of(set, row)));
	const struct row *plain = start_beside(set, row, chip);

	if (plain == NULL)
		return;
	double ms = (row_value(set, row, FROM_EXEC) - row_value(set, plain, FROM_EXEC)) / 1e6;

	document_judge(session->document,
		(struct judgement){.id = "sandbox",
			.at = row_name(set, row),
			.outcome = ms <= SANDBOX_MS ? OUTCOME_GOOD : OUTCOME_BAD,
			.value = ms * 1e6,
			.limit = SANDBOX_MS * 1e6,
			.unit = UNIT_NS},
		"irqchip %s: the sandbox takes %.2f ms of a start (limit %.0f)", chip, ms,
		SANDBOX_MS);
}

static void judge_memory(struct session *session, const struct dataset *set)
{
	double most = 0;

	for (size_t i = 0; i < set->n_rows; i++)
		if (start_of(set, &set->rows[i]) != BARE)
			most = fmax(most, row_value(set, &set->rows[i], RESIDENT) / MIB);
	if (most > 0)
		document_judge(session->document,
			(struct judgement){.id = "memory",
				.outcome = most <= MIB_LIMIT ? OUTCOME_GOOD : OUTCOME_BAD,
				.value = most * MIB,
				.limit = MIB_LIMIT * MIB,
				.unit = UNIT_BYTES},
			"the monitor's own memory is %.2f MiB at most (limit %d)", most, MIB_LIMIT);
}

static void judge_all(struct session *session, const struct dataset *set)
{
	for (size_t i = 0; i < set->n_rows; i++) {
		unsigned start = start_of(set, &set->rows[i]);

		if (start >= CONFINED)
			judge_sandbox(session, set, &set->rows[i]);
		else if (start != BARE)
			judge_start(session, set, &set->rows[i]);
	}
	judge_memory(session, set);
}

static void conclude(struct session *session)
{
	const struct dataset *set = session_set(session, "start");

	if (set == NULL)
		return;
	struct dataset *lines = dataset_derive(
		set, "startup.lines", "Start, beside the bare ioctls", line_figures, LINE_FIGURES);

	for (size_t i = 0; i < set->n_rows; i++)
		add_line(lines, set, &set->rows[i]);
	document_add(session->document, lines);
	document_view(session->document,
		&(struct view){.heading =
				       "FROM EXEC TO THE GUEST'S FIRST INSTRUCTION, {mem}, 1 vCPU "
				       "(us, medians)",
			.dataset = "startup.lines",
			.sections = "mem",
			.down = "start",
			.across = "from-exec,exec-ratio,from-create,create-ratio,to-entry,rss,n"});
	document_view(session->document,
		&(struct view){.heading = "From exec to the guest's first instruction, median",
			.dataset = "startup.start",
			.down = "start",
			.across = "from-exec,from-create=vm_create to guest",
			.form = "bars"});
	judge_all(session, set);
	document_note(session->document,
		"bare: the fewest ioctls that run a guest, in a process of this program. to guest: "
		"its first reading of the TSC; to KVM_RUN: the first entry. MiB: the monitor's "
		"resident memory without the mapping of guest RAM, /proc/self/smaps after the "
		"run.");
}

static const struct experiment experiment = {
	.name = "startup",
	.parameters = parameters,
	.parameters_size = sizeof(struct startup_parameters),
	.series = (const struct series *const[]){&series, NULL},
	.conclude = conclude,
};

/* A process that is started is this program too. */
static int run(struct bench_context *context, int argc, char **argv)
{
	bool once = argc == 2 && strcmp(argv[1], START_ONCE) == 0;
	bool bare = argc == 2 && strcmp(argv[1], START_BARE) == 0;

	if (context->check == NULL && (once || bare))
		return start_be_started(context, bare);
	return drive(&experiment, context, argc, argv);
}

const struct bench bench_startup = {
	.name = "startup",
	.summary = "from exec to the guest's first instruction, and the monitor's memory",
	.experiment = &experiment,
	.run = run,
	.starts_itself = true,
};
