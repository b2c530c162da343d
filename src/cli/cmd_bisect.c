/* SPDX-License-Identifier: BSD-2-Clause */
/* tickvm bisect-run: measures, compares with a baseline, and says good, bad or cannot tell as git
 * bisect run wants to hear it. Any other status would stop the search or blame a commit for a typo.
 * It neither builds nor checks out anything. */
#include "cli.h"
#include "interrupts.h"
#include "supervise.h"
#include "sweep_machines.h"

#include <errno.h>
#include <string.h>

enum bisect_status { GOOD = STATUS_OK, BAD = STATUS_FAILED, CANNOT_TELL = STATUS_ERROR };

static int cannot_tell(const char *why)
{
	complain("bisect-run", "cannot tell: %s", why);
	return CANNOT_TELL;
}

/* comparison: as comparison_json() makes it. */
static int judge(const json_t *comparison)
{
	unsigned gated = 0, worse = 0, open = 0;
	const char *first = "";
	size_t i;
	json_t *metric;

	json_array_foreach(json_object_get(comparison, "metrics"), i, metric)
	{
		const char *outcome = json_string_value(json_object_get(metric, "outcome"));

		if (outcome == NULL || !json_is_true(json_object_get(metric, "gated")))
			continue;
		gated++;
		open += strcmp(outcome, "inconclusive") == 0;
		if (strcmp(outcome, "worse") == 0 && worse++ == 0)
			first = json_string_value(json_object_get(metric, "name"));
	}
	if (worse > 0) {
		complain("bisect-run", "bad: %u of %u gated metrics worse, the first %s", worse,
			gated, first);
		return BAD;
	}
	if (gated == 0)
		return cannot_tell("no metric is gated");
	if (open > 0)
		return cannot_tell("gated metrics are inconclusive with all rounds that may be run "
				   "(--max-rounds); "
				   "gate what you look for, or measure the baseline with more");
	if (json_array_size(json_object_get(comparison, "not_guarded")) > 0)
		return cannot_tell("metrics that are to be gated are missing");
	complain("bisect-run", "good: none of %u gated metrics worse", gated);
	return GOOD;
}

/* ---- a sweep ---- */

static int run_sweep(const struct options *options, struct sweep_machines *machines,
	const char *file, const char *command_line)
{
	json_t *document = NULL;
	const struct sweep_request request = {.file = file,
		.json = options->json,
		.rounds = options->rounds,
		.baseline = options->baseline,
		.max_rounds = options->max_rounds,
		.compare = options->compare,
		.collect = &document,
		.csv = options->csv,
		.markdown = options->markdown,
		.quiet = options->quiet,
		.verbose = options->verbose,
		.command_line = command_line,
		.machine = options->machine,
		.maker = sweep_machines_maker(machines)};
	int status = sweep(&request);
	/* There is none when a cell failed, or nothing was measured. */
	const json_t *comparison = json_object_get(document, "comparison");
	int verdict = status == STATUS_INTERRUPTED ? cannot_tell("interrupted")
		      : comparison == NULL         ? cannot_tell("the sweep failed")
						   : judge(comparison);

	json_decref(document);
	return verdict;
}

/* ---- one experiment ---- */

/* Compared with itself a baseline shows what is wrong with it, or with a rule, before anything is
 * run. */
static int check_baseline(
	const struct options *options, struct report_file *baseline, struct diag *diag)
{
	struct comparison *comparison = NULL;
	int err = report_read(baseline, options->baseline, diag);

	if (err == 0)
		err = compare_files(&comparison, baseline, baseline, &options->compare, diag);
	comparison_destroy(comparison);
	return err;
}

static int judge_comparison(const struct options *options, const struct comparison *comparison,
	const char *command_line)
{
	const struct bench_context context = {.machine = options->machine,
		.json = options->json,
		.csv = options->csv,
		.markdown = options->markdown,
		.command_line = command_line};
	json_t *json = comparison_json(comparison);
	int verdict = comparison_publish(comparison, &context, STATUS_OK) == STATUS_OK
			      ? judge(json)
			      : cannot_tell("the comparison could not be written");

	json_decref(json);
	return verdict;
}

