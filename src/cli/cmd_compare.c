/* SPDX-License-Identifier: BSD-2-Clause */
/* tickvm compare: two results files, or two configurations run in turns; one page and a status.
 * It decides nothing itself. */
#include "cli.h"
#include "interrupts.h"
#include "supervise.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define WORDS_MAX 64

/* ---- files ---- */

static int compare_two_files(char **paths, const struct options *options,
	struct comparison **comparison, struct diag *diag)
{
	struct report_file files[2] = {{.root = NULL}, {.root = NULL}};
	int err = report_read(&files[0], paths[0], diag);

	if (err == 0)
		err = report_read(&files[1], paths[1], diag);
	if (err == 0)
		err = compare_files(comparison, &files[0], &files[1], &options->compare, diag);
	json_decref(files[0].root);
	json_decref(files[1].root);
	return err;
}

/* ---- live ---- */

/* A side: a line as one types it behind tickvm bench. */
struct side {
	struct options options;
	char *line;
	char *argv[WORDS_MAX + 2]; /* "bench", then the line's words */
	int argc;
};

static int split(struct side *side, const char *line, struct diag *diag)
{
	static char command[] = "bench";
	char *rest, *word;

	side->line = strdup(line);
	if (side->line == NULL)
		return diag_set(diag, -ENOMEM, "out of memory");
	side->argv[0] = command;
	side->argc = 1;
	for (word = strtok_r(side->line, " \t\n", &rest); word != NULL;
		word = strtok_r(NULL, " \t\n", &rest)) {
		if (side->argc > WORDS_MAX)
			return diag_set(diag, -EINVAL, "expected at most %d words", WORDS_MAX);
		side->argv[side->argc++] = word;
	}
	return 0;
}

static int read_side(struct side *side, const char *line, struct cell *cell, struct diag *diag)
{
	struct diag why = {""};

	*cell = (struct cell){.name = line};
	int err = split(side, line, &why);

	if (err == 0)
		err = cli_cell_read(&side->options, side->argc, side->argv, cell, &why);
	return err == 0 ? 0 : diag_set(diag, err, "--live '%.60s': %.400s", line, why.text);
}

static int compare_two_cells(char **lines, const struct options *options,
	struct comparison **comparison, struct diag *diag)
{
	struct side sides[2] = {{.line = NULL}, {.line = NULL}};
	struct cell cells[2];
	int err = 0;

	for (int i = 0; i < 2; i++)
		cli_options_init(&sides[i].options);
	for (int i = 0; i < 2 && err == 0; i++)
		err = read_side(&sides[i], lines[i], &cells[i], diag);
	if (err == 0) {
		supervise_disks(options, 2, lines);
		interrupts_catch(bench_interrupt);
		err = compare_live(
			comparison, cells, cell_run, options->max_rounds, &options->compare, diag);
	}
	for (int i = 0; i < 2; i++) {
		cli_options_free(&sides[i].options);
		free(sides[i].line);
	}
	return err;
}

/* ---- the command ---- */

static void help(void)
{
	printf("usage: tickvm compare OLD NEW [options]\n"
	       "       tickvm compare --by AXIS FILE [options]\n"
	       "       tickvm compare --live 'BENCH OPTIONS' 'BENCH OPTIONS' [options]\n\n"
	       "What got better or worse: a difference counts when an exact permutation test over "
	       "rounds finds it\nand it is above both floors. OLD and NEW: results files, as "
	       "--json "
	       "writes them.\n\noptions:\n");
	cli_options_help(stdout, COMMAND_COMPARE);
	printf("\nexit status: 0 no gated metric is worse; 1 one is, or with --strict one is "
	       "inconclusive or missing;\n2 usage, files that cannot be read or compared; 77 this "
	       "host cannot run it; 130 interrupted\n");
}

static int status_of(int err)
{
	switch (err) {
	case -EINTR:
		return STATUS_INTERRUPTED;
	case -ENOTSUP:
		return STATUS_UNFIT;
	case -EIO:
	case -ENOMEM:
		return STATUS_FAILED;
	default:
		return STATUS_USAGE;
	}
}

static int compare(
	struct options *options, char **sides, const char *command_line, struct diag *diag)
{
	struct bench_context context = {.machine = options->machine,
		.json = options->json,
		.csv = options->csv,
		.markdown = options->markdown,
		.command_line = command_line};
	struct comparison *comparison = NULL;

	options->compare.quiet = options->quiet;
	int err = options->live ? compare_two_cells(sides, options, &comparison, diag)
				: compare_two_files(sides, options, &comparison, diag);
	int status = status_of(err);

	if (err == -EINTR)
		complain("compare", "interrupted%s",
			comparison != NULL ? "; this was the last look"
					   : " before the first look at the rounds");
	else if (err < 0)
		complain("compare", "%s", diag->text);
	else
		status = comparison_status(comparison);
	if (comparison != NULL)
		status = comparison_publish(comparison, &context, status);
	comparison_destroy(comparison);
	return status;
}

static int check_words(const struct options *options, int words, struct diag *diag)
{
	if (options->by != NULL && options->live)
		return diag_set(diag, -EINVAL, "--by and --live exclude each other");
	if (options->by != NULL && words != 1)
		return diag_set(diag, -EINVAL, "expected one: tickvm compare --by AXIS FILE");
	if (options->by == NULL && words != 2)
		return diag_set(diag, -EINVAL,
			"expected two: tickvm compare OLD NEW, or --live and two configurations");
	return 0;
}

/* argv[0] is "compare"; the two sides are what is left. */
int cmd_compare(int argc, char **argv, const char *command_line)
{
	struct options options;
	struct diag diag = {""};
	int status = STATUS_USAGE;

	cli_options_init(&options);
	options.max_rounds = COMPARE_ROUNDS_DEFAULT;
	int err = cli_options_parse(&options, COMMAND_COMPARE, &argc, argv, &diag);

	if (err == 0 && !options.help)
		err = check_words(&options, argc - 1, &diag);
	if (err == 0 && options.live && options.sandbox == SANDBOX_ON)
		err = diag_set(&diag, -EINVAL,
			"--sandbox on: --live runs experiments; expected it of bench");
	if (err == 0 && !options.help)
		err = cli_options_check_output(&options, &diag);
	/* The host's facts are in its results. */
	if (err == 0 && !options.help && cli_sandboxed(&options, COMMAND_COMPARE))
		err = cli_sandbox_enter(&options, COMMAND_COMPARE,
			&(struct cli_confined){.files = argv + 1,
				.n = (size_t)argc - 1,
				.guests = true,
				.facts = true},
			&diag);
	if (err < 0) {
		complain("compare", "%s", diag.text);
	} else if (options.help) {
		help();
		status = STATUS_OK;
	} else if (options.by != NULL) {
		status = cli_compare_by(&options, argv[1], command_line);
	} else {
		status = compare(&options, argv + 1, command_line, &diag);
	}
	cli_options_free(&options);
	return status;
}
