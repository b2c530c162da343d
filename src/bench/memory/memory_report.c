/* SPDX-License-Identifier: BSD-2-Clause */
/* What `tickvm bench memory` says: a summary by cache, what pages cost, first touch, and the
 * curves. */
#include "../agreement.h"
#include "../sides.h"
#include "bench_memory.h"

#include "tickvm/host.h"
#include "tickvm/word.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* ---- rows ---- */

static const char *text_at(const struct dataset *set, const struct row *row, const char *axis)
{
	return row->at[dataset_axis(set, axis)].text;
}

static bool is_guest(const struct dataset *set, const struct row *row)
{
	return strcmp(text_at(set, row, "side"), side_names[SIDE_GUEST]) == 0;
}

static const struct row *native_of(const struct dataset *set, const struct row *guest)
{
	return dataset_partner(
		set, guest, (size_t)dataset_axis(set, "side"), value_word(side_names[SIDE_NATIVE]));
}

/* "guest 2m/huge", "native huge". */
static const char *name_of(const struct dataset *set, const struct row *row)
{
	char name[64];

	if (is_guest(set, row))
		snprintf(name, sizeof(name), "guest %s/%s", text_at(set, row, "pages"),
			text_at(set, row, "backing"));
	else
		snprintf(name, sizeof(name), "native %s", text_at(set, row, "backing"));
	return word(name);
}

/* Rows whose vector stands for a cache or for RAM say so; those beyond L2 are what pages are
 * shown of. */
static void label_regions(struct dataset *set, const struct memory_caches *caches)
{
	size_t bytes = (size_t)dataset_axis(set, "bytes"), max = (size_t)dataset_axis(set, "max");

	for (size_t i = 0; i < set->n_rows; i++) {
		struct row *row = &set->rows[i];

		for (enum memory_region region = 0; region < MEMORY_REGIONS; region++) {
			int length =
				memory_region_length(caches, (size_t)row->at[max].number, region);

			if (length < 0 || row->at[bytes].number !=
						  (double)((uint64_t)WORKLOAD_MEMORY_MIN << length))
				continue;
			row_label(row, "from", memory_region_names[region]);
			if (region >= REGION_L3)
				row_label(row, "beyond L2", "yes");
		}
	}
}

static bool has_region(const struct dataset *set, const char *label)
{
	for (size_t i = 0; i < set->n_rows; i++)
		if (row_text(&set->rows[i], label) != NULL)
			return true;
	return false;
}

static void label_names(struct dataset *set)
{
	for (size_t i = 0; i < set->n_rows; i++)
		row_label(&set->rows[i], "memory", name_of(set, &set->rows[i]));
}

/* ---- the summary ---- */

enum { GUEST_SPEED, NATIVE_SPEED, RATIO, WORSE_SPREAD, SUMMARY_FIGURES };
static const struct figure summary_figures[SUMMARY_FIGURES] = {
	[GUEST_SPEED] = {.id = "guest", .unit = UNIT_BYTES_PER_S, .help = "of the guest"},
	[NATIVE_SPEED] = {.id = "native", .unit = UNIT_BYTES_PER_S, .help = "of the host"},
	[RATIO] = {.id = "ratio", .unit = UNIT_RATIO, .help = "guest / native, 1 is no loss"},
	[WORSE_SPREAD] = {.id = "spread",
		.unit = UNIT_PERCENT,
		.help = "largest less smallest batch over the median, the worse of the two"},
};

static void add_pair(struct dataset *summary, const struct dataset *set, const struct row *guest)
{
	const struct row *native = native_of(set, guest);
	double g = row_value(set, guest, MEMORY_BANDWIDTH);
	double n = native != NULL ? row_value(set, native, MEMORY_BANDWIDTH) : (double)NAN;
	double spread = row_value(set, guest, MEMORY_SPREAD);
	struct row *row = dataset_row(summary, guest->at);

	if (native != NULL)
		spread = fmax(spread, row_value(set, native, MEMORY_SPREAD));
	row_sample(summary, row, 0, 1,
		(const double[SUMMARY_FIGURES]){[GUEST_SPEED] = g,
			[NATIVE_SPEED] = n,
			[RATIO] = g / n,
			[WORSE_SPREAD] = spread});
	row_label(row, "from", row_text(guest, "from"));
}

