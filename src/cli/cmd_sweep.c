/* SPDX-License-Identifier: BSD-2-Clause */
/* tickvm sweep: the command line.
 * It runs no cell and reads no sweep's file. */
#include "cli.h"
#include "interrupts.h"
#include "supervise.h"
#include "sweep_machines.h"

#include <errno.h>

static void help(void)
{
	printf("usage: tickvm sweep [FILE.ini] [options]\n\nMachines x experiments x parameters, "
	       "as "
	       "FILE.ini says (without it sweeps/quick.ini), in rounds\nthat alternate forwards "
	       "and "
	       "backwards. Machine options given here win over the file.\n\noptions:\n");
	cli_options_help(stdout, COMMAND_SWEEP);
	printf("\nexit status: 0 good; 1 a cell failed, or a gated metric is worse than in "
	       "--baseline; 2 usage;\n77 this host can run no cell; 130 interrupted, with what was "
	       "measured until then (--resume goes on)\n");
}

static int run(const struct options *options, struct sweep_machines *machines, const char *file,
	const char *command_line)
{
	const struct sweep_request request = {.file = file,
		.json = options->json != NULL ? options->json : options->resume,
		.resume = options->resume,
		.rounds = options->rounds,
		.shard = options->shard,
		.shards = options->shards,
		.baseline = options->baseline,
		.max_rounds = options->max_rounds,
		.compare = options->compare,
		.csv = options->csv,
		.markdown = options->markdown,
		.quiet = options->quiet,
		.verbose = options->verbose,
		.command_line = command_line,
		.machine = options->machine,
		.maker = sweep_machines_maker(machines)};
	supervise(); /* any cell may have a disk */
	interrupts_catch(bench_interrupt);
	return sweep(&request);
}

/* argv[0] is "sweep". The file's name is the word that is left. */
int cmd_sweep(int argc, char **argv, const char *command_line)
{
	struct sweep_machines machines;
	struct options options;
	struct diag diag = {""};
	int status = STATUS_USAGE;
	cli_options_init(&options);
	int err = sweep_machines_begin(&machines, COMMAND_SWEEP, argc, argv, &diag);
	if (err == 0)
		err = cli_options_parse(&options, COMMAND_SWEEP, &argc, argv, &diag);
	if (err == 0 && !options.help && argc > 2)
		err = diag_set(
			&diag, -EINVAL, "%s: there is one FILE already: %s", argv[2], argv[1]);
	if (err == 0 && options.compare.gate != NULL && options.baseline == NULL)
		err = diag_set(&diag, -EINVAL, "--gate %s: expected --baseline FILE with it",
			options.compare.gate);
	if (err == 0 && !options.help)
		err = cli_options_check_host(&options, &diag);
	if (err < 0) {
		complain("sweep", "%s", diag.text);
	} else if (options.help) {
		help();
		status = STATUS_OK;
	} else {
		status = run(&options, &machines, argc > 1 ? argv[1] : NULL, command_line);
	}
	sweep_machines_end(&machines);
	cli_options_free(&options);
	return status;
}
