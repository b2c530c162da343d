/* SPDX-License-Identifier: BSD-2-Clause */
/* What the subcommands share: how a guest is launched, how results are printed and saved.
 * Nothing here measures anything. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include "options.h"

#include "tickvm/facts_json.h"
#include "tickvm/page.h"

/* Exit statuses. run and trace pass on the guest's own (0 to STATUS_GUEST_MAX) and use the 12x ones
 * for theirs, as timeout(1) and env(1) do; the other commands use the small ones. */
enum status {
	STATUS_OK = 0,
	STATUS_FAILED = 1,
	STATUS_USAGE = 2,
	STATUS_UNFIT = 77, /* this host cannot run it */
	STATUS_GUEST_MAX = 123,
	STATUS_TIMEOUT = 124,
	STATUS_ERROR = 125, /* tickvm or the host failed */
	STATUS_CRASH = 126, /* the guest did */
	STATUS_INTERRUPTED = 130,
};

/* argv[0] is the subcommand's name, command_line the whole line for the record. They return an exit
 * status. */
int cmd_run(int argc, char **argv, const char *command_line);
int cmd_trace(int argc, char **argv, const char *command_line);
int cmd_bench(int argc, char **argv, const char *command_line);
int cmd_config(int argc, char **argv, const char *command_line);
int cmd_doctor(int argc, char **argv, const char *command_line);
int cmd_compare(int argc, char **argv, const char *command_line);
int cmd_why(int argc, char **argv, const char *command_line);
int cmd_report(int argc, char **argv, const char *command_line);
int cmd_sweep(int argc, char **argv, const char *command_line);
int cmd_merge(int argc, char **argv, const char *command_line);
int cmd_tune(int argc, char **argv, const char *command_line);
int cmd_bisect(int argc, char **argv, const char *command_line);

/* complain.c: "tickvm COMMAND: text" on standard error; the text is cleaned (tickvm/text.h). */
__attribute__((format(printf, 2, 3))) void complain(const char *command, const char *format, ...);

/* cmd_bench.c: what an experiment is told of the options. */
struct bench_context cli_bench_context(const struct options *options, const char *command_line);

/* cell_words.c: the experiment and its options in argv[1] and on, machine options among them, which
 * add to those of options. cell has its name; its texts are those of argv and options. 0 or a
 * negative errno with diag set. */
int cli_cell_read(
	struct options *options, int argc, char **argv, struct cell *cell, struct diag *diag);

/* cmd_compare_by.c: the rows of one file along an axis. Returns an exit status. */
int cli_compare_by(const struct options *options, const char *path, const char *command_line);

/* ---- sandbox.c ---- */

/* Whether the command confines itself: as --sandbox says, or where it reads what is not ours. */
bool cli_sandboxed(const struct options *options, enum command command);

/* What a command needs beside the files that its options name. */
struct cli_confined {
	char **files; /* which it reads */
	size_t n;
	bool guests, facts, forks; /* as in struct sandbox_plan */
	unsigned vcpus;            /* the same */
	const char *scratch;       /* the folder for scratch files; NULL: none */
};
/* 0 or a negative errno with diag set. */
int cli_sandbox_enter(const struct options *options, enum command command,
	const struct cli_confined *what, struct diag *diag);

/* ---- launch.c ---- */

/* A guest that has run: its end and, unless vm is NULL, the monitor to ask about it. */
struct launch {
	const char *command, *command_line;
	struct vm *vm;
	struct vm_outcome outcome;
	int status;
};

/* Options, checks, the run itself and what is to be said about its end. False: there is nothing
 * more to do but to return launch->status (help was printed, or an error). With it true,
 * cli_launch_end() comes last. */
bool cli_launch_begin(struct launch *launch, enum command command, struct options *options,
	int argc, char **argv);
void cli_launch_end(struct launch *launch, struct options *options);
/* The status that run and trace end with. */
int cli_launch_status(const struct vm_outcome *outcome);

/* ---- print_trace.c ---- */

/* The tables of exits and of KVM's counters. NULL: no memory. */
struct page *trace_page(struct vm *vm, unsigned vcpus, bool per_vcpu);

/* ---- trace_json.c: schema tickvm-trace/1, docs/trace.md ---- */

json_t *trace_json(const struct launch *launch, const struct options *options);

#endif
