/* SPDX-License-Identifier: BSD-2-Clause */
/* tickvm run: a guest on this terminal, its status as ours.
 * Everything it does trace does too; only the table is missing. */
#include "cli.h"

int cmd_run(int argc, char **argv, const char *command_line)
{
	struct options options;
	struct launch launch = {.command_line = command_line};
	if (cli_launch_begin(&launch, COMMAND_RUN, &options, argc, argv))
		cli_launch_end(&launch, &options);
	return launch.status;
}
