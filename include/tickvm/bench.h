/* SPDX-License-Identifier: BSD-2-Clause */
/* The experiments as the launcher sees them. */
#ifndef TICKVM_BENCH_H
#define TICKVM_BENCH_H

#include "tickvm/vm.h"

#include <jansson.h>
#include <stdio.h>

/* An option of the machine that was given a list: "kernel,user". */
struct axis_list {
	const char *axis, *values;
};
#define AXIS_LISTS_MAX 16

struct bench_context {
	struct vm_config machine;
	uint64_t machine_set; /* BENCH_SET_*: which machine options the user gave */
	const char *json, *csv,
		*markdown;  /* FILE of each, or NULL; "-": stdout, then no text tables */
	json_t **collect;   /* not NULL: the results document goes here instead (NULL: no memory) */
	struct diag *check; /* not NULL: nothing but a look whether the options are right; what is
			       wrong with them goes here instead of standard error */
	const struct axis_list *lists; /* only for experiments whose every option is an axis */
	size_t n_lists;
	bool quiet, verbose;
	bool sandbox; /* this process is confined, or those that the experiment starts are to be */
	const char *command_line; /* recorded with the results */
};
#define BENCH_SET_IRQCHIP   (1u << 0)
#define BENCH_SET_PIN       (1u << 1)
#define BENCH_SET_TIMER_CPU (1u << 2)
#define BENCH_SET_HALT_POLL (1u << 3)
#define BENCH_SET_MEM       (1u << 4)
#define BENCH_SET_TIMEOUT   (1u << 5)
#define BENCH_SET_VCPUS     (1u << 6)
#define BENCH_SET_KERNEL    (1u << 7)
#define BENCH_SET_PIN_BOTH  (1u << 8) /* --pin both; only for experiments that take it */
/* --quiet-window on, off or a list of both; only for experiments that take it. */
#define BENCH_SET_QUIET_ON  (1u << 9)
#define BENCH_SET_QUIET_OFF (1u << 10)

/* One experiment: `tickvm bench NAME`. run parses its own options (machine holds the machine
 * options already parsed by the launcher, argv what was left, argv[0] the name), prints tables on
 * out, writes JSON where told, and returns an exit status: 0, 1, 2, 77 or 130. */
struct bench {
	const char *name;
	const char *summary; /* one line, for `bench list` */
	const char *help;    /* its own options */
	int (*run)(struct bench_context *context, int argc, char **argv);
	/* Every option of the machine may be a list, where this is one of the driver's. */
	const struct experiment *experiment;
	bool takes_pin_both;   /* unpinned vCPUs and pinned ones, one after the other */
	bool takes_quiet_list; /* runs with a quiet window and without */
	/* What it does that the sandbox must know of: */
	bool makes_files;   /* scratch files, in --dir or $TMPDIR */
	bool forks;         /* processes of its own */
	bool starts_itself; /* tickvm anew: those are confined, and not who starts them */
};

extern const struct bench *const benches[]; /* ends with NULL; in src/bench/registry.c */

/* What the launcher's SIGINT handler calls, and nothing that it may not: guests that run are
 * stopped, experiments see the flag, stop and write what they have. */
void bench_interrupt(void);
extern _Atomic int bench_interrupted;

#endif
