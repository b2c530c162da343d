/* SPDX-License-Identifier: BSD-2-Clause */
/* What `tickvm bench disk` says: a table a file size, verdicts, curves. It measures nothing. */
#include "disk_bench.h"

#include "tickvm/word.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#define SPREAD_MAX 0.25

static const struct goal {
	enum disk_bench_op op;
	uint64_t record;
	double ratio;
	unsigned depth; /* 0: any */
} goals[] = {
	{DISK_BENCH_RANDOM_READ, 4096, 0.7, 32},
	{DISK_BENCH_READ, 1 << 20, 0.9, 0},
};

/* ---- rows ---- */

static const char *op_of(const struct dataset *set, const struct row *row)
{
	return row->at[dataset_axis(set, "op")].text;
}

static double number_at(const struct dataset *set, const struct row *row, const char *axis)
{
	return row->at[dataset_axis(set, axis)].number;
}

static uint64_t flags_of(const struct row *row)
{
	uint64_t flags = 0;

	for (size_t i = 0; i < row->n_samples; i++)
		flags |= row->samples[i].flags;
	return flags;
}

static bool is_flagged(const struct row *row, unsigned flag)
{
	return flags_of(row) >> flag & 1;
}

/* Largest less smallest batch of all rounds over the median. */
static double spread_of(const struct dataset *set, const struct row *row)
{
	double least = (double)INFINITY, most = 0;

	for (size_t i = 0; i < row->n_samples; i++) {
		least = fmin(least, row->samples[i].figures[DISK_SLOWEST]);
		most = fmax(most, row->samples[i].figures[DISK_FASTEST]);
	}
	return (most - least) / row_value(set, row, DISK_THROUGHPUT);
}

/* A guest's and the native row, either of which may be missing. */
struct pair {
	const struct row *guest, *native;
	double ratio;
	/* the worse side's */
	double spread;
};

static double speed(const struct dataset *set, const struct row *row)
{
	return row != NULL ? row_value(set, row, DISK_THROUGHPUT) : (double)NAN;
}

static struct pair pair_of(const struct dataset *set, const struct row *row)
{
	size_t side = (size_t)dataset_axis(set, "side");
	bool guest = strcmp(row->at[side].text, disk_side_names[DISK_GUEST]) == 0;
	const struct row *other = dataset_partner(
		set, row, side, value_word(disk_side_names[guest ? DISK_NATIVE : DISK_GUEST]));
	struct pair pair = {.guest = guest ? row : other, .native = guest ? other : row};

	pair.ratio = speed(set, pair.guest) / speed(set, pair.native);
	pair.spread = spread_of(set, row);
	if (other != NULL)
		pair.spread = fmax(pair.spread, spread_of(set, other));
	return pair;
}

/* Neither goes through the page cache while the other does not, nor one at a time. */
static bool same_path(const struct pair *pair)
{
	const uint64_t way = 1u << DISK_FLAG_BUFFERED | 1u << DISK_FLAG_ONE_AT_A_TIME;

	return ((flags_of(pair->guest) ^ flags_of(pair->native)) & way) == 0;
}

static bool has_both(const struct pair *pair)
{
	return pair->guest != NULL && pair->native != NULL;
}

/* ---- a file's table ---- */

enum {
	GUEST_SPEED,
	GUEST_IOPS,
	NATIVE_SPEED,
	NATIVE_IOPS,
	RATIO,
	WORSE_SPREAD,
	IRQS,
	EXITS,
	BESIDE_FIGURES
};
static const struct figure beside_figures[BESIDE_FIGURES] = {
	[GUEST_SPEED] = {.id = "guest", .unit = UNIT_MB_PER_S, .help = "of the guest"},
	[GUEST_IOPS] = {.id = "guest-iops", .unit = UNIT_COUNT, .help = "records a second"},
	[NATIVE_SPEED] = {.id = "native", .unit = UNIT_MB_PER_S, .help = "of the host"},
	[NATIVE_IOPS] = {.id = "native-iops", .unit = UNIT_COUNT, .help = "records a second"},
	[RATIO] = {.id = "ratio", .unit = UNIT_RATIO, .help = "guest / native"},
	[WORSE_SPREAD] = {.id = "spread",
		.unit = UNIT_PERCENT,
		.help = "largest less smallest batch over the median, the worse side's"},
	[IRQS] = {.id = "irqs", .unit = UNIT_PER_EVENT, .help = "the guest's interrupts a request"},
	[EXITS] = {.id = "exits", .unit = UNIT_PER_EVENT, .help = "its exits a request"},
};

/* Of one side; a native one has no checks. */
static double sum(const struct dataset *set, const struct row *row, size_t figure)
{
	double value = row != NULL ? row_value(set, row, figure) : 0;

	return isnan(value) ? 0 : value;
}

