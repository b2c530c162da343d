/* SPDX-License-Identifier: BSD-2-Clause */
/* A comparison, for its own files: the figures of both sides, and what was decided of each metric.
 */
#ifndef BENCH_COMPARE_H
#define BENCH_COMPARE_H

#include "gate.h"
#include "permutation.h"

#include "tickvm/compare.h"

enum outcome {
	OUTCOME_SAME,
	OUTCOME_BELOW, /* a difference, and less than counts */
	OUTCOME_BETTER,
	OUTCOME_WORSE,
	OUTCOME_INCONCLUSIVE,
	OUTCOME_SHOWN
};
extern const char *const outcome_names[]; /* as tables and results files have them */

struct compared {
	const char *name, *unit; /* the documents' */
	bool higher_is_better, gated;
	double *old, *fresh; /* one figure a round; fresh's divided by host_speed */
	double host_speed;   /* 1: nothing is known of it, or it does not matter */
	size_t n_old, n_fresh;
	double old_median, fresh_median; /* NAN: no rounds */
	double change;                   /* fresh - old; with blocks their median */
	double wander;                 /* how far one side moved by itself, while it was measured */
	double margin_up, margin_down; /* what a rise and a fall must reach to count */
	struct permutation test;
	double p, least; /* the test's, after Holm's correction */
	bool bounded;    /* a difference above the margins can be excluded */
	enum outcome outcome;
};

struct comparison {
	json_t *documents[2]; /* kept: names and units are theirs */
	const char *names[2];
	struct compared *metrics;
	size_t n;
	json_t *only[2];   /* names of metrics that one side alone has */
	json_t *unguarded; /* what should be gated and is not: names, "FILE:LINE: [gate ...]" */
	struct gates gates;
	double alpha;       /* family-wise, of this look */
	size_t block;       /* as permutation_test(); 0: the sides were measured apart */
	unsigned looks;     /* taken; 0: two files as they are */
	unsigned looks_max; /* each has as much of the level */
	double host_moved; /* fresh's bare exit over old's, less 1: the host itself; NAN: unknown */
	size_t rounds;     /* of each side, at this look */
	char forced[512];  /* how the hosts differ; "": they do not */
	bool strict;
};

/* An empty one: settings read, rules too. NULL with *err and diag set: they are wrong. */
struct comparison *comparison_create(
	const struct compare_settings *settings, int *err, struct diag *diag);

/* Takes the metrics of both documents (kept, not taken over) and decides. names: what messages call
 * the two. rounds: how many values a metric must have, in blocks; 0: any number, no blocks. May be
 * called again with longer documents. */
int comparison_judge(struct comparison *comparison, json_t *const documents[2],
	const char *const names[2], size_t rounds, struct diag *diag);

/* -EINVAL with how they differ in diag, unless force: then it is kept for the page. */
int comparison_check_hosts(struct comparison *comparison, json_t *const documents[2],
	const char *const names[2], bool force, struct diag *diag);

/* Is each gated metric decided? */
bool comparison_is_decided(const struct comparison *comparison);

/* ---- compare_looks.c ---- */

/* Rounds that are added until all is decided: looks are taken at first, at max and twice between.
 */
struct looks {
	unsigned first, max; /* rounds; equal: one look */
	size_t block;        /* as permutation_test() */
	/* Sees to it that there are so many rounds. 0 or a negative errno with diag. */
	int (*reach)(void *user, unsigned rounds, struct diag *diag);
	void *user;
};

/* Judges documents, which reach() makes longer, as comparison_judge(). The level is shared out
 * equally among the looks (Bonferroni), so that looking early costs no false alarms, whenever it
 * ends. What reach() returned, and looks counts those that were taken before. */
int comparison_take_looks(struct comparison *comparison, json_t *const documents[2],
	const char *const names[2], const struct looks *looks, struct diag *diag);

/* The same with a comparison of its own: there after an error too, if a look had been taken. */
int compare_growing(struct comparison **comparison, json_t *const documents[2],
	const char *const names[2], const struct looks *looks,
	const struct compare_settings *settings, struct diag *diag);

/* ---- compare_read.c ---- */

/* Checks member "metrics" of a results document, which may be anybody's. *index: by name (borrowed
 * values, json_decref() it). -EINVAL with name and position in diag. */
int compare_read_metrics(
	const json_t *document, const char *name, json_t **index, struct diag *diag);

/* How much longer a bare exit took in the second document's sweep than in the first's, as a share;
 * NAN: one is no sweep, or did not measure it. */
double compare_host_moved(json_t *const documents[2]);
/* How the hosts of two documents differ in what decides figures; "": not at all. */
void compare_hosts(json_t *const documents[2], char *text, size_t size);

/* ---- compare_pair.c ---- */

/* Fills metrics and only from the documents, which are checked; index: their metrics by name. */
int compare_pair_up(
	struct comparison *comparison, json_t *const index[2], size_t rounds, struct diag *diag);

#endif
