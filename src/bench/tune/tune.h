/* SPDX-License-Identifier: BSD-2-Clause */
/* The search of tickvm tune without its measuring: which machines are tried, which of them are
 * worth having, which one is recommended, and how that is written down. */
#ifndef BENCH_TUNE_H
#define BENCH_TUNE_H

#include "../compare/permutation.h"
#include "../results.h"

#include "tickvm/cell.h"
#include "tickvm/tune.h"

enum tune_knob {
	TUNE_HALT_POLL,
	TUNE_SPIN,
	TUNE_ADVANCE,
	TUNE_PLACE, /* --pin and --timer-cpu together */
	TUNE_TIMER_PRIORITY,
	TUNE_VCPU_PRIORITY,
	TUNE_QUIET_WINDOW,
	TUNE_KNOBS
};

/* What there is to choose from. */
struct tune_space {
	struct vm_config machine; /* as the user gave it: what differs from the defaults stays */
	uint64_t interval_ns;
	bool thread;                        /* the source is our timer thread's */
	bool dedicated;                     /* the source is the dedicated timer */
	bool interrupts;                    /* the load interrupts the guest */
	bool fifo;                          /* this process may use SCHED_FIFO */
	int cpus[VM_MAX_VCPUS + 1], n_cpus; /* that this process may use, in their order */
};

/* -EINVAL with what was expected in diag. */
int tune_space_read(
	struct tune_space *space, const struct tune_request *request, struct diag *diag);

/* For each knob which of its values; 0: as the machine was given. */
struct tune_choice {
	unsigned char value[TUNE_KNOBS];
};

/* How many values the knob has here, the given one included: 1 means that it is not searched. */
unsigned tune_values(const struct tune_space *space, enum tune_knob knob);
struct vm_config tune_machine(const struct tune_space *space, struct tune_choice choice);

#define TUNE_POINTS_MAX 64
#define TUNE_ROUNDS_MAX 60
#define TUNE_ROUNDS_MIN 3 /* before a point may be on the front */

struct tune_point {
	struct tune_choice choice;
	double p999[TUNE_ROUNDS_MAX]; /* lateness of a round, ns */
	double cpu[TUNE_ROUNDS_MAX];  /* CPU seconds a second of guest time */
	size_t rounds;
	double p999_median, p999_min, p999_max, cpu_median; /* tune_judge() */
	unsigned dominators; /* points that are no worse in both figures and better in one */
	bool front;          /* measured often enough, and there are none */
	bool dropped;        /* this host cannot run it */
};

struct tune_search {
	struct tune_space space;
	struct tune_point points[TUNE_POINTS_MAX]; /* [0]: the reference, all knobs as given */
	size_t n;
};

/* The reference, then one point for each other value of each knob. */
void tune_add_coordinates(struct tune_search *search);
/* Combinations of what served alone: the least late value of every knob, the cheapest, and the
 * least late ones with one knob at its cheapest. Points that are there already are not added. */
void tune_add_combinations(struct tune_search *search);

/* Medians, domination and the front of all points with TUNE_ROUNDS_MIN rounds. */
void tune_judge(struct tune_search *search);
/* The indices of the keep best points (fewest dominators, then least late), the reference always
 * among them, in ascending order. Returns how many. */
size_t tune_survivors(
	const struct tune_search *search, size_t keep, size_t survivors[TUNE_POINTS_MAX]);

#define TUNE_TOLERANCE        0.10 /* this much later than the least late is as good */
#define TUNE_TOLERANCE_MIN_NS 200.0

/* The cheapest point of the front that is nearly as punctual as its best one; NULL: no front. */
const struct tune_point *tune_recommend(const struct tune_search *search);
/* p of the hypothesis that both are equally late; 1 where it cannot be computed. */
double tune_same_p(const struct tune_point *a, const struct tune_point *b);

/* ---- written down ---- */

struct tune_text {
	char key[24], value[96];
};
#define TUNE_TEXTS_MAX 12
/* The options that make this machine, as --key value or key = value. Returns how many. */
unsigned tune_texts(const struct vm_config *machine, struct tune_text texts[TUNE_TEXTS_MAX]);
/* "--halt-poll 200us --pin 0 ..."; lines: a backslash and a new line after every fourth. */
void tune_command(const struct vm_config *machine, bool lines, char *text, size_t size);
/* The options of a point that the search did not begin with; of point 0: "as it began". */
void tune_difference(const struct tune_search *search, size_t point, char *text, size_t size);
/* A machine description for --config, with comment (one line) above it. */
int tune_write_ini(
	const struct vm_config *machine, const char *comment, const char *path, struct diag *diag);

/* ---- tune_run.c ---- */

/* CPU time of this process, all threads: user, system and guest time; and the time that its guests
 * have run for. */
struct tune_cost {
	double cpu_s, guest_s;
};

/* What the search needs of the world. Tests bring one whose clock goes as they say. */
struct tune_world {
	/* As cell_run(). */
	int (*run)(const struct cell *cell, json_t **document, struct diag *diag);
	uint64_t (*now_ns)(void); /* of a clock that only goes forwards */
	struct tune_cost (*cost_now)(void);
};
/* tune() in it. */
int tune_in(const struct tune_world *world, const struct tune_request *request);

/* ---- tune_page.c ---- */

struct tune_result {
	const struct tune_request *request;
	const struct tune_search *search;
	unsigned events; /* a round */
	int status;
};
struct page *tune_page(const struct tune_result *result, const struct host_facts *facts);
/* Member "tune" of results files. NULL: no memory. */
json_t *tune_json(const struct tune_result *result, const struct host_facts *facts);

#endif
