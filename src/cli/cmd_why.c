/* SPDX-License-Identifier: BSD-2-Clause */
/* tickvm why: the machine's options, as bench takes them; the rest is the experiment's.
 * It explains nothing itself. */
#include "cli.h"
#include "interrupts.h"
#include "supervise.h"

#include "tickvm/why.h"

static void help(void)
{
	printf("usage: tickvm why [options]\n       tickvm why FILE [--worst N]\n\n"
	       "Runs one timer configuration, records what the host does to tickvm's threads, and "
	       "says why the\nlatest events were late. FILE: results of such a run (--json FILE); "
	       "-: standard input.\n\noptions:\n%s\nmachine options:\n",
		why_help);
	cli_options_help(stdout, COMMAND_BENCH);
	printf("\nexit status: 0 good; 1 failed; 2 usage; 77 this host cannot run it; 130 "
	       "interrupted\n");
}

static int run(const struct options *options, int argc, char **argv, const char *command_line)
{
	if (options->machine_set & BENCH_SET_PIN_BOTH) {
		complain("why", "--pin both: why takes each, none or CPUs");
		return STATUS_USAGE;
	}
	if (options->sandbox == SANDBOX_ON) {
		complain("why", "--sandbox on: why watches the whole host; expected it of bench");
		return STATUS_USAGE;
	}
	supervise_disks(options, argc, argv);
	interrupts_catch(bench_interrupt);
	struct bench_context context = cli_bench_context(options, command_line);
	return why_run(&context, argc, argv);
}

int cmd_why(int argc, char **argv, const char *command_line)
{
	struct options options;
	struct diag diag = {""};
	int status = STATUS_USAGE;
	cli_options_init(&options);
	int err = cli_options_parse(&options, COMMAND_BENCH, &argc, argv, &diag);
	if (err == 0 && !options.help)
		err = cli_options_check_host(&options, &diag);
	if (err < 0) {
		complain("why", "%s", diag.text);
	} else if (options.help) {
		help();
		status = STATUS_OK;
	} else {
		status = run(&options, argc, argv, command_line);
	}
	cli_options_free(&options);
	return status;
}