/* The first guest there is: 2m/huge unless the user left it out. */
static void say_summary(struct session *session, const struct dataset *set)
{
	struct dataset *summary = dataset_derive(set, "memory.summary",
		"Bandwidth of memory by cache", summary_figures, SUMMARY_FIGURES);
	const char *first = NULL;
	char heading[160];

	for (size_t i = 0; i < set->n_rows; i++) {
		const struct row *row = &set->rows[i];

		if (!is_guest(set, row))
			continue;
		if (first == NULL)
			first = name_of(set, row);
		if (row_text(row, "from") != NULL && name_of(set, row) == first)
			add_pair(summary, set, row);
	}
	snprintf(heading, sizeof(heading),
		"MEMORY BANDWIDTH, %s beside native (GB/s, medians of {batches} batches[, {rounds} "
		"rounds])",
		first != NULL ? first : "guest");
	document_add(session->document, summary);
	document_view(session->document, &(struct view){.heading = heading,
						 .dataset = "memory.summary",
						 .down = "op,from,bytes,vcpus",
						 .across = "guest,native,ratio,spread=spread (%)"});
	if (!has_region(set, "from"))
		document_note(session->document,
			"The host does not say how large its caches are; --full has all vector "
			"lengths.");
	document_note(session->document,
		"Bytes read plus bytes written, of all vCPUs or threads. rmw reads and writes "
		"each; "
		"memcpy reads one half of the vector and writes the other. memset is REP STOSB, "
		"memcpy REP MOVSB, the others SSE2. ratio: guest / native, 1 is no loss. spread: "
		"largest less smallest batch over the median, the worse of guest and native.");
}

/* ---- verdicts ---- */

static void judge_reads(struct session *session, const struct dataset *set, const struct row *row)
{
	static const enum outcome outcomes[] = {[VERDICT_GOOD] = OUTCOME_GOOD,
		[VERDICT_BAD] = OUTCOME_BAD,
		[VERDICT_UNKNOWN] = OUTCOME_UNKNOWN};
	const struct row *native = native_of(set, row);
	const char *from = row_text(row, "from");
	char text[64];

	if (native == NULL || from == NULL)
		return;
	struct agreement a = agreement_between(set, native, row, MEMORY_BANDWIDTH);

	if (a.n == 0)
		return;
	document_judge(session->document,
		(struct judgement){.id = "agreement",
			.at = row_name(set, row),
			.outcome = outcomes[agreement_verdict(&a, AGREEMENT_TOLERANCE)],
			.value = a.ratio,
			.limit = AGREEMENT_TOLERANCE,
			.unit = UNIT_RATIO},
		"reads from %s: %s of native speed, by %zu pairs in turn with its 95 %% interval; "
		"asked: within %.0f %% on an idle host",
		from, agreement_text(text, sizeof(text), &a), a.n, 100 * AGREEMENT_TOLERANCE);
}

static bool is_flagged(const struct row *row)
{
	for (size_t i = 0; i < row->n_samples; i++)
		if (row->samples[i].flags != 0)
			return true;
	return false;
}

static void judge_pages(struct session *session, const struct dataset *set, const struct row *row)
{
	struct host_facts facts;
	double share = row_value(set, row, MEMORY_HUGE_SHARE);

	host_facts_read(&facts);
	document_judge(session->document,
		(struct judgement){.id = "huge-pages",
			.at = name_of(set, row),
			.outcome = OUTCOME_BAD,
			.value = share,
			.limit = 50,
			.unit = UNIT_PERCENT},
		"%s, %s at once: %.0f %% of its memory is in huge pages (transparent huge pages: "
		"%s); its figures are of ordinary ones",
		name_of(set, row), text_at(set, row, "vcpus"), isnan(share) ? 0 : share,
		facts.thp[0] != '\0' ? facts.thp : "unknown");
}

/* A launch has many rows. */
static bool is_same_launch(const struct dataset *set, const struct row *a, const struct row *b)
{
	return name_of(set, a) == name_of(set, b) &&
	       text_at(set, a, "vcpus") == text_at(set, b, "vcpus");
}

static void say_verdicts(
	struct session *session, const struct dataset *pairs, const struct dataset *set)
{
	for (size_t i = 0; pairs != NULL && i < pairs->n_rows; i++)
		if (is_guest(pairs, &pairs->rows[i]))
			judge_reads(session, pairs, &pairs->rows[i]);
	for (size_t i = 0; set != NULL && i < set->n_rows; i++)
		if (is_flagged(&set->rows[i]) &&
			(i == 0 || !is_same_launch(set, &set->rows[i], &set->rows[i - 1])))
			judge_pages(session, set, &set->rows[i]);
}

/* ---- curves ---- */

static void say_charts(struct session *session)
{
	document_view(
		session->document, &(struct view){.heading = "Bandwidth of {op}, {vcpus} at once",
					   .dataset = "memory.bandwidth",
					   .sections = "op,vcpus",
					   .down = "bytes",
					   .across = "bandwidth",
					   .series = "side,pages,backing",
					   .form = "lines",
					   .flags = VIEW_LOG_X});
}

