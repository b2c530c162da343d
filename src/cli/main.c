/* SPDX-License-Identifier: BSD-2-Clause */
/* tickvm: finds the subcommand, and sees to it that what was printed has arrived.
 * It knows no option but --help and --version. */
#include "cli.h"
#include "supervise.h"

#include "tickvm/amount.h"
#include "tickvm/output.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct {
	const char *name, *usage, *summary;
	int (*run)(int argc, char **argv, const char *command_line);
	int failed; /* status when standard output cannot be written; help's is STATUS_FAILED */
} commands[] = {
	{"run", "[options] [KERNEL]", "launch a guest on this terminal", cmd_run, STATUS_FAILED},
	{"trace", "[options] [KERNEL]", "the same, then a table of its exits", cmd_trace,
		STATUS_FAILED},
	{"bench", "NAME [options]", "one experiment (tickvm bench list)", cmd_bench, STATUS_FAILED},
	{"report", "FILE... [-o FILE]", "results as text, Markdown, CSV, or a page of HTML",
		cmd_report, STATUS_FAILED},
	{"sweep", "[FILE.ini] [options]", "a matrix of experiments, in rounds", cmd_sweep,
		STATUS_FAILED},
	{"merge", "FILE... -o FILE", "results of a sweep's shards or rounds as one file", cmd_merge,
		STATUS_FAILED},
	{"compare", "OLD NEW [options]", "what got better or worse between two results",
		cmd_compare, STATUS_FAILED},
	{"bisect-run", "--baseline FILE SWEEP.ini", "for git bisect run: good, bad or cannot tell",
		cmd_bisect, STATUS_ERROR},
	{"why", "[options] | FILE", "why the latest timer events of a run were late", cmd_why,
		STATUS_FAILED},
	{"tune", "[options]", "options for punctual timers at the least CPU time", cmd_tune,
		STATUS_FAILED},
	{"config", "check FILE...", "are these machine descriptions good", cmd_config,
		STATUS_FAILED},
	{"doctor", "[options]", "is this host fit to measure on, and what to change", cmd_doctor,
		STATUS_FAILED},
};
#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void usage(FILE *out)
{
	fprintf(out, "usage: tickvm COMMAND ...\n\n");
	for (size_t i = 0; i < COMMANDS; i++)
		fprintf(out, "  tickvm %-10s %-25s %s\n", commands[i].name, commands[i].usage,
			commands[i].summary);
	fprintf(out, "\ntickvm COMMAND --help shows its options; tickvm --version the version.\n"
		     "KERNEL: an ELF file with a PVH note or a Multiboot header; without it the "
		     "built-in payload runs.\n");
}

static int unknown(const char *name)
{
	const char *names[COMMANDS + 1] = {NULL};
	for (size_t i = 0; i < COMMANDS; i++)
		names[i] = commands[i].name;
	const char *near = nearest_word(name, strlen(name), names);
	struct diag diag;
	int status =
		diag_set(&diag, STATUS_USAGE, "%s: no such command%s%s%s; tickvm --help lists them",
			name, near != NULL ? ", did you mean " : "", near != NULL ? near : "",
			near != NULL ? "?" : "");
	fprintf(stderr, "tickvm: %s\n", diag.text);
	return status;
}

/* Without this, /dev/kvm could become standard output. One that is closed stays one that cannot be
 * written. */
static bool have_standard_files(void)
{
	static const int modes[] = {
		[STDIN_FILENO] = O_RDWR, [STDOUT_FILENO] = O_RDONLY, [STDERR_FILENO] = O_RDWR};

	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", modes[fd]) != fd)
			return false;
	return true;
}

static char *join(int argc, char **argv)
{
	size_t size = 1;
	for (int i = 0; i < argc; i++)
		size += strlen(argv[i]) + 1;
	char *line = malloc(size), *end = line;
	for (int i = 0; i < argc && line != NULL; i++)
		end += sprintf(end, "%s%s", i > 0 ? " " : "", argv[i]);
	return line;
}

static int run_command(size_t command, int argc, char **argv)
{
	char *command_line = join(argc, argv);
	int status =
		commands[command].run(argc - 1, argv + 1, command_line != NULL ? command_line : "");
	free(command_line);
	return status;
}

static bool asks_for_help(int argc, char **argv)
{
	for (int i = 2; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
			return true;
	return false;
}

/* Output is lost silently by nobody who checks the status. */
static int after_output(int status, int failed)
{
	bool lost = fflush(stdout) != 0 || ferror(stdout);

	if (lost && !output_stdout_is_lost())
		fprintf(stderr, "tickvm: cannot write standard output\n");
	return lost || output_stdout_is_lost() ? failed : status;
}

int main(int argc, char **argv)
{
	if (!have_standard_files())
		return STATUS_ERROR;
	signal(SIGXFSZ, SIG_IGN); /* a write beyond the limit fails, and is reported */
	if (argc < 2) {
		usage(stderr);
		return STATUS_USAGE;
	}
	cli_machine_axes_register();
	for (size_t i = 0; i < COMMANDS; i++)
		if (strcmp(argv[1], commands[i].name) == 0)
			return supervise_end(after_output(run_command(i, argc, argv),
				asks_for_help(argc, argv) ? STATUS_FAILED : commands[i].failed));
	if (strcmp(argv[1], "--version") == 0)
		puts("tickvm " TICKVM_VERSION);
	else if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
		usage(stdout);
	else
		return unknown(argv[1]);
	return after_output(STATUS_OK, STATUS_FAILED);
}
