/* SPDX-License-Identifier: BSD-2-Clause */
/* tickvm bench: finds the experiment by name and hands over the machine options and what is left of
 * the line. It knows no experiment and prints no result. */
#include "cli.h"
#include "interrupts.h"
#include "supervise.h"
#include "tickvm/amount.h"
#include "tickvm/experiment.h"

#include <stdlib.h>
#include <string.h>

struct bench_context cli_bench_context(const struct options *options, const char *command_line)
{
	return (struct bench_context){.machine = options->machine,
		.machine_set = options->machine_set,
		.json = options->json,
		.csv = options->csv,
		.markdown = options->markdown,
		.lists = options->lists,
		.n_lists = options->n_lists,
		.quiet = options->quiet,
		.verbose = options->verbose,
		.command_line = command_line};
}

static void list(FILE *out)
{
	for (const struct bench *const *b = benches; *b != NULL; b++)
		fprintf(out, "  %-12s %s\n", (*b)->name, (*b)->summary);
}

static int show_list(int argc, char **argv, const struct options *options)
{
	if (argc > 2 && !options->help) {
		complain("bench", "%s: list takes nothing more", argv[2]);
		return STATUS_USAGE;
	}
	list(stdout);
	return STATUS_OK;
}

static void help(const struct bench *bench)
{
	printf("usage: tickvm bench %s [options]\n\n", bench != NULL ? bench->name : "NAME");
	if (bench == NULL) {
		printf("experiments (tickvm bench list):\n");
		list(stdout);
	} else {
		printf("%s\n\noptions:\n", bench->summary);
		if (bench->experiment != NULL)
			drive_help(bench->experiment, stdout);
		else
			fputs(bench->help, stdout);
	}
	printf("\nmachine options:\n");
	cli_options_help(stdout, COMMAND_BENCH);
	printf("\nexit status: 0 good; 1 failed; 2 usage; 77 this host cannot run it; 130 "
	       "interrupted, with what was\nmeasured until then\n");
}

static const struct bench *find(const char *name)
{
	const char *names[64];
	size_t n = 0;
	for (const struct bench *const *b = benches; *b != NULL; b++) {
		if (strcmp((*b)->name, name) == 0)
			return *b;
		if (n + 1 < sizeof(names) / sizeof(names[0]))
			names[n++] = (*b)->name;
	}
	names[n] = NULL;
	const char *near = nearest_word(name, strlen(name), names);
	complain("bench", "%s: no such experiment%s%s%s; tickvm bench list shows them", name,
		near != NULL ? ", did you mean " : "", near != NULL ? near : "",
		near != NULL ? "?" : "");
	return NULL;
}

/* Where the experiment makes files that it removes again; NULL: it makes none. */
static const char *scratch_folder(const struct bench *bench, int argc, char **argv)
{
	const char *folder = getenv("TMPDIR");
	for (int i = 1; i < argc; i++)
		if (strncmp(argv[i], "--dir=", 6) == 0)
			folder = argv[i] + 6;
		else if (strcmp(argv[i], "--dir") == 0 && i + 1 < argc)
			folder = argv[i + 1];
	if (!bench->makes_files)
		return NULL;
	return folder != NULL && folder[0] != '\0' ? folder : "/tmp";
}

static int enter_sandbox(const struct bench *bench, const struct options *options, int argc,
	char **argv, struct diag *diag)
{
	const struct cli_confined what = {.guests = true,
		.facts = true,
		.forks = bench->forks,
		.scratch = scratch_folder(bench, argc, argv)};
	return cli_sandbox_enter(options, COMMAND_BENCH, &what, diag);
}

static int run(const struct bench *bench, const struct options *options, int argc, char **argv,
	const char *command_line)
{
	if (options->machine_set & BENCH_SET_PIN_BOTH && !bench->takes_pin_both) {
		complain("bench", "--pin both: %s takes each, none or CPUs", bench->name);
		return STATUS_USAGE;
	}
	if (options->machine_set & (BENCH_SET_QUIET_ON | BENCH_SET_QUIET_OFF) &&
		!bench->takes_quiet_list) {
		complain("bench", "--quiet-window: %s takes a time in ns", bench->name);
		return STATUS_USAGE;
	}
	if (options->n_lists > 0 && bench->experiment == NULL) {
		complain("bench", "--%s %s: %s takes one value", options->lists[0].axis,
			options->lists[0].values, bench->name);
		return STATUS_USAGE;
	}
	supervise_disks(options, argc, argv);
	struct bench_context context = cli_bench_context(options, command_line);
	struct diag diag;
	context.sandbox = cli_sandboxed(options, COMMAND_BENCH);
	if (context.sandbox && !bench->starts_itself &&
		enter_sandbox(bench, options, argc, argv, &diag) < 0) {
		complain("bench", "%s", diag.text);
		return STATUS_FAILED;
	}
	interrupts_catch(bench_interrupt);
	return bench->run(&context, argc, argv);
}

/* argv[0] is "bench". The experiment's name is the first word that is left. */
int cmd_bench(int argc, char **argv, const char *command_line)
{
	struct options options;
	struct diag diag = {""};
	int status = STATUS_USAGE;
	cli_options_init(&options);
	int err = cli_options_parse(&options, COMMAND_BENCH, &argc, argv, &diag);
	const char *name = argc > 1 && argv[1][0] != '-' ? argv[1] : NULL;
	if (err == 0 && !options.help)
		err = cli_options_check_host(&options, &diag);
	if (err < 0) {
		complain("bench", "%s", diag.text);
	} else if (name != NULL && strcmp(name, "list") == 0) {
		status = show_list(argc, argv, &options);
	} else if (name == NULL) {
		if (options.help)
			help(NULL);
		else
			complain("bench", "which experiment? tickvm bench list shows them");
		status = options.help ? STATUS_OK : STATUS_USAGE;
	} else {
		const struct bench *bench = find(name);
		if (bench != NULL && options.help) {
			help(bench);
			status = STATUS_OK;
		} else if (bench != NULL) {
			status = run(bench, &options, argc - 1, argv + 1, command_line);
		}
	}
	cli_options_free(&options);
	return status;
}
