/* SPDX-License-Identifier: BSD-2-Clause */
/* The options, the same on the command line and in a configuration file: one table says what there
 * is, and parsing, --help and the tests of man page and completion all read it. It starts nothing.
 */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include "tickvm/bench.h"
#include "tickvm/compare.h"
#include "tickvm/dataset.h"
#include "tickvm/ini_file.h"
#include "tickvm/sandbox.h"

#include <stddef.h>
#include <stdio.h>

enum command {
	COMMAND_RUN = 1,
	COMMAND_TRACE = 2,
	COMMAND_BENCH = 4,
	COMMAND_DOCTOR = 8,
	COMMAND_REPORT = 16,
	COMMAND_COMPARE = 256,
	COMMAND_SWEEP = 32,
	COMMAND_MERGE = 64,
	COMMAND_BISECT = 1024,
	COMMAND_TUNE = 512,
	COMMAND_CELL = 128, /* no command: what a cell in a sweep's file may say */
};
#define COMMANDS_MACHINE                                                                           \
	(COMMAND_RUN | COMMAND_TRACE | COMMAND_BENCH | COMMAND_SWEEP | COMMAND_BISECT |            \
		COMMAND_TUNE)
#define COMMANDS_MEASURE (COMMANDS_MACHINE | COMMAND_DOCTOR)
#define COMMANDS_ALL     (COMMANDS_MEASURE | COMMAND_REPORT | COMMAND_MERGE | COMMAND_COMPARE)

#define OPTIONS_MAX 80 /* rows of cli_option_specs */

struct options {
	struct vm_config machine;
	uint64_t machine_set; /* BENCH_SET_* */
	unsigned pins;        /* how many CPUs --pin named */
	bool pin_each;        /* --pin each; cli_options_check_host() finds the CPUs */
	const char *require;  /* doctor */
	const char *config, *json, *csv, *markdown, *events, *output, *format;
	bool per_vcpu, quiet, verbose, help;
	enum sandbox_wish sandbox;
	struct compare_settings compare;
	unsigned max_rounds; /* compare --live, --baseline; 0: not given */
	const char *by;      /* compare: an axis; NULL: not given */
	bool live;
	struct {
		const char *source, *interval, *load;
		uint64_t budget_ns;
		bool apply;
	} tune;
	const char *resume, *baseline;
	unsigned rounds;                        /* 0: as the sweep's file says */
	unsigned shard, shards;                 /* from 1; 0, 0: all */
	struct axis_list lists[AXIS_LISTS_MAX]; /* bench: machine options that were given lists */
	size_t n_lists;
	struct option_text *texts;   /* strings from the configuration file */
	unsigned machine_line;       /* its [machine]; 0: not yet */
	unsigned given[OPTIONS_MAX]; /* by index in cli_option_specs: the file's line; 0: none */
};

enum option_kind {
	OPTION_FLAG,     /* bool, no argument */
	OPTION_TEXT,     /* const char * */
	OPTION_UNSIGNED, /* unsigned */
	OPTION_INT,      /* int */
	OPTION_SIZE,     /* uint64_t, bytes; K, M or G */
	OPTION_NSEC,     /* uint64_t, nanoseconds; ns, us, ms or s */
	OPTION_AUTO,     /* int64_t, the same or the word auto */
	OPTION_SECONDS,  /* uint64_t nanoseconds; a bare number is seconds */
	OPTION_CUSTOM,   /* parse() */
};

struct option_spec {
	const char *name;     /* without the dashes */
	const char *arg;      /* as --help shows it; NULL for a flag */
	const char *fallback; /* the default, as one would type it; NULL where there is none */
	const char *help;
	enum option_kind kind;
	size_t offset; /* in struct options */
	uint64_t min, max;
	int (*parse)(struct options *options, const char *value); /* 0 or -EINVAL */
	uint64_t set;                                             /* BENCH_SET_* */
	unsigned commands;
	/* Why only the command line may give this value: a file may be anybody's. Returns NULL
	 * where a file may too; NULL: it always may. */
	const char *(*typed)(const char *value);
	/* An axis of experiments: what it is now, as rows have it. NULL: none of the machine's, or
	 * not for them. */
	struct value (*show)(const struct options *options, const struct option_spec *spec);
};

extern const struct option_spec cli_option_specs[]; /* ends with a NULL name */

void cli_options_init(struct options *options);
void cli_options_free(struct options *options);

/* One option by name; where is what messages begin with ("--vcpus 99", "vm.ini:3: vcpus = 99"). */
int cli_options_set(struct options *options, const struct option_spec *spec, const char *value,
	const char *where, struct diag *diag);
/* The same from a file: -EINVAL for a value that only the command line may give. */
int cli_options_set_from_file(struct options *options, const struct option_spec *spec,
	const char *value, const char *where, struct diag *diag);
/* The option of that name that the command takes, or NULL with the nearest name in diag. */
const struct option_spec *cli_options_find(enum command command, const char *name, size_t length,
	const char *where, struct diag *diag);

/* Reads the configuration file, if --config names one, then the command line, which wins. run,
 * trace: one KERNEL at most. bench: what is not a machine option stays in argv, in order, for the
 * experiment; report, sweep, merge: the names of files do. 0 or a negative errno. */
int cli_options_parse(
	struct options *options, enum command command, int *argc, char **argv, struct diag *diag);
/* What no single option shows. online: the kernel's list of online CPUs ("0-3,8"); host_mem: bytes.
 */
int cli_options_check(
	const struct options *options, const char *online, uint64_t host_mem, struct diag *diag);
/* cli_options_check() against this host, and cli_options_check_output(); finds the CPUs of --pin
 * each. */
int cli_options_check_host(struct options *options, struct diag *diag);
void cli_options_help(FILE *out, enum command command);

/* ---- machine_axes.c: the machine's options as axes (tickvm/experiment.h) ---- */

/* Before any experiment runs. */
void cli_machine_axes_register(void);
/* Keeps a list of values for an option that is an axis; false: it is none. */
bool cli_machine_axes_keep(
	struct options *options, const struct option_spec *spec, const char *value);
/* A row's show(): by the option's kind, or of words. */
struct value cli_show_amount(const struct options *options, const struct option_spec *spec);
struct value cli_show_irqchip(const struct options *options, const struct option_spec *spec);
struct value cli_show_pin(const struct options *options, const struct option_spec *spec);

/* ---- options_output.c: --json, --csv, --markdown, --events ---- */

/* The option whose file is standard output ("--json"); NULL: none. */
const char *cli_options_stdout(const struct options *options);
/* -EINVAL when there are two; cli_options_parse() asks. */
int cli_options_check_stdout(const struct options *options, struct diag *diag);
/* Could the files be written? What was measured must not be lost to a typo. */
int cli_options_check_output(const struct options *options, struct diag *diag);

/* machine_config.c: FILE.ini, `key = value` lines with the options' names as keys, bare or below
 * [machine]. */
int machine_config_read(
	struct options *options, enum command command, const char *path, struct diag *diag);
/* One line of it. */
int machine_config_line(struct options *options, enum command command, const struct ini_line *line,
	struct diag *diag);

/* A copy that lives as long as options. NULL: no memory. */
char *cli_options_keep(struct options *options, const char *text);

#endif
