/* SPDX-License-Identifier: BSD-2-Clause */
/* tickvm tune: the command line of the search for machine options.
 * It searches nothing, and writes no host setting, itself. */
#include "cli.h"
#include "interrupts.h"
#include "supervise.h"

#include "tickvm/tune.h"

static void help(void)
{
	printf("usage: tickvm tune [options]\n\n"
	       "Searches machine options for the least p99.9 timer lateness at the least host CPU "
	       "time, and shows\nthe Pareto front, the options and the host settings to use. "
	       "Machine options given here (other than\ntheir defaults) are kept, the rest of "
	       "halt-poll, timer-spin, timer-advance, pin, timer-cpu,\ntimer-priority, "
	       "vcpu-priority and quiet-window is searched.\nNothing on the host changes without "
	       "--apply.\n\noptions:\n");
	cli_options_help(stdout, COMMAND_TUNE);
	printf("\nexit status: 0 good; 1 failed; 2 usage; 77 this host cannot run it; 130 "
	       "interrupted, with what was\nfound until then\n");
}

static int run(const struct options *options, const char *command_line)
{
	const struct tune_request request = {.source = options->tune.source,
		.interval = options->tune.interval,
		.load = options->tune.load,
		.budget_ns = options->tune.budget_ns,
		.apply = options->tune.apply,
		.ini = options->output,
		.context = {.machine = options->machine,
			.machine_set = options->machine_set,
			.json = options->json,
			.csv = options->csv,
			.markdown = options->markdown,
			.quiet = options->quiet,
			.verbose = options->verbose,
			.command_line = command_line}};

	supervise_disks(options, 0, NULL);
	interrupts_catch(bench_interrupt);
	return tune(&request);
}

int cmd_tune(int argc, char **argv, const char *command_line)
{
	struct options options;
	struct diag diag = {""};
	int status = STATUS_USAGE;

	cli_options_init(&options);
	options.tune.source = "dedicated";
	options.tune.interval = "100us";
	options.tune.load = "idle";
	options.tune.budget_ns = TUNE_BUDGET_NS;
	int err = cli_options_parse(&options, COMMAND_TUNE, &argc, argv, &diag);

	if (err == 0 && !options.help)
		err = cli_options_check_host(&options, &diag);
	if (err < 0) {
		complain("tune", "%s", diag.text);
	} else if (options.help) {
		help();
		status = STATUS_OK;
	} else {
		status = run(&options, command_line);
	}
	cli_options_free(&options);
	return status;
}