static const char *verified(const struct dataset *set, const struct pair *pair)
{
	double mismatches = sum(set, pair->guest, DISK_MISMATCHES);
	double errors = sum(set, pair->guest, DISK_ERRORS) + sum(set, pair->native, DISK_ERRORS);
	char text[32];

	if (mismatches == 0 && errors == 0)
		return sum(set, pair->guest, DISK_CHECKED) > 0 ? "yes" : "-";
	if (mismatches > 0)
		snprintf(text, sizeof(text), "%.0f BAD", mismatches);
	else
		snprintf(text, sizeof(text), "%.0f ERR", errors);
	return word(text);
}

static void add_pair(
	struct dataset *beside, const struct dataset *set, const struct row *at, struct pair pair)
{
	double record = number_at(set, at, "record");
	double guest = speed(set, pair.guest), native = speed(set, pair.native);
	struct row *row = dataset_row(beside, at->at);
	const struct row *irqs = pair.guest;

	row_sample(beside, row, 0, 1,
		(const double[BESIDE_FIGURES]){[GUEST_SPEED] = guest / 1e6,
			[GUEST_IOPS] = guest / record,
			[NATIVE_SPEED] = native / 1e6,
			[NATIVE_IOPS] = native / record,
			[RATIO] = pair.ratio,
			[WORSE_SPREAD] = 100 * pair.spread,
			[IRQS] = irqs != NULL ? row_value(set, irqs, DISK_IRQS) : (double)NAN,
			[EXITS] = irqs != NULL ? row_value(set, irqs, DISK_EXITS) : (double)NAN});
	row_label(row, "verified", verified(set, &pair));
	if (has_both(&pair) && !same_path(&pair))
		row_label(row, "way", "!");
}

/* Rows of guests, and native ones that no guest stands beside. */
static void say_tables(struct session *session, const struct dataset *set)
{
	struct dataset *beside = dataset_derive(
		set, "disk.beside", "Guest beside native", beside_figures, BESIDE_FIGURES);

	for (size_t i = 0; i < set->n_rows; i++) {
		struct pair pair = pair_of(set, &set->rows[i]);

		if (pair.guest == NULL || pair.guest == &set->rows[i])
			add_pair(beside, set, &set->rows[i], pair);
	}
	document_add(session->document, beside);
	document_view(session->document,
		&(struct view){.heading = "DISK, {file}: guest beside native",
			.dataset = "disk.beside",
			.sections = "file",
			.down = "op,record,depth",
			.across = "guest=guest MB/s,guest-iops=IOPS,native=native MB/s,"
				  "native-iops=IOPS,ratio,way,spread=spread (%),irqs,exits,"
				  "verified"});
}

/* ---- verdicts ---- */

/* Batches differ by so much that another median would have been as likely on the other side. */
static bool undecided(const struct pair *pair, bool reached, double wanted)
{
	return pair->spread > SPREAD_MAX ||
	       (!reached && pair->ratio * (1 + pair->spread / 2) >= wanted);
}

static void judge_goal(struct session *session, const struct dataset *set, const struct pair *pair,
	const struct goal *goal)
{
	const struct row *row = pair->guest;
	bool reached = pair->ratio >= goal->ratio;
	enum outcome outcome = reached ? OUTCOME_GOOD : OUTCOME_BAD;
	char but[80] = "";

	if (!same_path(pair))
		snprintf(but, sizeof(but), "; but they do not take the same way to the file");
	else if (undecided(pair, reached, goal->ratio))
		snprintf(but, sizeof(but), ", which cannot be said: batches differ by %.0f %%",
			100 * pair->spread);
	if (but[0] != '\0')
		outcome = OUTCOME_UNKNOWN;
	document_judge(session->document,
		(struct judgement){.id = "share-of-native",
			.at = row_name(set, row),
			.outcome = outcome,
			.value = pair->ratio,
			.limit = goal->ratio,
			.unit = UNIT_RATIO},
		"%s of %.0f KiB at depth %.0f, %.0f MiB: the guest reaches %.0f %% of native; "
		"asked: %.0f %%%s",
		op_of(set, row), number_at(set, row, "record") / 1024, number_at(set, row, "depth"),
		number_at(set, row, "file") / (1 << 20), 100 * pair->ratio, 100 * goal->ratio, but);
}

static void judge_row(struct session *session, const struct dataset *set, const struct row *row)
{
	struct pair pair = pair_of(set, row);

	if (pair.guest != row || pair.native == NULL)
		return;
	for (size_t i = 0; i < sizeof(goals) / sizeof(goals[0]); i++)
		if (strcmp(op_of(set, row), disk_op_names[goals[i].op]) == 0 &&
			number_at(set, row, "record") == (double)goals[i].record &&
			(goals[i].depth == 0 || number_at(set, row, "depth") == goals[i].depth))
			judge_goal(session, set, &pair, &goals[i]);
}

static bool any_flagged(const struct dataset *set, unsigned flag)
{
	for (size_t i = 0; i < set->n_rows; i++)
		if (is_flagged(&set->rows[i], flag))
			return true;
	return false;
}