static void say_pages(struct session *session, const struct dataset *set)
{
	if (!has_region(set, "beyond L2"))
		return;
	document_view(session->document,
		&(struct view){
			.heading = "PAGES: the guest's own, the host's below {backing}, {vcpus} at "
				   "once (GB/s)",
			.dataset = "memory.bandwidth",
			.sections = "vcpus,backing",
			.down = "op,from,bytes",
			.across = "bandwidth",
			.series = "side,pages",
			.where = "beyond L2"});
}

static void say_tables(struct session *session)
{
	document_view(session->document,
		&(struct view){.heading = "{op}, {vcpus} at once, {backing} (GB/s)",
			.dataset = "memory.bandwidth",
			.sections = "op,vcpus,backing",
			.down = "bytes",
			.across = "bandwidth",
			.series = "side,pages"});
}

/* ---- first touch ---- */

static void add_ratios(struct session *session, struct dataset *set)
{
	(void)session;
	for (size_t i = 0; i < set->n_rows; i++) {
		const struct row *native =
			is_guest(set, &set->rows[i]) ? native_of(set, &set->rows[i]) : NULL;
		char ratio[32];

		if (native == NULL)
			continue;
		snprintf(ratio, sizeof(ratio), "%.2f",
			row_value(set, &set->rows[i], MEMORY_FIRST_TOUCH) /
				row_value(set, native, MEMORY_FIRST_TOUCH));
		row_label(&set->rows[i], "guest/native", ratio);
	}
}

static void say_first_touch(struct session *session, struct dataset *set)
{
	struct host_facts facts;

	host_facts_read(&facts);
	label_names(set);
	add_ratios(session, set);
	document_view(session->document,
		&(struct view){.heading = "FIRST TOUCH: a store to each page of memory nobody "
					  "touched before",
			.dataset = "memory.first-touch",
			.down = "vcpus=at once,side,pages,backing",
			.across =
				"first-touch=4 KiB (us),least=least (us),touch-2m=2 MiB (us),guest/"
				"native,huge=huge (MiB)"});
	document_view(session->document, &(struct view){.heading = "First touch of a 4 KiB page",
						 .dataset = "memory.first-touch",
						 .down = "memory",
						 .across = "first-touch",
						 .series = "vcpus",
						 .form = "bars",
						 .flags = VIEW_LOG_Y});
	document_note(session->document,
		"Medians of %" PRIu64 " batches of %" PRIu64
		" MiB each. Native, a page is the host kernel's to find, clear and map; in a guest "
		"KVM maps it once more. Just before, the host gave out and took back as much: what "
		"a hypervisor below it takes for memory new to it is not in the figures. "
		"guest/native: of times. huge: what of the memory was in transparent huge pages at "
		"the end (host setting: %s).",
		MEMORY_TOUCH_ROUNDS, MEMORY_TOUCH_BYTES >> 20,
		facts.thp[0] != '\0' ? facts.thp : "unknown");
}

/* ---- the page ---- */

static void say_limits(struct session *session, const struct memory_caches *caches)
{
	document_note(session->document,
		"Vectors stand for caches by a quarter of their size (L1 %" PRIu64
		" KiB, L2 %" PRIu64 " KiB, L3 %" PRIu64
		" MiB, as the host's kernel says), for RAM by the longest one, when at least twice "
		"the last cache. Caches shared with others, and other guests' use of memory, are "
		"in "
		"the figures.",
		caches->l1d >> 10, caches->l2 >> 10, caches->l3 >> 20);
	document_note(session->document,
		"Both sides run the same object code, at CPL 3, in threads pinned alike; a batch "
		"lasts from the first vCPU's beginning to the last one's end, on TSCs taken as "
		"synchronised. Native has no pages of its own beside the host's, so each guest is "
		"compared with the native run of the same backing. With as many vCPUs as CPUs, the "
		"timer thread and the rest of the host share a CPU with a vCPU: see the spread.");
}

void memory_conclude(struct session *session)
{
	const struct memory_parameters *parameters = session->parameters;
	struct dataset *bandwidth = session_set(session, "bandwidth");
	struct dataset *touch = session_set(session, "first-touch");
	struct dataset *pairs = session_set(session, "pairs");
	struct memory_caches caches;

	memory_caches_of(&caches, session->context);
	if (pairs != NULL)
		label_regions(pairs, &caches);
	if (bandwidth != NULL) {
		label_regions(bandwidth, &caches);
		say_summary(session, bandwidth);
	}
	say_verdicts(session, pairs, bandwidth);
	if (bandwidth != NULL) {
		say_charts(session);
		say_pages(session, bandwidth);
	}
	if (touch != NULL)
		say_first_touch(session, touch);
	say_limits(session, &caches);
	if (bandwidth != NULL && (parameters->full || session->context->csv != NULL))
		say_tables(session);
}
