/* SPDX-License-Identifier: BSD-2-Clause */
/* What a results file holds: datasets, what was not measured, what is judged, and what of it is
 * shown in which order. Files of schema tickvm-results/2 (docs/results.md), and those of /1
 * converted. */
#ifndef TICKVM_DOCUMENT_H
#define TICKVM_DOCUMENT_H

#include "tickvm/dataset.h"
#include "tickvm/diag.h"

#include <stdio.h>

/* ---- what is shown ---- */

#define VIEW_JOINS (1u << 0) /* goes with the view before it, section by section */
#define VIEW_LOG_X (1u << 1)
#define VIEW_LOG_Y (1u << 2)

/* A selection of a dataset, as a table or chart. Lists are of identities with commas; "id=Title"
 * renames, "id*" takes all that begin so, "id:spread" is of the rounds. NULL: empty, or the
 * default. */
struct view {
	const char *heading;  /* {axis}, {axis:plain}, its number without a unit, and {rounds} are
				 replaced;  [text]: left out with one round */
	const char *dataset;  /* its identity */
	const char *sections; /* axes: a table for each of their values */
	const char *down; /* axes and labels that name a row; those that vary and no list names come
			     first */
	const char *across; /* figures and labels; NULL: all figures but details */
	const char *series; /* axes that become columns, bars or lines */
	const char *where;  /* "op=read", or a label that rows must have */
	const char *form;   /* NULL: "table" */
	unsigned flags;
};

/* ---- what is judged ---- */

enum outcome { OUTCOME_UNKNOWN, OUTCOME_GOOD, OUTCOME_BAD };

struct judgement {
	const char *id, *at; /* what is judged; the row's axes as "axis=value axis=value", or "" */
	enum outcome outcome;
	double value, limit; /* NAN: none */
	enum unit unit;
	const char *text; /* the sentence for people */
};

enum item_kind { ITEM_HEADING, ITEM_NOTE, ITEM_VIEW, ITEM_VERDICT };
struct item {
	enum item_kind kind;
	const char *text; /* of a heading or note */
	struct view view;
	struct judgement judgement;
};

/* ---- what was not measured ---- */

enum skip_kind {
	SKIP_UNAVAILABLE, /* this host cannot */
	SKIP_FAILED,      /* it should have been measured */
	SKIP_INTERRUPTED, /* the user stopped it */
};
struct skip {
	const char *dataset, *at;
	enum skip_kind kind;
	const char *reason;
};

struct document {
	json_t *about; /* members that are nobody's business here: build, command_line, clock, seed
			*/
	json_t *invocations; /* one a run of tickvm: time, host, loads, order */
	struct dataset **sets;
	struct item *items;
	struct skip *skips;
	size_t n_sets, n_items, n_skips;
	int status; /* what the experiment ended with */
	bool interrupted, unfinished;
};

/* As for datasets: without memory the process ends with a sentence. */
struct document *document_create(void);
void document_destroy(struct document *document); /* NULL is fine */
/* Takes it over. */
void document_add(struct document *document, struct dataset *set);
struct dataset *document_set(const struct document *document, const char *id); /* NULL: none */
__attribute__((format(printf, 2, 3))) void document_heading(
	struct document *document, const char *format, ...);
__attribute__((format(printf, 2, 3))) void document_note(
	struct document *document, const char *format, ...);
void document_view(struct document *document, const struct view *view);
/* judgement.text is set from the format. */
__attribute__((format(printf, 3, 4))) void document_judge(
	struct document *document, struct judgement judgement, const char *format, ...);
/* Said once for each dataset and place. */
void document_skip(struct document *document, const struct skip *skip);

/* ---- files ---- */

/* To path as tickvm/output.h says. 0 or a negative errno. */
int document_write(const struct document *document, const char *path, struct diag *diag);
/* Of a parsed results file of either schema. -EINVAL: path, where, and what was expected in diag.
 */
int document_from_json(
	struct document **document, const json_t *root, const char *path, struct diag *diag);

#endif