static void judge_goals(struct session *session, const struct dataset *set)
{
	if (any_flagged(set, DISK_FLAG_IN_MEMORY))
		document_judge(session->document,
			(struct judgement){.id = "in-memory",
				.at = "",
				.outcome = OUTCOME_UNKNOWN,
				.value = (double)NAN,
				.limit = (double)NAN},
			"The file is in memory (tmpfs): these are no figures of a disk; "
			"--dir DIR puts it elsewhere");
	for (size_t i = 0; i < set->n_rows; i++)
		judge_row(session, set, &set->rows[i]);
}

static void judge_data(struct session *session, const struct dataset *set)
{
	double checked = 0, mismatches = 0, failed = 0;
	struct judgement judgement = {.id = "data", .at = "", .limit = 0, .unit = UNIT_COUNT};

	for (size_t i = 0; i < set->n_rows; i++) {
		checked += sum(set, &set->rows[i], DISK_CHECKED);
		mismatches += sum(set, &set->rows[i], DISK_MISMATCHES);
		failed += sum(set, &set->rows[i], DISK_ERRORS);
	}
	judgement.outcome = mismatches == 0 ? OUTCOME_GOOD : OUTCOME_BAD;
	judgement.value = mismatches;
	if (checked + mismatches > 0)
		document_judge(session->document, judgement,
			"%.0f of %.0f records that were verified had the right checksum",
			checked - mismatches, checked);
	judgement.id = "requests";
	judgement.outcome = OUTCOME_BAD;
	judgement.value = failed;
	if (failed > 0)
		document_judge(session->document, judgement, "%.0f requests failed", failed);
}

/* ---- curves ---- */

static void say_curves(struct session *session)
{
	document_view(session->document, &(struct view){.heading = "Disk: {op}",
						 .dataset = "disk.throughput",
						 .sections = "op",
						 .down = "record",
						 .across = "throughput",
						 .series = "side,file",
						 .form = "lines",
						 .flags = VIEW_LOG_X});
}

/* ---- notes ---- */

static bool ways_differ(const struct dataset *set)
{
	for (size_t i = 0; i < set->n_rows; i++) {
		struct pair pair = pair_of(set, &set->rows[i]);

		if (has_both(&pair) && !same_path(&pair))
			return true;
	}
	return false;
}

static void say_paths(struct session *session, const struct dataset *set)
{
	if (any_flagged(set, DISK_FLAG_BUFFERED))
		document_note(session->document,
			"This file cannot be accessed directly (O_DIRECT): it goes through the "
			"host's page cache, and these are figures of memory.");
	if (any_flagged(set, DISK_FLAG_ONE_AT_A_TIME))
		document_note(session->document,
			"Without io_uring, which this host does not have or does not allow, "
			"requests are carried out one at a time, whatever the depth.");
	if (ways_differ(set))
		document_note(session->document,
			"!: guest and native do not take the same way to the file.");
}

static void say_method(struct session *session)
{
	document_note(session->document,
		"Medians over launches in a drawn order, each of several batches; a batch is every "
		"record once, MB are 10^6 bytes. Both sides take the records in the same order and "
		"keep as many in flight (depth), at most %u MiB of them. Writes end with a flush "
		"of the medium's cache inside the time, as iozone -e; write is onto blocks the "
		"file system has not written before%s, rewrite over data. Native is a thread on "
		"the CPU of the monitor's disk thread.",
		(unsigned)(DISK_IN_FLIGHT_MAX >> 20),
		session->context->machine.disk_path != NULL
			? " (not here: an image of yours is left as it is)"
			: "");
	document_note(session->document,
		"spread: largest less smallest batch over the median, the worse side's. irqs, "
		"exits: the guest's a request, exits to userspace at the disk's registers. "
		"verified: after each launch of a guest, outside the time, what the guest wrote is "
		"read and checked by this process, and what it reads has been written by this "
		"process.");
	document_note(session->document,
		"A host that is a guest itself has a disk that others cache and limit: figures "
		"above the medium's own are its caches', and they change from minute to minute.");
}

static void say_errors(struct session *session, const struct dataset *set)
{
	for (size_t i = 0; i < set->n_rows; i++) {
		const struct row *row = &set->rows[i];

		if (row_text(row, "errors") != NULL)
			document_note(session->document, "errors: %s, records of %.0f KiB: %s",
				op_of(set, row), number_at(set, row, "record") / 1024,
				row_text(row, "errors"));
	}
}

void disk_conclude(struct session *session)
{
	struct dataset *set = session_set(session, "throughput");

	if (set == NULL)
		return;
	if (set->n_rows > 0)
		say_tables(session, set);
	judge_goals(session, set);
	judge_data(session, set);
	say_errors(session, set);
	say_paths(session, set);
	say_method(session);
	if (set->n_rows > 0)
		say_curves(session);
}
