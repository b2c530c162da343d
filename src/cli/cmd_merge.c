/* SPDX-License-Identifier: BSD-2-Clause */
/* tickvm merge: results files of one sweep in, one out.
 * What belongs together is src/bench/sweep/merge.c's business. */
#include "cli.h"
#include "tickvm/output.h"
#include "tickvm/sweep.h"

#include <errno.h>

static void help(void)
{
	printf("usage: tickvm merge FILE... -o FILE\n\nResults of tickvm sweep as one file: shards "
	       "of a sweep (--shard), and rounds of the same cells\nthat one host measured at "
	       "different times. What does not belong together is refused.\n\noptions:\n");
	cli_options_help(stdout, COMMAND_MERGE);
	printf("\nexit status: 0 good; 1 a file cannot be read or written, or does not belong; 2 "
	       "usage\n");
}

static int merge(char **paths, size_t n, const char *output, struct diag *diag)
{
	json_t *merged = NULL;
	int err = output_check(output, diag);
	if (err == 0)
		err = sweep_merge((const char *const *)paths, n, &merged, diag);
	return err < 0 ? err : json_write(merged, JSON_COMPACT, output, diag);
}

/* argv[0] is "merge"; the files are what is left. */
int cmd_merge(int argc, char **argv, const char *command_line)
{
	(void)command_line;
	struct options options;
	struct diag diag = {""};
	int status = STATUS_OK;
	cli_options_init(&options);
	int err = cli_options_parse(&options, COMMAND_MERGE, &argc, argv, &diag);
	if (err == 0 && !options.help && (argc < 2 || options.output == NULL))
		err = diag_set(
			&diag, -EINVAL, "expected FILE... -o FILE, files that tickvm sweep wrote");
	if (err < 0) {
		status = STATUS_USAGE;
	} else if (options.help) {
		help();
	} else {
		if (cli_sandboxed(&options, COMMAND_MERGE))
			err = cli_sandbox_enter(&options, COMMAND_MERGE,
				&(struct cli_confined){.files = argv + 1, .n = (size_t)argc - 1},
				&diag);
		if (err == 0)
			err = merge(argv + 1, (size_t)argc - 1, options.output, &diag);
		status = err < 0 ? STATUS_FAILED : STATUS_OK;
	}
	if (err < 0)
		complain("merge", "%s", diag.text);
	cli_options_free(&options);
	return status;
}