/* argv[0] is what stands before the experiment's name. */
static int run_bench(const struct options *options, int argc, char **argv, const char *command_line)
{
	struct options line = *options;
	struct report_file baseline = {.root = NULL};
	struct cell cell = {.name = "this one"};
	struct comparison *comparison = NULL;
	struct compare_settings settings = options->compare;
	struct diag diag = {""};

	settings.quiet = options->quiet;
	line.json = line.csv = line.markdown = line.config = NULL;
	line.texts = NULL;
	int err = cli_cell_read(&line, argc, argv, &cell, &diag);

	if (err == 0)
		err = check_baseline(options, &baseline, &diag);
	if (err == 0)
		err = compare_cell(&comparison, &baseline, &cell,
			options->max_rounds > 0 ? options->max_rounds : COMPARE_CELL_DEFAULT,
			&settings, &diag);
	int verdict = err < 0 ? cannot_tell(diag.text)
			      : judge_comparison(options, comparison, command_line);

	comparison_destroy(comparison);
	json_decref(baseline.root);
	cli_options_free(&line);
	return verdict;
}

/* ---- the command ---- */

static void help(void)
{
	printf("usage: git bisect run tickvm bisect-run --baseline FILE [SWEEP.ini] [options]\n"
	       "       git bisect run tickvm bisect-run --baseline FILE [options] -- BENCH "
	       "[OPTIONS]\n\n"
	       "Runs the sweep, or the experiment as one types it behind tickvm bench, and "
	       "compares it with FILE:\nresults of the same on a good commit, on this host. "
	       "docs/ci.md has an example.\n\noptions:\n");
	cli_options_help(stdout, COMMAND_BISECT);
	printf("\nexit status: 0 good, no gated metric is worse; 1 bad, one is; 125 cannot tell:\n"
	       "inconclusive, not measured, another host, wrong usage (git bisect then tries "
	       "another "
	       "commit)\n");
}

/* words: how many there are before "--". */
static int check(struct options *options, int words, char **argv, bool bench, struct diag *diag)
{
	if (options->baseline == NULL)
		return diag_set(
			diag, -EINVAL, "expected --baseline FILE: results of a good commit");
	if (bench && words > 1)
		return diag_set(diag, -EINVAL, "%s: expected a sweep's file or -- BENCH, not both",
			argv[1]);
	if (words > 2)
		return diag_set(
			diag, -EINVAL, "%s: there is one FILE already: %s", argv[2], argv[1]);
	if (bench && options->rounds != 0)
		return diag_set(diag, -EINVAL,
			"--rounds: an experiment has --runs, to stand behind its name");
	return cli_options_check_host(options, diag);
}

static int dashes_at(int argc, char **argv)
{
	int i = 1;

	while (i < argc && strcmp(argv[i], "--") != 0)
		i++;
	return i;
}

/* argv[0] is "bisect-run". */
int cmd_bisect(int argc, char **argv, const char *command_line)
{
	struct sweep_machines machines;
	struct options options;
	struct diag diag = {""};
	int dashes = dashes_at(argc, argv), words = dashes, verdict = GOOD;
	bool bench = dashes < argc;

	cli_options_init(&options);
	int err = sweep_machines_begin(&machines, COMMAND_BISECT, dashes, argv, &diag);

	if (err == 0)
		err = cli_options_parse(&options, COMMAND_BISECT, &words, argv, &diag);
	if (err == 0 && !options.help)
		err = check(&options, words, argv, bench, &diag);
	if (err == 0 && !options.help)
		supervise(); /* any cell may have a disk */
	interrupts_catch(bench_interrupt);
	if (err < 0)
		verdict = cannot_tell(diag.text);
	else if (options.help)
		help();
	else if (bench)
		verdict = run_bench(&options, argc - dashes, argv + dashes, command_line);
	else
		verdict = run_sweep(&options, &machines, words > 1 ? argv[1] : NULL, command_line);
	sweep_machines_end(&machines);
	cli_options_free(&options);
	return verdict;
}
